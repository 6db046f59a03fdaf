/*
 * The gate: between gate_enter() and gate_leave() lies what an instant (upkeep/freeze.h) has all of
 * or nothing of. I10: what one call of a writer stores lies on one side of it.
 */
#ifndef ENGINE_MEMORY_GATE_H
#define ENGINE_MEMORY_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned inside; /* protected by lock */
	bool is_closed;	 /* protected by lock */
};

void gate_init(struct gate *gate);
void gate_release(struct gate *gate);
/*
 * Not to be entered with a lock held; within, nobody waits for a flush. A thread that is inside may
 * enter again.
 */
void gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);
/* Whenever this thread works, the writer that it works for is inside. */
void gate_follow(void);
bool gate_is_inside(void);
/* Returns when no thread is inside; writers wait in gate_enter() until it is opened. */
void gate_close(struct gate *gate);
void gate_open(struct gate *gate);

#endif
