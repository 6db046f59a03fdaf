/*
 * As whom the daemon runs, and whom the data directory belongs to.
 *
 * Started by root with -o setuid=NAME it opens the data directory as that user, mounts as root, and
 * is that user from then on. Without the option it stays who started it.
 */
#ifndef FS_START_IDENTITY_H
#define FS_START_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine/base/buf.h"

struct identity {
	char *name; /* owned; NULL: no -o setuid= */
	bool drops; /* another than who started it */
	uid_t uid;
	gid_t gid;
};

/* Find the user, by name or number. Below 0: a sentence is in `why`. */
int identity_find(struct identity *identity, struct buf *why);
void identity_release(struct identity *identity);

/*
 * The directory belongs to whom the daemon runs as, or to root, and the user can reach it. Its
 * owner can put links and directories of others in it, through which a daemon of another
 * user would write and delete. ERR_ACCESS: a sentence is in `why`.
 */
int identity_check_directory(const struct identity *identity, const char *path, struct buf *why);

/* The user's rights, which can be given back; then root's again; then the user's for good. */
int identity_become(const struct identity *identity);
int identity_return(const struct identity *identity);
int identity_drop(const struct identity *identity);

#endif
