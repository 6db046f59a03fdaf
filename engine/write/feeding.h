/*
 * Rows on their way to the engine's feed while their writer reads on.
 *
 *	writer ── batch ──► thread ──► engine_feed
 *	       ◄─ the batch before, empty ─┘
 *
 * What continuous queries make of a write is written within that write, but on a second core. One
 * batch is under way at a time, so that they are fed in order.
 */
#ifndef ENGINE_WRITE_FEEDING_H
#define ENGINE_WRITE_FEEDING_H

#include "engine/base/arena.h"
#include "engine/write/writer.h"

/* What a writer gathers before it stores it. */
struct row_batch {
	struct arena arena; /* lines' strings, rows' values */
	struct memtable_row *rows;
	size_t row_count, row_capacity;
	const struct layout **layouts; /* copies in the arena */
	size_t layout_count, layout_capacity;
};

void row_batch_release(struct row_batch *batch);

struct feeding;

/* NULL: no thread could be had. */
struct feeding *feeding_open(struct engine *engine);
/* Once the batch before is through. `batch` is another one then, in which nothing is. */
void feeding_give(struct feeding *feeding, const struct stored *stored, struct row_batch *batch);
/* All that was given is written. */
void feeding_wait(struct feeding *feeding);
void feeding_close(struct feeding *feeding);

#endif
