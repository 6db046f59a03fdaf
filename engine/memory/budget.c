/*
 * Counts what memtables hold, and has writers wait when it is too much. Why a flush begins at half
 * of it: the other half takes what comes while it runs.
 */
#include "engine/memory/budget.h"

#include "engine/base/counters.h"
#include "engine/base/err.h"
#include "engine/base/lock.h"

void budget_init(struct budget *budget, uint64_t bytes_max)
{
	*budget = (struct budget){ .bytes_max = bytes_max };
	pthread_mutex_init(&budget->lock, NULL);
	condition_init(&budget->work);
	condition_init(&budget->room);
}

void budget_release(struct budget *budget)
{
	pthread_mutex_destroy(&budget->lock);
	pthread_cond_destroy(&budget->work);
	pthread_cond_destroy(&budget->room);
}

void budget_take(struct budget *budget, size_t bytes)
{
	uint64_t now = atomic_fetch_add(&budget->bytes, bytes) + bytes;
	uint64_t peak = atomic_load(&budget->bytes_peak);

	while (now > peak && !atomic_compare_exchange_weak(&budget->bytes_peak, &peak, now))
		;
}

void budget_give(struct budget *budget, size_t bytes)
{
	atomic_fetch_sub(&budget->bytes, bytes);
}

static bool is_half_full(struct budget *budget)
{
	return atomic_load(&budget->bytes) > budget->bytes_max / 2;
}

static bool is_full(struct budget *budget)
{
	return atomic_load(&budget->bytes) > budget->bytes_max;
}

int budget_wait(struct budget *budget)
{
	int err = OK;

	if (!is_half_full(budget))
		return OK;
	pthread_mutex_lock(&budget->lock);
	pthread_cond_signal(&budget->work);
	counter_add(COUNTER_WRITER_WAITS, is_full(budget));
	while (err == OK && budget->is_open && is_full(budget)) {
		struct timespec deadline = condition_deadline(1);

		err = atomic_load(&budget->flush_error);
		if (err == OK)
			condition_wait(&budget->room, &budget->lock, &deadline);
	}
	pthread_mutex_unlock(&budget->lock);
	return err;
}

void budget_flushed(struct budget *budget, int err)
{
	atomic_store(&budget->flush_error, err);
	pthread_mutex_lock(&budget->lock);
	pthread_cond_broadcast(&budget->room);
	pthread_mutex_unlock(&budget->lock);
}

void budget_want_flush(struct budget *budget)
{
	pthread_mutex_lock(&budget->lock);
	budget->is_wanted = true;
	pthread_cond_signal(&budget->work);
	pthread_mutex_unlock(&budget->lock);
}

/* --- the flusher's -------------------------------------------------------------- */

void budget_open(struct budget *budget)
{
	pthread_mutex_lock(&budget->lock);
	budget->is_open = true;
	pthread_mutex_unlock(&budget->lock);
}

void budget_close(struct budget *budget)
{
	pthread_mutex_lock(&budget->lock);
	budget->is_open = false;
	pthread_cond_broadcast(&budget->work);
	pthread_cond_broadcast(&budget->room);
	pthread_mutex_unlock(&budget->lock);
}

bool budget_wait_for_work(struct budget *budget)
{
	pthread_mutex_lock(&budget->lock);
	while (budget->is_open && !budget->is_wanted && !is_half_full(budget)) {
		struct timespec deadline = condition_deadline(1);

		condition_wait(&budget->work, &budget->lock, &deadline);
	}
	budget->is_wanted = false;
	bool is_open = budget->is_open;
	pthread_mutex_unlock(&budget->lock);
	return is_open;
}

void budget_rest(struct budget *budget, unsigned seconds)
{
	struct timespec deadline = condition_deadline(seconds);

	pthread_mutex_lock(&budget->lock);
	if (budget->is_open)
		condition_wait(&budget->work, &budget->lock, &deadline);
	pthread_mutex_unlock(&budget->lock);
}
