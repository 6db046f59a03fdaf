/*
 * Sums of the rows of a chunk, window by window, made while its vectors are unpacked.
 *
 * Why not from decoded rows: a mean over windows needs each value once, so none is written to
 * memory to be read from there.
 */
#include "engine/base/limits.h"
#include "engine/chunk/chunk_inner.h"
#include "engine/chunk/row_times.h"

/* Windows of fewer rows on average are as well off with rows. */
#define SPAN_ROWS_MIN 8

/* Rows cut by the windows, and what that makes of vectors. */
struct spans {
	size_t first, end; /* rows that are wanted */
	size_t count, capacity;
	uint32_t *row_counts;
	int64_t *times_first_ns;
	struct sum_plan plan;
	size_t piece_count;
};

static int spans_reserve(struct spans *spans, struct arena *arena)
{
	spans->capacity = (spans->end - spans->first) / SPAN_ROWS_MIN + 1;
	spans->row_counts = arena_alloc_raw(arena, spans->capacity * sizeof(*spans->row_counts), 8);
	spans->times_first_ns =
		arena_alloc_raw(arena, spans->capacity * sizeof(*spans->times_first_ns), 8);
	spans->plan.pieces = arena_alloc_raw(
		arena,
		(spans->capacity + CHUNK_ROWS_MAX / VECTOR_ROWS) * sizeof(*spans->plan.pieces), 8);
	return spans->row_counts && spans->times_first_ns && spans->plan.pieces ? OK : ERR_MEMORY;
}

/* `vector` is that of the piece added last. */
static void pieces_add(struct spans *spans, size_t first, size_t end, size_t *vector)
{
	while (first < end) {
		size_t of = first / VECTOR_ROWS, from = of * VECTOR_ROWS;
		size_t to = end < from + VECTOR_ROWS ? end : from + VECTOR_ROWS;

		while (*vector < of)
			spans->plan.starts[++*vector] = (uint32_t)spans->piece_count;
		spans->plan.pieces[spans->piece_count++] =
			(struct sum_piece){ (uint16_t)(first - from), (uint16_t)(to - from),
					    (uint32_t)spans->count };
		first = to;
	}
}

/* Windows are mostly of as many rows as the one before: then nothing is searched. */
static size_t span_end(const struct row_times *times, size_t first, size_t length, int64_t end_ns)
{
	size_t guess = first + length;

	if (length && guess < times->count && row_time(times, guess) >= end_ns &&
	    row_time(times, guess - 1) < end_ns)
		return guess;
	return row_times_find(times, end_ns);
}

/* 1, or 0: too many of them. */
static int spans_lay(const struct row_times *times, const struct sums_wish *wish,
		     struct arena *arena, struct spans *spans)
{
	size_t vector = 0, length = 0;

	TRY(spans_reserve(spans, arena));
	spans->plan.starts[0] = 0;
	for (size_t row = spans->first; row < spans->end; row += length) {
		int64_t time_ns = row_time(times, row);
		size_t end = span_end(times, row, length,
				      wish->taker->window_end(wish->taker->arg, time_ns));

		if (spans->count == spans->capacity)
			return 0;
		if (end > spans->end)
			end = spans->end;
		length = end - row;
		spans->times_first_ns[spans->count] = time_ns;
		spans->row_counts[spans->count] = (uint32_t)length;
		pieces_add(spans, row, end, &vector);
		spans->count++;
	}
	while (vector < CHUNK_ROWS_MAX / VECTOR_ROWS)
		spans->plan.starts[++vector] = (uint32_t)spans->piece_count;
	return 1;
}

static bool can_be_summed(const struct column_part *part)
{
	enum value_type type = part->kind & KIND_TYPE;

	return !(part->kind & KIND_SPARSE) &&
	       (type == VALUE_FLOAT || type == VALUE_INTEGER || type == VALUE_UNSIGNED);
}

/*
 * The least and the greatest of a column of integers, or 0: nothing is known. Its cells have them
 * where there are cells; of these only what is asked is decoded: with sums and ends of cells, and
 * their times, a mean over short windows took 7 % longer.
 */
static int column_extremes(struct decoding *d, const struct column_place *place, union value *min,
			   union value *max)
{
	const struct summary *all = &place->part.summary;
	size_t count;

	*min = all->min;
	*max = all->max;
	if (all->has_numbers || !place->cells.length || !(d->flags & FLAG_CELLS))
		return all->has_numbers;
	TRY(part_check(d->laying, &d->laying_part, d));
	TRY(part_check(place->cells, &place->part.cells, d));
	TRY(laying_count(d->laying, &count));
	TRY(cells_extremes(place->cells, place->part.kind & KIND_TYPE, count, min, max));
	return true;
}

static __int128 distance_from_zero(enum value_type type, union value value)
{
	if (type == VALUE_UNSIGNED)
		return (__int128)value.u;
	return value.i < 0 ? -(__int128)value.i : (__int128)value.i;
}

/*
 * Sums of integers are made in 64 bits: false where those of some rows may need more, or where
 * nothing is known of the extremes.
 */
static int holds_sums(struct decoding *d, const struct column_place *place)
{
	enum value_type type = place->part.kind & KIND_TYPE;
	union value min, max;
	__int128 low, high;

	if (type == VALUE_FLOAT)
		return true;
	int known = column_extremes(d, place, &min, &max);
	if (known != 1)
		return known;
	low = distance_from_zero(type, min);
	high = distance_from_zero(type, max);
	return (low > high ? low : high) * d->row_count <= INT64_MAX;
}

/* 1, or 0: not all of the columns can be summed, or none is there. */
static int sum_types(struct decoding d, const struct sums_wish *wish, struct sum_column *columns)
{
	struct decoding whole = d;
	bool any = false;
	int holds;

	for (size_t i = 0; i < d.column_count; i++) {
		struct column_place place;

		TRY(chunk_column_next(&d, &place));
		for (size_t asked = 0; asked < wish->field_count; asked++) {
			if (wish->field_ids[asked] != place.part.field_id)
				continue;
			if (!can_be_summed(&place.part))
				return 0;
			holds = holds_sums(&whole, &place);
			if (holds != 1)
				return holds;
			columns[asked].type = place.part.kind & KIND_TYPE;
			any = true;
		}
	}
	return any;
}

static int column_sum(const struct column_place *place, const struct spans *spans,
		      struct arena *arena, union value before, struct sum_column *column)
{
	struct reader in = reader_of(place->payload);
	union value *sums = arena_alloc(arena, spans->count * sizeof(*sums));

	if (!sums)
		return ERR_MEMORY;
	sums[0] = before;
	column->sums = sums;
	TRY(vectors_sum(&in, column->type, place->part.kind >> KIND_FORM_SHIFT,
			place->part.summary.count, &spans->plan, sums));
	return reader_left(&in) ? ERR_CORRUPT : OK;
}

static int columns_sum(struct decoding *d, const struct sums_wish *wish, const struct spans *spans,
		       struct arena *arena, const union value *before, struct sum_column *columns)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct column_place place;

		TRY(chunk_column_next(d, &place));
		for (size_t asked = 0; asked < wish->field_count; asked++) {
			if (wish->field_ids[asked] != place.part.field_id)
				continue;
			TRY(part_check(place.payload, &place.part.payload, d));
			TRY(column_sum(&place, spans, arena, before[asked], &columns[asked]));
		}
	}
	return 1;
}

int chunk_sums(struct slice chunk, const struct sums_wish *wish, struct arena *arena,
	       struct chunk_sums *out)
{
	struct decoding d;
	struct row_times times;
	struct spans spans = { 0 };
	struct sum_column *columns;
	union value *before;
	int taken;

	TRY(chunk_head_open(chunk, &d));
	TRY(row_times_open(d.times, d.row_count, arena, &times));
	row_times_between(&times, wish->time_first_ns, wish->time_last_ns, &spans.first,
			  &spans.end);
	*out = (struct chunk_sums){ d.series_id,
				    d.row_count,
				    row_time(&times, 0),
				    row_time(&times, d.row_count - 1),
				    { 0 } };
	if (spans.first >= spans.end)
		return 0;
	columns = arena_alloc(arena, wish->field_count * sizeof(*columns) + 1);
	before = arena_alloc(arena, wish->field_count * sizeof(*before) + 1);
	if (!columns || !before)
		return ERR_MEMORY;
	taken = sum_types(d, wish, columns);
	if (taken == 1)
		taken = spans_lay(&times, wish, arena, &spans);
	if (taken != 1)
		return taken;
	out->sums =
		(struct window_sums){ spans.count, spans.row_counts,	    spans.times_first_ns,
				      columns,	   spans.end - spans.first, wish->group_id };
	taken = wish->taker->begin(wish->taker->arg, &out->sums, before);
	return taken == 1 ? columns_sum(&d, wish, &spans, arena, before, columns) : taken;
}
