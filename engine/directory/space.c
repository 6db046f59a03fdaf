/*
 * Looks at the disk, now and then. Why not for each write: a statfs costs more than a short line.
 */
#include "engine/directory/space.h"

#include "engine/base/limits.h"

#define FILES_RESERVED	64u
#define FILES_PER_SHARD 8u

/* Keep 32 MiB free, or an eighth of a disk smaller than 256 MiB. */
static uint64_t bytes_reserved(const struct env_disk *disk)
{
	return disk->bytes / 8 < SPACE_RESERVED ? disk->bytes / 8 : SPACE_RESERVED;
}

/* The same of files. Where the file system has no such limit it tells of none. */
static uint64_t files_reserved(const struct env_disk *disk)
{
	return disk->files / 8 < FILES_RESERVED ? disk->files / 8 : FILES_RESERVED;
}

void space_init(struct space *space, const char *dir)
{
	*space = (struct space){ .dir = dir, .bytes_unchecked = SPACE_CHECK_BYTES };
}

bool space_has(const struct space *space, uint64_t bytes)
{
	struct env_disk disk;

	return env_disk(space->dir, &disk) < 0 || disk.bytes_usable > bytes_reserved(&disk) + bytes;
}

bool space_has_to_shrink(const struct space *space, uint64_t bytes)
{
	struct env_disk disk;

	return env_disk(space->dir, &disk) < 0 ||
	       disk.bytes_usable > bytes_reserved(&disk) / 4 + bytes;
}

bool space_is_short(const struct space *space)
{
	struct env_disk disk;

	return env_disk(space->dir, &disk) == OK && disk.bytes_usable < 2 * bytes_reserved(&disk);
}

/* --- before writing ----------------------------------------------------------------- */

bool space_is_due(struct space *space, size_t bytes)
{
	uint64_t unchecked = atomic_fetch_add(&space->bytes_unchecked, bytes) + bytes;

	if (unchecked < SPACE_CHECK_BYTES && !atomic_load(&space->is_nearly_full))
		return false;
	atomic_store(&space->bytes_unchecked, 0);
	return true;
}

static int refuse(const struct env_disk *disk, struct diag *diag)
{
	if (disk->bytes_usable >= bytes_reserved(disk))
		return diag_set(diag, ERR_SPACE,
				"no space left: the last %llu files of the disk are kept for "
				"reading and dropping",
				(unsigned long long)files_reserved(disk));
	return diag_set(diag, ERR_SPACE,
			"no space left: the last %llu KiB of the disk are kept for reading and "
			"dropping",
			(unsigned long long)(bytes_reserved(disk) >> 10));
}

int space_look(struct space *space, uint64_t *left, struct diag *diag)
{
	struct env_disk disk;

	*left = UINT64_MAX;
	if (env_disk(space->dir, &disk) < 0)
		return OK;
	uint64_t files = files_reserved(&disk) + atomic_load(&space->files_wanted);
	bool is_short = disk.bytes_usable < bytes_reserved(&disk) ||
			(disk.files && disk.files_free < files);
	atomic_store(&space->is_nearly_full, is_short);
	if (is_short)
		return refuse(&disk, diag);
	*left = disk.bytes_usable - bytes_reserved(&disk);
	return OK;
}

void space_want_shards(struct space *space, uint32_t shards)
{
	atomic_fetch_add(&space->files_wanted, shards * FILES_PER_SHARD);
}

void space_flushed(struct space *space)
{
	atomic_store(&space->files_wanted, 0);
	atomic_store(&space->bytes_unchecked, SPACE_CHECK_BYTES);
}
