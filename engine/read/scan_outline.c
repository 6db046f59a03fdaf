/*
 * What of a scan need not be decoded: chunks and cells that are answered for by what is known of
 * them.
 *
 * Why: an aggregate over long windows takes sums and extremes as well as rows, and a WHERE that no
 * value of a chunk can meet needs nothing of it.
 */
#include <stdlib.h>

#include "engine/base/counters.h"
#include "engine/base/log.h"
#include "engine/read/scan_inner.h"

/*
 * Alone in its time, large enough to have a summary, and the taker can do with it? Nothing may be
 * masked where rows are answered for; rows that nobody wants may be.
 */
bool outline_is_worth_a_look(const struct scan *scan, size_t first, size_t end)
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
bool outline_is_out_of_bounds(const struct scan *scan, size_t cell)
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
int outline_offer(struct scan *scan, size_t cell, const struct cell_rows *rows)
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

bool outline_may_offer(const struct scan *scan, const struct cell_rows *rows)
{
	return scan->spec.taker && scan->masks.count == 0 &&
	       rows->time_first_ns >= scan->spec.time_first_ns &&
	       rows->time_last_ns <= scan->spec.time_last_ns;
}

/* Alone in its time, and does the taker want but the sums of its rows? */
bool sums_may_be_offered(const struct scan *scan, size_t first, size_t end)
{
	return end - first == 1 && !scan->sources[first].capture && scan->spec.taker &&
	       scan->spec.taker->sums && scan->masks.count == 0;
}

/* Returns 1 if the taker used it in place of the rows. */
int sums_offer(struct scan *scan, const struct source *source)
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
int outline_open(struct scan *scan, const struct source *source)
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
	if (outline_is_out_of_bounds(scan, SIZE_MAX))
		return 1;
	taken = 0;
	if (outline_may_offer(scan, &all) &&
	    !(scan->outline.laying.count && scan->spec.taker->is_exact))
		taken = outline_offer(scan, SIZE_MAX, &all);
	scan->summarized += taken > 0;
	if (taken || scan->outline.laying.count == 0 || scan->spec.descending)
		return taken;
	scan->walked = source;
	scan->cell_next = 0;
	scan->was_decoded = scan->was_taken = false;
	return 0;
}
