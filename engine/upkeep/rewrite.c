/*
 * One shard written anew: every series in full chunks, merged, nothing masked.
 *
 *	shard/12.0		generations 1 … G; goes on being read and flushed to
 *	shard/12.0.tmp		all rows up to G, as one settled generation G
 *	  + what was flushed meanwhile (flushes are held off), then
 *	shard/12.0.tmp -> 12.0.new	whole
 *	shard/12.0     -> trash/	until its last reader is done
 *	shard/12.0.new -> 12.0
 *
 * Wherever a crash falls, cold_recover() finds 12.0, or a 12.0.new that is whole.
 *
 * Masks end here: no row they hide is left. What is known of a series as text holds on: its
 * chunks carry the last sequence that changed it, be it a mask's, and the masks that ended
 * are counted on.
 */
#include "engine/upkeep/rewrite.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/bits.h"
#include "engine/base/counters.h"
#include "engine/base/crash.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/read/row_text.h"
#include "engine/read/scan.h"
#include "engine/read/view.h"
#include "engine/upkeep/flush.h"

/* Values of the rows that wait for a chunk: with many fields chunks have fewer rows. */
#define PENDING_VALUES_MAX ((size_t)4 << 20)
/* A shard with fewer new rows than this share of the settled ones is left alone. */
#define WORTH_SHARE 16

/* What LevelDB takes besides for its log. */
#define LOG_BYTES_MIN ((uint64_t)64 << 10)
#define LOG_BYTES_MAX ((uint64_t)4 << 20)

struct pending_column {
	enum value_type type; /* VALUE_NONE: no row has it yet */
	size_t count;
	union value *values;
	uint64_t *valid;
};

/* Rows of one series on their way into a chunk. */
struct pending {
	size_t row_count, row_max;
	size_t row_target; /* a chunk is written when so many wait */
	int64_t *times_ns;
	const uint32_t *field_ids;	/* by name */
	struct pending_column *columns; /* one each */
	size_t column_count;
	struct arena arena; /* all the above */
	struct arena texts; /* what the values point at */
	struct arena spare; /* empty: takes the strings of rows that stay when a chunk is written */
	struct chunk_write_column *chunk_columns;
};

struct rewrite {
	struct live_group *group;
	uint32_t number;
	struct shard *from;
	struct shard_version *version; /* of `from` */
	uint64_t generation;
	struct shard_batch *batch;
	struct pending pending;
	struct row_text text;
	struct view view;      /* of `version` alone */
	uint32_t series_id;    /* at hand */
	uint64_t sequence_max; /* of it */
	int64_t mtime_ns;      /* of it */
	struct path path, tmp, new, trash;
};

/* --- rows into chunks -------------------------------------------------------------- */

/*
 * Chunks of about the same size rather than full ones and a rest: a sixteenth more than that is
 * waited for, so that a chunk may end where the clock wants it.
 */
static size_t row_target(size_t row_max, size_t row_total)
{
	size_t most = row_max - row_max / 16, chunks = (row_total + most - 1) / most;
	size_t rows = chunks ? (row_total + chunks - 1) / chunks : 0;

	return chunks > 1 ? rows + rows / 16 : row_max;
}

static void pending_begin(struct pending *pending, const uint32_t *field_ids, size_t field_count,
			  size_t row_total)
{
	size_t rows = PENDING_VALUES_MAX / (field_count + 1) / VECTOR_ROWS * VECTOR_ROWS;

	arena_reset(&pending->arena);
	arena_reset(&pending->texts);
	pending->row_count = 0;
	pending->row_max = rows > CHUNK_ROWS_MAX ? CHUNK_ROWS_MAX : rows ? rows : VECTOR_ROWS;
	pending->row_target = row_target(pending->row_max, row_total);
	pending->times_ns = arena_need(&pending->arena, pending->row_max * sizeof(int64_t));
	pending->field_ids = field_ids;
	pending->column_count = field_count;
	pending->columns = arena_need(&pending->arena, field_count * sizeof(*pending->columns));
	pending->chunk_columns =
		arena_need(&pending->arena, field_count * sizeof(*pending->chunk_columns));
}

static size_t list_columns(const struct pending *pending)
{
	size_t count = 0;

	for (size_t i = 0; i < pending->column_count; i++) {
		const struct pending_column *column = &pending->columns[i];

		if (column->count)
			pending->chunk_columns[count++] = (struct chunk_write_column){
				pending->field_ids[i], column->type, column->values,
				column->count < pending->row_count ? column->valid : NULL
			};
	}
	return count;
}

static void put_value(struct pending_column *column, size_t row, union value value,
		      struct arena *texts)
{
	if (column->type == VALUE_STRING)
		value.s = text_copy(texts, text_slice(value.s));
	column->values[row] = value;
	bit_set(column->valid, row);
	column->count++;
}

/*
 * Shift rows [first, row_count) to 0. `first` is at least 64, so that bits can be copied word by
 * word in place.
 */
static void keep_column(struct pending *pending, struct pending_column *column, size_t first)
{
	assert(first >= 64 || first == pending->row_count);
	column->count = 0;
	for (size_t row = first; row < pending->row_count; row++) {
		bool has = bit_is_set(column->valid, row);

		if ((row - first) % 64 == 0)
			column->valid[(row - first) / 64] = 0;
		if (has)
			put_value(column, row - first, column->values[row], &pending->spare);
	}
	for (size_t word = (pending->row_count - first + 63) / 64; word < pending->row_max / 64;
	     word++)
		column->valid[word] = 0;
}

static void keep_rows(struct pending *pending, size_t first)
{
	struct arena texts = pending->texts;

	for (size_t i = 0; i < pending->column_count; i++)
		if (pending->columns[i].type != VALUE_NONE)
			keep_column(pending, &pending->columns[i], first);
	memmove(pending->times_ns, pending->times_ns + first,
		(pending->row_count - first) * sizeof(int64_t));
	pending->row_count -= first;
	pending->texts = pending->spare;
	pending->spare = texts;
	arena_reset(&pending->spare);
}

/* The first rows as a chunk; the others stay. */
static int write_chunk(struct rewrite *rewrite, size_t row_count)
{
	struct pending *pending = &rewrite->pending;

	if (row_count == 0)
		return OK;
	size_t count = list_columns(pending);
	TRY(shard_batch_add(rewrite->batch, rewrite->series_id,
			    &(struct shard_rows){ .row_count = row_count,
						  .times_ns = pending->times_ns,
						  .columns = pending->chunk_columns,
						  .column_count = count,
						  .sequence_max = rewrite->sequence_max,
						  .text_bytes = row_text_bytes(
							  &rewrite->text, pending->times_ns,
							  row_count, pending->chunk_columns, count),
						  .mtime_ns = rewrite->mtime_ns }));
	keep_rows(pending, row_count);
	return OK;
}

/*
 * Where to end a chunk: where a slot of the clock ends that cells may have (summary.h), so that
 * no window of that length has parts in two chunks. All rows when there is no such place behind
 * seven eighths of them.
 */
static size_t rows_to_write(const struct pending *pending)
{
	for (size_t i = CELL_WIDTHS; i-- > 0;) {
		size_t row =
			slot_first_row(pending->times_ns, pending->row_count, cell_widths_s[i]);

		if (row > pending->row_count - pending->row_count / 8)
			return row;
	}
	return pending->row_count;
}

static bool has_any(const struct batch_column *column, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (column_has(column, first + i))
			return true;
	return false;
}

static void take_column(struct pending *pending, struct pending_column *to,
			const struct batch_column *from, size_t first, size_t count)
{
	/* Rows whose values are all deleted may have had another type (I15). */
	if (from->type == VALUE_NONE || (to->type != from->type && !has_any(from, first, count)))
		return;
	if (to->type == VALUE_NONE) {
		to->type = from->type;
		to->values = arena_need(&pending->arena, pending->row_max * sizeof(*to->values));
		to->valid = arena_need(&pending->arena, pending->row_max / 8);
	}
	assert(to->type == from->type);
	for (size_t i = 0; i < count; i++) {
		if (column_has(from, first + i))
			put_value(to, pending->row_count + i, from->values[first + i],
				  &pending->texts);
	}
}

static int take_slab(struct rewrite *rewrite, const struct slab *slab)
{
	struct pending *pending = &rewrite->pending;

	for (size_t first = 0; first < slab->row_count;) {
		size_t count = slab->row_count - first;

		if (count > pending->row_target - pending->row_count)
			count = pending->row_target - pending->row_count;
		memcpy(pending->times_ns + pending->row_count, slab->times_ns + first,
		       count * sizeof(int64_t));
		for (size_t i = 0; i < pending->column_count; i++)
			take_column(pending, &pending->columns[i], &slab->columns[i], first, count);
		pending->row_count += count;
		first += count;
		if (pending->row_count == pending->row_target)
			TRY(write_chunk(rewrite, rows_to_write(pending)));
	}
	return OK;
}

/* --- a series ------------------------------------------------------------------------ */

/* The last sequence that changed the series, and its rows, masked and merged ones included. */
static uint64_t last_change(const struct shard_version *version, uint32_t series_id, size_t *rows)
{
	const struct shard_mask *masks;
	struct chunk_refs refs = { 0 };
	uint64_t last = 0;
	size_t count;

	*rows = 0;
	shard_version_chunks(version, series_id, &refs);
	for (size_t i = 0; i < refs.count; i++) {
		last = refs.items[i].sequence_max > last ? refs.items[i].sequence_max : last;
		*rows += refs.items[i].row_count;
	}
	chunk_refs_release(&refs);
	shard_version_masks(version, series_id, &masks, &count);
	for (size_t i = 0; i < count; i++)
		last = masks[i].sequence > last ? masks[i].sequence : last;
	return last;
}

static int copy_rows(struct rewrite *rewrite)
{
	struct scan_spec spec = { .view = &rewrite->view,
				  .series_id = rewrite->series_id,
				  .field_ids = rewrite->text.field_ids,
				  .field_count = rewrite->text.field_count,
				  .time_first_ns = INT64_MIN,
				  .time_last_ns = INT64_MAX };
	struct scan *scan;
	struct slab slab;
	int err;

	TRY(scan_open(&spec, &scan));
	while ((err = scan_next(scan, &slab)) == OK && (err = take_slab(rewrite, &slab)) == OK)
		;
	scan_close(scan);
	return err < 0 ? err : write_chunk(rewrite, rewrite->pending.row_count);
}

static int copy_series(struct rewrite *rewrite, uint32_t series_id)
{
	struct index *index = rewrite->group->index;
	struct row_text *text = &rewrite->text;
	int64_t ctime_ns = 0;
	size_t row_total;

	row_text_set(text, index, series_id);
	rewrite->series_id = series_id;
	rewrite->sequence_max = last_change(rewrite->version, series_id, &row_total);
	rewrite->mtime_ns = 0;
	shard_version_mtime(rewrite->version, series_id, &rewrite->mtime_ns, &ctime_ns);
	pending_begin(&rewrite->pending, text->field_ids, text->field_count, row_total);
	int err = copy_rows(rewrite);
	if (err == OK && ctime_ns != rewrite->mtime_ns)
		shard_batch_set_mtime(rewrite->batch, series_id, rewrite->mtime_ns, ctime_ns);
	return err;
}

static bool must_stop(const struct live_group *group)
{
	return atomic_load(&group->dropped) || atomic_load(&group->engine->rewriter.is_stopping);
}

static int copy_all(struct rewrite *rewrite)
{
	uint32_t *ids;
	size_t count;
	int err = shard_batch_copy_types(rewrite->batch, rewrite->from);

	shard_version_series(rewrite->version, rewrite->generation, &ids, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		err = must_stop(rewrite->group) ? ERR_CANCELLED : copy_series(rewrite, ids[i]);
	free(ids);
	return err;
}

/* --- the new directory ----------------------------------------------------------------- */

static int write_tmp(struct rewrite *rewrite, struct shard *to)
{
	uint64_t sequence_flushed;

	TRY(shard_sequence_flushed(rewrite->from, &sequence_flushed));
	if (sequence_flushed > rewrite->generation)
		sequence_flushed = rewrite->generation;
	TRY(shard_batch_begin(to, rewrite->generation, &rewrite->batch));
	shard_batch_settle(rewrite->batch);
	int err = copy_all(rewrite);
	if (err < 0) {
		shard_batch_abandon(rewrite->batch);
		return err;
	}
	uint64_t bytes = shard_batch_bytes(rewrite->batch);
	TRY(shard_batch_commit(rewrite->batch, sequence_flushed));
	crash_at(CRASH_REWRITE_TMP_WRITTEN);
	counter_add(COUNTER_REWRITE_BYTES, bytes);
	return OK;
}

/* Can it be read, all of it? Costs what the first query after the swap would pay. */
static int check_whole(struct rewrite *rewrite)
{
	struct shard *shard = shard_open(rewrite->group->engine->shard_env, rewrite->tmp.text);
	struct shard_version *version, *now;
	int err = shard_version_acquire(shard, &version);

	if (err == OK) {
		err = shard_version_acquire(rewrite->from, &now);
		if (err == OK) {
			if (shard_version_generation(now) != shard_version_generation(version))
				err = ERR_CORRUPT;
			shard_version_release(now);
		}
		shard_version_release(version);
	}
	shard_close(shard);
	return err;
}

/*
 * Two names change. When the second cannot, the first is taken back; when that cannot either, the
 * old one lies in the trash, which the next start empties: then the new one is the shard where it
 * is, and the next start names it (cold_recover).
 */
static int swap_directories(struct rewrite *rewrite)
{
	if (env_exists(rewrite->new.text)) /* of an earlier one: the shard itself, or left over */
		TRY(env_exists(rewrite->path.text)
			    ? env_remove_tree(rewrite->new.text)
			    : shard_rename(rewrite->from, rewrite->path.text));
	TRY(env_rename(rewrite->tmp.text, rewrite->new.text));
	crash_at(CRASH_REWRITE_NEW_NAMED);
	/* I8: from here on the shard may lose its name, since `.new` is whole and the only other
	 * one. */
	assert(env_exists(rewrite->new.text));
	int err = shard_rename(rewrite->from, rewrite->trash.text);
	if (err == OK) {
		crash_at(CRASH_REWRITE_OLD_MOVED);
		err = env_rename(rewrite->new.text, rewrite->path.text);
		if (err < 0 && shard_rename(rewrite->from, rewrite->path.text) < 0) {
			log_error("%s keeps that name until the next start", rewrite->new.text);
			rewrite->path = rewrite->new;
			err = OK;
		}
	}
	if (err < 0) {
		env_remove_tree(rewrite->new.text);
		return err;
	}
	crash_at(CRASH_REWRITE_SWAPPED);
	struct path parent = path_top(rewrite->group->engine->directory.path, TOP_SHARD);
	err = env_sync_dir(parent.text);
	if (err < 0)
		log_warning("%s: %s", parent.text, err_text(err)); /* either name is whole */
	return OK;
}

static int install(struct rewrite *rewrite)
{
	struct engine *engine = rewrite->group->engine;

	TRY(check_whole(rewrite));
	TRY(swap_directories(rewrite));
	struct shard *to = shard_open(engine->shard_env, rewrite->path.text);
	shard_settle_masks(to, rewrite->version);
	int err = view_replace_shard(rewrite->group, rewrite->number, to, rewrite->generation);
	if (err < 0) { /* dropped meanwhile, and what was dropped is the old one */
		struct path dropped = path_trash_shard(engine->directory.path, rewrite->group->id,
						       rewrite->number);

		rewrite->trash = path_with(dropped.text, ".new");
		if (shard_move(to, rewrite->trash.text) == OK)
			live_group_delete_with(rewrite->group, to, rewrite->trash.text);
		shard_close(to);
		return err;
	}
	crash_at(CRASH_REWRITE_INSTALLED);
	live_group_delete_with(rewrite->group, rewrite->from, rewrite->trash.text);
	return OK;
}

static int run(struct rewrite *rewrite)
{
	struct engine *engine = rewrite->group->engine;
	struct shard *to;
	int err;

	TRY(env_remove_tree(rewrite->tmp.text));
	to = shard_open(engine->shard_env, rewrite->tmp.text);
	err = write_tmp(rewrite, to);
	if (err < 0) {
		shard_close(to);
		return err;
	}
	flush_hold_off(engine);
	err = shard_copy_after(rewrite->from, to, rewrite->generation);
	shard_close(to);
	if (err == OK) {
		crash_at(CRASH_REWRITE_TAIL_COPIED);
		err = install(rewrite);
	}
	flush_let_on(engine);
	return err;
}

/* --- whether ------------------------------------------------------------------------------ */

static bool has_old_mask(struct memtable *memtable, uint64_t generation)
{
	uint32_t *ids;
	size_t count;
	bool found = false;

	if (!memtable)
		return false;
	if (memtable_series(memtable, &ids, &count) < 0)
		return true; /* it waits */
	for (size_t i = 0; i < count; i++) {
		struct masks masks = { 0 };

		memtable_masks(memtable, ids[i], UINT64_MAX, &masks);
		for (size_t k = 0; k < masks.count; k++)
			found |= masks.items[k].sequence < generation;
		masks_release(&masks);
	}
	free(ids);
	return found;
}

/*
 * May rows up to the generation lie in one chunk? Not while a mask may come, or waits in
 * memory, that is to hide some of them by their sequence: a scratch file's.
 */
static bool may_merge(struct live_group *group, uint64_t generation)
{
	bool may;

	pthread_mutex_lock(&group->lock);
	may = !cuts_before(&group->cuts, generation) && !has_old_mask(group->sealed, generation) &&
	      !has_old_mask(group->active, generation);
	pthread_mutex_unlock(&group->lock);
	return may;
}

static bool is_worth(const struct shard_version *version, bool force, struct shard_totals *totals)
{
	if (shard_version_generation(version) == 0 || shard_version_is_settled(version))
		return false;
	shard_version_totals(version, totals);
	return force || totals->masks ||
	       totals->rows - totals->settled_rows > totals->settled_rows / WORTH_SHARE;
}

struct staying {
	const struct shard_version *version;
	uint64_t bytes;
};

/* A chunk that no single mask covers whole. */
static int add_staying(void *arg, const struct chunk_ref *ref)
{
	struct staying *staying = arg;
	const struct shard_mask *masks;
	size_t count;

	shard_version_masks(staying->version, ref->series_id, &masks, &count);
	for (size_t i = 0; i < count; i++)
		if (masks[i].sequence >= ref->sequence_max &&
		    masks[i].time_first_ns <= ref->time_first_ns &&
		    masks[i].time_last_ns >= ref->time_last_ns)
			return OK;
	staying->bytes += ref->bytes;
	return OK;
}

/* On a full disk as well deleting must give room: what goes needs none. */
static bool has_room(struct rewrite *rewrite, const struct shard_totals *totals)
{
	struct engine *engine = rewrite->group->engine;
	struct staying staying = { .version = rewrite->version };

	shard_version_each(rewrite->version, add_staying, &staying);
	uint64_t log_bytes = staying.bytes + LOG_BYTES_MIN;
	uint64_t bytes = staying.bytes + staying.bytes / 4 +
			 (log_bytes < LOG_BYTES_MAX ? log_bytes : LOG_BYTES_MAX);

	return totals->bytes - staying.bytes > bytes ? space_has_to_shrink(&engine->space, bytes)
						     : space_has(&engine->space, bytes);
}

static int begin(struct rewrite *rewrite, bool force)
{
	struct live_group *group = rewrite->group;
	struct shard_totals totals;

	if (!is_worth(rewrite->version, force, &totals))
		return END;
	rewrite->generation = shard_version_generation(rewrite->version);
	if (!may_merge(group, rewrite->generation))
		return ERR_BUSY;
	return has_room(rewrite, &totals) ? OK : ERR_SPACE;
}

static void name_paths(struct rewrite *rewrite)
{
	struct live_group *group = rewrite->group;

	rewrite->path = live_group_shard_path(group, rewrite->number);
	rewrite->tmp = path_with(rewrite->path.text, ".tmp");
	rewrite->new = path_with(rewrite->path.text, ".new");
	rewrite->trash = path_trash_rewritten(group->engine->directory.path, group->id,
					      rewrite->number, rewrite->generation);
}

/* A view that has this one version and no memory of points. */
static void view_of_version(struct rewrite *rewrite)
{
	struct view *view = &rewrite->view;

	view_init(view, rewrite->group, rewrite->generation);
	memtable_release(view->active);
	memtable_release(view->sealed);
	view->active = memtable_new();
	view->sealed = NULL;
	view->sequence = rewrite->generation;
}

int rewrite_shard(struct live_group *group, uint32_t number, bool force)
{
	struct rewrite *rewrite = calloc(1, sizeof(*rewrite));
	int err;

	if (!rewrite)
		return ERR_MEMORY;
	rewrite->group = group;
	rewrite->number = number;
	rewrite->from = live_group_shard_reference(group, number);
	err = shard_version_acquire(rewrite->from, &rewrite->version);
	if (err == OK) {
		err = begin(rewrite, force);
		if (err == OK) {
			name_paths(rewrite);
			view_of_version(rewrite);
			err = run(rewrite);
			view_release(&rewrite->view);
			env_remove_tree(rewrite->tmp.text);
			counter_add(COUNTER_REWRITES, err == OK);
		}
		shard_version_release(rewrite->version);
	}
	shard_close(rewrite->from);
	arena_release(&rewrite->pending.arena);
	arena_release(&rewrite->pending.texts);
	arena_release(&rewrite->pending.spare);
	row_text_release(&rewrite->text);
	free(rewrite);
	return err == END ? OK : err;
}
