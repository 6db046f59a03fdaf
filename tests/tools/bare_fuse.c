/*
 * What FUSE itself costs: a file system that takes every write and keeps nothing.
 *
 *	bare_fuse MOUNTPOINT [SECONDS]    stays in the foreground; fusermount3 -u ends it
 *
 * Its tree is MOUNTPOINT/db/autogen/m, as deep as a series of ours; the kernel
 * may keep names and attributes for so many seconds (0: it asks each time, as it
 * must where others write, too). One thread serves it.
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static double cached_seconds;

/* The root, and one name in each. */
static const char *const names[] = { "", "db", "autogen", "m" };
#define FILE_INO 4u

static struct stat stat_of(fuse_ino_t ino)
{
	return (struct stat){ .st_ino = ino,
			      .st_mode = ino == FILE_INO ? S_IFREG | 0644 : S_IFDIR | 0755,
			      .st_nlink = 1 };
}

static void bare_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = { .ino = parent + 1,
					  .attr = stat_of(parent + 1),
					  .attr_timeout = cached_seconds,
					  .entry_timeout = cached_seconds };

	if (parent >= FILE_INO || strcmp(name, names[parent]) != 0)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &entry);
}

static void bare_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat stat = stat_of(ino);

	(void)info;
	fuse_reply_attr(req, &stat, cached_seconds);
}

static void bare_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	info->direct_io = 1;
	fuse_reply_open(req, info);
}

static void bare_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t length,
		       off_t offset, struct fuse_file_info *info)
{
	(void)ino;
	(void)bytes;
	(void)offset;
	(void)info;
	fuse_reply_write(req, length);
}

/* As ours: an unfinished line is taken at the close of each duplicate. */
static void bare_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = bare_lookup,
	.getattr = bare_getattr,
	.open = bare_open,
	.write = bare_write,
	.flush = bare_flush,
};

int main(int argc, char **argv)
{
	char *options[] = { argv[0], NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, options);
	struct fuse_session *session;
	int result = 1;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: bare_fuse MOUNTPOINT [SECONDS]\n");
		return 2;
	}
	cached_seconds = argc == 3 ? atof(argv[2]) : 0;
	session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	if (session && fuse_session_mount(session, argv[1]) == 0) {
		result = fuse_session_loop(session);
		fuse_session_unmount(session);
	}
	if (session)
		fuse_session_destroy(session);
	return result != 0;
}
