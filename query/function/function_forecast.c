/*
 * Why: holt_winters() tells what comes next: a level, a damped trend and
 * multiplicative seasons (Holt 1957, Winters 1960), fitted by the downhill
 * simplex of Nelder and Mead (1965) to the least sum of squared errors.
 *
 *	parameters   [alpha beta gamma phi][level trend][season 0 …]
 *
 * Evaluating a vertex changes it: weights are clamped and the seasons are
 * carried along in place. InfluxDB's does, and digits depend on it.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "query/function/function_rows.h"

#define ITERATIONS_MAX 1000
#define SPREAD_MIN     1e-4
#define PLAIN_COUNT    6 /* parameters besides the seasons */

struct series {
	double *values; /* a window each; NaN: nothing was there */
	size_t count;
	size_t season;	  /* its length; 0 = none */
	double *forecast; /* room for the values and what comes after them */
};

static double *allocate(size_t count)
{
	double *values = calloc(count ? count : 1, sizeof(*values));

	if (!values)
		log_out_of_memory(count * sizeof(*values));
	return values;
}

/* x to a whole power, by squares of its mantissa: as Go multiplies, to the last digit. */
static double power(double x, size_t exponent)
{
	int power_of_two = 0, step;
	double result = 1, mantissa;

	if (x == 0 || x == 1)
		return x;
	mantissa = frexp(x, &step);
	for (; exponent; exponent >>= 1) {
		if (exponent & 1) {
			result *= mantissa;
			power_of_two += step;
		}
		mantissa *= mantissa;
		step *= 2;
		if (mantissa < 0.5) {
			mantissa += mantissa;
			step--;
		}
	}
	return ldexp(result, power_of_two);
}

/* The values the model gives, and `more` behind them. */
static void run_model(const struct series *series, double *p, size_t more)
{
	double y = series->values[0], damping, level, trend;
	double *seasons = p + PLAIN_COUNT;
	size_t m = series->season, offset = m ? m - 1 : 0;

	for (int i = 0; i < 4; i++)
		p[i] = p[i] > 1 ? 1 : p[i] < 0 ? 0 : p[i];
	damping = p[3];
	level = p[4];
	trend = p[5];
	series->forecast[0] = y;
	for (size_t t = 1; t < series->count + more; t++) {
		double past = m ? seasons[(t - m + offset + m * 2) % m] : 1;
		double ahead = m ? seasons[(t - m + t % m + offset + m * 2) % m] : 1;
		double base = level + p[3] * trend;
		double next_level = p[0] * (y / past) + (1 - p[0]) * base;
		double next_trend = p[1] * (next_level - level) + (1 - p[1]) * p[3] * trend;
		double season = p[2] * (y / base) + (1 - p[2]) * past;

		y = (next_level + damping * next_trend) * ahead;
		level = next_level;
		trend = next_trend;
		damping += power(p[3], t);
		if (m)
			seasons[(t + offset++) % m] = season;
		series->forecast[t] = y;
	}
}

static double error_of(const struct series *series, double *parameters)
{
	double sum = 0;

	run_model(series, parameters, 0);
	for (size_t i = 0; i < series->count; i++) {
		double difference = series->forecast[i] - series->values[i];

		if (isnan(series->values[i]))
			continue;
		if (isnan(series->forecast[i]))
			return INFINITY;
		sum += difference * difference;
	}
	return sum;
}

/* --- the downhill simplex ------------------------------------------------------------- */

struct simplex {
	const struct series *series;
	size_t n;
	double *vertices; /* n + 1 rows of n */
	double *errors;
	double *centre, *reflected, *tried;
	size_t worst, second, best;
};

static double *vertex(const struct simplex *simplex, size_t row)
{
	return simplex->vertices + row * simplex->n;
}

static void open_simplex(struct simplex *simplex, const struct series *series, size_t n)
{
	*simplex = (struct simplex){ .series = series, .n = n };
	simplex->vertices = allocate((n + 1) * n);
	simplex->errors = allocate(n + 1);
	simplex->centre = allocate(n);
	simplex->reflected = allocate(n);
	simplex->tried = allocate(n);
}

static void close_simplex(struct simplex *simplex)
{
	free(simplex->vertices);
	free(simplex->errors);
	free(simplex->centre);
	free(simplex->reflected);
	free(simplex->tried);
}

static void place_vertices(struct simplex *simplex, const double *start)
{
	double n = (double)simplex->n;
	double near = (sqrt(n + 1) - 1) / (n * sqrt(2));
	double far = (sqrt(n + 1) - 1 + n) / (n * sqrt(2));

	for (size_t row = 0; row <= simplex->n; row++)
		for (size_t i = 0; i < simplex->n; i++)
			vertex(simplex, row)[i] =
				row == 0 ? start[i] : (row - 1 == i ? far : near) + start[i];
	for (size_t row = 0; row <= simplex->n; row++)
		simplex->errors[row] = error_of(simplex->series, vertex(simplex, row));
}

static void rank_vertices(struct simplex *simplex)
{
	const double *f = simplex->errors;

	simplex->worst = simplex->best = 0;
	for (size_t i = 0; i <= simplex->n; i++) {
		if (f[i] > f[simplex->worst])
			simplex->worst = i;
		if (f[i] < f[simplex->best])
			simplex->best = i;
	}
	simplex->second = simplex->best;
	for (size_t i = 0; i <= simplex->n; i++)
		if (f[i] > f[simplex->second] && f[i] < f[simplex->worst])
			simplex->second = i;
}

static void find_centre(struct simplex *simplex)
{
	for (size_t i = 0; i < simplex->n; i++) {
		double sum = 0;

		for (size_t row = 0; row <= simplex->n; row++)
			if (row != simplex->worst)
				sum += vertex(simplex, row)[i];
		simplex->centre[i] = sum / (double)simplex->n;
	}
}

static void replace_worst(struct simplex *simplex, const double *by, double error)
{
	memcpy(vertex(simplex, simplex->worst), by, simplex->n * sizeof(*by));
	simplex->errors[simplex->worst] = error;
}

static void expand(struct simplex *simplex, double reflected_error)
{
	double error;

	for (size_t i = 0; i < simplex->n; i++)
		simplex->tried[i] =
			simplex->centre[i] + 2 * (simplex->reflected[i] - simplex->centre[i]);
	error = error_of(simplex->series, simplex->tried);
	if (error < reflected_error)
		replace_worst(simplex, simplex->tried, error);
	else
		replace_worst(simplex, simplex->reflected, reflected_error);
}

/* Everything moves half way towards the best; only two are evaluated anew. */
static void shrink(struct simplex *simplex)
{
	const double *best = vertex(simplex, simplex->best);

	for (size_t row = 0; row <= simplex->n; row++)
		for (size_t i = 0; row != simplex->best && i < simplex->n; i++)
			vertex(simplex, row)[i] = best[i] + (vertex(simplex, row)[i] - best[i]) / 2;
	simplex->errors[simplex->worst] =
		error_of(simplex->series, vertex(simplex, simplex->worst));
	simplex->errors[simplex->second] =
		error_of(simplex->series, vertex(simplex, simplex->second));
}

static void contract(struct simplex *simplex, double reflected_error)
{
	const double *worst = vertex(simplex, simplex->worst);
	bool is_outside = reflected_error < simplex->errors[simplex->worst];
	double error;

	for (size_t i = 0; i < simplex->n; i++)
		simplex->tried[i] =
			is_outside ? simplex->centre[i] +
					     0.5 * (simplex->reflected[i] - simplex->centre[i])
				   : simplex->centre[i] - 0.5 * (simplex->centre[i] - worst[i]);
	error = error_of(simplex->series, simplex->tried);
	if (error < simplex->errors[simplex->worst])
		replace_worst(simplex, simplex->tried, error);
	else
		shrink(simplex);
}

static void step_simplex(struct simplex *simplex)
{
	const double *f = simplex->errors;
	double error;

	rank_vertices(simplex);
	find_centre(simplex);
	for (size_t i = 0; i < simplex->n; i++)
		simplex->reflected[i] = simplex->centre[i] +
					(simplex->centre[i] - vertex(simplex, simplex->worst)[i]);
	error = error_of(simplex->series, simplex->reflected);
	if (error < f[simplex->second] && error >= f[simplex->best])
		replace_worst(simplex, simplex->reflected, error);
	if (error < f[simplex->best])
		expand(simplex, error);
	if (error >= f[simplex->second])
		contract(simplex, error);
}

/* How far the errors lie from one another. */
static double spread_of(const struct simplex *simplex)
{
	double sum = 0, mean, spread = 0;

	for (size_t i = 0; i <= simplex->n; i++)
		sum += simplex->errors[i];
	mean = sum / ((double)simplex->n + 1);
	for (size_t i = 0; i <= simplex->n; i++)
		spread += (simplex->errors[i] - mean) * (simplex->errors[i] - mean) /
			  (double)simplex->n;
	return sqrt(spread);
}

/* Gives the least error that was found, and in `parameters` where. */
static int minimise(struct simplex *simplex, struct run *run, const double *start,
		    double *parameters, double *error)
{
	place_vertices(simplex, start);
	for (int i = 0; i < ITERATIONS_MAX; i++) {
		TRY(run_check(run));
		step_simplex(simplex);
		if (spread_of(simplex) < SPREAD_MIN)
			break;
	}
	rank_vertices(simplex);
	memcpy(parameters, vertex(simplex, simplex->best), simplex->n * sizeof(*parameters));
	*error = error_of(simplex->series, vertex(simplex, simplex->best));
	return OK;
}

/* --- fitting ------------------------------------------------------------------------------ */

static void guess(const struct series *series, double *start)
{
	const double *y = series->values;
	double m = (double)series->season;

	if (series->season == 0) {
		start[4] = 0.5 * y[0];
		start[5] = isnan(y[1]) ? 0 : 0.5 * (y[1] - y[0]);
		return;
	}
	for (size_t i = 0; i < series->season && i < series->count; i++)
		if (!isnan(y[i]))
			start[4] += 1 / m * y[i];
	for (size_t i = 0; i < series->season && series->season + i < series->count; i++)
		if (!isnan(y[i]) && !isnan(y[series->season + i]))
			start[5] += 1 / (m * m) * (y[series->season + i] - y[i]);
	for (size_t i = 0; i < series->season && i < series->count; i++)
		if (!isnan(y[i]))
			start[PLAIN_COUNT + i] = y[i] / start[4];
}

struct fitting {
	struct simplex simplex;
	struct run *run;
	double *start, *found, *best;
	double least;
	bool has_best;
};

static int fit_from(struct fitting *fitting, int corner)
{
	double error;

	for (int i = 0; i < 4; i++)
		fitting->start[i] = corner >> (3 - i) & 1 ? 0.3 + 0.4 : 0.3;
	TRY(minimise(&fitting->simplex, fitting->run, fitting->start, fitting->found, &error));
	if (fitting->has_best && !(error < fitting->least))
		return OK;
	fitting->has_best = true;
	fitting->least = error;
	memcpy(fitting->best, fitting->found, fitting->simplex.n * sizeof(double));
	return OK;
}

/* From each corner of a grid of weights; the first of the best wins. */
static int fit(const struct series *series, struct run *run, double *best)
{
	size_t n = PLAIN_COUNT + series->season;
	struct fitting fitting = { .run = run, .best = best };
	int err = OK;

	fitting.start = allocate(n);
	fitting.found = allocate(n);
	open_simplex(&fitting.simplex, series, n);
	guess(series, fitting.start);
	for (int corner = 0; err >= 0 && corner < 16; corner++)
		err = fit_from(&fitting, corner);
	close_simplex(&fitting.simplex);
	free(fitting.start);
	free(fitting.found);
	return err;
}

/* --- the series, window by window ------------------------------------------------------------ */

static int64_t round_time(int64_t time_ns, int64_t interval_ns)
{
	int64_t windows = time_ns / interval_ns;

	return (windows + (time_ns % interval_ns > interval_ns / 2)) * interval_ns;
}

/* The points that count, the first of each window; gives how many windows there are. */
static size_t count_windows(const struct points *in, int64_t interval_ns)
{
	int64_t first = round_time(in->items[0].time_ns, interval_ns);
	int64_t last = round_time(in->items[in->count - 1].time_ns, interval_ns);

	return last <= first ? 0 : (size_t)((last - first) / interval_ns) + 1;
}

static void set_values(struct series *series, const struct points *in, int64_t interval_ns)
{
	int64_t first = round_time(in->items[0].time_ns, interval_ns);

	for (size_t i = 0; i < series->count; i++)
		series->values[i] = NAN;
	for (size_t i = 0; i < in->count; i++) {
		int64_t time = round_time(in->items[i].time_ns, interval_ns);
		double *value = &series->values[(time - first) / interval_ns];

		if (isnan(*value))
			cell_float(&in->items[i].value, value);
	}
}

static void drop_nulls(const struct points *in, struct points *out)
{
	double value;

	for (size_t i = 0; i < in->count; i++)
		if (cell_float(&in->items[i].value, &value))
			points_add(out, in->items[i]);
}

/* What is behind the values, or with `shows_fit` all of it. */
static void add_forecast(const struct transform_context *context, const struct series *series,
			 const struct points *in, bool shows_fit, struct points *out)
{
	size_t all = series->count + (size_t)context->call->count;
	int64_t first_ns = in->items[0].time_ns, last_ns = in->items[in->count - 1].time_ns;

	for (size_t i = shows_fit ? 0 : series->count; i < all; i++) {
		int64_t steps = shows_fit ? (int64_t)i : (int64_t)(i - series->count + 1);
		int64_t time_ns = (shows_fit ? first_ns : last_ns) + steps * context->interval_ns;

		if (!isnan(series->forecast[i]))
			points_add(out,
				   (struct point){ .time_ns = time_ns,
						   .value = cell_of_float(series->forecast[i]) });
	}
}

static int forecast(const struct transform_context *context, const struct points *in,
		    bool shows_fit, struct points *out)
{
	const struct plan_call *call = context->call;
	size_t more = (size_t)call->count, season = call->season < 2 ? 0 : (size_t)call->season;
	int64_t interval_ns = context->interval_ns;
	struct series series = { .season = season };
	double *parameters;
	int err;

	if (in->count < 2 || in->count < season)
		return OK;
	series.count = count_windows(in, interval_ns);
	if (series.count == 0)
		return OK;
	TRY(run_take_bytes(context->run,
			   (series.count * 2 + more + (season + PLAIN_COUNT) * (season + 20)) *
				   sizeof(double)));
	series.values = allocate(series.count);
	series.forecast = allocate(series.count + more);
	parameters = allocate(season + PLAIN_COUNT);
	set_values(&series, in, interval_ns);
	err = fit(&series, context->run, parameters);
	if (err >= 0) {
		run_model(&series, parameters, more);
		add_forecast(context, &series, in, shows_fit, out);
	}
	free(series.values);
	free(series.forecast);
	free(parameters);
	return err;
}

static int forecast_values(const struct transform_context *context, const struct points *in,
			   bool shows_fit, struct points *out)
{
	struct points values = { 0 };
	int err;

	drop_nulls(in, &values);
	err = forecast(context, &values, shows_fit, out);
	points_release(&values);
	return err;
}

int transform_holt_winters(const struct transform_context *context, const struct points *in,
			   struct points *out)
{
	return forecast_values(context, in, false, out);
}

int transform_holt_winters_with_fit(const struct transform_context *context,
				    const struct points *in, struct points *out)
{
	return forecast_values(context, in, true, out);
}
