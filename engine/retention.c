/*
 * What is too old goes, by whole groups, and by a clock that no jump of the wall clock moves.
 *
 *	now = the wall clock, but at most the newest of
 *	        what it was at the end of the last run + the time that went by since
 *	        the newest time of a point that was written in this run, and not made of others
 *
 * A wall clock that is ahead (a bad battery, a year typed wrong) would drop everything at once. How
 * long a rest was is known until the machine boots; over a boot the time of it counts as none, and
 * nothing is dropped before a point of today has come. While the clock stands years beyond all that
 * is stored (wall.c) retention rests. When the wall clock jumps, times of points tell nothing: some
 * were its own. Where it has stood for an hour it was put right, as it is at each start of a
 * machine without a clock of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/state.h"

/* More than what keeps a clock right. */
#define JUMP_NS	     (60 * NS_PER_SECOND)
#define JUMP_REST_NS (3600 * NS_PER_SECOND)

static int64_t wall_offset(void)
{
	return env_now_ns() - env_elapsed_ns();
}

void retention_print(struct engine *engine, struct buf *out)
{
	buf_printf(out, " %lld %llu %lld", (long long)retention_now(engine),
		   (unsigned long long)env_boot_id(), (long long)env_boot_ns());
}

void retention_read(struct engine *engine, const char *text)
{
	long long trusted_ns, boot_ns;
	unsigned long long boot_id;
	int count = sscanf(text, " %lld %llu %lld", &trusted_ns, &boot_id, &boot_ns);

	if (count < 1)
		return; /* of a version that did not keep it */
	engine->trusted_ns = trusted_ns;
	if (count == 3 && boot_id != 0 && boot_id == env_boot_id() && boot_ns <= env_boot_ns())
		engine->trusted_ns += env_boot_ns() - boot_ns;
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

void retention_trust_now(struct engine *engine)
{
	/* In this order: between the two a reader finds an earlier time, never a later one. */
	atomic_store(&engine->trusted_elapsed_ns, env_elapsed_ns());
	atomic_store(&engine->trusted_ns, env_now_ns());
	atomic_store(&engine->trusted_offset_ns, wall_offset());
}

static bool is_jump(int64_t from_ns, int64_t to_ns)
{
	return to_ns - from_ns > JUMP_NS || to_ns - from_ns < -JUMP_NS;
}

/* Does the wall clock stand where it did, or where it now is for long? */
static bool wall_stands(struct engine *engine)
{
	int64_t offset_ns = wall_offset(), now_ns = env_elapsed_ns();

	if (!is_jump(engine->trusted_offset_ns, offset_ns))
		return true;
	if (is_jump(engine->jumped_offset_ns, offset_ns)) {
		engine->jumped_offset_ns = offset_ns;
		engine->jumped_ns = now_ns;
	}
	if (now_ns - engine->jumped_ns < JUMP_REST_NS)
		return false;
	engine->trusted_offset_ns = engine->jumped_offset_ns;
	return true;
}

void retention_note(struct engine *engine, const struct memtable_row *rows, size_t count)
{
	int64_t newest_ns = INT64_MIN, known_ns = atomic_load(&engine->newest_ns), expected_ns;

	for (size_t i = 0; i < count; i++)
		newest_ns = rows[i].time_ns > newest_ns ? rows[i].time_ns : newest_ns;
	if (newest_ns <= known_ns || !wall_stands(engine))
		return;
	/* It would be kept, and drop everything as soon as some later clock is ahead, too. */
	if (engine_clock(engine, &expected_ns) == CLOCK_AHEAD)
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
	int64_t now_ns = retention_now(engine), expected_ns;

	*dropped = 0;
	if (engine_clock(engine, &expected_ns) == CLOCK_AHEAD)
		return OK; /* a point that was written by such a clock would drop all others */
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
