/*
 * From memory into shards.
 *
 *	rotate the log ─► seal every dirty memtable ─► sync names and log, write the
 *	clock ─► encode and commit, a shard at a time, and let its memtable go ─►
 *	delete the log's older segments
 *
 * Sealing comes before the sync: rows go on coming after the rotation, and what is sealed has some
 * of them, with names and sequences that no sync before it covers. A shard that is durable while
 * those are not tells of series without a name, and of numbers that are given again.
 *
 * A group whose commit fails keeps its sealed memtable, and the log is not
 * trimmed; both are tried again. Rows of a series are written in chunks of up to
 * CHUNK_ROWS_MAX, split where a scratch file has a cut, so that no chunk holds
 * rows from both sides of a mask that may come. Rows that a mask of this very
 * memtable hides are left out.
 */
#include "engine/upkeep/flush.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/base/bits.h"
#include "engine/base/counters.h"
#include "engine/base/crash.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/read/row_text.h"
#include "engine/shard/store_files.h"

/* --- one series --------------------------------------------------------------------- */

/* Rows of a series with sequences in (after, until], sorted and merged, as columns. */
struct columns {
	struct arena arena;
	size_t row_count;
	int64_t *times_ns;
	struct chunk_write_column *columns;
	size_t column_count, column_capacity;
	uint64_t sequence_max;
};

/* Of most series all of it fits into one block, which the next one takes over. */
#define COLUMNS_BYTES ((size_t)64 << 10)

static void columns_reset(struct columns *columns)
{
	arena_reset(&columns->arena);
	*columns = (struct columns){ .arena = columns->arena };
}

static struct chunk_write_column *column_of(struct columns *columns,
					    const struct layout_field *field, size_t capacity)
{
	for (size_t i = 0; i < columns->column_count; i++)
		if (columns->columns[i].field_id == field->field_id)
			return &columns->columns[i];
	if (columns->column_count == columns->column_capacity) {
		size_t more = columns->column_capacity ? columns->column_capacity * 2 : 16;
		struct chunk_write_column *list =
			arena_need_raw(&columns->arena, more * sizeof(*list), 16);

		if (columns->column_count)
			memcpy(list, columns->columns, columns->column_count * sizeof(*list));
		columns->columns = list;
		columns->column_capacity = more;
	}
	struct chunk_write_column *column = &columns->columns[columns->column_count++];
	uint64_t *valid = arena_need_raw(&columns->arena, (capacity + 63) / 64 * 8, 16);

	memset(valid, 0, (capacity + 63) / 64 * 8);
	*column = (struct chunk_write_column){
		field->field_id, field->type,
		arena_need_raw(&columns->arena, capacity * sizeof(union value), 16), valid
	};
	return column;
}

static void put_row(struct columns *columns, size_t at, size_t capacity,
		    const struct captured_row *row)
{
	columns->times_ns[at] = row->time_ns;
	for (uint32_t i = 0; i < row->layout->field_count; i++) {
		/* Rows with one layout meet their columns in its order. */
		struct chunk_write_column *column =
			i < columns->column_count && columns->columns[i].field_id ==
							     row->layout->fields[i].field_id
				? &columns->columns[i]
				: column_of(columns, &row->layout->fields[i], capacity);

		((union value *)column->values)[at] = row->values[i];
		bit_set((uint64_t *)column->valid, at);
	}
}

static void gather_columns(struct columns *columns, const struct capture *capture,
			   const struct masks *masks)
{
	struct captured_row *rows =
		arena_need_raw(&columns->arena, capture->row_count * sizeof(*rows), 16);
	size_t kept = 0, at = 0;

	capture_rows(capture, rows);
	for (size_t i = 0; i < capture->row_count; i++)
		if (!masks_hide(masks, rows[i].time_ns, rows[i].sequence))
			rows[kept++] = rows[i];
	if (!capture->ascending)
		captured_rows_sort(rows, kept,
				   arena_need_raw(&columns->arena, kept * sizeof(*rows), 16));
	columns->times_ns = arena_need_raw(&columns->arena, kept * sizeof(*columns->times_ns), 16);
	for (size_t i = 0; i < kept; i++) {
		if (at && columns->times_ns[at - 1] == rows[i].time_ns)
			at--;
		put_row(columns, at++, kept, &rows[i]);
		if (rows[i].sequence > columns->sequence_max)
			columns->sequence_max = rows[i].sequence;
	}
	columns->row_count = at;
}

/* Pieces begin at whole words of the validity maps: CHUNK_ROWS_MAX is a multiple of 64. */
_Static_assert(CHUNK_ROWS_MAX % 64 == 0, "chunks begin at a word of a bit map");

static int add_chunks(struct shard_batch *batch, uint32_t series_id, struct columns *columns,
		      const struct row_text *text, int64_t mtime_ns)
{
	struct chunk_write_column *piece =
		arena_need_raw(&columns->arena, columns->column_count * sizeof(*piece), 16);

	for (size_t first = 0; first < columns->row_count; first += CHUNK_ROWS_MAX) {
		size_t rows = columns->row_count - first;

		if (rows > CHUNK_ROWS_MAX)
			rows = CHUNK_ROWS_MAX;
		for (size_t c = 0; c < columns->column_count; c++) {
			piece[c] = columns->columns[c];
			piece[c].values += first;
			piece[c].valid += first / 64;
		}
		TRY(shard_batch_add(
			batch, series_id,
			&(struct shard_rows){
				.row_count = rows,
				.times_ns = columns->times_ns + first,
				.columns = piece,
				.column_count = columns->column_count,
				.sequence_max = columns->sequence_max,
				.text_bytes = row_text_bytes(text, columns->times_ns + first, rows,
							     piece, columns->column_count),
				.mtime_ns = mtime_ns }));
	}
	return OK;
}

static void set_types(struct live_group *group, struct shard_batch *batch, uint32_t series_id,
		      const struct columns *columns)
{
	uint32_t measurement_id = index_series_measurement(group->index, series_id);

	for (size_t c = 0; c < columns->column_count; c++) {
		uint64_t key = shard_field_key(measurement_id, columns->columns[c].field_id);
		enum value_type stored;

		if (shard_field_type(live_group_shard(group, series_id), key, &stored) == OK &&
		    stored == VALUE_NONE)
			shard_batch_set_type(batch, key, columns->columns[c].type);
	}
}

/* What is written with a group, taken under its lock. */
struct sealed {
	struct live_group *group;
	struct memtable *memtable;
	uint64_t generation;
	uint64_t *cuts;
	size_t cut_count;
	struct row_text *text;
	struct columns *columns; /* of the series that is written now */
};

static int add_range(const struct sealed *sealed, struct shard_batch *batch, uint32_t series_id,
		     uint64_t after, uint64_t until, const struct masks *masks, int64_t mtime_ns)
{
	struct columns *columns = sealed->columns;
	struct capture capture;
	int err = OK;

	memtable_capture(sealed->memtable, series_id, after, until, &capture);
	columns_reset(columns);
	if (capture.row_count)
		gather_columns(columns, &capture, masks);
	if (columns->row_count) {
		set_types(sealed->group, batch, series_id, columns);
		row_text_set(sealed->text, sealed->group->index, series_id);
		err = add_chunks(batch, series_id, columns, sealed->text, mtime_ns);
	}
	capture_release(&capture);
	return err;
}

/* The sealed memtable is not added to any more, so it is read without the lock. */
static int add_series(const struct sealed *sealed, struct shard_batch *batch, uint32_t series_id)
{
	struct memtable_info info;
	struct masks masks = { 0 };
	uint64_t after = 0;
	int err = OK;

	if (!memtable_info(sealed->memtable, series_id, UINT64_MAX, &info))
		return OK;
	memtable_masks(sealed->memtable, series_id, UINT64_MAX, &masks);
	for (size_t i = 0; err == OK && i < sealed->cut_count; i++) {
		err = add_range(sealed, batch, series_id, after, sealed->cuts[i], &masks,
				info.mtime_ns);
		after = sealed->cuts[i];
	}
	if (err == OK)
		err = add_range(sealed, batch, series_id, after, UINT64_MAX, &masks, info.mtime_ns);
	for (size_t i = 0; i < masks.count; i++)
		shard_batch_mask(
			batch, &(struct shard_mask){ series_id, masks.items[i].time_first_ns,
						     masks.items[i].time_last_ns,
						     masks.items[i].sequence, sealed->generation });
	if (info.mtime_ns != MTIME_NONE)
		shard_batch_set_mtime(batch, series_id, info.mtime_ns, info.ctime_ns);
	masks_release(&masks);
	return err;
}

/* --- one group ------------------------------------------------------------------------- */

/* What a shard says of a field whose type was forgotten since: a start asks the shard. */
static int change_types(const struct live_group *group, struct shard *shard,
			struct shard_batch *batch)
{
	uint64_t key;
	uint32_t type;

	for (size_t i = 0; idmap_next(&group->sealed_types, &i, &key, &type);) {
		enum value_type stored;

		TRY(shard_field_type(shard, key, &stored));
		if (type != VALUE_NONE && stored != VALUE_NONE && stored != type)
			shard_batch_change_type(batch, key, (enum value_type)type);
	}
	return OK;
}

static int flush_shard(const struct sealed *sealed, uint32_t number, const uint32_t *ids,
		       size_t count)
{
	struct shard *shard = sealed->group->shards[number];
	struct shard_batch *batch;
	int err = shard_batch_begin(shard, sealed->generation, &batch);

	/* number_generation() saw to it that nothing else can be there. */
	if (err == ERR_EXISTS && sealed->group->sealed_was_tried)
		return OK;
	if (err < 0)
		return err;
	for (size_t i = 0; err == OK && i < count; i++)
		if (live_group_shard_number(sealed->group, ids[i]) == number)
			err = add_series(sealed, batch, ids[i]);
	if (err == OK)
		err = change_types(sealed->group, shard, batch);
	if (err < 0) {
		shard_batch_abandon(batch);
		return err;
	}
	counter_add(COUNTER_FLUSH_BYTES, shard_batch_bytes(batch));
	TRY(shard_batch_commit(batch, sealed->generation));
	crash_at(CRASH_FLUSH_SHARD_WRITTEN);
	return OK;
}

/* The newest generation that any shard of the group has. */
static int newest_generation(const struct live_group *group, uint64_t *newest)
{
	*newest = 0;
	for (uint32_t i = 0; i < group->shard_count; i++) {
		uint64_t generation;

		TRY(shard_newest(group->shards[i], &generation));
		if (generation > *newest)
			*newest = generation;
	}
	return OK;
}

/*
 * A generation is greater than all that the group's shards have. It is, unless the numbers of
 * an earlier run were lost: then it is raised, and with it the log's. What was tried before has
 * its number, under which a part of it may be there.
 */
static int number_generation(struct sealed *sealed)
{
	struct live_group *group = sealed->group;
	uint64_t newest;

	if (group->sealed_was_tried)
		return OK;
	TRY(newest_generation(group, &newest));
	if (newest > sealed->generation)
		log_warning("shard group %u holds generation %llu, and the log is at %llu: it goes "
			    "on behind that",
			    group->id, (unsigned long long)newest,
			    (unsigned long long)sealed->generation);
	/* Equal: a crash came before the log was trimmed, and its rows are here once more. */
	if (newest >= sealed->generation) {
		sealed->generation = newest + 1;
		wal_pass(group->engine->wal, sealed->generation);
		TRY(arrivals_write(group->engine));
		pthread_mutex_lock(&group->lock);
		group->sealed_generation = sealed->generation;
		pthread_mutex_unlock(&group->lock);
	}
	group->sealed_was_tried = true;
	assert(sealed->generation > newest); /* I12: no shard of the group has it yet … */
	assert(wal_sequence(group->engine->wal) >= sealed->generation); /* … and the log tells it */
	return OK;
}

static int flush_group(struct sealed *sealed)
{
	uint32_t *ids;
	size_t count;

	TRY(number_generation(sealed));
	TRY(memtable_series(sealed->memtable, &ids, &count));
	int err = OK;
	for (uint32_t i = 0; err == OK && i < sealed->group->shard_count; i++)
		err = flush_shard(sealed, i, ids, count);
	free(ids);
	return err;
}

/*
 * The types of the very rows that are sealed: those of later rows are in the log alone, and may be
 * lost with them.
 */
static void seal_types(struct live_group *group)
{
	uint64_t key;
	uint32_t type;

	idmap_release(&group->sealed_types);
	for (size_t i = 0; group->is_retyped && idmap_next(&group->types, &i, &key, &type);)
		idmap_set(&group->sealed_types, key, type);
}

/* False: there is nothing to write. A memtable that could not be written before comes first. */
static bool seal(struct live_group *group, struct sealed *out)
{
	pthread_mutex_lock(&group->lock);
	if (!group->sealed && !memtable_is_empty(group->active)) {
		group->sealed = group->active;
		group->sealed_generation = wal_sequence(group->engine->wal);
		group->sealed_was_tried = false;
		seal_types(group);
		group->active = memtable_new();
	}
	bool any = group->sealed && !group->dropped;
	if (any) {
		*out = (struct sealed){ .group = group,
					.memtable = memtable_ref(group->sealed),
					.generation = group->sealed_generation };
		out->cuts = cuts_copy(&group->cuts, &out->cut_count);
	}
	pthread_mutex_unlock(&group->lock);
	return any;
}

static void unseal(struct sealed *sealed)
{
	struct live_group *group = sealed->group;

	pthread_mutex_lock(&group->lock);
	struct memtable *memtable = group->sealed;
	group->sealed = NULL;
	group->flushed_generation = sealed->generation;
	if (!group->dropped) /* else the drop did */
		budget_give(&group->engine->budget, memtable_bytes(memtable));
	pthread_mutex_unlock(&group->lock);
	memtable_release(memtable);
	crash_at(CRASH_FLUSH_LET_GO);
}

static int flush_one(struct sealed *sealed)
{
	struct row_text text = { 0 };
	struct columns columns = { 0 };

	sealed->text = &text;
	sealed->columns = &columns;
	arena_begin(&columns.arena, COLUMNS_BYTES);
	int err = flush_group(sealed);
	if (err == ERR_STALE) /* dropped: its rows go with it */
		err = OK;
	if (err == OK)
		unseal(sealed);
	else
		log_warning("shard group %u could not be written, it stays in memory and in the "
			    "log: %s",
			    sealed->group->id, err_text(err));
	row_text_release(&text);
	arena_release(&columns.arena);
	return err;
}

/* --- all of them ------------------------------------------------------------------------- */

static bool left_behind(struct live_group *group)
{
	pthread_mutex_lock(&group->lock);
	bool left = group->sealed && !group->dropped;
	pthread_mutex_unlock(&group->lock);
	return left;
}

/* Groups that are sealed, and whether some were so before: of those newer rows stay in memory. */
struct sealed_groups {
	struct live_group **groups;
	size_t group_count;
	struct sealed *items;
	size_t count;
	bool left_behind;
};

/* Every group gets a new memtable before anything is synced; see the head of this file. */
static void seal_all(struct engine *engine, struct sealed_groups *out)
{
	*out = (struct sealed_groups){ 0 };
	live_groups_all(engine, &out->groups, &out->group_count);
	out->items = malloc((out->group_count + 1) * sizeof(*out->items));
	if (!out->items)
		log_out_of_memory(out->group_count * sizeof(*out->items));
	for (size_t i = 0; i < out->group_count; i++) {
		out->left_behind |= left_behind(out->groups[i]);
		if (seal(out->groups[i], &out->items[out->count])) {
			out->count++;
			crash_at(CRASH_FLUSH_SEALED);
		}
	}
}

static void sealed_groups_release(struct sealed_groups *sealed)
{
	for (size_t i = 0; i < sealed->count; i++) {
		memtable_release(sealed->items[i].memtable);
		free(sealed->items[i].cuts);
	}
	free(sealed->items);
	live_groups_release(sealed->groups, sealed->group_count);
}

/* Write all that are sealed; the error of the last that could not be. */
static int flush_sealed(const struct sealed_groups *sealed)
{
	int err = OK;

	for (size_t i = 0; i < sealed->count; i++) {
		int failed = flush_one(&sealed->items[i]);

		if (failed < 0)
			err = failed;
	}
	return err;
}

/*
 * From here on nothing of what is sealed needs anything that a power cut could take: I11, I12.
 * Later rows may come meanwhile, and are in the next memtable.
 */
static int make_ready(struct engine *engine)
{
	TRY(engine_sync(engine));
	crash_at(CRASH_FLUSH_NAMES_SYNCED);
	TRY(arrivals_write(engine));
	crash_at(CRASH_FLUSH_CLOCK_WRITTEN);
	return OK;
}

/* Is a sealed memtable in its shards, or its group dropped? Then nothing needs its log any more. */
static bool is_let_go(const struct sealed *sealed)
{
	struct live_group *group = sealed->group;

	pthread_mutex_lock(&group->lock);
	bool is_gone = group->sealed != sealed->memtable || group->dropped;
	pthread_mutex_unlock(&group->lock);
	return is_gone;
}

static int flush_once(struct engine *engine, bool *left)
{
	struct sealed_groups sealed;

	seal_all(engine, &sealed);
	int err = make_ready(engine);
	if (err == OK)
		err = flush_sealed(&sealed);
	for (size_t i = 0; err == OK && i < sealed.count; i++)
		assert(is_let_go(&sealed.items[i])); /* I3: the log may be trimmed up to here */
	*left = sealed.left_behind;
	sealed_groups_release(&sealed);
	return err;
}

static int flush_groups(struct engine *engine)
{
	bool left;

	TRY(flush_once(engine, &left));
	/* The memtables that an earlier flush had left are in shards: now seal the rows that came
	 * since. */
	return left ? flush_once(engine, &left) : OK;
}

/* I3: the segments before `segment` go once everything in them is in shards. */
static int flush_and_trim(struct engine *engine)
{
	uint64_t segment;

	TRY(wal_rotate(engine->wal, &segment));
	crash_at(CRASH_FLUSH_ROTATED);
	TRY(flush_groups(engine));
	crash_at(CRASH_FLUSH_WRITTEN);
	TRY(wal_trim(engine->wal, segment));
	crash_at(CRASH_FLUSH_TRIMMED);
	return OK;
}

int engine_sync(struct engine *engine)
{
	/* I11: a record that is durable has its names. */
	TRY(names_sync(&engine->names));
	return wal_sync(engine->wal);
}

int engine_flush(struct engine *engine)
{
	if (engine->options.read_only)
		return OK;
	pthread_mutex_lock(&engine->flusher.lock);
	int err = flush_and_trim(engine);
	if (err == OK)
		space_flushed(&engine->space);
	pthread_mutex_unlock(&engine->flusher.lock);
	counter_add(COUNTER_FLUSHES, err == OK);
	budget_flushed(&engine->budget, err);
	return err;
}

void flush_hold_off(struct engine *engine)
{
	pthread_mutex_lock(&engine->flusher.lock);
}

void flush_let_on(struct engine *engine)
{
	pthread_mutex_unlock(&engine->flusher.lock);
}

/* --- the end of a run ------------------------------------------------------------------------ */

/* A flush of so many groups takes a tenth of a second on a disk that syncs in 3 ms. */
#define DIRTY_GROUPS_FEW 8

static size_t count_dirty(struct engine *engine)
{
	struct live_group **groups;
	size_t count, dirty = 0;

	live_groups_all(engine, &groups, &count);
	for (size_t i = 0; i < count; i++) {
		pthread_mutex_lock(&groups[i]->lock);
		dirty += groups[i]->sealed || !memtable_is_empty(groups[i]->active);
		pthread_mutex_unlock(&groups[i]->lock);
	}
	live_groups_release(groups, count);
	return dirty;
}

/* A log that has lost records tells so at each start, until a flush has trimmed it. */
static bool may_stay(struct engine *engine)
{
	return !engine->recovered.log_missing && wal_is_short(engine->wal) &&
	       count_dirty(engine) > DIRTY_GROUPS_FEW;
}

void flush_mark_log(struct engine *engine, uint64_t sequence)
{
	store_mark(path_top(engine->directory.path, TOP_WAL).text, sequence);
}

static int keep(struct engine *engine)
{
	TRY(engine_sync(engine));
	flush_mark_log(engine, wal_sequence(engine->wal));
	flush_hold_off(engine);
	int err = arrivals_write_beside_log(engine);
	flush_let_on(engine);
	return err;
}

int flush_or_keep(struct engine *engine)
{
	if (engine->options.read_only)
		return OK;
	return may_stay(engine) ? keep(engine) : engine_flush(engine);
}
