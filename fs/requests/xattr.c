/*
 * Tells facts about what lies below a name (points, first and last time, fields, bytes) as
 * extended attributes: `getfattr` gets them without reading the points.
 */
#include "fs/requests/xattr.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/when.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/reply.h"
#include "fs/points/scratch.h"
#include "fs/points/series.h"
#include "fs/requests/setattr.h"

struct facts {
	uint64_t points, fields, bytes;
	int64_t time_first_ns, time_last_ns;
};

static void print_number(struct buf *out, uint64_t number)
{
	buf_printf(out, "%llu", (unsigned long long)number);
}

static void print_time(struct buf *out, const struct facts *facts, int64_t time_ns)
{
	char text[WHEN_BYTES_MAX];

	if (facts->points > 0)
		buf_append(out, text, when_print(text, time_ns));
}

static void print_points(struct buf *out, const struct facts *facts)
{
	print_number(out, facts->points);
}

static void print_first(struct buf *out, const struct facts *facts)
{
	print_time(out, facts, facts->time_first_ns);
}

static void print_last(struct buf *out, const struct facts *facts)
{
	print_time(out, facts, facts->time_last_ns);
}

static void print_fields(struct buf *out, const struct facts *facts)
{
	print_number(out, facts->fields);
}

static void print_bytes(struct buf *out, const struct facts *facts)
{
	print_number(out, facts->bytes);
}

static const struct {
	const char *name;
	void (*print)(struct buf *out, const struct facts *facts);
} attributes[] = {
	{ "user.seriesfs.points", print_points }, { "user.seriesfs.first", print_first },
	{ "user.seriesfs.last", print_last },	  { "user.seriesfs.fields", print_fields },
	{ "user.seriesfs.bytes", print_bytes },
};
#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(attributes[0]))

/* Fields of a measurement that have values in a range. */
static uint64_t count_fields(struct snapshot *snapshot, uint32_t policy_id, uint32_t measurement_id,
			     const struct facts *facts)
{
	uint32_t count = index_field_count(snapshot_index(snapshot), measurement_id);
	uint64_t used = 0;

	for (uint32_t field = 0; field < count; field++) {
		unsigned types = 0;

		snapshot_field_types(snapshot, policy_id, measurement_id, field,
				     facts->time_first_ns, facts->time_last_ns, &types);
		used += types != 0;
	}
	return used;
}

static int count_series_fields(struct mount *mount, const struct place *place, uint32_t series_id,
			       struct facts *facts)
{
	struct snapshot *snapshot;

	TRY(snapshot_open(mount->engine, place->database_id, &snapshot));
	facts->fields =
		count_fields(snapshot, place->policy_id,
			     index_series_measurement(snapshot_index(snapshot), series_id), facts);
	snapshot_close(snapshot);
	return OK;
}

static int count_all_fields(struct mount *mount, const struct place *place, struct facts *facts)
{
	struct snapshot *snapshot;
	uint32_t count;

	TRY(snapshot_open(mount->engine, place->database_id, &snapshot));
	count = index_measurement_count(snapshot_index(snapshot));
	for (uint32_t id = 0; id < count; id++)
		facts->fields += count_fields(snapshot, place->policy_id, id, facts);
	snapshot_close(snapshot);
	return OK;
}

static int series_facts(struct mount *mount, struct node *node, struct facts *out)
{
	uint32_t id = series_number(mount, node);
	struct series_stat stat;
	int err = series_stat_node(mount, node, &stat);

	if (err < 0)
		return err;
	*out = (struct facts){ .points = stat.points,
			       .bytes = stat.disk_bytes,
			       .time_first_ns = stat.time_first_ns,
			       .time_last_ns = stat.time_last_ns };
	return stat.points ? count_series_fields(mount, &node->place, id, out) : OK;
}

/* Adds what a group holds to the facts of its policy. */
static int add_group(struct mount *mount, uint32_t group_id, struct facts *facts)
{
	struct group_stat stat;

	TRY(engine_group_stat(mount->engine, group_id, &stat));
	facts->bytes += stat.disk_bytes;
	if (stat.points == 0)
		return OK;
	if (facts->points == 0 || stat.time_first_ns < facts->time_first_ns)
		facts->time_first_ns = stat.time_first_ns;
	if (facts->points == 0 || stat.time_last_ns > facts->time_last_ns)
		facts->time_last_ns = stat.time_last_ns;
	facts->points += stat.points;
	return OK;
}

static int policy_facts(struct mount *mount, const struct place *place, struct facts *out)
{
	struct object *groups;
	size_t count;
	int err = OK;

	TRY(catalog_list(mount->catalog, place->policy_id, OBJECT_GROUP, &groups, &count));
	for (size_t i = 0; i < count && err == OK; i++)
		err = add_group(mount, groups[i].id, out);
	free(groups);
	return err;
}

/* END: this kind has none. */
static int facts_of(struct mount *mount, struct node *node, struct facts *out)
{
	const struct place *place = &node->place;
	struct place series;
	int err;

	*out = (struct facts){ 0 };
	if (tree_is_series(place->kind))
		return series_facts(mount, node, out);
	/* Renamed a moment ago: the kernel looks again, and finds the series. */
	if (place->kind == KIND_SCRATCH && scratch_became(mount, node, &series))
		return ERR_STALE;
	if (place->kind == KIND_GROUP)
		err = add_group(mount, place->group_id, out);
	else if (place->kind == KIND_POLICY)
		err = policy_facts(mount, place, out);
	else
		return END;
	if (err == OK && out->points)
		err = count_all_fields(mount, place, out);
	return err;
}

static void reply_value(fuse_req_t req, struct slice value, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value.length);
	else if (value.length > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value.data, value.length);
}

void xattr_get(fuse_req_t req, struct mount *mount, struct node *node, const char *name,
	       size_t size)
{
	struct buf value = { 0 };
	struct facts facts;
	size_t i = 0;
	int err;

	while (i < ATTRIBUTE_COUNT && strcmp(attributes[i].name, name) != 0)
		i++;
	/*
	 * ls(1) asks each file for its ACL and capabilities, three lookups each, until
	 * it hears that there is no such thing here.
	 */
	if (strncmp(name, "user.", 5) != 0) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	err = i < ATTRIBUTE_COUNT ? facts_of(mount, node, &facts) : END;
	if (err == END) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	if (err < 0) {
		reply_err(req, err);
		return;
	}
	attributes[i].print(&value, &facts);
	reply_value(req, buf_slice(&value), size);
	buf_release(&value);
}

/*
 * system.posix_acl_access, as the kernel lays it out:
 *
 *	| version: 4 = 2 | { tag: 2 | permissions: 2 | id: 4 } ... |
 */
enum { ACL_USER_OBJ = 0x01, ACL_GROUP_OBJ = 0x04, ACL_MASK = 0x10, ACL_OTHER = 0x20 };

/* The mode that an ACL comes to. False: it is none that we know. */
static bool mode_of_acl(struct slice acl, mode_t *mode)
{
	struct reader reader = reader_of(acl);
	bool has_mask = false;

	*mode = 0;
	if (reader_u32(&reader) != 2)
		return false;
	while (reader_left(&reader) >= 8) {
		uint32_t entry = reader_u32(&reader);
		mode_t bits = entry >> 16 & 7;

		reader_u32(&reader);
		switch (entry & 0xffff) {
		case ACL_USER_OBJ: *mode |= bits << 6; break;
		case ACL_GROUP_OBJ: *mode |= has_mask ? 0 : bits << 3; break;
		case ACL_MASK:
			*mode = (*mode & ~(mode_t)070) | bits << 3;
			has_mask = true;
			break;
		case ACL_OTHER: *mode |= bits; break;
		}
	}
	return !reader.failed;
}

void xattr_set(fuse_req_t req, struct mount *mount, struct node *node, const char *name,
	       struct slice value)
{
	struct stat to = { 0 }, now;
	int err = OK;

	if (strcmp(name, "system.posix_acl_access") == 0 && mode_of_acl(value, &to.st_mode) &&
	    !tree_call(node->place.kind, CALL_CHMOD)) {
		/* An ACL says nothing of the bits above: `cp -a` has set them before. */
		if (attr_stat(mount, node, &now) >= OK)
			to.st_mode |= now.st_mode & 07000;
		err = setattr_apply(mount, node, &to, FUSE_SET_ATTR_MODE, NULL);
	}
	reply_err(req, err);
}
