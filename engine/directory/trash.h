/*
 * What nobody reads any more, deleted by a thread of its own: a dropped group of thousands of files
 * costs a drop one rename.
 *
 *	renamed into trash/ ─► put ─► deleted
 *
 * What a crash leaves in trash/ the next start puts here again.
 */
#ifndef ENGINE_DIRECTORY_TRASH_H
#define ENGINE_DIRECTORY_TRASH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct trash {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	char **paths; /* protected by lock; directories to delete */
	size_t count, capacity;
	bool is_deleting; /* protected by lock; a directory that is not in `paths` any more */
	bool is_started, is_stopping; /* protected by lock */
	pthread_t thread;
};

void trash_init(struct trash *trash);
void trash_release(struct trash *trash);
/* ERR_MEMORY: no thread could be had. */
int trash_start(struct trash *trash);
/* What is in it is deleted first. */
void trash_stop(struct trash *trash);

/* Copies. */
void trash_put(struct trash *trash, const char *path);
/* Rename into trash/, and put it; what keeps its name (ERR_LAYER) is deleted where it is. */
int trash_move(struct trash *trash, const char *from, const char *to);
/* Until it is empty, for so long at most; at once where no thread empties it. */
void trash_wait(struct trash *trash, unsigned seconds_max);

/* A call of trash_put() for later: trash_now(trash_later(…)), once no reader is left. */
void *trash_later(struct trash *trash, const char *path);
void trash_now(void *later);

#endif
