/*
 * The catalog: what exists besides points. Databases, policies, shard groups,
 * continuous queries, views, with their owners, modes and times.
 *
 * One tree of objects, all of one shape, in memory; every change is a record
 * in the journal `catalog` before it is seen. The journal is rewritten (new
 * file, rename) when it has grown to four times what it says.
 *
 *	root
 *	  database              payload: none
 *	    policy              payload: struct policy_settings
 *	      policy file       `.policy`, there once something was set
 *	      group             payload: struct group_window
 *	    continuous (directory)
 *	      continuous query  payload: text
 *	    views (directory)
 *	      view              payload: target of the link
 *
 * Threads: all functions lock by themselves; what they give is a copy.
 */
#ifndef ENGINE_CATALOG_H
#define ENGINE_CATALOG_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

enum object_kind {
	OBJECT_ROOT = 1,
	OBJECT_DATABASE,
	OBJECT_POLICY,
	OBJECT_POLICY_FILE,
	OBJECT_GROUP,
	OBJECT_CONTINUOUS,
	OBJECT_CONTINUOUS_QUERY,
	OBJECT_VIEWS,
	OBJECT_VIEW,
};
#define OBJECT_ROOT_ID 1u

struct attrs {
	uint32_t mode; /* permission bits only */
	uint32_t uid, gid;
	int64_t atime_ns, mtime_ns, ctime_ns;
};

struct policy_settings {
	int64_t duration_ns;	   /* 0 = for ever */
	int64_t shard_duration_ns; /* whole hours */
	uint32_t shards;	   /* LevelDB instances per group */
	uint32_t replication;
	bool is_default;
};

/* Seconds, since a window may begin before the first and end after the last ns. */
struct group_window {
	int64_t start_s, end_s; /* end exclusive */
	uint32_t shards;	/* fixed when the group is made */
	uint32_t number; /* counts from 1 over the mount, as SHOW SHARDS shows; given by the catalog
			  */
};

struct object {
	uint32_t id; /* never reused; dense from 1 */
	uint32_t parent_id;
	enum object_kind kind;
	struct attrs attrs;
	struct policy_settings policy; /* OBJECT_POLICY */
	struct group_window window;    /* OBJECT_GROUP */
	struct slice name;    /* in the buf that the caller lent, or interned for ever: see below */
	struct slice payload; /* text of a continuous query, target of a view */
};
/* Names and payloads handed out live as long as the catalog: replaced ones are kept until it
 * closes. */

struct catalog;

int catalog_open(const char *path, bool read_only, struct catalog **out, struct diag *diag);
/* Rewrites the journal when that makes it smaller; syncs. */
int catalog_close(struct catalog *catalog);
int catalog_sync(struct catalog *catalog);

/* ERR_NOT_FOUND. */
int catalog_get(struct catalog *catalog, uint32_t id, struct object *out);
int catalog_find(struct catalog *catalog, uint32_t parent_id, struct slice name,
		 struct object *out);
/*
 * Children in order of creation (groups: by start). Gives an array that the
 * caller frees with free(); kind 0 = any.
 */
int catalog_list(struct catalog *catalog, uint32_t parent_id, enum object_kind kind,
		 struct object **out, size_t *count);
/* The group of a policy whose window holds `time_s`. ERR_NOT_FOUND. */
int catalog_find_group(struct catalog *catalog, uint32_t policy_id, int64_t time_s,
		       struct object *out);
/* The default policy of a database. ERR_NOT_FOUND. */
int catalog_default_policy(struct catalog *catalog, uint32_t database_id, struct object *out);

/*
 * Make one; `object` gives parent, kind, name, attrs, policy/window/payload,
 * and is completed with the id. Changes the parent's mtime and ctime.
 * The first policy of a database becomes the default; a policy that says
 * is_default clears the flag of its siblings. ERR_EXISTS; ERR_INVALID: a group
 * that overlaps another; ERR_SPACE, ERR_IO: nothing changed.
 */
int catalog_add(struct catalog *catalog, struct object *object);
/* Removes it and all below it. */
int catalog_remove(struct catalog *catalog, uint32_t id);
/* Within its parent; with `replace`, over an object of the same kind. */
int catalog_rename(struct catalog *catalog, uint32_t id, struct slice name, bool replace);
int catalog_set_attrs(struct catalog *catalog, uint32_t id, const struct attrs *attrs);
int catalog_set_policy(struct catalog *catalog, uint32_t id,
		       const struct policy_settings *settings);
int catalog_set_payload(struct catalog *catalog, uint32_t id, struct slice payload);
/* Counts up whenever anything in it changes. */
uint64_t catalog_version(struct catalog *catalog);

/*
 * Group names: 2026-11-16--2026-11-23, or with hours 2026-11-16T05Z--2026-11-16T06Z.
 * A bound is a date when it is midnight, else date and hour.
 */
void group_name_print(struct buf *out, int64_t start_s, int64_t end_s);
/* ERR_INVALID: malformed, not canonical, end before start, not on the hour. */
int group_name_parse(struct slice name, int64_t *start_s, int64_t *end_s);
/*
 * The window for a point: aligned as InfluxDB (counted from year 1: weeks on
 * Monday), cut to what its neighbours leave free.
 */
void group_window_for(int64_t shard_duration_ns, int64_t time_ns, const struct object *groups,
		      size_t group_count, struct group_window *out);

/* The defaults that InfluxDB takes: 1h below 2d, 1d up to 180d, else 7d. */
int64_t policy_default_shard_duration(int64_t duration_ns);
/* The five lines of `.policy`. */
void policy_print(struct buf *out, const struct policy_settings *settings);
/*
 * Apply lines of `key value` to `settings`: all or nothing. ERR_INVALID with the
 * line and what was expected: unknown key, bad duration, duration under 1h,
 * shard duration not whole hours or longer than the duration, shards 0.
 */
int policy_parse(struct slice text, struct policy_settings *settings, struct diag *diag);

#endif
