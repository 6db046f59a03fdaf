/* Why: an operator who sees a machine at work wants to know at what, and to end it. */
#include "query/running.h"

#include <pthread.h>

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

int running_list(int (*each)(void *arg, const struct running *running), void *arg)
{
	int err = OK;

	pthread_mutex_lock(&lock);
	for (const struct running *r = first; r && err >= 0; r = r->next)
		err = each(arg, r);
	pthread_mutex_unlock(&lock);
	return err;
}

bool running_kill(uint64_t id)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (struct running *r = first; r && !found; r = r->next)
		if (r->id == id && r->cancelled) {
			__atomic_store_n(r->cancelled, true, __ATOMIC_RELAXED);
			r->is_killed = true;
			found = true;
		}
	pthread_mutex_unlock(&lock);
	return found;
}
