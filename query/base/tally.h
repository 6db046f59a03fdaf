/*
 * How often each key occurs: many values of few kinds in the memory of the kinds, so that a
 * percentile of ten million integers is exact and small.
 */
#ifndef QUERY_TALLY_H
#define QUERY_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed = empty. Memory failure ends the process. */
struct tally {
	struct tally_slot {
		uint64_t key, count; /* 0 = free */
	} * slots;
	size_t capacity; /* a power of two; 0 = none yet */
	size_t used;
	bool is_sorted; /* then it takes no more */
};

/* False: there would be more than `kinds_max`, and it is empty now. */
bool tally_add(struct tally *tally, const uint64_t *keys, size_t count, size_t kinds_max);
/* The kinds come to the front of `slots`, ascending. */
void tally_sort(struct tally *tally);
/* The key of that rank, from 0, of a sorted one. */
uint64_t tally_key(const struct tally *tally, uint64_t rank);
size_t tally_bytes(const struct tally *tally);
void tally_release(struct tally *tally);

#endif
