/*
 * A plan as a whole: what all plans of a statement share, what a plan can be asked, its end.
 *
 * Why apart: checking, binding and running all ask this, and nothing here asks them.
 */
#include "query/plan/plan.h"

#include "query/expression/tag_filter.h"

struct plan_context plan_context_of(const struct query_env *env, const struct select_scope *scope,
				    struct arena *arena, struct diag *diag)
{
	return (struct plan_context){ .env = env,
				      .scope = scope,
				      .arena = arena,
				      .diag = diag,
				      .now_ns = env->now_ns ? env->now_ns : env_now_ns() };
}

static double number_of(const struct expr *expr)
{
	return expr->kind == EXPR_INTEGER ? (double)expr->integer : expr->number;
}

struct histogram plan_histogram(const struct expr *call)
{
	struct expr *const *args = call->call.args;
	size_t count = call->call.arg_count;

	return (struct histogram){ .size = count > 1 ? number_of(args[1]) : 1,
				   .start = count > 2 ? number_of(args[2]) : 0,
				   .stop = count > 3 ? number_of(args[3]) : 0,
				   .has_start = count > 2,
				   .has_stop = count > 3 };
}

/* --- looking back --------------------------------------------------------------------- */

int64_t plan_looks_back(struct slice name, bool has_inner, int64_t count)
{
	if (!has_inner || slice_equal(name, SLICE("cumulative_sum")) ||
	    slice_starts_with(name, SLICE("holt_winters")))
		return 0;
	return slice_equal(name, SLICE("moving_average")) && count > 1 ? count - 1 : 1;
}

static int64_t moved(const struct window_spec *spec, int64_t time_ns, int64_t windows)
{
	/* A bound beyond all times stays there: nothing lies in such a range. */
	if (windows == 0 || time_ns > TIME_MAX_NS || time_ns < TIME_MIN_NS)
		return time_ns;
	return window_moved(spec, time_ns, windows);
}

struct window_spec plan_widened(const struct plan *plan, int64_t windows)
{
	struct window_spec spec = plan->window;

	if (plan->has_first)
		spec.time_first_ns = moved(&spec, spec.time_first_ns, -windows);
	return spec;
}

/* --- the end --------------------------------------------------------------------------- */

static void close_plan(struct plan *plan)
{
	if (plan->condition)
		tag_filter_release(plan->condition);
	key_ring_release(&plan->ring);
	map_release(&plan->slot_map);
	idmap_release(&plan->known);
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].subquery)
			close_plan(plan->sources[i].subquery);
}

void plan_close(struct plan_context *context, struct plan *plan)
{
	if (plan)
		close_plan(plan);
	for (size_t i = 0; i < context->database_count; i++)
		snapshot_close(context->databases[i].snapshot);
	context->database_count = 0;
}
