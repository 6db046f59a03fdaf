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
	uint32_t row_count, capacity;
	uint64_t words[]; /* (1 + field_count) a row */
};

struct run {
	uint64_t sequence;
	size_t row_end;
};

struct memtable_series {
	uint32_t series_id;
	bool ascending;
	struct row_block *first, *last;
	size_t row_count;
	struct run *runs;
	size_t run_count, run_capacity;
	int64_t time_first_ns, time_last_ns;
	int64_t mtime_ns, ctime_ns;
	struct masks masks;
};

struct memtable {
	_Atomic unsigned references;
	struct arena arena; /* blocks, layouts, strings, series */
	struct idmap ids;   /* series id -> index in `series` */
	struct memtable_series **series;
	size_t series_count, series_capacity;
	size_t heap_bytes; /* runs, masks */
};

struct memtable *memtable_new(void)
{
	struct memtable *memtable = calloc(1, sizeof(*memtable));

	if (!memtable)
		log_out_of_memory(sizeof(*memtable));
	memtable->references = 1;
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
		free(memtable->series[i]->runs);
		masks_release(&memtable->series[i]->masks);
	}
	free(memtable->series);
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

static bool layout_equal(const struct layout *a, const struct layout *b)
{
	return a == b || (a->field_count == b->field_count &&
			  memcmp(a->fields, b->fields, a->field_count * sizeof(*a->fields)) == 0);
}

static const struct layout *layout_copy(struct memtable *memtable, const struct layout *layout)
{
	size_t bytes = sizeof(*layout) + layout->field_count * sizeof(*layout->fields);
	struct layout *copy = room(memtable, bytes);

	memcpy(copy, layout, bytes);
	return copy;
}

/* A block for rows of this layout: larger when the last one was filled with such rows. */
static struct row_block *block_add(struct memtable *memtable, struct memtable_series *series,
				   const struct layout *layout)
{
	struct row_block *last = series->last;
	bool same = last && layout_equal(last->layout, layout);
	uint32_t capacity = !last ? 4 : same ? last->capacity * 2 : 1;

	if (capacity > BLOCK_ROWS_MAX)
		capacity = BLOCK_ROWS_MAX;
	struct row_block *block = room(
		memtable, sizeof(*block) + capacity * (1 + layout->field_count) * sizeof(uint64_t));
	block->next = NULL;
	block->layout = same ? last->layout : layout_copy(memtable, layout);
	block->row_count = 0;
	block->capacity = capacity;
	if (last)
		last->next = block;
	else
		series->first = block;
	series->last = block;
	return block;
}

static void note_run(struct memtable *memtable, struct memtable_series *series, uint64_t sequence)
{
	struct run *last = series->run_count ? &series->runs[series->run_count - 1] : NULL;

	assert(!last || last->sequence <= sequence);
	if (last && last->sequence == sequence) {
		last->row_end = series->row_count;
		return;
	}
	if (series->run_count == series->run_capacity) {
		size_t capacity = series->run_capacity ? series->run_capacity * 2 : 2;

		memtable->heap_bytes += (capacity - series->run_capacity) * sizeof(*series->runs);
		series->run_capacity = capacity;
		series->runs = realloc(series->runs, capacity * sizeof(*series->runs));
		if (!series->runs)
			log_out_of_memory(capacity * sizeof(*series->runs));
	}
	series->runs[series->run_count++] = (struct run){ sequence, series->row_count };
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

void memtable_add(struct memtable *memtable, uint32_t series_id, const struct layout *layout,
		  int64_t time_ns, const union value *values, uint64_t sequence, int64_t arrival_ns)
{
	struct memtable_series *series = find_or_add(memtable, series_id);
	struct row_block *block = series->last;

	if (!block || block->row_count == block->capacity || !layout_equal(block->layout, layout))
		block = block_add(memtable, series, layout);
	uint64_t *row = &block->words[block->row_count * (1 + layout->field_count)];
	*row++ = (uint64_t)time_ns;
	for (uint32_t i = 0; i < layout->field_count; i++) {
		union value value = values[i];

		if (layout->fields[i].type == VALUE_STRING) {
			value.s = text_copy(&memtable->arena, text_slice(value.s));
			if (!value.s)
				log_out_of_memory(values[i].s->length);
		}
		row[i] = value.bits;
	}
	block->row_count++;
	note_time(series, time_ns);
	series->row_count++;
	note_run(memtable, series, sequence);
	series->mtime_ns = series->ctime_ns = arrival_ns;
}

void memtable_add_mask(struct memtable *memtable, const struct mask *mask)
{
	struct memtable_series *series = find_or_add(memtable, mask->series_id);

	masks_add(&series->masks, mask);
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
	       memtable->series_capacity * sizeof(void *) + idmap_bytes(&memtable->ids);
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

/* The runs with a sequence at or before `sequence`. */
static size_t runs_until(const struct memtable_series *series, uint64_t sequence)
{
	size_t low = 0, high = series->run_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (series->runs[middle].sequence <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t rows_until(const struct memtable_series *series, uint64_t sequence)
{
	size_t runs = runs_until(series, sequence);

	return runs ? series->runs[runs - 1].row_end : 0;
}

static uint64_t sequence_until(const struct memtable_series *series, uint64_t sequence)
{
	size_t runs = runs_until(series, sequence);
	uint64_t last = runs ? series->runs[runs - 1].sequence : 0;

	for (size_t i = 0; i < series->masks.count; i++) {
		uint64_t since = series->masks.items[i].since;

		if (since <= sequence && since > last)
			last = since;
	}
	return last;
}

bool memtable_info(const struct memtable *memtable, uint32_t series_id, uint64_t sequence,
		   struct memtable_info *out)
{
	const struct memtable_series *series = find(memtable, series_id);

	if (!series)
		return false;
	*out = (struct memtable_info){ rows_until(series, sequence),
				       sequence_until(series, sequence),
				       series->mtime_ns,
				       series->ctime_ns,
				       series->time_first_ns,
				       series->time_last_ns };
	return true;
}

void memtable_masks(const struct memtable *memtable, uint32_t series_id, uint64_t sequence,
		    struct masks *out)
{
	const struct memtable_series *series = find(memtable, series_id);

	for (size_t i = 0; series && i < series->masks.count; i++)
		if (series->masks.items[i].since <= sequence)
			masks_add(out, &series->masks.items[i]);
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

static void capture_runs(const struct memtable_series *series, size_t first, size_t end,
			 struct capture *out)
{
	out->runs = malloc((series->run_count + 1) * sizeof(*out->runs));
	if (!out->runs)
		log_out_of_memory(series->run_count * sizeof(*out->runs));
	for (size_t i = 0; i < series->run_count; i++) {
		const struct run *run = &series->runs[i];

		if (run->row_end <= first)
			continue;
		out->runs[out->run_count++] =
			(struct capture_run){ run->sequence,
					      (run->row_end < end ? run->row_end : end) - first };
		if (run->row_end >= end)
			break;
	}
}

void memtable_capture(const struct memtable *memtable, uint32_t series_id, uint64_t after,
		      uint64_t sequence, struct capture *out)
{
	const struct memtable_series *series = find(memtable, series_id);

	*out = (struct capture){ 0 };
	if (!series)
		return;
	size_t first = rows_until(series, after), end = rows_until(series, sequence);
	if (first >= end)
		return;
	out->row_count = end - first;
	out->ascending = series->ascending;
	out->time_first_ns = series->time_first_ns;
	out->time_last_ns = series->time_last_ns;
	capture_parts(series, first, end, out);
	capture_runs(series, first, end, out);
}

void capture_release(struct capture *capture)
{
	free(capture->parts);
	free(capture->runs);
	*capture = (struct capture){ 0 };
}

void capture_rows(const struct capture *capture, struct captured_row *rows)
{
	size_t at = 0, run = 0;

	for (size_t i = 0; i < capture->part_count; i++) {
		const struct capture_part *part = &capture->parts[i];
		const struct layout *layout = part->block->layout;
		size_t words = 1 + layout->field_count;

		for (uint32_t row = 0; row < part->row_count; row++, at++) {
			const uint64_t *p = &part->block->words[(part->row_first + row) * words];

			while (at >= capture->runs[run].row_end)
				run++;
			rows[at] =
				(struct captured_row){ (int64_t)p[0], capture->runs[run].sequence,
						       layout, (const union value *)(p + 1) };
		}
	}
	assert(at == capture->row_count);
}
