/*
 * What was last known of the series of a group as text: kept with the group, so that a stat of an
 * unchanged series formats nothing. read/view_text.c makes them, series_text.c reads by them.
 */
#ifndef ENGINE_MEMORY_TEXT_CACHE_H
#define ENGINE_MEMORY_TEXT_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/map.h"

struct checkpoint {
	uint64_t offset;
	int64_t time_ns; /* of the row that begins there */
};

/* Counted; replaced as a whole, never changed once others have it. */
struct text_info {
	_Atomic unsigned references;
	uint64_t version;  /* view_info's; 0 never is one with rows */
	size_t mask_count; /* the view's then */
	uint64_t bytes, points;
	/* Of its lines in turn, so that a longer text shows that it begins so; where none of them
	 * was counted only. */
	uint64_t hash;
	bool has_hash;
	int64_t time_first_ns, time_last_ns; /* without points: meaningless */
	struct checkpoint *checkpoints;
	size_t checkpoint_count, checkpoint_capacity;
};

struct text_info *text_info_new(uint64_t version);
struct text_info *text_info_ref(struct text_info *info);
void text_info_release(struct text_info *info); /* NULL is fine */
/* Another one with the same text, of a later version. */
struct text_info *text_info_copy(const struct text_info *from, uint64_t version);
/* A row of that time begins where the text ends now. */
void text_info_checkpoint(struct text_info *info, int64_t time_ns);
/* Of all of them, in memory. */
size_t text_infos_bytes(void);

struct text_cache {
	pthread_mutex_t lock;
	struct idmap ids; /* protected by lock; series -> index in items */
	struct text_info **items;
	size_t count, capacity;
};

void text_cache_init(struct text_cache *cache);
void text_cache_release(struct text_cache *cache);
/* Referenced, or NULL. */
struct text_info *text_cache_find(struct text_cache *cache, uint32_t series_id);
/* In place of the one before. */
void text_cache_keep(struct text_cache *cache, uint32_t series_id, struct text_info *info);

#endif
