/* Deletes directories, one after the other. Why a thread: unlinking a gigabyte may take seconds. */
#include "engine/directory/trash.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/array.h"
#include "engine/base/crash.h"
#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/base/lock.h"
#include "engine/base/log.h"

void trash_init(struct trash *trash)
{
	pthread_mutex_init(&trash->lock, NULL);
	condition_init(&trash->filled);
	condition_init(&trash->emptied);
}

void trash_release(struct trash *trash)
{
	for (size_t i = 0; i < trash->count; i++)
		free(trash->paths[i]);
	free(trash->paths);
	pthread_mutex_destroy(&trash->lock);
	pthread_cond_destroy(&trash->filled);
	pthread_cond_destroy(&trash->emptied);
}

/* --- the thread ------------------------------------------------------------------ */

static void delete_one(char *path)
{
	crash_at(CRASH_TRASH_FOUND);
	int err = env_remove_tree(path);
	crash_at(CRASH_TRASH_DELETED);
	if (err < 0)
		log_warning("%s could not be deleted: %s", path, err_text(err));
	free(path);
}

static void *cleaner(void *arg)
{
	struct trash *trash = arg;

	pthread_mutex_lock(&trash->lock);
	while (!trash->is_stopping || trash->count) {
		if (trash->count == 0) {
			pthread_cond_wait(&trash->filled, &trash->lock);
			continue;
		}
		char *path = trash->paths[--trash->count];
		trash->is_deleting = true;
		pthread_mutex_unlock(&trash->lock);
		delete_one(path);
		pthread_mutex_lock(&trash->lock);
		trash->is_deleting = false;
		pthread_cond_broadcast(&trash->emptied);
	}
	pthread_mutex_unlock(&trash->lock);
	return NULL;
}

int trash_start(struct trash *trash)
{
	if (pthread_create(&trash->thread, NULL, cleaner, trash))
		return ERR_MEMORY;
	pthread_mutex_lock(&trash->lock);
	trash->is_started = true;
	pthread_mutex_unlock(&trash->lock);
	return OK;
}

void trash_stop(struct trash *trash)
{
	pthread_mutex_lock(&trash->lock);
	bool was_started = trash->is_started;
	trash->is_stopping = true;
	trash->is_started = false;
	pthread_cond_broadcast(&trash->filled);
	pthread_cond_broadcast(&trash->emptied);
	pthread_mutex_unlock(&trash->lock);
	if (was_started)
		pthread_join(trash->thread, NULL);
}

void trash_wait(struct trash *trash, unsigned seconds_max)
{
	struct timespec deadline = condition_deadline(seconds_max);

	pthread_mutex_lock(&trash->lock);
	while (trash->is_started && (trash->count || trash->is_deleting) &&
	       condition_wait(&trash->emptied, &trash->lock, &deadline))
		;
	pthread_mutex_unlock(&trash->lock);
}

/* --- what goes into it ------------------------------------------------------------- */

void trash_put(struct trash *trash, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		log_out_of_memory(strlen(path));
	pthread_mutex_lock(&trash->lock);
	grow(&trash->paths, trash->count, &trash->capacity);
	trash->paths[trash->count++] = copy;
	pthread_cond_broadcast(&trash->filled);
	pthread_mutex_unlock(&trash->lock);
}

int trash_move(struct trash *trash, const char *from, const char *to)
{
	int err = env_rename(from, to);

	if (err < 0 && err != ERR_LAYER)
		return err;
	trash_put(trash, err == OK ? to : from);
	return OK;
}

/* --- later ------------------------------------------------------------------------- */

struct later {
	struct trash *trash;
	char path[];
};

void *trash_later(struct trash *trash, const char *path)
{
	size_t bytes = strlen(path) + 1;
	struct later *later = malloc(sizeof(*later) + bytes);

	if (!later)
		log_out_of_memory(bytes);
	later->trash = trash;
	memcpy(later->path, path, bytes);
	return later;
}

void trash_now(void *arg)
{
	struct later *later = arg;

	trash_put(later->trash, later->path);
	free(later);
}
