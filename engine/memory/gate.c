/*
 * Lets writers in, and holds them off for an instant. Why not a rwlock: a thread that is inside may
 * enter again, and would wait for itself behind a writer of the lock.
 */
#include "engine/memory/gate.h"

#include <assert.h>

#include "engine/base/crash.h"

/* What continuous queries make of a write is written within that write. */
static _Thread_local unsigned depth;

void gate_init(struct gate *gate)
{
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

void gate_release(struct gate *gate)
{
	pthread_mutex_destroy(&gate->lock);
	pthread_cond_destroy(&gate->changed);
}

void gate_enter(struct gate *gate)
{
	if (depth++ > 0)
		return;
	pthread_mutex_lock(&gate->lock);
	while (gate->is_closed)
		pthread_cond_wait(&gate->changed, &gate->lock);
	gate->inside++;
	pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate *gate)
{
	assert(depth > 0); /* I10: every leaving has its entering */
	if (--depth > 0)
		return;
	pthread_mutex_lock(&gate->lock);
	assert(gate->inside > 0);
	if (--gate->inside == 0 && gate->is_closed)
		pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void gate_follow(void)
{
	depth++;
}

bool gate_is_inside(void)
{
	return depth > 0;
}

void gate_close(struct gate *gate)
{
	assert(depth == 0); /* it would wait for itself */
	pthread_mutex_lock(&gate->lock);
	gate->is_closed = true;
	pthread_mutex_unlock(&gate->lock);
	crash_at(CRASH_GATE_CLOSING);
	pthread_mutex_lock(&gate->lock);
	while (gate->inside > 0)
		pthread_cond_wait(&gate->changed, &gate->lock);
	assert(gate->inside == 0); /* I10: no call of a writer is half done */
	pthread_mutex_unlock(&gate->lock);
	crash_at(CRASH_GATE_CLOSED);
}

void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_closed = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
	crash_at(CRASH_GATE_OPENED);
}
