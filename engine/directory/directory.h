/*
 * Is a directory a data directory, or may it become one?
 *
 *	it holds `format`            ours
 *	nothing, or what is passed over    it may become one
 *	anything else                somebody's files: refused, by name
 *
 * A daemon deletes what lies in trash/ and replaces `catalog`. In a home directory that was named
 * by mistake, or with both arguments swapped, that would be the owner's files.
 */
#ifndef ENGINE_DIRECTORY_DIRECTORY_H
#define ENGINE_DIRECTORY_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/directory/paths.h"

/*
 * OK: ours, empty, or not there. ERR_INVALID: `diag` names what was found. Passed over is what
 * file systems and desktops make by themselves (lost+found, .snapshots, .Trash-1000, .nfs0001)
 * and what a first start that died may have left: our names, with nothing in them.
 */
int directory_check(const char *path, struct diag *diag);
/* A name that file systems and desktops make. Never touched by any of our programs. */
bool directory_passes_over(const char *name);

struct directory {
	char path[DIRECTORY_BYTES_MAX]; /* as it was named */
	bool read_only;
	int lock_fd;
};

/*
 * Make it or judge it, lock it, and see to its format. A reader makes nothing. ERR_BUSY:
 * another process has it (diag names it). ERR_INVALID: somebody else's, damaged, or of a newer
 * format. After an error, too, directory_close() it.
 */
int directory_open(struct directory *directory, const char *path, enum env_lock_use use,
		   struct diag *diag);
void directory_close(struct directory *directory);
/* Tells processes that wait for the lock that it will be free soon. */
void directory_stopping(struct directory *directory);
/* The directories of a data directory of one database: a snapshot, or links to one. */
int directory_make_one(const char *path, uint32_t database_id);
/* The entries of these directories are durable when it returns. */
int directory_sync_one(const char *path, uint32_t database_id);

#endif
