/*
 * Bump allocation under a budget: everything in it dies in one call.
 *
 * A zeroed struct with `bytes_max` set (0 = no budget) is an empty arena. It
 * is not for several threads at once.
 */
#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H

#include <stdint.h>

#include "engine/base/log.h"
#include "engine/base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *block; /* newest first */
	char *next, *end;	   /* free room in the newest block */
	size_t bytes;		   /* taken from the system */
	size_t bytes_max;	   /* 0 = unlimited; else the thread's meter binds, too */
	size_t block_bytes_max;	   /* 0 = usual: 1 MiB; for arenas of which there are many */
};

/* Zeroed, aligned to 16 bytes; NULL when the budget or the memory is used up. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* Not zeroed, aligned to `align` (a power of two up to 16). */
void *arena_alloc_raw(struct arena *arena, size_t bytes, size_t align);
/*
 * The same for an engine's own work, where memory failure ends the process; 0 bytes are a place,
 * too.
 */
static inline void *arena_need(struct arena *arena, size_t bytes)
{
	void *p = arena_alloc(arena, bytes ? bytes : 1);

	if (!p)
		log_out_of_memory(bytes);
	return p;
}

static inline void *arena_need_raw(struct arena *arena, size_t bytes, size_t align)
{
	void *p = arena_alloc_raw(arena, bytes ? bytes : 1, align);

	if (!p)
		log_out_of_memory(bytes);
	return p;
}

/* A copy with a NUL behind it; data is NULL when there was no room. */
struct slice arena_copy(struct arena *arena, struct slice slice);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Room for one more in an array of the arena: twice as many when `count` has reached `*capacity`.
 * What it outgrows stays there until the end. NULL when the budget or the memory is used up.
 */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity,
		 size_t item_bytes);
/* Begin with a block of so many bytes, for an arena that is reset again and again. */
void arena_begin(struct arena *arena, size_t bytes);
/* Free all but the newest block and start again in it. */
void arena_reset(struct arena *arena);
void arena_release(struct arena *arena);

#endif
