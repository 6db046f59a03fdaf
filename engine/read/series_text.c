/*
 * A series as the text of its file.
 *
 * What is known of a series in a group as text (its length, and the offset and
 * time of a row now and then) is a text_info. Where its chunks follow one
 * another in time, and nothing hides a row of theirs, their lengths were counted
 * when they were written: then only rows in memory are formatted for it. One that
 * had to be formatted is kept with the group and replaced as a whole, so that a
 * stat of an unchanged series formats nothing, and of one that only grew at its
 * end the new rows.
 *
 * An open file is one text_info and one view per group. A read goes on where the
 * one before ended, by a reading that is kept, else it formats from the
 * checkpoint before its offset.
 */
#include "engine/read/series_text.h"

#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/counters.h"
#include "engine/base/log.h"
#include "engine/base/number.h"
#include "engine/memory/state.h"
#include "engine/memory/text_cache.h"
#include "engine/read/row_text.h"
#include "engine/read/scan.h"

#define CHECKPOINT_BYTES (64u << 10)
#define READINGS_MAX	 2 /* of an open file, each with the chunk that it is in */

/* --- making a text_info ---------------------------------------------------------------- */

static bool info_is_same(const struct text_info *a, const struct text_info *b)
{
	return a->bytes == b->bytes && a->hash == b->hash;
}

static void info_add_row(struct text_info *info, int64_t time_ns, struct slice line)
{
	const struct checkpoint *last =
		info->checkpoint_count ? &info->checkpoints[info->checkpoint_count - 1] : NULL;

	if (!last || info->bytes - last->offset >= CHECKPOINT_BYTES)
		text_info_checkpoint(info, time_ns);
	if (info->points++ == 0)
		info->time_first_ns = time_ns;
	info->time_last_ns = time_ns;
	info->bytes += line.length;
	info->hash = XXH3_64bits_withSeed(line.data, line.length, info->hash);
}

static int lines_open(struct row_text *text, struct view *view, uint32_t series_id,
		      int64_t time_first_ns, struct scan **out)
{
	row_text_set(text, view->group->index, series_id);
	return scan_open(&(struct scan_spec){ .view = view,
					      .series_id = series_id,
					      .field_ids = text->field_ids,
					      .field_count = text->field_count,
					      .time_first_ns = time_first_ns,
					      .time_last_ns = INT64_MAX },
			 out);
}

/* The rows from a time on, not one of them printed: `info` has no hash then. */
static int info_measure(struct text_info *info, struct view *view, uint32_t series_id,
			int64_t time_first_ns)
{
	struct row_text text = { 0 };
	struct scan *scan = NULL;
	struct slab slab;
	int err = lines_open(&text, view, series_id, time_first_ns, &scan);

	/* A tenth of what a restore took was to print what was just read, to know its length. */
	info->has_hash = false;
	while (err == OK && (err = scan_next(scan, &slab)) == OK) {
		text_info_checkpoint(info, slab.times_ns[0]);
		if (info->points == 0)
			info->time_first_ns = slab.times_ns[0];
		info->time_last_ns = slab.times_ns[slab.row_count - 1];
		info->points += slab.row_count;
		info->bytes +=
			row_text_slab_bytes(&text, slab.times_ns, slab.row_count, slab.columns);
	}
	scan_close(scan);
	row_text_release(&text);
	return err < 0 ? err : OK;
}

/*
 * Go through the rows from a time on, and count them in. `grown` is set when
 * after one of them the text is that of `older` (may be NULL).
 */
static int info_extend(struct text_info *info, struct view *view, uint32_t series_id,
		       int64_t time_first_ns, const struct text_info *older, bool *grown)
{
	struct row_text text = { 0 };
	struct buf line = { 0 };
	struct scan *scan = NULL;
	struct slab slab;
	int err = lines_open(&text, view, series_id, time_first_ns, &scan);

	while (err == OK && (err = scan_next(scan, &slab)) == OK)
		for (size_t row = 0; row < slab.row_count; row++) {
			buf_reset(&line);
			row_text_print(&text, slab.times_ns[row], slab.columns, row, &line);
			info_add_row(info, slab.times_ns[row], buf_slice(&line));
			*grown |= older && info_is_same(info, older);
		}
	scan_close(scan);
	buf_release(&line);
	row_text_release(&text);
	return err < 0 ? err : OK;
}

static int compare_refs(const void *a, const void *b)
{
	const struct chunk_ref *x = a, *y = b;

	return (x->time_first_ns > y->time_first_ns) - (x->time_first_ns < y->time_first_ns);
}

/* The chunks of a view, by time; false: their lengths do not add up to that of the text. */
static bool chunks_add_up(struct view *view, uint32_t series_id, struct chunk_refs *refs)
{
	struct shard_version *version;
	size_t kept = 0;

	if (view_version(view, series_id, &version) < 0)
		return false;
	shard_version_chunks(version, series_id, refs);
	for (size_t i = 0; i < refs->count; i++)
		if (refs->items[i].generation <= view->sequence)
			refs->items[kept++] = refs->items[i];
	refs->count = kept;
	if (kept == 0)
		return false;
	qsort(refs->items, kept, sizeof(*refs->items), compare_refs);
	for (size_t i = 0; i < kept; i++)
		if (refs->items[i].text_bytes == 0 ||
		    (i > 0 && refs->items[i].time_first_ns <= refs->items[i - 1].time_last_ns))
			return false;
	return true;
}

/* Are all rows in memory later than a time? `*any`: there are some. */
static bool memory_is_later(struct view *view, uint32_t series_id, int64_t time_ns, bool *any)
{
	struct memtable *memtables[2] = { view->sealed, view->active };
	struct memtable_info info;
	bool later = true;

	*any = false;
	pthread_mutex_lock(&view->group->lock);
	for (int i = 0; i < 2; i++) {
		if (!memtables[i] ||
		    !memtable_info(memtables[i], series_id, view->sequence, &info) ||
		    info.row_count == 0)
			continue;
		*any = true;
		later &= info.time_first_ns > time_ns;
	}
	pthread_mutex_unlock(&view->group->lock);
	return later;
}

/*
 * By the lengths of the chunks, and the rows in memory behind them. END: they do
 * not tell, nothing was done. Masks are the caller's to look at.
 */
static int info_count(struct text_info *info, struct view *view, uint32_t series_id)
{
	struct chunk_refs refs = { 0 };
	bool any = false;
	int err = END;

	if (!index_is_made_up(view->group->index, series_id) &&
	    chunks_add_up(view, series_id, &refs) &&
	    memory_is_later(view, series_id, refs.items[refs.count - 1].time_last_ns, &any)) {
		for (size_t i = 0; i < refs.count; i++) {
			text_info_checkpoint(info, refs.items[i].time_first_ns);
			info->bytes += refs.items[i].text_bytes;
			info->points += refs.items[i].row_count;
		}
		info->time_first_ns = refs.items[0].time_first_ns;
		info->time_last_ns = refs.items[refs.count - 1].time_last_ns;
		info->has_hash = false;
		err = any ? info_measure(info, view, series_id, info->time_last_ns + 1) : OK;
	}
	chunk_refs_release(&refs);
	return err;
}

/* Did a flush take rows that came after `seen` out of memory? */
static bool flushed_since(struct view *view, uint32_t series_id, uint64_t seen)
{
	struct shard_version *version;
	struct chunk_refs refs = { 0 };
	bool yes = false;

	if (view_version(view, series_id, &version) < 0)
		return true;
	shard_version_chunks(version, series_id, &refs);
	for (size_t i = 0; i < refs.count; i++)
		yes |= refs.items[i].generation <= view->sequence &&
		       refs.items[i].sequence_max > seen;
	chunk_refs_release(&refs);
	return yes;
}

/* Rows that came after a text_info was made, in the order of acceptance. */
struct news {
	struct capture captures[2];
	struct captured_row *rows;
	size_t row_count;
	bool ascending; /* strictly */
};

static void news_release(struct news *news)
{
	capture_release(&news->captures[0]);
	capture_release(&news->captures[1]);
	free(news->rows);
}

static void news_gather(struct view *view, uint32_t series_id, uint64_t after, struct news *news)
{
	size_t count;

	*news = (struct news){ .ascending = true };
	pthread_mutex_lock(&view->group->lock);
	if (view->sealed)
		memtable_capture(view->sealed, series_id, after, view->sequence,
				 &news->captures[0]);
	memtable_capture(view->active, series_id, after, view->sequence, &news->captures[1]);
	pthread_mutex_unlock(&view->group->lock);
	count = news->captures[0].row_count + news->captures[1].row_count;
	news->rows = malloc((count + 1) * sizeof(*news->rows));
	if (!news->rows)
		log_out_of_memory(count * sizeof(*news->rows));
	capture_rows(&news->captures[0], news->rows);
	capture_rows(&news->captures[1], news->rows + news->captures[0].row_count);
	news->row_count = count;
	for (size_t i = 1; i < count; i++)
		news->ascending &= news->rows[i].time_ns > news->rows[i - 1].time_ns;
}

/* Were all rows after `older` accepted with later times, and are they still in memory? */
static bool only_appended(struct view *view, uint32_t series_id, const struct text_info *older,
			  const struct news *news)
{
	bool yes = older->points > 0 && news->row_count > 0 &&
		   !flushed_since(view, series_id, older->version);

	for (size_t i = 0; i < news->row_count && yes; i++)
		yes = news->rows[i].time_ns > older->time_last_ns;
	return yes;
}

/* Count rows in that come behind all others. Without a scan: it would look at all in memory. */
static int info_append(struct text_info *info, struct view *view, uint32_t series_id,
		       const struct news *news)
{
	struct row_text text = { 0 };
	struct buf line = { 0 };
	bool unused = false;

	if (!news->ascending)
		return info_extend(info, view, series_id, info->time_last_ns + 1, NULL, &unused);
	row_text_set(&text, view->group->index, series_id);
	for (size_t i = 0; i < news->row_count; i++) {
		const struct captured_row *row = &news->rows[i];

		buf_reset(&line);
		row_text_print_accepted(&text, row->time_ns, row->layout, row->values, &line);
		info_add_row(info, row->time_ns, buf_slice(&line));
	}
	buf_release(&line);
	row_text_release(&text);
	return OK;
}

static bool info_is_of(const struct text_info *info, const struct view_info *seen)
{
	return info->version == seen->version && info->mask_count == seen->mask_count;
}

/* What an open file saw before: its text, and the view to look at it once more. */
struct part {
	struct view view;
	struct text_info *info;
};

/* All rows formatted; `grown` tells whether the text begins as that of `older` (may be NULL). */
static int info_format(struct text_info *info, struct view *view, uint32_t series_id,
		       struct part *older, bool *grown)
{
	struct text_info *before = older ? text_info_ref(older->info) : NULL;
	bool unused = false;
	int err = OK;

	if (before && !before->has_hash) {
		text_info_release(before);
		before = text_info_new(older->info->version);
		err = info_extend(before, &older->view, series_id, INT64_MIN, NULL, &unused);
	}
	*grown = before && info_is_same(info, before);
	if (err == OK)
		err = info_extend(info, view, series_id, INT64_MIN, before, grown);
	text_info_release(before);
	return err;
}

/*
 * What a series is as text in a view; referenced. Without rows: points is 0.
 * `grown` tells whether it only gained rows behind those of `older` (may be NULL).
 */
static int view_text_info(struct view *view, uint32_t series_id, const struct view_info *seen,
			  struct part *older, struct text_info **out, bool *grown)
{
	struct text_info *base = older ? text_info_ref(older->info)
				       : text_cache_find(&view->group->texts, series_id);
	bool keep = seen->exists;
	struct news news = { 0 };
	int err = OK;

	*out = base;
	*grown = true;
	if (base && info_is_of(base, seen))
		return OK;
	if (base && base->version < seen->version && base->mask_count == seen->mask_count)
		news_gather(view, series_id, base->version, &news);
	if (news.row_count && only_appended(view, series_id, base, &news)) {
		*out = text_info_copy(base, seen->version);
		err = info_append(*out, view, series_id, &news);
	} else if (!seen->exists) {
		*out = text_info_new(seen->version);
		*grown = older && older->info->points == 0;
	} else {
		*out = text_info_new(seen->version);
		err = older || seen->mask_count ? END : info_count(*out, view, series_id);
		/* As cheap to count again: a listing of a million series keeps nothing. */
		keep = err == END;
		if (err == END)
			err = older ? info_format(*out, view, series_id, older, grown)
				    : info_measure(*out, view, series_id, INT64_MIN);
	}
	(*out)->mask_count = seen->mask_count;
	news_release(&news);
	text_info_release(base);
	if (err < 0)
		text_info_release(*out);
	else if (keep)
		text_cache_keep(&view->group->texts, series_id, *out);
	return err;
}

/* --- stat -------------------------------------------------------------------------------- */

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
