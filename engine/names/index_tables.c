/*
 * The tables of an index: finds a series by its key, and the parts of a series by its number.
 *
 * Why: a million series have to fit in little memory and be there again
 * within seconds of a start. The picture is in index_tables.h; index_additions.c fills them.
 */
#include "engine/names/index_tables.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/names/index_tables_inner.h"
#include "engine/point/name.h"

/* --- small things ------------------------------------------------------------ */

static struct slice shape_key(const void *owner, uint32_t shape_id)
{
	const struct tables *tables = owner;
	const struct shape *shape = &tables->shapes[shape_id];

	return slice_of(shape->words, (shape->key_count + 1) * sizeof(uint32_t));
}

void tables_init(struct tables *tables)
{
	*tables = (struct tables){ 0 };
	map_init(&tables->shape_ids, shape_key, tables);
}

static void tag_key_release(struct tag_key *key)
{
	for (uint32_t i = 0; i < key->postings_capacity; i++)
		postings_release(&key->postings[i]);
	free(key->postings);
	dict_release(&key->values);
}

static void measurement_release(struct measurement *measurement)
{
	for (uint32_t i = 0; i < measurement->tag_key_capacity; i++)
		tag_key_release(&measurement->tag_keys[i]);
	free(measurement->tag_keys);
	dict_release(&measurement->fields);
	dict_release(&measurement->keys);
	postings_release(&measurement->series);
}

void tables_release(struct tables *tables)
{
	for (uint32_t i = 0; i < tables->measurement_capacity; i++)
		measurement_release(&tables->measurements[i]);
	free(tables->measurements);
	dict_release(&tables->measurement_names);
	free(tables->shapes);
	map_release(&tables->shape_ids);
	free(tables->series);
	free(tables->values);
	free(tables->slots);
	idmap_release(&tables->cut_names);
	buf_release(&tables->scratch);
	arena_release(&tables->arena);
}

size_t tables_bytes(const struct tables *tables)
{
	return tables->arena.bytes + dict_bytes(&tables->measurement_names) +
	       tables->measurement_capacity * sizeof(*tables->measurements) +
	       tables->shape_capacity * sizeof(*tables->shapes) + map_bytes(&tables->shape_ids) +
	       tables->series_capacity * sizeof(*tables->series) +
	       (size_t)tables->value_capacity * sizeof(*tables->values) +
	       tables->slot_count * sizeof(*tables->slots) + idmap_bytes(&tables->cut_names) +
	       tables->list_bytes;
}

struct measurement *tables_measurement(const struct tables *tables, uint32_t measurement_id)
{
	return measurement_id < tables->measurement_names.count
		       ? &tables->measurements[measurement_id]
		       : NULL;
}

struct tag_key *tables_tag_key(const struct tables *tables, uint32_t measurement_id,
			       uint32_t key_id)
{
	const struct measurement *measurement = tables_measurement(tables, measurement_id);

	return measurement && key_id < measurement->keys.count ? &measurement->tag_keys[key_id]
							       : NULL;
}

const struct shape *tables_shape(const struct tables *tables, uint32_t series_id)
{
	if (series_id >= tables->series_count || tables->series[series_id].shape_id == ID_NONE)
		return NULL;
	return &tables->shapes[tables->series[series_id].shape_id];
}

/* --- keys --------------------------------------------------------------------- */

/* The parts of a series: its measurement, then key, value, key, value... */
struct parts {
	const struct tables *tables;
	const struct measurement *measurement;
	const struct shape *shape;
	const uint32_t *values;
};

static struct parts parts_of(const struct tables *tables, uint32_t series_id)
{
	struct parts parts = { .tables = tables, .shape = tables_shape(tables, series_id) };

	assert(parts.shape);
	parts.measurement = &tables->measurements[parts.shape->words[0]];
	parts.values = tables->values + tables->series[series_id].values_at;
	return parts;
}

static struct slice part_measurement(const struct parts *parts)
{
	return dict_name(&parts->tables->measurement_names, parts->shape->words[0]);
}

static struct tag part_tag(const struct parts *parts, uint32_t i)
{
	uint32_t key_id = parts->shape->words[i + 1];

	return (struct tag){ dict_name(&parts->measurement->keys, key_id),
			     dict_name(&parts->measurement->tag_keys[key_id].values,
				       parts->values[i]) };
}

static bool parts_are_plain(const struct parts *parts)
{
	if (!dict_is_plain(&parts->tables->measurement_names, parts->shape->words[0]))
		return false;
	for (uint32_t i = 0; i < parts->shape->key_count; i++) {
		uint32_t key_id = parts->shape->words[i + 1];

		if (!dict_is_plain(&parts->measurement->keys, key_id) ||
		    !dict_is_plain(&parts->measurement->tag_keys[key_id].values, parts->values[i]))
			return false;
	}
	return true;
}

size_t tables_tags(const struct tables *tables, uint32_t series_id, struct tag *tags)
{
	struct parts parts = parts_of(tables, series_id);

	for (uint32_t i = 0; i < parts.shape->key_count; i++)
		tags[i] = part_tag(&parts, i);
	return parts.shape->key_count;
}

void tables_print_key(const struct tables *tables, uint32_t series_id, struct buf *out)
{
	struct parts parts = parts_of(tables, series_id);
	struct tag tags[TAGS_PER_SERIES_MAX];

	for (uint32_t i = 0; i < parts.shape->key_count; i++)
		tags[i] = part_tag(&parts, i);
	if (!parts_are_plain(&parts)) {
		line_print_key(out, part_measurement(&parts), tags, parts.shape->key_count);
		return;
	}
	buf_append_slice(out, part_measurement(&parts));
	for (uint32_t i = 0; i < parts.shape->key_count; i++) {
		buf_append_byte(out, ',');
		buf_append_slice(out, tags[i].key);
		buf_append_byte(out, '=');
		buf_append_slice(out, tags[i].value);
	}
}

/* Takes `part` and one byte before it off the front of `key`. */
static bool take_part(struct slice *key, char before, struct slice part)
{
	if (key->length <= part.length || key->data[0] != before ||
	    memcmp(key->data + 1, part.data, part.length) != 0)
		return false;
	*key = slice_from(*key, part.length + 1);
	return true;
}

/* Is this its canonical key? Without printing it, where nothing needs an escape. */
static bool series_has_key(const struct tables *tables, uint32_t series_id, struct slice key)
{
	struct parts parts = parts_of(tables, series_id);
	struct slice name = part_measurement(&parts);
	struct buf printed = { 0 };
	bool same;

	if (parts_are_plain(&parts)) {
		if (!slice_starts_with(key, name))
			return false;
		key = slice_from(key, name.length);
		for (uint32_t i = 0; i < parts.shape->key_count; i++) {
			struct tag tag = part_tag(&parts, i);

			if (!take_part(&key, ',', tag.key) || !take_part(&key, '=', tag.value))
				return false;
		}
		return key.length == 0;
	}
	tables_print_key(tables, series_id, &printed);
	same = slice_equal(key, buf_slice(&printed));
	buf_release(&printed);
	return same;
}

uint32_t tables_find_series(const struct tables *tables, struct slice key, uint64_t hash)
{
	uint32_t mask = tables->slot_count - 1;

	if (tables->slot_count == 0)
		return ID_NONE;
	for (uint32_t i = (uint32_t)hash & mask; tables->slots[i].series; i = (i + 1) & mask)
		if (tables->slots[i].hash == (uint32_t)hash &&
		    series_has_key(tables, tables->slots[i].series - 1, key))
			return tables->slots[i].series - 1;
	return ID_NONE;
}

void tables_prefetch_slot(const struct tables *tables, uint64_t hash)
{
	if (tables->slot_count)
		__builtin_prefetch(&tables->slots[(uint32_t)hash & (tables->slot_count - 1)]);
}

uint32_t tables_guess(const struct tables *tables, uint64_t hash)
{
	uint32_t mask = tables->slot_count - 1;

	if (tables->slot_count == 0)
		return ID_NONE;
	for (uint32_t i = (uint32_t)hash & mask; tables->slots[i].series; i = (i + 1) & mask)
		if (tables->slots[i].hash == (uint32_t)hash) {
			__builtin_prefetch(&tables->series[tables->slots[i].series - 1]);
			return tables->slots[i].series - 1;
		}
	return ID_NONE;
}

void tables_prefetch_values(const struct tables *tables, uint32_t series_id)
{
	__builtin_prefetch(&tables->values[tables->series[series_id].values_at]);
}

void tables_prefetch_names(const struct tables *tables, uint32_t series_id)
{
	struct parts parts = parts_of(tables, series_id);

	for (uint32_t i = 0; i < parts.shape->key_count; i++)
		dict_prefetch(&parts.measurement->tag_keys[parts.shape->words[i + 1]].values,
			      parts.values[i]);
}

static void slots_put(struct series_slot *slots, uint32_t slot_count, struct series_slot slot)
{
	uint32_t mask = slot_count - 1, i = slot.hash & mask;

	while (slots[i].series)
		i = (i + 1) & mask;
	slots[i] = slot;
}

void tables_add_slot(struct tables *tables, struct series_slot slot)
{
	uint32_t slot_count = tables->slot_count ? tables->slot_count * 2 : 16;

	if (tables->series_count >= tables->slot_count / 4 * 3) {
		struct series_slot *slots = calloc(slot_count, sizeof(*slots));

		if (!slots)
			log_out_of_memory(slot_count * sizeof(*slots));
		for (uint32_t i = 0; i < tables->slot_count; i++)
			if (tables->slots[i].series)
				slots_put(slots, slot_count, tables->slots[i]);
		free(tables->slots);
		tables->slots = slots;
		tables->slot_count = slot_count;
	}
	slots_put(tables->slots, tables->slot_count, slot);
}

/* --- cut names ------------------------------------------------------------------ */

void tables_add_cut_name(struct tables *tables, uint32_t series_id, size_t key_length)
{
	struct parts parts = parts_of(tables, series_id);
	struct tag tags[TAGS_PER_SERIES_MAX];
	size_t tag_count;
	uint64_t hash;

	/* Plain parts are as long in the name as in the key, but for a leading dot. */
	if (parts_are_plain(&parts) && key_length + 2 <= NAME_BYTES_MAX)
		return;
	tag_count = tables_tags(tables, series_id, tags);
	buf_reset(&tables->scratch);
	name_print_full(&tables->scratch, part_measurement(&parts), tags, tag_count);
	if (tables->scratch.length <= NAME_BYTES_MAX)
		return;
	hash = hash_bytes(buf_slice(&tables->scratch));
	if (hash != UINT64_MAX)
		idmap_set(&tables->cut_names, hash, series_id);
}

static bool parse_hash(struct slice digits, uint64_t *hash)
{
	*hash = 0;
	for (size_t i = 0; i < digits.length; i++) {
		char byte = digits.data[i];

		if (byte >= '0' && byte <= '9')
			*hash = *hash << 4 | (uint64_t)(byte - '0');
		else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
			*hash = *hash << 4 | (uint64_t)((byte | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

uint32_t tables_find_cut_name(const struct tables *tables, struct slice name)
{
	struct tag tags[TAGS_PER_SERIES_MAX];
	struct buf printed = { 0 };
	struct parts parts;
	uint32_t series_id;
	uint64_t hash;

	if (!name_is_cut(name) || !parse_hash(slice_from(name, name.length - 16), &hash))
		return ID_NONE;
	series_id = idmap_find(&tables->cut_names, hash);
	if (series_id == MAP_NONE)
		return ID_NONE;
	parts = parts_of(tables, series_id);
	name_print(&printed, part_measurement(&parts), tags, tables_tags(tables, series_id, tags));
	if (!slice_equal(name, buf_slice(&printed)))
		series_id = ID_NONE;
	buf_release(&printed);
	return series_id;
}
