/*
 * Everything the program asks of the operating system about files and clocks.
 *
 * Tests wrap these functions to make the n-th call fail (-Wl,--wrap=env_append).
 * All return 0 or ERR_SPACE (disk or quota full), ERR_NOT_FOUND, ERR_EXISTS,
 * ERR_BUSY, ERR_ACCESS, ERR_READ_ONLY, ERR_FILE_SIZE (ulimit -f), ERR_FILES (ulimit -n), ERR_LAYER
 * (of a rename), ERR_IO. Paths are NUL-terminated. Descriptors are close-on-exec. No last part of a
 * path is followed when it is a symbolic link: a user who can put one into a data directory
 * would choose what file of the owner is written.
 */
#ifndef ENGINE_BASE_ENV_H
#define ENGINE_BASE_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

/* Append-only file; created when absent, `size` set to its length. */
int env_open_append(const char *path, int *fd, uint64_t *size);
/* Writes all of it, or fails; after a failure the caller truncates (env_truncate). */
int env_append(int fd, const void *data, size_t length);
int env_truncate(int fd, uint64_t size);
int env_sync(int fd); /* fdatasync */
void env_close(int fd);

/* A range of a file into the same place of another, which may be open for that alone. Not synced.
 */
int env_copy_range(int from_fd, int to_fd, uint64_t offset, uint64_t length);
/* For writing at places; created when absent. */
int env_open_write(const char *path, int *fd);

int env_read_file(const char *path, struct buf *out);
/* The same of a file that is not ours, which may be a symbolic link: /etc/localtime. */
int env_read_system_file(const char *path, struct buf *out);
/* Writes `path`.new, syncs it, renames it over `path`, syncs the directory. */
int env_write_file(const char *path, struct slice content);
/* The first bytes of a file in place; created when absent. Not synced, and told to nobody. */
void env_overwrite(const char *path, struct slice content);
/* The same without a sync: a crash may leave the old file, the new one, or an empty one. */
int env_write_file_unsynced(const char *path, struct slice content);

int env_mkdir(const char *path); /* 0700; OK when it is there already */
int env_rename(const char *from, const char *to);
int env_unlink(const char *path);
/* One more name of a file. Not synced. */
int env_link(const char *from, const char *to);
/* The first `bytes_max` bytes of a file as a new one, synced. ERR_EXISTS. */
int env_copy(const char *from, const char *to, uint64_t bytes_max);
int env_sync_dir(const char *path);
int env_remove_tree(const char *path); /* everything below and itself; OK when absent */
int env_find(const char *path);	       /* OK: there is something */
/*
 * False only where the kernel says that there is nothing: a disk that does not answer must not make
 * what is there look like what never was. A caller that acts on what is missing asks env_find().
 */
bool env_exists(const char *path);
/* Does it lie on a file system that cannot be written? */
bool env_is_read_only(const char *path);
/* Where files may be made that nobody keeps: TMPDIR, /tmp, /run or /dev/shm. NULL: nowhere. */
const char *env_temporary_place(void);
/* What a name is, a link not followed. A look that fails is an error, and not ENV_NOTHING. */
enum env_kind { ENV_NOTHING, ENV_FILE, ENV_DIRECTORY, ENV_LINK, ENV_OTHER };
int env_kind(const char *path, enum env_kind *kind);
bool env_is(const char *path, enum env_kind kind); /* and could be looked at */
/* Follows links: what the user named may be one. */
bool env_is_directory(const char *path);
/* Calls `each` with every name but . and .. until it fails. */
int env_list(const char *path, int (*each)(void *arg, const char *name), void *arg);
/* Bytes really used by the files directly in a directory. */
int env_dir_bytes(const char *path, uint64_t *bytes);

/* What a lock file tells of its owner. */
struct env_lock_owner {
	int pid;       /* 0 = unknown */
	char host[65]; /* "" = unknown: an earlier version has it */
	bool stopping; /* it takes no more requests, and writes what it has */
};

enum env_lock_use {
	ENV_LOCK_WRITES,
	ENV_LOCK_READS, /* a file that cannot be written is locked as it is, or its directory */
	ENV_LOCK_LOOKS, /* so is one that could be: no byte of it changes */
};
/*
 * Takes an exclusive lock for the life of the descriptor and writes our pid and host
 * into the file. ERR_BUSY: `*owner` has it.
 */
int env_lock(const char *path, enum env_lock_use use, int *fd, struct env_lock_owner *owner);
/* Of a directory, without a word in it. ERR_BUSY: another process has it. */
int env_lock_directory(const char *path, int *fd);
/*
 * The same, but an owner that is stopping gets two minutes (told once, by log_info), and any
 * other 0.7 s, which an unmount may take to become known to it.
 */
int env_lock_wait(const char *path, enum env_lock_use use, int *fd, struct env_lock_owner *owner);
/* Tells the processes that wait for our lock that it will be free. */
void env_lock_stopping(int fd);
/* `process 12 on pi4` */
void env_lock_print(const struct env_lock_owner *owner, char *text, size_t size);

/* 0, 1 and 2 are open afterwards, if need be on /dev/null. */
int env_open_standard(void);
/* As many descriptors as this process may have; gives their number, 0 = unknown. */
uint64_t env_raise_descriptors(void);
/* ERR_LIMIT, with words: it may not have `least`. */
int env_want_descriptors(uint64_t least, struct diag *diag);

/*
 * First of all in main(): threads get 2 MiB of stack whatever `ulimit -s` says, and the main one
 * may grow to that where the hard limit allows. OK, or ERR_LIMIT after a sentence on standard
 * error.
 */
int env_settle_stacks(const char *program);

struct env_disk {
	uint64_t bytes, bytes_free, bytes_available;
	uint64_t bytes_usable; /* by this process: all that is free for root */
	uint64_t files, files_free;
};
int env_disk(const char *path, struct env_disk *out);
/* Of this process; 0 where the kernel does not tell. */
struct env_process {
	uint64_t resident_bytes, resident_peak_bytes;
	uint64_t disk_bytes_written; /* also what is still in the page cache */
};
void env_process(struct env_process *out);

/* The wall clock: the one place where the program learns what time it is. */
int64_t env_now_ns(void);
/* From here on it goes on from `now_ns`: for tests, which do not wait for days. */
void env_move_clock(int64_t now_ns);
int64_t env_monotonic_ns(void); /* never steps back */
/* Goes on while the machine sleeps, and over processes until it boots again. */
int64_t env_boot_ns(void);
uint64_t env_boot_id(void); /* another after each boot; 0: unknown */
/* env_boot_ns(), and what env_move_clock() let pass: it stands for time that went by. */
int64_t env_elapsed_ns(void);
uint64_t env_random(void);

#endif
