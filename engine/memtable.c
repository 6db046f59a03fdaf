/* Accepted rows in memory; memtable.h draws them. */
#include "engine/memtable.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/map.h"

#define BLOCK_ROWS_MAX 4096u

struct row_block {
	struct row_block *next;
	const struct layout *layout;
	uint64_t sequence_first;
	uint32_t row_count, capacity;
	uint64_t words[]; /* (1 + field_count) a row; behind all of them the sequences */
};

struct memtable_series {
	uint32_t series_id;
	bool ascending;
	struct row_block *first, *last;
	size_t row_count;
	uint64_t sequence_last; /* of its rows */
	int64_t time_first_ns, time_last_ns;
	int64_t mtime_ns, ctime_ns;
	struct masks *masks; /* NULL: none */
};

struct memtable {
	_Atomic unsigned references;
	struct arena arena; /* blocks, layouts, strings, series */
	struct idmap ids;   /* series id -> index in `series` */
	struct memtable_series **series;
	size_t series_count, series_capacity;
	struct map layout_ids;
	const struct layout **layouts;
	uint32_t layout_count, layout_capacity;
	const struct layout **record_layouts; /* of the record being added: ours for its */
	size_t record_layout_capacity;
	size_t heap_bytes; /* masks */
};

static struct slice layout_bytes(const struct layout *layout)
{
	return slice_of(layout, sizeof(*layout) + layout->field_count * sizeof(*layout->fields));
}

static struct slice layout_key(const void *owner, uint32_t layout_id)
{
	return layout_bytes(((const struct memtable *)owner)->layouts[layout_id]);
}

struct memtable *memtable_new(void)
{
	struct memtable *memtable = calloc(1, sizeof(*memtable));

	if (!memtable)
		log_out_of_memory(sizeof(*memtable));
	memtable->references = 1;
	map_init(&memtable->layout_ids, layout_key, memtable);
	return memtable;
}

struct memtable *memtable_ref(struct memtable *memtable)
{
	atomic_fetch_add(&memtable->references, 1);
	return memtable;
}

void memtable_release(struct memtable *memtable)
{
	if (!memtable || atomic_fetch_sub(&memtable->references, 1) != 1)
		return;
	for (size_t i = 0; i < memtable->series_count; i++) {
		if (!memtable->series[i]->masks)
			continue;
		masks_release(memtable->series[i]->masks);
		free(memtable->series[i]->masks);
	}
	free(memtable->series);
	free(memtable->layouts);
	free(memtable->record_layouts);
	map_release(&memtable->layout_ids);
	idmap_release(&memtable->ids);
	arena_release(&memtable->arena);
	free(memtable);
}

/* --- masks ------------------------------------------------------------------ */

void masks_add(struct masks *masks, const struct mask *mask)
{
	if (masks->count == masks->capacity) {
		masks->capacity = masks->capacity ? masks->capacity * 2 : 8;
		masks->items = realloc(masks->items, masks->capacity * sizeof(*mask));
		if (!masks->items)
			log_out_of_memory(masks->capacity * sizeof(*mask));
	}
	masks->items[masks->count++] = *mask;
}

void masks_release(struct masks *masks)
{
	free(masks->items);
	*masks = (struct masks){ 0 };
}

/* --- adding ------------------------------------------------------------------- */

static void *room(struct memtable *memtable, size_t bytes)
{
	void *p = arena_alloc_raw(&memtable->arena, bytes, 8);

	if (!p)
		log_out_of_memory(bytes);
	return p;
}

static struct memtable_series *find(const struct memtable *memtable, uint32_t series_id)
{
	uint32_t index = idmap_find(&memtable->ids, series_id);

	return index == MAP_NONE ? NULL : memtable->series[index];
}

static struct memtable_series *find_or_add(struct memtable *memtable, uint32_t series_id)
{
	struct memtable_series *series = find(memtable, series_id);

	if (series)
		return series;
	if (memtable->series_count == memtable->series_capacity) {
		memtable->series_capacity =
			memtable->series_capacity ? memtable->series_capacity * 2 : 64;
		memtable->series = realloc(memtable->series,
					   memtable->series_capacity * sizeof(*memtable->series));
		if (!memtable->series)
			log_out_of_memory(memtable->series_capacity * sizeof(*memtable->series));
	}
	series = room(memtable, sizeof(*series));
	*series = (struct memtable_series){ .series_id = series_id, .ascending = true };
	idmap_set(&memtable->ids, series_id, (uint32_t)memtable->series_count);
	memtable->series[memtable->series_count++] = series;
	return series;
}

/* The memtable's own copy, one for all that are equal. */
static const struct layout *layout_intern(struct memtable *memtable, const struct layout *layout)
{
	struct slice bytes = layout_bytes(layout);
	const struct layout *last =
		memtable->layout_count ? memtable->layouts[memtable->layout_count - 1] : NULL;
	uint64_t hash;
	uint32_t id;

	if (last && slice_equal(layout_bytes(last), bytes))
		return last;
	hash = hash_bytes(bytes);
	id = map_find(&memtable->layout_ids, bytes, hash);
	if (id != MAP_NONE)
		return memtable->layouts[id];
	if (memtable->layout_count == memtable->layout_capacity) {
		memtable->layout_capacity =
			memtable->layout_capacity ? memtable->layout_capacity * 2 : 8;
		memtable->layouts = reallocarray(memtable->layouts, memtable->layout_capacity,
						 sizeof(*memtable->layouts));
		if (!memtable->layouts)
			log_out_of_memory(memtable->layout_capacity * sizeof(*memtable->layouts));
	}
	struct layout *copy = room(memtable, bytes.length);
	memcpy(copy, bytes.data, bytes.length);
	memtable->layouts[memtable->layout_count] = copy;
	map_add(&memtable->layout_ids, hash, memtable->layout_count++);
	return copy;
}

static uint32_t *block_sequences(const struct row_block *block)
{
	return (uint32_t *)&block
		->words[block->capacity * (size_t)(1 + block->layout->field_count)];
}

static uint64_t row_sequence(const struct row_block *block, uint32_t row)
{
	return block->sequence_first + block_sequences(block)[row];
}

/* Most series of many have few rows; larger when the last block was filled with such rows. */
static uint32_t block_capacity(const struct row_block *last, const struct layout *layout)
{
	uint32_t capacity;

	if (!last || last->layout != layout)
		return 1;
	capacity = last->capacity < 3 ? 3 : last->capacity * 2;
	return capacity < BLOCK_ROWS_MAX ? capacity : BLOCK_ROWS_MAX;
}

static struct row_block *block_add(struct memtable *memtable, struct memtable_series *series,
				   const struct layout *layout, uint64_t sequence)
{
	struct row_block *last = series->last;
	uint32_t capacity = block_capacity(last, layout);
	size_t row_bytes = (1 + layout->field_count) * sizeof(uint64_t) + sizeof(uint32_t);
	struct row_block *block = room(memtable, sizeof(*block) + capacity * row_bytes);

	block->next = NULL;
	block->layout = layout;
	block->sequence_first = sequence;
	block->row_count = 0;
	block->capacity = capacity;
	if (last)
		last->next = block;
	else
		series->first = block;
	series->last = block;
	return block;
}

static void note_time(struct memtable_series *series, int64_t time_ns)
{
	if (series->row_count == 0) {
		series->time_first_ns = series->time_last_ns = time_ns;
		return;
	}
	if (time_ns <= series->time_last_ns)
		series->ascending = false;
	else
		series->time_last_ns = time_ns;
	if (time_ns < series->time_first_ns)
		series->time_first_ns = time_ns;
}

static void put_values(struct memtable *memtable, uint64_t *words, const struct layout *layout,
		       const union value *values)
{
	for (uint32_t i = 0; i < layout->field_count; i++) {
		union value value = values[i];

		if (layout->fields[i].type == VALUE_STRING) {
			value.s = text_copy(&memtable->arena, text_slice(value.s));
			if (!value.s)
				log_out_of_memory(values[i].s->length);
		}
		words[i] = value.bits;
	}
}

static void add_row(struct memtable *memtable, struct memtable_series *series,
		    const struct memtable_row *row, const struct layout *layout, uint64_t sequence)
{
	struct row_block *block = series->last;

	assert(series->sequence_last <= sequence);
	if (!block || block->row_count == block->capacity || block->layout != layout ||
	    sequence - block->sequence_first > UINT32_MAX)
		block = block_add(memtable, series, layout, sequence);
	uint64_t *words = &block->words[block->row_count * (size_t)(1 + layout->field_count)];
	words[0] = (uint64_t)row->time_ns;
	put_values(memtable, words + 1, layout, row->values);
	block_sequences(block)[block->row_count] = (uint32_t)(sequence - block->sequence_first);
	block->row_count++;
	note_time(series, row->time_ns);
	series->row_count++;
	series->sequence_last = sequence;
}

static void intern_layouts(struct memtable *memtable, const struct layout *const *layouts,
			   size_t count)
{
	if (count > memtable->record_layout_capacity) {
		memtable->record_layouts = reallocarray(memtable->record_layouts, count,
							sizeof(*memtable->record_layouts));
		if (!memtable->record_layouts)
			log_out_of_memory(count * sizeof(*memtable->record_layouts));
		memtable->record_layout_capacity = count;
	}
	for (size_t i = 0; i < count; i++)
		memtable->record_layouts[i] = layout_intern(memtable, layouts[i]);
}

/*
 * Where series are many each row meets a cold slot, a cold series and a cold
 * block. Rows are taken in turns of TURN_ROWS, so that the misses of a turn are
 * under way together: 170 ns a row became 60 with 100,000 series.
 */
#define TURN_ROWS 16

static void add_turn(struct memtable *memtable, const struct memtable_row *rows, size_t count,
		     uint64_t sequence, int64_t arrival_ns)
{
	struct memtable_series *series[TURN_ROWS];

	for (size_t i = 0; i < count; i++)
		idmap_prefetch(&memtable->ids, rows[i].series_id);
	for (size_t i = 0; i < count; i++) {
		series[i] = find_or_add(memtable, rows[i].series_id);
		__builtin_prefetch(series[i]);
		__builtin_prefetch((char *)(series[i] + 1) - 1);
	}
	for (size_t i = 0; i < count; i++)
		if (series[i]->last)
			__builtin_prefetch(series[i]->last);
	for (size_t i = 0; i < count; i++) {
		add_row(memtable, series[i], &rows[i], memtable->record_layouts[rows[i].layout],
			sequence);
		series[i]->mtime_ns = series[i]->ctime_ns = arrival_ns;
	}
}

void memtable_add(struct memtable *memtable, const struct memtable_row *rows, size_t row_count,
		  const struct layout *const *layouts, size_t layout_count, uint64_t sequence,
		  int64_t arrival_ns)
{
	intern_layouts(memtable, layouts, layout_count);
	for (size_t i = 0; i < row_count; i += TURN_ROWS)
		add_turn(memtable, rows + i, row_count - i < TURN_ROWS ? row_count - i : TURN_ROWS,
			 sequence, arrival_ns);
}

void memtable_add_mask(struct memtable *memtable, const struct mask *mask)
{
	struct memtable_series *series = find_or_add(memtable, mask->series_id);

	if (!series->masks) {
		series->masks = calloc(1, sizeof(*series->masks));
		if (!series->masks)
			log_out_of_memory(sizeof(*series->masks));
	}
	masks_add(series->masks, mask);
	memtable->heap_bytes += sizeof(*mask);
}

void memtable_set_mtime(struct memtable *memtable, uint32_t series_id, int64_t mtime_ns,
			int64_t ctime_ns, uint64_t sequence)
{
	struct memtable_series *series = find_or_add(memtable, series_id);

	(void)sequence; /* the content is what it was: its version stays */
	series->mtime_ns = mtime_ns;
	series->ctime_ns = ctime_ns;
}

/* --- looking -------------------------------------------------------------------- */

bool memtable_is_empty(const struct memtable *memtable)
{
	return memtable->series_count == 0;
}

size_t memtable_bytes(const struct memtable *memtable)
{
	return memtable->arena.bytes + memtable->heap_bytes +
	       memtable->series_capacity * sizeof(void *) + idmap_bytes(&memtable->ids) +
	       memtable->layout_capacity * sizeof(void *) + map_bytes(&memtable->layout_ids);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void memtable_series(const struct memtable *memtable, uint32_t **ids, size_t *count)
{
	uint32_t *list = malloc((memtable->series_count + 1) * sizeof(*list));

	if (!list)
		log_out_of_memory(memtable->series_count * sizeof(*list));
	for (size_t i = 0; i < memtable->series_count; i++)
		list[i] = memtable->series[i]->series_id;
	qsort(list, memtable->series_count, sizeof(*list), compare_ids);
	*ids = list;
	*count = memtable->series_count;
}

/* The rows of a block with a sequence at or before `sequence`. */
static uint32_t block_rows_until(const struct row_block *block, uint64_t sequence)
{
	uint32_t low = 0, high = block->row_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (row_sequence(block, middle) <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same of a series; `*last` is the sequence of the last of them, 0 when there is none. */
static size_t rows_until(const struct memtable_series *series, uint64_t sequence, uint64_t *last)
{
	size_t rows = 0;

	*last = series->sequence_last;
	if (sequence >= series->sequence_last)
		return series->row_count;
	*last = 0;
	for (const struct row_block *block = series->first; block; block = block->next) {
		uint32_t here = block_rows_until(block, sequence);

		if (here)
			*last = row_sequence(block, here - 1);
		rows += here;
		if (here < block->row_count)
			break;
	}
	return rows;
}

static uint64_t mask_sequence_until(const struct memtable_series *series, uint64_t sequence)
{
	uint64_t last = 0;

	for (size_t i = 0; series->masks && i < series->masks->count; i++) {
		uint64_t since = series->masks->items[i].since;

		if (since <= sequence && since > last)
			last = since;
	}
	return last;
}

bool memtable_info(const struct memtable *memtable, uint32_t series_id, uint64_t sequence,
		   struct memtable_info *out)
{
	const struct memtable_series *series = find(memtable, series_id);

	uint64_t rows_last, masks_last;

	if (!series)
		return false;
	*out = (struct memtable_info){ .row_count = rows_until(series, sequence, &rows_last),
				       .mtime_ns = series->mtime_ns,
				       .ctime_ns = series->ctime_ns,
				       .time_first_ns = series->time_first_ns,
				       .time_last_ns = series->time_last_ns };
	masks_last = mask_sequence_until(series, sequence);
	out->sequence_last = rows_last > masks_last ? rows_last : masks_last;
	return true;
}

void memtable_masks(const struct memtable *memtable, uint32_t series_id, uint64_t sequence,
		    struct masks *out)
{
	const struct memtable_series *series = find(memtable, series_id);

	for (size_t i = 0; series && series->masks && i < series->masks->count; i++)
		if (series->masks->items[i].since <= sequence)
			masks_add(out, &series->masks->items[i]);
}

/* --- capturing --------------------------------------------------------------------- */

static void capture_parts(const struct memtable_series *series, size_t first, size_t end,
			  struct capture *out)
{
	size_t at = 0, capacity = 0;

	for (const struct row_block *block = series->first; block && at < end;
	     block = block->next) {
		size_t from = first > at ? first - at : 0;
		size_t until = end - at < block->row_count ? end - at : block->row_count;

		at += block->row_count;
		if (from >= until)
			continue;
		if (out->part_count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			out->parts = realloc(out->parts, capacity * sizeof(*out->parts));
			if (!out->parts)
				log_out_of_memory(capacity * sizeof(*out->parts));
		}
		out->parts[out->part_count++] =
			(struct capture_part){ block, (uint32_t)from, (uint32_t)(until - from) };
	}
}

void memtable_capture(const struct memtable *memtable, uint32_t series_id, uint64_t after,
		      uint64_t sequence, struct capture *out)
{
	const struct memtable_series *series = find(memtable, series_id);

	*out = (struct capture){ 0 };
	if (!series)
		return;
	uint64_t unused;
	size_t first = rows_until(series, after, &unused);
	size_t end = rows_until(series, sequence, &unused);

	if (first >= end)
		return;
	out->row_count = end - first;
	out->ascending = series->ascending;
	out->time_first_ns = series->time_first_ns;
	out->time_last_ns = series->time_last_ns;
	capture_parts(series, first, end, out);
}

void capture_release(struct capture *capture)
{
	free(capture->parts);
	*capture = (struct capture){ 0 };
}

void capture_rows(const struct capture *capture, struct captured_row *rows)
{
	size_t at = 0;

	for (size_t i = 0; i < capture->part_count; i++) {
		const struct capture_part *part = &capture->parts[i];
		const struct row_block *block = part->block;
		size_t words = 1 + block->layout->field_count;

		for (uint32_t row = part->row_first; row < part->row_first + part->row_count;
		     row++, at++) {
			const uint64_t *p = &block->words[row * words];

			rows[at] = (struct captured_row){ (int64_t)p[0], row_sequence(block, row),
							  block->layout,
							  (const union value *)(p + 1) };
		}
	}
	assert(at == capture->row_count);
}
