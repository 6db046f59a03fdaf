/*
 * Who asks. The kernel checks the modes along a path (default_permissions);
 * this is for statements that name another database than their path does, and
 * for those that change something.
 */
#ifndef FS_ACCESS_H
#define FS_ACCESS_H

#include "fs/mount.h"

#define CALLER_GROUPS_MAX 64

struct caller {
	uint32_t uid, gid;
	uint32_t groups[CALLER_GROUPS_MAX]; /* supplementary ones */
	size_t group_count;
};

/* With `groups`, reads the process table: only where it is needed. */
void caller_of(fuse_req_t req, bool groups, struct caller *out);
/* May the caller read, or with `write` change, what has these attributes? OK or ERR_ACCESS. */
int caller_check(const struct caller *caller, const struct attrs *attrs, bool write);
/* The same for a database by its number; 0 = the root directory. */
int caller_check_database(struct mount *mount, const struct caller *caller, uint32_t database_id,
			  bool write);
/* FUSE tells the umask to calls that make a file; for others it is read from the process table. */
uint32_t caller_umask(fuse_req_t req);
/* Attributes of what the caller makes. */
struct attrs caller_attrs(const struct caller *caller, uint32_t mode);

#endif
