/* Why: a thread made for each query would cost as much as many a query. */
#include "query/base/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "engine/base/memory.h"

#define CREW_MAX 16

static struct {
	pthread_mutex_t asking; /* held while somebody's work is done */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t threads[CREW_MAX];
	unsigned wanted, started; /* threads beside the one who asks */
	bool is_sized, stopping;
	/* protected by lock, but for `next` */
	uint64_t number; /* of this work; a thread takes part once */
	struct work {
		void (*work)(void *arg, size_t item); /* NULL: none */
		void *arg;
		size_t count;
		struct memory_meter *meter; /* of who asks: their memory is counted there, too */
	} work;
	atomic_size_t next;
	unsigned busy; /* threads that may still hold an item */
} crew = { .asking = PTHREAD_MUTEX_INITIALIZER,
	   .lock = PTHREAD_MUTEX_INITIALIZER,
	   .changed = PTHREAD_COND_INITIALIZER };

static void take_items(struct work work)
{
	size_t item;

	while ((item = atomic_fetch_add_explicit(&crew.next, 1, memory_order_relaxed)) < work.count)
		work.work(work.arg, item);
}

static void *member(void *unused)
{
	uint64_t seen = 0;

	pthread_mutex_lock(&crew.lock);
	for (;;) {
		while (!crew.stopping && (crew.number == seen || !crew.work.work))
			pthread_cond_wait(&crew.changed, &crew.lock);
		if (crew.stopping)
			break;
		seen = crew.number;
		crew.busy++;
		struct work work = crew.work;
		pthread_mutex_unlock(&crew.lock);
		memory_enter(work.meter);
		take_items(work);
		memory_leave(NULL);
		pthread_mutex_lock(&crew.lock);
		if (--crew.busy == 0)
			pthread_cond_broadcast(&crew.changed);
	}
	pthread_mutex_unlock(&crew.lock);
	return NULL;
}

/* At the first work, so that a process that asks nothing has no threads of it. */
static void start_threads(void)
{
	sigset_t all, before;

	if (!crew.is_sized)
		crew_set_size(0);
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (crew.started < crew.wanted &&
	       pthread_create(&crew.threads[crew.started], NULL, member, NULL) == 0)
		pthread_setname_np(crew.threads[crew.started++], "crew");
	crew.wanted = crew.started;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void crew_set_size(unsigned size)
{
	long cores = size ? (long)size : sysconf(_SC_NPROCESSORS_ONLN);

	crew.wanted = cores > CREW_MAX ? CREW_MAX - 1 : cores > 1 ? (unsigned)cores - 1 : 0;
	crew.is_sized = true;
}

void crew_stop(void)
{
	pthread_mutex_lock(&crew.lock);
	crew.stopping = true;
	pthread_cond_broadcast(&crew.changed);
	pthread_mutex_unlock(&crew.lock);
	for (unsigned i = 0; i < crew.started; i++)
		pthread_join(crew.threads[i], NULL);
	crew.started = 0;
	crew.stopping = false;
}

bool crew_run(size_t count, void (*work)(void *arg, size_t item), void *arg)
{
	if (pthread_mutex_trylock(&crew.asking) != 0)
		return false;
	if (crew.started < crew.wanted || !crew.is_sized)
		start_threads();
	if (crew.started == 0) {
		pthread_mutex_unlock(&crew.asking);
		return false;
	}
	pthread_mutex_lock(&crew.lock);
	crew.work = (struct work){ work, arg, count, memory_here() };
	atomic_store(&crew.next, 0);
	crew.number++;
	pthread_cond_broadcast(&crew.changed);
	pthread_mutex_unlock(&crew.lock);
	take_items((struct work){ work, arg, count, NULL });
	pthread_mutex_lock(&crew.lock);
	crew.work = (struct work){ 0 }; /* who wakes late finds nothing */
	while (crew.busy)
		pthread_cond_wait(&crew.changed, &crew.lock);
	pthread_mutex_unlock(&crew.lock);
	pthread_mutex_unlock(&crew.asking);
	return true;
}
