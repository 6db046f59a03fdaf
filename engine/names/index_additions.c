/*
 * Prints additions as bytes, and applies such bytes to the tables.
 *
 * Why: a new series goes into the tables by the bytes that the journal keeps, so that a start makes
 * the same tables. The bytes may have been on a damaged disk: each is judged, and what a lost
 * record would have named gets a name that is made up.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/names/index_tables_inner.h"

enum addition { ADD_MEASUREMENT = 1, ADD_FIELD, ADD_KEY, ADD_VALUE, ADD_SERIES };

/* A number further ahead than this is not a gap of lost records but nonsense. */
#define GAP_MAX (1u << 20)

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

/* A name of a measurement, with its number: what an addition of a field or of a tag key holds. */
static int read_member(struct tables *tables, struct reader *r, struct measurement **measurement,
		       uint32_t *id, struct slice *name)
{
	uint32_t measurement_id = read_id(r);

	*id = read_id(r);
	*name = reader_prefixed(r);
	if (r->failed)
		return ERR_CORRUPT;
	*measurement = need_measurement(tables, measurement_id);
	return *measurement ? OK : ERR_CORRUPT;
}

static int apply_field(struct tables *tables, struct reader *r)
{
	struct measurement *measurement;
	struct slice name;
	uint32_t id;

	TRY(read_member(tables, r, &measurement, &id, &name));
	set_counted(tables, &measurement->fields, id, name);
	return OK;
}

static int apply_key(struct tables *tables, struct reader *r)
{
	struct measurement *measurement;
	struct slice name;
	uint32_t id;

	TRY(read_member(tables, r, &measurement, &id, &name));
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
	tables_add_slot(tables, (struct series_slot){ hash, id + 1 });
	tables_add_cut_name(tables, id, tables->scratch.length);
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
