/*
 * Memory that open files hold for their writers and readers: scratch files, unfinished lines and
 * requests, answers of exec. One sum, since one user may hold all of it in any of these.
 */
#ifndef FS_NODES_BUDGET_H
#define FS_NODES_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	atomic_ullong bytes;
	uint64_t bytes_max;
};

/*
 * What was counted as `*held` is `bytes` from now on. False: that is over the sum, and nothing
 * changed; less than before always goes. `budget` NULL: nobody counts.
 */
static inline bool budget_hold(struct budget *budget, size_t *held, size_t bytes)
{
	if (!budget || bytes == *held)
		return true;
	if (bytes < *held) {
		atomic_fetch_sub(&budget->bytes, *held - bytes);
	} else if (atomic_fetch_add(&budget->bytes, bytes - *held) + (bytes - *held) >
		   budget->bytes_max) {
		atomic_fetch_sub(&budget->bytes, bytes - *held);
		return false;
	}
	*held = bytes;
	return true;
}

#endif
