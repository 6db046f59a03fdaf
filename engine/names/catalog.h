/*
 * The catalog: what exists besides points. Databases, policies, shard groups,
 * continuous queries, views, with their owners, modes and times.
 *
 * One tree of objects, all of one shape, in memory; every change is a record
 * in the journal `catalog` before it is seen. The journal is rewritten (new
 * file, rename) when it has grown to four times what it says. It has a copy (journal.h).
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
#ifndef ENGINE_NAMES_CATALOG_H
#define ENGINE_NAMES_CATALOG_H

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/point/group_window.h"
#include "engine/point/policy.h"

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

/*
 * As ext4 does: what is made in a directory with the setgid bit gets that one's group, and a
 * directory the bit, too.
 */
void attrs_inherit(struct attrs *attrs, const struct attrs *parent, bool is_directory);

struct object {
	uint32_t id; /* never reused; dense from 1 */
	uint32_t parent_id;
	enum object_kind kind;
	struct attrs attrs;
	struct policy_settings policy; /* OBJECT_POLICY */
	struct group_window window;    /* OBJECT_GROUP */
	struct slice name;
	struct slice payload; /* text of a continuous query, target of a view */
};
/*
 * Names and payloads handed out live as long as the catalog: replaced ones are
 * kept until it closes. Those handed in are borrowed for the call.
 */

struct catalog;

int catalog_open(const char *path, bool read_only, struct catalog **out, struct diag *diag);
/*
 * The same where it is known that its records up to `kept` (catalog_kept) were durable. What is
 * lost behind them is no damage: a power cut may leave any part of it, and what stays is what comes
 * before the first loss.
 */
int catalog_open_kept(const char *path, bool read_only, uint64_t kept, struct catalog **out,
		      struct diag *diag);
/* Rewrites the journal when that makes it smaller; syncs. */
int catalog_close(struct catalog *catalog);
int catalog_sync(struct catalog *catalog);
/* Its records up to this number are durable. */
uint64_t catalog_kept(struct catalog *catalog);
/* Rewrite the journal when that makes it smaller, as catalog_close() does. */
void catalog_compact(struct catalog *catalog);

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
 * Make one; `object` gives parent, kind, name, attrs, policy/window/payload, and id if it was
 * taken before (else 0), and is completed with what the catalog settles: id, a group's name and
 * number, times that were 0 (now), the name's place. Changes the parent's
 * mtime and ctime. The first policy of a database becomes the default, or the next
 * where none is; a policy that says is_default clears the flag of its siblings.
 * ERR_EXISTS; ERR_NOT_FOUND: no such parent; ERR_INVALID: a kind that the
 * parent does not take, a name that is no file name, a group that overlaps
 * another; ERR_TOO_LONG: the name; ERR_SPACE, ERR_IO: nothing changed.
 */
int catalog_add(struct catalog *catalog, struct object *object);
/* Removes it and all below it. */
int catalog_remove(struct catalog *catalog, uint32_t id);
/*
 * Within its parent; with `replace`, over an object of the same kind (which
 * goes with all below it). ERR_EXISTS; ERR_NOT_PERMITTED: not this kind.
 */
int catalog_rename(struct catalog *catalog, uint32_t id, struct slice name, bool replace);
int catalog_set_attrs(struct catalog *catalog, uint32_t id, const struct attrs *attrs);
/* A name that the catalog does not keep came to a directory or went: its mtime and ctime are now.
 */
int catalog_touch(struct catalog *catalog, uint32_t id);
/*
 * `is_default` clears the flag of its siblings; without it, what was the default hands that on to
 * a policy without settings, if there is one.
 */
int catalog_set_policy(struct catalog *catalog, uint32_t id,
		       const struct policy_settings *settings);
/* Its mtime and ctime become now. */
int catalog_set_payload(struct catalog *catalog, uint32_t id, struct slice payload);
/* How many LevelDB instances a group has, before its first point fixes it. */
int catalog_set_shards(struct catalog *catalog, uint32_t group_id, uint32_t shards);
/*
 * Write a new catalog that knows one database, as this one does; not synced. ERR_NOT_FOUND: no such
 * database.
 */
int catalog_copy(struct catalog *catalog, uint32_t database_id, const char *path);
/* Was it a database or a group, and does a record say that it was removed? */
bool catalog_was_removed(struct catalog *catalog, uint32_t id);
/* Nothing of what was removed so far is on the disk any more. */
void catalog_forget_removed(struct catalog *catalog);
/* Numbers up to this are not given to anything new: something on the disk has it. */
int catalog_reserve(struct catalog *catalog, uint32_t id);
/* Was something lost of it when it was opened, for good? */
bool catalog_was_damaged(struct catalog *catalog);
/* The number that the next object gets. */
uint32_t catalog_id_next(struct catalog *catalog);
/* The id for an object that is added later: no other object gets it in this run. */
uint32_t catalog_take_id(struct catalog *catalog);
/* Counts up whenever anything in it changes. */
uint64_t catalog_version(struct catalog *catalog);
/*
 * Told after a name came to its directory or went from it (a rename is both), by the thread that
 * did it, without a lock. What is below one that went is not told; of catalog_touch the object is
 * all 0 but for its parent. Set while nobody changes anything; NULL ends it.
 */
typedef void catalog_watcher(void *arg, const struct object *object, bool is_gone);
void catalog_watch(struct catalog *catalog, catalog_watcher *watcher, void *arg);

#endif
