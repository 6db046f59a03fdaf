/* Locks and conditions that are made in a way of their own. */
#ifndef ENGINE_BASE_LOCK_H
#define ENGINE_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* Readers that keep coming do not keep a writer out for ever, as glibc's default lets them. */
static inline void lock_init_fair(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

/* Its waits end by the monotonic clock: a wall clock that is set does not stretch them. */
static inline void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static inline struct timespec condition_deadline(unsigned seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	return until;
}

/* False: the deadline has passed. True: it was woken, perhaps for nothing. */
static inline bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
				  const struct timespec *deadline)
{
	return pthread_cond_timedwait(condition, lock, deadline) == 0;
}

#endif
