/* A database at one instant: its series, their fields, and where their rows come from. */
#ifndef ENGINE_READ_SNAPSHOT_H
#define ENGINE_READ_SNAPSHOT_H

#include "engine/names/index.h"
#include "engine/read/rows.h"

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

/* Rows of its series: what rows_open() takes. Alive as long as the snapshot is. */
struct rows_source snapshot_rows(struct snapshot *snapshot);

#endif
