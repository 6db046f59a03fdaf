/*
 * Out of a shard that is damaged into a new one: all chunks, masks and types that can be read.
 *
 * What is lost is told; and so that no older value answers for a newer one that is lost, the
 * points of that series in the span of the lost chunk, as far as they were accepted before, are
 * left out as well. Where nothing older overlaps, as usual, nothing is left out.
 */
#ifndef ENGINE_CHECK_SALVAGE_H
#define ENGINE_CHECK_SALVAGE_H

#include "engine/names/index.h"
#include "engine/shard/shard.h"

struct salvage_report {
	/* A chunk that is lost. */
	void (*lost)(void *arg, uint32_t series_id, int64_t time_first_ns, int64_t time_last_ns);
	/* Something else, in words. */
	void (*tell)(void *arg, const char *text);
	void *arg;
	uint64_t chunks, chunks_lost, records_lost; /* filled */
	bool deletions_lost;			    /* what they hid may be there again */
};

/*
 * `from` is a directory of links to the damaged one, which may be changed; `to` does not exist and
 * is written. `index` is the database's. ERR_SPACE, ERR_IO, ERR_CORRUPT: nothing could be read.
 */
int salvage_shard(const char *from, const char *to, struct index *index,
		  struct salvage_report *report);

#endif
