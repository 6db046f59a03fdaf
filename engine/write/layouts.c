/*
 * Remembers which fields lines had. Why: lines of a measurement mostly have the fields of the line
 * before, and each name that is looked up costs a hash.
 */
#include "engine/write/layouts.h"

#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/log.h"

#define LAYOUT_BYTES_MAX (4u << 20)

void layouts_init(struct layouts *layouts, struct index *index)
{
	*layouts = (struct layouts){ .index = index };
}

static void forget(struct layouts *layouts)
{
	for (size_t i = 0; i < layouts->list_count; i++)
		while (layouts->lists[i]) {
			struct known_layout *known = layouts->lists[i];

			layouts->lists[i] = known->next;
			free(known);
		}
	idmap_release(&layouts->list_ids);
	layouts->list_count = layouts->bytes = 0;
	layouts->met_last = NULL;
}

void layouts_release(struct layouts *layouts)
{
	forget(layouts);
	free(layouts->lists);
}

/* The list of a measurement, which may be empty. */
static struct known_layout **list_of(struct layouts *layouts, uint32_t measurement_id)
{
	uint32_t at = idmap_find(&layouts->list_ids, measurement_id);

	if (at != MAP_NONE)
		return &layouts->lists[at];
	grow(&layouts->lists, layouts->list_count, &layouts->list_capacity);
	idmap_set(&layouts->list_ids, measurement_id, (uint32_t)layouts->list_count);
	layouts->lists[layouts->list_count] = NULL;
	return &layouts->lists[layouts->list_count++];
}

struct known_layout *layouts_last(struct layouts *layouts, uint32_t measurement_id)
{
	uint32_t at;

	if (measurement_id == ID_NONE)
		return NULL;
	if (layouts->met_last && layouts->met_last->measurement_id == measurement_id)
		return layouts->met_last;
	at = idmap_find(&layouts->list_ids, measurement_id);
	return at == MAP_NONE ? NULL : layouts->lists[at];
}

void layouts_guess(struct layouts *layouts, uint32_t measurement_id, struct line_context *lines)
{
	const struct known_layout *known = layouts_last(layouts, measurement_id);

	lines->guess_count = 0;
	if (!known || !known->is_plain)
		return;
	lines->guess = known->names;
	lines->guess_count = known->layout.field_count;
}

bool known_layout_has_names(const struct known_layout *known, const struct line_field *fields,
			    size_t count)
{
	if (known->layout.field_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!slice_equal(known->names[i], fields[i].key))
			return false;
	return true;
}

bool known_layout_has_types(const struct known_layout *known, const struct line *line)
{
	if (known->layout.field_count != line->field_count)
		return false;
	for (size_t i = 0; i < line->field_count; i++)
		if (known->layout.fields[i].type != line->fields[i].type)
			return false;
	return true;
}

struct known_layout *layouts_guessed(struct layouts *layouts, uint32_t measurement_id,
				     const struct line *line)
{
	struct known_layout *known;

	if (line->guessed_count != line->field_count)
		return NULL;
	known = layouts_last(layouts, measurement_id);
	return known && known_layout_has_types(known, line) ? known : NULL;
}

static bool has_ids(const struct known_layout *known, const struct line *line, const uint32_t *ids)
{
	if (!known_layout_has_types(known, line))
		return false;
	for (size_t i = 0; i < line->field_count; i++)
		if (known->layout.fields[i].field_id != ids[i])
			return false;
	return true;
}

/* In one piece: the fields of the layout behind it, then the names. */
static struct known_layout *known_layout_new(size_t field_count, size_t *bytes)
{
	size_t names_at = sizeof(struct known_layout) + field_count * sizeof(struct layout_field);
	struct known_layout *known;

	names_at = (names_at + _Alignof(struct slice) - 1) & -_Alignof(struct slice);
	*bytes = names_at + field_count * sizeof(struct slice);
	known = calloc(1, *bytes);
	if (!known)
		log_out_of_memory(*bytes);
	known->layout.field_count = (uint32_t)field_count;
	known->names = (struct slice *)(void *)((char *)known + names_at);
	return known;
}

static struct known_layout *learn(struct layouts *layouts, uint32_t measurement_id,
				  const struct line *line, const uint32_t *ids)
{
	size_t bytes;
	struct known_layout *known = known_layout_new(line->field_count, &bytes);

	known->measurement_id = measurement_id;
	known->measurement = index_measurement_name(layouts->index, measurement_id);
	known->is_plain = true;
	for (size_t i = 0; i < line->field_count; i++) {
		known->layout.fields[i] = (struct layout_field){ ids[i], line->fields[i].type };
		known->names[i] = index_field_name(layouts->index, measurement_id, ids[i]);
		known->is_plain &= line_key_is_plain(known->names[i]);
	}
	layouts->bytes += bytes;
	return known;
}

struct known_layout *layouts_of(struct layouts *layouts, uint32_t measurement_id,
				const struct line *line, const uint32_t *ids)
{
	struct known_layout **list, **link, *known;

	if (layouts->bytes > LAYOUT_BYTES_MAX)
		forget(layouts);
	list = link = list_of(layouts, measurement_id);
	while (*link && !has_ids(*link, line, ids))
		link = &(*link)->next;
	known = *link;
	if (known)
		*link = known->next;
	else
		known = learn(layouts, measurement_id, line, ids);
	known->next = *list;
	*list = known;
	return known;
}
