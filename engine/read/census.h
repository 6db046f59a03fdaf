/* What a policy holds, without reading a row of it: for `status` and metrics. */
#ifndef ENGINE_READ_CENSUS_H
#define ENGINE_READ_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* Of a policy, at the cost of a look at its directories. */
struct policy_stat {
	uint64_t groups, disk_bytes;
	uint64_t points; /* rows stored: what was deleted or written twice counts until it is
			    rewritten */
	bool has_points; /* false: of shards that were not asked since the start nothing is known */
	int64_t first_end_s; /* of the oldest group */
};
/* `load`: read the directories of shards that were not asked yet. */
int engine_policy_stat(struct engine *engine, uint32_t policy_id, bool load,
		       struct policy_stat *out);

#endif
