/* Snapshots and cursors: what queries read. */
#ifndef ENGINE_READ_SNAPSHOT_H
#define ENGINE_READ_SNAPSHOT_H

#include "engine/names/index.h"
#include "engine/point/value.h"

struct engine;

/* A consistent view of one database at one instant. Any thread may use it. */
struct snapshot;
int snapshot_open(struct engine *engine, uint32_t database_id, struct snapshot **out);
void snapshot_close(struct snapshot *snapshot);
struct index *snapshot_index(struct snapshot *snapshot);
/*
 * The series of a measurement that have a point (of any field) in a group of
 * the policy that overlaps the closed time range: ascending ids, free() the
 * array. policy_id 0 = any policy; measurement_id ID_NONE = any.
 */
int snapshot_series(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
		    int64_t time_first_ns, int64_t time_last_ns, uint32_t **ids, size_t *count);
/*
 * The types a field has in the groups of the policy overlapping the range, as
 * bits 1 << enum value_type; 0: it has none there. policy_id 0 = any.
 */
int snapshot_field_types(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
			 uint32_t field_id, int64_t time_first_ns, int64_t time_last_ns,
			 unsigned *types);
/* Number of groups of the policy that overlap the range. */
size_t snapshot_group_count(struct snapshot *snapshot, uint32_t policy_id, int64_t time_first_ns,
			    int64_t time_last_ns);
/* A number that is equal for two snapshots of a database when nothing changed between. */
uint64_t snapshot_version(struct snapshot *snapshot);
uint64_t engine_database_version(struct engine *engine, uint32_t database_id);

/*
 * One series, some fields, one closed time range: batches in time order over
 * all groups of the policy. Rows where none of the asked fields has a value
 * are left out (with field_count 0 every row of the series comes, times only).
 */
struct cursor_spec {
	uint32_t policy_id;
	uint32_t series_id;
	const uint32_t *field_ids; /* of the series' measurement; borrowed until close */
	size_t field_count;
	int64_t time_first_ns, time_last_ns;
	bool descending;
	const bool *cancelled; /* may be NULL; checked between batches, read atomically */
	/* Counted up by the time the cursor is closed; borrowed until then; NULL: nobody asks. */
	struct chunk_counts {
		uint64_t decoded, summarized, skipped; /* outside the range, or not reached */
	} * counts;
	/* One of many that are open at once: hold about so many rows, a vector of a chunk at least;
	 * 0: as many as there are. */
	size_t rows_max;
};
struct cursor;
int cursor_open(struct snapshot *snapshot, const struct cursor_spec *spec, struct cursor **out);
/*
 * Before the first batch, of an ascending cursor: offer `taker` (borrowed until close) what is
 * known of rows that come next, before they are decoded.
 */
void cursor_offer(struct cursor *cursor, const struct summary_taker *taker);
/*
 * Before the first batch: rows that fail one of the bounds (borrowed until close) may be left
 * out.
 */
void cursor_narrow(struct cursor *cursor, const struct value_bounds *bounds, size_t count);
/* OK with a batch that lives until the next call, END, ERR_CORRUPT, ERR_IO, ERR_CANCELLED. */
int cursor_next(struct cursor *cursor, struct batch *out);
void cursor_close(struct cursor *cursor);

#endif
