/*
 * The tables of an index: what is known of each series, in few bytes.
 *
 * Why: a million series have to fit in little memory and be there again
 * within seconds of a start. The picture is in index_tables.h.
 */
#include "engine/names/index_tables.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/point/name.h"

enum addition { ADD_MEASUREMENT = 1, ADD_FIELD, ADD_KEY, ADD_VALUE, ADD_SERIES };

/* A number further ahead than this is not a gap of lost records but nonsense. */
#define GAP_MAX (1u << 20)

/* --- small things ------------------------------------------------------------ */

/* Room for `count` elements, by half more than there was; ends the process when there is none. */
static void *room_for(void *array, uint32_t *capacity, uint64_t count, size_t size)
{
	uint64_t wanted = *capacity + (uint64_t)*capacity / 2;

	if (count <= *capacity)
		return array;
	wanted = wanted < count ? count : wanted;
	wanted = wanted > UINT32_MAX ? UINT32_MAX : wanted;
	array = count > UINT32_MAX ? NULL : reallocarray(array, wanted, size);
	if (!array)
		log_out_of_memory(wanted * size);
	*capacity = (uint32_t)wanted;
	return array;
}

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

static void slots_add(struct tables *tables, struct series_slot slot)
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

static void add_cut_name(struct tables *tables, uint32_t series_id, size_t key_length)
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

/* --- additions as bytes ----------------------------------------------------------- */

void addition_measurement(struct buf *record, uint32_t id, struct slice name)
{
	buf_append_byte(record, ADD_MEASUREMENT);
	buf_append_varint(record, id);
	buf_append_prefixed(record, name);
}

static void append_child(struct buf *record, enum addition addition, uint32_t measurement_id,
			 uint32_t id, struct slice name)
{
	buf_append_byte(record, (char)addition);
	buf_append_varint(record, measurement_id);
	buf_append_varint(record, id);
	buf_append_prefixed(record, name);
}

void addition_field(struct buf *record, uint32_t measurement_id, uint32_t id, struct slice name)
{
	append_child(record, ADD_FIELD, measurement_id, id, name);
}

void addition_key(struct buf *record, uint32_t measurement_id, uint32_t id, struct slice name)
{
	append_child(record, ADD_KEY, measurement_id, id, name);
}

void addition_value(struct buf *record, uint32_t measurement_id, uint32_t key_id, uint32_t id,
		    struct slice name)
{
	buf_append_byte(record, ADD_VALUE);
	buf_append_varint(record, measurement_id);
	buf_append_varint(record, key_id);
	buf_append_varint(record, id);
	buf_append_prefixed(record, name);
}

void addition_series(struct buf *record, uint32_t id, uint32_t measurement_id,
		     const struct tag_ids *tags, size_t tag_count)
{
	buf_append_byte(record, ADD_SERIES);
	buf_append_varint(record, id);
	buf_append_varint(record, measurement_id);
	buf_append_varint(record, tag_count);
	for (size_t i = 0; i < tag_count; i++) {
		buf_append_varint(record, tags[i].key_id);
		buf_append_varint(record, tags[i].value_id);
	}
}

/* A number; what is no u32, or ID_NONE, is a failure. */
static uint32_t read_id(struct reader *r)
{
	uint64_t id = reader_varint(r);

	if (id >= ID_NONE)
		r->failed = true;
	return (uint32_t)id;
}

/* --- names ------------------------------------------------------------------------- */

/* Set a name as a record says. False: it is there, the number or the name is taken, or out of all
 * bounds. */
static bool set_name(struct tables *tables, struct dict *dict, uint32_t id, struct slice name)
{
	if (name.length && slice_equal(dict_name(dict, id), name))
		return false;
	if (name.length == 0 || name.length > SERIES_KEY_BYTES_MAX ||
	    id > (uint64_t)dict->count + GAP_MAX || dict_name(dict, id).data ||
	    dict_find(dict, name) != DICT_NONE) {
		tables->refused++;
		return false;
	}
	dict_set(dict, &tables->arena, id, name);
	tables->names++;
	return true;
}

/* The record that named it was lost. False: not a number that ever was given. */
static bool make_up_name(struct tables *tables, struct dict *dict, uint32_t id)
{
	char name[48];
	unsigned again = 0;

	if (dict_name(dict, id).data)
		return true;
	if (id > (uint64_t)dict->count + GAP_MAX)
		return false;
	snprintf(name, sizeof(name), "recovered.%u", id);
	while (dict_find(dict, slice_of_text(name)) != DICT_NONE)
		snprintf(name, sizeof(name), "recovered.%u.%u", id, ++again);
	dict_set(dict, &tables->arena, id, slice_of_text(name));
	tables->recovered++;
	return true;
}

/* The arrays beside a dictionary are as long as it has room. */
static void fit_measurements(struct tables *tables)
{
	uint32_t old = tables->measurement_capacity;

	tables->measurements =
		room_for(tables->measurements, &tables->measurement_capacity,
			 tables->measurement_names.count, sizeof(*tables->measurements));
	for (uint32_t i = old; i < tables->measurement_capacity; i++)
		tables->measurements[i] = (struct measurement){ .shape_last = ID_NONE };
}

static void fit_tag_keys(struct tables *tables, struct measurement *measurement)
{
	uint32_t old = measurement->tag_key_capacity;
	uint32_t added;

	measurement->tag_keys = room_for(measurement->tag_keys, &measurement->tag_key_capacity,
					 measurement->keys.count, sizeof(struct tag_key));
	added = measurement->tag_key_capacity - old;
	if (added)
		memset(measurement->tag_keys + old, 0, added * sizeof(struct tag_key));
	tables->list_bytes += added * sizeof(struct tag_key);
}

static void fit_postings(struct tables *tables, struct tag_key *key)
{
	uint32_t old = key->postings_capacity;
	uint32_t added;

	key->postings = room_for(key->postings, &key->postings_capacity, key->values.count,
				 sizeof(struct postings));
	added = key->postings_capacity - old;
	if (added)
		memset(key->postings + old, 0, added * sizeof(struct postings));
	tables->list_bytes += added * sizeof(struct postings);
}

/* The measurement of this number, made up when its record was lost; NULL: out of all bounds. */
static struct measurement *need_measurement(struct tables *tables, uint32_t id)
{
	if (!make_up_name(tables, &tables->measurement_names, id))
		return NULL;
	fit_measurements(tables);
	return &tables->measurements[id];
}

static struct tag_key *need_tag_key(struct tables *tables, struct measurement *measurement,
				    uint32_t id)
{
	if (!make_up_name(tables, &measurement->keys, id))
		return NULL;
	fit_tag_keys(tables, measurement);
	return &measurement->tag_keys[id];
}

/* Dictionaries change their size by themselves; what they gained is counted here. */
static bool set_counted(struct tables *tables, struct dict *dict, uint32_t id, struct slice name)
{
	size_t before = dict_bytes(dict);
	bool set = set_name(tables, dict, id, name);

	tables->list_bytes += dict_bytes(dict) - before;
	return set;
}

static int apply_measurement(struct tables *tables, struct reader *r)
{
	uint32_t id = read_id(r);
	struct slice name = reader_prefixed(r);

	if (r->failed)
		return ERR_CORRUPT;
	if (set_name(tables, &tables->measurement_names, id, name))
		fit_measurements(tables);
	return OK;
}

static int apply_field(struct tables *tables, struct reader *r)
{
	uint32_t measurement_id = read_id(r), id = read_id(r);
	struct slice name = reader_prefixed(r);
	struct measurement *measurement;

	if (r->failed)
		return ERR_CORRUPT;
	measurement = need_measurement(tables, measurement_id);
	if (!measurement)
		return ERR_CORRUPT;
	set_counted(tables, &measurement->fields, id, name);
	return OK;
}

static int apply_key(struct tables *tables, struct reader *r)
{
	uint32_t measurement_id = read_id(r), id = read_id(r);
	struct slice name = reader_prefixed(r);
	struct measurement *measurement;

	if (r->failed)
		return ERR_CORRUPT;
	measurement = need_measurement(tables, measurement_id);
	if (!measurement)
		return ERR_CORRUPT;
	if (set_counted(tables, &measurement->keys, id, name))
		fit_tag_keys(tables, measurement);
	return OK;
}

static int apply_value(struct tables *tables, struct reader *r)
{
	uint32_t measurement_id = read_id(r), key_id = read_id(r), id = read_id(r);
	struct slice name = reader_prefixed(r);
	struct measurement *measurement;
	struct tag_key *key;

	if (r->failed)
		return ERR_CORRUPT;
	measurement = need_measurement(tables, measurement_id);
	key = measurement ? need_tag_key(tables, measurement, key_id) : NULL;
	if (!key)
		return ERR_CORRUPT;
	if (set_counted(tables, &key->values, id, name))
		fit_postings(tables, key);
	return OK;
}

/* --- series -------------------------------------------------------------------------- */

static bool shape_is(const struct shape *shape, const uint32_t *words, uint32_t key_count)
{
	return shape->key_count == key_count &&
	       memcmp(shape->words, words, (key_count + 1) * sizeof(*words)) == 0;
}

static uint32_t find_shape(const struct tables *tables, const uint32_t *words, uint32_t key_count)
{
	uint32_t last = tables->measurements[words[0]].shape_last;
	struct slice key = slice_of(words, (key_count + 1) * sizeof(*words));

	if (last != ID_NONE && shape_is(&tables->shapes[last], words, key_count))
		return last;
	return map_find(&tables->shape_ids, key, hash_bytes(key));
}

static uint32_t add_shape(struct tables *tables, const uint32_t *words, uint32_t key_count)
{
	size_t bytes = (key_count + 1) * sizeof(*words);
	uint32_t *copy = arena_alloc_raw(&tables->arena, bytes, sizeof(*words));

	if (!copy)
		log_out_of_memory(bytes);
	memcpy(copy, words, bytes);
	tables->shapes = room_for(tables->shapes, &tables->shape_capacity,
				  (uint64_t)tables->shape_count + 1, sizeof(*tables->shapes));
	tables->shapes[tables->shape_count] = (struct shape){ copy, key_count };
	map_add(&tables->shape_ids, hash_bytes(slice_of(copy, bytes)), tables->shape_count);
	return tables->shape_count++;
}

/* Into name order; false: a key stands there twice. Records have it, unless a name was made up. */
static bool sort_tags(const struct measurement *measurement, struct tag_ids *tags, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct tag_ids tag = tags[i];
		struct slice name = dict_name(&measurement->keys, tag.key_id);
		size_t j = i;
		int order = 1;

		for (; j > 0; j--) {
			order = slice_compare(dict_name(&measurement->keys, tags[j - 1].key_id),
					      name);
			if (order <= 0)
				break;
			tags[j] = tags[j - 1];
		}
		if (j > 0 && order == 0)
			return false;
		tags[j] = tag;
	}
	return true;
}

/* Everything a series names must be there, if need be under a made up name. */
static bool need_tags(struct tables *tables, struct measurement *measurement,
		      const struct tag_ids *tags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tag_key *key = need_tag_key(tables, measurement, tags[i].key_id);

		if (!key || !make_up_name(tables, &key->values, tags[i].value_id))
			return false;
		fit_postings(tables, key);
	}
	return true;
}

static uint32_t need_shape(struct tables *tables, uint32_t measurement_id, struct tag_ids *tags,
			   size_t count)
{
	struct measurement *measurement = &tables->measurements[measurement_id];
	uint32_t words[TAGS_PER_SERIES_MAX + 1];
	uint32_t shape_id;

	words[0] = measurement_id;
	for (size_t i = 0; i < count; i++)
		words[i + 1] = tags[i].key_id;
	shape_id = find_shape(tables, words, (uint32_t)count);
	if (shape_id != MAP_NONE)
		return shape_id;
	if (!sort_tags(measurement, tags, count))
		return ID_NONE;
	for (size_t i = 0; i < count; i++)
		words[i + 1] = tags[i].key_id;
	shape_id = find_shape(tables, words, (uint32_t)count);
	return shape_id != MAP_NONE ? shape_id : add_shape(tables, words, (uint32_t)count);
}

static void add_postings(struct tables *tables, struct postings *postings, uint32_t series_id)
{
	size_t before = postings_bytes(postings);

	postings_add(postings, series_id);
	tables->list_bytes += postings_bytes(postings) - before;
}

static void fit_series(struct tables *tables, uint32_t id)
{
	tables->series = room_for(tables->series, &tables->series_capacity, (uint64_t)id + 1,
				  sizeof(*tables->series));
	for (; tables->series_count <= id; tables->series_count++) {
		tables->series[tables->series_count].shape_id = ID_NONE;
		tables->holes++;
	}
}

/* It fits: put it everywhere. */
static void add_series(struct tables *tables, uint32_t id, uint32_t shape_id,
		       const struct tag_ids *tags, size_t count)
{
	struct measurement *measurement = &tables->measurements[tables->shapes[shape_id].words[0]];
	uint32_t hash;

	tables->names++;
	fit_series(tables, id);
	tables->values = room_for(tables->values, &tables->value_capacity,
				  (uint64_t)tables->value_count + count, sizeof(*tables->values));
	tables->series[id] = (struct series_entry){ shape_id, tables->value_count };
	tables->holes--;
	for (size_t i = 0; i < count; i++)
		tables->values[tables->value_count++] = tags[i].value_id;
	buf_reset(&tables->scratch);
	tables_print_key(tables, id, &tables->scratch);
	hash = (uint32_t)hash_bytes(buf_slice(&tables->scratch));
	slots_add(tables, (struct series_slot){ hash, id + 1 });
	add_cut_name(tables, id, tables->scratch.length);
	for (size_t i = 0; i < count; i++)
		add_postings(tables,
			     &measurement->tag_keys[tags[i].key_id].postings[tags[i].value_id], id);
	add_postings(tables, &measurement->series, id);
	measurement->shape_last = shape_id;
}

static bool series_is(const struct tables *tables, uint32_t id, uint32_t shape_id,
		      const struct tag_ids *tags, size_t count)
{
	if (tables->series[id].shape_id != shape_id)
		return false;
	for (size_t i = 0; i < count; i++)
		if (tables->values[tables->series[id].values_at + i] != tags[i].value_id)
			return false;
	return true;
}

static int apply_series(struct tables *tables, struct reader *r)
{
	uint32_t id = read_id(r), measurement_id = read_id(r);
	uint64_t count = reader_varint(r);
	struct tag_ids tags[TAGS_PER_SERIES_MAX];
	struct measurement *measurement;
	uint32_t shape_id;

	if (count > TAGS_PER_SERIES_MAX)
		return ERR_CORRUPT;
	for (uint64_t i = 0; i < count; i++) {
		tags[i].key_id = read_id(r);
		tags[i].value_id = read_id(r);
	}
	if (r->failed || id > (uint64_t)tables->series_count + GAP_MAX)
		return ERR_CORRUPT;
	measurement = need_measurement(tables, measurement_id);
	if (!measurement || !need_tags(tables, measurement, tags, count))
		return ERR_CORRUPT;
	shape_id = need_shape(tables, measurement_id, tags, count);
	if (shape_id == ID_NONE)
		tables->refused++;
	else if (id < tables->series_count && tables_shape(tables, id))
		tables->refused += !series_is(tables, id, shape_id, tags, count);
	else
		add_series(tables, id, shape_id, tags, count);
	return OK;
}

static int (*const appliers[])(struct tables *tables, struct reader *r) = {
	[ADD_MEASUREMENT] = apply_measurement,
	[ADD_FIELD] = apply_field,
	[ADD_KEY] = apply_key,
	[ADD_VALUE] = apply_value,
	[ADD_SERIES] = apply_series,
};

/* Go over an addition without taking it. */
static void skip_addition(struct reader *r, uint8_t addition)
{
	static const int numbers[] = { [ADD_MEASUREMENT] = 1,
				       [ADD_FIELD] = 2,
				       [ADD_KEY] = 2,
				       [ADD_VALUE] = 3,
				       [ADD_SERIES] = 2 };

	for (int i = 0; i < numbers[addition]; i++)
		reader_varint(r);
	if (addition != ADD_SERIES) {
		reader_prefixed(r);
		return;
	}
	for (uint64_t left = reader_varint(r) * 2; left > 0 && !r->failed; left--)
		reader_varint(r);
}

int additions_sort(struct slice record, struct buf kinds[ADDITION_KINDS])
{
	struct reader r = reader_of(record);

	while (reader_left(&r)) {
		size_t from = record.length - reader_left(&r);
		uint8_t addition = reader_u8(&r);

		if (addition < ADD_MEASUREMENT || addition > ADD_SERIES)
			return ERR_CORRUPT;
		skip_addition(&r, addition);
		if (r.failed)
			return ERR_CORRUPT;
		buf_append(&kinds[addition - ADD_MEASUREMENT], record.data + from,
			   record.length - reader_left(&r) - from);
	}
	return OK;
}

int tables_apply(struct tables *tables, struct slice record)
{
	struct reader r = reader_of(record);

	while (reader_left(&r)) {
		uint8_t addition = reader_u8(&r);

		if (addition < ADD_MEASUREMENT || addition > ADD_SERIES)
			return ERR_CORRUPT;
		TRY(appliers[addition](tables, &r));
	}
	return OK;
}

static void name_holes_of(struct tables *tables, struct dict *dict)
{
	for (uint32_t i = 0; i < dict->count; i++)
		make_up_name(tables, dict, i);
}

void tables_name_holes(struct tables *tables)
{
	name_holes_of(tables, &tables->measurement_names);
	for (uint32_t m = 0; m < tables->measurement_names.count; m++) {
		struct measurement *measurement = &tables->measurements[m];

		name_holes_of(tables, &measurement->fields);
		name_holes_of(tables, &measurement->keys);
		for (uint32_t k = 0; k < measurement->keys.count; k++)
			name_holes_of(tables, &measurement->tag_keys[k].values);
	}
}
