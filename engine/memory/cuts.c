/* Keeps the cuts of a group in order. Why in memory alone: no scratch file outlives the engine. */
#include "engine/memory/cuts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/array.h"
#include "engine/base/log.h"
#include "engine/memory/state.h"

/* A later one comes last: sequences never fall. */
static void add(struct cuts *cuts, uint64_t cut)
{
	assert(!cuts->count || cuts->items[cuts->count - 1] <= cut);
	grow(&cuts->items, cuts->count, &cuts->capacity);
	cuts->items[cuts->count++] = cut;
}

static void take(struct cuts *cuts, uint64_t cut)
{
	for (size_t i = 0; i < cuts->count; i++)
		if (cuts->items[i] == cut) {
			memmove(&cuts->items[i], &cuts->items[i + 1],
				(cuts->count - i - 1) * sizeof(cut));
			cuts->count--;
			return;
		}
}

uint64_t *cuts_copy(const struct cuts *cuts, size_t *count)
{
	uint64_t *copy = malloc((cuts->count + 1) * sizeof(*copy));

	if (!copy)
		log_out_of_memory(cuts->count * sizeof(*copy));
	if (cuts->count)
		memcpy(copy, cuts->items, cuts->count * sizeof(*copy));
	*count = cuts->count;
	return copy;
}

bool cuts_before(const struct cuts *cuts, uint64_t sequence)
{
	return cuts->count && cuts->items[0] < sequence;
}

uint64_t engine_cut(struct engine *engine, uint32_t group_id)
{
	struct live_group *group;
	uint64_t cut = wal_sequence(engine->wal);

	if (live_group_get(engine, group_id, &group) < 0)
		return cut;
	pthread_mutex_lock(&group->lock);
	cut = wal_sequence(engine->wal);
	add(&group->cuts, cut);
	pthread_mutex_unlock(&group->lock);
	live_group_release(group);
	return cut;
}

void engine_cut_release(struct engine *engine, uint32_t group_id, uint64_t cut)
{
	struct live_group *group;

	if (live_group_get(engine, group_id, &group) < 0)
		return;
	pthread_mutex_lock(&group->lock);
	take(&group->cuts, cut);
	pthread_mutex_unlock(&group->lock);
	live_group_release(group);
}
