/*
 * Writes a damaged shard anew out of what can be read of it. Why: where
 * one block is damaged, all others of the shard are worth having.
 *
 * One pass over the pairs in the order of their keys: of a generation first the small records, then
 * the head, then the packs, whose chunks go into a batch of the same generation as they are
 * decoded.
 */
#include "engine/check/salvage.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/directory/paths.h"
#include "engine/read/row_text.h"
#include "engine/shard/shard_record.h"
#include "engine/shard/store.h"
#include "engine/shard/store_files.h"

/* A chunk that the directory tells of, and where. */
struct told_chunk {
	struct chunk_entry entry;
	uint32_t pack;
	uint64_t offset;
	bool is_saved;
};

struct salvage {
	struct salvage_report *report;
	struct index *index;
	struct shard *to;
	/* the generation that is being read */
	uint64_t generation;
	bool begun, has_head;
	bool any_before; /* generations */
	uint32_t series_last;
	struct record_head head, seen;
	struct buf told;    /* of struct told_chunk, by pack */
	struct buf records; /* of struct kept_record: types, masks, stamps */
	struct shard_batch *batch;
	struct chunk_data data;
	struct row_text text;
};

struct kept_record {
	enum record_kind kind;
	uint64_t field_key;
	enum value_type type;
	struct shard_mask mask;
	struct series_stamp stamp;
};

static void tell(struct salvage *salvage, const char *text)
{
	salvage->report->records_lost++;
	salvage->report->tell(salvage->report->arg, text);
}

static struct told_chunk *told_chunks(struct salvage *salvage, size_t *count)
{
	*count = salvage->told.length / sizeof(struct told_chunk);
	return (struct told_chunk *)(void *)salvage->told.data;
}

/* --- small records -------------------------------------------------------------------- */

static int keep_chunks(struct salvage *salvage, struct reader in, uint32_t pack)
{
	struct told_chunk told = { .pack = pack };

	salvage->seen.packs++;
	while (reader_left(&in)) {
		TRY(record_chunk_decode(&in, &told.entry));
		buf_append(&salvage->told, &told, sizeof(told));
		told.offset += told.entry.bytes;
	}
	return OK;
}

static int keep_record(struct salvage *salvage, enum record_kind kind, struct reader in)
{
	struct kept_record record = { .kind = kind };

	salvage->seen.types += kind == RECORD_TYPES;
	salvage->seen.masks += kind == RECORD_MASKS;
	salvage->seen.stamps += kind == RECORD_STAMPS;
	while (reader_left(&in)) {
		switch (kind) {
		case RECORD_TYPES:
			TRY(record_type_decode(&in, &record.field_key, &record.type));
			break;
		case RECORD_MASKS: TRY(record_mask_decode(&in, &record.mask)); break;
		default: TRY(record_stamp_decode(&in, &record.stamp)); break;
		}
		buf_append(&salvage->records, &record, sizeof(record));
	}
	return OK;
}

static int keep_head(struct salvage *salvage, struct slice value)
{
	TRY(record_head_decode(value, &salvage->head));
	salvage->has_head = true;
	return OK;
}

/* --- chunks ----------------------------------------------------------------------------- */

static int batch_begin(struct salvage *salvage)
{
	if (salvage->batch)
		return OK;
	TRY(shard_batch_begin(salvage->to, salvage->generation, &salvage->batch));
	if (salvage->has_head && salvage->head.settled && !salvage->any_before)
		shard_batch_settle(salvage->batch);
	return OK;
}

/*
 * Types are told by a record that may be lost: the columns know as well. Of several records for a
 * field the last stands (I15).
 */
static void set_type(struct salvage *salvage, uint64_t field_key, enum value_type type)
{
	enum value_type stored;

	if (type != VALUE_NONE && shard_field_type(salvage->to, field_key, &stored) == OK &&
	    stored == VALUE_NONE)
		shard_batch_set_type(salvage->batch, field_key, type);
}

static bool is_what_was_told(const struct chunk_data *data, const struct chunk_entry *entry)
{
	return data->series_id == entry->series_id && data->row_count == entry->row_count &&
	       data->times_ns[0] == (int64_t)entry->time_first &&
	       data->times_ns[data->row_count - 1] == (int64_t)entry->time_last;
}

static int add_chunk(struct salvage *salvage, const struct chunk_entry *entry)
{
	const struct chunk_data *data = &salvage->data;
	uint32_t measurement_id = index_series_measurement(salvage->index, data->series_id);
	struct chunk_write_column *columns = calloc(data->column_count + 1, sizeof(*columns));
	size_t count = 0;

	if (!columns)
		log_out_of_memory(data->column_count * sizeof(*columns));
	for (size_t i = 0; i < data->column_count; i++) {
		const struct chunk_column *column = &data->columns[i];

		if (column->type == VALUE_NONE)
			continue;
		columns[count++] = (struct chunk_write_column){ column->field_id, column->type,
								column->values, column->valid };
		set_type(salvage, shard_field_key(measurement_id, column->field_id), column->type);
	}
	row_text_set(&salvage->text, salvage->index, data->series_id);
	struct shard_rows rows = { .row_count = data->row_count,
				   .times_ns = data->times_ns,
				   .columns = columns,
				   .column_count = count,
				   .sequence_max = entry->sequence_max,
				   .text_bytes = row_text_bytes(&salvage->text, data->times_ns,
								data->row_count, columns, count),
				   .mtime_ns = (int64_t)entry->mtime };
	int err = shard_batch_add(salvage->batch, data->series_id, &rows);
	free(columns);
	return err;
}

static int save_chunk(struct salvage *salvage, struct slice pack, struct told_chunk *told)
{
	const struct chunk_entry *entry = &told->entry;
	struct chunk_wish wish = chunk_wish_all();

	if (told->offset > pack.length || entry->bytes > pack.length - told->offset ||
	    entry->sequence_max > salvage->generation || entry->series_id < salvage->series_last ||
	    chunk_decode(slice_of(pack.data + told->offset, entry->bytes), &wish, &salvage->data) <
		    0 ||
	    !is_what_was_told(&salvage->data, entry))
		return OK;
	TRY(batch_begin(salvage));
	TRY(add_chunk(salvage, entry));
	told->is_saved = true;
	salvage->series_last = (uint32_t)entry->series_id;
	salvage->report->chunks++;
	return OK;
}

static int save_pack(struct salvage *salvage, struct slice pack, uint32_t ordinal)
{
	size_t count;
	struct told_chunk *told = told_chunks(salvage, &count);

	for (size_t i = 0; i < count; i++)
		if (told[i].pack == ordinal)
			TRY(save_chunk(salvage, pack, &told[i]));
	return OK;
}

/* --- a generation ------------------------------------------------------------------------ */

static void leave_out(struct salvage *salvage, const struct chunk_entry *entry)
{
	int64_t first_ns = (int64_t)entry->time_first, last_ns = (int64_t)entry->time_last;

	salvage->report->chunks_lost++;
	salvage->report->lost(salvage->report->arg, (uint32_t)entry->series_id, first_ns, last_ns);
	/* What a rewrite left is the oldest there is. */
	if (!salvage->has_head || !salvage->head.settled)
		shard_batch_mask(salvage->batch,
				 &(struct shard_mask){ (uint32_t)entry->series_id, first_ns,
						       last_ns, entry->sequence_max,
						       salvage->generation });
}

static void put_records(struct salvage *salvage)
{
	const struct kept_record *records = (const void *)salvage->records.data;
	size_t count = salvage->records.length / sizeof(*records);

	for (size_t i = 0; i < count; i++)
		switch (records[i].kind) {
		case RECORD_TYPES:
			if (records[i].type != VALUE_NONE)
				shard_batch_change_type(salvage->batch, records[i].field_key,
							records[i].type);
			break;
		case RECORD_MASKS: shard_batch_mask(salvage->batch, &records[i].mask); break;
		default:
			shard_batch_set_mtime(salvage->batch, records[i].stamp.series_id,
					      records[i].stamp.mtime_ns, records[i].stamp.ctime_ns);
		}
}

static void tell_missing(struct salvage *salvage)
{
	const struct record_head *head = &salvage->head, *seen = &salvage->seen;

	bool lost = !salvage->has_head || seen->masks != head->masks;

	if (!salvage->has_head)
		tell(salvage, "the head of a flush is lost, and with it how much belongs to it");
	else if (seen->packs != head->packs)
		tell(salvage, "points of series that cannot be told are lost");
	if (lost)
		tell(salvage, "deletions may be lost: what they deleted may be there again");
	salvage->report->deletions_lost |= lost;
	if (salvage->has_head && seen->stamps != head->stamps)
		tell(salvage, "times of last change are lost");
}

static int generation_end(struct salvage *salvage)
{
	size_t count;
	struct told_chunk *told = told_chunks(salvage, &count);
	uint64_t flushed = salvage->generation;

	if (!salvage->begun)
		return OK;
	tell_missing(salvage);
	TRY(batch_begin(salvage));
	put_records(salvage);
	for (size_t i = 0; i < count; i++)
		if (!told[i].is_saved)
			leave_out(salvage, &told[i].entry);
	if (salvage->has_head && salvage->head.sequence_flushed < flushed)
		flushed = salvage->head.sequence_flushed;
	int err = shard_batch_commit(salvage->batch, flushed);
	salvage->batch = NULL;
	salvage->any_before = true;
	return err;
}

static void generation_begin(struct salvage *salvage, uint64_t generation)
{
	buf_reset(&salvage->told);
	buf_reset(&salvage->records);
	salvage->generation = generation;
	salvage->head = salvage->seen = (struct record_head){ 0 };
	salvage->begun = true;
	salvage->has_head = false;
	salvage->series_last = 0;
}

static int save_record(struct salvage *salvage, const struct record_key *key, struct slice value)
{
	switch (key->kind) {
	case RECORD_CHUNKS: return keep_chunks(salvage, reader_of(value), key->ordinal);
	case RECORD_HEAD: return keep_head(salvage, value);
	case RECORD_PACK: return save_pack(salvage, value, key->ordinal);
	default: return keep_record(salvage, key->kind, reader_of(value));
	}
}

static int save_pair(void *arg, const struct store_pair *pair)
{
	struct salvage *salvage = arg;
	struct record_key key;

	if (record_key_decode(pair->key, &key) < 0) {
		tell(salvage, "a record that cannot be understood is left out");
		return OK;
	}
	if (!salvage->begun || key.generation != salvage->generation) {
		TRY(generation_end(salvage));
		generation_begin(salvage, key.generation);
	}
	int err = save_record(salvage, &key, pair->value);
	if (err != ERR_CORRUPT)
		return err;
	tell(salvage, "a damaged record is left out");
	return OK;
}

/* --- a shard --------------------------------------------------------------------------------- */

/* What does not match its mark has tables that only the repair finds; then the mark goes. */
static int open_or_repair(struct store_pool *pool, const char *path, struct store **store,
			  bool *is_repaired)
{
	bool exists;
	int err;

	*store = store_open(pool, path);
	err = store_exists(*store, &exists);
	if (err == OK)
		err = store_open_now(*store);
	if (err == OK)
		return OK;
	*is_repaired = true;
	store_abandon(*store);
	TRY(store_repair(pool, path));
	TRY(store_mark_remove(path));
	return store_open_now(*store);
}

static int find_table(void *arg, const char *name)
{
	const char *dot = strrchr(name, '.');

	*(bool *)arg |= dot && strcmp(dot, ".ldb") == 0;
	return OK;
}

/* LevelDB's repair puts away what it could not take over as a whole. */
static bool has_lost_table(const char *path)
{
	struct path lost = path_in(path, "lost");
	bool found = false;

	if (env_exists(lost.text))
		env_list(lost.text, find_table, &found);
	return found;
}

/* Of a table that cannot be opened at all no head is left to tell what is missing. */
static void tell_flushes(struct salvage *salvage)
{
	salvage->report->deletions_lost = true;
	tell(salvage,
	     "whole flushes may be lost, and deletions with them: what they deleted may be "
	     "there again");
}

static int save_all(struct salvage *salvage, struct store_pool *pool, const char *from)
{
	struct salvage_report *report = salvage->report;
	struct store_files files = { 0 };
	struct store *store;
	bool skipped = false, is_repaired = false;
	struct diag diag;

	store_files_look(from, &files, &diag);
	int err = open_or_repair(pool, from, &store, &is_repaired);

	if (err == OK) {
		err = store_scan_readable(store, save_pair, salvage);
		skipped = err == ERR_CORRUPT;
	}
	if (err >= 0 || skipped)
		err = generation_end(salvage);
	if (has_lost_table(from) || (is_repaired && store_sequence(store) < files.marked) ||
	    (skipped && report->chunks_lost == 0 && report->records_lost == 0))
		tell_flushes(salvage);
	if (salvage->batch)
		shard_batch_abandon(salvage->batch);
	store_close(store);
	return err;
}

int salvage_shard(const char *from, const char *to, struct index *index,
		  struct salvage_report *report)
{
	struct salvage salvage = { .report = report, .index = index };
	struct store_pool *pool = store_pool_open(1);
	struct shard_env *env = shard_env_open(1);

	salvage.to = shard_open(env, to);
	int err = save_all(&salvage, pool, from);
	shard_close(salvage.to);
	chunk_data_release(&salvage.data);
	row_text_release(&salvage.text);
	buf_release(&salvage.told);
	buf_release(&salvage.records);
	shard_env_close(env);
	store_pool_close(pool);
	return err;
}
