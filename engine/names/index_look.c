/*
 * Tells what stands behind the numbers of an index: names, tags, counts, lists of series.
 *
 * Why apart from index.c: these change nothing and are all alike: a shared lock, one question to
 * the tables, unlock. A number that was never given is no error but has an empty name.
 */
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/names/index_inner.h"
#include "engine/point/name.h"

/* Ends a look. */
static uint32_t seen(const struct index *index, uint32_t number)
{
	unlock(index);
	return number;
}

static struct slice seen_name(const struct index *index, const struct dict *dict, uint32_t number)
{
	struct slice name = dict ? dict_name(dict, number) : slice_of(NULL, 0);

	unlock(index);
	return name.data ? name : SLICE("");
}

static const struct dict *fields_of(const struct index *index, uint32_t measurement_id)
{
	const struct measurement *measurement = tables_measurement(&index->tables, measurement_id);

	return measurement ? &measurement->fields : NULL;
}

static const struct dict *keys_of(const struct index *index, uint32_t measurement_id)
{
	const struct measurement *measurement = tables_measurement(&index->tables, measurement_id);

	return measurement ? &measurement->keys : NULL;
}

static const struct dict *values_of(const struct index *index, uint32_t measurement_id,
				    uint32_t key_id)
{
	const struct tag_key *key = tables_tag_key(&index->tables, measurement_id, key_id);

	return key ? &key->values : NULL;
}

uint32_t index_measurement_count(struct index *index)
{
	look(index);
	return seen(index, index->tables.measurement_names.count);
}

struct slice index_measurement_name(struct index *index, uint32_t measurement_id)
{
	look(index);
	return seen_name(index, &index->tables.measurement_names, measurement_id);
}

uint32_t index_measurement_find(struct index *index, struct slice name)
{
	look(index);
	return seen(index, dict_find(&index->tables.measurement_names, name));
}

uint32_t index_field_count(struct index *index, uint32_t measurement_id)
{
	const struct dict *fields;

	look(index);
	fields = fields_of(index, measurement_id);
	return seen(index, fields ? fields->count : 0);
}

struct slice index_field_name(struct index *index, uint32_t measurement_id, uint32_t field_id)
{
	look(index);
	return seen_name(index, fields_of(index, measurement_id), field_id);
}

uint32_t index_tag_key_count(struct index *index, uint32_t measurement_id)
{
	const struct dict *keys;

	look(index);
	keys = keys_of(index, measurement_id);
	return seen(index, keys ? keys->count : 0);
}

struct slice index_tag_key_name(struct index *index, uint32_t measurement_id, uint32_t key_id)
{
	look(index);
	return seen_name(index, keys_of(index, measurement_id), key_id);
}

uint32_t index_tag_key_find(struct index *index, uint32_t measurement_id, struct slice key)
{
	const struct dict *keys;

	look(index);
	keys = keys_of(index, measurement_id);
	return seen(index, keys ? dict_find(keys, key) : ID_NONE);
}

uint32_t index_tag_value_count(struct index *index, uint32_t measurement_id, uint32_t key_id)
{
	const struct dict *values;

	look(index);
	values = values_of(index, measurement_id, key_id);
	return seen(index, values ? values->count : 0);
}

struct slice index_tag_value_name(struct index *index, uint32_t measurement_id, uint32_t key_id,
				  uint32_t value_id)
{
	look(index);
	return seen_name(index, values_of(index, measurement_id, key_id), value_id);
}

uint32_t index_tag_value_find(struct index *index, uint32_t measurement_id, uint32_t key_id,
			      struct slice value)
{
	const struct dict *values;

	look(index);
	values = values_of(index, measurement_id, key_id);
	return seen(index, values ? dict_find(values, value) : ID_NONE);
}

/* --- series --------------------------------------------------------------------------------- */

uint32_t index_series_count(struct index *index)
{
	look(index);
	return seen(index, index->tables.series_count);
}

uint32_t index_series_measurement(struct index *index, uint32_t series_id)
{
	const struct shape *shape;

	look(index);
	shape = tables_shape(&index->tables, series_id);
	return seen(index, shape ? shape->words[0] : ID_NONE);
}

uint32_t index_series_tag(struct index *index, uint32_t series_id, uint32_t key_id)
{
	const struct tables *tables = &index->tables;
	const struct shape *shape;
	uint32_t value_id = ID_NONE;

	look(index);
	shape = tables_shape(tables, series_id);
	for (uint32_t i = 0; shape && i < shape->key_count; i++)
		if (shape->words[i + 1] == key_id)
			value_id = tables->values[tables->series[series_id].values_at + i];
	return seen(index, value_id);
}

size_t index_series_tags(struct index *index, uint32_t series_id, struct tag *tags)
{
	size_t count = 0;

	look(index);
	if (tables_shape(&index->tables, series_id))
		count = tables_tags(&index->tables, series_id, tags);
	unlock(index);
	return count;
}

void index_series_key(struct index *index, uint32_t series_id, struct buf *out)
{
	look(index);
	if (tables_shape(&index->tables, series_id))
		tables_print_key(&index->tables, series_id, out);
	unlock(index);
}

void index_series_name(struct index *index, uint32_t series_id, struct buf *out)
{
	struct tag tags[TAGS_PER_SERIES_MAX];
	size_t tag_count = 0;
	struct slice measurement = { NULL, 0 };
	const struct shape *shape;

	look(index);
	shape = tables_shape(&index->tables, series_id);
	if (shape) {
		measurement = dict_name(&index->tables.measurement_names, shape->words[0]);
		tag_count = tables_tags(&index->tables, series_id, tags);
	}
	unlock(index);
	/* Names stay where they are. */
	if (measurement.length)
		name_print(out, measurement, tags, tag_count);
}

/* Ends a look: a copy of what the postings say. */
static int seen_postings(const struct index *index, const struct postings *postings, uint32_t **ids,
			 size_t *count)
{
	*count = postings ? postings_count(postings) : 0;
	*ids = malloc((*count + 1) * sizeof(**ids));
	if (*ids && postings)
		postings_get(postings, *ids);
	unlock(index);
	if (!*ids)
		*count = 0;
	return *ids ? OK : ERR_MEMORY;
}

int index_series_of_measurement(struct index *index, uint32_t measurement_id, uint32_t **ids,
				size_t *count)
{
	const struct measurement *measurement;

	look(index);
	measurement = tables_measurement(&index->tables, measurement_id);
	return seen_postings(index, measurement ? &measurement->series : NULL, ids, count);
}

int index_postings(struct index *index, uint32_t measurement_id, uint32_t key_id, uint32_t value_id,
		   uint32_t **ids, size_t *count)
{
	const struct tag_key *key;

	look(index);
	key = tables_tag_key(&index->tables, measurement_id, key_id);
	return seen_postings(index,
			     key && value_id < key->values.count ? &key->postings[value_id] : NULL,
			     ids, count);
}

size_t index_bytes(struct index *index)
{
	size_t bytes;

	look(index);
	bytes = sizeof(*index) + tables_bytes(&index->tables) + map_bytes(&index->spelling_ids) +
		index->spelling_capacity * sizeof(*index->spellings) + index->record.capacity +
		index->waiting.capacity;
	unlock(index);
	return bytes;
}
