/*
 * Callers and their rights. The kernel checks the modes along a path (default_permissions);
 * this is for statements that name another database than their path does, and
 * for those that change something.
 */
#ifndef FS_NODES_ACCESS_H
#define FS_NODES_ACCESS_H

#include "fs/nodes/mount.h"

#define CALLER_GROUPS_MAX 256

struct caller {
	uint32_t uid, gid;
	uint32_t groups[CALLER_GROUPS_MAX]; /* supplementary ones */
	size_t group_count;
	bool has_groups; /* `groups` are all there are; else what hangs on them is refused */
};

/* With `groups`, reads the process table: only where it is needed. */
void caller_of(fuse_req_t req, bool groups, struct caller *out);
/* Read the groups now, unless they are known. `req` is the caller's, and not yet answered. */
void caller_learn_groups(fuse_req_t req, struct caller *caller);
bool caller_equal(const struct caller *a, const struct caller *b);
/* May the caller read, or with `write` change, what has these attributes? OK or ERR_ACCESS. */
int caller_check(const struct caller *caller, const struct attrs *attrs, bool write);
/* Does that hang on groups which are not known yet? */
bool caller_needs_groups(const struct caller *caller, const struct attrs *attrs, bool write);
/*
 * The same for an object of the catalog (a database, a policy) by its number; 0 = the root
 * directory. OK for an object that is not there: the lookup that follows says ERR_NOT_FOUND.
 */
int caller_check_object(struct catalog *catalog, const struct caller *caller, uint32_t id,
			bool write);
/* May the caller read .seriesfs/ctl? Then nothing of the service is hidden from it. */
bool caller_is_owner(struct mount *mount, const struct caller *caller);

/*
 * What a request asked about its caller (query_access), and what it was told: the answer holds for
 * any caller who would be told the same, and what it says is for those who may as much.
 */
struct noted_check {
	uint32_t id; /* of a database or policy; 0: the root */
	bool write, is_allowed;
	struct attrs attrs; /* as they were */
};
struct notes {
	struct buf checks; /* of struct noted_check, each once or nearly so */
	bool is_personal;  /* holds for this caller alone */
	bool is_past;	   /* of a snapshot: modes stay as they were */
};

void notes_release(struct notes *notes);
/* Check, and note it: a query_access.check. */
int notes_check(struct notes *notes, struct mount *mount, struct catalog *catalog,
		const struct caller *caller, uint32_t database_id, uint32_t policy_id, bool write);
/* Would `caller` be told the same? May read its groups. */
bool notes_hold_for(const struct notes *notes, struct mount *mount, fuse_req_t req,
		    struct caller *caller);
/* ERR_ACCESS: something was allowed that `caller` may not. May read its groups. */
int notes_allow(const struct notes *notes, struct mount *mount, fuse_req_t req,
		struct caller *caller);
/* May every caller that may read that database have the answer? */
bool notes_are_open(const struct notes *notes, uint32_t database_id);

/* The caller that reads `errors`: an errors_may. */
struct error_reader {
	struct mount *mount;
	const struct caller *caller;
};
bool error_reader_may(void *arg, const struct error_rights *rights);

/* FUSE tells the umask to calls that make a file; for others it is read from the process table. */
uint32_t caller_umask(fuse_req_t req);
/* Attributes of what the caller makes. */
struct attrs caller_attrs(const struct caller *caller, uint32_t mode);

#endif
