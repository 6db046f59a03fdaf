/* Why: an operator who sees a machine at work wants to know at what, and to end it. */
#include "query/statement/running.h"

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/env.h"
#include "engine/base/err.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct running *first; /* protected by lock; oldest first */
static uint64_t last_id;      /* protected by lock */

void running_begin(struct running *running)
{
	struct running **end = &first;

	running->start_ns = env_monotonic_ns();
	running->next = NULL;
	pthread_mutex_lock(&lock);
	running->id = ++last_id;
	while (*end)
		end = &(*end)->next;
	*end = running;
	pthread_mutex_unlock(&lock);
}

void running_end(struct running *running)
{
	pthread_mutex_lock(&lock);
	for (struct running **at = &first; *at; at = &(*at)->next)
		if (*at == running) {
			*at = running->next;
			break;
		}
	pthread_mutex_unlock(&lock);
}

static int copy_names(struct arena *arena, struct running *running)
{
	struct slice *named = arena_alloc(arena, (running->named_count + 1) * sizeof(*named));

	if (!named)
		return ERR_LIMIT;
	for (size_t i = 0; i < running->named_count; i++)
		named[i] = arena_copy(arena, running->named[i]);
	running->named = named;
	return OK;
}

static int copy_one(struct arena *arena, const struct running *running, struct running_copy **out)
{
	struct running_copy *copy = arena_alloc(arena, sizeof(*copy));

	if (!copy)
		return ERR_LIMIT;
	*copy = (struct running_copy){ .running = *running };
	copy->running.text = arena_copy(arena, running->text);
	copy->running.database = arena_copy(arena, running->database);
	copy->is_killed = running->cancelled &&
			  atomic_load_explicit(running->cancelled, memory_order_relaxed);
	*out = copy;
	return copy_names(arena, &copy->running);
}

int running_copy_all(struct arena *arena, struct running_copy **out)
{
	int err = OK;

	*out = NULL;
	pthread_mutex_lock(&lock);
	for (const struct running *r = first; r && err >= 0; r = r->next) {
		err = copy_one(arena, r, out);
		if (err >= 0)
			out = &(*out)->next;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

/* -1: there is no database of that name; else whether the caller may. */
static int may_use(struct task *task, struct slice name, bool write)
{
	struct object database;

	if (name.length == 0 ||
	    catalog_find(task_catalog(task), OBJECT_ROOT_ID, name, &database) < 0)
		return -1;
	return task_may(task, database.id, 0, write);
}

static bool is_own(struct task *task, const struct running_copy *copy)
{
	return copy->running.uid == task->env->access.attrs.uid || task_sees_all(task);
}

bool running_is_shown(struct task *task, const struct running_copy *copy)
{
	int may = may_use(task, copy->running.database, false);
	bool any = may > 0;

	if (is_own(task, copy))
		return true;
	for (size_t i = 0; may != 0 && i < copy->running.named_count; i++) {
		may = may_use(task, copy->running.named[i], false);
		any |= may > 0;
	}
	return may != 0 && any;
}

bool running_may_be_killed(struct task *task, const struct running_copy *copy)
{
	return is_own(task, copy) ||
	       (running_is_shown(task, copy) && may_use(task, copy->running.database, true) > 0);
}

bool running_kill(uint64_t id)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (struct running *r = first; r && !found; r = r->next)
		if (r->id == id && r->cancelled) {
			atomic_store_explicit(r->cancelled, true, memory_order_relaxed);
			r->is_killed = true;
			found = true;
		}
	pthread_mutex_unlock(&lock);
	return found;
}
