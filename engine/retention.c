/*
 * What is too old goes, by whole groups, and by a clock that no jump of the wall clock moves.
 *
 *	now = the wall clock, but at most the newest of
 *	        what it was at the end of the last run + the time that went by since the start
 *	        the newest time of a point of this run
 *
 * A wall clock that is ahead (a bad battery, a year typed wrong) would drop everything at once.
 * After a long rest nothing is dropped before a point of today has come. While the wall clock
 * stands elsewhere than it did when the run began, times of points tell nothing: some were its own.
 */
#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/state.h"

/* More than what keeps a clock right. */
#define JUMP_NS (60 * NS_PER_SECOND)

static int64_t wall_offset(void)
{
	return env_now_ns() - env_elapsed_ns();
}

void retention_trust(struct engine *engine)
{
	if (!engine->trusted_ns) /* a new directory, or one of a version that did not keep it */
		engine->trusted_ns = atomic_load(&engine->arrival_ns);
	if (!engine->trusted_ns)
		engine->trusted_ns = env_now_ns();
	engine->trusted_elapsed_ns = env_elapsed_ns();
	engine->trusted_offset_ns = wall_offset();
}

void retention_note(struct engine *engine, const struct memtable_row *rows, size_t count)
{
	int64_t newest_ns = INT64_MIN, known_ns = atomic_load(&engine->newest_ns), jump_ns;

	for (size_t i = 0; i < count; i++)
		newest_ns = rows[i].time_ns > newest_ns ? rows[i].time_ns : newest_ns;
	if (newest_ns <= known_ns)
		return;
	jump_ns = wall_offset() - engine->trusted_offset_ns;
	if (jump_ns > JUMP_NS || jump_ns < -JUMP_NS)
		return;
	while (newest_ns > known_ns &&
	       !atomic_compare_exchange_weak(&engine->newest_ns, &known_ns, newest_ns))
		;
}

int64_t retention_now(const struct engine *engine)
{
	int64_t trusted_ns = engine->trusted_ns + (env_elapsed_ns() - engine->trusted_elapsed_ns);
	int64_t newest_ns = atomic_load(&engine->newest_ns), wall_ns = env_now_ns();

	trusted_ns = newest_ns > trusted_ns ? newest_ns : trusted_ns;
	return wall_ns < trusted_ns ? wall_ns : trusted_ns;
}

static int retain_policy(struct engine *engine, const struct object *policy, int64_t now_ns,
			 size_t *dropped)
{
	struct object *groups;
	size_t count;

	if (policy->policy.duration_ns == 0)
		return OK;
	int64_t oldest_s = floor_div(now_ns - policy->policy.duration_ns, NS_PER_SECOND);
	TRY(catalog_list(engine->catalog, policy->id, OBJECT_GROUP, &groups, &count));
	for (size_t i = 0; i < count; i++)
		if (groups[i].window.end_s <= oldest_s && engine_drop(engine, groups[i].id) == OK)
			++*dropped;
	free(groups);
	return OK;
}

int engine_retention(struct engine *engine, size_t *dropped)
{
	struct object *databases, *policies;
	size_t database_count, policy_count;
	int64_t now_ns = retention_now(engine);

	*dropped = 0;
	TRY(catalog_list(engine->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases,
			 &database_count));
	for (size_t i = 0; i < database_count; i++) {
		if (catalog_list(engine->catalog, databases[i].id, OBJECT_POLICY, &policies,
				 &policy_count) < 0)
			continue;
		for (size_t k = 0; k < policy_count; k++)
			retain_policy(engine, &policies[k], now_ns, dropped);
		free(policies);
	}
	free(databases);
	return OK;
}
