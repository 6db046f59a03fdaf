/*
 * The rows of one series in one view, merged.
 *
 * Sources are chunks in a shard and captures of memtables, in the order of
 * acceptance. Those whose times overlap form a cluster; a cluster is decoded
 * and merged as one slab (later acceptance wins per field), and clusters follow
 * one another in time without being compared. Data that arrives in order makes
 * clusters of one chunk each, which are handed on as they were decoded.
 */
#include "engine/read/scan.h"

#include <stdlib.h>

#include "engine/base/bits.h"
#include "engine/base/counters.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/memory/state.h"

struct source {
	int64_t time_first_ns, time_last_ns;
	size_t order;		 /* of acceptance */
	struct chunk_ref ref;	 /* a chunk, when */
	struct capture *capture; /* this is NULL */
};

/* Decoded rows of one source; times strictly ascend. Borrows the scan's arena or a chunk_data. */
struct segment {
	size_t row_count;
	int64_t *times_ns;
	struct batch_column *columns;
};

struct scan {
	struct scan_spec spec;
	struct shard_version *version; /* the view's */
	struct masks masks;
	struct capture captures[2];
	uint64_t chunk_count, decoded, summarized; /* of the series; of these */
	struct source *sources;			   /* by time */
	size_t source_count;
	size_t *clusters; /* the source each begins at, and source_count behind the last */
	size_t cluster_count;
	size_t cluster_next; /* counted from the end when descending */
	struct arena arena;
	struct chunk_data *data; /* one a source of the current cluster */
	size_t data_count;
	/* the cluster that is read in pieces */
	struct pieces {
		size_t first, end;		    /* its sources; equal: none is */
		int64_t first_ns, last_ns, step_ns; /* what is left, and how much of it in one go */
	} pieces;
	/* the chunk of which the last rows were given */
	const struct source *begun; /* NULL = none */
	int64_t begun_first_ns;	    /* from here on */
	/* the chunk that is read cell by cell */
	const struct source *walked; /* NULL = none */
	struct chunk_outline outline;
	size_t cell_next;
	bool was_decoded, was_taken; /* of it */
	struct arena outline_arena;
	struct column_summary *summaries; /* field_count */
};

/* One of many scans: blocks that double would take twice the room. */
#define SMALL_BLOCK_BYTES ((size_t)16 << 10)

/* --- finding the sources ------------------------------------------------------------ */

static bool in_range(const struct scan_spec *spec, int64_t first_ns, int64_t last_ns)
{
	return first_ns <= spec->time_last_ns && last_ns >= spec->time_first_ns;
}

static void collect_masks(struct scan *scan)
{
	const struct view *view = scan->spec.view;
	const struct shard_mask *stored;
	size_t count;

	shard_version_masks(scan->version, scan->spec.series_id, &stored, &count);
	for (size_t i = 0; i < count; i++) {
		/* What a later flush brought and this view obeys is in its memtables too. */
		if (stored[i].generation > view->sequence)
			continue;
		masks_add(&scan->masks,
			  &(struct mask){ stored[i].series_id, stored[i].time_first_ns,
					  stored[i].time_last_ns, stored[i].sequence,
					  stored[i].generation });
	}
	pthread_mutex_lock(&view->group->lock);
	if (view->sealed)
		memtable_masks(view->sealed, scan->spec.series_id, view->sequence, &scan->masks);
	memtable_masks(view->active, scan->spec.series_id, view->sequence, &scan->masks);
	pthread_mutex_unlock(&view->group->lock);
}

static void collect_captures(struct scan *scan)
{
	const struct view *view = scan->spec.view;

	pthread_mutex_lock(&view->group->lock);
	if (view->sealed)
		memtable_capture(view->sealed, scan->spec.series_id, 0, view->sequence,
				 &scan->captures[0]);
	memtable_capture(view->active, scan->spec.series_id, 0, view->sequence, &scan->captures[1]);
	pthread_mutex_unlock(&view->group->lock);
}

static void add_capture(struct scan *scan, struct capture *capture)
{
	if (capture->row_count == 0 ||
	    !in_range(&scan->spec, capture->time_first_ns, capture->time_last_ns))
		return;
	scan->sources[scan->source_count] =
		(struct source){ .time_first_ns = capture->time_first_ns,
				 .time_last_ns = capture->time_last_ns,
				 .order = scan->source_count,
				 .capture = capture };
	scan->source_count++;
}

static int compare_times(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->time_first_ns != y->time_first_ns)
		return x->time_first_ns < y->time_first_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void collect_sources(struct scan *scan)
{
	struct chunk_refs refs = { 0 };

	shard_version_chunks(scan->version, scan->spec.series_id, &refs);
	scan->sources = calloc(refs.count + 2, sizeof(*scan->sources));
	if (!scan->sources)
		log_out_of_memory(refs.count * sizeof(*scan->sources));
	scan->chunk_count = refs.count;
	for (size_t i = 0; i < refs.count; i++) {
		const struct chunk_ref *ref = &refs.items[i];

		if (ref->generation > scan->spec.view->sequence ||
		    !in_range(&scan->spec, ref->time_first_ns, ref->time_last_ns))
			continue;
		scan->sources[scan->source_count] =
			(struct source){ ref->time_first_ns, ref->time_last_ns, scan->source_count,
					 *ref, NULL };
		scan->source_count++;
	}
	chunk_refs_release(&refs);
	add_capture(scan, &scan->captures[0]);
	add_capture(scan, &scan->captures[1]);
	qsort(scan->sources, scan->source_count, sizeof(*scan->sources), compare_times);
}

/* A cluster begins where no source before reaches. */
static void find_clusters(struct scan *scan)
{
	int64_t last_ns = INT64_MIN;

	scan->clusters = malloc((scan->source_count + 1) * sizeof(*scan->clusters));
	if (!scan->clusters)
		log_out_of_memory(scan->source_count * sizeof(*scan->clusters));
	for (size_t i = 0; i < scan->source_count; i++) {
		const struct source *source = &scan->sources[i];

		if (i == 0 || source->time_first_ns > last_ns)
			scan->clusters[scan->cluster_count++] = i;
		if (source->time_last_ns > last_ns)
			last_ns = source->time_last_ns;
	}
	scan->clusters[scan->cluster_count] = scan->source_count;
}

int scan_open(const struct scan_spec *spec, struct scan **out)
{
	struct scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return ERR_MEMORY;
	scan->spec = *spec;
	if (spec->rows_max)
		scan->arena.block_bytes_max = SMALL_BLOCK_BYTES;
	int err = view_version(spec->view, spec->series_id, &scan->version);
	if (err < 0) {
		free(scan);
		return err;
	}
	collect_masks(scan);
	collect_captures(scan);
	collect_sources(scan);
	find_clusters(scan);
	*out = scan;
	return OK;
}

/* The chunk that was read cell by cell is counted once. */
static void leave_chunk(struct scan *scan)
{
	scan->decoded += scan->was_decoded;
	scan->summarized += scan->was_taken && !scan->was_decoded;
	scan->walked = NULL;
}

static void give_counts(const struct scan *scan)
{
	uint64_t skipped = scan->chunk_count - scan->decoded - scan->summarized;

	counter_add(COUNTER_CHUNKS_DECODED, scan->decoded);
	counter_add(COUNTER_CHUNKS_SUMMARIZED, scan->summarized);
	counter_add(COUNTER_CHUNKS_SKIPPED, skipped);
	if (!scan->spec.counts)
		return;
	scan->spec.counts->decoded += scan->decoded;
	scan->spec.counts->summarized += scan->summarized;
	scan->spec.counts->skipped += skipped;
}

void scan_close(struct scan *scan)
{
	if (!scan)
		return;
	if (scan->walked)
		leave_chunk(scan);
	give_counts(scan);
	for (size_t i = 0; i < scan->data_count; i++)
		chunk_data_release(&scan->data[i]);
	free(scan->data);
	masks_release(&scan->masks);
	capture_release(&scan->captures[0]);
	capture_release(&scan->captures[1]);
	free(scan->sources);
	free(scan->clusters);
	free(scan->summaries);
	arena_release(&scan->outline_arena);
	arena_release(&scan->arena);
	free(scan);
}

/* --- leaving rows out ----------------------------------------------------------------- */

static bool wanted(const struct scan *scan, int64_t time_ns, uint64_t sequence)
{
	return time_ns >= scan->spec.time_first_ns && time_ns <= scan->spec.time_last_ns &&
	       !masks_hide(&scan->masks, time_ns, sequence);
}

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

/* At most so many vectors; 0: any. */
static int load_vectors(struct scan *scan, const struct source *source, int64_t first_ns,
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

static int load_rows(struct scan *scan, const struct source *source, int64_t first_ns,
		     int64_t last_ns, struct chunk_data *data, struct segment *out)
{
	return load_vectors(scan, source, first_ns, last_ns, 0, data, out);
}

/* Which asked-for column a field of a layout is; field_count when none. */
static size_t column_of(const struct scan *scan, uint32_t field_id)
{
	for (size_t i = 0; i < scan->spec.field_count; i++)
		if (scan->spec.field_ids[i] == field_id)
			return i;
	return scan->spec.field_count;
}

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

static int load_capture(struct scan *scan, const struct source *source, int64_t first_ns,
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

static void merge(struct scan *scan, struct segment *older, const struct segment *newer)
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
static void drop_empty_rows(struct scan *scan, struct segment *segment)
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

/* --- clusters ------------------------------------------------------------------------------------
 */

static int compare_order(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

static void data_reserve(struct scan *scan, size_t count)
{
	if (count <= scan->data_count)
		return;
	scan->data = realloc(scan->data, count * sizeof(*scan->data));
	if (!scan->data)
		log_out_of_memory(count * sizeof(*scan->data));
	memset(scan->data + scan->data_count, 0, (count - scan->data_count) * sizeof(*scan->data));
	scan->data_count = count;
}

static void count_decoded(struct scan *scan, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		scan->decoded += scan->sources[i].capture == NULL;
}

/*
 * Decoded rows of one cluster take an eighth of what the thread's query may hold at most: a chunk
 * of a hundred fields is 8 MB, and a series may have a million rows in a memtable. Where many
 * series are read at once, each takes less (`rows_max`).
 */
#define PIECE_PART  8
#define ROW_BYTES   sizeof(struct captured_row)
#define VALUE_BYTES 16 /* some are strings */

static uint64_t piece_rows(const struct scan *scan)
{
	uint64_t limit = memory_limit(), rows = UINT64_MAX;

	if (limit != UINT64_MAX)
		rows = limit / PIECE_PART / (scan->spec.field_count * VALUE_BYTES + ROW_BYTES);
	if (scan->spec.rows_max && scan->spec.rows_max < rows)
		rows = scan->spec.rows_max;
	return rows > VECTOR_ROWS ? rows : VECTOR_ROWS;
}

/*
 * Room for the rows of a cluster is asked for in pieces that cannot fail one by one; so whether the
 * system has that much is asked before.
 */
static int ask_for_room(const struct scan *scan, size_t first, size_t end)
{
	uint64_t rows = 0;

	for (size_t i = first; i < end; i++)
		rows += scan->sources[i].capture ? scan->sources[i].capture->row_count
						 : scan->sources[i].ref.row_count;
	if (scan->pieces.first != scan->pieces.end && rows > piece_rows(scan))
		rows = piece_rows(scan);
	rows *= (end - first > 1) + 1u;
	return memory_is_there(rows * (scan->spec.field_count * VALUE_BYTES + ROW_BYTES))
		       ? OK
		       : ERR_MEMORY;
}

/* The rows of a closed range of times. */
static int load_cluster(struct scan *scan, size_t first, size_t end, int64_t first_ns,
			int64_t last_ns, struct segment *out)
{
	struct source *ordered;
	size_t count = 0;

	TRY(ask_for_room(scan, first, end));
	ordered = arena_need(&scan->arena, (end - first) * sizeof(*ordered));
	for (size_t i = first; i < end; i++)
		if (scan->sources[i].time_first_ns <= last_ns &&
		    scan->sources[i].time_last_ns >= first_ns)
			ordered[count++] = scan->sources[i];
	qsort(ordered, count, sizeof(*ordered), compare_order);
	data_reserve(scan, count);
	for (size_t i = 0; i < count; i++) {
		struct segment segment = { 0 };

		if (ordered[i].capture)
			TRY(load_capture(scan, &ordered[i], first_ns, last_ns, &segment));
		else
			TRY(load_rows(scan, &ordered[i], first_ns, last_ns, &scan->data[i],
				      &segment));
		if (i == 0)
			*out = segment;
		else
			merge(scan, out, &segment);
	}
	drop_empty_rows(scan, out);
	return OK;
}

/* --- pieces ------------------------------------------------------------------------------ */

/*
 * Of one chunk whole vectors are taken, whatever times they have, so that none is decoded twice;
 * and the piece goes on behind the last.
 */
static int load_chunk_piece(struct scan *scan, const struct source *source, struct segment *out)
{
	struct pieces *pieces = &scan->pieces;
	size_t vectors = (size_t)(piece_rows(scan) / VECTOR_ROWS);
	int64_t first_ns = pieces->first_ns, last_ns = pieces->last_ns, from_ns, to_ns;
	bool is_last;

	TRY(ask_for_room(scan, pieces->first, pieces->end));
	data_reserve(scan, 1);
	TRY(load_vectors(scan, source, first_ns, last_ns, vectors, &scan->data[0], out));
	from_ns = scan->data[0].times_ns[0];
	to_ns = scan->data[0].times_ns[scan->data[0].row_count - 1];
	/* A vector outside of the range: no row is in it. */
	is_last = from_ns > last_ns || to_ns < first_ns;
	is_last |= scan->spec.descending ? from_ns <= first_ns : to_ns >= last_ns;
	if (is_last)
		*pieces = (struct pieces){ 0 };
	else if (scan->spec.descending)
		pieces->last_ns = from_ns - 1;
	else
		pieces->first_ns = to_ns + 1;
	drop_empty_rows(scan, out);
	return OK;
}

/* OK with rows or none. */
static int load_piece(struct scan *scan, struct segment *out)
{
	struct pieces *pieces = &scan->pieces;
	size_t first = pieces->first, end = pieces->end;
	int64_t first_ns = pieces->first_ns, last_ns = pieces->last_ns;
	bool is_last = (uint64_t)last_ns - (uint64_t)first_ns <= (uint64_t)pieces->step_ns;

	if (end - first == 1 && !scan->sources[first].capture)
		return load_chunk_piece(scan, &scan->sources[first], out);
	if (is_last)
		*pieces = (struct pieces){ 0 };
	else if (scan->spec.descending)
		pieces->last_ns = (first_ns = last_ns - pieces->step_ns) - 1;
	else
		pieces->first_ns = (last_ns = first_ns + pieces->step_ns) + 1;
	return load_cluster(scan, first, end, first_ns, last_ns, out);
}

/* Of the closed range; of a chunk that is read to its end. */
static int load_large(struct scan *scan, size_t first, size_t end, int64_t first_ns,
		      int64_t last_ns, struct segment *out)
{
	uint64_t rows = 0, rows_max = piece_rows(scan), length;
	int64_t from_ns = INT64_MAX, to_ns = INT64_MIN;

	for (size_t i = first; i < end; i++) {
		const struct source *source = &scan->sources[i];

		rows += source->capture ? source->capture->row_count : source->ref.row_count;
		from_ns = source->time_first_ns < from_ns ? source->time_first_ns : from_ns;
		to_ns = source->time_last_ns > to_ns ? source->time_last_ns : to_ns;
	}
	if (rows <= rows_max)
		return load_cluster(scan, first, end, first_ns, last_ns, out);
	length = ((uint64_t)to_ns - (uint64_t)from_ns) / rows;
	length = length < (uint64_t)INT64_MAX / rows_max ? (length + 1) * rows_max : INT64_MAX;
	scan->pieces = (struct pieces){ first, end, first_ns > from_ns ? first_ns : from_ns,
					last_ns < to_ns ? last_ns : to_ns,
					length < INT64_MAX ? (int64_t)length : INT64_MAX };
	return load_piece(scan, out);
}

/* --- backwards -------------------------------------------------------------------------- */

/*
 * A reader that goes backwards is often content with one row: of the first chunk the last rows are
 * decoded alone, which half a vector of even times would hold. last() by host over 8,640 rows a
 * host takes 0.7 ms of CPU in place of 1.0.
 */
static bool may_begin_late(const struct scan *scan, size_t first, size_t end)
{
	const struct source *source = &scan->sources[first];

	return scan->spec.descending && scan->cluster_next == 1 && end - first == 1 &&
	       !source->capture && source->ref.row_count >= 2 * VECTOR_ROWS;
}

static int load_last_rows(struct scan *scan, const struct source *source, struct segment *out)
{
	int64_t last_ns = source->time_last_ns < scan->spec.time_last_ns ? source->time_last_ns
									 : scan->spec.time_last_ns;
	uint64_t length = (uint64_t)source->time_last_ns - (uint64_t)source->time_first_ns;
	uint64_t some = length / source->ref.row_count * (VECTOR_ROWS / 2);

	if (some >= (uint64_t)last_ns - (uint64_t)source->time_first_ns)
		some = (uint64_t)last_ns - (uint64_t)source->time_first_ns;
	scan->decoded++;
	scan->begun = source;
	scan->begun_first_ns = (int64_t)((uint64_t)last_ns - some);
	if (scan->begun_first_ns < scan->spec.time_first_ns)
		scan->begun_first_ns = scan->spec.time_first_ns;
	data_reserve(scan, 1);
	TRY(load_rows(scan, source, scan->begun_first_ns, last_ns, &scan->data[0], out));
	drop_empty_rows(scan, out);
	return OK;
}

/* OK with rows or none. */
static int load_rows_before(struct scan *scan, struct segment *out)
{
	const struct source *source = scan->begun;

	scan->begun = NULL;
	if (scan->begun_first_ns <= source->time_first_ns ||
	    scan->begun_first_ns <= scan->spec.time_first_ns)
		return OK;
	size_t at = (size_t)(source - scan->sources);
	return load_large(scan, at, at + 1, scan->spec.time_first_ns, scan->begun_first_ns - 1,
			  out);
}

static bool next_cluster(struct scan *scan, size_t *first, size_t *end)
{
	if (scan->cluster_next == scan->cluster_count)
		return false;
	size_t i = scan->cluster_next++;
	if (scan->spec.descending)
		i = scan->cluster_count - 1 - i;
	*first = scan->clusters[i];
	*end = scan->clusters[i + 1];
	return true;
}

/* --- what need not be decoded ----------------------------------------------------------- */

/*
 * Alone in its time, large enough to have a summary, and the taker can do with it? Nothing may be
 * masked where rows are answered for; rows that nobody wants may be.
 */
static bool is_worth_a_look(const struct scan *scan, size_t first, size_t end)
{
	const struct source *source = &scan->sources[first];

	return end - first == 1 && !source->capture &&
	       source->ref.row_count >= SUMMARY_VALUES_MIN &&
	       ((scan->spec.taker && scan->masks.count == 0) || scan->spec.bound_count);
}

/* Does no value lie within the bounds? Unknown values may. */
static bool fails_bound(const struct value_bounds *bound, enum value_type type,
			const struct summary *summary)
{
	if (type == VALUE_NONE)
		return true;
	if (!summary || !summary->has_numbers || type != bound->type)
		return false;
	if (type == VALUE_FLOAT)
		return summary->max.f < bound->min.f || summary->min.f > bound->max.f;
	if (type == VALUE_UNSIGNED)
		return summary->max.u < bound->min.u || summary->min.u > bound->max.u;
	return summary->max.i < bound->min.i || summary->min.i > bound->max.i;
}

/* `cell` SIZE_MAX: the whole chunk. */
static bool is_out_of_bounds(const struct scan *scan, size_t cell)
{
	for (size_t i = 0; i < scan->spec.bound_count; i++) {
		const struct value_bounds *bound = &scan->spec.bounds[i];
		const struct outline_column *column = &scan->outline.columns[bound->field];
		const struct summary *summary = cell == SIZE_MAX ? &column->summary
						: column->cells	 ? &column->cells[cell]
								 : NULL;

		if (fails_bound(bound, column->type, summary))
			return true;
	}
	return false;
}

/* Every row has the field, or none has: else rows are left out, and times are not known. */
static bool summarize(const struct scan *scan, size_t cell, size_t field,
		      struct column_summary *out)
{
	const struct outline_column *column = &scan->outline.columns[field];
	const struct summary *s = cell == SIZE_MAX ? &column->summary
				  : column->cells  ? &column->cells[cell]
						   : NULL;

	*out = (struct column_summary){ .type = column->type };
	if (s && s->has_numbers)
		*out = (struct column_summary){ column->type, true,	s->min, s->max,
						s->sum,	      s->first, s->last };
	return column->type == VALUE_NONE || column->summary.count == scan->outline.row_count;
}

/*
 * Offer the summary of a chunk, or of a cell of it, to the taker. Returns 1 if it was used in place
 * of the rows.
 */
static int offer_summary(struct scan *scan, size_t cell, const struct cell_rows *rows)
{
	size_t count = scan->spec.field_count;
	struct rows_summary summary = { rows->row_count,
					rows->time_first_ns,
					rows->time_last_ns,
					scan->summaries,
					count,
					scan->spec.view->group->id,
					scan->outline.is_cold && !scan->spec.taker->is_exact };
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (!summarize(scan, cell, i, &scan->summaries[i]))
			return 0;
		any |= scan->outline.columns[i].type != VALUE_NONE;
	}
	return any ? scan->spec.taker->take(scan->spec.taker->arg, &summary) : 0;
}

static bool may_offer(const struct scan *scan, const struct cell_rows *rows)
{
	return scan->spec.taker && scan->masks.count == 0 &&
	       rows->time_first_ns >= scan->spec.time_first_ns &&
	       rows->time_last_ns <= scan->spec.time_last_ns;
}

/* Alone in its time, and does the taker want but the sums of its rows? */
static bool may_be_summed(const struct scan *scan, size_t first, size_t end)
{
	return end - first == 1 && !scan->sources[first].capture && scan->spec.taker &&
	       scan->spec.taker->sums && scan->masks.count == 0;
}

/* Returns 1 if the taker used it in place of the rows. */
static int offer_sums(struct scan *scan, const struct source *source)
{
	const struct scan_spec *spec = &scan->spec;
	struct sums_wish wish = { spec->field_ids,    spec->field_count,     spec->time_first_ns,
				  spec->time_last_ns, spec->view->group->id, spec->taker->sums };
	struct window_sums sums;
	int taken;

	arena_reset(&scan->outline_arena);
	taken = shard_version_sums(scan->version, &source->ref, &wish, &scan->outline_arena, &sums);
	if (taken != 1)
		return taken;
	scan->decoded++;
	counter_add(COUNTER_ROWS_DECODED, sums.row_count);
	return wish.taker->take(wish.taker->arg, &sums);
}

/* 1: the chunk needs no more; else it is read, cell by cell if `walked` is set. */
static int look_at_outline(struct scan *scan, const struct source *source)
{
	struct cell_rows all = { 0, source->ref.row_count, source->time_first_ns,
				 source->time_last_ns };
	const struct summary_taker *taker = scan->spec.taker;
	struct outline_wish wish = { scan->spec.field_ids, scan->spec.field_count,
				     taker ? taker->rows_max_ns : INT64_MAX,
				     taker && taker->sums_only && scan->spec.bound_count == 0 };
	int taken;

	if (!scan->summaries)
		scan->summaries = calloc(scan->spec.field_count + 1, sizeof(*scan->summaries));
	if (!scan->summaries)
		log_out_of_memory(scan->spec.field_count * sizeof(*scan->summaries));
	arena_reset(&scan->outline_arena);
	TRY(shard_version_outline(scan->version, &source->ref, &wish, &scan->outline_arena,
				  &scan->outline));
	if (is_out_of_bounds(scan, SIZE_MAX))
		return 1;
	taken = 0;
	if (may_offer(scan, &all) && !(scan->outline.laying.count && scan->spec.taker->is_exact))
		taken = offer_summary(scan, SIZE_MAX, &all);
	scan->summarized += taken > 0;
	if (taken || scan->outline.laying.count == 0 || scan->spec.descending)
		return taken;
	scan->walked = source;
	scan->cell_next = 0;
	scan->was_decoded = scan->was_taken = false;
	return 0;
}

/* --- cells ------------------------------------------------------------------------------ */

static bool is_cell_wanted(const struct scan *scan, size_t cell)
{
	const struct cell_rows *rows = &scan->outline.laying.cells[cell];

	return in_range(&scan->spec, rows->time_first_ns, rows->time_last_ns) &&
	       !is_out_of_bounds(scan, cell);
}

/* One cell that was not taken: so will those behind it be. Without a taker: up to one to leave out.
 */
static size_t cells_to_load(const struct scan *scan, size_t first)
{
	const struct laying *laying = &scan->outline.laying;
	size_t end = first + 1;
	uint64_t rows = laying->cells[first].row_count, rows_max = piece_rows(scan);

	if (scan->spec.taker && !may_offer(scan, &laying->cells[first]))
		return end;
	while (end < laying->count && (scan->spec.taker || is_cell_wanted(scan, end)) &&
	       rows + laying->cells[end].row_count <= rows_max)
		rows += laying->cells[end++].row_count;
	return end;
}

static int load_cells(struct scan *scan, size_t first, size_t end, struct segment *out)
{
	const struct cell_rows *cells = scan->outline.laying.cells;
	int64_t first_ns = cells[first].time_first_ns, last_ns = cells[end - 1].time_last_ns;

	if (first_ns < scan->spec.time_first_ns)
		first_ns = scan->spec.time_first_ns;
	if (last_ns > scan->spec.time_last_ns)
		last_ns = scan->spec.time_last_ns;
	scan->was_decoded = true;
	data_reserve(scan, 1);
	TRY(load_rows(scan, scan->walked, first_ns, last_ns, &scan->data[0], out));
	drop_empty_rows(scan, out);
	return OK;
}

/* OK with rows, or END behind the last cell of the chunk. */
static int next_cells(struct scan *scan, struct segment *out)
{
	const struct laying *laying = &scan->outline.laying;

	while (scan->cell_next < laying->count) {
		size_t cell = scan->cell_next, end;

		scan->cell_next++;
		if (!is_cell_wanted(scan, cell))
			continue;
		if (may_offer(scan, &laying->cells[cell])) {
			int taken = offer_summary(scan, cell, &laying->cells[cell]);

			TRY(taken);
			scan->was_taken |= taken > 0;
			if (taken)
				continue;
		}
		end = scan->cell_next = cells_to_load(scan, cell);
		TRY(load_cells(scan, cell, end, out));
		if (out->row_count)
			return OK;
	}
	leave_chunk(scan);
	return END;
}

static int load_next(struct scan *scan, struct segment *out)
{
	size_t first, end;

	if (scan->walked) {
		int err = next_cells(scan, out);

		if (err != END)
			return err;
	}
	if (scan->pieces.first != scan->pieces.end)
		return load_piece(scan, out);
	if (scan->begun)
		return load_rows_before(scan, out);
	if (!next_cluster(scan, &first, &end))
		return END;
	if (is_worth_a_look(scan, first, end)) {
		int done = look_at_outline(scan, &scan->sources[first]);

		TRY(done);
		if (done || scan->walked)
			return OK;
	}
	if (may_be_summed(scan, first, end)) {
		int taken = offer_sums(scan, &scan->sources[first]);

		TRY(taken);
		if (taken)
			return OK;
	}
	if (may_begin_late(scan, first, end))
		return load_last_rows(scan, &scan->sources[first], out);
	count_decoded(scan, first, end);
	return load_large(scan, first, end, scan->spec.time_first_ns, scan->spec.time_last_ns, out);
}

int scan_next(struct scan *scan, struct slab *out)
{
	for (;;) {
		struct segment segment = { 0 };

		arena_reset(&scan->arena);
		int err = load_next(scan, &segment);
		if (err != OK)
			return err;
		if (segment.row_count == 0)
			continue;
		*out = (struct slab){ segment.row_count, segment.times_ns, segment.columns };
		return OK;
	}
}
