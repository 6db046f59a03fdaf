/*
 * The series that have a row in a group: a list, counted, which a group and the views of it that
 * ask share.
 */
#ifndef ENGINE_MEMORY_PRESENT_H
#define ENGINE_MEMORY_PRESENT_H

#include <stddef.h>
#include <stdint.h>

struct present {
	_Atomic int references;
	size_t count;
	uint32_t *ids; /* ascending; free()d with it */
};

struct present *present_new(void); /* NULL: no memory */
struct present *present_ref(struct present *present);
void present_release(struct present *present); /* NULL is fine */

#endif
