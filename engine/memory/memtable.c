/*
 * Accepted rows in memory; memtable.h draws them.
 *
 * Why blocks that never move: a reader that captured rows under the lock reads them without it.
 */
#include "engine/memory/memtable.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/bytes.h"
#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/base/when.h"

#define BLOCK_ROWS_MAX 4096u

struct row_block {
	struct row_block *next;
	uint64_t sequence_first;
	uint32_t layout; /* in memtable.layouts */
	uint16_t row_count, capacity;
	uint64_t words[]; /* (1 + field_count) a row; behind all of them the sequences */
};
_Static_assert(sizeof(struct row_block) == 24, "a million series have one each");
_Static_assert(BLOCK_ROWS_MAX <= UINT16_MAX, "rows of a block are counted in 16 bits");

/* Optional state of a series, allocated on first use. */
struct series_extra {
	struct masks masks;
	int64_t ctime_ns; /* set with the mtime by hand; 0: equals it */
	bool is_lost;	  /* a mask of all times, and no row since */
};

struct memtable_series {
	struct row_block *first, *last;
	int64_t time_first_ns, time_last_ns;
	int64_t mtime_ns;
	struct series_extra *extra; /* or NULL */
	uint32_t series_id;
	uint32_t row_count : 31; /* MEMTABLE_BYTES_LIMIT has no room for as many */
	uint32_t ascending : 1;
};
_Static_assert(sizeof(struct memtable_series) == 56, "a million series have one each");

struct series_slot {
	uint32_t series_id;
	uint32_t number; /* plus 1; 0 = empty */
};

#define PIECE_SERIES 16u /* series lie in pieces, so that they never move */

struct memtable {
	_Atomic unsigned references;
	struct arena arena; /* blocks, layouts, strings, series */
	struct series_slot *slots;
	uint32_t slot_count; /* 0 or a power of two */
	uint32_t series_count;
	struct memtable_series **pieces;
	size_t piece_capacity;
	struct map layout_ids;
	const struct layout **layouts;
	uint32_t layout_count;
	size_t layout_capacity;
	uint32_t *record_layouts; /* of the record being added: our numbers for its */
	size_t record_layout_capacity;
	size_t heap_bytes; /* masks */
	size_t row_count;
	struct buf met; /* uint32_t: series that the last add met first */
	bool came_back;
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

static struct memtable_series *series_at(const struct memtable *memtable, uint32_t number)
{
	return &memtable->pieces[number / PIECE_SERIES][number % PIECE_SERIES];
}

void memtable_release(struct memtable *memtable)
{
	if (!memtable || atomic_fetch_sub(&memtable->references, 1) != 1)
		return;
	for (uint32_t i = 0; i < memtable->series_count; i++) {
		struct series_extra *extra = series_at(memtable, i)->extra;

		if (extra)
			masks_release(&extra->masks);
		free(extra);
	}
	free(memtable->slots);
	free(memtable->pieces);
	free(memtable->layouts);
	free(memtable->record_layouts);
	buf_release(&memtable->met);
	map_release(&memtable->layout_ids);
	arena_release(&memtable->arena);
	free(memtable);
}

/* --- masks ------------------------------------------------------------------ */

void masks_add(struct masks *masks, const struct mask *mask)
{
	grow(&masks->items, masks->count, &masks->capacity);
	masks->items[masks->count++] = *mask;
}

void masks_release(struct masks *masks)
{
	free(masks->items);
	*masks = (struct masks){ 0 };
}

/* --- adding ------------------------------------------------------------------- */

/* The slot of a series, or the empty one where it would go. */
static uint32_t slot_of(const struct memtable *memtable, uint32_t series_id)
{
	uint32_t mask = memtable->slot_count - 1, i = series_id * 0x9E3779B1u;

	/* Ids count up: the high bits of the product are the spread ones. */
	for (i = (i >> 16 ^ i) & mask; memtable->slots[i].number; i = (i + 1) & mask)
		if (memtable->slots[i].series_id == series_id)
			break;
	return i;
}

/* Fetch the slot of a series into the cache, for a row that is added soon. */
static void prefetch_slot(const struct memtable *memtable, uint32_t series_id)
{
	uint32_t i = series_id * 0x9E3779B1u;

	if (memtable->slot_count)
		__builtin_prefetch(&memtable->slots[(i >> 16 ^ i) & (memtable->slot_count - 1)]);
}

static struct memtable_series *find(const struct memtable *memtable, uint32_t series_id)
{
	uint32_t number;

	if (memtable->slot_count == 0)
		return NULL;
	number = memtable->slots[slot_of(memtable, series_id)].number;
	return number ? series_at(memtable, number - 1) : NULL;
}

/* Doubled at seven eighths. */
static void slots_fit(struct memtable *memtable)
{
	struct series_slot *old = memtable->slots;
	uint32_t old_count = memtable->slot_count;

	if (memtable->series_count < old_count / 8 * 7)
		return;
	memtable->slot_count = old_count ? old_count * 2 : 16;
	memtable->slots = calloc(memtable->slot_count, sizeof(*memtable->slots));
	if (!memtable->slots)
		log_out_of_memory(memtable->slot_count * sizeof(*memtable->slots));
	for (uint32_t i = 0; i < old_count; i++)
		if (old[i].number)
			memtable->slots[slot_of(memtable, old[i].series_id)] = old[i];
	free(old);
}

/* A new piece when the last one is full: series that a reader has found stay where they are. */
static void pieces_fit(struct memtable *memtable)
{
	uint32_t piece = memtable->series_count / PIECE_SERIES;

	if (memtable->series_count % PIECE_SERIES)
		return;
	grow(&memtable->pieces, piece, &memtable->piece_capacity);
	memtable->pieces[piece] =
		arena_need_raw(&memtable->arena, PIECE_SERIES * sizeof(**memtable->pieces), 8);
}

static struct memtable_series *find_or_add(struct memtable *memtable, uint32_t series_id)
{
	struct memtable_series *series = find(memtable, series_id);

	if (series)
		return series;
	slots_fit(memtable);
	pieces_fit(memtable);
	series = series_at(memtable, memtable->series_count);
	*series = (struct memtable_series){ .series_id = series_id,
					    .mtime_ns = MTIME_NONE,
					    .ascending = 1 };
	memtable->slots[slot_of(memtable, series_id)] =
		(struct series_slot){ series_id, ++memtable->series_count };
	return series;
}

/* Few series have masks or dates set by hand; the others pay a pointer. */
static struct series_extra *need_extra(struct memtable *memtable, struct memtable_series *series)
{
	if (series->extra)
		return series->extra;
	series->extra = calloc(1, sizeof(*series->extra));
	if (!series->extra)
		log_out_of_memory(sizeof(*series->extra));
	memtable->heap_bytes += sizeof(*series->extra);
	return series->extra;
}

/* The number of the memtable's own copy, one for all that are equal. */
static uint32_t layout_intern(struct memtable *memtable, const struct layout *layout)
{
	struct slice bytes = layout_bytes(layout);
	uint32_t last = memtable->layout_count - 1, id;
	struct layout *copy;
	uint64_t hash;

	if (memtable->layout_count && slice_equal(layout_bytes(memtable->layouts[last]), bytes))
		return last;
	hash = hash_bytes(bytes);
	id = map_find(&memtable->layout_ids, bytes, hash);
	if (id != MAP_NONE)
		return id;
	grow(&memtable->layouts, memtable->layout_count, &memtable->layout_capacity);
	copy = arena_need_raw(&memtable->arena, bytes.length, 8);
	memcpy(copy, bytes.data, bytes.length);
	memtable->layouts[memtable->layout_count] = copy;
	map_add(&memtable->layout_ids, hash, memtable->layout_count);
	return memtable->layout_count++;
}

/* The sequences lie behind the rows, so that a scan of values passes over none of them. */
static uint32_t *block_sequences(const struct row_block *block, const struct layout *layout)
{
	return (uint32_t *)&block->words[block->capacity * (size_t)(1 + layout->field_count)];
}

static uint64_t row_sequence(const struct row_block *block, const struct layout *layout,
			     uint32_t row)
{
	return block->sequence_first + block_sequences(block, layout)[row];
}

/* Most series of many have few rows; larger when the last block was filled with such rows. */
static uint32_t block_capacity(const struct row_block *last, uint32_t layout)
{
	uint32_t capacity;

	if (!last || last->layout != layout)
		return 1;
	capacity = last->capacity < 3 ? 3 : last->capacity * 2u;
	return capacity < BLOCK_ROWS_MAX ? capacity : BLOCK_ROWS_MAX;
}

/* A block behind the last one, for rows of one layout. */
static struct row_block *block_add(struct memtable *memtable, struct memtable_series *series,
				   uint32_t layout, uint64_t sequence)
{
	struct row_block *last = series->last;
	uint32_t capacity = block_capacity(last, layout);
	size_t row_bytes =
		(1 + memtable->layouts[layout]->field_count) * sizeof(uint64_t) + sizeof(uint32_t);
	struct row_block *block =
		arena_need_raw(&memtable->arena, sizeof(*block) + capacity * row_bytes, 8);

	*block = (struct row_block){ .sequence_first = sequence,
				     .layout = layout,
				     .capacity = (uint16_t)capacity };
	if (last)
		last->next = block;
	else
		series->first = block;
	series->last = block;
	return block;
}

/* Bounds of the times, and whether they have come in order: then nothing is sorted later. */
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

/* Strings are copied: the caller's arena dies with its batch. */
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

/* One row behind the others of its series, in a new block when the last cannot take it. */
static void add_row(struct memtable *memtable, struct memtable_series *series,
		    const struct memtable_row *row, uint32_t layout_number, uint64_t sequence)
{
	const struct layout *layout = memtable->layouts[layout_number];
	struct row_block *block = series->last;

	if (!block || block->row_count == block->capacity || block->layout != layout_number ||
	    sequence - block->sequence_first > UINT32_MAX)
		block = block_add(memtable, series, layout_number, sequence);
	assert(block->sequence_first <= sequence); /* I6: rows stand in the order of acceptance */
	assert(series->row_count < INT32_MAX);
	uint64_t *words = &block->words[block->row_count * (size_t)(1 + layout->field_count)];
	words[0] = (uint64_t)row->time_ns;
	put_values(memtable, words + 1, layout, row->values);
	block_sequences(block, layout)[block->row_count] =
		(uint32_t)(sequence - block->sequence_first);
	block->row_count++;
	note_time(series, row->time_ns);
	series->row_count++;
}

/* Give each layout of the record our number for it, once a record and not once a row. */
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

/* A row has come to a series that a mask had taken whole: its name is listed again. */
static void note_back(struct memtable *memtable, struct series_extra *extra)
{
	extra->ctime_ns = 0;
	memtable->came_back |= extra->is_lost;
	extra->is_lost = false;
}

/*
 * Where series are many each row meets a cold slot, a cold series and a cold
 * block. Rows are taken in turns of TURN_ROWS, so that the misses of a turn are
 * under way together: 100,000 series cost a row 60 ns, 170 one by one.
 */
#define TURN_ROWS 16

static void add_turn(struct memtable *memtable, const struct memtable_row *rows, size_t count,
		     uint64_t sequence, int64_t arrival_ns)
{
	struct memtable_series *series[TURN_ROWS];

	for (size_t i = 0; i < count; i++)
		prefetch_slot(memtable, rows[i].series_id);
	for (size_t i = 0; i < count; i++) {
		series[i] = find_or_add(memtable, rows[i].series_id);
		__builtin_prefetch(series[i]);
		__builtin_prefetch((char *)(series[i] + 1) - 1);
	}
	for (size_t i = 0; i < count; i++)
		if (series[i]->last)
			__builtin_prefetch(series[i]->last);
	for (size_t i = 0; i < count; i++) {
		if (!series[i]->last)
			buf_append_u32(&memtable->met, rows[i].series_id);
		add_row(memtable, series[i], &rows[i], memtable->record_layouts[rows[i].layout],
			sequence);
		series[i]->mtime_ns = arrival_ns;
		if (series[i]->extra)
			note_back(memtable, series[i]->extra);
	}
}

void memtable_add(struct memtable *memtable, const struct memtable_row *rows, size_t row_count,
		  const struct layout *const *layouts, size_t layout_count, uint64_t sequence,
		  int64_t arrival_ns)
{
	intern_layouts(memtable, layouts, layout_count);
	buf_reset(&memtable->met);
	memtable->came_back = false;
	memtable->row_count += row_count;
	for (size_t i = 0; i < row_count; i += TURN_ROWS)
		add_turn(memtable, rows + i, row_count - i < TURN_ROWS ? row_count - i : TURN_ROWS,
			 sequence, arrival_ns);
}

void memtable_add_mask(struct memtable *memtable, const struct mask *mask)
{
	struct memtable_series *series = find_or_add(memtable, mask->series_id);
	struct series_extra *extra = need_extra(memtable, series);

	masks_add(&extra->masks, mask);
	extra->is_lost |= mask->time_first_ns <= TIME_MIN_NS && mask->time_last_ns >= TIME_MAX_NS;
	memtable->heap_bytes += sizeof(*mask);
}

struct memtable_met memtable_met(const struct memtable *memtable)
{
	return (struct memtable_met){ (const uint32_t *)(const void *)memtable->met.data,
				      memtable->met.length / sizeof(uint32_t),
				      memtable->came_back };
}

bool memtable_lists(const struct memtable *memtable, uint32_t series_id)
{
	const struct memtable_series *series = find(memtable, series_id);

	return series && series->row_count && !(series->extra && series->extra->is_lost);
}

bool memtable_has_lost(const struct memtable *memtable, uint32_t series_id)
{
	const struct memtable_series *series = find(memtable, series_id);

	return series && series->extra && series->extra->is_lost;
}

void memtable_set_mtime(struct memtable *memtable, uint32_t series_id, int64_t mtime_ns,
			int64_t ctime_ns, uint64_t sequence)
{
	struct memtable_series *series = find_or_add(memtable, series_id);

	(void)sequence; /* the content is what it was: its version stays */
	series->mtime_ns = mtime_ns;
	need_extra(memtable, series)->ctime_ns = ctime_ns;
}

/* --- looking -------------------------------------------------------------------- */

size_t memtable_row_count(const struct memtable *memtable)
{
	return memtable->row_count;
}

bool memtable_is_empty(const struct memtable *memtable)
{
	return memtable->series_count == 0;
}

size_t memtable_bytes(const struct memtable *memtable)
{
	return memtable->arena.bytes + memtable->heap_bytes +
	       memtable->piece_capacity * sizeof(*memtable->pieces) +
	       memtable->slot_count * sizeof(*memtable->slots) +
	       memtable->layout_capacity * sizeof(void *) + map_bytes(&memtable->layout_ids);
}

int memtable_series(const struct memtable *memtable, uint32_t **ids, size_t *count)
{
	uint32_t *list = malloc((memtable->series_count + 1) * sizeof(*list));

	*ids = list;
	*count = 0;
	if (!list)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < memtable->series_count; i++)
		list[i] = series_at(memtable, i)->series_id;
	*count = sort_unique_ids(list, memtable->series_count);
	assert(*count == memtable->series_count); /* a slot a series */
	return OK;
}

/* The rows of a block with a sequence at or before `sequence`. */
static uint32_t block_rows_until(const struct row_block *block, const struct layout *layout,
				 uint64_t sequence)
{
	uint32_t low = 0, high = block->row_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (row_sequence(block, layout, middle) <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same of a series; `*last` is the sequence of the last of them, 0 when there is none. */
static size_t rows_until(const struct memtable *memtable, const struct memtable_series *series,
			 uint64_t sequence, uint64_t *last)
{
	const struct row_block *block = series->last;
	size_t rows = 0;

	*last = 0;
	if (!block)
		return 0;
	*last = row_sequence(block, memtable->layouts[block->layout], block->row_count - 1u);
	if (sequence >= *last)
		return series->row_count;
	*last = 0;
	for (block = series->first; block; block = block->next) {
		const struct layout *layout = memtable->layouts[block->layout];
		uint32_t here = block_rows_until(block, layout, sequence);

		if (here)
			*last = row_sequence(block, layout, here - 1);
		rows += here;
		if (here < block->row_count)
			break;
	}
	return rows;
}

static uint64_t mask_sequence_until(const struct memtable_series *series, uint64_t sequence)
{
	uint64_t last = 0;

	for (size_t i = 0; series->extra && i < series->extra->masks.count; i++) {
		uint64_t since = series->extra->masks.items[i].since;

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
	*out = (struct memtable_info){ .row_count =
					       rows_until(memtable, series, sequence, &rows_last),
				       .mtime_ns = series->mtime_ns,
				       .ctime_ns = series->extra && series->extra->ctime_ns
							   ? series->extra->ctime_ns
							   : series->mtime_ns,
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

	const struct masks *masks = series && series->extra ? &series->extra->masks : NULL;

	for (size_t i = 0; masks && i < masks->count; i++)
		if (masks->items[i].since <= sequence)
			masks_add(out, &masks->items[i]);
}

/* --- capturing --------------------------------------------------------------------- */

static void capture_parts(const struct memtable *memtable, const struct memtable_series *series,
			  size_t first, size_t end, struct capture *out)
{
	size_t at = 0, capacity = 0;

	for (const struct row_block *block = series->first; block && at < end;
	     block = block->next) {
		size_t from = first > at ? first - at : 0;
		size_t until = end - at < block->row_count ? end - at : block->row_count;

		at += block->row_count;
		if (from >= until)
			continue;
		grow(&out->parts, out->part_count, &capacity);
		out->parts[out->part_count++] =
			(struct capture_part){ block, memtable->layouts[block->layout],
					       (uint32_t)from, (uint32_t)(until - from) };
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
	size_t first = rows_until(memtable, series, after, &unused);
	size_t end = rows_until(memtable, series, sequence, &unused);

	if (first >= end)
		return;
	out->row_count = end - first;
	out->ascending = series->ascending;
	out->time_first_ns = series->time_first_ns;
	out->time_last_ns = series->time_last_ns;
	capture_parts(memtable, series, first, end, out);
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
		size_t words = 1 + part->layout->field_count;

		for (uint32_t row = part->row_first; row < part->row_first + part->row_count;
		     row++, at++) {
			const uint64_t *p = &block->words[row * words];

			rows[at] =
				(struct captured_row){ (int64_t)p[0],
						       row_sequence(block, part->layout, row),
						       part->layout, (const union value *)(p + 1) };
		}
	}
	assert(at == capture->row_count);
}

size_t capture_rows_within(const struct capture *capture, int64_t time_first_ns,
			   int64_t time_last_ns, struct captured_row *rows)
{
	size_t count = 0;

	for (size_t i = 0; i < capture->part_count; i++) {
		const struct capture_part *part = &capture->parts[i];
		const struct row_block *block = part->block;
		size_t words = 1 + part->layout->field_count;

		for (uint32_t row = part->row_first; row < part->row_first + part->row_count;
		     row++) {
			const uint64_t *p = &block->words[row * words];
			int64_t time_ns = (int64_t)p[0];

			if (time_ns < time_first_ns || time_ns > time_last_ns)
				continue;
			if (rows)
				rows[count] = (struct captured_row){
					time_ns, row_sequence(block, part->layout, row),
					part->layout, (const union value *)(p + 1)
				};
			count++;
		}
	}
	return count;
}

/* qsort is not stable, so rows are merged bottom-up. */
void captured_rows_sort(struct captured_row *rows, size_t count, struct captured_row *spare)
{
	for (size_t width = 1; width < count; width *= 2) {
		for (size_t from = 0; from < count; from += 2 * width) {
			size_t middle = from + width < count ? from + width : count;
			size_t end = from + 2 * width < count ? from + 2 * width : count;
			size_t a = from, b = middle;

			for (size_t i = from; i < end; i++)
				spare[i] = a < middle && (b == end ||
							  rows[a].time_ns <= rows[b].time_ns)
						   ? rows[a++]
						   : rows[b++];
		}
		memcpy(rows, spare, count * sizeof(*rows));
	}
}
