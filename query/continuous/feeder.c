/*
 * An ungrouped continuous query at work: rows that were just stored become points of its targets.
 *
 * Why it is no run of the query: the rows are at hand, in the layouts in which they were written.
 * So a column is an index into a row, looked up once a layout and batch, and a series is known by
 * its number.
 *
 *	batch ─► series (a source? its tags) ─► layout (its columns) ─► WHERE, cells ─► into
 */
#include "query/continuous/feeder.h"

#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/map.h"
#include "query/base/pattern.h"
#include "query/expression/expr.h"
#include "query/expression/fold.h"
#include "query/expression/tag_filter.h"
#include "query/language/parser.h"
#include "query/language/source.h"
#include "query/statement/into.h"

/* Series that a feeder remembers, before it starts anew. */
#define FED_SERIES_MAX 200000u
#define PREFETCH_ROWS  8

/* A measurement (or a pattern of them) that feeds. */
struct fed_source {
	uint32_t database_id, policy_id;
	struct slice name; /* "" with a pattern */
	struct pattern *pattern;
};

/* What is remembered of a series: whether it feeds, and its tags. */
struct fed_series {
	uint32_t measurement_id;
	bool is_source;
	struct slice name;
	struct tag *tags; /* those that go on */
	size_t tag_count;
	struct tag *all_tags; /* those that can be asked for */
	size_t all_count;
	/* As it was begun last, in this batch with rows of this layout. */
	const struct into_head *head;
	uint64_t head_epoch, head_batch;
	uint32_t head_layout;
};

/* How the rows of a layout become columns. */
struct fed_column {
	struct slice name;
	const struct expr *expr; /* NULL: the field itself */
	uint32_t field;		 /* its index in the layout */
};
struct fed_layout {
	uint32_t batch; /* made for this one */
	struct fed_column *columns;
	size_t column_count;
	uint32_t *slots; /* field of the layout for each slot, or ID_NONE */
};

/* One thread's copy of a query. */
struct feeder {
	struct query_env env;
	struct diag diag;
	struct task task;
	struct arena arena;
	struct select_stmt *select;
	struct expr *condition; /* without its times; NULL = none */
	struct into *into;
	struct result result;
	struct fed_source *sources;
	size_t source_count;
	bool has_all_tags; /* GROUP BY *, or none */

	struct slice *slot_names;
	struct cell *slots, *cells;
	size_t slot_count, cell_capacity;

	struct arena series_arena;
	struct idmap series_ids; /* policy << 32 | series -> index in series */
	struct fed_series *series;
	size_t series_count, series_capacity;

	uint32_t batch;
	struct arena batch_arena;
	struct fed_layout *layouts;
	size_t layout_capacity;
};

/* --- opening a feeder ------------------------------------------------------------------------ */

static int refuse_source(struct feeder *feeder)
{
	return diag_set(&feeder->diag, ERR_INVALID,
			"a query without GROUP BY time() is fed by writes: from measurements, not "
			"from joins or subqueries");
}

/* Rights are those of the query's owner, not of the writer whose point it is. */
struct checker {
	const struct fanout_options *options;
	const struct object *query;
	uint32_t database_id;
};

static int check_access(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	const struct checker *checker = arg;
	const struct fanout_options *options = checker->options;

	if ((database_id == checker->database_id && !policy_id) || !options->check)
		return OK;
	return options->check(options->arg, checker->query, policy_id ? policy_id : database_id,
			      write);
}

/* The measurement may come later: a raw dotted name that is no path here is its name. */
static bool is_whole_name(struct feeder *feeder, const struct source *source)
{
	return source->whole_name.length &&
	       (source->path_error || !source_is_path(engine_catalog(feeder->env.engine),
						      feeder->env.database_id, source));
}

static int find_place(struct feeder *feeder, const struct source *source, bool is_whole,
		      struct fed_source *out)
{
	struct catalog *catalog = engine_catalog(feeder->env.engine);
	struct object database, policy;
	int err;

	TRY(task_database(&feeder->task, is_whole ? SLICE("") : source->database, false,
			  &database));
	out->database_id = database.id;
	if (!is_whole && source->policy.length) {
		TRY(task_policy(&feeder->task, database.id, source->policy, &policy));
		out->policy_id = policy.id;
		return task_policy_access(&feeder->task, database.id, policy.id, false);
	}
	err = catalog_default_policy(catalog, database.id, &policy);
	if (err < 0)
		return err == ERR_NOT_FOUND ? OK : err;
	out->policy_id = policy.id;
	return task_policy_access(&feeder->task, database.id, policy.id, false);
}

static int add_source(struct feeder *feeder, const struct source *source)
{
	bool is_whole = is_whole_name(feeder, source);
	struct fed_source *added;

	if (source->kind == SOURCE_MERGE) {
		for (size_t i = 0; i < source->part_count; i++)
			TRY(add_source(feeder, &source->parts[i]));
		return OK;
	}
	if (source->kind != SOURCE_MEASUREMENT)
		return refuse_source(feeder);
	feeder->sources =
		reallocarray(feeder->sources, feeder->source_count + 1, sizeof(*feeder->sources));
	if (!feeder->sources)
		log_out_of_memory(sizeof(*feeder->sources));
	added = &feeder->sources[feeder->source_count++];
	*added = (struct fed_source){ .name = is_whole ? source->whole_name : source->name };
	TRY(find_place(feeder, source, is_whole, added));
	if (!source->regex)
		return OK;
	return pattern_open(source->regex->regex.pattern, source->regex->regex.ignore_case,
			    &added->pattern, &feeder->diag);
}

/* Every name among the expressions gets a slot. */
static bool add_slot(void *arg, struct expr *expr)
{
	struct feeder *feeder = arg;

	if (expr->kind != EXPR_VARREF)
		return true;
	for (size_t i = 0; i < feeder->slot_count; i++)
		if (slice_equal(feeder->slot_names[i], expr->varref.name)) {
			expr->varref.slot = (int32_t)i;
			return true;
		}
	feeder->slot_names = reallocarray(feeder->slot_names, feeder->slot_count + 1,
					  sizeof(*feeder->slot_names));
	if (!feeder->slot_names)
		log_out_of_memory(sizeof(*feeder->slot_names));
	expr->varref.slot = (int32_t)feeder->slot_count;
	feeder->slot_names[feeder->slot_count++] = expr->varref.name;
	return true;
}

static int bind_expressions(struct feeder *feeder)
{
	struct select_stmt *select = feeder->select;
	struct fold fold = {
		.arena = &feeder->arena, .has_now = true, .has_math = true, .now_ns = env_now_ns()
	};
	struct bounds bounds;

	TRY(condition_split(&fold, select->condition, &bounds, &feeder->condition, &feeder->diag));
	TRY(tag_filter_prepare(feeder->condition, &feeder->diag));
	if (feeder->condition)
		expr_walk(feeder->condition, add_slot, feeder);
	for (size_t i = 0; i < select->field_count; i++)
		expr_walk(select->fields[i].expr, add_slot, feeder);
	feeder->slots = calloc(feeder->slot_count + 1, sizeof(*feeder->slots));
	if (!feeder->slots)
		log_out_of_memory(feeder->slot_count * sizeof(*feeder->slots));
	feeder->has_all_tags = select->dimension_count == 0;
	for (size_t i = 0; i < select->dimension_count; i++)
		feeder->has_all_tags |= select->dimensions[i]->kind == EXPR_WILDCARD;
	return OK;
}

static int feeder_prepare(struct feeder *feeder, const struct object *query)
{
	struct into_spec spec = { .skip = true, .copies_points = true, .feeds_nothing = true };
	struct continuous_stmt stored;

	TRY(parse_continuous_text(query->payload, &feeder->arena, &stored, &feeder->diag));
	feeder->select = stored.select;
	for (size_t i = 0; i < feeder->select->source_count; i++)
		TRY(add_source(feeder, &feeder->select->sources[i]));
	TRY(into_open(&feeder->task, feeder->select, &spec, &feeder->into, &feeder->result));
	return bind_expressions(feeder);
}

void feeder_close(struct feeder *feeder)
{
	into_close(feeder->into);
	if (feeder->condition)
		tag_filter_release(feeder->condition);
	for (size_t i = 0; i < feeder->source_count; i++)
		pattern_close(feeder->sources[i].pattern);
	free(feeder->sources);
	free(feeder->slot_names);
	free(feeder->slots);
	free(feeder->cells);
	free(feeder->series);
	free(feeder->layouts);
	free(feeder->env.access.arg);
	idmap_release(&feeder->series_ids);
	arena_release(&feeder->series_arena);
	arena_release(&feeder->batch_arena);
	arena_release(&feeder->arena);
	free(feeder);
}

int feeder_open(const struct fanout_options *options, const struct object *query,
		struct feeder **out)
{
	struct feeder *feeder = calloc(1, sizeof(*feeder));
	struct checker *checker = calloc(1, sizeof(*checker));
	struct object directory, database;

	if (!feeder || !checker)
		log_out_of_memory(sizeof(*feeder));
	*out = feeder;
	feeder->env = (struct query_env){ .engine = options->engine,
					  .limits = options->limits,
					  .access = { check_access, checker } };
	feeder->task = (struct task){ .env = &feeder->env,
				      .arena = &feeder->arena,
				      .diag = &feeder->diag };
	TRY(catalog_get(engine_catalog(feeder->env.engine), query->parent_id, &directory));
	TRY(catalog_get(engine_catalog(feeder->env.engine), directory.parent_id, &database));
	feeder->env.database_id = database.id;
	feeder->env.access.attrs = (struct attrs){ .mode = database.attrs.mode,
						   .uid = database.attrs.uid,
						   .gid = database.attrs.gid };
	*checker = (struct checker){ options, query, database.id };
	return feeder_prepare(feeder, query);
}

/* --- series and layouts ------------------------------------------------------------------------
 */

static bool is_source(struct feeder *feeder, const struct stored *stored, struct slice name)
{
	for (size_t i = 0; i < feeder->source_count; i++) {
		const struct fed_source *source = &feeder->sources[i];
		bool found = true;

		if (source->database_id != stored->database_id ||
		    (source->policy_id && source->policy_id != stored->policy_id))
			continue;
		if (!source->pattern ? slice_equal(source->name, name)
				     : pattern_find(source->pattern, name, &found) >= 0 && found)
			return true;
	}
	return false;
}

/* Tags that GROUP BY names stay on the points of the target. */
static bool goes_on(const struct feeder *feeder, struct slice key)
{
	for (size_t i = 0; !feeder->has_all_tags && i < feeder->select->dimension_count; i++) {
		const struct expr *dimension = feeder->select->dimensions[i];

		if (dimension->kind == EXPR_VARREF && slice_equal(dimension->varref.name, key))
			return true;
	}
	return feeder->has_all_tags;
}

static void set_tags(struct feeder *feeder, struct index *index, uint32_t series_id,
		     struct fed_series *out)
{
	struct tag tags[TAGS_PER_SERIES_MAX];

	out->all_count = index_series_tags(index, series_id, tags);
	out->all_tags =
		arena_alloc(&feeder->series_arena, 2 * (out->all_count + 1) * sizeof(*tags));
	out->tags = out->all_tags + out->all_count;
	memcpy(out->all_tags, tags, out->all_count * sizeof(*tags));
	for (size_t i = 0; i < out->all_count; i++)
		if (goes_on(feeder, tags[i].key))
			out->tags[out->tag_count++] = tags[i];
}

/* Found by number, or made; when too many are known all are forgotten, so memory is bounded. */
static struct fed_series *series_of(struct feeder *feeder, const struct stored *stored,
				    uint32_t series_id)
{
	uint64_t key = (uint64_t)stored->policy_id << 32 | series_id;
	uint32_t at = idmap_find(&feeder->series_ids, key);
	struct fed_series *series;

	if (at != MAP_NONE)
		return &feeder->series[at];
	if (feeder->series_count == FED_SERIES_MAX) {
		idmap_release(&feeder->series_ids);
		arena_reset(&feeder->series_arena);
		feeder->series_count = 0;
	}
	grow(&feeder->series, feeder->series_count, &feeder->series_capacity);
	idmap_set(&feeder->series_ids, key, (uint32_t)feeder->series_count);
	series = &feeder->series[feeder->series_count++];
	*series = (struct fed_series){ .measurement_id =
					       index_series_measurement(stored->index, series_id) };
	series->name = index_measurement_name(stored->index, series->measurement_id);
	series->is_source = is_source(feeder, stored, series->name);
	if (series->is_source)
		set_tags(feeder, stored->index, series_id, series);
	return series;
}

static void add_column(struct fed_layout *layout, struct slice name, const struct expr *expr,
		       uint32_t field)
{
	/* What stands twice is written once. */
	for (size_t i = 0; i < layout->column_count; i++)
		if (slice_equal(layout->columns[i].name, name))
			return;
	layout->columns[layout->column_count++] = (struct fed_column){ name, expr, field };
}

/* `*` and `/re/`: the fields of the layout. */
static void add_fields(struct feeder *feeder, const struct stored *stored, uint32_t measurement_id,
		       const struct layout *fields, const struct expr *expr, struct fed_layout *out)
{
	struct pattern *pattern = NULL;

	if (expr->kind == EXPR_REGEX &&
	    pattern_open(expr->regex.pattern, expr->regex.ignore_case, &pattern, NULL) < 0)
		return;
	for (uint32_t i = 0; i < fields->field_count; i++) {
		struct slice name =
			index_field_name(stored->index, measurement_id, fields->fields[i].field_id);
		bool found = true;

		if (!pattern || (pattern_find(pattern, name, &found) >= 0 && found))
			add_column(out, name, NULL, i);
	}
	pattern_close(pattern);
}

/* As a SELECT names it, and an expression without an alias is `expr`. */
static struct slice column_name(const struct field *field)
{
	if (field->alias.length)
		return field->alias;
	return field->expr->kind == EXPR_VARREF ? field->expr->varref.name : SLICE("expr");
}

/* Names of expressions that are fields of the layout; other names may be tags. */
static void set_slots(struct feeder *feeder, const struct stored *stored, uint32_t measurement_id,
		      const struct layout *fields, struct fed_layout *out)
{
	out->slots =
		arena_alloc(&feeder->batch_arena, (feeder->slot_count + 1) * sizeof(*out->slots));
	for (size_t i = 0; i < feeder->slot_count; i++) {
		uint32_t id;

		out->slots[i] = ID_NONE;
		if (index_field(stored->index, measurement_id, feeder->slot_names[i], false, &id) <
			    0 ||
		    id == ID_NONE)
			continue;
		for (uint32_t k = 0; k < fields->field_count; k++)
			if (fields->fields[k].field_id == id)
				out->slots[i] = k;
	}
}

/* Made once a batch: numbers of layouts mean others in the next one. */
static struct fed_layout *layout_of(struct feeder *feeder, const struct stored *stored,
				    uint32_t number, uint32_t measurement_id)
{
	const struct select_stmt *select = feeder->select;
	const struct layout *fields = stored->layouts[number];
	struct fed_layout *layout = &feeder->layouts[number];
	size_t most = select->field_count + (size_t)fields->field_count * select->field_count;

	if (layout->batch == feeder->batch)
		return layout;
	*layout = (struct fed_layout){ .batch = feeder->batch };
	layout->columns = arena_alloc(&feeder->batch_arena, (most + 1) * sizeof(*layout->columns));
	set_slots(feeder, stored, measurement_id, fields, layout);
	for (size_t i = 0; i < select->field_count; i++) {
		const struct field *field = &select->fields[i];

		if (field->expr->kind == EXPR_WILDCARD || field->expr->kind == EXPR_REGEX)
			add_fields(feeder, stored, measurement_id, fields, field->expr, layout);
		else if (!expr_is_time(field->expr))
			add_column(layout, column_name(field), field->expr, 0);
	}
	if (layout->column_count + 1 > feeder->cell_capacity) {
		feeder->cell_capacity = layout->column_count + 1;
		feeder->cells =
			reallocarray(feeder->cells, feeder->cell_capacity, sizeof(*feeder->cells));
		if (!feeder->cells)
			log_out_of_memory(feeder->cell_capacity * sizeof(*feeder->cells));
	}
	return layout;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static struct cell field_cell(const struct layout *fields, const struct memtable_row *row,
			      uint32_t field)
{
	return cell_of_value(fields->fields[field].type, row->values[field]);
}

/* A field hides a tag of the same name. */
static struct cell slot_cell(const struct feeder *feeder, const struct fed_series *series,
			     const struct fed_layout *layout, const struct layout *fields,
			     const struct memtable_row *row, size_t slot)
{
	if (layout->slots[slot] != ID_NONE)
		return field_cell(fields, row, layout->slots[slot]);
	for (size_t i = 0; i < series->all_count; i++)
		if (slice_equal(series->all_tags[i].key, feeder->slot_names[slot]))
			return cell_of_string(series->all_tags[i].value);
	return cell_null();
}

/* A series that was begun in this batch with the same columns is gone on with, not begun again. */
static int begin_series(struct feeder *feeder, struct fed_series *series,
			const struct fed_layout *layout, uint32_t number)
{
	if (series->head_batch == feeder->batch && series->head_layout == number &&
	    into_reopen(feeder->into, series->head, series->head_epoch))
		return OK;

	struct result_series begun = { .name = series->name,
				       .tags = series->tags,
				       .tag_count = series->tag_count,
				       .column_count = layout->column_count + 1 };
	struct slice *names =
		arena_alloc(&feeder->batch_arena, begun.column_count * sizeof(*names));

	names[0] = SLICE("time");
	for (size_t i = 0; i < layout->column_count; i++)
		names[i + 1] = layout->columns[i].name;
	begun.columns = names;
	TRY(feeder->result.ops->series_begin(feeder->result.arg, &begun));
	series->head = into_head(feeder->into, &series->head_epoch);
	series->head_batch = feeder->batch;
	series->head_layout = number;
	return OK;
}

/* Fill the cells; false: WHERE leaves the row out. */
static bool make_cells(struct feeder *feeder, const struct fed_series *series,
		       const struct fed_layout *layout, const struct layout *fields,
		       const struct memtable_row *row)
{
	struct eval eval = { .slots = feeder->slots };

	for (size_t i = 0; i < feeder->slot_count; i++)
		feeder->slots[i] = slot_cell(feeder, series, layout, fields, row, i);
	if (feeder->condition && !expr_is_true(feeder->condition, &eval))
		return false;
	feeder->cells[0] = (struct cell){ .type = CELL_TIME, .i = row->time_ns };
	for (size_t i = 0; i < layout->column_count; i++)
		feeder->cells[i + 1] = layout->columns[i].expr
					       ? expr_eval(layout->columns[i].expr, &eval)
					       : field_cell(fields, row, layout->columns[i].field);
	return true;
}

/* Layouts of the batch before are void: `batch` tells which were made in this one. */
static void begin_batch(struct feeder *feeder, const struct stored *stored)
{
	feeder->batch++;
	arena_reset(&feeder->batch_arena);
	feeder->diag = (struct diag){ 0 };
	if (stored->layout_count <= feeder->layout_capacity)
		return;
	feeder->layouts =
		reallocarray(feeder->layouts, stored->layout_count, sizeof(*feeder->layouts));
	if (!feeder->layouts)
		log_out_of_memory(stored->layout_count * sizeof(*feeder->layouts));
	memset(feeder->layouts + feeder->layout_capacity, 0,
	       (stored->layout_count - feeder->layout_capacity) * sizeof(*feeder->layouts));
	feeder->layout_capacity = stored->layout_count;
}

/*
 * A batch is larger than the cache that it was parsed in: without this a quarter of the time of a
 * feed went into waiting for values.
 */
static void prefetch(const struct stored *stored, size_t i)
{
	if (i + PREFETCH_ROWS < stored->row_count) {
		__builtin_prefetch(stored->rows[i + PREFETCH_ROWS].values);
		__builtin_prefetch((const char *)stored->rows[i + PREFETCH_ROWS].values + 64);
	}
}

int feeder_feed(struct feeder *feeder, const struct stored *stored)
{
	uint32_t open_series = ID_NONE, open_layout = ID_NONE;
	struct fed_series *series = NULL;

	begin_batch(feeder, stored);
	for (size_t i = 0; i < stored->row_count; i++) {
		const struct memtable_row *row = &stored->rows[i];
		struct fed_layout *layout;

		prefetch(stored, i);

		if (i == 0 || row->series_id != stored->rows[i - 1].series_id)
			series = series_of(feeder, stored, row->series_id);
		if (!series->is_source)
			continue;
		layout = layout_of(feeder, stored, row->layout, series->measurement_id);
		if (row->series_id != open_series || row->layout != open_layout)
			TRY(begin_series(feeder, series, layout, row->layout));
		open_series = row->series_id;
		open_layout = row->layout;
		if (make_cells(feeder, series, layout, stored->layouts[row->layout], row))
			TRY(feeder->result.ops->row(feeder->result.arg, feeder->cells));
	}
	return into_flush(feeder->into);
}

uint64_t feeder_written(const struct feeder *feeder)
{
	return into_written(feeder->into);
}

int feeder_refused(struct feeder *feeder, struct diag *diag)
{
	return into_refused(feeder->into, diag);
}

struct diag *feeder_diag(struct feeder *feeder)
{
	return &feeder->diag;
}
