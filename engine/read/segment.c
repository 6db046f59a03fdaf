/*
 * Rows of one source as columns, and two of these merged into one.
 *
 * Why one file: each value of a query that decodes passes through these loops, so all of them are
 * inlined here. Rows that no reader wants are left out by pointing behind them where that can be.
 */
#include "engine/base/bits.h"
#include "engine/base/counters.h"
#include "engine/base/memory.h"
#include "engine/read/scan_inner.h"

/* --- leaving rows out ----------------------------------------------------------------- */

static bool wanted(const struct scan *scan, int64_t time_ns, uint64_t sequence)
{
	return time_ns >= scan->spec.time_first_ns && time_ns <= scan->spec.time_last_ns &&
	       !masks_hide(&scan->masks, time_ns, sequence);
}

/* A column without a value yet: every bit of validity is clear. */
static struct batch_column column_new(struct scan *scan, enum value_type type, size_t rows)
{
	return (struct batch_column){ type, arena_need(&scan->arena, rows * sizeof(union value)),
				      arena_need(&scan->arena,
						 (rows + 63) / 64 * sizeof(uint64_t)) };
}

static void column_put(struct batch_column *column, size_t row, union value value)
{
	((union value *)column->values)[row] = value;
	bit_set((uint64_t *)column->valid, row);
}

/* Keep the rows that `rows` lists, ascending. */
static void segment_select(struct scan *scan, struct segment *segment, const uint32_t *rows,
			   size_t count)
{
	int64_t *times_ns = arena_need(&scan->arena, count * sizeof(*times_ns));
	struct batch_column *columns =
		arena_need(&scan->arena, scan->spec.field_count * sizeof(*columns));

	for (size_t i = 0; i < count; i++)
		times_ns[i] = segment->times_ns[rows[i]];
	for (size_t c = 0; c < scan->spec.field_count; c++) {
		const struct batch_column *from = &segment->columns[c];

		if (from->type == VALUE_NONE)
			continue;
		columns[c] = column_new(scan, from->type, count);
		for (size_t i = 0; i < count; i++)
			if (column_has(from, rows[i]))
				column_put(&columns[c], i, from->values[rows[i]]);
	}
	*segment = (struct segment){ count, times_ns, columns };
}

/* --- decoding the sources ---------------------------------------------------------------- */

/* The first row that is not before `time_ns`. */
static size_t row_at(const struct segment *segment, int64_t time_ns)
{
	size_t low = 0, high = segment->row_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (segment->times_ns[middle] < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Leave rows at both ends out by pointing at the others. False: bits of validity would move. */
static bool segment_cut(struct scan *scan, struct segment *segment, int64_t first_ns,
			int64_t last_ns)
{
	size_t first = row_at(segment, first_ns);
	size_t end = last_ns == INT64_MAX ? segment->row_count : row_at(segment, last_ns + 1);

	for (size_t c = 0; first % 64 && c < scan->spec.field_count; c++)
		if (segment->columns[c].valid)
			return false;
	for (size_t c = 0; c < scan->spec.field_count; c++) {
		struct batch_column *column = &segment->columns[c];

		if (column->type == VALUE_NONE)
			continue;
		column->values += first;
		if (column->valid)
			column->valid += first / 64;
	}
	segment->times_ns += first;
	segment->row_count = end > first ? end - first : 0;
	return true;
}

/* Rows of a chunk outside of a closed range of times, or masked. */
static void drop_unwanted(struct scan *scan, struct segment *segment, const struct source *source,
			  int64_t first_ns, int64_t last_ns)
{
	uint32_t *rows;
	size_t count = 0;

	if (scan->masks.count == 0 && segment_cut(scan, segment, first_ns, last_ns))
		return;
	rows = arena_need(&scan->arena, segment->row_count * sizeof(*rows));
	for (uint32_t row = 0; row < segment->row_count; row++)
		if (segment->times_ns[row] >= first_ns && segment->times_ns[row] <= last_ns &&
		    !masks_hide(&scan->masks, segment->times_ns[row], source->ref.sequence_max))
			rows[count++] = row;
	if (count < segment->row_count)
		segment_select(scan, segment, rows, count);
}

int segment_load_vectors(struct scan *scan, const struct source *source, int64_t first_ns,
			 int64_t last_ns, size_t vectors_max, struct chunk_data *data,
			 struct segment *out)
{
	struct chunk_wish wish = { scan->spec.field_ids, scan->spec.field_count, first_ns, last_ns,
				   vectors_max,		 scan->spec.descending };

	TRY(shard_version_read(scan->version, &source->ref, &wish, data));
	counter_add(COUNTER_ROWS_DECODED, data->row_count);
	out->row_count = data->row_count;
	out->times_ns = (int64_t *)data->times_ns;
	out->columns = arena_need(&scan->arena, scan->spec.field_count * sizeof(*out->columns));
	for (size_t i = 0; i < scan->spec.field_count; i++)
		out->columns[i] =
			(struct batch_column){ data->columns[i].type, data->columns[i].values,
					       data->columns[i].valid };
	drop_unwanted(scan, out, source, first_ns, last_ns);
	return OK;
}

int segment_load(struct scan *scan, const struct source *source, int64_t first_ns, int64_t last_ns,
		 struct chunk_data *data, struct segment *out)
{
	return segment_load_vectors(scan, source, first_ns, last_ns, 0, data, out);
}

/* Which asked-for column a field of a layout is; field_count when none. */
static size_t column_of(const struct scan *scan, uint32_t field_id)
{
	for (size_t i = 0; i < scan->spec.field_count; i++)
		if (scan->spec.field_ids[i] == field_id)
			return i;
	return scan->spec.field_count;
}

/* Rows that follow one another mostly have one layout: it is mapped once. */
struct layout_map {
	const struct layout *layout;
	size_t *columns;
	size_t capacity;
};

static void map_layout(struct scan *scan, struct layout_map *map, const struct layout *layout)
{
	if (map->layout == layout)
		return;
	if (layout->field_count > map->capacity) {
		map->capacity = layout->field_count;
		map->columns = arena_need(&scan->arena, map->capacity * sizeof(*map->columns));
	}
	for (uint32_t i = 0; i < layout->field_count; i++)
		map->columns[i] = column_of(scan, layout->fields[i].field_id);
	map->layout = layout;
}

/* A captured row at a place of the columns; a field that was not asked for is passed over. */
static void put_row(struct scan *scan, struct segment *out, size_t at, size_t capacity,
		    const struct captured_row *row, struct layout_map *map)
{
	map_layout(scan, map, row->layout);
	out->times_ns[at] = row->time_ns;
	for (uint32_t i = 0; i < row->layout->field_count; i++) {
		size_t c = map->columns[i];

		if (c == scan->spec.field_count)
			continue;
		if (out->columns[c].type == VALUE_NONE)
			out->columns[c] = column_new(scan, row->layout->fields[i].type, capacity);
		column_put(&out->columns[c], at, row->values[i]);
	}
}

int segment_load_capture(struct scan *scan, const struct source *source, int64_t first_ns,
			 int64_t last_ns, struct segment *out)
{
	const struct capture *capture = source->capture;
	bool is_whole = first_ns <= capture->time_first_ns && last_ns >= capture->time_last_ns;
	size_t count = is_whole ? capture->row_count
				: capture_rows_within(capture, first_ns, last_ns, NULL);
	struct captured_row *rows = arena_need(&scan->arena, count * sizeof(*rows));
	struct layout_map map = { 0 };
	size_t kept = 0, at = 0;

	if (is_whole)
		capture_rows(capture, rows);
	else
		capture_rows_within(capture, first_ns, last_ns, rows);
	for (size_t i = 0; i < count; i++)
		if (wanted(scan, rows[i].time_ns, rows[i].sequence))
			rows[kept++] = rows[i];
	if (!capture->ascending)
		captured_rows_sort(rows, kept, arena_need(&scan->arena, kept * sizeof(*rows)));
	out->times_ns = arena_need(&scan->arena, kept * sizeof(*out->times_ns));
	out->columns = arena_need(&scan->arena, scan->spec.field_count * sizeof(*out->columns));
	for (size_t i = 0; i < kept; i++) {
		if (at && out->times_ns[at - 1] == rows[i].time_ns)
			at--; /* the later one wins field by field */
		put_row(scan, out, at++, kept, &rows[i], &map);
	}
	out->row_count = at;
	return OK;
}

/* --- merging ---------------------------------------------------------------------------------- */

/* A field of another type than the column has so far leaves the older value. */
static void put_from(struct scan *scan, struct segment *out, size_t at, size_t capacity,
		     const struct segment *from, size_t row)
{
	out->times_ns[at] = from->times_ns[row];
	for (size_t c = 0; c < scan->spec.field_count; c++) {
		if (!column_has(&from->columns[c], row))
			continue;
		if (out->columns[c].type == VALUE_NONE)
			out->columns[c] = column_new(scan, from->columns[c].type, capacity);
		if (out->columns[c].type == from->columns[c].type)
			column_put(&out->columns[c], at, from->columns[c].values[row]);
	}
}

/* A step takes the earlier row, or both of one time: then the newer is put over the older. */
void segment_merge(struct scan *scan, struct segment *older, const struct segment *newer)
{
	size_t capacity = older->row_count + newer->row_count, a = 0, b = 0, at = 0;
	struct segment out = { 0, arena_need(&scan->arena, capacity * sizeof(int64_t)),
			       arena_need(&scan->arena,
					  scan->spec.field_count * sizeof(struct batch_column)) };

	while (a < older->row_count || b < newer->row_count) {
		bool from_a = a < older->row_count &&
			      (b == newer->row_count || older->times_ns[a] <= newer->times_ns[b]);
		bool from_b = b < newer->row_count &&
			      (a == older->row_count || newer->times_ns[b] <= older->times_ns[a]);

		if (from_a)
			put_from(scan, &out, at, capacity, older, a++);
		if (from_b)
			put_from(scan, &out, at, capacity, newer, b++);
		at++;
	}
	out.row_count = at;
	*older = out;
}

static bool row_has_any(const struct scan *scan, const struct segment *segment, size_t row)
{
	for (size_t c = 0; c < scan->spec.field_count; c++)
		if (column_has(&segment->columns[c], row))
			return true;
	return false;
}

/* Rows without any of the asked fields are not there. */
void segment_drop_empty_rows(struct scan *scan, struct segment *segment)
{
	uint32_t *rows;
	size_t count = 0;

	for (size_t c = 0; c < scan->spec.field_count; c++)
		if (segment->columns[c].type != VALUE_NONE && !segment->columns[c].valid)
			return;
	if (scan->spec.field_count == 0)
		return;
	rows = arena_need(&scan->arena, segment->row_count * sizeof(*rows));
	for (uint32_t row = 0; row < segment->row_count; row++)
		if (row_has_any(scan, segment, row))
			rows[count++] = row;
	if (count < segment->row_count)
		segment_select(scan, segment, rows, count);
}
