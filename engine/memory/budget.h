/*
 * What memtables may hold. The flusher waits here for work, and writers for room.
 *
 *	0 ── writers go on ── half: a flush begins ── writers go on ── bytes_max: writers wait
 */
#ifndef ENGINE_MEMORY_BUDGET_H
#define ENGINE_MEMORY_BUDGET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	uint64_t bytes_max;
	_Atomic uint64_t bytes; /* of active and sealed memtables, as of each group's last write */
	_Atomic uint64_t bytes_peak;
	_Atomic int flush_error; /* of the last flush */

	pthread_mutex_t lock;
	pthread_cond_t work, room; /* the flusher's, the writers' */
	bool is_wanted;		   /* protected by lock: a maker of room asks for a flush */
	bool is_open; /* protected by lock: there is a flusher, so that waiting helps */
};

void budget_init(struct budget *budget, uint64_t bytes_max);
void budget_release(struct budget *budget);
void budget_take(struct budget *budget, size_t bytes);
void budget_give(struct budget *budget, size_t bytes);

/* Waits while memory is over it. ERR_SPACE, ERR_IO, …: why flushing fails. */
int budget_wait(struct budget *budget);
/* A flush has ended: writers look again. */
void budget_flushed(struct budget *budget, int err);
void budget_want_flush(struct budget *budget);

/* --- the flusher's ------------------------------------------------------------ */

/* From opening to closing there is a flusher. Closing ends all waiting. */
void budget_open(struct budget *budget);
void budget_close(struct budget *budget);
/* True: a flush is due. False: it is closed. */
bool budget_wait_for_work(struct budget *budget);
/* After a flush that failed: for so long, or until a writer waits for room. */
void budget_rest(struct budget *budget, unsigned seconds);

#endif
