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

#include "engine/base/counters.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/memory/state.h"
#include "engine/read/scan_inner.h"

/* One of many scans: blocks that double would take twice the room. */
#define SMALL_BLOCK_BYTES ((size_t)16 << 10)

/* --- life --- */

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
	scan_find_sources(scan);
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
			TRY(segment_load_capture(scan, &ordered[i], first_ns, last_ns, &segment));
		else
			TRY(segment_load(scan, &ordered[i], first_ns, last_ns, &scan->data[i],
					 &segment));
		if (i == 0)
			*out = segment;
		else
			segment_merge(scan, out, &segment);
	}
	segment_drop_empty_rows(scan, out);
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
	TRY(segment_load_vectors(scan, source, first_ns, last_ns, vectors, &scan->data[0], out));
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
	segment_drop_empty_rows(scan, out);
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
	TRY(segment_load(scan, source, scan->begun_first_ns, last_ns, &scan->data[0], out));
	segment_drop_empty_rows(scan, out);
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

/* --- cells ------------------------------------------------------------------------------ */

static bool is_cell_wanted(const struct scan *scan, size_t cell)
{
	const struct cell_rows *rows = &scan->outline.laying.cells[cell];

	return scan_in_range(&scan->spec, rows->time_first_ns, rows->time_last_ns) &&
	       !outline_is_out_of_bounds(scan, cell);
}

/* One cell that was not taken: so will those behind it be. Without a taker: up to one to leave out.
 */
static size_t cells_to_load(const struct scan *scan, size_t first)
{
	const struct laying *laying = &scan->outline.laying;
	size_t end = first + 1;
	uint64_t rows = laying->cells[first].row_count, rows_max = piece_rows(scan);

	if (scan->spec.taker && !outline_may_offer(scan, &laying->cells[first]))
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
	TRY(segment_load(scan, scan->walked, first_ns, last_ns, &scan->data[0], out));
	segment_drop_empty_rows(scan, out);
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
		if (outline_may_offer(scan, &laying->cells[cell])) {
			int taken = outline_offer(scan, cell, &laying->cells[cell]);

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
	if (outline_is_worth_a_look(scan, first, end)) {
		int done = outline_open(scan, &scan->sources[first]);

		TRY(done);
		if (done || scan->walked)
			return OK;
	}
	if (sums_may_be_offered(scan, first, end)) {
		int taken = sums_offer(scan, &scan->sources[first]);

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
