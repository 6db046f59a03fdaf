/* The rows of one series in one view. */
#ifndef ENGINE_READ_SCAN_H
#define ENGINE_READ_SCAN_H

#include "engine/chunk/summary.h"
#include "engine/read/snapshot.h"
#include "engine/read/view.h"

/*
 * The rows of one series in one view: merged, unmasked, in time order, in
 * pieces (`slab`s) that do not overlap.
 */
struct slab {
	size_t row_count;
	int64_t *times_ns;
	struct batch_column *columns; /* as many as were asked for */
};
struct scan;
struct scan_spec {
	struct view *view;
	uint32_t series_id;
	const uint32_t *field_ids;
	size_t field_count; /* 0: times only, every row */
	int64_t time_first_ns, time_last_ns;
	bool descending; /* pieces newest first; rows within one ascend all the same */
	const struct summary_taker *taker; /* NULL: rows alone */
	const struct value_bounds *bounds; /* rows that fail one may be left out */
	size_t bound_count;
	struct chunk_counts *counts; /* or NULL */
	size_t rows_max;	     /* as of a cursor */
};
int scan_open(const struct scan_spec *spec, struct scan **out);
/* OK with a slab that lives until the next call, or END. */
int scan_next(struct scan *scan, struct slab *out);
void scan_close(struct scan *scan);

#endif
