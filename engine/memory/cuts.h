/*
 * Marks in the order of acceptance: a scratch file replaces what a series had up to one, so no
 * chunk holds rows from both sides of it while the file is open.
 */
#ifndef ENGINE_MEMORY_CUTS_H
#define ENGINE_MEMORY_CUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

/* Everything stored so far is at or before it. Let it go when the file is closed. */
uint64_t engine_cut(struct engine *engine, uint32_t group_id);
void engine_cut_release(struct engine *engine, uint32_t group_id, uint64_t cut);

/* --- of one group, under its lock ------------------------------------------- */

struct cuts {
	uint64_t *items; /* ascending */
	size_t count, capacity;
};
/* free() the array. */
uint64_t *cuts_copy(const struct cuts *cuts, size_t *count);
/* Is there one before a sequence? */
bool cuts_before(const struct cuts *cuts, uint64_t sequence);

#endif
