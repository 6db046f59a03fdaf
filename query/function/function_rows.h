/* What the rows of function_table point at: the files function_*.c. */
#ifndef QUERY_FUNCTION_ROWS_H
#define QUERY_FUNCTION_ROWS_H

#include "query/base/usage.h"
#include "query/expression/window.h"
#include "query/function/function.h"

/* --- function_fold.c --------------------------------------------------------- */

void fold_count(struct accumulator *acc, enum data_type type, const struct batch_column *column,
		size_t first, size_t end);
void fold_sum(struct accumulator *acc, enum data_type type, const struct batch_column *column,
	      size_t first, size_t end);
bool absorb_count(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		  const struct column_summary *column);
void add_count(struct accumulator *acc, enum data_type type, size_t row_count, union value sum);
void add_sum(struct accumulator *acc, enum data_type type, size_t row_count, union value sum);
bool absorb_sum(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		const struct column_summary *column);
bool absorb_spread(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		   const struct column_summary *column);
bool absorb_min(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		const struct column_summary *column);
bool absorb_max(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		const struct column_summary *column);
bool absorb_first(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		  const struct column_summary *column);
bool absorb_last(struct accumulator *acc, enum data_type type, const struct rows_summary *rows,
		 const struct column_summary *column);
void fold_spread(struct accumulator *acc, enum data_type type, const struct batch_column *column,
		 size_t first, size_t end);
void join_count(struct accumulator *acc, enum data_type type, const struct accumulator *part);
void join_sum(struct accumulator *acc, enum data_type type, const struct accumulator *part);
void join_mean(struct accumulator *acc, enum data_type type, const struct accumulator *part);
void join_spread(struct accumulator *acc, enum data_type type, const struct accumulator *part);
bool finish_count(const struct accumulator *acc, enum data_type type, struct cell *out);
bool finish_sum(const struct accumulator *acc, enum data_type type, struct cell *out);
bool finish_value(const struct accumulator *acc, enum data_type type, struct cell *out);
bool finish_mean(const struct accumulator *acc, enum data_type type, struct cell *out);
bool finish_spread(const struct accumulator *acc, enum data_type type, struct cell *out);

size_t pick_min(enum data_type type, const struct batch_column *column, size_t first, size_t end);
size_t pick_max(enum data_type type, const struct batch_column *column, size_t first, size_t end);
size_t pick_first(enum data_type type, const struct batch_column *column, size_t first, size_t end);
size_t pick_last(enum data_type type, const struct batch_column *column, size_t first, size_t end);
bool beats_min(enum data_type type, int64_t a_time, union value a, int64_t b_time, union value b);
bool beats_max(enum data_type type, int64_t a_time, union value a, int64_t b_time, union value b);
bool beats_first(enum data_type type, int64_t a_time, union value a, int64_t b_time, union value b);
bool beats_last(enum data_type type, int64_t a_time, union value a, int64_t b_time, union value b);

/* --- function_collect.c ------------------------------------------------------ */

#define REDUCE_PARAMETERS                                                                          \
	const struct plan_call *call, struct samples *samples, int64_t start_ns, int64_t end_ns,   \
		struct points *out
int reduce_median(REDUCE_PARAMETERS);
int reduce_mode(REDUCE_PARAMETERS);
int reduce_stddev(REDUCE_PARAMETERS);
int reduce_percentile(REDUCE_PARAMETERS);
int reduce_distinct(REDUCE_PARAMETERS);
int reduce_histogram_starts(REDUCE_PARAMETERS); /* function_histogram.c */
int reduce_histogram_counts(REDUCE_PARAMETERS);
int reduce_count_distinct(REDUCE_PARAMETERS);
int reduce_top(REDUCE_PARAMETERS);
int reduce_bottom(REDUCE_PARAMETERS);
int reduce_sample(REDUCE_PARAMETERS);

/* --- function_transform.c ---------------------------------------------------- */

#define TRANSFORM_PARAMETERS                                                                       \
	const struct transform_context *context, const struct points *in, struct points *out
int transform_derivative(TRANSFORM_PARAMETERS);
int transform_non_negative_derivative(TRANSFORM_PARAMETERS);
int transform_difference(TRANSFORM_PARAMETERS);
int transform_non_negative_difference(TRANSFORM_PARAMETERS);
int transform_moving_average(TRANSFORM_PARAMETERS);
int transform_cumulative_sum(TRANSFORM_PARAMETERS);
int transform_elapsed(TRANSFORM_PARAMETERS);
int transform_integral(TRANSFORM_PARAMETERS);

/* --- function_indicator.c ---------------------------------------------------- */

int transform_exponential_moving_average(TRANSFORM_PARAMETERS);
int transform_double_exponential_moving_average(TRANSFORM_PARAMETERS);
int transform_triple_exponential_moving_average(TRANSFORM_PARAMETERS);
int transform_triple_exponential_derivative(TRANSFORM_PARAMETERS);
int transform_relative_strength_index(TRANSFORM_PARAMETERS);
int transform_chande_momentum_oscillator(TRANSFORM_PARAMETERS);
int transform_kaufmans_efficiency_ratio(TRANSFORM_PARAMETERS);
int transform_kaufmans_adaptive_moving_average(TRANSFORM_PARAMETERS);

/* --- function_forecast.c ----------------------------------------------------- */

int transform_holt_winters(TRANSFORM_PARAMETERS);
int transform_holt_winters_with_fit(TRANSFORM_PARAMETERS);

#endif
