/*
 * Summaries in place of rows: a chunk or a cell tells its count, sum, least and greatest.
 *
 * Why all or nothing: calls share one read, so rows are passed over only where every call can do
 * without them.
 */
#include "query/run/aggregate_state.h"

#include "query/function/function_rows.h"

/* A selected point's own time and its other columns are in the rows alone. */
static bool may_absorb(const struct aggregate *aggregate)
{
	const struct plan *plan = aggregate->spec.plan;

	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct function *function = aggregate->spec.leaves[i]->function;

		if (!function->absorb)
			return false;
		if (function->is_selector && (plan->has_aux || plan->top_name.length ||
					      !window_is_given(&aggregate->spec.window)))
			return false;
	}
	return !aggregate->wants_first_only;
}

/* Do rows of these times go on with the part at hand? */
static bool continues_part(const struct aggregate *aggregate, const struct rows_summary *rows)
{
	return aggregate->bucket != SIZE_MAX && aggregate->group_id == rows->group_id &&
	       rows->time_first_ns >= aggregate->window.start_ns &&
	       rows->time_last_ns < aggregate->window.end_ns;
}

static bool lies_in_window(const struct aggregate *aggregate, const struct rows_summary *rows)
{
	const struct window_spec *spec = &aggregate->spec.window;

	return !window_is_given(spec) ||
	       rows->time_last_ns < window_of(spec, rows->time_first_ns).end_ns;
}

/* Into copies first: all calls take it, or none. */
static bool absorb_all(struct aggregate *aggregate, const struct feed *feed,
		       const struct rows_summary *rows, bool continues)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		const struct plan_call *call = aggregate->spec.leaves[i];
		const struct column_summary *column = feed_summary(feed, (size_t)call->slot, rows);
		struct accumulator *next = &aggregate->next_parts[i];

		*next = continues ? aggregate->parts[i] : (struct accumulator){ 0 };
		if (!column)
			return false;
		if (column->type != VALUE_NONE &&
		    !call->function->absorb(next, call->type, rows, column))
			return false;
	}
	return true;
}

static int take_summary(void *arg, const struct rows_summary *rows)
{
	struct absorption *absorption = arg;
	struct aggregate *aggregate = absorption->aggregate;
	bool continues = continues_part(aggregate, rows);

	if (!lies_in_window(aggregate, rows) ||
	    !absorb_all(aggregate, absorption->feed, rows, continues))
		return 0;
	TRY(feed_count(absorption->feed, rows));
	if (!continues) {
		TRY(aggregate_enter_window(aggregate, rows->time_first_ns));
		aggregate->group_id = rows->group_id;
	}
	memcpy(aggregate->parts, aggregate->next_parts,
	       aggregate->spec.leaf_count * sizeof(*aggregate->parts));
	return 1;
}

static bool may_add(const struct aggregate *aggregate)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++)
		if (!aggregate->spec.leaves[i]->function->add)
			return false;
	return true;
}

static int64_t next_window_end(void *arg, int64_t time_ns)
{
	struct absorption *absorption = arg;
	const struct window_spec *spec = &absorption->aggregate->spec.window;
	struct window *window = &absorption->window;

	if (!window_is_given(spec))
		return INT64_MAX;
	*window = window_behind(spec, *window, time_ns);
	return window->end_ns;
}

/* Do the sums go on with the part at hand? */
static bool continues_sums(const struct aggregate *aggregate, const struct window_sums *sums)
{
	int64_t time_ns = sums->times_first_ns[0];

	return aggregate->bucket != SIZE_MAX && aggregate->group_id == sums->group_id &&
	       time_ns >= aggregate->window.start_ns && time_ns < aggregate->window.end_ns;
}

static int begin_sums(void *arg, const struct window_sums *sums, union value *before)
{
	struct absorption *absorption = arg;
	struct aggregate *aggregate = absorption->aggregate;
	bool continues = continues_sums(aggregate, sums);

	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		size_t *column = &aggregate->sum_columns[i];

		if (!feed_sums(absorption->feed, (size_t)aggregate->spec.leaves[i]->slot, sums,
			       column))
			return 0;
		/* All calls of a field have come to the same sum, but count(), which has none. */
		if (continues && *column != SIZE_MAX)
			before[*column].bits |= aggregate->parts[i].value.bits;
	}
	return 1;
}

static void add_window_sums(struct aggregate *aggregate, const struct window_sums *sums,
			    size_t window)
{
	for (size_t i = 0; i < aggregate->spec.leaf_count; i++) {
		size_t column = aggregate->sum_columns[i];

		if (column != SIZE_MAX)
			aggregate->spec.leaves[i]->function->add(
				&aggregate->parts[i], aggregate->spec.leaves[i]->type,
				sums->row_counts[window], sums->columns[column].sums[window]);
	}
}

static int take_sums(void *arg, const struct window_sums *sums)
{
	struct absorption *absorption = arg;
	struct aggregate *aggregate = absorption->aggregate;
	bool continues = continues_sums(aggregate, sums);

	TRY(run_count_points(aggregate->spec.run, sums->row_count));
	for (size_t i = 0; i < sums->window_count; i++) {
		if (i || !continues) {
			TRY(aggregate_enter_window(aggregate, sums->times_first_ns[i]));
			aggregate->group_id = sums->group_id;
		}
		add_window_sums(aggregate, sums, i);
	}
	return 1;
}

static bool is_exact(const struct aggregate_spec *spec)
{
	const struct query_options *options = spec->plan->context->scope->options;

	return options && options->exact;
}

/* A month has at most 31 days. */
static int64_t rows_max_ns(const struct aggregate_spec *spec)
{
	int64_t length_ns = window_length_ns(&spec->window);

	return window_is_given(&spec->window) ? length_ns / 30 * 31 + 1 : INT64_MAX;
}

static bool wants_sums_only(const struct aggregate_spec *spec)
{
	for (size_t i = 0; i < spec->leaf_count; i++)
		if (spec->leaves[i]->function->absorb != absorb_sum &&
		    spec->leaves[i]->function->absorb != absorb_count)
			return false;
	return true;
}

void aggregate_offer(struct absorption *absorption, struct aggregate *aggregate, struct feed *feed)
{
	const struct aggregate_spec *spec = &aggregate->spec;

	if (aggregate->reads_backwards || !may_absorb(aggregate))
		return;
	*absorption = (struct absorption){ .aggregate = aggregate,
					   .feed = feed,
					   .window = { INT64_MIN, INT64_MIN } };
	absorption->sums =
		(struct sums_taker){ absorption, next_window_end, begin_sums, take_sums };
	absorption->taker = (struct summary_taker){ take_summary,
						    absorption,
						    is_exact(spec),
						    rows_max_ns(spec),
						    may_add(aggregate) ? &absorption->sums : NULL,
						    wants_sums_only(spec) };
	feed_offer(feed, &absorption->taker);
}
