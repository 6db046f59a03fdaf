/*
 * What the index knows, in memory, and the records that add to it. Private to
 * index.c, which adds the lock, the file and the spellings.
 *
 *	record      = addition*               of one call: all of them or none
 *	addition    = 1 id name               a measurement
 *	            | 2 m id name             a field of measurement m
 *	            | 3 m id name             a tag key
 *	            | 4 m key id name         a value of a tag key
 *	            | 5 id m count (key value)*  a series, keys in name order
 *
 * Numbers are varints, names have their length in front. Each says its number,
 * so that a lost record shifts no other. What it would have named is called
 * `recovered.NUMBER`.
 *
 *	series   | shape, place | ...             8 bytes each
 *	shapes   | measurement, keys |            once for all series with the same keys
 *	values        | value ids |               4 bytes a tag, in the shape's order
 *	slots    | hash, series |                 canonical key -> series, 8 bytes each
 *
 * A key is not stored but printed from its parts, or compared with them.
 */
#ifndef ENGINE_NAMES_INDEX_TABLES_H
#define ENGINE_NAMES_INDEX_TABLES_H

#include "engine/base/arena.h"
#include "engine/base/map.h"
#include "engine/names/dict.h"
#include "engine/names/index.h"
#include "engine/names/postings.h"

struct tag_key {
	struct dict values;
	struct postings *postings; /* by value */
	uint32_t postings_capacity;
};

struct measurement {
	struct dict fields, keys;
	struct tag_key *tag_keys; /* by key */
	uint32_t tag_key_capacity;
	uint32_t shape_last; /* of its newest series: the next is likely to have it too */
	struct postings series;
};

struct shape {
	const uint32_t *words; /* measurement, then its keys in name order */
	uint32_t key_count;
};

struct series_entry {
	uint32_t shape_id; /* ID_NONE: a hole, its record was lost */
	uint32_t values_at;
};

struct series_slot {
	uint32_t hash;
	uint32_t series; /* plus 1; 0 = empty */
};

struct tables {
	struct arena arena; /* names, shapes, spellings */
	struct dict measurement_names;
	struct measurement *measurements;
	uint32_t measurement_capacity;
	struct shape *shapes;
	uint32_t shape_count, shape_capacity;
	struct map shape_ids;
	struct series_entry *series;
	uint32_t series_count, series_capacity;
	uint32_t *values;
	uint32_t value_count, value_capacity;
	struct series_slot *slots;
	uint32_t slot_count;
	struct idmap cut_names; /* hash at the end of a cut name -> series */
	size_t list_bytes;	/* of postings and per-key lists */
	uint64_t names;		/* additions that were taken */
	uint64_t refused;	/* additions that made no sense */
	uint64_t holes;		/* series without a record */
	uint64_t recovered;	/* names made up */
	struct buf scratch;
};

void tables_init(struct tables *tables);
void tables_release(struct tables *tables);

/* NULL when there is none of this number. */
struct measurement *tables_measurement(const struct tables *tables, uint32_t measurement_id);
struct tag_key *tables_tag_key(const struct tables *tables, uint32_t measurement_id,
			       uint32_t key_id);
const struct shape *tables_shape(const struct tables *tables, uint32_t series_id);

/*
 * Steps of looking up some keys, each of which brings near what the next one
 * reads: slots, then what tables_guess() gives, and its entry, values and names.
 */
void tables_prefetch_slot(const struct tables *tables, uint64_t hash);
uint32_t tables_guess(const struct tables *tables, uint64_t hash); /* or ID_NONE */
void tables_prefetch_values(const struct tables *tables, uint32_t series_id);
void tables_prefetch_names(const struct tables *tables, uint32_t series_id);

/* By the bytes of a canonical key and their hash; ID_NONE. */
uint32_t tables_find_series(const struct tables *tables, struct slice key, uint64_t hash);
void tables_print_key(const struct tables *tables, uint32_t series_id, struct buf *out);
size_t tables_tags(const struct tables *tables, uint32_t series_id, struct tag *tags);
uint32_t tables_find_cut_name(const struct tables *tables, struct slice name);

void addition_measurement(struct buf *record, uint32_t id, struct slice name);
void addition_field(struct buf *record, uint32_t measurement_id, uint32_t id, struct slice name);
void addition_key(struct buf *record, uint32_t measurement_id, uint32_t id, struct slice name);
void addition_value(struct buf *record, uint32_t measurement_id, uint32_t key_id, uint32_t id,
		    struct slice name);
struct tag_ids {
	uint32_t key_id, value_id;
};
void addition_series(struct buf *record, uint32_t id, uint32_t measurement_id,
		     const struct tag_ids *tags, size_t tag_count);

/*
 * Apply the additions of a record. ERR_CORRUPT: the bytes are none, from there
 * on nothing was applied; what does not fit what is there is passed over and
 * counted in `refused`. What is there already changes nothing.
 */
int tables_apply(struct tables *tables, struct slice record);
/*
 * The additions of a record, each to those of its kind: in the order of the kinds nothing comes
 * before what it needs. ERR_CORRUPT: from there on nothing was taken.
 */
#define ADDITION_KINDS 5
int additions_sort(struct slice record, struct buf kinds[ADDITION_KINDS]);
/* Names for what nothing named; after the last record was applied. */
void tables_name_holes(struct tables *tables);
size_t tables_bytes(const struct tables *tables);

#endif
