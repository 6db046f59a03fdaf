/*
 * Finds the number of a series, and makes one.
 *
 * Why: a line names its series by some sixty bytes of text, a shard by a
 * number; between them is this lookup, once a line. The tables
 * (index_tables.h) know each series by its canonical key; in front of them is a
 * table of spellings, which are the bytes that writers really send.
 *
 *	raw key -> spellings (bounded: one hash, one memcmp)
 *	        -> tables    (canonical: one hash, compared part by part)
 *	        -> parsed    (any other order of tags), then as above
 *
 * What is new is an addition as bytes: the tables take it at once, the journal
 * with what else came until it is needed there (index_waiting.c).
 */
#include "engine/names/index.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/names/index_inner.h"
#include "engine/point/name.h"

/*
 * Canonical spellings are found without the table, only slower (about 200 ns,
 * when ten tags are cold): the first ones get a place. Others would have to be
 * parsed each time; they get more. Neither grows beyond its bytes.
 */
#define CANONICAL_SPELLINGS_MAX	     16384u
#define CANONICAL_SPELLING_BYTES_MAX (4u << 20)
#define OTHER_SPELLINGS_MAX	     262144u
#define OTHER_SPELLING_BYTES_MAX     (32u << 20)

/* --- adding -------------------------------------------------------------------- */

/* The number of a name, or the next free one with the addition printed. */
static uint32_t find_or_print_measurement(struct index *index, struct slice name)
{
	uint32_t id = dict_find(&index->tables.measurement_names, name);

	if (id == DICT_NONE) {
		id = index->tables.measurement_names.count;
		addition_measurement(&index->record, id, name);
	}
	return id;
}

/* `new_keys` counts the keys printed before it. The measurement may be new itself. */
static struct tag_ids find_or_print_tag(struct index *index, uint32_t measurement_id,
					const struct tag *tag, uint32_t *new_keys)
{
	const struct measurement *measurement = tables_measurement(&index->tables, measurement_id);
	struct tag_ids ids = { DICT_NONE, DICT_NONE };

	if (measurement)
		ids.key_id = dict_find(&measurement->keys, tag->key);
	if (ids.key_id == DICT_NONE) {
		ids.key_id = (measurement ? measurement->keys.count : 0) + (*new_keys)++;
		addition_key(&index->record, measurement_id, ids.key_id, tag->key);
		ids.value_id = 0;
	} else {
		const struct dict *values = &measurement->tag_keys[ids.key_id].values;

		ids.value_id = dict_find(values, tag->value);
		if (ids.value_id != DICT_NONE)
			return ids;
		ids.value_id = values->count;
	}
	addition_value(&index->record, measurement_id, ids.key_id, ids.value_id, tag->value);
	return ids;
}

void index_print_series(struct index *index, uint32_t series_id, struct slice measurement,
			const struct tag *tags, size_t tag_count)
{
	uint32_t measurement_id = find_or_print_measurement(index, measurement);
	struct tag_ids ids[TAGS_PER_SERIES_MAX];
	uint32_t new_keys = 0;

	for (size_t i = 0; i < tag_count; i++)
		ids[i] = find_or_print_tag(index, measurement_id, &tags[i], &new_keys);
	addition_series(&index->record, series_id, measurement_id, ids, tag_count);
}

/* Under the lock for changes; `key` is the canonical one. */
static int find_or_add(struct index *index, struct slice key, struct slice measurement,
		       const struct tag *tags, size_t tag_count, uint32_t *series_id,
		       struct diag *diag)
{
	uint32_t count = index->tables.series_count;

	*series_id = tables_find_series(&index->tables, key, hash_bytes(key));
	if (*series_id != ID_NONE)
		return OK;
	if (!index->journal)
		return ERR_READ_ONLY;
	if (count >= index->series_max)
		return diag_set(diag, ERR_LIMIT, "max-series-per-database limit exceeded: (%u)",
				index->series_max);
	if (index->tables.value_count > UINT32_MAX - TAGS_PER_SERIES_MAX)
		return diag_set(diag, ERR_LIMIT, "too many tags in this database");
	index_print_series(index, count, measurement, tags, tag_count);
	TRY(index_commit(index));
	*series_id = count;
	return OK;
}

static int check_parts(struct slice key, size_t tag_count, struct diag *diag)
{
	if (key.length > SERIES_KEY_BYTES_MAX)
		return diag_set(diag, ERR_TOO_LONG, "max key length exceeded: %zu > %u", key.length,
				SERIES_KEY_BYTES_MAX);
	if (tag_count > TAGS_PER_SERIES_MAX)
		return diag_set(diag, ERR_TOO_LONG, "more than %u tags", TAGS_PER_SERIES_MAX);
	return OK;
}

static void note_spelling(struct index *index, struct slice raw, uint32_t series_id,
			  bool canonical);

/* Find by parts, or add, and remember that it is spelled `raw` (unless that is empty). */
static int series_of_parts(struct index *index, struct slice raw, struct slice measurement,
			   const struct tag *tags, size_t tag_count, bool add, uint32_t *series_id,
			   struct diag *diag)
{
	struct buf printed = { 0 };
	struct slice key;
	int err;

	line_print_key(&printed, measurement, tags, tag_count);
	key = buf_slice(&printed);
	err = check_parts(key, tag_count, diag);
	if (err == OK && add) {
		change(index);
		err = find_or_add(index, key, measurement, tags, tag_count, series_id, diag);
		if (err == OK && raw.length)
			note_spelling(index, raw, *series_id, slice_equal(raw, key));
		unlock(index);
	} else if (err == OK) {
		look(index);
		*series_id = tables_find_series(&index->tables, key, hash_bytes(key));
		unlock(index);
	}
	buf_release(&printed);
	return err;
}

int index_add_series(struct index *index, struct slice raw_key, struct slice measurement,
		     const struct tag *tags, size_t tag_count, uint32_t *series_id,
		     struct diag *diag)
{
	return series_of_parts(index, raw_key, measurement, tags, tag_count, true, series_id, diag);
}

int index_series_of_tags(struct index *index, struct slice measurement, const struct tag *tags,
			 size_t tag_count, bool add, uint32_t *series_id, struct diag *diag)
{
	*series_id = ID_NONE;
	if (measurement.length == 0)
		return diag_set(diag, ERR_INVALID, "missing measurement");
	for (size_t i = 0; i < tag_count; i++) {
		if (tags[i].key.length == 0)
			return diag_set(diag, ERR_INVALID, "missing tag key");
		if (tags[i].value.length == 0)
			return diag_set(diag, ERR_INVALID, "missing tag value");
		assert(i == 0 || slice_compare(tags[i - 1].key, tags[i].key) < 0);
	}
	return series_of_parts(index, SLICE(""), measurement, tags, tag_count, add, series_id,
			       diag);
}

/* --- spellings -------------------------------------------------------------------- */

static struct slice spelling_key(const void *owner, uint32_t i)
{
	const struct index *index = owner;

	return slice_of(index->spellings[i].bytes, index->spellings[i].length);
}

void index_init_spellings(struct index *index)
{
	map_init(&index->spelling_ids, spelling_key, index);
}

static bool spelling_has_room(const struct index *index, size_t bytes, bool canonical)
{
	if (canonical)
		return index->canonical_spellings < CANONICAL_SPELLINGS_MAX &&
		       index->canonical_spelling_bytes + bytes <= CANONICAL_SPELLING_BYTES_MAX;
	return index->spelling_count - index->canonical_spellings < OTHER_SPELLINGS_MAX &&
	       index->spelling_bytes - index->canonical_spelling_bytes + bytes <=
		       OTHER_SPELLING_BYTES_MAX;
}

static void spellings_grow(struct index *index)
{
	uint32_t capacity = index->spelling_capacity + index->spelling_capacity / 2 + 16;

	if (index->spelling_count < index->spelling_capacity)
		return;
	index->spellings = reallocarray(index->spellings, capacity, sizeof(*index->spellings));
	if (!index->spellings)
		log_out_of_memory(capacity * sizeof(*index->spellings));
	index->spelling_capacity = capacity;
}

/* Remember how a writer spells a series, while there is room. Under the lock for changes. */
static void note_spelling(struct index *index, struct slice raw, uint32_t series_id, bool canonical)
{
	uint64_t hash = hash_bytes(raw);
	char *bytes;

	if (!spelling_has_room(index, raw.length, canonical) ||
	    map_find(&index->spelling_ids, raw, hash) != MAP_NONE)
		return;
	bytes = arena_alloc_raw(&index->tables.arena, raw.length, 1);
	if (!bytes)
		log_out_of_memory(raw.length);
	memcpy(bytes, raw.data, raw.length);
	spellings_grow(index);
	index->spellings[index->spelling_count] =
		(struct spelling){ bytes, (uint32_t)raw.length, series_id };
	map_add(&index->spelling_ids, hash, index->spelling_count++);
	index->spelling_bytes += raw.length;
	index->canonical_spellings += canonical;
	index->canonical_spelling_bytes += canonical ? raw.length : 0;
}

/* By the bytes alone. `*noted` tells whether the spelling has its place, or can have none. */
static uint32_t find_spelled(const struct index *index, struct slice raw, uint64_t hash,
			     bool *noted)
{
	uint32_t spelling = map_find(&index->spelling_ids, raw, hash);

	*noted = true;
	if (spelling != MAP_NONE)
		return index->spellings[spelling].series_id;
	*noted = !spelling_has_room(index, raw.length, true);
	return tables_find_series(&index->tables, raw, hash);
}

static int series_by_parsing(struct index *index, struct slice raw, bool add, uint32_t *series_id,
			     struct diag *diag)
{
	struct arena arena = { 0 };
	struct tag tags[TAGS_PER_SERIES_MAX];
	struct slice measurement;
	size_t tag_count;
	int err = line_parse_key(&arena, raw, &measurement, tags, &tag_count, diag);

	if (err == OK)
		err = series_of_parts(index, raw, measurement, tags, tag_count, add, series_id,
				      diag);
	arena_release(&arena);
	return err;
}

int index_series(struct index *index, struct slice raw_key, bool add, uint32_t *series_id,
		 struct diag *diag)
{
	uint64_t hash = hash_bytes(raw_key);
	bool noted;

	look(index);
	*series_id = find_spelled(index, raw_key, hash, &noted);
	unlock(index);
	if (*series_id == ID_NONE)
		return series_by_parsing(index, raw_key, add, series_id, diag);
	if (add && !noted) {
		change(index);
		note_spelling(index, raw_key, *series_id, true);
		unlock(index);
	}
	return OK;
}

void index_find(struct index *index, const struct slice *raw_keys, size_t count,
		struct index_found *out)
{
	const struct tables *tables = &index->tables;
	uint64_t hashes[INDEX_FIND_MAX];
	uint32_t guesses[INDEX_FIND_MAX];
	bool noted;

	assert(count <= INDEX_FIND_MAX);
	look(index);
	for (size_t i = 0; i < count; i++) {
		hashes[i] = hash_bytes(raw_keys[i]);
		tables_prefetch_slot(tables, hashes[i]);
		map_prefetch(&index->spelling_ids, hashes[i]);
	}
	for (size_t i = 0; i < count; i++)
		guesses[i] = tables_guess(tables, hashes[i]);
	for (size_t i = 0; i < count; i++)
		if (guesses[i] != ID_NONE)
			tables_prefetch_values(tables, guesses[i]);
	for (size_t i = 0; i < count; i++)
		if (guesses[i] != ID_NONE)
			tables_prefetch_names(tables, guesses[i]);
	for (size_t i = 0; i < count; i++) {
		uint32_t id = find_spelled(index, raw_keys[i], hashes[i], &noted);

		out[i] = (struct index_found){ id, id == ID_NONE
							   ? ID_NONE
							   : tables_shape(tables, id)->words[0] };
	}
	unlock(index);
}

uint32_t index_series_of_cut_name(struct index *index, struct slice name)
{
	uint32_t series_id;

	look(index);
	series_id = tables_find_cut_name(&index->tables, name);
	unlock(index);
	return series_id;
}

void index_set_series_max(struct index *index, uint32_t series_max)
{
	change(index);
	index->series_max = series_max;
	unlock(index);
}

/* --- fields ------------------------------------------------------------------------- */

/* Numbers of the fields that are known; false: some are not. */
static bool find_fields(const struct index *index, uint32_t measurement_id,
			const struct line_field *fields, size_t count, uint32_t *ids)
{
	const struct measurement *measurement = tables_measurement(&index->tables, measurement_id);
	bool all = true;

	for (size_t i = 0; i < count; i++) {
		if (!measurement) {
			ids[i] = ID_NONE;
		} else if (!slice_equal(dict_name(&measurement->fields, ids[i]), fields[i].key)) {
			ids[i] = dict_find(&measurement->fields, fields[i].key);
		}
		all = all && ids[i] != ID_NONE;
	}
	return all;
}

/* Give keys without a number the next numbers; a key that stands twice in the line gets one. */
static int add_fields(struct index *index, uint32_t measurement_id, const struct line_field *fields,
		      size_t count, uint32_t *ids)
{
	const struct measurement *measurement = tables_measurement(&index->tables, measurement_id);
	uint32_t next;

	if (!measurement)
		return ERR_INVALID;
	next = measurement->fields.count;
	for (size_t i = 0; i < count; i++) {
		if (ids[i] != ID_NONE)
			continue;
		if (fields[i].key.length == 0 || fields[i].key.length > SERIES_KEY_BYTES_MAX)
			return ERR_INVALID;
		addition_field(&index->record, measurement_id, next, fields[i].key);
		for (size_t j = i; j < count; j++)
			if (ids[j] == ID_NONE && slice_equal(fields[j].key, fields[i].key))
				ids[j] = next;
		next++;
	}
	return index->record.length ? index_commit(index) : OK;
}

int index_fields(struct index *index, uint32_t measurement_id, const struct line_field *fields,
		 size_t count, bool add, uint32_t *ids)
{
	bool all;
	int err = OK;

	look(index);
	all = find_fields(index, measurement_id, fields, count, ids);
	unlock(index);
	if (all || !add)
		return OK;
	change(index);
	/* Another writer may have added them in between. */
	if (!find_fields(index, measurement_id, fields, count, ids))
		err = add_fields(index, measurement_id, fields, count, ids);
	unlock(index);
	return err;
}

int index_field(struct index *index, uint32_t measurement_id, struct slice name, bool add,
		uint32_t *field_id)
{
	struct line_field field = { .key = name };

	*field_id = ID_NONE;
	return index_fields(index, measurement_id, &field, 1, add, field_id);
}
