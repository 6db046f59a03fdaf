/*
 * From lines of text to rows in the log and in memory.
 *
 * Why in batches: a record of the log, and a lock of a group, cost as much for one row as for many.
 * Lines are measured, parsed and resolved (series, fields, types, group) without
 * a group's lock, so that writers share no core; what is ready is a batch of
 * rows of one group, and is stored with one record when the group changes, the
 * batch is full or the text ends. A refused line is found before anything of
 * it is made, so it leaves nothing behind; what precedes it is stored first.
 *
 *	measure some lines ─► find their series at once ─► parse one, with the names
 *	that fields of its measurement had last ─► a row of the batch
 */
#include "engine/write/writer.h"

#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/counters.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/upkeep/flush.h"
#include "engine/upkeep/room.h"
#include "engine/write/writer_inner.h"

#define BATCH_POINTS_MAX     65536u
#define BATCH_TEXT_BYTES_MAX (4u << 20)
#define FED_TEXT_BYTES_MAX   (128u << 10) /* so that feeding begins soon */

/* --- life --------------------------------------------------------------------- */

int writer_open(struct engine *engine, const struct writer_options *options, struct writer **out)
{
	struct object object;
	struct writer *writer;

	TRY(catalog_get(engine->names.catalog, options->database_id, &object));
	if (engine->options.read_only)
		return ERR_READ_ONLY;
	writer = calloc(1, sizeof(*writer));
	if (!writer)
		return ERR_MEMORY;
	writer->engine = engine;
	writer->options = *options;
	int err = names_find_index(&engine->names, options->database_id, &writer->index);
	if (err < 0) {
		free(writer);
		return err;
	}
	writer->batch = 1;
	layouts_init(&writer->layouts, writer->index);
	writer->own = (struct index_found){ ID_NONE, ID_NONE };
	if (options->series_key.length) {
		writer->series_key = malloc(options->series_key.length);
		if (!writer->series_key)
			log_out_of_memory(options->series_key.length);
		memcpy(writer->series_key, options->series_key.data, options->series_key.length);
		writer->options.series_key.data = writer->series_key;
	}
	writer->lines = (struct line_context){
		.arena = &writer->now.arena,
		.time_unit_ns = options->time_unit_ns ? options->time_unit_ns : 1,
		.forms = options->scope == WRITE_ONE_SERIES ? LINE_FULL | LINE_SHORT : LINE_FULL,
	};
	*out = writer;
	return OK;
}

void writer_close(struct writer *writer)
{
	if (!writer)
		return;
	layouts_release(&writer->layouts);
	live_group_release(writer->group);
	line_context_release(&writer->lines);
	row_batch_release(&writer->now);
	feeding_close(writer->feeding);
	index_let_go(writer->index);
	free(writer->series_key);
	free(writer);
}

/* --- series and fields --------------------------------------------------------------- */

static struct slice line_key(const struct writer *writer, const struct line *line)
{
	return line->raw_key.length ? line->raw_key : writer->options.series_key;
}

/* A full line in a series file must carry the key of the file. */
static int check_own_key(struct writer *writer, const struct line *line, struct diag *diag)
{
	struct tag tags[TAGS_PER_SERIES_MAX];
	struct slice measurement;
	struct buf canonical = { 0 };
	size_t count;

	if (line->raw_key.length == 0 || slice_equal(line->raw_key, writer->options.series_key))
		return OK;
	TRY(line_parse_key(&writer->now.arena, line->raw_key, &measurement, tags, &count, diag));
	line_print_key(&canonical, measurement, tags, count);
	bool same = slice_equal(buf_slice(&canonical), writer->options.series_key);
	buf_release(&canonical);
	if (same)
		return OK;
	return diag_set_at(diag, ERR_INVALID, 1, 1, "the key is of another series, expected %.*s",
			   (int)(writer->options.series_key.length < 300
					 ? writer->options.series_key.length
					 : 300),
			   writer->options.series_key.data);
}

/* --- resolving ------------------------------------------------------------------------------ */

/* Numbers for the fields of the line; they live in the arena. */
static uint32_t *field_ids(struct writer *writer, size_t count)
{
	uint32_t *ids = arena_alloc_raw(&writer->now.arena, count * sizeof(*ids), sizeof(*ids));

	if (!ids)
		log_out_of_memory(count * sizeof(*ids));
	for (size_t i = 0; i < count; i++)
		ids[i] = ID_NONE;
	return ids;
}

/* The measurement's number; lines that follow one another mostly have the same. */
static uint32_t find_measurement(struct writer *writer, struct slice name)
{
	const struct known_layout *last = writer->layouts.met_last;

	return last && slice_equal(last->measurement, name)
		       ? last->measurement_id
		       : index_measurement_find(writer->index, name);
}

/* Has the group agreed to the types, and forgotten none since? */
static bool has_agreed(struct live_group *group, const struct known_layout *known)
{
	return known->typed_group_id == group->id &&
	       known->typed_epoch == atomic_load(&group->types_epoch);
}

/* What the line has, where the last one of its measurement had it, too, and the group agreed. */
static struct known_layout *met_again(struct writer *writer, const struct line *line,
				      uint32_t measurement_id)
{
	struct known_layout *known = layouts_last(&writer->layouts, measurement_id);

	return known && writer->group && has_agreed(writer->group, known) &&
			       known_layout_has_names(known, line->fields, line->field_count) &&
			       known_layout_has_types(known, line)
		       ? known
		       : NULL;
}

/*
 * A line of a series or with fields that nobody had before. Everything that can
 * refuse it is asked first; then series and fields are made.
 */
static int resolve_new(struct writer *writer, const struct line *line, struct index_found *found,
		       uint32_t *ids, struct known_layout **known, struct diag *diag)
{
	struct slice raw_key = line_key(writer, line), measurement;
	struct tag tags[TAGS_PER_SERIES_MAX];
	size_t tag_count;

	TRY(line_parse_key(&writer->now.arena, raw_key, &measurement, tags, &tag_count, diag));
	found->measurement_id = find_measurement(writer, measurement);
	*known = found->measurement_id == ID_NONE ? NULL
						  : met_again(writer, line, found->measurement_id);
	if (*known)
		return index_add_series(writer->index, raw_key, measurement, tags, tag_count,
					&found->series_id, diag);
	if (found->measurement_id != ID_NONE) {
		TRY(index_fields(writer->index, found->measurement_id, line->fields,
				 line->field_count, false, ids));
		if (writer->group)
			TRY(writer_check_types(writer, writer->group, found->measurement_id, line,
					       ids, false, diag));
	}
	TRY(index_add_series(writer->index, raw_key, measurement, tags, tag_count,
			     &found->series_id, diag));
	found->measurement_id = index_series_measurement(writer->index, found->series_id);
	return index_fields(writer->index, found->measurement_id, line->fields, line->field_count,
			    true, ids);
}

/* Of a series file there is one. What is not known by its bytes is looked for by resolve_new. */
static void find_own_series(struct writer *writer, struct index_found *found)
{
	if (found->series_id != ID_NONE || writer->options.scope != WRITE_ONE_SERIES)
		return;
	if (writer->own.series_id == ID_NONE)
		index_find(writer->index, &writer->options.series_key, 1, &writer->own);
	*found = writer->own;
}

/* The series of a line and its fields as a layout: guessed, looked up, or made. */
static int resolve(struct writer *writer, const struct line *line, struct index_found *found,
		   struct known_layout **out, struct diag *diag)
{
	uint32_t *ids;
	bool known = true;

	if (writer->options.scope == WRITE_ONE_SERIES)
		TRY(check_own_key(writer, line, diag));
	find_own_series(writer, found);
	*out = layouts_guessed(&writer->layouts, found->measurement_id, line);
	if (*out)
		return OK;
	ids = field_ids(writer, line->field_count);
	known = found->series_id != ID_NONE;
	if (known)
		TRY(index_fields(writer->index, found->measurement_id, line->fields,
				 line->field_count, false, ids));
	for (size_t i = 0; known && i < line->field_count; i++)
		known = ids[i] != ID_NONE;
	if (!known)
		TRY(resolve_new(writer, line, found, ids, out, diag));
	if (*out)
		return OK;
	*out = layouts_of(&writer->layouts, found->measurement_id, line, ids);
	writer->layouts.met_last = *out;
	return OK;
}

/* --- the batch ---------------------------------------------------------------------------- */

/* The layout's number in the batch; a copy, since another line may change the one that is known. */
static uint32_t batch_layout(struct writer *writer, struct known_layout *known)
{
	size_t bytes =
		sizeof(struct layout) + known->layout.field_count * sizeof(struct layout_field);
	struct layout *copy;

	if (known->batch == writer->batch)
		return known->batch_layout;
	grow(&writer->now.layouts, writer->now.layout_count, &writer->now.layout_capacity);
	copy = arena_need_raw(&writer->now.arena, bytes, 8);
	memcpy(copy, &known->layout, bytes);
	writer->now.layouts[writer->now.layout_count++] = copy;
	known->batch = writer->batch;
	known->batch_layout = (uint32_t)writer->now.layout_count - 1;
	return known->batch_layout;
}

/* Strings of the line lie in the arena of the batch, or in the caller's text, until it is stored.
 */
static void batch_add(struct writer *writer, uint32_t series_id, struct known_layout *known,
		      const struct line *line)
{
	union value *values =
		arena_need_raw(&writer->now.arena, line->field_count * sizeof(*values), 8);

	for (size_t i = 0; i < line->field_count; i++)
		values[i] = line->fields[i].value;
	grow(&writer->now.rows, writer->now.row_count, &writer->now.row_capacity);
	writer->now.rows[writer->now.row_count++] =
		(struct memtable_row){ series_id, batch_layout(writer, known), line->time_ns,
				       values };
	writer->field_count += line->field_count;
}

/*
 * Before the first line of a call: all that it stores lies on one side of any instant that is
 * frozen. Memory is waited for out here, and overrun by one call at most. What a feed writes is
 * within the call that fed it.
 */
static int begin(struct writer *writer, size_t bytes, struct diag *diag)
{
	writer->lost = false;
	TRY(room_take(writer->engine, bytes, diag));
	int err = gate_is_inside() ? OK : budget_wait(&writer->engine->budget);
	if (err < 0)
		return diag_set(diag, err, "%s", err_text(err));
	gate_enter(&writer->engine->gate);
	writer->arrival_ns = engine_arrival_ns(writer->engine);
	return OK;
}

/* --- a line ----------------------------------------------------------------------------------- */

/* Make writer->group the one for the line; the batch of another group is stored first. */
static int enter_group(struct writer *writer, int64_t time_ns, bool make, struct diag *diag)
{
	struct live_group *group;

	if (writer->group && !writer->group->dropped && live_group_holds(writer->group, time_ns) &&
	    writer->now.row_count > 0)
		return writer_check_retention(writer, time_ns, diag);
	TRY(writer_find_group(writer, time_ns, make, diag, &group));
	if (group == writer->group) {
		live_group_release(group);
		return OK;
	}
	int err = writer_store(writer);
	live_group_release(writer->group);
	writer->group = group;
	return err;
}

/* The caret of a time that is refused. */
static int at_time(const struct line *line, int err, struct diag *diag)
{
	if (err == ERR_RANGE && diag && diag->column == 0 && line->text.length)
		diag->column = line_time_column(line);
	return err;
}

static int add_line(struct writer *writer, struct line *line, struct index_found *found,
		    struct diag *diag)
{
	struct known_layout *known;

	if (!line->has_time)
		TRY(arrivals_of_line(writer->engine, &line->time_ns, diag));
	TRY(at_time(line, enter_group(writer, line->time_ns, false, diag), diag));
	TRY(resolve(writer, line, found, &known, diag));
	if (!writer->group)
		TRY(at_time(line, enter_group(writer, line->time_ns, true, diag), diag));
	if (writer->now.row_count == 0)
		writer->types_epoch = atomic_load(&writer->group->types_epoch);
	if (!has_agreed(writer->group, known)) {
		uint64_t epoch = atomic_load(&writer->group->types_epoch);
		uint32_t *ids = field_ids(writer, line->field_count);

		for (size_t i = 0; i < line->field_count; i++)
			ids[i] = known->layout.fields[i].field_id;
		TRY(writer_check_types(writer, writer->group, known->measurement_id, line, ids,
				       true, diag));
		known->typed_group_id = writer->group->id;
		known->typed_epoch = epoch;
	}
	batch_add(writer, found->series_id, known, line);
	return OK;
}

/* Parse and add; OK or END (nothing in it). */
static int parse_and_add(struct writer *writer, struct slice text, struct index_found *found,
			 struct diag *diag)
{
	struct line line;

	layouts_guess(&writer->layouts, found->measurement_id, &writer->lines);
	int err = line_parse(&writer->lines, text, &line, diag);
	return err == OK ? add_line(writer, &line, found, diag) : err;
}

static void pass_over(struct writer *writer, int err, struct diag *diag, struct slice line,
		      uint64_t number)
{
	diag->line = number;
	counter_add(COUNTER_LINES_REFUSED, 1);
	if (writer->options.on_bad)
		writer->options.on_bad(writer->options.on_bad_arg, err, diag, line);
	diag_reset(diag);
}

static bool is_lines_fault(int err)
{
	return err == ERR_INVALID || err == ERR_TYPE || err == ERR_RANGE || err == ERR_TOO_LONG;
}

/* What the loop over a text knows. */
struct progress {
	size_t at;	/* bytes gone through */
	size_t stored;	/* bytes that are stored or need no storing */
	uint64_t lines; /* gone through */
	uint64_t lines_stored;
	struct diag *diag;
};

static void note_stored(struct progress *progress)
{
	progress->stored = progress->at;
	progress->lines_stored = progress->lines;
}

static int check_length(const struct writer *writer, struct slice line, struct diag *diag)
{
	size_t bytes_max = writer->options.line_bytes_max;

	if (bytes_max == 0 || line.length <= bytes_max)
		return OK;
	return diag_set(diag, ERR_TOO_LONG, "a line of more than %zu bytes", bytes_max);
}

static int take_line(struct writer *writer, struct ahead *ahead, struct progress *progress)
{
	struct slice text = ahead->line;
	struct diag diag;
	int err;

	diag_reset(&diag);
	err = check_length(writer, text, &diag);
	if (err == OK)
		err = parse_and_add(writer, text, &ahead->found, &diag);
	if (err >= 0)
		return OK;
	if (writer->options.skip && is_lines_fault(err)) {
		pass_over(writer, err, &diag, text, progress->lines + 1);
		return OK;
	}
	counter_add(COUNTER_LINES_REFUSED, 1);
	diag.line = progress->lines + 1;
	if (progress->diag && !progress->diag->text[0])
		*progress->diag = diag;
	return err;
}

/* The next line of the text; END when it is not whole. */
static int next_line(struct writer *writer, struct slice text, bool final, size_t *length,
		     struct slice *line)
{
	TRY(line_measure_forms(text, writer->lines.forms, length));
	*line = slice_of(text.data, *length ? *length - 1 : 0);
	if (*length)
		return OK;
	if (!final || text.length == 0)
		return END;
	*length = text.length;
	*line = text;
	return OK;
}

/* Measure the lines that follow, and look for their series. OK, END or why the first has no end. */
static int look_ahead(struct writer *writer, struct slice text, bool final)
{
	struct slice keys[INDEX_FIND_MAX];
	struct index_found found[INDEX_FIND_MAX];
	size_t count = 0, at = 0;
	int err = OK;

	for (; count < INDEX_FIND_MAX; count++) {
		struct ahead *ahead = &writer->ahead[count];

		err = next_line(writer, slice_from(text, at), final, &ahead->length, &ahead->line);
		if (err != OK)
			break;
		at += ahead->length;
		/* A short form has no key, and what looks like one is something else. */
		keys[count] = writer->lines.forms & LINE_SHORT ? slice_of(text.data, 0)
							       : line_raw_key(ahead->line);
	}
	index_find(writer->index, keys, count, found);
	for (size_t i = 0; i < count; i++)
		writer->ahead[i].found =
			writer->options.scope == WRITE_ONE_SERIES ? writer->own : found[i];
	writer->ahead_count = count;
	writer->ahead_next = 0;
	return count ? OK : err;
}

static int take_lines(struct writer *writer, struct slice text, bool final,
		      struct progress *progress)
{
	writer->ahead_count = writer->ahead_next = 0;
	for (;;) {
		uint64_t stored_count = writer->stored_count;
		struct ahead *ahead;
		int err = OK;

		if (writer->ahead_next == writer->ahead_count)
			err = look_ahead(writer, slice_from(text, progress->at), final);
		if (err != OK)
			return err;
		ahead = &writer->ahead[writer->ahead_next++];
		if (writer->now.row_count == 0)
			arena_reset(&writer->now.arena);
		err = take_line(writer, ahead, progress);
		/* What came before this line was stored on the way to another group. */
		if (writer->stored_count != stored_count)
			note_stored(progress);
		if (err < 0)
			return err;
		progress->at += ahead->length;
		progress->lines++;
		if (writer->now.row_count < BATCH_POINTS_MAX &&
		    progress->at - progress->stored <
			    (writer->is_fed ? FED_TEXT_BYTES_MAX : BATCH_TEXT_BYTES_MAX))
			continue;
		TRY(writer_store_in_midst(writer));
		note_stored(progress);
	}
}

static int write_once(struct writer *writer, struct slice text, bool final, size_t *consumed,
		      uint64_t *lines, struct diag *diag)
{
	struct progress progress = { .diag = diag };
	int err, stored;

	*consumed = 0;
	*lines = 0;
	TRY(begin(writer, text.length, diag));
	err = take_lines(writer, text, final, &progress);
	stored = writer_store(writer);
	if (writer->feeding)
		feeding_wait(writer->feeding);
	gate_leave(&writer->engine->gate);
	if (!writer->lost)
		note_stored(&progress);
	if (stored < 0)
		err = stored;
	live_group_release(writer->group);
	writer->group = NULL;
	*consumed = progress.stored;
	*lines = progress.lines_stored;
	counter_add(COUNTER_TEXT_BYTES_TAKEN, progress.stored);
	if (err == OK || err == END)
		return OK;
	if (diag && !diag->text[0]) {
		diag_set(diag, err, "%s", err_text(err));
		diag->line = progress.lines_stored + 1;
	}
	return err;
}

/* The log or a quota is full, which no look at the disk had told: the rest once more behind a
 * flush.
 */
static int write_rest(struct writer *writer, struct slice text, bool final, size_t *consumed,
		      uint64_t *lines, struct diag *diag)
{
	size_t consumed_before = *consumed;
	uint64_t lines_before = *lines;

	if (diag)
		diag_reset(diag);
	int err =
		write_once(writer, slice_from(text, consumed_before), final, consumed, lines, diag);
	*consumed += consumed_before;
	*lines += lines_before;
	if (diag && diag->line)
		diag->line += lines_before;
	return err;
}

/* What is not on disk is not taken, also where a bad line ends what is. */
static int sync_taken(struct writer *writer, size_t *consumed, uint64_t *lines, struct diag *diag)
{
	int err = engine_sync(writer->engine);

	if (err < 0) {
		*consumed = 0;
		*lines = 0;
		if (diag) {
			diag_reset(diag);
			diag_set(diag, err, "the lines could not be synced: %s", err_text(err));
		}
	}
	return err;
}

int writer_write(struct writer *writer, struct slice text, bool final, size_t *consumed,
		 uint64_t *lines, struct diag *diag)
{
	int err = write_once(writer, text, final, consumed, lines, diag);

	if (err == ERR_SPACE && room_make(writer->engine))
		err = write_rest(writer, text, final, consumed, lines, diag);
	if (writer->engine->options.sync_writes && (err == OK || *consumed > 0))
		TRY(sync_taken(writer, consumed, lines, diag));
	return err;
}

/* --- points --------------------------------------------------------------------------------------
 */

/* What text could not have brought: it would not come back from text either. */
static int check_names(const struct new_point *point, struct diag *diag)
{
	const char *comma = slice_find(point->key, ',');
	bool is_bad =
		point->key.length == 0 || point->key.data[0] == '#' || slice_find(point->key, '\n');

	if (point->field_count > FIELDS_PER_LINE_MAX)
		return diag_set(diag, ERR_LIMIT, "too many fields in one point");
	if (slice_equal(point->fields[0].key, SLICE("time")))
		return diag_set(
			diag, ERR_INVALID,
			"invalid field name: input field \"time\" on measurement \"%.*s\" is "
			"invalid",
			(int)(comma ? comma - point->key.data : (ptrdiff_t)point->key.length),
			point->key.data);
	for (size_t i = 0; i < point->field_count && !is_bad; i++)
		is_bad = point->fields[i].key.length == 0 ||
			 memchr(point->fields[i].key.data, '\n', point->fields[i].key.length);
	return is_bad ? diag_set(diag, ERR_INVALID,
				 "a name is empty, begins with # or holds a newline")
		      : OK;
}

static int put_point(struct writer *writer, const struct new_point *point,
		     struct index_found *found, struct diag *diag)
{
	struct known_layout *known = layouts_last(&writer->layouts, found->measurement_id);
	struct line line = { .raw_key = point->key,
			     .fields = point->fields,
			     .field_count = point->field_count,
			     .has_time = true,
			     .time_ns = point->time_ns };

	if (known && known_layout_has_names(known, point->fields, point->field_count)) {
		line.guessed_count = point->field_count;
		writer->layouts.met_last = known;
	} else {
		TRY(check_names(point, diag));
	}
	return add_line(writer, &line, found, diag);
}

static int put_some(struct writer *writer, const struct new_point *points, size_t count,
		    struct diag *diag)
{
	struct slice keys[INDEX_FIND_MAX];
	struct index_found found[INDEX_FIND_MAX];

	for (size_t i = 0; i < count; i++)
		keys[i] = points[i].key;
	struct diag why;

	diag_reset(&why);
	index_find(writer->index, keys, count, found);
	for (size_t i = 0; i < count; i++) {
		int err;

		if (writer->now.row_count == 0)
			arena_reset(&writer->now.arena);
		err = put_point(writer, &points[i], &found[i], &why);
		if (err < 0 && (!writer->options.skip || !is_lines_fault(err))) {
			*diag = why;
			return err;
		}
		if (err < 0)
			pass_over(writer, err, &why, points[i].key, 0);
		if (writer->now.row_count >= BATCH_POINTS_MAX)
			TRY(writer_store(writer));
	}
	return OK;
}

int writer_put(struct writer *writer, const struct new_point *points, size_t count,
	       struct diag *diag)
{
	int err = OK, stored;

	/* About as much as text of them would take. */
	TRY(begin(writer, count * 64, diag));
	for (size_t at = 0; err == OK && at < count; at += INDEX_FIND_MAX)
		err = put_some(writer, points + at,
			       count - at < INDEX_FIND_MAX ? count - at : INDEX_FIND_MAX, diag);
	stored = writer_store(writer);
	gate_leave(&writer->engine->gate);
	if (err == OK)
		err = stored;
	live_group_release(writer->group);
	writer->group = NULL;
	if (err == OK && writer->engine->options.sync_writes)
		err = engine_sync(writer->engine);
	if (err < 0)
		diag_set(diag, err, "%s", err_text(err));
	return err;
}

/* --- a text whole --- */

int writer_gather(struct writer *writer, struct slice text, struct diag *diag)
{
	size_t at = 0, length;
	uint64_t number = 0;
	struct slice piece;
	int err;

	while ((err = next_line(writer, slice_from(text, at), true, &length, &piece)) == OK) {
		struct index_found found = { ID_NONE, ID_NONE };

		number++;
		find_own_series(writer, &found); /* so that names of fields are guessed */
		err = parse_and_add(writer, piece, &found, diag);
		if (err < 0) {
			if (diag)
				diag->line = number;
			return err;
		}
		at += length;
	}
	return err < 0 ? err : OK;
}
