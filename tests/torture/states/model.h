/*
 * What a recording's marks say must be, may be and cannot be in a directory: a model of a page.
 *
 *	+ NUMBER THREAD WHAT ARGUMENTS…\nLINES	a call begins
 *	- NUMBER ERR	it returned
 *	= sync | commit	from here on writes and names are durable at once, or not
 *
 * All is a key with a value, so that one rule judges all:
 *
 *	D4			the database that was made as d4	its name now
 *	D4 P0			its policy that was made as p0		its name now
 *	D4 P0 .policy		its settings				shards/hours of a group
 *	D4 P0 SERIES FIELD TIME	a point					its value
 *	D4 snapshot NAME	a snapshot				there
 *
 * A key has versions in the order of its only writer; none is "not there". After a crash it is at
 * the last version that was durable, or at a later one that had begun. And what a thread wrote is a
 * prefix of what it wrote: nothing acknowledged is missing before something that is there. A drop,
 * of a group, too, and a series put in the place of another are whole or not there.
 */
#ifndef TESTS_TORTURE_MODEL_H
#define TESTS_TORTURE_MODEL_H

#include "tests/torture/states/image.h"

struct model;
struct model *model_of(const struct recording *recording);
void model_free(struct model *model);

/* What was found in a directory: keys and values, and what could not be read. */
struct item {
	char *key, *value;
};
struct found {
	struct item *items; /* sorted by found_sort() */
	size_t count;
	struct buf faults; /* one line each */
	/* A mount shows them only where somebody wrote a .policy: none of them is judged. */
	bool lacks_settings;
};
void found_add(struct found *found, const char *key, const char *value);
void found_fault(struct found *found, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void found_sort(struct found *found);
void found_release(struct found *found);

/*
 * Judge what was found after a crash at a record; faults go to found->faults. `in_order`: no file
 * has lost bytes in its middle, so what a thread wrote must be a prefix, and all names are known.
 */
void model_judge(const struct model *model, size_t at, bool in_order, struct found *found);
/* The same for a snapshot: what was acknowledged before it was asked for is in it. */
void model_judge_snapshot(const struct model *model, const char *name, struct found *found);
/* Are both the same? Faults go to `now`. */
void found_compare(const struct found *expected, struct found *now, const char *when);

#endif
