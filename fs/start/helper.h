/*
 * The process that unmounts: forked before the daemon gives its rights away.
 *
 *	daemon ── 'u' ──► helper: umount2(2), else fusermount3 -u
 *	       ◄─ 0/1 ──
 *
 * A daemon that has dropped root, that may not gain rights by an exec (no_new_privs: fusermount3 is
 * setuid) or that Landlock confines cannot unmount by itself. Without a helper SIGTERM would leave
 * a dead mount. It ends with the daemon, however that ends. After kill -9 it leaves the mount dead:
 * what is written there meanwhile fails, and does not land in the directory below; the next
 * start clears it.
 */
#ifndef FS_START_HELPER_H
#define FS_START_HELPER_H

#include <stdbool.h>

/* Fork it, before any thread and any file of the data directory. False: there is none. */
bool helper_start(const char *mount_path);
/* Unmount. False: it could not, or there is no helper. */
bool helper_unmount(void);
/* Let it go, and wait for its end. */
void helper_stop(void);
/* Where argv lies: the helper shows a name of its own in the process table. */
void helper_note_arguments(int argc, char **argv);

#endif
