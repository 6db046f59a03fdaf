/*
 * Drops what is too old, by whole groups. By which clock: memory/trusted.c. While the wall clock
 * stands years beyond all that is stored (memory/arrivals.c) nothing is dropped.
 */
#include "engine/upkeep/retention.h"

#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/memory/state.h"
#include "engine/upkeep/drop.h"
#include "engine/upkeep/flush.h"

static int retain_policy(struct engine *engine, const struct object *policy, int64_t now_ns,
			 size_t *dropped)
{
	struct object *groups;
	size_t count;

	if (policy->policy.duration_ns == 0)
		return OK;
	int64_t oldest_s = floor_div(now_ns - policy->policy.duration_ns, NS_PER_SECOND);
	TRY(catalog_list(engine->names.catalog, policy->id, OBJECT_GROUP, &groups, &count));
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
	int64_t now_ns = trusted_now(&engine->arrivals.trusted), expected_ns;

	*dropped = 0;
	if (engine_clock(engine, &expected_ns) == CLOCK_AHEAD)
		return OK; /* a point that was written by such a clock would drop all others */
	TRY(catalog_list(engine->names.catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases,
			 &database_count));
	for (size_t i = 0; i < database_count; i++) {
		if (catalog_list(engine->names.catalog, databases[i].id, OBJECT_POLICY, &policies,
				 &policy_count) < 0)
			continue;
		for (size_t k = 0; k < policy_count; k++)
			retain_policy(engine, &policies[k], now_ns, dropped);
		free(policies);
	}
	free(databases);
	return OK;
}

/*
 * Times of arrival that were given by a clock that was ahead are taken back: the next one is now.
 * The log tells them again at the next start, so it is emptied first.
 */
int engine_trust_clock(struct engine *engine)
{
	if (engine->options.read_only)
		return ERR_READ_ONLY;
	arrivals_trust(&engine->arrivals);
	TRY(engine_flush(engine));
	flush_hold_off(engine);
	int err = arrivals_write(engine);
	flush_let_on(engine);
	return err;
}
