/*
 * Runs jobs by a few threads: one lock, one queue, one condition. Jobs take milliseconds, so a
 * queue for each thread would gain nothing.
 */
#include "fs/nodes/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define POOL_THREADS_MAX 16

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job *first, **last; /* protected by lock */
	size_t waiting;		   /* protected by lock */
	bool stopping;		   /* protected by lock */
	pthread_t threads[POOL_THREADS_MAX];
	size_t thread_count;
};

static struct job *take(struct pool *pool)
{
	struct job *job;

	while (!pool->first && !pool->stopping)
		pthread_cond_wait(&pool->work, &pool->lock);
	job = pool->first;
	if (!job)
		return NULL;
	pool->first = job->next;
	if (!pool->first)
		pool->last = &pool->first;
	pool->waiting--;
	return job;
}

static void *work(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	for (struct job *job; (job = take(pool));) {
		pthread_mutex_unlock(&pool->lock);
		job->run(job);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct pool *pool_start(const char *name, size_t threads)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	sigset_t all, before;

	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->last = &pool->first;
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->thread_count < threads && pool->thread_count < POOL_THREADS_MAX) {
		pthread_t *thread = &pool->threads[pool->thread_count];

		if (pthread_create(thread, NULL, work, pool) != 0)
			break;
		pthread_setname_np(*thread, name);
		pool->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pool->thread_count == 0) {
		free(pool);
		return NULL;
	}
	return pool;
}

void pool_submit(struct pool *pool, struct job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&pool->lock);
	*pool->last = job;
	pool->last = &job->next;
	pool->waiting++;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

bool pool_take_back(struct pool *pool, struct job *job)
{
	bool found = false;

	pthread_mutex_lock(&pool->lock);
	for (struct job **link = &pool->first; *link; link = &(*link)->next) {
		if (*link != job)
			continue;
		*link = job->next;
		if (!*link)
			pool->last = link;
		pool->waiting--;
		found = true;
		break;
	}
	pthread_mutex_unlock(&pool->lock);
	return found;
}

size_t pool_waiting(struct pool *pool)
{
	size_t waiting;

	pthread_mutex_lock(&pool->lock);
	waiting = pool->waiting;
	pthread_mutex_unlock(&pool->lock);
	return waiting;
}

void pool_stop(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
