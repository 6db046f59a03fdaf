/*
 * Spells the paths of a data directory.
 *
 * Why one file: that a log is one per machine, or a group lies on another disk, is one change here
 * then. And a path that is cut by a buffer that is too small names something else, which a caller
 * might delete: so there is one size.
 */
#include "engine/directory/paths.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/base/env.h"

static const struct {
	const char *name;
	bool is_directory;
} tops[TOP_COUNT] = {
	[TOP_LOCK] = { "lock", false },	       [TOP_FORMAT] = { "format", false },
	[TOP_CATALOG] = { "catalog", false },  [TOP_CATALOG_COPY] = { "catalog.copy", false },
	[TOP_CLOCK] = { "clock", false },      [TOP_CONTINUOUS] = { "continuous", false },
	[TOP_WAL] = { "wal", true },	       [TOP_DB] = { "db", true },
	[TOP_SHARD] = { "shard", true },       [TOP_TRASH] = { "trash", true },
	[TOP_SNAPSHOT] = { "snapshot", true }, [TOP_SET_ASIDE] = { "set-aside", true },
};

_Static_assert(PATH_ROOM > PATH_MAX + 1, "a path that was cut is too long for every call");

__attribute__((format(printf, 1, 2))) static struct path spell(const char *format, ...)
{
	struct path path;
	va_list args;

	va_start(args, format);
	vsnprintf(path.text, sizeof(path.text), format, args);
	va_end(args);
	return path;
}

const char *top_name(enum top top)
{
	return tops[top].name;
}

bool top_is_directory(enum top top)
{
	return tops[top].is_directory;
}

struct path path_top(const char *dir, enum top top)
{
	return spell("%s/%s", dir, tops[top].name);
}

struct path path_in(const char *dir, const char *name)
{
	return spell("%s/%s", dir, name);
}

struct path path_with(const char *path, const char *end)
{
	return spell("%s%s", path, end);
}

struct path path_segment(const char *wal, uint64_t segment)
{
	return spell("%s/%08llu", wal, (unsigned long long)segment);
}

struct path path_first_segment(const char *dir)
{
	return path_segment(path_top(dir, TOP_WAL).text, 1);
}

struct path path_database(const char *dir, uint32_t database_id)
{
	return spell("%s/db/%u", dir, database_id);
}

struct path path_index(const char *dir, uint32_t database_id)
{
	return spell("%s/db/%u/index", dir, database_id);
}

struct path path_index_copy(const char *dir, uint32_t database_id)
{
	return spell("%s/db/%u/index.copy", dir, database_id);
}

struct path path_shard(const char *dir, uint32_t group_id, uint32_t number)
{
	return spell("%s/shard/%u.%u", dir, group_id, number);
}

struct path path_snapshots_of(const char *dir, uint32_t database_id)
{
	return spell("%s/snapshot/%u", dir, database_id);
}

struct path path_snapshot(const char *dir, uint32_t database_id, const char *name)
{
	return spell("%s/snapshot/%u/%s", dir, database_id, name);
}

struct path path_trash_new(const char *dir, const char *what)
{
	return spell("%s/trash/%s.%016llx", dir, what, (unsigned long long)env_random());
}

struct path path_trash_shard(const char *dir, uint32_t group_id, uint32_t number)
{
	return spell("%s/trash/%u.%u", dir, group_id, number);
}

struct path path_trash_rewritten(const char *dir, uint32_t group_id, uint32_t number,
				 uint64_t generation)
{
	return spell("%s/trash/%u.%u.%llu", dir, group_id, number, (unsigned long long)generation);
}

struct path path_set_aside_log(const char *dir)
{
	return spell("%s/set-aside/log.%016llx", dir, (unsigned long long)env_random());
}
