/* Why: a function is a row here, and nowhere else is its name asked for. */
#include "query/function/function.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "query/function/function_rows.h"

#define REDUCER(name_, types_, reduce_)                                                            \
	{                                                                                          \
		.name = name_, .shape = SHAPE_COLLECT, .types = types_, .is_filled = true,         \
		.reduce = reduce_                                                                  \
	}
#define CHOICE(name_)                                                                              \
	{                                                                                          \
		.name = #name_, .shape = SHAPE_COLLECT, .types = TYPES_NUMBER,                     \
		.is_selector = true, .keeps_times = true, .reduce = reduce_##name_                 \
	}
#define SELECTOR(name_, types_)                                                                    \
	{                                                                                          \
		.name = #name_, .shape = SHAPE_FOLD, .types = types_, .is_selector = true,         \
		.is_filled = true, .pick = pick_##name_, .beats = beats_##name_,                   \
		.absorb = absorb_##name_, .finish = finish_value                                   \
	}
#define TRANSFORM(name_, types_)                                                                   \
	{                                                                                          \
		.name = #name_, .shape = SHAPE_TRANSFORM, .types = types_,                         \
		.transform = transform_##name_                                                     \
	}

static const struct function function_table[] = {
	{ .name = "count",
	  .is_filled = true,
	  .types = TYPES_ANY,
	  .is_counting = true,
	  .fold = fold_count,
	  .join = join_count,
	  .absorb = absorb_count,
	  .add = add_count,
	  .finish = finish_count },
	{ .name = "sum",
	  .is_filled = true,
	  .types = TYPES_NUMBER,
	  .fold = fold_sum,
	  .join = join_sum,
	  .absorb = absorb_sum,
	  .add = add_sum,
	  .finish = finish_sum },
	{ .name = "mean",
	  .is_filled = true,
	  .types = TYPES_NUMBER,
	  .fold = fold_sum,
	  .join = join_mean,
	  .absorb = absorb_sum,
	  .add = add_sum,
	  .finish = finish_mean },
	{ .name = "spread",
	  .is_filled = true,
	  .types = TYPES_NUMBER,
	  .fold = fold_spread,
	  .join = join_spread,
	  .absorb = absorb_spread,
	  .finish = finish_spread },
	SELECTOR(min, TYPES_COMPARABLE),
	SELECTOR(max, TYPES_COMPARABLE),
	SELECTOR(first, TYPES_ANY),
	SELECTOR(last, TYPES_ANY),
	{ .name = "median",
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_NUMBER,
	  .is_filled = true,
	  .takes_keys = true,
	  .reduce = reduce_median },
	REDUCER("mode", TYPES_ANY, reduce_mode),
	REDUCER("stddev", TYPES_NUMBER, reduce_stddev),
	{ .name = "percentile",
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_NUMBER,
	  .is_selector = true,
	  .is_filled = true,
	  .takes_keys = true,
	  .reduce = reduce_percentile },
	{ .name = "distinct",
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_ANY,
	  .reduce = reduce_distinct },
	/* 0.8: a histogram is two columns, which the binder makes of one call. */
	{ .name = HISTOGRAM_START,
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_NUMBER,
	  .reduce = reduce_histogram_starts },
	{ .name = HISTOGRAM_COUNT,
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_NUMBER,
	  .reduce = reduce_histogram_counts },
	{ .name = "count distinct",
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_ANY,
	  .is_counting = true,
	  .is_filled = true,
	  .takes_keys = true,
	  .reduce = reduce_count_distinct },
	CHOICE(top),
	CHOICE(bottom),
	{ .name = "sample",
	  .shape = SHAPE_COLLECT,
	  .types = TYPES_ANY,
	  .is_selector = true,
	  .keeps_times = true,
	  .reduce = reduce_sample },
	TRANSFORM(derivative, TYPES_NUMBER),
	TRANSFORM(non_negative_derivative, TYPES_NUMBER),
	TRANSFORM(difference, TYPES_NUMBER),
	TRANSFORM(non_negative_difference, TYPES_NUMBER),
	TRANSFORM(moving_average, TYPES_NUMBER),
	TRANSFORM(cumulative_sum, TYPES_NUMBER),
	TRANSFORM(elapsed, TYPES_ANY),
	{ .name = "integral",
	  .shape = SHAPE_TRANSFORM,
	  .types = TYPES_NUMBER,
	  .is_filled = true,
	  .transform = transform_integral },
	TRANSFORM(exponential_moving_average, TYPES_NUMBER),
	TRANSFORM(double_exponential_moving_average, TYPES_NUMBER),
	TRANSFORM(triple_exponential_moving_average, TYPES_NUMBER),
	TRANSFORM(triple_exponential_derivative, TYPES_NUMBER),
	TRANSFORM(relative_strength_index, TYPES_NUMBER),
	TRANSFORM(chande_momentum_oscillator, TYPES_NUMBER),
	TRANSFORM(kaufmans_efficiency_ratio, TYPES_NUMBER),
	TRANSFORM(kaufmans_adaptive_moving_average, TYPES_NUMBER),
	TRANSFORM(holt_winters, TYPES_NUMBER),
	TRANSFORM(holt_winters_with_fit, TYPES_NUMBER),
};
#define FUNCTION_COUNT (sizeof(function_table) / sizeof(function_table[0]))

const struct function *function_find(struct slice name)
{
	for (size_t i = 0; i < FUNCTION_COUNT; i++)
		if (slice_equal(name, slice_of_text(function_table[i].name)))
			return &function_table[i];
	return NULL;
}
