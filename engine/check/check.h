/*
 * What seriesfs-check looks at, offline: the files of a data directory (check_files.c), then the
 * points in them (check_points.c). With `repair` what is damaged is moved aside, into
 * DATADIR/set-aside/TIME/, and what can be read of it is put in its place. Nothing is deleted.
 */
#ifndef ENGINE_CHECK_CHECK_H
#define ENGINE_CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/directory/paths.h"

struct check {
	char path[PATH_ROOM]; /* of the data directory */
	struct path aside;    /* made at the first need */
	bool repair, verbose;
	bool is_snapshot; /* a data directory below another */
	uint64_t series, points;
	uint64_t damaged;   /* found */
	uint64_t left;	    /* of these, what could not be mended */
	bool names_damaged; /* the catalog's: what it does not know may be wanted */
	int err;	    /* it could not be checked */
};

/* One line: where, and what is wrong. */
void check_tell(struct check *check, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same of something that is no damage by itself. */
void check_note(struct check *check, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct path check_path(const struct check *check, const char *name);
/* Where something of the data directory is moved to; makes the directory for it. */
int check_aside(struct check *check, const char *name, struct path *path);
/* Move it there. Counts it as left when that fails. */
void check_move_aside(struct check *check, const char *name);

/* Names, and journals record by record. The directory is locked by the caller. */
void check_files(struct check *check);
/* Every chunk of every shard; opens the engine. */
void check_points(struct check *check);

#endif
