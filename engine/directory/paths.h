/*
 * Where everything of a data directory lies: the one file that spells a path in it.
 *
 *	DIR/NAME                what lies at the top, a row of `tops`
 *	DIR/wal/00000007        a segment of the log; .torn: what a power cut left of it
 *	DIR/db/ID/index         the index of a database; index.copy
 *	DIR/shard/GROUP.N       a shard; .tmp and .new: while it is written anew
 *	DIR/snapshot/ID/NAME    a database as it was, a data directory by itself
 *	DIR/trash/WHAT          being deleted
 *	DIR/set-aside/WHAT      kept for a person to look at
 *
 * A path is a value that has room for more than the kernel takes; a caller passes `.text` on. One
 * that had to be cut is longer than PATH_MAX, so that no call finds anything else under it.
 */
#ifndef ENGINE_DIRECTORY_PATHS_H
#define ENGINE_DIRECTORY_PATHS_H

#include <stdbool.h>
#include <stdint.h>

/* Of a data directory as it was named, so that what lies in it has room below PATH_MAX. */
#define DIRECTORY_BYTES_MAX 3968
#define PATH_ROOM	    4160

struct path {
	char text[PATH_ROOM];
};

enum top {
	TOP_LOCK,
	TOP_FORMAT,
	TOP_CATALOG,
	TOP_CATALOG_COPY,
	TOP_CLOCK,
	TOP_CONTINUOUS,
	TOP_WAL,
	TOP_DB,
	TOP_SHARD,
	TOP_TRASH,
	TOP_SNAPSHOT,
	TOP_SET_ASIDE,
	TOP_COUNT
};
const char *top_name(enum top top);
bool top_is_directory(enum top top);
struct path path_top(const char *dir, enum top top);

/* DIR/NAME, for a name that was found in a directory. */
struct path path_in(const char *dir, const char *name);
/* PATHEND, as in `.new`. */
struct path path_with(const char *path, const char *end);

/* Of the log: `wal` is its directory, or a directory of links to its segments. */
struct path path_segment(const char *wal, uint64_t segment);
/* There until the log was trimmed for the first time. */
struct path path_first_segment(const char *dir);

struct path path_database(const char *dir, uint32_t database_id);
struct path path_index(const char *dir, uint32_t database_id);
struct path path_index_copy(const char *dir, uint32_t database_id);

struct path path_shard(const char *dir, uint32_t group_id, uint32_t number);

struct path path_snapshots_of(const char *dir, uint32_t database_id);
struct path path_snapshot(const char *dir, uint32_t database_id, const char *name);

/* In trash/: a name that nothing there has had. */
struct path path_trash_new(const char *dir, const char *what);
/* The shard of a group that was dropped, or (`generation`) that a rewrite has replaced. */
struct path path_trash_shard(const char *dir, uint32_t group_id, uint32_t number);
struct path path_trash_rewritten(const char *dir, uint32_t group_id, uint32_t number,
				 uint64_t generation);

struct path path_set_aside_log(const char *dir);

#endif
