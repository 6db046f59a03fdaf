/*
 * The names in a snapshot: copied from its catalog when its engine opens, since they never change.
 * Entries point at their parent; entry 0 is the database. The series of a group are no entries but
 * a sorted array of numbers, filled when the group is first looked at.
 */
#ifndef FS_SNAPSHOTS_FROZEN_NAMES_H
#define FS_SNAPSHOTS_FROZEN_NAMES_H

#include "fs/nodes/mount.h"

struct frozen_entry {
	uint32_t parent_index; /* of itself for the snapshot's own directory */
	struct object object;
	struct buf payload; /* of a file or a link */
	uint32_t policy_id, group_id;
	uint32_t *series_ids; /* of a group, ascending; protected by the snapshot's lock */
	size_t series_count;
	bool has_series;
};

struct frozen_names {
	struct buf entries; /* of struct frozen_entry */
};

/* Everything below a database in the catalog of a snapshot's engine. */
int frozen_names_copy(struct frozen_names *names, struct engine *engine, uint32_t database_id);
void frozen_names_release(struct frozen_names *names);
/* The entries; `count` may be NULL. */
struct frozen_entry *frozen_entries(const struct frozen_names *names, size_t *count);
/* The entry of a name below another one; ERR_NOT_FOUND. */
int frozen_names_find(const struct frozen_names *names, uint32_t parent_index, struct slice name,
		      uint32_t *index);
/* Is it among the series of a group? */
bool frozen_has_series(const struct frozen_entry *group, uint32_t series_id);

#endif
