/*
 * A series as the text of its file.
 *
 * What is known of a series in a group as text (its length, and the offset and
 * time of a row about every CHECKPOINT_BYTES) is a text_info. The last one is
 * kept with the group and replaced as a whole, so that a stat of an unchanged
 * series formats nothing, and one that only grew at its end formats the new rows.
 * An open file is one text_info and one view per group; a read formats from the
 * checkpoint before its offset.
 */
#include "engine/series_text.h"

#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/log.h"
#include "engine/base/number.h"
#include "engine/line.h"
#include "engine/state.h"

#define CHECKPOINT_BYTES (64u << 10)

struct checkpoint {
	uint64_t offset;
	int64_t time_ns; /* of the row that begins there */
};

struct text_info {
	_Atomic unsigned references;
	uint64_t version;  /* view_info's; 0 never is one with rows */
	size_t mask_count; /* the view's then */
	uint64_t bytes, points;
	uint64_t hash; /* of its lines in turn, so that a longer text shows that it begins so */
	int64_t time_first_ns, time_last_ns; /* without points: meaningless */
	struct checkpoint *checkpoints;
	size_t checkpoint_count, checkpoint_capacity;
};

static struct text_info *info_new(uint64_t version)
{
	struct text_info *info = calloc(1, sizeof(*info));

	if (!info)
		log_out_of_memory(sizeof(*info));
	info->references = 1;
	info->version = version;
	return info;
}

static struct text_info *info_ref(struct text_info *info)
{
	atomic_fetch_add(&info->references, 1);
	return info;
}

void text_info_release(struct text_info *info)
{
	if (!info || atomic_fetch_sub(&info->references, 1) != 1)
		return;
	free(info->checkpoints);
	free(info);
}

static struct text_info *info_copy(const struct text_info *from, uint64_t version)
{
	struct text_info *info = info_new(version);

	info->bytes = from->bytes;
	info->points = from->points;
	info->hash = from->hash;
	info->time_first_ns = from->time_first_ns;
	info->time_last_ns = from->time_last_ns;
	info->checkpoint_count = info->checkpoint_capacity = from->checkpoint_count;
	info->checkpoints = malloc((from->checkpoint_count + 1) * sizeof(*info->checkpoints));
	if (!info->checkpoints)
		log_out_of_memory(from->checkpoint_count * sizeof(*info->checkpoints));
	if (from->checkpoint_count)
		memcpy(info->checkpoints, from->checkpoints,
		       from->checkpoint_count * sizeof(*info->checkpoints));
	return info;
}

static void add_checkpoint(struct text_info *info, int64_t time_ns)
{
	if (info->checkpoint_count == info->checkpoint_capacity) {
		info->checkpoint_capacity =
			info->checkpoint_capacity ? info->checkpoint_capacity * 2 : 4;
		info->checkpoints = realloc(info->checkpoints,
					    info->checkpoint_capacity * sizeof(*info->checkpoints));
		if (!info->checkpoints)
			log_out_of_memory(info->checkpoint_capacity * sizeof(*info->checkpoints));
	}
	info->checkpoints[info->checkpoint_count++] = (struct checkpoint){ info->bytes, time_ns };
}

/* --- rows as lines ----------------------------------------------------------------- */

/* The fields of a measurement in name order, their `key=` spelled out. */
struct printer {
	struct buf key; /* the series key and a space */
	uint32_t *field_ids;
	struct slice *names;
	size_t field_count;
};

struct named_field {
	struct slice name;
	uint32_t id;
};

static int compare_names(const void *a, const void *b)
{
	return slice_compare(((const struct named_field *)a)->name,
			     ((const struct named_field *)b)->name);
}

static void printer_init(struct printer *printer, struct index *index, uint32_t series_id)
{
	uint32_t measurement_id = index_series_measurement(index, series_id);
	uint32_t count = index_field_count(index, measurement_id);
	struct named_field *fields = malloc((count + 1) * sizeof(*fields));

	*printer = (struct printer){ .field_count = count };
	printer->field_ids = malloc((count + 1) * sizeof(*printer->field_ids));
	printer->names = malloc((count + 1) * sizeof(*printer->names));
	if (!fields || !printer->field_ids || !printer->names)
		log_out_of_memory(count * sizeof(*fields));
	for (uint32_t i = 0; i < count; i++)
		fields[i] = (struct named_field){ index_field_name(index, measurement_id, i), i };
	qsort(fields, count, sizeof(*fields), compare_names);
	for (uint32_t i = 0; i < count; i++) {
		printer->field_ids[i] = fields[i].id;
		printer->names[i] = fields[i].name;
	}
	free(fields);
	index_series_key(index, series_id, &printer->key);
	buf_append_byte(&printer->key, ' ');
}

static void printer_release(struct printer *printer)
{
	buf_release(&printer->key);
	free(printer->field_ids);
	free(printer->names);
}

static void print_row(const struct printer *printer, const struct slab *slab, size_t row,
		      struct buf *out)
{
	bool first = true;

	buf_append_slice(out, buf_slice(&printer->key));
	for (size_t c = 0; c < printer->field_count; c++) {
		const struct batch_column *column = &slab->columns[c];

		if (!column_has(column, row))
			continue;
		if (!first)
			buf_append_byte(out, ',');
		first = false;
		line_print_field(out, printer->names[c], column->type, column->values[row]);
	}
	buf_append_byte(out, ' ');
	char *room = buf_reserve(out, INTEGER_BYTES_MAX);
	out->length += integer_print(room, slab->times_ns[row]);
	buf_append_byte(out, '\n');
}

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
		add_checkpoint(info, time_ns);
	if (info->points++ == 0)
		info->time_first_ns = time_ns;
	info->time_last_ns = time_ns;
	info->bytes += line.length;
	info->hash = XXH3_64bits_withSeed(line.data, line.length, info->hash);
}

/*
 * Go through the rows from a time on, and count them in. `grown` is set when
 * after one of them the text is that of `older` (may be NULL).
 */
static int info_extend(struct text_info *info, struct view *view, uint32_t series_id,
		       int64_t time_first_ns, const struct text_info *older, bool *grown)
{
	struct live_database *database =
		engine_database(view->group->engine, view->group->database_id);
	struct printer printer;
	struct buf line = { 0 };
	struct scan *scan;
	struct slab slab;

	printer_init(&printer, database->index, series_id);
	int err = scan_open(&(struct scan_spec){ view, series_id, printer.field_ids,
						 printer.field_count, time_first_ns, INT64_MAX,
						 false },
			    &scan);
	if (err == OK) {
		while ((err = scan_next(scan, &slab)) == OK)
			for (size_t row = 0; row < slab.row_count; row++) {
				buf_reset(&line);
				print_row(&printer, &slab, row, &line);
				info_add_row(info, slab.times_ns[row], buf_slice(&line));
				*grown |= older && info_is_same(info, older);
			}
		scan_close(scan);
	}
	buf_release(&line);
	printer_release(&printer);
	return err < 0 ? err : OK;
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

/* Were all rows after `older` accepted with later times, and are they still in memory? */
static bool only_appended(struct view *view, uint32_t series_id, const struct text_info *older)
{
	struct capture captures[2] = { 0 };
	uint64_t seen = older->version;
	bool yes = older->points > 0 && !flushed_since(view, series_id, seen);
	size_t rows = 0;

	pthread_mutex_lock(&view->group->lock);
	if (view->sealed)
		memtable_capture(view->sealed, series_id, seen, view->sequence, &captures[0]);
	memtable_capture(view->active, series_id, seen, view->sequence, &captures[1]);
	pthread_mutex_unlock(&view->group->lock);
	for (int i = 0; i < 2 && yes; i++) {
		struct captured_row *list = malloc((captures[i].row_count + 1) * sizeof(*list));

		if (!list)
			log_out_of_memory(captures[i].row_count * sizeof(*list));
		capture_rows(&captures[i], list);
		for (size_t k = 0; k < captures[i].row_count; k++)
			yes &= list[k].time_ns > older->time_last_ns;
		rows += captures[i].row_count;
		free(list);
	}
	capture_release(&captures[0]);
	capture_release(&captures[1]);
	return yes && rows > 0;
}

/* The one kept with the group, referenced, or NULL. */
static struct text_info *kept_info(struct live_group *group, uint32_t series_id)
{
	struct text_info *info = NULL;

	pthread_mutex_lock(&group->text_lock);
	uint32_t at = idmap_find(&group->text_ids, series_id);
	if (at != MAP_NONE)
		info = info_ref(group->texts[at]);
	pthread_mutex_unlock(&group->text_lock);
	return info;
}

static void keep_info(struct live_group *group, uint32_t series_id, struct text_info *info)
{
	pthread_mutex_lock(&group->text_lock);
	uint32_t at = idmap_find(&group->text_ids, series_id);
	if (at == MAP_NONE) {
		if (group->text_count == group->text_capacity) {
			group->text_capacity = group->text_capacity ? group->text_capacity * 2 : 64;
			group->texts =
				realloc(group->texts, group->text_capacity * sizeof(*group->texts));
			if (!group->texts)
				log_out_of_memory(group->text_capacity * sizeof(*group->texts));
		}
		idmap_set(&group->text_ids, series_id, (uint32_t)group->text_count);
		group->texts[group->text_count++] = info_ref(info);
	} else {
		text_info_release(group->texts[at]);
		group->texts[at] = info_ref(info);
	}
	pthread_mutex_unlock(&group->text_lock);
}

static bool info_is_of(const struct text_info *info, const struct view_info *seen)
{
	return info->version == seen->version && info->mask_count == seen->mask_count;
}

/*
 * What a series is as text in a view; referenced. Without rows: points is 0.
 * `grown` tells whether it only gained rows behind those of `older` (may be NULL).
 */
static int view_text_info(struct view *view, uint32_t series_id, const struct view_info *seen,
			  struct text_info *older, struct text_info **out, bool *grown)
{
	struct text_info *base = older ? info_ref(older) : kept_info(view->group, series_id);
	int err = OK;

	*out = base;
	*grown = true;
	if (base && info_is_of(base, seen))
		return OK;
	if (base && base->version < seen->version && base->mask_count == seen->mask_count &&
	    only_appended(view, series_id, base)) {
		*out = info_copy(base, seen->version);
		err = info_extend(*out, view, series_id, base->time_last_ns + 1, NULL, grown);
	} else {
		*out = info_new(seen->version);
		*grown = older && info_is_same(*out, older);
		if (seen->exists)
			err = info_extend(*out, view, series_id, INT64_MIN, older, grown);
	}
	(*out)->mask_count = seen->mask_count;
	text_info_release(base);
	if (err < 0)
		text_info_release(*out);
	else if (seen->exists)
		keep_info(view->group, series_id, *out);
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
static int groups_of(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		     struct live_group ***groups, size_t *count)
{
	if (!group_id)
		return live_groups(engine, 0, policy_id, INT64_MIN, INT64_MAX, groups, count);
	*groups = malloc(sizeof(**groups));
	*count = 1;
	if (!*groups)
		return ERR_MEMORY;
	int err = live_group_get(engine, group_id, &(*groups)[0]);
	if (err < 0)
		free(*groups);
	return err;
}

int engine_series_stat(struct engine *engine, uint32_t policy_id, uint32_t group_id,
		       uint32_t series_id, struct series_stat *out)
{
	struct live_group **groups;
	size_t count;
	int err = OK;

	*out = (struct series_stat){ 0 };
	TRY(groups_of(engine, policy_id, group_id, &groups, &count));
	for (size_t i = 0; err == OK && i < count; i++)
		err = stat_group(groups[i], series_id, out);
	live_groups_release(groups, count);
	return err < 0 ? err : out->points ? OK : ERR_NOT_FOUND;
}

/* --- an open series ------------------------------------------------------------------------ */

struct part {
	struct view view;
	struct text_info *info;
};

struct series_text {
	struct engine *engine;
	uint32_t policy_id, group_id, series_id;
	pthread_mutex_t lock; /* of all below */
	struct part *parts;   /* by time */
	size_t part_count;
	uint64_t bytes, version;
	bool left_behind; /* the series changed otherwise than at its end: it stays as it is */
};

static void parts_release(struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		view_release(&parts[i].view);
		text_info_release(parts[i].info);
	}
	free(parts);
}

static struct text_info *part_info(struct part *parts, size_t count, const struct live_group *group)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].view.group == group)
			return parts[i].info;
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
	TRY(groups_of(text->engine, text->policy_id, text->group_id, &groups, &count));
	uint64_t sequence = wal_sequence(text->engine->wal);
	parts = calloc(count + 1, sizeof(*parts));
	if (!parts)
		log_out_of_memory(count * sizeof(*parts));
	err = OK;
	for (size_t i = 0; err == OK && i < count; i++) {
		struct text_info *before = part_info(older, older_count, groups[i]);
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
		if (before && (!part_grown || (changed && before->points)))
			*grown = false;
		kept += before && before->points;
		changed |= part->info->bytes != (before ? before->bytes : 0);
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

static void text_adopt(struct series_text *text, struct part *parts, size_t count)
{
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
	parts_release(text->parts, text->part_count);
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
	if (err == OK && grown) {
		parts_release(text->parts, text->part_count);
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

/* What a part's bytes from `offset` on are being read into. */
struct window {
	uint64_t skip;	 /* bytes to leave out first */
	size_t wanted;	 /* bytes still to be taken */
	int64_t last_ns; /* rows after it are not of this snapshot's text */
	struct buf *out;
};

/* False: enough. */
static bool take_slab(struct window *window, const struct printer *printer, const struct slab *slab,
		      struct buf *line)
{
	for (size_t row = 0; row < slab->row_count && window->wanted; row++) {
		if (slab->times_ns[row] > window->last_ns)
			return false;
		buf_reset(line);
		print_row(printer, slab, row, line);
		if (window->skip >= line->length) {
			window->skip -= line->length;
			continue;
		}
		size_t length = line->length - window->skip;

		if (length > window->wanted)
			length = window->wanted;
		buf_append(window->out, line->data + window->skip, length);
		window->skip = 0;
		window->wanted -= length;
	}
	return window->wanted > 0;
}

static int read_part(struct series_text *text, struct part *part, uint64_t offset, size_t length,
		     struct buf *out)
{
	const struct checkpoint *from = checkpoint_before(part->info, offset);
	struct window window = { offset - from->offset, length, part->info->time_last_ns, out };
	struct live_database *database =
		engine_database(text->engine, part->view.group->database_id);
	struct printer printer;
	struct buf line = { 0 };
	struct scan *scan;
	struct slab slab;

	printer_init(&printer, database->index, text->series_id);
	int err = scan_open(&(struct scan_spec){ &part->view, text->series_id, printer.field_ids,
						 printer.field_count, from->time_ns, INT64_MAX,
						 false },
			    &scan);
	if (err == OK) {
		while ((err = scan_next(scan, &slab)) == OK)
			if (!take_slab(&window, &printer, &slab, &line))
				break;
		scan_close(scan);
	}
	buf_release(&line);
	printer_release(&printer);
	return err < 0 ? err : OK;
}

int series_text_read(struct series_text *text, uint64_t offset, size_t length, struct buf *out)
{
	int err = OK;

	pthread_mutex_lock(&text->lock);
	for (size_t i = 0; err == OK && i < text->part_count && length; i++) {
		struct part *part = &text->parts[i];

		if (offset >= part->info->bytes) {
			offset -= part->info->bytes;
			continue;
		}
		size_t here = part->info->bytes - offset < length
				      ? (size_t)(part->info->bytes - offset)
				      : length;
		err = read_part(text, part, offset, here, out);
		offset = 0;
		length -= here;
	}
	pthread_mutex_unlock(&text->lock);
	return err;
}
