/*
 * Ascending series ids, packed: each is a varint of its distance to the one
 * before (the first to -1). Lists of at most PACKED_INLINE bytes, which most
 * are (one id: a value that is unique), lie in the struct itself.
 *
 *	3 7 300  ->  | 4 | 4 | 165 2 |
 *
 * A zeroed struct is empty. Owns its bytes.
 */
#ifndef ENGINE_POSTINGS_H
#define ENGINE_POSTINGS_H

#include <stddef.h>
#include <stdint.h>

#define PACKED_INLINE 8u

struct postings {
	uint32_t count;
	uint32_t last;		   /* the largest */
	uint32_t length, capacity; /* of the packed bytes; capacity 0: inline */
	union {
		unsigned char room[PACKED_INLINE];
		unsigned char *data;
	};
};

void postings_release(struct postings *postings);
/* Ids mostly come in ascending order; any other costs a walk. One that is there is passed over. */
void postings_add(struct postings *postings, uint32_t id);
/* Unpack all `count` ids. */
void postings_get(const struct postings *postings, uint32_t *ids);

#endif
