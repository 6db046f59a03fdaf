/*
 * Copies the names of a snapshot into an array, each after its parent. They never change, so a
 * name is found without any lock.
 */
#include "fs/snapshots/frozen_names.h"

#include <stdlib.h>

#include "fs/settings/object.h"

struct frozen_entry *frozen_entries(const struct frozen_names *names, size_t *count)
{
	if (count)
		*count = names->entries.length / sizeof(struct frozen_entry);
	return (struct frozen_entry *)(void *)names->entries.data;
}

void frozen_names_release(struct frozen_names *names)
{
	size_t count;
	struct frozen_entry *entries = frozen_entries(names, &count);

	for (size_t i = 0; i < count; i++) {
		buf_release(&entries[i].payload);
		free(entries[i].series_ids);
	}
	buf_release(&names->entries);
}

static uint32_t add_entry(struct frozen_names *names, struct catalog *catalog,
			  uint32_t parent_index, const struct object *object)
{
	size_t count;
	const struct frozen_entry *parent = &frozen_entries(names, &count)[parent_index];
	struct frozen_entry entry = { .parent_index = parent_index, .object = *object };

	if (count) {
		entry.policy_id = parent->policy_id;
		entry.group_id = parent->group_id;
	}
	if (object->kind == OBJECT_POLICY)
		entry.policy_id = object->id;
	if (object->kind == OBJECT_GROUP)
		entry.group_id = object->id;
	if (object->kind == OBJECT_POLICY_FILE)
		object_text(catalog, object, &entry.payload);
	else
		buf_append_slice(&entry.payload, object->payload);
	buf_append(&names->entries, &entry, sizeof(entry));
	return (uint32_t)count;
}

static int copy_below(struct frozen_names *names, struct catalog *catalog, uint32_t parent_index,
		      uint32_t parent_id)
{
	struct object *objects;
	size_t count;
	int err = OK;

	TRY(catalog_list(catalog, parent_id, 0, &objects, &count));
	for (size_t i = 0; i < count && err == OK; i++) {
		uint32_t index = add_entry(names, catalog, parent_index, &objects[i]);

		err = copy_below(names, catalog, index, objects[i].id);
	}
	free(objects);
	return err;
}

int frozen_names_copy(struct frozen_names *names, struct engine *engine, uint32_t database_id)
{
	struct catalog *catalog = engine_catalog(engine);
	struct object database;

	TRY(catalog_get(catalog, database_id, &database));
	add_entry(names, catalog, 0, &database);
	return copy_below(names, catalog, 0, database.id);
}

int frozen_names_find(const struct frozen_names *names, uint32_t parent_index, struct slice name,
		      uint32_t *index)
{
	size_t count;
	const struct frozen_entry *entries = frozen_entries(names, &count);

	for (uint32_t i = 1; i < count; i++)
		if (entries[i].parent_index == parent_index &&
		    slice_equal(entries[i].object.name, name)) {
			*index = i;
			return OK;
		}
	return ERR_NOT_FOUND;
}

bool frozen_has_series(const struct frozen_entry *group, uint32_t series_id)
{
	size_t low = 0, high = group->series_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (group->series_ids[middle] < series_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < group->series_count && group->series_ids[low] == series_id;
}
