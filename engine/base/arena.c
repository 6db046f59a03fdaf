/*
 * Blocks chained from the newest to the oldest; room is handed out from the
 * newest.
 *
 *	arena.block -> | previous, bytes | used ... next | free ... end |
 *
 * Blocks double from 4 KiB to 1 MiB. What would fill a block nearly alone gets
 * one of its own behind the newest, so that the newest keeps its free room.
 * Under the address sanitizer free room is poisoned (engine/base/poison.h).
 */
#include "engine/base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/base/poison.h"

#define BLOCK_BYTES_MIN ((size_t)4 << 10)
#define BLOCK_BYTES_MAX ((size_t)1 << 20)

struct arena_block {
	alignas(16) struct arena_block *previous;
	size_t bytes; /* this header included */
};
_Static_assert(sizeof(struct arena_block) == 16, "what follows a header is aligned to 16");

static struct arena_block *block_new(struct arena *arena, size_t bytes)
{
	struct arena_block *block;

	if (arena->bytes_max && (bytes > arena->bytes_max - arena->bytes || !memory_fits(bytes)))
		return NULL;
	block = malloc(bytes);
	if (!block)
		return NULL;
	block->bytes = bytes;
	arena->bytes += bytes;
	return block;
}

/* The usual size at this point of the arena's life, cut to what the budget leaves. */
static size_t block_bytes(const struct arena *arena)
{
	size_t bytes = arena->bytes;

	if (bytes < BLOCK_BYTES_MIN)
		bytes = BLOCK_BYTES_MIN;
	if (bytes > BLOCK_BYTES_MAX)
		bytes = BLOCK_BYTES_MAX;
	if (arena->block_bytes_max && bytes > arena->block_bytes_max)
		bytes = arena->block_bytes_max;
	if (arena->bytes_max && bytes > arena->bytes_max - arena->bytes)
		bytes = arena->bytes_max - arena->bytes;
	return bytes;
}

/* A block for this allocation alone, behind the newest. */
static void *alloc_alone(struct arena *arena, size_t bytes)
{
	struct arena_block *block = block_new(arena, sizeof(*block) + bytes);

	if (!block)
		return NULL;
	if (arena->block) {
		block->previous = arena->block->previous;
		arena->block->previous = block;
	} else {
		block->previous = NULL;
		arena->block = block;
		arena->next = arena->end = (char *)block + block->bytes;
	}
	return block + 1;
}

/* All of the newest block is free. */
static void begin_block(struct arena *arena)
{
	arena->next = (char *)(arena->block + 1);
	arena->end = (char *)arena->block + arena->block->bytes;
	poison(arena->next, (size_t)(arena->end - arena->next));
}

/* There is room for it. */
static void *take(struct arena *arena, size_t pad, size_t bytes)
{
	char *p = arena->next + pad;

	arena->next = p + bytes + poison_gap((size_t)(arena->end - p) - bytes);
	unpoison(p, bytes);
	return p;
}

void arena_begin(struct arena *arena, size_t bytes)
{
	struct arena_block *block = block_new(arena, bytes);

	if (!block)
		return;
	block->previous = arena->block;
	arena->block = block;
	begin_block(arena);
}

static void *alloc_slow(struct arena *arena, size_t bytes)
{
	size_t usual = block_bytes(arena);
	struct arena_block *block;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	if (bytes + sizeof(*block) > usual / 4)
		return alloc_alone(arena, bytes);
	block = arena->block;
	arena_begin(arena, usual);
	if (arena->block == block)
		return NULL;
	return take(arena, 0, bytes);
}

void *arena_alloc_raw(struct arena *arena, size_t bytes, size_t align)
{
	size_t pad = -(uintptr_t)arena->next & (align - 1);
	size_t room = (size_t)(arena->end - arena->next);

	assert(align && align <= 16 && (align & (align - 1)) == 0);
	if (!arena->next || pad > room || bytes > room - pad)
		return alloc_slow(arena, bytes);
	return take(arena, pad, bytes);
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	void *p = arena_alloc_raw(arena, bytes, 16);

	if (p)
		memset(p, 0, bytes);
	return p;
}

struct slice arena_copy(struct arena *arena, struct slice slice)
{
	char *copy = arena_alloc_raw(arena, slice.length + 1, 1);

	if (!copy)
		return slice_of(NULL, 0);
	if (slice.length)
		memcpy(copy, slice.data, slice.length);
	copy[slice.length] = '\0';
	return slice_of(copy, slice.length);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	size_t bytes;
	char *text;

	va_start(args, format);
	va_copy(again, args);
	bytes = (size_t)vsnprintf(NULL, 0, format, args) + 1;
	va_end(args);
	text = arena_alloc_raw(arena, bytes, 1);
	if (text)
		vsnprintf(text, bytes, format, again);
	va_end(again);
	return text;
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity,
		 size_t item_bytes)
{
	void *grown;

	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 8;
	grown = arena_alloc(arena, *capacity * item_bytes);
	if (grown && count)
		memcpy(grown, items, count * item_bytes);
	return grown;
}

static void free_chain(struct arena_block *block)
{
	while (block) {
		struct arena_block *previous = block->previous;

		free(block);
		block = previous;
	}
}

void arena_reset(struct arena *arena)
{
	struct arena_block *newest = arena->block;

	if (!newest)
		return;
	free_chain(newest->previous);
	newest->previous = NULL;
	arena->bytes = newest->bytes;
	begin_block(arena);
}

void arena_release(struct arena *arena)
{
	free_chain(arena->block);
	arena->block = NULL;
	arena->next = arena->end = NULL;
	arena->bytes = 0;
}
