/*
 * A series as text in one view, known without its lines where that can be.
 *
 * Why four ways: a stat must be exact, and ls asks it of every series of a directory. From the
 * cheapest on:
 *
 *	the one kept with the group	nothing changed
 *	news behind it			only later rows came, and are in memory still
 *	lengths of chunks		counted when they were written; rows in memory measured
 *	all rows, measured		or formatted, where an open file must know whether it grew
 *
 * What is known of a series in a group as text (its length, and the offset and time of a row now
 * and then) is a text_info. It is kept with the group and replaced as a whole, so that a stat of an
 * unchanged series formats nothing.
 */
#include "engine/read/view_text.h"

#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/read/row_text.h"
#include "engine/read/scan.h"

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

int view_text_info(struct view *view, uint32_t series_id, const struct view_info *seen,
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
