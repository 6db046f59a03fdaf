/*
 * The functions of SELECT over many rows, a row of the table each: what they
 * may be given, and which of three shapes computes them.
 *
 *	FOLD       a few words of state a window, per series, then joined: sum, max
 *	COLLECT    all values of a window, in time order: percentile, distinct
 *	TRANSFORM  point by point over a series of points: derivative
 */
#ifndef QUERY_FUNCTION_H
#define QUERY_FUNCTION_H

#include "query/base/points.h"
#include "query/base/tally.h"
#include "query/expression/expr.h"

enum function_shape {
	SHAPE_FOLD,
	SHAPE_COLLECT,
	SHAPE_TRANSFORM,
};

struct plan_call;
struct accumulator;
struct samples;
struct transform_context;

struct function {
	const char *name;
	enum function_shape shape;
	unsigned types;	  /* 1 << enum data_type of the arguments that it takes */
	bool is_selector; /* gives a stored point, with the rest of its row */
	bool is_counting; /* empty windows are 0, not null */
	bool keeps_times; /* its points have their own times, also with windows */
	bool is_filled;	  /* one point a window: empty windows get one too */
	bool takes_keys;  /* COLLECT: values alone will do, as keys, in any order */
	/* FOLD: take rows [first, end) in; then put one state into another. */
	void (*fold)(struct accumulator *acc, enum data_type type,
		     const struct batch_column *column, size_t first, size_t end);
	void (*join)(struct accumulator *acc, enum data_type type, const struct accumulator *part);
	bool (*finish)(const struct accumulator *acc, enum data_type type, struct cell *out);
	/*
	 * FOLD: take in what is known of all rows, which come behind those taken in before, so
	 * that the result is the same to the last bit; false: the rows are needed.
	 */
	bool (*absorb)(struct accumulator *acc, enum data_type type,
		       const struct rows_summary *rows, const struct column_summary *column);
	/*
	 * FOLD: take in the sum of rows, which goes on from the value before; of integers, in 64
	 * bits of which what was added needs no more. NULL: rows alone.
	 */
	void (*add)(struct accumulator *acc, enum data_type type, size_t row_count,
		    union value sum);
	/* FOLD selectors: the best row of [first, end), or SIZE_MAX; does `b` beat `a`? */
	size_t (*pick)(enum data_type type, const struct batch_column *column, size_t first,
		       size_t end);
	bool (*beats)(enum data_type type, int64_t a_time, union value a, int64_t b_time,
		      union value b);
	/* COLLECT: a window's samples, in time order; points are appended. */
	int (*reduce)(const struct plan_call *call, struct samples *samples, int64_t start_ns,
		      int64_t end_ns, struct points *out);
	/* TRANSFORM */
	int (*transform)(const struct transform_context *context, const struct points *in,
			 struct points *out);
};

/* NULL: there is none of that name. `count(distinct x)` is the row "count distinct". */
const struct function *function_find(struct slice name);

/* --- FOLD ------------------------------------------------------------------- */

struct accumulator {
	uint64_t count;		  /* 0 = empty */
	union value value, other; /* a sum of integers: the lower and the higher 64 bits */
	int64_t time_ns;	  /* of a selected value */
	const struct cell *row;	  /* of a selected value */
};

/* --- COLLECT ------------------------------------------------------------------ */

struct sample {
	int64_t time_ns;
	union value value;
	const struct cell *row; /* for selectors with other columns */
};

/*
 * A window's values. Where their times do not matter they are kept as keys
 * (key_of_value), of a third of the size, and many of few kinds are counted.
 */
struct samples {
	struct sample *items;
	uint64_t *keys; /* in place of items */
	size_t count, capacity;
	struct tally tally; /* of keys that came earlier than those in `keys` */
	size_t tallied;	    /* so many of `count` */
	bool is_unsorted;   /* of several series */
};

/* Numbers and booleans as unsigned numbers of the same order, and back. */
static inline uint64_t key_of_value(enum data_type type, union value value)
{
	uint64_t sign = UINT64_C(1) << 63;

	if (type == DATA_FLOAT)
		return value.u & sign ? ~value.u : value.u | sign;
	return type == DATA_INTEGER ? value.u ^ sign : value.u;
}
static inline union value value_of_key(enum data_type type, uint64_t key)
{
	uint64_t sign = UINT64_C(1) << 63;

	if (type == DATA_FLOAT)
		return (union value){ .u = key & sign ? key & ~sign : ~key };
	return (union value){ .u = type == DATA_INTEGER ? key ^ sign : key };
}

/* --- TRANSFORM --------------------------------------------------------------- */

/* How an average begins, before it has seen its period. */
enum warmup {
	WARMUP_EXPONENTIAL,
	WARMUP_SIMPLE,
	WARMUP_NONE,
};

/* --- a call --------------------------------------------------------------------- */

/* histogram(x[, size[, start[, stop]]]) */
struct histogram {
	double size, start, stop;
	bool has_start, has_stop;
};

/* A function over the rows of a group and window, or over what another one gave. */
struct plan_call {
	const struct function *function;
	struct slice name;
	struct slice text;	 /* printed: calls that read alike are one */
	int32_t slot;		 /* what it reads; -1: `inner` */
	struct plan_call *inner; /* a transformation's aggregate */
	enum data_type type;	 /* of what it reads */
	enum data_type result;	 /* of what it gives */
	double number;		 /* percentile's N */
	int64_t count;		 /* N of top, sample, moving_average, … */
	int64_t unit_ns;	 /* of derivative, elapsed, integral */
	int64_t season;		 /* of holt_winters */
	int64_t hold; /* of indicators: rows that are left out; -1 = until they are warm */
	enum warmup warmup;
	struct histogram histogram;
	bool wants_keys;    /* COLLECT: samples are keys */
	bool has_tags;	    /* top(v, tag…): each combination gives its best */
	int32_t *tag_slots; /* those that are tags; fields are all alike, as InfluxDB has it */
	size_t tag_count;
	uint32_t number_of_leaf; /* among the leaves, for those with a slot */
};

struct run;
struct window_spec;

struct transform_context {
	const struct plan_call *call;
	struct run *run;
	const struct window_spec *window; /* GROUP BY time, and the range */
	int64_t interval_ns;		  /* 0 = none */
};

#define TYPES_NUMBER	 (1u << DATA_FLOAT | 1u << DATA_INTEGER | 1u << DATA_UNSIGNED)
#define TYPES_COMPARABLE (TYPES_NUMBER | 1u << DATA_BOOLEAN)
#define TYPES_ANY	 (TYPES_COMPARABLE | 1u << DATA_STRING)

/* The two values of one type: below 0, 0, above 0. false before true. */
int value_compare(enum data_type type, union value a, union value b);
struct cell cell_of_typed(enum data_type type, union value value);
double float_of_value(enum data_type type, union value value);

#endif
