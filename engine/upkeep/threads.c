/*
 * Runs the flusher, the committer and the rewriter.
 *
 * Why each has something of its own to wait for: a signal that any of them may take is one that the
 * wrong one takes, and a writer that waits for the flusher then waits a second more.
 */
#include "engine/upkeep/threads.h"

#include "engine/base/lock.h"
#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/upkeep/cold.h"
#include "engine/upkeep/flush.h"

#define RETRY_SECONDS 5

void threads_init(struct engine *engine)
{
	pthread_mutex_init(&engine->threads.lock, NULL);
	condition_init(&engine->threads.woken);
}

void threads_release(struct engine *engine)
{
	pthread_mutex_destroy(&engine->threads.lock);
	pthread_cond_destroy(&engine->threads.woken);
}

/* False: the engine stops. */
static bool rest(struct threads *threads, unsigned seconds)
{
	struct timespec deadline = condition_deadline(seconds);

	pthread_mutex_lock(&threads->lock);
	while (!threads->is_stopping && condition_wait(&threads->woken, &threads->lock, &deadline))
		;
	bool goes_on = !threads->is_stopping;
	pthread_mutex_unlock(&threads->lock);
	return goes_on;
}

static void *flusher(void *arg)
{
	struct engine *engine = arg;

	while (budget_wait_for_work(&engine->budget))
		if (engine_flush(engine) < 0)
			budget_rest(&engine->budget, RETRY_SECONDS);
	return NULL;
}

static void mark_log(struct engine *engine, uint64_t sequence, uint64_t *marked)
{
	if (sequence != *marked)
		flush_mark_log(engine, sequence);
	*marked = sequence;
}

static void *committer(void *arg)
{
	struct engine *engine = arg;
	uint64_t marked = 0;
	bool goes_on;

	do {
		goes_on = rest(&engine->threads, engine->options.commit_seconds);
		uint64_t sequence = wal_sequence(engine->wal);
		int err = engine_sync(engine);
		if (err == OK)
			mark_log(engine, sequence, &marked);
		else
			log_error("the log could not be synced: %s", err_text(err));
	} while (goes_on);
	return NULL;
}

static void *rewriter(void *arg)
{
	struct engine *engine = arg;

	while (rest(&engine->threads, engine->options.cold_period_seconds))
		if (engine->options.cold_seconds)
			cold_look_around(engine);
	return NULL;
}

static void *(*const works[THREAD_COUNT])(void *engine) = { rewriter, flusher, committer };

int threads_start(struct engine *engine)
{
	struct threads *threads = &engine->threads;

	if (engine->options.read_only || threads->started)
		return OK;
	TRY(trash_start(&engine->trash));
	budget_open(&engine->budget);
	for (; threads->started < THREAD_COUNT; threads->started++)
		if (pthread_create(&threads->ids[threads->started], NULL, works[threads->started],
				   engine))
			return ERR_MEMORY; /* those that run are stopped with the engine */
	return OK;
}

void threads_stop(struct engine *engine)
{
	struct threads *threads = &engine->threads;

	pthread_mutex_lock(&threads->lock);
	threads->is_stopping = true;
	pthread_cond_broadcast(&threads->woken);
	pthread_mutex_unlock(&threads->lock);
	budget_close(&engine->budget);
	cold_stop(engine);
	for (unsigned i = 0; i < threads->started; i++)
		pthread_join(threads->ids[i], NULL);
	threads->started = 0;
	trash_stop(&engine->trash);
}
