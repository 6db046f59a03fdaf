/*
 * Times of arrival, and the text `clock`, which keeps them and the last sequence over a trim of the
 * log. trusted.h has the clock that retention goes by.
 */
#ifndef ENGINE_MEMORY_ARRIVALS_H
#define ENGINE_MEMORY_ARRIVALS_H

#include <stdatomic.h>

#include "engine/base/err.h"
#include "engine/memory/trusted.h"
#include "engine/point/row.h"

struct engine;

/* Atomics, but for what is set before there are threads, and where it says so. */
struct arrivals {
	_Atomic int64_t arrival_ns;	 /* the last that was given */
	_Atomic int64_t known_offset_ns; /* of a clock that went on from what is stored */
	uint64_t flushed_sequence;	 /* protected by flusher.lock; what `clock` tells */
	struct trusted trusted;
};

/* Of the wall clock, beside what is stored: by years, not by less. */
enum clock_state { CLOCK_FINE, CLOCK_AHEAD, CLOCK_BEHIND };
/* `*expected_ns`: what it would show that went on from there. */
enum clock_state engine_clock(struct engine *engine, int64_t *expected_ns);
const char *clock_state_name(enum clock_state state);
/*
 * A time of arrival: now, but later than any given out before, over restarts too. While the clock
 * is ahead, what it would be.
 */
int64_t engine_arrival_ns(struct engine *engine);

/* Once the last arrival is known. Tells the log of the operator when the clock is in doubt. */
void arrivals_open(struct engine *engine);
/* No arrival at or before it is given any more. */
void arrivals_note(struct arrivals *arrivals, int64_t arrival_ns);
/* For a line without a time. ERR_INVALID: the clock is years ahead of what is stored. */
int arrivals_of_line(struct engine *engine, int64_t *arrival_ns, struct diag *diag);
/* Times of rows that were written, and not made of others: what retention goes by. */
void arrivals_note_times(struct engine *engine, const struct memtable_row *rows, size_t count);
/* A person says that the wall clock is right: arrivals that were ahead of it are taken back. */
void arrivals_trust(struct arrivals *arrivals);

/* At the start: the last arrival, and the last sequence that is known beside the log. */
int arrivals_read(struct engine *engine, uint64_t *sequence);
/*
 * Before a shard gets a generation, and before the log is trimmed (I12): the last arrival and
 * sequence survive without it, and so does how much of the names is durable.
 */
int arrivals_write(struct engine *engine);
/* The same where the log stays: it is missed if it goes, since the sequence is the last flush's. */
int arrivals_write_beside_log(struct engine *engine);

#endif
