/*
 * Each kind of directory as a row of functions: find and list go together here, since what is
 * listed must be found, and in the same order of precedence.
 */
#include "fs/requests/directories.h"

#include <stdlib.h>

#include "engine/point/name.h"
#include "fs/nodes/place.h"
#include "fs/points/scratch.h"
#include "fs/points/series.h"
#include "fs/requests/dir.h"
#include "fs/settings/object.h"
#include "fs/settings/setting.h"

/* --- find ---------------------------------------------------------------------------- */

static int find_object(struct mount *mount, const struct node *dir, struct slice name,
		       struct place *out, struct buf *text, struct diag *diag)
{
	struct object object;

	TRY(catalog_find(mount->catalog, dir->place.object_id, name, &object));
	*out = place_of_object(&dir->place, &object);
	return OK;
}

static int find_series(struct mount *mount, const struct place *dir, struct slice name,
		       struct place *out, struct buf *text)
{
	size_t before = text->length;
	int err = place_of_series(mount, dir, name, out, text, NULL);

	if (err < 0)
		return err == ERR_INVALID || err == ERR_TOO_LONG ? ERR_NOT_FOUND : err;
	if (out->series_id != ID_NONE)
		text->length = before; /* the number says it all */
	return OK;
}

static int find_object_or_scratch(struct mount *mount, const struct node *dir, struct slice name,
				  struct place *out, struct buf *text, struct diag *diag)
{
	int err = find_object(mount, dir, name, out, text, diag);

	return err == ERR_NOT_FOUND ? scratch_find(mount, &dir->place, name, out) : err;
}

/* A scratch file of a series' name hides the series: it is what the writer of it wants to see. */
static int find_in_policy(struct mount *mount, const struct node *dir, struct slice name,
			  struct place *out, struct buf *text, struct diag *diag)
{
	int err = find_object_or_scratch(mount, dir, name, out, text, diag);

	return err == ERR_NOT_FOUND ? find_series(mount, &dir->place, name, out, text) : err;
}

static int find_in_group(struct mount *mount, const struct node *dir, struct slice name,
			 struct place *out, struct buf *text, struct diag *diag)
{
	int err = scratch_find(mount, &dir->place, name, out);

	return err == ERR_NOT_FOUND ? find_series(mount, &dir->place, name, out, text) : err;
}

/* --- list ---------------------------------------------------------------------------- */

static int list_objects(struct mount *mount, const struct place *dir, list_each *each, void *arg)
{
	struct object *objects;
	size_t count;

	TRY(catalog_list(mount->catalog, dir->object_id, 0, &objects, &count));
	for (size_t i = 0; i < count; i++) {
		struct place place = place_of_object(dir, &objects[i]);

		each(arg, &place, objects[i].name);
	}
	free(objects);
	return OK;
}

static int list_scratch_and_objects(struct mount *mount, const struct place *dir, list_each *each,
				    void *arg)
{
	scratch_list(mount, dir, each, arg);
	return list_objects(mount, dir, each, arg);
}

/* Only numbers: a group has a hundred thousand series, and `ls | head` should not print them all.
 */
static int list_group_series(struct mount *mount, const struct place *dir, uint32_t **ids,
			     size_t *count)
{
	return engine_group_series(mount->engine, dir->policy_id, dir->group_id, ids, count);
}

/* --- mkdir ----------------------------------------------------------------------------- */

int directory_intern(struct mount *mount, const struct node *dir, const struct object *object,
		     struct node **out)
{
	struct place place = place_of_object(&dir->place, object);
	bool is_new;

	*out = node_intern(mount->nodes, &place, slice_of("", 0), &is_new);
	return OK;
}

static int intern_id(struct mount *mount, const struct node *dir, uint32_t id, struct node **out)
{
	struct object object;

	TRY(catalog_get(mount->catalog, id, &object));
	return directory_intern(mount, dir, &object, out);
}

bool directory_is_dotted(struct slice name)
{
	return name.length > 0 && name.data[0] == '.';
}

static int mkdir_database(struct mount *mount, struct node *dir, struct slice name,
			  const struct attrs *attrs, struct node **out)
{
	uint32_t id;

	if (directory_is_dotted(name))
		return ERR_INVALID;
	TRY(engine_create_database(mount->engine, name, attrs, &id));
	return intern_id(mount, dir, id, out);
}

static int mkdir_fixed(struct mount *mount, struct node *dir, enum object_kind kind,
		       struct slice name, const struct attrs *attrs, struct node **out)
{
	struct object object = {
		.parent_id = dir->place.object_id, .kind = kind, .name = name, .attrs = *attrs
	};

	TRY(catalog_add(mount->catalog, &object));
	return directory_intern(mount, dir, &object, out);
}

static int mkdir_policy(struct mount *mount, struct node *dir, struct slice name,
			const struct attrs *attrs, struct node **out)
{
	struct policy_settings settings = policy_defaults();
	uint32_t id;

	if (slice_equal(name, SLICE("continuous")))
		return mkdir_fixed(mount, dir, OBJECT_CONTINUOUS, name, attrs, out);
	if (slice_equal(name, SLICE("views")))
		return mkdir_fixed(mount, dir, OBJECT_VIEWS, name, attrs, out);
	if (directory_is_dotted(name))
		return ERR_INVALID;
	TRY(engine_create_policy(mount->engine, dir->place.database_id, name, &settings, attrs,
				 &id));
	return intern_id(mount, dir, id, out);
}

static int mkdir_group(struct mount *mount, struct node *dir, struct slice name,
		       const struct attrs *attrs, struct node **out)
{
	int64_t start_s, end_s;
	uint32_t id;

	if (directory_is_dotted(name))
		return scratch_mkdir(mount, &dir->place, name, attrs, out);
	TRY(group_name_parse(name, &start_s, &end_s));
	TRY(engine_create_group(mount->engine, dir->place.policy_id, start_s, end_s, attrs, &id));
	return intern_id(mount, dir, id, out);
}

/* A directory for scratch files, with a dot in front; no other is made there. */
static int mkdir_scratch(struct mount *mount, struct node *dir, struct slice name,
			 const struct attrs *attrs, struct node **out)
{
	if (!directory_is_dotted(name))
		return ERR_NOT_PERMITTED;
	return scratch_mkdir(mount, &dir->place, name, attrs, out);
}

/* --- create ------------------------------------------------------------------------------ */

static int create_series(struct mount *mount, struct node *dir, struct slice name,
			 struct node **out)
{
	struct diag diag = { 0 };
	struct buf key = { 0 };
	struct place place;
	int err = place_of_series(mount, &dir->place, name, &place, &key, &diag);

	if (err == OK)
		*out = series_create(mount, &place, buf_slice(&key));
	else
		place_tell(mount, &dir->place, slice_of("", 0), err, &diag, 0, name);
	buf_release(&key);
	return err;
}

/* A name of a policy that no series could have is refused at once. */
static bool names_series(struct mount *mount, const struct node *dir, struct slice name)
{
	struct buf key = { 0 };
	struct place place;
	int err = place_of_series(mount, &dir->place, name, &place, &key, NULL);

	buf_release(&key);
	return err == OK && !name_is_cut(name);
}

static int create_in_policy(struct mount *mount, struct node *dir, struct slice name,
			    const struct attrs *attrs, int flags, struct node **out)
{
	if (slice_equal(name, SLICE(".policy")))
		return setting_create(mount, dir, name, out);
	if (!directory_is_dotted(name) && !names_series(mount, dir, name))
		return create_series(mount, dir, name, out);
	if (scratch_takes(&dir->place, name, flags))
		return scratch_create(mount, &dir->place, name, attrs, out);
	return create_series(mount, dir, name, out);
}

static int create_in_group(struct mount *mount, struct node *dir, struct slice name,
			   const struct attrs *attrs, int flags, struct node **out)
{
	if (scratch_takes(&dir->place, name, flags))
		return scratch_create(mount, &dir->place, name, attrs, out);
	return create_series(mount, dir, name, out);
}

static int create_in_continuous(struct mount *mount, struct node *dir, struct slice name,
				const struct attrs *attrs, int flags, struct node **out)
{
	if (scratch_takes(&dir->place, name, flags))
		return scratch_create(mount, &dir->place, name, attrs, out);
	return setting_create(mount, dir, name, out);
}

static int create_scratch(struct mount *mount, struct node *dir, struct slice name,
			  const struct attrs *attrs, int flags, struct node **out)
{
	if (!scratch_takes(&dir->place, name, flags))
		return ERR_NOT_PERMITTED;
	return scratch_create(mount, &dir->place, name, attrs, out);
}

/* --- rmdir ------------------------------------------------------------------------------- */

static int check_empty(struct mount *mount, const struct place *place)
{
	struct object *children;
	size_t count;
	bool empty;

	if (scratch_count(mount, place) > 0)
		return ERR_NOT_EMPTY;
	if (place->kind == KIND_GROUP) {
		int err = engine_group_is_empty(mount->engine, place->group_id, &empty);

		if (err < 0)
			return dir_was_refused(mount, place) ? OK : err;
		return empty ? OK : ERR_NOT_EMPTY;
	}
	TRY(catalog_list(mount->catalog, place->object_id, 0, &children, &count));
	free(children);
	return count ? ERR_NOT_EMPTY : OK;
}

static int drop_empty(struct mount *mount, const struct place *place)
{
	TRY(check_empty(mount, place));
	return engine_drop(mount->engine, place->object_id);
}

static int remove_empty(struct mount *mount, const struct place *place)
{
	TRY(check_empty(mount, place));
	return object_remove(mount, place);
}

/* --- the kinds ------------------------------------------------------------------------------ */

#define OBJECT_ATTRIBUTES                                                                          \
	.stat = object_stat, .set = object_set, .attr_seconds = KIND_SECONDS_DIRECTORY,            \
	.entry_seconds = KIND_SECONDS_DIRECTORY

const struct kind_ops root_kind = {
	.find = find_object,
	.list = list_objects,
	.mkdir = mkdir_database,
	OBJECT_ATTRIBUTES,
};

const struct kind_ops database_kind = {
	.find = find_object,
	.list = list_objects,
	.mkdir = mkdir_policy,
	.remove = drop_empty,
	OBJECT_ATTRIBUTES,
};

const struct kind_ops policy_kind = {
	.find = find_in_policy,
	.list = list_scratch_and_objects,
	.mkdir = mkdir_group,
	.create = create_in_policy,
	.remove = drop_empty,
	OBJECT_ATTRIBUTES,
};

const struct kind_ops group_kind = {
	.find = find_in_group,
	.list = scratch_list,
	.list_series = list_group_series,
	.mkdir = mkdir_scratch,
	.create = create_in_group,
	.remove = drop_empty,
	OBJECT_ATTRIBUTES,
};

const struct kind_ops continuous_kind = {
	.find = find_object_or_scratch,
	.list = list_scratch_and_objects,
	.mkdir = mkdir_scratch,
	.create = create_in_continuous,
	.remove = remove_empty,
	OBJECT_ATTRIBUTES,
};

const struct kind_ops views_kind = {
	.find = find_object_or_scratch,
	.list = list_scratch_and_objects,
	.create = create_scratch,
	.remove = remove_empty,
	OBJECT_ATTRIBUTES,
};
