/*
 * Ascending series ids, packed: each is a varint of its distance to the one
 * before (the first to -1). Lists of at most POSTINGS_INLINE bytes and ids, which most
 * are (one id: a value that is unique), lie in the struct itself.
 *
 *	3 7 300  ->  | 1 + 2 × 3 + 16 × 4 | 4 | 4 | 165 2 |	ids and bytes in the first byte
 *		     | pointer -> count, last, length, capacity | bytes |
 *
 * The lowest bit tells which: pointers are even. A zeroed struct is empty. Owns its bytes.
 */
#ifndef ENGINE_NAMES_POSTINGS_H
#define ENGINE_NAMES_POSTINGS_H

#include <stddef.h>
#include <stdint.h>

#define POSTINGS_INLINE 7u

struct postings_list;
struct postings {
	union {
		unsigned char room[1 + POSTINGS_INLINE];
		struct postings_list *list;
	};
};
_Static_assert(sizeof(struct postings) == 8, "a million values of a tag have one each");

void postings_release(struct postings *postings);
/* Ids mostly come in ascending order; any other costs a walk. One that is there is passed over. */
void postings_add(struct postings *postings, uint32_t id);
uint32_t postings_count(const struct postings *postings);
/* Unpack all of them. */
void postings_get(const struct postings *postings, uint32_t *ids);
/* Allocated beside the struct. */
size_t postings_bytes(const struct postings *postings);

#endif
