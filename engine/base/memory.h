/*
 * Memory that is counted, and a reserve for the moment when there is none.
 *
 * The linker sends every malloc, calloc, realloc and free of this project here (--wrap, Makefile);
 * LevelDB, libfuse and PCRE2 have theirs. A thread that works for a request enters its meter, and
 * what it takes and gives back from then on is counted there, whatever calls:
 *
 *	query ─► memory_enter(&meter) ─► arenas, cursors, decoded chunks, keys, … ─► memory_leave
 *	           crew's threads ─► the same meter         all meters ─► their parent
 *
 * A limit refuses nothing that was asked of malloc: loops ask memory_state() and end, so that what
 * was begun is ended in order. A thread counts in steps of MEMORY_STEP_BYTES, so that accounting
 * costs an addition where memory comes from malloc, and nothing where it comes from an arena.
 *
 * When the system has no more, what is asked for comes out of a reserve that was set aside at the
 * start, and the meter knows: its request ends with ERR_MEMORY at its next look. New requests are
 * refused while the reserve is half used, or the block that is kept for LevelDB is gone. Without a
 * reserve, or when it is used up, malloc is NULL.
 */
#ifndef ENGINE_BASE_MEMORY_H
#define ENGINE_BASE_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_STEP_BYTES ((int64_t)64 << 10)

struct memory_meter {
	struct memory_meter *parent; /* counts what this one counts; or NULL */
	_Atomic uint64_t bytes_max;  /* 0 = no limit; each query tells its parent again */
	_Atomic int64_t bytes, peak; /* without what threads have not settled yet */
	atomic_bool is_over;	     /* it went over its limit: for good */
	atomic_bool is_over_all;     /* its parent was over when it wanted more: for good */
	atomic_bool is_short;	     /* something of it came out of the reserve: for good */
};

/* This thread works for `meter` (NULL: for nobody) from now on; gives the one before. */
struct memory_meter *memory_enter(struct memory_meter *meter);
static inline void memory_leave(struct memory_meter *before)
{
	memory_enter(before);
}
/* Of this thread; NULL: it works for nobody. */
struct memory_meter *memory_here(void);
/*
 * OK, ERR_LIMIT (over a limit) or ERR_MEMORY (the system has no more) of what this thread works
 * for. Cheap: for loops.
 */
int memory_state(void);
/* Would so many bytes more stay within the limits? False is final, as if they had been taken. */
bool memory_fits(size_t bytes);

/* What this thread's meter has counted, and how much it may at this moment; UINT64_MAX: any. */
uint64_t memory_taken(void);
uint64_t memory_limit(void);
/*
 * What was over its limit was given back: try again another way. Once: a caller that is over all
 * the same is told by the next look.
 */
void memory_retry(void);

/*
 * Has the system so much? For what is asked for in one piece, before something that cannot fail
 * asks for it; false is ERR_MEMORY at the next look. Little is there.
 */
bool memory_is_there(size_t bytes);

/* Set so much aside, once. Below 0: there is not even that. */
int memory_reserve(size_t bytes);
/*
 * For what has a malloc of its own and ends the process when that fails (LevelDB): a block that was
 * kept for it is given back to the system, and this thread may ask again. True, at once or after a
 * while in which others may have ended; false after some seconds without.
 */
bool memory_make_room(void);
/* Is more than half of the reserve used? A caller that is about to begin something leaves it. */
bool memory_is_scarce(void);
size_t memory_reserve_used(void);
/*
 * Pages that nobody uses go back to the system, once queries that are over took enough to be worth
 * it: it takes a millisecond or more. Tell of each how much it took.
 */
void memory_trim_later(size_t bytes);
void memory_trim_if_due(void);

#endif
