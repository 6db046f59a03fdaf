/* Why: live runs, runs that make up for lost time and backfill compute alike, over other ranges. */
#include "query/continuous/rollup.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "query/base/metering.h"
#include "query/expression/fold.h"
#include "query/language/parser.h"
#include "query/plan/plan.h"
#include "query/run/select.h"
#include "query/statement/into.h"

struct rollup {
	struct arena arena;
	struct slice text;
	struct select_stmt *select; /* as parsed; runs parse their own */
	struct schedule schedule;
	bool is_grouped, is_stepwise;
};

/* The windows, as a run will see them: InfluxDB's rules about offsets and zones are the plan's. */
static int read_windows(struct rollup *rollup, const struct query_env *env,
			struct select_stmt *select, struct diag *diag)
{
	static const struct select_scope scope = { 0 };
	struct plan_context context = { .env = env,
					.scope = &scope,
					.arena = &rollup->arena,
					.diag = diag,
					.now_ns = env_now_ns() };
	struct plan *plan = NULL;
	int err = plan_check(&context, select, NULL, &plan);

	if (err >= 0)
		rollup->schedule.window = plan->window;
	plan_close(&context, plan);
	return err;
}

/* A call over another one goes from window to window. */
static bool find_transform(void *arg, struct expr *expr)
{
	bool *found = arg;

	*found |= expr->kind == EXPR_CALL && expr->call.arg_count &&
		  expr->call.args[0]->kind == EXPR_CALL && !expr_is_call(expr, "count") &&
		  !math_argument_count(expr->call.name);
	return !*found;
}

static bool looks_over_windows(struct select_stmt *select)
{
	bool found = select->limit || select->offset || select->slimit || select->soffset ||
		     (select->fill != FILL_NULL && select->fill != FILL_NONE);

	for (size_t i = 0; i < select->field_count; i++)
		expr_walk(select->fields[i].expr, find_transform, &found);
	for (size_t i = 0; i < select->source_count; i++)
		found |= select->sources[i].kind == SOURCE_SUBQUERY;
	return found;
}

static int open_text(struct rollup *rollup, const struct query_env *env, struct slice text,
		     struct diag *diag)
{
	struct continuous_stmt stored;
	int32_t months;
	int64_t interval_ns;

	rollup->text = arena_copy(&rollup->arena, text);
	TRY(parse_continuous_text(rollup->text, &rollup->arena, &stored, diag));
	rollup->select = stored.select;
	rollup->schedule.every_ns = stored.resample_every_ns;
	rollup->schedule.for_ns = stored.resample_for_ns;
	select_interval(rollup->select, &interval_ns, &months);
	rollup->is_grouped = interval_ns || months;
	rollup->is_stepwise = looks_over_windows(rollup->select);
	if (!rollup->is_grouped)
		return OK;
	/* The plan changes the tree it is made of. */
	TRY(parse_continuous_text(rollup->text, &rollup->arena, &stored, diag));
	return read_windows(rollup, env, stored.select, diag);
}

int rollup_open(const struct query_env *env, struct slice text, struct rollup **out,
		struct diag *diag)
{
	struct rollup *rollup = calloc(1, sizeof(*rollup));
	int err;

	if (!rollup)
		log_out_of_memory(sizeof(*rollup));
	err = open_text(rollup, env, text, diag);
	if (err < 0) {
		rollup_close(rollup);
		return err;
	}
	*out = rollup;
	return OK;
}

void rollup_close(struct rollup *rollup)
{
	if (!rollup)
		return;
	arena_release(&rollup->arena);
	free(rollup);
}

const struct schedule *rollup_schedule(const struct rollup *rollup)
{
	return rollup->is_grouped ? &rollup->schedule : NULL;
}

bool rollup_is_stepwise(const struct rollup *rollup)
{
	return rollup->is_stepwise;
}

bool rollup_backfills(const struct rollup *rollup, int64_t *from_ns)
{
	const struct select_stmt *select = rollup->select;

	*from_ns = TIME_MIN_NS;
	switch (select->backfill) {
	case BACKFILL_TRUE: return true;
	case BACKFILL_FALSE: return false;
	case BACKFILL_FROM:
		return time_text_parse(select->backfill_from, rollup->schedule.window.zone, from_ns,
				       NULL) >= 0;
	default: return select->is_old;
	}
}

int64_t rollup_target_duration_ns(const struct rollup *rollup, const struct query_env *env)
{
	const struct target *target = rollup->select->target;
	struct catalog *catalog = engine_catalog(env->engine);
	struct object database, policy;
	int err = target->database.length
			  ? catalog_find(catalog, OBJECT_ROOT_ID, target->database, &database)
			  : catalog_get(catalog, env->database_id, &database);

	if (err >= 0)
		err = target->policy.length
			      ? catalog_find(catalog, database.id, target->policy, &policy)
			      : catalog_default_policy(catalog, database.id, &policy);
	return err >= 0 && policy.kind == OBJECT_POLICY ? policy.policy.duration_ns : 0;
}

/* --- parts ------------------------------------------------------------------------- */

static int64_t clamped_ns(int64_t seconds)
{
	if (seconds > TIME_MAX_NS / NS_PER_SECOND)
		return TIME_MAX_NS;
	return seconds < TIME_MIN_NS / NS_PER_SECOND ? TIME_MIN_NS : seconds * NS_PER_SECOND;
}

/* The first group of a policy that ends after `time_ns`, if it starts before the one found. */
static void look_in_policy(struct catalog *catalog, uint32_t policy_id, int64_t time_ns,
			   struct window *found)
{
	struct object *groups;
	size_t count;

	if (catalog_list(catalog, policy_id, OBJECT_GROUP, &groups, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct window window = { clamped_ns(groups[i].window.start_s),
					 clamped_ns(groups[i].window.end_s) };

		if (window.end_ns <= time_ns)
			continue;
		if (window.start_ns < found->start_ns)
			*found = window;
		break;
	}
	free(groups);
}

static void look_in(struct catalog *catalog, uint32_t parent_id, enum object_kind kind,
		    int64_t time_ns, struct window *found)
{
	struct object *objects;
	size_t count;

	if (catalog_list(catalog, parent_id, kind, &objects, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (kind == OBJECT_DATABASE)
			look_in(catalog, objects[i].id, OBJECT_POLICY, time_ns, found);
		else
			look_in_policy(catalog, objects[i].id, time_ns, found);
	}
	free(objects);
}

struct window rollup_part(const struct rollup *rollup, const struct query_env *env,
			  struct window range)
{
	const struct schedule *schedule = &rollup->schedule;
	struct window part = { range.start_ns, range.end_ns }, group = { TIME_MAX_NS, TIME_MAX_NS };

	if (range.start_ns >= range.end_ns)
		return part;
	if (rollup->is_grouped && range.end_ns <= schedule_advance(schedule, range.start_ns, 1))
		return part;
	look_in(engine_catalog(env->engine), OBJECT_ROOT_ID, OBJECT_DATABASE, range.start_ns,
		&group);
	if (group.start_ns >= range.end_ns)
		return (struct window){ range.end_ns, range.end_ns };
	if (!rollup->is_grouped) {
		if (group.start_ns > part.start_ns)
			part.start_ns = group.start_ns;
		if (group.end_ns < part.end_ns)
			part.end_ns = group.end_ns;
		return part;
	}
	if (group.start_ns > part.start_ns)
		part.start_ns = window_of(&schedule->window, group.start_ns).start_ns;
	if (part.start_ns < range.start_ns)
		part.start_ns = range.start_ns;
	part.end_ns = schedule_advance(schedule, part.start_ns, ROLLUP_WINDOWS);
	if (part.end_ns > range.end_ns || part.end_ns <= part.start_ns)
		part.end_ns = range.end_ns;
	return part;
}

/* --- a run --------------------------------------------------------------------------- */

static int run_select(struct task *task, struct select_stmt *select, const struct into_spec *spec,
		      struct window part, struct rollup_outcome *out)
{
	struct select_scope scope = { .has_range = true,
				      .time_first_ns = part.start_ns,
				      .time_last_ns = part.end_ns - 1 };
	struct result result;
	struct into *into;
	int err = into_open(task, select, spec, &into, &result);

	if (err >= 0)
		err = select_run(task->env, &scope, task->arena, select, &result, task->diag);
	if (err >= 0)
		err = into_flush(into);
	if (err >= 0) {
		out->written = into_written(into);
		out->refused = into_refused(into, task->diag);
	}
	into_close(into);
	return err;
}

int rollup_run(const struct rollup *rollup, const struct query_env *env, struct window part,
	       bool gaps_only, struct rollup_outcome *out, struct diag *diag)
{
	struct arena arena = { .bytes_max = env->limits->memory_bytes_max };
	struct into_spec spec = { .skip = true,
				  .copies_points = !rollup->is_grouped,
				  .feeds_nothing = !rollup->is_grouped,
				  .gaps = gaps_only ? &rollup->schedule.window : NULL,
				  .time_first_ns = part.start_ns,
				  .time_last_ns = part.end_ns - 1 };
	struct task task = { .env = env, .arena = &arena, .diag = diag, .now_ns = env_now_ns() };
	struct continuous_stmt stored;
	struct metering metering;
	int err;

	TRY(metering_begin(&metering, env, diag));
	err = parse_continuous_text(rollup->text, &arena, &stored, diag);
	*out = (struct rollup_outcome){ 0 };
	if (err >= 0)
		err = run_select(&task, stored.select, &spec, part, out);
	arena_release(&arena);
	err = metering_end(&metering, err, diag);
	if (err < 0)
		diag_set(diag, err, "%s", err_text(err));
	return err;
}
