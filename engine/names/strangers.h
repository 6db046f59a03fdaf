/*
 * What lies in a data directory under a number that the catalog does not know.
 *
 * A name comes to the disk before what it names: a number that no record made or removed is proof
 * that the catalog lost records. What has it stays where it is, and its number is not given anew
 * (I13).
 */
#ifndef ENGINE_NAMES_STRANGERS_H
#define ENGINE_NAMES_STRANGERS_H

#include "engine/names/catalog.h"

struct strangers {
	uint32_t id_last; /* the greatest number that anything on the disk has */
	size_t count;	  /* proofs of what the catalog has lost */
};

/* Tells the log of the operator when there are any. */
void strangers_look(const char *dir, struct catalog *catalog, struct strangers *out);

#endif
