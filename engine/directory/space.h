/*
 * Room on the disk: how much of it is kept free, and whether the rest is near its end.
 *
 *	free:  ── points are taken ──┬─ the log is moved into shards ─┬─ kept: reading, dropping ──
 *	                             └ twice what the log is long     └ 32 MiB, or an eighth
 *
 * A full disk can still be read from then (LevelDB writes when it opens), be flushed to, and be
 * freed by dropping what is old. upkeep/room.h makes more of it.
 */
#ifndef ENGINE_DIRECTORY_SPACE_H
#define ENGINE_DIRECTORY_SPACE_H

#include <stdatomic.h>

#include "engine/base/env.h"
#include "engine/base/err.h"

/* Atomics alone: a writer asks for each batch. */
struct space {
	const char *dir;		  /* borrowed */
	_Atomic uint64_t bytes_unchecked; /* taken since the disk was last looked at */
	_Atomic bool is_nearly_full;
	_Atomic uint64_t files_wanted; /* for shards that the next flush makes */
};

void space_init(struct space *space, const char *dir);
/* Would the disk hold that much more, beside what is kept free? */
bool space_has(const struct space *space, uint64_t bytes);
/* The same for what gives back more than it takes: it may take most of what is kept free. */
bool space_has_to_shrink(const struct space *space, uint64_t bytes);
/* Is it so full that what was dropped should be deleted before the drop returns? */
bool space_is_short(const struct space *space);

/* `bytes` more are going to be written. True: that is enough for another look at the disk. */
bool space_is_due(struct space *space, size_t bytes);
/* ERR_SPACE: the rest is kept. `*left`: what may still be taken; UINT64_MAX: nobody knows. */
int space_look(struct space *space, uint64_t *left, struct diag *diag);
/* The next flush makes files of so many shards. */
void space_want_shards(struct space *space, uint32_t shards);
/* It has: the disk is looked at with the next write. */
void space_flushed(struct space *space);

#endif
