/*
 * Opens a view of a group, and tells what a series is in it.
 *
 * Why shards are acquired at the first need: most statements ask few groups of many, and loading
 * the directory of a shard costs a read.
 */
#include "engine/read/view.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/when.h"
#include "engine/memory/state.h"

void view_init(struct view *view, struct live_group *group, uint64_t sequence)
{
	*view = (struct view){ .group = live_group_reference(group), .sequence = sequence };
	pthread_mutex_init(&view->lock, NULL);
	view->versions = calloc(group->shard_count, sizeof(*view->versions));
	if (!view->versions)
		log_out_of_memory(group->shard_count * sizeof(*view->versions));
	pthread_mutex_lock(&group->lock);
	if (group->flushed_generation > sequence)
		view->sequence = group->flushed_generation;
	if (group->sequence_last <= view->sequence)
		view->group_version = atomic_load(&group->version);
	/* I5: rows that left the memtables before now are in chunks that the view sees. */
	assert(view->sequence >= group->flushed_generation);
	view->active = memtable_ref(group->active);
	view->sealed = group->sealed ? memtable_ref(group->sealed) : NULL;
	view->next = group->views;
	if (view->next)
		view->next->previous = view;
	group->views = view;
	pthread_mutex_unlock(&group->lock);
}

void view_release(struct view *view)
{
	pthread_mutex_lock(&view->group->lock);
	*(view->previous ? &view->previous->next : &view->group->views) = view->next;
	if (view->next)
		view->next->previous = view->previous;
	pthread_mutex_unlock(&view->group->lock);
	for (uint32_t i = 0; i < view->group->shard_count; i++)
		if (view->versions[i])
			shard_version_release(view->versions[i]);
	free(view->versions);
	present_release(view->present);
	memtable_release(view->active);
	memtable_release(view->sealed);
	pthread_mutex_destroy(&view->lock);
	live_group_release(view->group);
}

/*
 * Acquired at the first need, so possibly newer than the snapshot: what a later
 * flush brought is told by its generation, and is in the memtables as well.
 */
static int version_of_shard(struct view *view, uint32_t number, struct shard_version **out)
{
	int err = OK;

	pthread_mutex_lock(&view->lock);
	if (!view->versions[number]) {
		struct shard *shard = live_group_shard_reference(view->group, number);
		/* The shard keeps its directory in memory for later queries: this one does not pay.
		 */
		struct memory_meter *meter = memory_enter(NULL);

		err = shard_version_acquire(shard, &view->versions[number]);
		memory_leave(meter);
		shard_close(shard);
	}
	*out = view->versions[number];
	pthread_mutex_unlock(&view->lock);
	return err;
}

int view_pin(struct view *view, uint32_t number)
{
	struct shard_version *version;

	return version_of_shard(view, number, &version);
}

int view_version(struct view *view, uint32_t series_id, struct shard_version **out)
{
	return version_of_shard(view, live_group_shard_number(view->group, series_id), out);
}

/* --- one series ------------------------------------------------------------------- */

static void widen(struct view_info *info, int64_t first_ns, int64_t last_ns)
{
	if (!info->exists || first_ns < info->time_first_ns)
		info->time_first_ns = first_ns;
	if (!info->exists || last_ns > info->time_last_ns)
		info->time_last_ns = last_ns;
	info->exists = true;
}

static void note_sequence(struct view_info *info, uint64_t sequence)
{
	if (sequence > info->version)
		info->version = sequence;
}

/* Added unless there: a view that began beside a flush meets a mask in memory and in the shard. */
static void add_distinct(struct masks *masks, const struct mask *mask)
{
	for (size_t i = 0; i < masks->count; i++)
		if (masks->items[i].time_first_ns == mask->time_first_ns &&
		    masks->items[i].time_last_ns == mask->time_last_ns &&
		    masks->items[i].sequence == mask->sequence)
			return;
	masks_add(masks, mask);
}

static void info_of_stored_masks(struct view *view, const struct shard_version *version,
				 uint32_t series_id, struct masks *masks, struct view_info *out)
{
	const struct shard_mask *stored;
	size_t count;

	shard_version_masks(version, series_id, &stored, &count);
	for (size_t i = 0; i < count; i++) {
		if (stored[i].generation > view->sequence)
			continue;
		note_sequence(out, stored[i].sequence);
		add_distinct(masks,
			     &(struct mask){ series_id, stored[i].time_first_ns,
					     stored[i].time_last_ns, stored[i].sequence, 0 });
	}
}

static int info_of_shard(struct view *view, uint32_t series_id, struct masks *masks,
			 struct view_info *out)
{
	struct shard_version *version;
	struct chunk_refs refs = { 0 };

	TRY(view_version(view, series_id, &version));
	shard_version_mtime(version, series_id, &out->mtime_ns, &out->ctime_ns);
	shard_version_chunks(version, series_id, &refs);
	for (size_t i = 0; i < refs.count; i++) {
		const struct chunk_ref *ref = &refs.items[i];

		if (ref->generation > view->sequence)
			continue;
		widen(out, ref->time_first_ns, ref->time_last_ns);
		note_sequence(out, ref->sequence_max);
		out->rows_max += ref->row_count;
		out->disk_bytes += ref->bytes;
	}
	chunk_refs_release(&refs);
	info_of_stored_masks(view, version, series_id, masks, out);
	out->mask_count = shard_version_masks_settled(version, series_id);
	return OK;
}

/* Ignore rows newer than the view, so that the version stays that of the text it shows. */
static void info_of_memtable(const struct view *view, const struct memtable *memtable,
			     uint32_t series_id, struct masks *masks, struct view_info *out)
{
	struct memtable_info info;
	struct masks here = { 0 };

	if (!memtable || !memtable_info(memtable, series_id, view->sequence, &info))
		return;
	if (info.row_count)
		widen(out, info.time_first_ns, info.time_last_ns);
	note_sequence(out, info.sequence_last);
	out->rows_max += info.row_count;
	if (info.mtime_ns != MTIME_NONE) {
		out->mtime_ns = info.mtime_ns;
		out->ctime_ns = info.ctime_ns;
	}
	memtable_masks(memtable, series_id, view->sequence, &here);
	for (size_t i = 0; i < here.count; i++)
		add_distinct(masks, &here.items[i]);
	masks_release(&here);
}

int view_info(struct view *view, uint32_t series_id, struct view_info *out)
{
	struct masks masks = { 0 };

	*out = (struct view_info){ 0 };
	TRY(info_of_shard(view, series_id, &masks, out));
	pthread_mutex_lock(&view->group->lock);
	info_of_memtable(view, view->sealed, series_id, &masks, out);
	info_of_memtable(view, view->active, series_id, &masks, out);
	pthread_mutex_unlock(&view->group->lock);
	out->is_masked = masks.count > 0;
	out->mask_count += masks.count;
	masks_release(&masks);
	return OK;
}

/* --- all series --------------------------------------------------------------------- */

/* Consumes `more`. */
static int append_ids(uint32_t **list, size_t *count, uint32_t *more, size_t more_count)
{
	uint32_t *grown = realloc(*list, (*count + more_count + 1) * sizeof(*grown));

	if (grown) {
		*list = grown;
		if (more_count)
			memcpy(grown + *count, more, more_count * sizeof(*more));
		*count += more_count;
	}
	free(more);
	return grown ? OK : ERR_MEMORY;
}

/* The series of one shard that the view may see. */
static int add_shard_series(struct view *view, uint32_t number, uint32_t **ids, size_t *count)
{
	struct shard_version *version;
	uint32_t *more;
	size_t more_count;

	TRY(version_of_shard(view, number, &version));
	shard_version_series(version, view->sequence, &more, &more_count);
	return append_ids(ids, count, more, more_count);
}

static int add_memtable_series(struct view *view, struct memtable *memtable, uint32_t **ids,
			       size_t *count)
{
	uint32_t *more;
	size_t more_count;
	int err;

	if (!memtable)
		return OK;
	pthread_mutex_lock(&view->group->lock);
	err = memtable_series(memtable, &more, &more_count);
	pthread_mutex_unlock(&view->group->lock);
	return err < 0 ? err : append_ids(ids, count, more, more_count);
}

int view_series(struct view *view, uint32_t **ids, size_t *count)
{
	int err = OK;

	*ids = NULL;
	*count = 0;
	for (uint32_t i = 0; err == OK && i < view->group->shard_count; i++)
		err = add_shard_series(view, i, ids, count);
	if (err == OK)
		err = add_memtable_series(view, view->sealed, ids, count);
	if (err == OK)
		err = add_memtable_series(view, view->active, ids, count);
	if (err < 0) {
		free(*ids);
		*ids = NULL;
		*count = 0;
		return err;
	}
	*count = sort_unique_ids(*ids, *count);
	return OK;
}

bool view_overlaps(const struct view *view, uint32_t policy_id, int64_t time_first_ns,
		   int64_t time_last_ns)
{
	return (policy_id == 0 || view->group->policy_id == policy_id) &&
	       group_window_overlaps(&view->group->window, time_first_ns, time_last_ns);
}

/* --- another shard ------------------------------------------------------------------- */

/*
 * The rewritten chunks carry the rewrite's generation. A view with a lower sequence would skip them
 * as "flushed later", so it must keep the old shard.
 */
static int pin_older_views(struct live_group *group, uint32_t number, uint64_t generation)
{
	for (struct view *view = group->views; view; view = view->next)
		if (view->sequence < generation)
			TRY(view_pin(view, number));
	for (struct view *view = group->views; view; view = view->next)
		assert(view->sequence >= generation || view->versions[number]); /* I9 */
	return OK;
}

int view_replace_shard(struct live_group *group, uint32_t number, struct shard *to,
		       uint64_t generation)
{
	struct shard *before = NULL;

	pthread_mutex_lock(&group->lock);
	int err = group->dropped ? ERR_STALE : pin_older_views(group, number, generation);
	if (err == OK) {
		pthread_mutex_lock(&group->shards_lock);
		before = group->shards[number];
		group->shards[number] = to;
		pthread_mutex_unlock(&group->shards_lock);
	}
	pthread_mutex_unlock(&group->lock);
	if (before)
		shard_close(before);
	return err;
}
