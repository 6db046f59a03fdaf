/*
 * Makes, removes and renames names. What can be made in a directory and how a name goes is a
 * verb of its kind; a rename depends on what is renamed.
 */
#include "fs/requests/entries.h"

#include <stdio.h>

#include "fs/nodes/place.h"
#include "fs/points/scratch.h"
#include "fs/requests/directories.h"

int entries_mkdir(struct mount *mount, struct node *dir, struct slice name,
		  const struct attrs *attrs, struct node **out)
{
	const struct kind_ops *ops = kind_ops(mount, &dir->place);

	return ops->mkdir ? ops->mkdir(mount, dir, name, attrs, out) : ERR_NOT_PERMITTED;
}

int entries_create(struct mount *mount, struct node *dir, struct slice name,
		   const struct attrs *attrs, int flags, struct node **out)
{
	const struct kind_ops *ops = kind_ops(mount, &dir->place);

	return ops->create ? ops->create(mount, dir, name, attrs, flags, out) : ERR_NOT_PERMITTED;
}

int entries_symlink(struct mount *mount, struct node *dir, struct slice name, struct slice target,
		    const struct attrs *attrs, struct node **out)
{
	struct object object = { .parent_id = dir->place.object_id,
				 .kind = OBJECT_VIEW,
				 .name = name,
				 .payload = target,
				 .attrs = *attrs };

	object.attrs.mode = 0777;
	TRY(catalog_add(mount->catalog, &object));
	return directory_intern(mount, dir, &object, out);
}

static int remove_place(struct mount *mount, const struct place *place)
{
	const struct kind_ops *ops = kind_ops(mount, place);

	return ops->remove ? ops->remove(mount, place) : ERR_NOT_PERMITTED;
}

int entries_rmdir(struct mount *mount, const struct place *place)
{
	return tree_type(place->kind) == S_IFDIR ? remove_place(mount, place) : ERR_NOT_PERMITTED;
}

int entries_unlink(struct mount *mount, const struct place *place)
{
	return tree_type(place->kind) != S_IFDIR ? remove_place(mount, place) : ERR_NOT_PERMITTED;
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
	if (directory_is_dotted(name) || (place->kind == KIND_POLICY && is_fixed_directory(name)))
		return ERR_INVALID;
	if (target) {
		if (target->kind != place->kind)
			return ERR_EXISTS;
		TRY(entries_rmdir(mount, target));
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

int entries_rename(struct mount *mount, const struct place *place, const struct node *new_dir,
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
