/*
 * Looks the user of -o setuid= up, and changes to it and back while there is one thread: later
 * threads would keep the rights they began with.
 */
#include "fs/start/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/base/number.h"

/* A number that no user has a name for is taken, too: containers have no list of users. */
static int find_number(struct identity *identity, struct buf *why)
{
	uint64_t number;

	if (unsigned_parse(slice_of_text(identity->name), &number) < 0 || number >= UINT32_MAX) {
		buf_printf(why, "option setuid: there is no user %s", identity->name);
		return ERR_NOT_FOUND;
	}
	const struct passwd *user = getpwuid((uid_t)number);

	identity->uid = (uid_t)number;
	identity->gid = user ? user->pw_gid : (gid_t)number;
	return OK;
}

int identity_find(struct identity *identity, struct buf *why)
{
	const struct passwd *user;

	identity->uid = getuid();
	identity->gid = getgid();
	if (!identity->name)
		return OK;
	user = getpwnam(identity->name);
	if (user) {
		identity->uid = user->pw_uid;
		identity->gid = user->pw_gid;
	} else {
		TRY(find_number(identity, why));
	}
	identity->drops = identity->uid != getuid();
	if (identity->drops && geteuid() != 0) {
		buf_append_text(why, "option setuid: only root can become somebody else");
		return ERR_ACCESS;
	}
	return OK;
}

void identity_release(struct identity *identity)
{
	free(identity->name);
	identity->name = NULL;
}

static void print_user(struct buf *out, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		buf_append_text(out, user->pw_name);
	else
		buf_printf(out, "user %u", (unsigned)uid);
}

static int check_owner(const struct identity *identity, const char *path, const struct stat *st,
		       struct buf *why)
{
	if (st->st_uid == identity->uid || st->st_uid == 0)
		return OK;
	buf_printf(why, "%s belongs to ", path);
	print_user(why, st->st_uid);
	buf_append_text(why, ", who could have a process of ");
	print_user(why, identity->uid);
	buf_append_text(why, " change other files: ");
	if (getuid() == 0) {
		buf_append_text(why, "mount with -o setuid=");
		if (getpwuid(st->st_uid))
			print_user(why, st->st_uid);
		else
			buf_printf(why, "%u", (unsigned)st->st_uid);
		buf_append_text(why, ", or chown it");
	} else {
		buf_append_text(why, "chown it, or start as its owner");
	}
	return ERR_ACCESS;
}

/* A 0700 directory above it is what is forgotten most. */
static int check_reach(const struct identity *identity, const char *path, struct buf *why)
{
	if (!identity->drops)
		return OK;
	if (identity_become(identity) < 0) {
		buf_printf(why, "cannot become %s: %s", identity->name, strerror(errno));
		return ERR_ACCESS;
	}
	int failed = euidaccess(path, R_OK | X_OK) < 0 ? errno : 0;

	if (identity_return(identity) < 0) {
		buf_append_text(why, "cannot become root again");
		return ERR_ACCESS;
	}
	if (!failed)
		return OK;
	buf_printf(why, "%s cannot be used by %s: %s (a directory above it may be closed)", path,
		   identity->name, strerror(failed));
	return ERR_ACCESS;
}

int identity_check_directory(const struct identity *identity, const char *path, struct buf *why)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return OK; /* what is not there is told by who needs it */
	TRY(check_owner(identity, path, &st, why));
	TRY(check_reach(identity, path, why));
	if ((st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		log_warning("%s can be written by everybody (mode %o): chmod 700 is right", path,
			    (unsigned)st.st_mode & 07777);
	return OK;
}

/* Groups come first: a user who is not root any more cannot change them. */
int identity_become(const struct identity *identity)
{
	if (!identity->drops)
		return OK;
	const struct passwd *user = getpwuid(identity->uid);
	int failed = user ? initgroups(user->pw_name, identity->gid) : setgroups(1, &identity->gid);

	if (failed || setegid(identity->gid) < 0 || seteuid(identity->uid) < 0)
		return ERR_ACCESS;
	return OK;
}

int identity_return(const struct identity *identity)
{
	if (!identity->drops)
		return OK;
	return seteuid(0) < 0 || setegid(0) < 0 ? ERR_ACCESS : OK;
}

int identity_drop(const struct identity *identity)
{
	if (!identity->drops)
		return OK;
	TRY(identity_become(identity));
	if (seteuid(0) < 0 || setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return ERR_ACCESS;
	/* Else /proc/self/io would be root's, and metrics without what was written. */
	prctl(PR_SET_DUMPABLE, 1);
	/* Prove it: after a true drop the kernel refuses root. */
	return setuid(0) == 0 ? ERR_ACCESS : OK;
}
