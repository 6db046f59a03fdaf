/*
 * The series index of one database: measurements, tags, fields and series as
 * dense numbers, and the postings that answer "which series have host=a".
 *
 * Numbers are given once and never taken back. Everything is in memory; each
 * new measurement, field, tag key, tag value and series is also an addition in
 * the journal `index` of the database, and in the log. It is in both after index_write(), which
 * comes before a log record that holds the number, and durable after
 * index_sync(), which comes before that log is synced or a shard has the number. Names never move:
 * slices handed out live as long as the index.
 *
 * Threads: one may add while others read; each call locks by itself (a
 * reader-writer lock), the read-only ones with a shared lock.
 */
#ifndef ENGINE_NAMES_INDEX_H
#define ENGINE_NAMES_INDEX_H

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/point/line.h"

#define ID_NONE UINT32_MAX

struct index;

/* Nothing is added before index_settle(), but for what the log holds. */
int index_open(const char *path, bool read_only, struct index **out, struct diag *diag);
/*
 * After damage: read the file again, with what the log has of additions beside it. A name that is
 * made up because the record with it is lost stays, so this comes before anything else.
 */
int index_read_again(struct index *index, const char *path, struct slice logged);
/* Take in additions that the log holds, where the file has lost them. ERR_CORRUPT. */
int index_restore(struct index *index, struct slice additions);
/* The log was replayed: a series or field that has no name now has lost it, and gets one that is
 * made up. */
int index_settle(struct index *index);
/*
 * From here on index_write() hands additions to `log` before it writes them; where that fails,
 * they wait. Called under the index's lock. Set while nobody adds.
 */
typedef int index_log(void *arg, uint32_t database_id, struct slice additions);
void index_set_log(struct index *index, uint32_t database_id, index_log *log, void *arg);
/* Syncs it and lets it go. */
int index_close(struct index *index);
/* Counted: its opener holds it once, and it is closed with the last holder that lets it go. */
void index_hold(struct index *index);
void index_let_go(struct index *index); /* NULL: nothing */
/*
 * What was added is in the file. ERR_SPACE, ERR_IO: what was not written waits
 * for the next call, and whatever names it must not be logged.
 */
int index_write(struct index *index);
int index_sync(struct index *index); /* writes, too */
/* How many of its records are durable for sure; they are numbered from 1. */
uint64_t index_records_synced(struct index *index);
/* Its file as it is now as a new one, `from` being its path; synced. */
int index_copy(struct index *index, const char *from, const char *to);

/* --- adding ------------------------------------------------------------ */

/*
 * The number of a series by the bytes of its key as typed (struct line's raw
 * key). Known spellings cost one hash and one compare. With `add`, an unknown
 * series is made; without, ID_NONE is given. ERR_INVALID with diag: not a key.
 * ERR_LIMIT: series_max reached. ERR_READ_ONLY.
 */
int index_series(struct index *index, struct slice raw_key, bool add, uint32_t *series_id,
		 struct diag *diag);
/*
 * Those of some keys that are known by their bytes; ID_NONE for others, which
 * may be known by another order of their tags. One lock for all, and the misses of
 * all at once: 25 ns a key where 100,000 are cold, alone 130.
 */
#define INDEX_FIND_MAX 32
struct index_found {
	uint32_t series_id, measurement_id;
};
void index_find(struct index *index, const struct slice *raw_keys, size_t count,
		struct index_found *out);
/* index_series with `add`, the key taken apart already (tags sorted). */
int index_add_series(struct index *index, struct slice raw_key, struct slice measurement,
		     const struct tag *tags, size_t tag_count, uint32_t *series_id,
		     struct diag *diag);
/* The same from parts alone (tags sorted). */
int index_series_of_tags(struct index *index, struct slice measurement, const struct tag *tags,
			 size_t tag_count, bool add, uint32_t *series_id, struct diag *diag);
/* The series a cut file name (name_is_cut) stands for; ID_NONE. */
uint32_t index_series_of_cut_name(struct index *index, struct slice name);
/* The number of a field of a measurement; ID_NONE when absent and not `add`. */
int index_field(struct index *index, uint32_t measurement_id, struct slice name, bool add,
		uint32_t *field_id);
/*
 * The same for the fields of a line, under one lock: `ids` has room for `count`.
 * What ids[i] holds before the call is taken as a guess and costs one compare
 * when it is right: lines of a client have their fields in the same order.
 */
int index_fields(struct index *index, uint32_t measurement_id, const struct line_field *fields,
		 size_t count, bool add, uint32_t *ids);
void index_set_series_max(struct index *index, uint32_t series_max);

/* Numbers that were never given have an empty name, no tags, ID_NONE. */

/*
 * After damage: numbers that points have are never given to something else. The series is called
 * `recovered.series.NUMBER`, the field `recovered.NUMBER`, when nothing is known of them.
 */
bool index_was_damaged(struct index *index); /* or its end was torn, when it was opened */
/* How many of the first `records` did it lack, when it was opened? */
uint64_t index_lacked(struct index *index, uint64_t records);
/*
 * Is there a name for it, that was not made up since the index was opened? What is durable has one,
 * unless there was damage; of what is not, a power cut may have left any part.
 */
bool index_knows_series(struct index *index, uint32_t series_id);
bool index_knows_field(struct index *index, uint32_t measurement_id, uint32_t field_id);
/* May a name of the series or of its fields be made up, so that its lines were shorter once? */
bool index_is_made_up(struct index *index, uint32_t series_id);
int index_reserve_series(struct index *index, uint32_t series_id);
int index_reserve_field(struct index *index, uint32_t measurement_id, uint32_t field_id);

/* --- measurements, fields, tags ---------------------------------------- */

uint32_t index_measurement_count(struct index *index);
struct slice index_measurement_name(struct index *index, uint32_t measurement_id);
uint32_t index_measurement_find(struct index *index, struct slice name); /* or ID_NONE */

uint32_t index_field_count(struct index *index, uint32_t measurement_id);
struct slice index_field_name(struct index *index, uint32_t measurement_id, uint32_t field_id);

/* Tag keys are numbered per measurement, values per (measurement, key). */
uint32_t index_tag_key_count(struct index *index, uint32_t measurement_id);
struct slice index_tag_key_name(struct index *index, uint32_t measurement_id, uint32_t key_id);
uint32_t index_tag_key_find(struct index *index, uint32_t measurement_id, struct slice key);
uint32_t index_tag_value_count(struct index *index, uint32_t measurement_id, uint32_t key_id);
struct slice index_tag_value_name(struct index *index, uint32_t measurement_id, uint32_t key_id,
				  uint32_t value_id);
uint32_t index_tag_value_find(struct index *index, uint32_t measurement_id, uint32_t key_id,
			      struct slice value);

/* --- series ------------------------------------------------------------ */

uint32_t index_series_count(struct index *index);
uint32_t index_series_measurement(struct index *index, uint32_t series_id);
/* value_id of a tag key of its measurement, ID_NONE when the series lacks it. */
uint32_t index_series_tag(struct index *index, uint32_t series_id, uint32_t key_id);
/* Its tags, sorted by key; at most TAGS_PER_SERIES_MAX. Gives the count. */
size_t index_series_tags(struct index *index, uint32_t series_id, struct tag *tags);
/* The canonical key as line protocol spells it, appended to `out`. */
void index_series_key(struct index *index, uint32_t series_id, struct buf *out);
/* The file name (name_print), appended. */
void index_series_name(struct index *index, uint32_t series_id, struct buf *out);
/*
 * All series of a measurement, or of one tag value, ascending ids. Gives a
 * copy the caller frees with free().
 */
int index_series_of_measurement(struct index *index, uint32_t measurement_id, uint32_t **ids,
				size_t *count);
int index_postings(struct index *index, uint32_t measurement_id, uint32_t key_id, uint32_t value_id,
		   uint32_t **ids, size_t *count);
size_t index_bytes(struct index *index); /* of memory */

#endif
