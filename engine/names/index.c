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
 * with what else came until it is needed there.
 */
#include "engine/names/index.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/limits.h"
#include "engine/base/lock.h"
#include "engine/base/log.h"
#include "engine/log/journal.h"
#include "engine/names/index_tables.h"
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

#define RECORD_BYTES_USUAL 4096u
#define LOGGED_BYTES_USUAL (1u << 20)

struct spelling {
	const char *bytes;
	uint32_t length;
	uint32_t series_id;
};

struct index {
	_Atomic unsigned references;
	pthread_rwlock_t lock; /* protects everything below but journal_sync() */
	struct tables tables;
	struct map spelling_ids;
	struct spelling *spellings;
	uint32_t spelling_count, spelling_capacity;
	uint32_t canonical_spellings;
	size_t canonical_spelling_bytes, spelling_bytes;
	struct journal *journal;   /* NULL when read-only; it rests once it is synced */
	pthread_mutex_t sync_lock; /* one sync at a time; taken before lock */
	bool was_damaged;	   /* set once */
	struct buf gaps; /* set once; struct gap: records that it lacked when it was opened */
	uint64_t records_opened; /* set once; number of the last */
	_Atomic uint64_t records_synced;
	bool has_made_up; /* names for what was lost, made up since it was opened */
	atomic_bool any_made_up;
	struct buf record;	/* what is being added */
	struct buf waiting;	/* additions that are not in the journal */
	struct buf record_ends; /* size_t: where its records but the last end */
	index_log *log;		/* NULL: none */
	uint32_t database_id;	/* for it */
	void *log_arg;
	size_t record_begins;	 /* the last of them */
	_Atomic bool is_waiting; /* read without the lock; cleared when they are */
	uint64_t sequence;	 /* of the last record */
	uint32_t series_max;
};

/*
 * The lock is held for a microsecond, and to sleep and be woken takes ten: two
 * writers of new series took six times as long as one before they tried again
 * for a while.
 */
#define SPINS_MAX 200

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void look(const struct index *index)
{
	pthread_rwlock_t *lock = (pthread_rwlock_t *)&index->lock;

	for (int i = 0; i < SPINS_MAX; i++, relax())
		if (pthread_rwlock_tryrdlock(lock) == 0)
			return;
	pthread_rwlock_rdlock(lock);
}

static void change(struct index *index)
{
	int i = 0;

	while (pthread_rwlock_trywrlock(&index->lock) != 0) {
		if (++i == SPINS_MAX) {
			pthread_rwlock_wrlock(&index->lock);
			break;
		}
		relax();
	}
	buf_reset(&index->record);
}

static void unlock(const struct index *index)
{
	pthread_rwlock_unlock((pthread_rwlock_t *)&index->lock);
}

/* --- adding -------------------------------------------------------------------- */

/* Additions that memory has go behind what waits for the file. */
static void keep_waiting(struct index *index, struct slice additions)
{
	buf_append_slice(&index->waiting, additions);
	/* Damage loses a record at most: they are kept short. */
	if (index->waiting.length - index->record_begins >= RECORD_BYTES_USUAL) {
		index->record_begins = index->waiting.length;
		buf_append(&index->record_ends, &index->record_begins, sizeof(size_t));
	}
	atomic_store(&index->is_waiting, true);
}

/* Into memory, and behind what waits for the file. */
static int commit(struct index *index)
{
	uint64_t refused = index->tables.refused;
	int err;

	if (!index->journal)
		return ERR_READ_ONLY;
	err = tables_apply(&index->tables, buf_slice(&index->record));
	assert(err == OK && index->tables.refused == refused);
	keep_waiting(index, buf_slice(&index->record));
	return OK;
}

/* In pieces of whole records, each of which the log can hold. */
static int log_waiting(struct index *index)
{
	size_t count = index->record_ends.length / sizeof(size_t), from = 0;
	const size_t *ends = (const size_t *)(const void *)index->record_ends.data;

	if (!index->log)
		return OK;
	for (size_t i = 0; i < count; i++) {
		if (ends[i] - from < LOGGED_BYTES_USUAL)
			continue;
		TRY(index->log(index->log_arg, index->database_id,
			       slice_of(index->waiting.data + from, ends[i] - from)));
		from = ends[i];
	}
	if (from == index->waiting.length)
		return OK;
	return index->log(index->log_arg, index->database_id,
			  slice_from(buf_slice(&index->waiting), from));
}

static int write_waiting(struct index *index)
{
	size_t count = index->record_ends.length / sizeof(size_t), from = 0;
	const size_t *ends = (const size_t *)(const void *)index->record_ends.data;
	struct journal_record *records = malloc((count + 1) * sizeof(*records));
	int err;

	if (!records)
		log_out_of_memory(count * sizeof(*records));
	for (size_t i = 0; i < count; from = ends[i++])
		records[i] = (struct journal_record){ index->sequence + i + 1,
						      slice_of(index->waiting.data + from,
							       ends[i] - from) };
	if (from < index->waiting.length) {
		records[count] =
			(struct journal_record){ index->sequence + count + 1,
						 slice_from(buf_slice(&index->waiting), from) };
		count++;
	}
	err = journal_append(index->journal, records, count);
	free(records);
	if (err < 0)
		return err;
	index->sequence += count;
	index->record_begins = 0;
	buf_release(&index->waiting);
	buf_reset(&index->record_ends);
	atomic_store(&index->is_waiting, false);
	return OK;
}

int index_write(struct index *index)
{
	int err = OK;

	if (!atomic_load(&index->is_waiting))
		return OK;
	change(index);
	/* The log first: a writer that finds nothing waiting logs rows behind the names of all. */
	if (atomic_load(&index->is_waiting))
		err = log_waiting(index);
	if (err == OK && atomic_load(&index->is_waiting))
		err = write_waiting(index);
	unlock(index);
	return err;
}

void index_set_log(struct index *index, uint32_t database_id, index_log *log, void *arg)
{
	change(index);
	index->database_id = database_id;
	index->log = log;
	index->log_arg = arg;
	unlock(index);
}

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

static void print_series(struct index *index, uint32_t series_id, struct slice measurement,
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
	print_series(index, count, measurement, tags, tag_count);
	TRY(commit(index));
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
	return index->record.length ? commit(index) : OK;
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

/* --- opening ---------------------------------------------------------------------------- */

struct gap {
	uint64_t first, end;
};

struct replay {
	struct index *index;
	uint64_t corrupt;
};

static int replay_record(void *arg, uint64_t sequence, struct slice payload)
{
	struct replay *replay = arg;

	struct index *index = replay->index;
	int err = tables_apply(&index->tables, payload);

	replay->corrupt += err < 0;
	/* One that is no longer understood is lost as well. */
	struct gap gap = { index->sequence + 1, sequence + (err < 0) };
	if (gap.end > gap.first)
		buf_append(&index->gaps, &gap, sizeof(gap));
	index->sequence = index->records_opened = sequence;
	return OK;
}

/* For good; read-only, in memory alone. */
static int keep_record(struct index *index)
{
	return index->journal ? commit(index)
			      : tables_apply(&index->tables, buf_slice(&index->record));
}

/*
 * A series whose record was lost may have points: it comes back under a name made up. Its
 * measurement is lost with it, and what its fields are called and of which type: it has one of its
 * own.
 */
static int fill_series_hole(struct index *index, uint32_t series_id)
{
	char name[40];

	snprintf(name, sizeof(name), "recovered.series.%u", series_id);
	buf_reset(&index->record);
	print_series(index, series_id, slice_of_text(name), NULL, 0);
	return keep_record(index);
}

bool index_was_damaged(struct index *index)
{
	return index->was_damaged;
}

#define MADE_UP "recovered."

static bool is_made_up(struct slice name)
{
	return slice_starts_with(name, SLICE(MADE_UP));
}

static bool has_made_up_field(struct index *index, uint32_t measurement_id)
{
	uint32_t count = index_field_count(index, measurement_id);

	for (uint32_t i = 0; i < count; i++)
		if (is_made_up(index_field_name(index, measurement_id, i)))
			return true;
	return false;
}

/* Names that were made up in an earlier run look like others now. */
static bool has_made_up_names(struct index *index)
{
	uint32_t count = index_measurement_count(index);

	for (uint32_t i = 0; i < count; i++)
		if (is_made_up(index_measurement_name(index, i)) || has_made_up_field(index, i))
			return true;
	return index->tables.recovered > 0;
}

bool index_is_made_up(struct index *index, uint32_t series_id)
{
	struct buf key = { 0 };
	bool yes;

	if (!atomic_load(&index->any_made_up))
		return false;
	index_series_key(index, series_id, &key);
	yes = strstr(buf_text(&key), MADE_UP) != NULL ||
	      has_made_up_field(index, index_series_measurement(index, series_id));
	buf_release(&key);
	return yes;
}

uint64_t index_lacked(struct index *index, uint64_t records)
{
	const struct gap *gaps = (const struct gap *)(const void *)index->gaps.data;
	uint64_t lacked = records > index->records_opened ? records - index->records_opened : 0;

	for (size_t i = 0; i < index->gaps.length / sizeof(*gaps); i++) {
		uint64_t end = gaps[i].end <= records ? gaps[i].end : records + 1;

		lacked += end > gaps[i].first ? end - gaps[i].first : 0;
	}
	return lacked;
}

bool index_knows_series(struct index *index, uint32_t series_id)
{
	struct buf key = { 0 };
	bool known = index_series_measurement(index, series_id) != ID_NONE;

	if (!known || !index->has_made_up)
		return known;
	index_series_key(index, series_id, &key);
	known = strstr(buf_text(&key), MADE_UP) == NULL;
	buf_release(&key);
	return known;
}

bool index_knows_field(struct index *index, uint32_t measurement_id, uint32_t field_id)
{
	return field_id < index_field_count(index, measurement_id) &&
	       !(index->has_made_up &&
		 is_made_up(index_field_name(index, measurement_id, field_id)));
}

int index_reserve_series(struct index *index, uint32_t series_id)
{
	int err = OK;

	atomic_store(&index->any_made_up, true);
	change(index);
	if (!tables_shape(&index->tables, series_id))
		err = fill_series_hole(index, series_id);
	unlock(index);
	return err;
}

int index_reserve_field(struct index *index, uint32_t measurement_id, uint32_t field_id)
{
	struct measurement *measurement;
	char name[32];
	int err = OK;

	atomic_store(&index->any_made_up, true);
	change(index);
	measurement = tables_measurement(&index->tables, measurement_id);
	if (!measurement)
		err = ERR_NOT_FOUND;
	for (uint32_t id = measurement ? measurement->fields.count : 0;
	     err == OK && measurement && id <= field_id; id++) {
		snprintf(name, sizeof(name), "recovered.%u", id);
		buf_reset(&index->record);
		addition_field(&index->record, measurement_id, id, slice_of_text(name));
		err = keep_record(index);
	}
	unlock(index);
	return err;
}

static int fill_holes(struct index *index)
{
	tables_name_holes(&index->tables);
	for (uint32_t i = 0; index->tables.holes && i < index->tables.series_count; i++)
		if (!tables_shape(&index->tables, i))
			TRY(fill_series_hole(index, i));
	return OK;
}

static void tell_damage(const struct index *index, const char *path, const struct replay *replay,
			const struct journal_damage *damage)
{
	const struct tables *tables = &index->tables;

	if (damage->is_mended)
		log_error("%s: damaged; its copy has all that it lost", path);
	else if (journal_is_damaged(damage) || replay->corrupt || tables->refused ||
		 tables->holes || tables->recovered)
		log_error("%s: damaged; %llu gaps of %llu bytes, %llu records not understood, %llu "
			  "additions without place, %llu series and %llu names are called "
			  "recovered",
			  path, (unsigned long long)damage->records_lost_min,
			  (unsigned long long)damage->bytes_skipped,
			  (unsigned long long)replay->corrupt, (unsigned long long)tables->refused,
			  (unsigned long long)tables->holes, (unsigned long long)tables->recovered);
}

static int index_load(struct index *index, const char *path, bool read_only)
{
	struct replay replay = { .index = index };
	struct journal_damage damage;
	int err = journal_replay(path, replay_record, &replay, &damage);

	if (err < 0 && err != ERR_NOT_FOUND)
		return err;
	if (err == OK) /* a new one is not there yet */
		tell_damage(index, path, &replay, &damage);
	index->was_damaged =
		!damage.is_mended && (journal_is_damaged(&damage) || damage.tail_bytes ||
				      replay.corrupt || index->gaps.length || err == ERR_NOT_FOUND);
	index->has_made_up = index->tables.recovered > 0;
	return read_only ? OK : journal_open_copied(path, &index->journal);
}

static int sort_record(void *arg, uint64_t sequence, struct slice payload)
{
	additions_sort(payload, arg); /* what is none was counted before */
	return OK;
}

int index_read_again(struct index *index, const char *path, struct slice logged)
{
	struct buf kinds[ADDITION_KINDS] = { 0 };
	struct journal_damage damage;
	int err = journal_replay(path, sort_record, kinds, &damage);

	if (err == OK || err == ERR_NOT_FOUND)
		err = additions_sort(logged, kinds);
	if (err == OK) {
		tables_release(&index->tables);
		index->tables = (struct tables){ 0 };
		tables_init(&index->tables);
	}
	for (size_t i = 0; err == OK && i < ADDITION_KINDS; i++)
		err = tables_apply(&index->tables, buf_slice(&kinds[i]));
	if (err == OK && index->journal && logged.length)
		keep_waiting(index, logged);
	index->has_made_up = index->tables.recovered > 0;
	for (size_t i = 0; i < ADDITION_KINDS; i++)
		buf_release(&kinds[i]);
	return err;
}

int index_restore(struct index *index, struct slice additions)
{
	struct tables *tables = &index->tables;
	int err;

	change(index);
	uint64_t names = tables->names, refused = tables->refused;
	err = tables_apply(tables, additions);
	if (err == OK && tables->refused != refused)
		err = ERR_CORRUPT;
	if (tables->names != names && index->journal)
		keep_waiting(index, additions);
	index->has_made_up |= tables->recovered > 0;
	unlock(index);
	return err;
}

int index_settle(struct index *index)
{
	TRY(fill_holes(index));
	atomic_store(&index->any_made_up, has_made_up_names(index));
	return OK;
}

static void index_free(struct index *index)
{
	journal_close(index->journal);
	tables_release(&index->tables);
	map_release(&index->spelling_ids);
	free(index->spellings);
	buf_release(&index->record);
	buf_release(&index->waiting);
	buf_release(&index->record_ends);
	buf_release(&index->gaps);
	pthread_rwlock_destroy(&index->lock);
	pthread_mutex_destroy(&index->sync_lock);
	free(index);
}

int index_open(const char *path, bool read_only, struct index **out, struct diag *diag)
{
	struct index *index = calloc(1, sizeof(*index));
	int err;

	*out = NULL;
	if (!index)
		return ERR_MEMORY;
	lock_init_fair(&index->lock);
	pthread_mutex_init(&index->sync_lock, NULL);
	index->references = 1;
	index->series_max = SERIES_PER_DATABASE_MAX;
	tables_init(&index->tables);
	map_init(&index->spelling_ids, spelling_key, index);
	err = index_load(index, path, read_only);
	if (err < 0) {
		index_free(index);
		return diag_set(diag, err, "%s: %s", path, err_text(err));
	}
	*out = index;
	return OK;
}

int index_sync(struct index *index)
{
	TRY(index_write(index));
	if (!index->journal)
		return OK;
	look(index);
	uint64_t records = index->sequence;
	unlock(index);
	pthread_mutex_lock(&index->sync_lock);
	int err = journal_sync(index->journal);
	if (err == OK) {
		atomic_store(&index->records_synced, records);
		change(index);
		journal_rest(index->journal);
		unlock(index);
	}
	pthread_mutex_unlock(&index->sync_lock);
	return err;
}

uint64_t index_records_synced(struct index *index)
{
	return atomic_load(&index->records_synced);
}

int index_copy(struct index *index, const char *from, const char *to)
{
	TRY(index_write(index));
	return env_copy(from, to, index->journal ? journal_bytes(index->journal) : UINT64_MAX);
}

int index_close(struct index *index)
{
	int err = OK;

	if (!index)
		return OK;
	err = index_sync(index);
	index_let_go(index);
	return err;
}

void index_hold(struct index *index)
{
	atomic_fetch_add(&index->references, 1);
}

void index_let_go(struct index *index)
{
	if (index && atomic_fetch_sub(&index->references, 1) == 1)
		index_free(index);
}

/* --- looking ------------------------------------------------------------------------------ */

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
