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

#include "engine/base/err.h"

/*
 * OK: ours, empty, or not there. ERR_INVALID: `diag` names what was found. Passed over is what
 * file systems and desktops make by themselves (lost+found, .snapshots, .Trash-1000, .nfs0001)
 * and what a first start that died may have left: our names, with nothing in them.
 */
int directory_check(const char *path, struct diag *diag);
/* A name that file systems and desktops make. Never touched by any of our programs. */
bool directory_passes_over(const char *name);

#endif
