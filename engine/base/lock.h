/* Locks that are made in a way of their own. */
#ifndef ENGINE_BASE_LOCK_H
#define ENGINE_BASE_LOCK_H

#include <pthread.h>

/* Readers that keep coming do not keep a writer out for ever, as glibc's default lets them. */
static inline void lock_init_fair(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

#endif
