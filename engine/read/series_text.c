/*
 * A series as the text of its file.
 *
 * An open file is one text_info and one view per group. A read goes on where the
 * one before ended, by a reading that is kept, else it formats from the
 * checkpoint before its offset.
 */
#include "engine/read/series_text.h"

#include <stdlib.h>

#include "engine/base/counters.h"
#include "engine/base/log.h"
#include "engine/base/number.h"
#include "engine/memory/state.h"
#include "engine/read/row_text.h"
#include "engine/read/scan.h"
#include "engine/read/view_text.h"

#define READINGS_MAX 2 /* of an open file, each with the chunk that it is in */

/* --- stat -------------------------------------------------------------------------------- */

/* Sums over groups; mtime and ctime are the latest of any group. */
static void add_to_stat(struct series_stat *stat, const struct view_info *seen,
			const struct text_info *info)
{
	if (seen->version > stat->version)
		stat->version = seen->version;
	if (info->points == 0)
		return;
	if (stat->points == 0)
		stat->mtime_ns = seen->mtime_ns;
	if (stat->points == 0 || info->time_first_ns < stat->time_first_ns)
		stat->time_first_ns = info->time_first_ns;
	if (stat->points == 0 || info->time_last_ns > stat->time_last_ns)
		stat->time_last_ns = info->time_last_ns;
	stat->text_bytes += info->bytes;
	stat->points += info->points;
	stat->disk_bytes += seen->disk_bytes ? seen->disk_bytes : 1;
	if (seen->mtime_ns > stat->mtime_ns)
		stat->mtime_ns = seen->mtime_ns;
	if (seen->ctime_ns > stat->ctime_ns)
		stat->ctime_ns = seen->ctime_ns;
}

/* A group that never had a row of the series is left out: nothing is formatted for it. */
static int stat_group(struct live_group *group, uint32_t series_id, struct series_stat *out)
{
	struct view view;
	struct view_info seen;
	struct text_info *info;
	bool grown;

	view_init(&view, group, wal_sequence(group->engine->wal));
	int err = view_info(&view, series_id, &seen);
	if (err == OK && (seen.exists || seen.version)) {
		err = view_text_info(&view, series_id, &seen, NULL, &info, &grown);
		if (err == OK) {
			add_to_stat(out, &seen, info);
			text_info_release(info);
		}
	}
	view_release(&view);
	return err;
}

/* The groups a series file spans: one, or all of the policy. */
int engine_series_stat(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		       uint32_t series_id, struct series_stat *out)
{
	struct live_group **groups;
	size_t count;
	int err = OK;

	*out = (struct series_stat){ 0 };
	TRY(live_groups_or_one(engine, policy_id, group_id, INT64_MIN, INT64_MAX, &groups, &count));
	for (size_t i = 0; err == OK && i < count; i++)
		err = stat_group(groups[i], series_id, out);
	live_groups_release(groups, count);
	return err < 0 ? err : out->points ? OK : ERR_NOT_FOUND;
}

/* --- an open series ------------------------------------------------------------------------ */

/* A row of a part, and where its line begins. */
struct reading {
	struct scan *scan; /* NULL: none */
	struct slab slab;
	size_t row; /* of the slab; row_count: the next slab's first */
	size_t part;
	uint64_t offset; /* in the part */
	uint64_t used;	 /* when, as the text counts */
};

static void reading_close(struct reading *reading)
{
	scan_close(reading->scan);
	*reading = (struct reading){ 0 };
}

struct series_text {
	struct engine *engine;
	uint32_t policy_id, group_id, series_id;
	pthread_mutex_t lock; /* of all below */
	struct part *parts;   /* by time */
	size_t part_count;
	uint64_t bytes, version;
	bool left_behind; /* the series changed otherwise than at its end: it stays as it is */
	struct row_text rows;
	struct reading readings[READINGS_MAX];
	uint64_t reading_count;
};

static void parts_release(struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		view_release(&parts[i].view);
		text_info_release(parts[i].info);
	}
	free(parts);
}

static struct part *find_part(struct part *parts, size_t count, const struct live_group *group)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].view.group == group)
			return &parts[i];
	return NULL;
}

static size_t parts_with_rows(const struct part *parts, size_t count)
{
	size_t with_rows = 0;

	for (size_t i = 0; i < count; i++)
		with_rows += parts[i].info->points > 0;
	return with_rows;
}

/*
 * The parts as they are now. `grown` tells whether they only gained rows behind
 * the last one of `older`.
 */
static int parts_make(struct series_text *text, struct part *older, size_t older_count,
		      struct part **out, size_t *out_count, bool *grown)
{
	struct live_group **groups;
	size_t count, found = 0;
	struct part *parts;
	size_t kept = 0;
	bool changed = false;
	int err;

	*grown = true;
	TRY(live_groups_or_one(text->engine, text->policy_id, text->group_id, INT64_MIN, INT64_MAX,
			       &groups, &count));
	uint64_t sequence = wal_sequence(text->engine->wal);
	parts = calloc(count + 1, sizeof(*parts));
	if (!parts)
		log_out_of_memory(count * sizeof(*parts));
	err = OK;
	for (size_t i = 0; err == OK && i < count; i++) {
		struct part *before = find_part(older, older_count, groups[i]);
		struct part *part = &parts[found];
		struct view_info seen;
		bool part_grown;

		view_init(&part->view, groups[i], sequence);
		err = view_info(&part->view, text->series_id, &seen);
		if (err == OK)
			err = view_text_info(&part->view, text->series_id, &seen, before,
					     &part->info, &part_grown);
		if (err < 0) {
			view_release(&part->view);
			break;
		}
		/* New rows before the end would shift what was there. */
		if (before && (!part_grown || (changed && before->info->points)))
			*grown = false;
		kept += before && before->info->points;
		changed |= part->info->bytes != (before ? before->info->bytes : 0);
		found++;
	}
	live_groups_release(groups, count);
	if (err < 0) {
		parts_release(parts, found);
		return err;
	}
	if (kept < parts_with_rows(older, older_count))
		*grown = false; /* a group of it was dropped */
	*out = parts;
	*out_count = found;
	return OK;
}

/* Then readings go on where they stand. */
static bool parts_are_same(const struct series_text *text, const struct part *parts, size_t count)
{
	if (count != text->part_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (parts[i].view.group != text->parts[i].view.group ||
		    parts[i].info->version != text->parts[i].info->version ||
		    parts[i].info->bytes != text->parts[i].info->bytes)
			return false;
	return true;
}

/* Parts are replaced as a whole: readings point into the views of the old ones, so they end. */
static void text_adopt(struct series_text *text, struct part *parts, size_t count)
{
	for (size_t i = 0; i < READINGS_MAX; i++)
		reading_close(&text->readings[i]);
	parts_release(text->parts, text->part_count);
	if (count)
		row_text_set(&text->rows, parts[0].view.group->index, text->series_id);
	text->parts = parts;
	text->part_count = count;
	text->bytes = text->version = 0;
	for (size_t i = 0; i < count; i++) {
		text->bytes += parts[i].info->bytes;
		if (parts[i].info->version > text->version)
			text->version = parts[i].info->version;
	}
}

int series_text_open(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		     uint32_t series_id, struct series_text **out)
{
	struct series_text *text = calloc(1, sizeof(*text));
	struct part *parts;
	size_t count;
	bool grown;

	if (!text)
		return ERR_MEMORY;
	text->engine = engine;
	text->policy_id = policy_id;
	text->group_id = group_id;
	text->series_id = series_id;
	int err = parts_make(text, NULL, 0, &parts, &count, &grown);
	if (err < 0) {
		free(text);
		return err;
	}
	text_adopt(text, parts, count);
	pthread_mutex_init(&text->lock, NULL);
	*out = text;
	return OK;
}

void series_text_close(struct series_text *text)
{
	if (!text)
		return;
	for (size_t i = 0; i < READINGS_MAX; i++)
		reading_close(&text->readings[i]);
	parts_release(text->parts, text->part_count);
	row_text_release(&text->rows);
	pthread_mutex_destroy(&text->lock);
	free(text);
}

uint64_t series_text_bytes(struct series_text *text)
{
	pthread_mutex_lock(&text->lock);
	uint64_t bytes = text->bytes;
	pthread_mutex_unlock(&text->lock);
	return bytes;
}

uint64_t series_text_version(struct series_text *text)
{
	pthread_mutex_lock(&text->lock);
	uint64_t version = text->version;
	pthread_mutex_unlock(&text->lock);
	return version;
}

int series_text_grow(struct series_text *text)
{
	struct part *parts = NULL;
	size_t count = 0;
	bool grown;

	pthread_mutex_lock(&text->lock);
	if (text->left_behind) {
		pthread_mutex_unlock(&text->lock);
		return OK;
	}
	int err = parts_make(text, text->parts, text->part_count, &parts, &count, &grown);
	if (err == OK && grown && parts_are_same(text, parts, count)) {
		parts_release(parts, count);
	} else if (err == OK && grown) {
		text_adopt(text, parts, count);
	} else if (err == OK) {
		parts_release(parts, count);
		text->left_behind = true;
	}
	pthread_mutex_unlock(&text->lock);
	return err == ERR_NOT_FOUND ? OK : err;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* The checkpoint at or before an offset. There is one at 0 when there are rows. */
static const struct checkpoint *checkpoint_before(const struct text_info *info, uint64_t offset)
{
	size_t low = 0, high = info->checkpoint_count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (info->checkpoints[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return &info->checkpoints[low];
}

/* From the checkpoint before the offset: lines up to it are formatted and thrown away. */
static int reading_open(struct series_text *text, struct reading *reading, size_t part,
			uint64_t offset)
{
	const struct checkpoint *from = checkpoint_before(text->parts[part].info, offset);

	reading_close(reading);
	reading->part = part;
	reading->offset = from->offset;
	return scan_open(&(struct scan_spec){ .view = &text->parts[part].view,
					      .series_id = text->series_id,
					      .field_ids = text->rows.field_ids,
					      .field_count = text->rows.field_count,
					      .time_first_ns = from->time_ns,
					      .time_last_ns = INT64_MAX },
			 &reading->scan);
}

/* A reading that stands shortly before the offset; else reopen the one that was unused longest. */
static int find_reading(struct series_text *text, size_t part, uint64_t offset,
			struct reading **out)
{
	struct reading *oldest = &text->readings[0];

	for (size_t i = 0; i < READINGS_MAX; i++) {
		struct reading *reading = &text->readings[i];

		*out = reading;
		if (reading->scan && reading->part == part && reading->offset <= offset &&
		    offset - reading->offset < CHECKPOINT_BYTES)
			return OK;
		if (reading->used < oldest->used)
			oldest = reading;
	}
	*out = oldest;
	return reading_open(text, oldest, part, offset);
}

/* The slab that holds the row. END: there are no more rows. */
static int reading_row(struct reading *reading, int64_t last_ns)
{
	while (reading->row == reading->slab.row_count) {
		reading->row = 0;
		reading->slab.row_count = 0;
		int err = scan_next(reading->scan, &reading->slab);
		if (err != OK)
			return err;
	}
	/* What came later is not of this text. */
	return reading->slab.times_ns[reading->row] <= last_ns ? OK : END;
}

/* Append `length` bytes from `offset` on, or what there is; stays at the row that was cut. */
static int reading_take(struct reading *reading, const struct row_text *rows, uint64_t offset,
			size_t length, int64_t last_ns, struct buf *out)
{
	size_t start = out->length, before, skip = offset - reading->offset;
	int err;

	while ((err = reading_row(reading, last_ns)) == OK) {
		before = out->length;
		row_text_print(rows, reading->slab.times_ns[reading->row], reading->slab.columns,
			       reading->row, out);
		if (out->length - start > skip + length)
			break;
		reading->row++;
		reading->offset += out->length - before;
		if (out->length - start <= skip) {
			skip -= out->length - start;
			out->length = start;
		} else if (out->length - start == skip + length) {
			break;
		}
	}
	if (out->length - start > skip + length)
		out->length = start + skip + length;
	if (out->length - start <= skip)
		out->length = start;
	else if (skip) {
		memmove(out->data + start, out->data + start + skip, out->length - start - skip);
		out->length -= skip;
	}
	return err < 0 ? err : OK;
}

/* A length within one part; the caller goes on with the next. */
static int read_part(struct series_text *text, size_t part, uint64_t offset, size_t length,
		     struct buf *out)
{
	const struct text_info *info = text->parts[part].info;
	struct reading *reading;
	int err = find_reading(text, part, offset, &reading);

	if (err == OK)
		err = reading_take(reading, &text->rows, offset, length, info->time_last_ns, out);
	reading->used = ++text->reading_count;
	/* Decoded chunks are not held for a file that was read to its end. */
	if (err < 0 || offset + length >= info->bytes)
		reading_close(reading);
	return err;
}

int series_text_read(struct series_text *text, uint64_t offset, size_t length, struct buf *out)
{
	size_t before = out->length;
	int err = OK;

	pthread_mutex_lock(&text->lock);
	for (size_t i = 0; err == OK && i < text->part_count && length; i++) {
		uint64_t bytes = text->parts[i].info->bytes;

		if (offset >= bytes) {
			offset -= bytes;
			continue;
		}
		size_t here = bytes - offset < length ? (size_t)(bytes - offset) : length;

		err = read_part(text, i, offset, here, out);
		offset = 0;
		length -= here;
	}
	pthread_mutex_unlock(&text->lock);
	counter_add(COUNTER_TEXT_BYTES_GIVEN, out->length - before);
	return err;
}
