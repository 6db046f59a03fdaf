/*
 * Which scratch files there are, and the memory that their bytes take: a list under one lock, since
 * there are a few at a time. What such a file means is not known here.
 */
#include "fs/points/scratch_state.h"

#include <stdlib.h>

#include "engine/base/log.h"

#define SPARE_BYTES_MIN (16u << 10)
#define SPARE_BYTES_MAX (16u << 20)

struct scratch_table *scratch_table_new(struct budget *held)
{
	struct scratch_table *table = calloc(1, sizeof(*table));

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	pthread_mutex_init(&table->spare_lock, NULL);
	table->held = held;
	table->number_next = 1;
	return table;
}

void scratch_drop_cut(struct scratch *scratch)
{
	if (scratch->has_cut)
		engine_cut_release(scratch->mount->engine, scratch->dir.group_id, scratch->cut);
	scratch->has_cut = false;
}

/* False: over what open files may hold. */
static bool count_bytes(struct scratch_table *table, size_t before, size_t bytes)
{
	size_t held = before;

	if (!budget_hold(table->held, &held, bytes))
		return false;
	atomic_fetch_add(&table->bytes, (uint64_t)bytes - before);
	return true;
}

/* Frees the bytes, or keeps their memory for the next file when it is more than what is kept. */
void scratch_drop_bytes(struct scratch *scratch)
{
	struct scratch_table *table = scratch->mount->scratches;
	struct buf unused = scratch->bytes;

	count_bytes(table, unused.length, 0);
	scratch->bytes = (struct buf){ 0 };
	buf_reset(&unused);
	pthread_mutex_lock(&table->spare_lock);
	if (unused.capacity > table->spare.capacity && unused.capacity <= SPARE_BYTES_MAX) {
		struct buf before = table->spare;

		table->spare = unused;
		unused = before;
	}
	pthread_mutex_unlock(&table->spare_lock);
	buf_release(&unused);
}

/* For more than some kilobytes: what another file left. */
static void take_spare(struct scratch *scratch, size_t bytes)
{
	struct scratch_table *table = scratch->mount->scratches;

	if (scratch->bytes.capacity > 0 || bytes < SPARE_BYTES_MIN)
		return;
	pthread_mutex_lock(&table->spare_lock);
	scratch->bytes = table->spare;
	table->spare = (struct buf){ 0 };
	pthread_mutex_unlock(&table->spare_lock);
}

/* Once no file is there. */
void scratch_table_drop_spare(struct scratch_table *table)
{
	pthread_mutex_lock(&table->spare_lock);
	buf_release(&table->spare);
	pthread_mutex_unlock(&table->spare_lock);
}

void scratch_unref(struct scratch *scratch)
{
	if (atomic_fetch_sub(&scratch->references, 1) != 1)
		return;
	scratch_drop_cut(scratch);
	scratch_drop_bytes(scratch);
	buf_release(&scratch->series_key);
	pthread_mutex_destroy(&scratch->lock);
	free(scratch->name);
	free(scratch);
}

void scratch_table_free(struct scratch_table *table)
{
	for (struct scratch *scratch = table->first, *next; scratch; scratch = next) {
		next = scratch->next;
		if (scratch->bytes.length)
			log_warning("a scratch file is lost: %s (%zu bytes, never renamed)",
				    scratch->name, scratch->bytes.length);
		scratch_unref(scratch);
	}
	scratch_table_drop_spare(table);
	pthread_mutex_destroy(&table->spare_lock);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

uint64_t scratch_table_bytes(struct scratch_table *table)
{
	return atomic_load(&table->bytes);
}

/* Room up to `bytes`; what lies in it before `zeros_end` is zero. Called with its lock. */
int scratch_resize(struct scratch *scratch, uint64_t bytes, uint64_t zeros_end)
{
	struct scratch_table *table = scratch->mount->scratches;
	size_t before = scratch->bytes.length;

	if (bytes > SIZE_MAX / 4 || !count_bytes(table, before, (size_t)bytes))
		return ERR_LIMIT;
	if (bytes > before) {
		take_spare(scratch, (size_t)bytes);
		if (!buf_try_reserve(&scratch->bytes, (size_t)bytes - before)) {
			count_bytes(table, (size_t)bytes, before);
			return ERR_MEMORY;
		}
		if (zeros_end > before)
			memset(scratch->bytes.data + before, 0, (size_t)(zeros_end - before));
	}
	scratch->bytes.length = (size_t)bytes;
	return OK;
}

bool scratch_is_in(const struct scratch *scratch, const struct place *dir)
{
	return scratch->dir.kind == dir->kind && scratch->dir.object_id == dir->object_id &&
	       scratch->dir.unique == dir->unique;
}

void scratch_link(struct scratch_table *table, struct scratch *scratch)
{
	pthread_mutex_lock(&table->lock);
	scratch->number = table->number_next++;
	scratch->next = table->first;
	scratch->linked = true;
	table->first = scratch;
	table->count++;
	pthread_mutex_unlock(&table->lock);
}

/* Off the list: no name leads to it any more. */
void scratch_unlink(struct scratch_table *table, struct scratch *scratch)
{
	bool was_linked;

	pthread_mutex_lock(&table->lock);
	was_linked = scratch->linked;
	scratch->linked = false;
	for (struct scratch **link = &table->first; was_linked && *link; link = &(*link)->next)
		if (*link == scratch) {
			*link = scratch->next;
			table->count--;
			break;
		}
	pthread_mutex_unlock(&table->lock);
	if (was_linked)
		scratch_unref(scratch);
}

/* With a reference of the caller's; NULL when there is none of that number. */
struct scratch *scratch_take(struct scratch_table *table, uint64_t number)
{
	struct scratch *scratch;

	pthread_mutex_lock(&table->lock);
	scratch = table->first;
	while (scratch && scratch->number != number)
		scratch = scratch->next;
	if (scratch)
		atomic_fetch_add(&scratch->references, 1);
	pthread_mutex_unlock(&table->lock);
	return scratch;
}

struct place scratch_place(const struct scratch *scratch)
{
	struct place place = scratch->dir;

	place.kind = scratch->is_directory ? KIND_SCRATCH_DIR : KIND_SCRATCH;
	if (!scratch->is_directory)
		place.object_id = 0;
	place.unique = scratch->number;
	return place;
}

/* Its name came, went or changed. A directory that is gone itself has no times. */
void scratch_touch_dir(const struct scratch *scratch)
{
	catalog_touch(scratch->mount->catalog, scratch->dir.object_id);
}

int scratch_find(struct mount *mount, const struct place *dir, struct slice name, struct place *out)
{
	struct scratch_table *table = mount->scratches;
	struct scratch *scratch;

	pthread_mutex_lock(&table->lock);
	scratch = table->first;
	while (scratch &&
	       !(scratch_is_in(scratch, dir) && slice_equal(slice_of_text(scratch->name), name)))
		scratch = scratch->next;
	if (scratch)
		*out = scratch_place(scratch);
	pthread_mutex_unlock(&table->lock);
	return scratch ? OK : ERR_NOT_FOUND;
}

int scratch_list(struct mount *mount, const struct place *dir, list_each *each, void *arg)
{
	struct scratch_table *table = mount->scratches;

	pthread_mutex_lock(&table->lock);
	for (struct scratch *scratch = table->first; scratch; scratch = scratch->next)
		if (scratch_is_in(scratch, dir)) {
			struct place place = scratch_place(scratch);

			each(arg, &place, slice_of_text(scratch->name));
		}
	pthread_mutex_unlock(&table->lock);
	return OK;
}

static void count_one(void *arg, const struct place *place, struct slice name)
{
	++*(size_t *)arg;
}

size_t scratch_count(struct mount *mount, const struct place *dir)
{
	size_t count = 0;

	scratch_list(mount, dir, count_one, &count);
	return count;
}
