/*
 * More room on the disk, for a writer that found none: what lies in the log goes into shards, and
 * what was dropped is deleted. directory/space.h tells how much there is.
 */
#ifndef ENGINE_UPKEEP_ROOM_H
#define ENGINE_UPKEEP_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

struct engine;

/*
 * ERR_SPACE when taking `bytes` more would eat into what is kept free. Makes room first, unless
 * within the gate.
 */
int room_take(struct engine *engine, size_t bytes, struct diag *diag);
/* The same for the files of a new group, which a flush makes. */
int room_take_shards(struct engine *engine, uint32_t shards);
/*
 * After ERR_SPACE, with no lock held. True: it is worth another try. Within the gate nothing is
 * done.
 */
bool room_make(struct engine *engine);
/* The same where the disk is nearly full. */
void room_make_after_drop(struct engine *engine);

#endif
