/* What a group holds, series by series. */
#ifndef ENGINE_READ_GROUP_STAT_H
#define ENGINE_READ_GROUP_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

/* The series that have points in a group (or policy), ascending ids; free() the array. */
int engine_group_series(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			uint32_t **ids, size_t *count);
/* Cheap: does it have any? For rmdir. */
int engine_group_is_empty(struct engine *engine, uint32_t group_id, bool *empty);
struct group_stat {
	uint64_t series, points, disk_bytes;
	int64_t time_first_ns, time_last_ns;
};
int engine_group_stat(struct engine *engine, uint32_t group_id, struct group_stat *out);

#endif
