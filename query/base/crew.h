/*
 * The other cores: threads that wait to take items of one query's work, beside the thread that
 * asks.
 *
 * There is one crew for all queries. It works for one at a time, and who finds it busy works alone:
 * cores that others keep busy would help nobody.
 */
#ifndef QUERY_CREW_H
#define QUERY_CREW_H

#include <stdbool.h>
#include <stddef.h>

/* So many at work at most, with the one who asks; 0 = as there are cores, 1 = no crew. */
void crew_set_size(unsigned size);
/* Ends the threads; nobody may be asking. */
void crew_stop(void);
/*
 * Call work(arg, item) for each item below `count`, in any order, from several threads; returns
 * when all are done. False, and nothing is done: it is busy, or there is none.
 */
bool crew_run(size_t count, void (*work)(void *arg, size_t item), void *arg);

#endif
