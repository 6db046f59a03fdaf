/* By kind of directory, or by kind of what is removed. */
#include "fs/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/point/name.h"
#include "fs/dir.h"
#include "fs/frozen.h"
#include "fs/place.h"
#include "fs/scratch.h"
#include "fs/series.h"
#include "fs/setting.h"

static int intern(struct mount *mount, const struct node *dir, const struct object *object,
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
	return intern(mount, dir, &object, out);
}

static bool is_dotted(struct slice name)
{
	return name.length > 0 && name.data[0] == '.';
}

static int mkdir_database(struct mount *mount, struct node *dir, struct slice name,
			  const struct attrs *attrs, struct node **out)
{
	uint32_t id;

	if (is_dotted(name))
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
	return intern(mount, dir, &object, out);
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
	if (is_dotted(name))
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

	TRY(group_name_parse(name, &start_s, &end_s));
	TRY(engine_create_group(mount->engine, dir->place.policy_id, start_s, end_s, attrs, &id));
	return intern_id(mount, dir, id, out);
}

int names_mkdir(struct mount *mount, struct node *dir, struct slice name, const struct attrs *attrs,
		struct node **out)
{
	switch ((enum kind)dir->place.kind) {
	case KIND_ROOT: return mkdir_database(mount, dir, name, attrs, out);
	case KIND_DATABASE: return mkdir_policy(mount, dir, name, attrs, out);
	case KIND_POLICY:
	case KIND_GROUP:
	case KIND_CONTINUOUS:
		if (is_dotted(name))
			return scratch_mkdir(mount, &dir->place, name, attrs, out);
		if (dir->place.kind == KIND_POLICY)
			return mkdir_group(mount, dir, name, attrs, out);
		return ERR_NOT_PERMITTED;
	case KIND_SNAPSHOTS: return frozen_mkdir(mount, dir, name, out);
	default: return ERR_NOT_PERMITTED;
	}
}

int names_symlink(struct mount *mount, struct node *dir, struct slice name, struct slice target,
		  const struct attrs *attrs, struct node **out)
{
	struct object object = { .parent_id = dir->place.object_id,
				 .kind = OBJECT_VIEW,
				 .name = name,
				 .payload = target,
				 .attrs = *attrs };

	object.attrs.mode = 0777;
	TRY(catalog_add(mount->catalog, &object));
	return intern(mount, dir, &object, out);
}

static int create_setting(struct mount *mount, struct node *dir, struct slice name,
			  struct node **out)
{
	struct place place = setting_place_unborn(&dir->place);
	bool is_new;

	*out = node_intern(mount->nodes, &place, name, &is_new);
	return OK;
}

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

int names_create(struct mount *mount, struct node *dir, struct slice name,
		 const struct attrs *attrs, int flags, struct node **out)
{
	enum kind kind = dir->place.kind;

	if (kind == KIND_POLICY && slice_equal(name, SLICE(".policy")))
		return create_setting(mount, dir, name, out);
	if (kind == KIND_POLICY && !is_dotted(name) && !names_series(mount, dir, name))
		return create_series(mount, dir, name, out);
	if (scratch_takes(&dir->place, name, flags))
		return scratch_create(mount, &dir->place, name, attrs, out);
	if (kind == KIND_CONTINUOUS)
		return create_setting(mount, dir, name, out);
	if (kind == KIND_POLICY || kind == KIND_GROUP)
		return create_series(mount, dir, name, out);
	return ERR_NOT_PERMITTED;
}

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

int names_rmdir(struct mount *mount, const struct place *place)
{
	switch ((enum kind)place->kind) {
	case KIND_DATABASE:
	case KIND_POLICY:
	case KIND_GROUP:
		TRY(check_empty(mount, place));
		return engine_drop(mount->engine, place->object_id);
	case KIND_CONTINUOUS:
	case KIND_VIEWS:
		TRY(check_empty(mount, place));
		return catalog_remove(mount->catalog, place->object_id);
	case KIND_SCRATCH_DIR:
		if (scratch_count(mount, place) > 0)
			return ERR_NOT_EMPTY;
		return scratch_remove(mount, place);
	case KIND_FROZEN_DIR: return frozen_rmdir(mount, place);
	default: return ERR_NOT_PERMITTED;
	}
}

static int remove_series(struct mount *mount, const struct place *place)
{
	int err;

	if (place->series_id == ID_NONE)
		return ERR_NOT_FOUND;
	err = engine_series_remove(mount->engine, place->policy_id, place->group_id,
				   place->series_id, TIME_MIN_NS, TIME_MAX_NS);
	if (err == OK)
		series_forget_place(mount, place);
	return err;
}

int names_unlink(struct mount *mount, const struct place *place)
{
	switch ((enum kind)place->kind) {
	case KIND_SERIES:
	case KIND_SERIES_ALL: return remove_series(mount, place);
	case KIND_SCRATCH: return scratch_remove(mount, place);
	case KIND_POLICY_FILE: return setting_remove_policy(mount, place);
	case KIND_CONTINUOUS_QUERY:
	case KIND_VIEW: return catalog_remove(mount->catalog, place->object_id);
	default: return ERR_NOT_PERMITTED;
	}
}

/* Names in a database that are never a policy's. */
static bool is_fixed_directory(struct slice name)
{
	return slice_equal(name, SLICE("continuous")) || slice_equal(name, SLICE("views"));
}

/* A directory may be renamed over an empty one of its kind. */
static int rename_directory(struct mount *mount, const struct place *place, struct slice name,
			    const struct place *target)
{
	if (is_dotted(name) || (place->kind == KIND_POLICY && is_fixed_directory(name)))
		return ERR_INVALID;
	if (target) {
		if (target->kind != place->kind)
			return ERR_EXISTS;
		TRY(names_rmdir(mount, target));
	}
	return catalog_rename(mount->catalog, place->object_id, name, false);
}

static uint32_t parent_of(struct mount *mount, const struct place *place)
{
	struct object object;

	return catalog_get(mount->catalog, place->object_id, &object) == OK ? object.parent_id : 0;
}

static int rename_object(struct mount *mount, const struct place *place, const struct node *new_dir,
			 struct slice name, const struct place *target)
{
	if (parent_of(mount, place) != new_dir->place.object_id)
		return ERR_NOT_PERMITTED;
	if (tree_type(place->kind) == S_IFDIR)
		return rename_directory(mount, place, name, target);
	if (target && target->kind != place->kind)
		return ERR_NOT_PERMITTED;
	return catalog_rename(mount->catalog, place->object_id, name, target != NULL);
}

int names_rename(struct mount *mount, const struct place *place, const struct node *new_dir,
		 struct slice new_name, const struct place *target, unsigned flags)
{
	if (flags & RENAME_EXCHANGE)
		return ERR_INVALID;
	if (flags & RENAME_NOREPLACE && target)
		return ERR_EXISTS;
	if (place->kind == KIND_SCRATCH)
		return scratch_rename(mount, place, &new_dir->place, new_name, flags);
	return rename_object(mount, place, new_dir, new_name, target);
}
