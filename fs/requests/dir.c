/*
 * A listing: names that are kept, then series that are only numbers until they
 * are asked for.
 *
 *	| . | .. | objects, scratch files | series ids |
 *	0   1    2                        2 + name_count
 */
#include "fs/requests/dir.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/nodes/kind.h"

/* Between an opendir(3) that failed and the rmdir(2) that means it. */
#define REFUSED_NS (10 * NS_PER_SECOND)

struct listed {
	size_t name_offset, name_length; /* in `names` */
	uint64_t ino;
	mode_t type;
};

struct listing {
	struct mount *mount;
	struct place dir;
	struct buf names, entries; /* bytes; of struct listed */
	uint32_t *series_ids;
	size_t series_count;
	bool read_from_start;
};

static void add_name(void *arg, const struct place *place, struct slice name)
{
	struct listing *listing = arg;
	struct listed listed = { listing->names.length, name.length,
				 tree_ino(place, slice_of("", 0)), tree_type(place->kind) };

	buf_append_slice(&listing->names, name);
	buf_append_byte(&listing->names, '\0');
	buf_append(&listing->entries, &listed, sizeof(listed));
}

static void reset(struct listing *listing)
{
	buf_reset(&listing->names);
	buf_reset(&listing->entries);
	free(listing->series_ids);
	listing->series_ids = NULL;
	listing->series_count = 0;
}

/* Makes the listing anew: names first, then numbers of series. */
static int fill(struct listing *listing)
{
	struct mount *mount = listing->mount;
	const struct kind_ops *ops = kind_ops(mount, &listing->dir);

	reset(listing);
	if (ops->list)
		TRY(ops->list(mount, &listing->dir, add_name, listing));
	if (ops->list_series)
		return ops->list_series(mount, &listing->dir, &listing->series_ids,
					&listing->series_count);
	return OK;
}

static void free_listing(struct listing *listing)
{
	reset(listing);
	buf_release(&listing->names);
	buf_release(&listing->entries);
	free(listing);
}

/* Remembers the group whose listing failed: the rmdir(2) of `rm -r` that follows may drop it
 * unseen. */
static void note_refused(struct mount *mount, const struct place *place)
{
	if (place->kind != KIND_GROUP)
		return;
	atomic_store(&mount->refused_group_id, place->group_id);
	atomic_store(&mount->refused_ns, env_monotonic_ns());
}

bool dir_was_refused(struct mount *mount, const struct place *place)
{
	return place->kind == KIND_GROUP &&
	       atomic_load(&mount->refused_group_id) == place->group_id &&
	       env_monotonic_ns() - atomic_load(&mount->refused_ns) < REFUSED_NS;
}

int dir_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info)
{
	const struct kind_ops *ops = kind_ops(mount, &node->place);
	struct listing *listing;
	int err;

	if (ops->open_list)
		TRY(ops->open_list(req, mount, node));
	listing = calloc(1, sizeof(*listing));
	if (!listing)
		log_out_of_memory(sizeof(*listing));
	listing->mount = mount;
	listing->dir = node->place;
	err = fill(listing);
	if (err < 0) {
		free_listing(listing);
		note_refused(mount, &node->place);
		return err;
	}
	info->fh = (uint64_t)(uintptr_t)listing;
	return OK;
}

static struct listing *listing_of(const struct fuse_file_info *info)
{
	return (struct listing *)(uintptr_t)info->fh;
}

void dir_close(struct fuse_file_info *info)
{
	free_listing(listing_of(info));
}

static size_t add_series(fuse_req_t req, const struct listing *listing, size_t index, char *out,
			 size_t room, off_t next)
{
	struct place place = { .kind = KIND_SERIES,
			       .database_id = listing->dir.database_id,
			       .policy_id = listing->dir.policy_id,
			       .group_id = listing->dir.group_id,
			       .series_id = listing->series_ids[index] };
	struct stat stat = { .st_mode = S_IFREG, .st_ino = tree_ino(&place, slice_of("", 0)) };
	struct index *series = engine_hold_index(listing->mount->engine, place.database_id);
	struct buf name = { 0 };
	size_t used;

	if (!series)
		return 0;
	index_series_name(series, place.series_id, &name);
	used = fuse_add_direntry(req, out, room, buf_text(&name), &stat, next);
	buf_release(&name);
	index_let_go(series);
	return used;
}

/* The entry with a number; 0: there is none. More than `room`: it does not fit. */
static size_t add_entry(fuse_req_t req, const struct listing *listing, size_t index, char *out,
			size_t room)
{
	const struct listed *listed = (const struct listed *)(const void *)listing->entries.data;
	size_t name_count = listing->entries.length / sizeof(*listed);
	struct stat stat = { .st_mode = S_IFDIR };
	off_t next = (off_t)index + 1;

	if (index < 2) {
		stat.st_ino = tree_ino(&listing->dir, slice_of("", 0));
		return fuse_add_direntry(req, out, room, index ? ".." : ".", &stat, next);
	}
	index -= 2;
	if (index >= name_count) {
		index -= name_count;
		return index < listing->series_count
			       ? add_series(req, listing, index, out, room, next)
			       : 0;
	}
	stat.st_mode = listed[index].type;
	stat.st_ino = listed[index].ino;
	return fuse_add_direntry(req, out, room, listing->names.data + listed[index].name_offset,
				 &stat, next);
}

void dir_read(fuse_req_t req, struct mount *mount, struct node *node, size_t bytes, off_t offset,
	      struct fuse_file_info *info)
{
	struct listing *listing = listing_of(info);
	char *out = malloc(bytes);
	size_t used = 0, index = (size_t)offset;

	if (!out)
		log_out_of_memory(bytes);
	/* rewinddir(3): look again. */
	if (offset == 0 && listing->read_from_start)
		fill(listing);
	listing->read_from_start = true;
	for (;; index++) {
		size_t length = add_entry(req, listing, index, out + used, bytes - used);

		if (length == 0 || length > bytes - used)
			break;
		used += length;
	}
	fuse_reply_buf(req, out, used);
	free(out);
}
