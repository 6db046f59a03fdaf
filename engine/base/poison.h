/*
 * What the address sanitizer is told about memory that has no malloc of its own behind it: pieces
 * of an arena's block and of the reserve. Without these words it knows the block alone, and a loop
 * that runs over the end of one piece into the next is not seen.
 *
 * poison(memory, bytes)      whoever touches it is in error
 * unpoison(memory, bytes)    it was handed out
 * poison_gap(room)           bytes that are left free behind a piece, so that its end is one
 * POISON_BLIND               before a function that reads the heads that lie between pieces
 */
#ifndef ENGINE_BASE_POISON_H
#define ENGINE_BASE_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON_BLIND __attribute__((no_sanitize_address))

static inline size_t poison_gap(size_t room)
{
	return room < 16 ? room : 16;
}

static inline void poison(const void *memory, size_t bytes)
{
	__asan_poison_memory_region(memory, bytes);
}

static inline void unpoison(const void *memory, size_t bytes)
{
	__asan_unpoison_memory_region(memory, bytes);
}
#else
#define POISON_BLIND

static inline size_t poison_gap(size_t room)
{
	return 0;
}

static inline void poison(const void *memory, size_t bytes)
{
}

static inline void unpoison(const void *memory, size_t bytes)
{
}
#endif

#endif
