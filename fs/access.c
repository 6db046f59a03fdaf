/* The owner's, the group's or the others' bits, as POSIX picks them. */
#include "fs/access.h"

#include <stdio.h>

#include "engine/base/env.h"

void caller_of(fuse_req_t req, bool groups, struct caller *out)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);
	int count = 0;

	out->uid = context->uid;
	out->gid = context->gid;
	if (groups && context->uid != 0)
		count = fuse_req_getgroups(req, CALLER_GROUPS_MAX, out->groups);
	out->group_count = count < 0 ? 0 : count > CALLER_GROUPS_MAX ? CALLER_GROUPS_MAX : count;
}

static bool in_group(const struct caller *caller, uint32_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->group_count; i++)
		if (caller->groups[i] == gid)
			return true;
	return false;
}

int caller_check(const struct caller *caller, const struct attrs *attrs, bool write)
{
	uint32_t want = write ? 02 : 04;
	unsigned shift = 0;

	if (caller->uid == 0)
		return OK;
	if (caller->uid == attrs->uid)
		shift = 6;
	else if (in_group(caller, attrs->gid))
		shift = 3;
	return attrs->mode >> shift & want ? OK : ERR_ACCESS;
}

int caller_check_database(struct mount *mount, const struct caller *caller, uint32_t database_id,
			  bool write)
{
	struct object object;
	int err = catalog_get(mount->catalog, database_id ? database_id : OBJECT_ROOT_ID, &object);

	if (err == ERR_NOT_FOUND)
		return OK; /* the statement will say so itself */
	if (err < 0)
		return err;
	return caller_check(caller, &object.attrs, write);
}

#define UMASK_UNKNOWN 022 /* a process that has gone already, or that we cannot see */

uint32_t caller_umask(fuse_req_t req)
{
	struct buf text = { 0 };
	char path[32];
	const char *line = NULL;
	unsigned mask = UMASK_UNKNOWN;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)fuse_req_ctx(req)->pid);
	if (env_read_file(path, &text) == OK)
		line = strstr(buf_text(&text), "\nUmask:");
	if (line)
		sscanf(line + strlen("\nUmask:"), "%o", &mask);
	buf_release(&text);
	return mask & 0777;
}

struct attrs caller_attrs(const struct caller *caller, uint32_t mode)
{
	return (struct attrs){ .mode = mode & 07777, .uid = caller->uid, .gid = caller->gid };
}
