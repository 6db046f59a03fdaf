/*
 * One mount: everything that the handlers share. Made by main.c before the
 * first request, taken down after the last; the pointers do not change between.
 */
#ifndef FS_NODES_MOUNT_H
#define FS_NODES_MOUNT_H

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include "engine/engine.h"
#include "fs/nodes/budget.h"
#include "fs/nodes/errors_log.h"
#include "fs/nodes/node.h"
#include "fs/nodes/pool.h"
#include "fs/start/options.h"
#include "query/query.h"

struct mount {
	struct options options;
	struct query_limits query_limits;
	uint32_t uid, gid; /* as whom it serves */
	bool confined;	   /* by Landlock, to the data directory */
	int64_t started_ns;

	struct engine *engine;
	struct catalog *catalog;
	struct fuse_session *session;

	const struct kind_ops *const *kinds; /* kind.h, by enum kind */
	struct node_table *nodes;
	struct errors_log *errors;
	struct budget held; /* by open files */
	struct scratch_table *scratches;
	struct answer_table *answers;
	struct frozen_table *frozen;

	struct pool *workers;  /* bulk writes, reads of series, fsync */
	struct pool *queries;  /* evaluations, exec, ctl */
	struct pool *notifier; /* one thread, which alone tells the kernel to drop pages */
	struct clock *clock;
	struct continuous *continuous; /* NULL: read-only */

	/* Writers are about to wait for memory: none of them in the loop's own thread. */
	atomic_bool memory_is_tight;

	/* The group that could not be listed, and when (monotonic): see dir_was_refused(). */
	_Atomic uint32_t refused_group_id;
	_Atomic int64_t refused_ns;
};

static inline struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

#endif
