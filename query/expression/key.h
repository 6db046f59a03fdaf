/*
 * What a row belongs to: a measurement's name and the values of the tags that
 * it is grouped by. Each distinct one exists once per statement, so that equal
 * means the same pointer.
 *
 *	select … from (select … group by host, cpu) group by host
 *
 *	key    cpu_load  host=a, cpu=0     what the inner rows carry
 *	group  cpu_load  host=a            what the statement as a whole groups by
 */
#ifndef QUERY_KEY_H
#define QUERY_KEY_H

#include "engine/base/arena.h"
#include "engine/base/map.h"
#include "engine/point/line.h"

/* Names of tags, sorted, each once. */
struct dimensions {
	const struct slice *names;
	size_t count;
};

struct series_key {
	struct slice name;
	const struct dimensions *dimensions;
	const struct tag *tags; /* one for each dimension */
	const struct series_key *group;
};

struct key_ring {
	struct arena *arena; /* borrowed */
	struct map map;
	const struct series_key **keys;
	struct slice *texts;
	size_t count, capacity;
	const struct dimensions **lists;
	size_t list_count;
	const struct dimensions *group; /* of the statement as a whole */
};

void key_ring_init(struct key_ring *ring, struct arena *arena);
void key_ring_release(struct key_ring *ring);
/* The list of these names, in any order and with repeats. NULL: the arena's budget. */
const struct dimensions *key_ring_list(struct key_ring *ring, const struct slice *names,
				       size_t count);
/* `values` as many as there are dimensions; everything is copied. NULL: the arena's budget. */
const struct series_key *key_ring_get(struct key_ring *ring, struct slice name,
				      const struct dimensions *dimensions,
				      const struct slice *values);
/* "" when it has none of that name. */
struct slice key_value(const struct series_key *key, struct slice name);

/* In the order in which answers come: by name, then by the values. Of keys of one list. */
int key_compare(const struct series_key *a, const struct series_key *b);

#endif
