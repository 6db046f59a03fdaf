/*
 * The source of rows of a snapshot: one series over the groups of a policy, in batches.
 *
 * Why a slab is not handed on as it is: it may have as many rows as a chunk, and what a reader
 * makes of a batch should stay in the caches.
 */
#include "engine/read/snapshot.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/read/scan.h"
#include "engine/read/views.h"

struct cursor {
	struct rows_stream rows; /* the first member */
	struct snapshot *snapshot;
	struct rows_spec spec;
	const struct summary_taker *taker; /* or NULL */
	const struct value_bounds *bounds;
	size_t bound_count;
	size_t next_view;  /* counts through the views, from the end when descending */
	struct scan *scan; /* of the current view, or NULL */
	uint32_t group_id;
	struct slab slab;
	size_t slab_next; /* rows of it that were given */
	struct batch_column *columns;
	/* descending alone: */
	int64_t *times_ns;   /* BATCH_ROWS_MAX */
	union value *values; /* field_count × BATCH_ROWS_MAX */
	uint64_t *valid;     /* field_count × BATCH_ROWS_MAX / 64 */
};

#define VALID_WORDS (BATCH_ROWS_MAX / 64)

static const struct rows_ops cursor_ops;

static void close_rows(struct rows_stream *rows)
{
	struct cursor *cursor = (struct cursor *)rows;

	scan_close(cursor->scan);
	free(cursor->columns);
	free(cursor->times_ns);
	free(cursor->values);
	free(cursor->valid);
	free(cursor);
}

static int open_rows(void *snapshot, const struct rows_spec *spec, struct rows_stream **out)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));
	size_t fields = spec->field_count ? spec->field_count : 1;

	if (!cursor)
		return ERR_MEMORY;
	cursor->rows.ops = &cursor_ops;
	cursor->snapshot = snapshot;
	cursor->spec = *spec;
	cursor->columns = calloc(fields, sizeof(*cursor->columns));
	if (spec->descending) {
		cursor->times_ns = malloc(BATCH_ROWS_MAX * sizeof(*cursor->times_ns));
		cursor->values = malloc(fields * BATCH_ROWS_MAX * sizeof(*cursor->values));
		cursor->valid = malloc(fields * VALID_WORDS * sizeof(*cursor->valid));
	}
	if (!cursor->columns ||
	    (spec->descending && (!cursor->times_ns || !cursor->values || !cursor->valid))) {
		close_rows(&cursor->rows);
		return ERR_MEMORY;
	}
	*out = &cursor->rows;
	return OK;
}

static void offer(struct rows_stream *rows, const struct summary_taker *taker)
{
	struct cursor *cursor = (struct cursor *)rows;

	assert(!cursor->spec.descending);
	cursor->taker = taker;
}

static void narrow(struct rows_stream *rows, const struct value_bounds *bounds, size_t count)
{
	struct cursor *cursor = (struct cursor *)rows;

	cursor->bounds = bounds;
	cursor->bound_count = count;
}

/* Begin the next view that overlaps. END: there is none. Views of a policy lie in order of time. */
static int next_view(struct cursor *cursor)
{
	const struct rows_spec *spec = &cursor->spec;
	struct snapshot *snapshot = cursor->snapshot;

	while (cursor->next_view < snapshot->view_count) {
		size_t i = cursor->next_view++;
		struct view *view =
			&snapshot->views[spec->descending ? snapshot->view_count - 1 - i : i];

		if (!view_overlaps(view, spec->policy_id, spec->time_first_ns, spec->time_last_ns))
			continue;
		cursor->group_id = view->group->id;
		return scan_open(&(struct scan_spec){ view, spec->series_id, spec->field_ids,
						      spec->field_count, spec->time_first_ns,
						      spec->time_last_ns, spec->descending,
						      cursor->taker, cursor->bounds,
						      cursor->bound_count, spec->counts,
						      spec->rows_max },
				 &cursor->scan);
	}
	return END;
}

static int next_slab(struct cursor *cursor)
{
	for (;;) {
		int err = cursor->scan ? scan_next(cursor->scan, &cursor->slab) : END;

		cursor->slab_next = 0;
		if (err != END)
			return err;
		scan_close(cursor->scan);
		cursor->scan = NULL;
		err = next_view(cursor);
		if (err != OK)
			return err;
	}
}

static void copy_backwards(struct cursor *cursor, size_t rows)
{
	size_t last = cursor->slab.row_count - 1 - cursor->slab_next;

	for (size_t i = 0; i < rows; i++)
		cursor->times_ns[i] = cursor->slab.times_ns[last - i];
	for (size_t c = 0; c < cursor->spec.field_count; c++) {
		const struct batch_column *from = &cursor->slab.columns[c];
		union value *values = cursor->values + c * BATCH_ROWS_MAX;
		uint64_t *valid = cursor->valid + c * VALID_WORDS;

		cursor->columns[c] = (struct batch_column){ from->type, NULL, NULL };
		if (from->type == VALUE_NONE)
			continue;
		memset(valid, 0, VALID_WORDS * sizeof(*valid));
		for (size_t i = 0; i < rows; i++) {
			values[i] = from->values[last - i];
			valid[i / 64] |= (uint64_t)column_has(from, last - i) << i % 64;
		}
		cursor->columns[c].values = values;
		cursor->columns[c].valid = from->valid ? valid : NULL;
	}
}

/* A piece of the slab as it lies; its validity begins at a whole word, since pieces are 1024 rows.
 */
static void borrow_forwards(struct cursor *cursor)
{
	size_t first = cursor->slab_next;

	for (size_t c = 0; c < cursor->spec.field_count; c++) {
		const struct batch_column *from = &cursor->slab.columns[c];

		cursor->columns[c] = *from;
		if (from->type == VALUE_NONE) {
			cursor->columns[c].values = NULL;
			cursor->columns[c].valid = NULL;
			continue;
		}
		cursor->columns[c].values += first;
		if (from->valid)
			cursor->columns[c].valid += first / 64;
	}
}

static int next(struct rows_stream *rows_out, struct batch *out)
{
	struct cursor *cursor = (struct cursor *)rows_out;

	if (cursor->spec.cancelled &&
	    atomic_load_explicit(cursor->spec.cancelled, memory_order_relaxed))
		return ERR_CANCELLED;
	if (cursor->slab_next == cursor->slab.row_count) {
		cursor->slab.row_count = 0;
		int err = next_slab(cursor);
		if (err != OK)
			return err;
	}
	size_t rows = cursor->slab.row_count - cursor->slab_next;
	if (rows > BATCH_ROWS_MAX)
		rows = BATCH_ROWS_MAX;
	if (cursor->spec.descending)
		copy_backwards(cursor, rows);
	else
		borrow_forwards(cursor);
	*out = (struct batch){ rows,
			       cursor->spec.descending ? cursor->times_ns
						       : cursor->slab.times_ns + cursor->slab_next,
			       cursor->columns, cursor->spec.field_count, cursor->group_id };
	cursor->slab_next += rows;
	return OK;
}

static const struct rows_ops cursor_ops = {
	.open = open_rows, .offer = offer, .narrow = narrow, .next = next, .close = close_rows
};

struct rows_source snapshot_rows(struct snapshot *snapshot)
{
	return (struct rows_source){ &cursor_ops, snapshot };
}
