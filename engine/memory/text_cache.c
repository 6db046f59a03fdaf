/*
 * Keeps text_infos by series. Why with the group: a drop of it lets all of them go.
 */
#include "engine/memory/text_cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/array.h"
#include "engine/base/log.h"

static _Atomic size_t infos_bytes;

size_t text_infos_bytes(void)
{
	return atomic_load(&infos_bytes);
}

struct text_info *text_info_new(uint64_t version)
{
	struct text_info *info = calloc(1, sizeof(*info));

	if (!info)
		log_out_of_memory(sizeof(*info));
	info->references = 1;
	info->version = version;
	info->has_hash = true;
	atomic_fetch_add(&infos_bytes, sizeof(*info));
	return info;
}

struct text_info *text_info_ref(struct text_info *info)
{
	atomic_fetch_add(&info->references, 1);
	return info;
}

void text_info_release(struct text_info *info)
{
	if (!info || atomic_fetch_sub(&info->references, 1) != 1)
		return;
	atomic_fetch_sub(&infos_bytes,
			 sizeof(*info) + info->checkpoint_capacity * sizeof(*info->checkpoints));
	free(info->checkpoints);
	free(info);
}

struct text_info *text_info_copy(const struct text_info *from, uint64_t version)
{
	struct text_info *info = text_info_new(version);

	info->bytes = from->bytes;
	info->points = from->points;
	info->hash = from->hash;
	info->has_hash = from->has_hash;
	info->time_first_ns = from->time_first_ns;
	info->time_last_ns = from->time_last_ns;
	info->checkpoint_count = info->checkpoint_capacity = from->checkpoint_count;
	info->checkpoints = malloc((from->checkpoint_count + 1) * sizeof(*info->checkpoints));
	if (!info->checkpoints)
		log_out_of_memory(from->checkpoint_count * sizeof(*info->checkpoints));
	atomic_fetch_add(&infos_bytes, from->checkpoint_count * sizeof(*info->checkpoints));
	if (from->checkpoint_count)
		memcpy(info->checkpoints, from->checkpoints,
		       from->checkpoint_count * sizeof(*info->checkpoints));
	return info;
}

void text_info_checkpoint(struct text_info *info, int64_t time_ns)
{
	if (info->checkpoint_count == info->checkpoint_capacity) {
		size_t before = info->checkpoint_capacity;

		info->checkpoint_capacity = before ? before * 2 : 4;
		atomic_fetch_add(&infos_bytes,
				 (info->checkpoint_capacity - before) * sizeof(*info->checkpoints));
		info->checkpoints = realloc(info->checkpoints,
					    info->checkpoint_capacity * sizeof(*info->checkpoints));
		if (!info->checkpoints)
			log_out_of_memory(info->checkpoint_capacity * sizeof(*info->checkpoints));
	}
	info->checkpoints[info->checkpoint_count++] = (struct checkpoint){ info->bytes, time_ns };
}

/* --- the cache ------------------------------------------------------------------------ */

void text_cache_init(struct text_cache *cache)
{
	*cache = (struct text_cache){ 0 };
	pthread_mutex_init(&cache->lock, NULL);
}

void text_cache_release(struct text_cache *cache)
{
	for (size_t i = 0; i < cache->count; i++)
		text_info_release(cache->items[i]);
	free(cache->items);
	idmap_release(&cache->ids);
	pthread_mutex_destroy(&cache->lock);
}

struct text_info *text_cache_find(struct text_cache *cache, uint32_t series_id)
{
	struct text_info *info = NULL;

	pthread_mutex_lock(&cache->lock);
	uint32_t at = idmap_find(&cache->ids, series_id);
	if (at != MAP_NONE)
		info = text_info_ref(cache->items[at]);
	pthread_mutex_unlock(&cache->lock);
	return info;
}

void text_cache_keep(struct text_cache *cache, uint32_t series_id, struct text_info *info)
{
	pthread_mutex_lock(&cache->lock);
	uint32_t at = idmap_find(&cache->ids, series_id);
	if (at == MAP_NONE) {
		grow(&cache->items, cache->count, &cache->capacity);
		idmap_set(&cache->ids, series_id, (uint32_t)cache->count);
		cache->items[cache->count++] = text_info_ref(info);
	} else {
		text_info_release(cache->items[at]);
		cache->items[at] = text_info_ref(info);
	}
	pthread_mutex_unlock(&cache->lock);
}
