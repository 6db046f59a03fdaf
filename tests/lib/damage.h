/* A journal and its copy as they may lie after damage: what the catalog and the index are tried
 * with. */
#ifndef TESTS_LIB_DAMAGE_H
#define TESTS_LIB_DAMAGE_H

#include <stddef.h>

#include "engine/base/slice.h"

/* With nothing beside it to mend it from. */
void damage_write_alone(const char *path, struct slice content);

/* With the copy as it was. */
enum damage_kind {
	DAMAGE_CUT, /* at `at` */
	DAMAGE_FLIPPED,
	DAMAGE_ZEROED, /* from there on */
	DAMAGE_MISSING,
	DAMAGE_KINDS
};
void damage_write(const char *path, struct slice whole, struct slice copy, enum damage_kind kind,
		  size_t at);

#endif
