/*
 * What env.c does for env_lock.c and env_machine.c. Private to the three: an errno and the flags of
 * open() are seen by no other file below fs/.
 */
#ifndef ENGINE_BASE_ENV_INNER_H
#define ENGINE_BASE_ENV_INNER_H

#include <limits.h>
#include <stdbool.h>

/*
 * The row of errors.def for errno, after `what` failed on `path`. An errno that no promise of env.h
 * names is the disk's fault: the operator is told, and the caller gets ERR_IO.
 */
int env_failed(const char *what, const char *path);
/* open() that a signal does not interrupt, of a file or (O_DIRECTORY) a directory; no link, pipe or
 * device. */
int env_open(const char *path, int flags, int *fd);
/* The directory a path lies in, "." when it names none. False: it is too long for a path. */
bool env_parent(const char *path, char parent[PATH_MAX]);

#endif
