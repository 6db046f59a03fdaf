/* What changes a series besides points. */
#ifndef ENGINE_WRITE_CHANGE_H
#define ENGINE_WRITE_CHANGE_H

#include <stdint.h>

struct engine;

/* Delete the points of a series in one group, or (group_id 0) in all groups of a policy, in a
 * closed time range. */
int engine_series_remove(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			 uint32_t series_id, int64_t time_first_ns, int64_t time_last_ns);
/* utimens of a series in a group, or (group_id 0) in every group of the policy that has it. */
int engine_series_set_mtime(struct engine *engine, uint32_t policy_id, uint32_t group_id,
			    uint32_t series_id, int64_t mtime_ns);

#endif
