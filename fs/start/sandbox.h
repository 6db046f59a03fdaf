/*
 * What the daemon gives away once it serves: gaining rights by an exec (no_new_privs) and, where
 * the kernel has Landlock, every file but the data directory and what is read of the system.
 *
 * Not confined to files is a process with LD_PRELOAD, since nobody knows what its libraries need,
 * and one that was built with a sanitizer. Both have no_new_privs.
 */
#ifndef FS_START_SANDBOX_H
#define FS_START_SANDBOX_H

#include <stdbool.h>

/*
 * `links_path`: where links to a data directory that cannot be written are made, or NULL.
 *
 * For this thread and those it starts, for good. With `files` by Landlock, too, as far as the
 * kernel goes: gives whether it is confined. What cannot be had is told in the log, and no reason
 * to fail.
 */
bool sandbox_enter(const char *data_path, const char *links_path, bool files);

#endif
