/*
 * Why: technical indicators, which smooth a series of points or weigh its
 * moves. Each is a state that takes a value and gives one; rows before it has
 * warmed up are left out, unless `hold` says otherwise.
 *
 *	EMA(p)    avg += a (v - avg),  a = 2 / (p + 1)
 *	RSI, CMO  ups and downs, each through an average (J. Welles Wilder, 1978;
 *	          Tushar Chande, 1994)
 *	KER, KAMA the way that was made over the way that was gone (Perry Kaufman, 1995)
 */
#include <math.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/function/function_rows.h"

/* --- averages ------------------------------------------------------------------- */

struct average {
	int64_t period, count;
	double alpha, last;
	enum warmup warmup;
};

static struct average average_of(int64_t period, enum warmup warmup)
{
	return (struct average){ .period = period,
				 .alpha = 2 / ((double)period + 1),
				 .warmup = warmup };
}

static bool is_warm(const struct average *average)
{
	return average->count == average->period;
}

static double average_add(struct average *average, double value)
{
	double count = (double)average->count, last = average->last;

	if (average->count == 0)
		average->last = value;
	else if (is_warm(average))
		average->last = (value - last) * average->alpha + last;
	else if (average->warmup == WARMUP_SIMPLE)
		average->last = (last * count + value) / (count + 1);
	else
		average->last = (value - last) * (2 / (count + 2)) + last;
	average->count += average->count < average->period;
	return average->last;
}

/* Does the next average behind this one take values yet? */
static bool feeds_on(const struct average *average)
{
	return is_warm(average) || average->warmup != WARMUP_SIMPLE;
}

/* --- states ------------------------------------------------------------------------ */

struct step {
	double price, change;
};

struct indicator {
	struct average first, second, third; /* RSI and CMO: ups, downs */
	double last;
	struct step *steps; /* a ring */
	size_t step_count, place;
	int64_t count;
	double up, down; /* sums over the ring; Kaufman's noise is `up` */
};

static double add_once(struct indicator *state, double value)
{
	return average_add(&state->first, value);
}

static double add_twice(struct indicator *state, double value)
{
	double once = average_add(&state->first, value), twice = once;

	if (feeds_on(&state->first))
		twice = average_add(&state->second, once);
	return 2 * once - twice;
}

static double add_thrice(struct indicator *state, double value)
{
	double once = average_add(&state->first, value), twice = once, thrice;

	if (feeds_on(&state->first))
		twice = average_add(&state->second, once);
	thrice = twice;
	if (feeds_on(&state->first) && feeds_on(&state->second))
		thrice = average_add(&state->third, twice);
	return 3 * once - 3 * twice + thrice;
}

static double add_rate(struct indicator *state, double value)
{
	double now = average_add(&state->first, value), rate;

	if (feeds_on(&state->first)) {
		now = average_add(&state->second, now);
		if (feeds_on(&state->second))
			now = average_add(&state->third, now);
	}
	rate = (now / state->last - 1) * 100;
	state->last = now;
	return rate;
}

/* The move since the last value, upwards and downwards; the first one is from 0. */
static void add_move(struct indicator *state, double value, double *up, double *down)
{
	*up = average_add(&state->first, value > state->last ? value - state->last : 0);
	*down = average_add(&state->second, value < state->last ? state->last - value : 0);
	state->last = value;
}

static double add_strength(struct indicator *state, double value)
{
	double up, down;

	add_move(state, value, &up, &down);
	return 100 - 100 / (1 + up / down);
}

static double add_smooth_momentum(struct indicator *state, double value)
{
	double up, down;

	add_move(state, value, &up, &down);
	return 100 * ((up - down) / (up + down));
}

/* The ring holds the steps before this one: with it they are as many as the period. */
static double add_momentum(struct indicator *state, double value)
{
	size_t oldest = (state->place + 1) % state->step_count;
	struct step *step = &state->steps[oldest];
	double change = state->count ? value - state->steps[state->place].price : 0;
	double momentum = 0;

	if (change > 0)
		state->up += change;
	else
		state->down -= change;
	if (state->up != 0 || state->down != 0)
		momentum = 100 * ((state->up - state->down) / (state->up + state->down));
	if (step->change > 0)
		state->up -= step->change;
	else
		state->down += step->change;
	*step = (struct step){ value, change };
	state->place = oldest;
	state->count++;
	return momentum;
}

static double add_efficiency(struct indicator *state, double value)
{
	size_t oldest = (state->place + 1) % state->step_count;
	struct step *step = &state->steps[oldest];
	double way = fabs(value - step->price);
	double change = fabs(value - state->steps[state->place].price);

	state->up -= step->change;
	state->up += change;
	*step = (struct step){ value, change };
	state->place = oldest;
	state->count++;
	return way == 0 || state->up == 0 ? 0 : way / state->up;
}

static double add_adaptive(struct indicator *state, double value)
{
	const double slow = 2.0 / 31.0, range = 56.0 / 93.0; /* up to 2/3 */
	double weight;

	if (state->count <= (int64_t)state->step_count)
		state->last = state->steps[state->place].price;
	weight = add_efficiency(state, value) * range + slow;
	weight *= weight;
	state->last += weight * (value - state->last);
	return state->last;
}

/* --- running them ---------------------------------------------------------------------- */

typedef double add_value(struct indicator *state, double value);

static int run(const struct transform_context *context, const struct points *in, add_value *add,
	       struct indicator *state, int64_t warm_count, struct points *out)
{
	int64_t hold = context->call->hold >= 0 ? context->call->hold : warm_count, seen = 0;

	for (size_t i = 0; i < in->count; i++) {
		double value, result;

		if (!cell_float(&in->items[i].value, &value))
			continue;
		result = add(state, value);
		if (++seen > hold && !isinf(result))
			points_add(out, (struct point){ .time_ns = in->items[i].time_ns,
							.value = cell_of_float(result) });
	}
	free(state->steps);
	return OK;
}

static int run_averages(const struct transform_context *context, const struct points *in,
			add_value *add, int stages, struct points *out)
{
	const struct plan_call *call = context->call;
	struct average average = average_of(call->count, call->warmup);
	struct indicator state = { .first = average, .second = average, .third = average };
	int64_t warm_count = call->count - 1;

	if (call->warmup == WARMUP_SIMPLE)
		warm_count *= stages;
	return run(context, in, add, &state, warm_count + (add == add_rate), out);
}

int transform_exponential_moving_average(const struct transform_context *context,
					 const struct points *in, struct points *out)
{
	return run_averages(context, in, add_once, 1, out);
}

int transform_double_exponential_moving_average(const struct transform_context *context,
						const struct points *in, struct points *out)
{
	return run_averages(context, in, add_twice, 2, out);
}

int transform_triple_exponential_moving_average(const struct transform_context *context,
						const struct points *in, struct points *out)
{
	return run_averages(context, in, add_thrice, 3, out);
}

int transform_triple_exponential_derivative(const struct transform_context *context,
					    const struct points *in, struct points *out)
{
	return run_averages(context, in, add_rate, 3, out);
}

static int run_moves(const struct transform_context *context, const struct points *in,
		     add_value *add, struct points *out)
{
	const struct plan_call *call = context->call;
	struct average average = average_of(call->count + 1, call->warmup);
	struct indicator state = { .first = average };

	state.first.alpha = 1 / (double)call->count;
	state.second = state.first;
	return run(context, in, add, &state, call->count, out);
}

int transform_relative_strength_index(const struct transform_context *context,
				      const struct points *in, struct points *out)
{
	return run_moves(context, in, add_strength, out);
}

static int run_ring(const struct transform_context *context, const struct points *in,
		    add_value *add, size_t step_count, struct points *out)
{
	struct indicator state = { .step_count = step_count };

	TRY(run_take_bytes(context->run, step_count * sizeof(*state.steps)));
	state.steps = calloc(step_count, sizeof(*state.steps));
	if (!state.steps)
		log_out_of_memory(step_count * sizeof(*state.steps));
	return run(context, in, add, &state, (int64_t)step_count, out);
}

int transform_chande_momentum_oscillator(const struct transform_context *context,
					 const struct points *in, struct points *out)
{
	if (context->call->warmup != WARMUP_NONE)
		return run_moves(context, in, add_smooth_momentum, out);
	return run_ring(context, in, add_momentum, (size_t)context->call->count - 1, out);
}

int transform_kaufmans_efficiency_ratio(const struct transform_context *context,
					const struct points *in, struct points *out)
{
	return run_ring(context, in, add_efficiency, (size_t)context->call->count, out);
}

int transform_kaufmans_adaptive_moving_average(const struct transform_context *context,
					       const struct points *in, struct points *out)
{
	return run_ring(context, in, add_adaptive, (size_t)context->call->count, out);
}
