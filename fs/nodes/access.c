/*
 * Judges what a caller may: the owner's, the group's or the others' bits of a mode, as POSIX
 * picks them. The kernel does the same along a path; a statement can name databases that lie
 * on no path.
 */
#include "fs/nodes/access.h"

#include <stdio.h>

#include "engine/base/env.h"

void caller_learn_groups(fuse_req_t req, struct caller *caller)
{
	int count;

	if (caller->has_groups || caller->uid == 0)
		return;
	count = fuse_req_getgroups(req, CALLER_GROUPS_MAX, caller->groups);
	caller->has_groups = count >= 0 && count <= CALLER_GROUPS_MAX;
	caller->group_count = caller->has_groups ? (size_t)count : 0;
}

void caller_of(fuse_req_t req, bool groups, struct caller *out)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);

	out->uid = context->uid;
	out->gid = context->gid;
	out->group_count = 0;
	out->has_groups = false;
	if (groups)
		caller_learn_groups(req, out);
}

bool caller_equal(const struct caller *a, const struct caller *b)
{
	if (a->uid != b->uid || a->gid != b->gid)
		return false;
	if (a->uid == 0)
		return true;
	return a->has_groups && b->has_groups && a->group_count == b->group_count &&
	       memcmp(a->groups, b->groups, a->group_count * sizeof(a->groups[0])) == 0;
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

/* Neither root nor the owner, nor in the group as far as is known. */
static bool may_be_other(const struct caller *caller, const struct attrs *attrs)
{
	return caller->uid != 0 && caller->uid != attrs->uid && !in_group(caller, attrs->gid);
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
	else if (!caller->has_groups && !(attrs->mode >> 3 & want))
		return ERR_ACCESS; /* a mode like 0705 shuts its group out, and this may be one of
				      it */
	return attrs->mode >> shift & want ? OK : ERR_ACCESS;
}

bool caller_needs_groups(const struct caller *caller, const struct attrs *attrs, bool write)
{
	uint32_t want = write ? 02 : 04;

	return !caller->has_groups && may_be_other(caller, attrs) &&
	       !(attrs->mode >> 3 & want) != !(attrs->mode & want);
}

int caller_check_object(struct catalog *catalog, const struct caller *caller, uint32_t id,
			bool write)
{
	struct object object;
	int err = catalog_get(catalog, id ? id : OBJECT_ROOT_ID, &object);

	if (err == ERR_NOT_FOUND)
		return OK;
	if (err < 0)
		return err;
	return caller_check(caller, &object.attrs, write);
}

bool caller_is_owner(struct mount *mount, const struct caller *caller)
{
	return caller->uid == 0 || caller->uid == mount->uid;
}

/* --- what a request asked ------------------------------------------------------------ */

void notes_release(struct notes *notes)
{
	buf_release(&notes->checks);
	*notes = (struct notes){ 0 };
}

static const struct noted_check *checks_of(const struct notes *notes, size_t *count)
{
	*count = notes->checks.length / sizeof(struct noted_check);
	return (const struct noted_check *)(const void *)notes->checks.data;
}

/* A statement asks for the same few again and again. */
#define LOOK_BACK 8u

static bool is_noted(const struct notes *notes, const struct noted_check *check)
{
	size_t count;
	const struct noted_check *checks = checks_of(notes, &count);

	for (size_t i = count; i > 0 && count - i < LOOK_BACK; i--)
		if (checks[i - 1].id == check->id && checks[i - 1].write == check->write &&
		    checks[i - 1].is_allowed == check->is_allowed)
			return true;
	return false;
}

int notes_check(struct notes *notes, struct mount *mount, struct catalog *catalog,
		const struct caller *caller, uint32_t database_id, uint32_t policy_id, bool write)
{
	struct noted_check check = { .id = policy_id ? policy_id : database_id, .write = write };
	struct object object;
	int err;

	if (check.id == QUERY_ALL_DATABASES) {
		notes->is_personal = true;
		return caller_is_owner(mount, caller) ? OK : ERR_ACCESS;
	}
	err = catalog_get(catalog, check.id ? check.id : OBJECT_ROOT_ID, &object);
	if (err < 0)
		return err == ERR_NOT_FOUND ? OK : err;
	err = caller_check(caller, &object.attrs, write);
	check.is_allowed = err == OK;
	check.attrs = object.attrs;
	if (!is_noted(notes, &check))
		buf_append(&notes->checks, &check, sizeof(check));
	return err;
}

/* By today's modes: they may have been changed since the request ran. */
static bool may_today(const struct notes *notes, struct mount *mount, fuse_req_t req,
		      struct caller *caller, const struct noted_check *check)
{
	struct attrs attrs = check->attrs;
	struct object object;

	if (!notes->is_past &&
	    catalog_get(mount->catalog, check->id ? check->id : OBJECT_ROOT_ID, &object) == OK)
		attrs = object.attrs;
	if (caller_needs_groups(caller, &attrs, check->write))
		caller_learn_groups(req, caller);
	return caller_check(caller, &attrs, check->write) == OK;
}

bool notes_hold_for(const struct notes *notes, struct mount *mount, fuse_req_t req,
		    struct caller *caller)
{
	size_t count;
	const struct noted_check *checks = checks_of(notes, &count);

	for (size_t i = 0; i < count; i++)
		if (may_today(notes, mount, req, caller, &checks[i]) != checks[i].is_allowed)
			return false;
	return true;
}

int notes_allow(const struct notes *notes, struct mount *mount, fuse_req_t req,
		struct caller *caller)
{
	size_t count;
	const struct noted_check *checks = checks_of(notes, &count);

	for (size_t i = 0; i < count; i++)
		if (checks[i].is_allowed && !may_today(notes, mount, req, caller, &checks[i]))
			return ERR_ACCESS;
	return OK;
}

bool notes_are_open(const struct notes *notes, uint32_t database_id)
{
	size_t count;
	const struct noted_check *checks = checks_of(notes, &count);

	for (size_t i = 0; i < count; i++)
		if (checks[i].id != database_id && (checks[i].attrs.mode & 0444) != 0444)
			return false;
	return !notes->is_personal;
}

bool error_reader_may(void *arg, const struct error_rights *rights)
{
	const struct error_reader *reader = arg;
	struct catalog *catalog = reader->mount->catalog;

	if (caller_is_owner(reader->mount, reader->caller) ||
	    (rights->has_uid && rights->uid == reader->caller->uid))
		return true;
	if (rights->is_private)
		return false;
	return rights->object_id == 0 ||
	       caller_check_object(catalog, reader->caller, rights->object_id, false) == OK;
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
