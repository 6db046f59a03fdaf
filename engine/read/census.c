/* Adds up what shards know of themselves. Why: `status` may be read each second. */
#include "engine/read/census.h"

#include "engine/memory/state.h"
#include "engine/shard/shard_version.h"

static void count_shard(struct live_group *group, uint32_t number, bool load,
			struct policy_stat *out)
{
	struct shard *shard = live_group_shard_reference(group, number);
	struct path path = live_group_shard_path(group, number);
	struct shard_totals totals = { 0 };
	struct shard_version *version;
	uint64_t bytes = 0;
	bool known = shard_known_totals(shard, &totals);

	if (!known && load && shard_version_acquire(shard, &version) == OK) {
		shard_version_totals(version, &totals);
		shard_version_release(version);
		known = true;
	}
	env_dir_bytes(path.text, &bytes);
	out->disk_bytes += bytes;
	out->points += totals.rows;
	/* What has no directory holds nothing. */
	out->has_points &= known || !env_exists(path.text);
	shard_close(shard);
}

static void count_group(struct live_group *group, bool load, struct policy_stat *out)
{
	if (out->groups++ == 0 || group->window.end_s < out->first_end_s)
		out->first_end_s = group->window.end_s;
	for (uint32_t i = 0; i < group->shard_count; i++)
		count_shard(group, i, load, out);
	pthread_mutex_lock(&group->lock);
	out->points += memtable_row_count(group->active);
	if (group->sealed)
		out->points += memtable_row_count(group->sealed);
	pthread_mutex_unlock(&group->lock);
}

int engine_policy_stat(struct engine *engine, uint32_t policy_id, bool load,
		       struct policy_stat *out)
{
	struct live_group **groups;
	size_t count;

	*out = (struct policy_stat){ .has_points = true };
	TRY(live_groups(engine, 0, policy_id, INT64_MIN, INT64_MAX, &groups, &count));
	for (size_t i = 0; i < count; i++)
		count_group(groups[i], load, out);
	live_groups_release(groups, count);
	return OK;
}
