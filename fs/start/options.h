/*
 * The command line: `seriesfs [options] DATADIR MOUNTPOINT`, also as mount(8)
 * calls it. Every limit is a row of a table (options.c) with a name, a default
 * and a sentence.
 */
#ifndef FS_START_OPTIONS_H
#define FS_START_OPTIONS_H

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "fs/start/identity.h"
#include "query/query.h"

struct fuse_args;

struct options {
	char *data_path;  /* absolute, owned */
	char *mount_path; /* absolute, owned */
	bool foreground, debug, show_help, show_version;
	bool read_only, sync_writes;
	bool allow_other_given;
	bool mounts_descriptor; /* the mount point is /dev/fd/N, which mount.fuse3 has mounted */
	struct identity identity;
	uint32_t read_bytes_max; /* max_read, which libfuse wants to hear twice; 0 = not given */
	int64_t clock_ns; /* where the wall clock starts, and that it may be moved; 0 = the system's
			   */

	/* Rows of the table; the unit is in the name. */
	uint64_t commit_seconds;
	uint64_t memtable_mb;
	uint64_t write_threads;
	uint64_t query_threads;
	uint64_t scan_threads;
	uint64_t shards_open;
	uint64_t series_max;
	uint64_t line_bytes;
	uint64_t cold_seconds, cold_period_seconds;
	uint64_t retention_seconds;
	uint64_t query_memory_mb;
	uint64_t queries_memory_mb;
	uint64_t query_buckets;
	uint64_t query_series;
	uint64_t query_points;
	uint64_t query_seconds;
	uint64_t query_bytes;
	uint64_t answers_mb;
	uint64_t streams_max;
	uint64_t scratch_mb;
	uint64_t reserve_mb;
	uint64_t snapshots_max;
	uint64_t landlock;
};

/*
 * Take ours out of `args`; what stays there is FUSE's. Below 0: a message is
 * in `why` (one line, without a newline).
 */
int options_parse(struct options *options, struct fuse_args *args, struct buf *why);
/*
 * Paths made absolute and judged, the user found, and a data directory that is missing made (0700,
 * the user's). ERR_INVALID: one lies in the other, is no directory, or they are swapped.
 */
int options_check_paths(struct options *options, struct buf *why);
void options_release(struct options *options);

struct query_limits options_query_limits(const struct options *options);
/* The table: `name value` lines, for .seriesfs/status. */
void options_print(const struct options *options, struct buf *out);
/* For --help. */
void options_print_help(struct buf *out);

#endif
