/*
 * Gives batches of rows to the feed in a thread of their own. Why: a write that is copied by
 * continuous queries may use both cores.
 */
#include "engine/write/feeding.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/memory/state.h"

struct feeding {
	struct engine *engine;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* protected by lock; the batch is the thread's while there is one */
	bool has_batch, stopping;
	struct stored stored;
	struct row_batch batch;
};

void row_batch_release(struct row_batch *batch)
{
	free(batch->rows);
	free(batch->layouts);
	arena_release(&batch->arena);
	*batch = (struct row_batch){ 0 };
}

static void *work(void *arg)
{
	struct feeding *feeding = arg;

	gate_follow(); /* the writer is within the gate, and waits for what is fed */
	pthread_mutex_lock(&feeding->lock);
	for (;;) {
		while (!feeding->has_batch && !feeding->stopping)
			pthread_cond_wait(&feeding->changed, &feeding->lock);
		if (!feeding->has_batch)
			break;
		pthread_mutex_unlock(&feeding->lock);
		feeding->engine->feed.each(feeding->engine->feed.arg, &feeding->stored);
		pthread_mutex_lock(&feeding->lock);
		feeding->has_batch = false;
		pthread_cond_broadcast(&feeding->changed);
	}
	pthread_mutex_unlock(&feeding->lock);
	return NULL;
}

struct feeding *feeding_open(struct engine *engine)
{
	struct feeding *feeding = calloc(1, sizeof(*feeding));
	sigset_t all, before;
	int failed;

	if (!feeding)
		log_out_of_memory(sizeof(*feeding));
	feeding->engine = engine;
	pthread_mutex_init(&feeding->lock, NULL);
	pthread_cond_init(&feeding->changed, NULL);
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&feeding->thread, NULL, work, feeding);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		return feeding;
	pthread_cond_destroy(&feeding->changed);
	pthread_mutex_destroy(&feeding->lock);
	free(feeding);
	return NULL;
}

static void wait_locked(struct feeding *feeding)
{
	while (feeding->has_batch)
		pthread_cond_wait(&feeding->changed, &feeding->lock);
}

void feeding_give(struct feeding *feeding, const struct stored *stored, struct row_batch *batch)
{
	struct row_batch empty;

	pthread_mutex_lock(&feeding->lock);
	wait_locked(feeding);
	empty = feeding->batch;
	empty.row_count = empty.layout_count = 0;
	arena_reset(&empty.arena);
	feeding->batch = *batch;
	feeding->stored = *stored;
	*batch = empty;
	feeding->has_batch = true;
	pthread_cond_broadcast(&feeding->changed);
	pthread_mutex_unlock(&feeding->lock);
}

void feeding_wait(struct feeding *feeding)
{
	pthread_mutex_lock(&feeding->lock);
	wait_locked(feeding);
	pthread_mutex_unlock(&feeding->lock);
}

void feeding_close(struct feeding *feeding)
{
	if (!feeding)
		return;
	pthread_mutex_lock(&feeding->lock);
	feeding->stopping = true;
	pthread_cond_broadcast(&feeding->changed);
	pthread_mutex_unlock(&feeding->lock);
	pthread_join(feeding->thread, NULL);
	row_batch_release(&feeding->batch);
	pthread_cond_destroy(&feeding->changed);
	pthread_mutex_destroy(&feeding->lock);
	free(feeding);
}
