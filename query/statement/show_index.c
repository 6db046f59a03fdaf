/*
 * Why: the tables of what is measured: measurements, series, tags, fields, and
 * how many of them there are. All of them walk one scope, a measurement at a
 * time, so that memory is bounded by the largest measurement.
 */
#include <stdlib.h>

#include "engine/base/bits.h"
#include "engine/base/when.h"

#include "query/base/pattern.h"
#include "query/statement/scope.h"
#include "query/statement/show.h"

/* --- limits, and series that begin with their first row --------------------- */

/* LIMIT and OFFSET over rows that come one by one. */
struct page {
	int64_t skip, left; /* left < 0: no limit */
};

static struct page page_of(const struct show_stmt *show)
{
	return (struct page){ show->offset, show->limit ? show->limit : -1 };
}

static bool page_takes(struct page *page)
{
	if (page->skip > 0) {
		page->skip--;
		return false;
	}
	if (page->left == 0)
		return false;
	if (page->left > 0)
		page->left--;
	return true;
}

/* A series that is there only if it has a row. */
struct lazy_series {
	struct task *task;
	struct slice name;
	const struct slice *columns;
	size_t column_count;
	struct page page;
	bool has_begun;
};

static int lazy_row(struct lazy_series *lazy, const struct cell *cells)
{
	if (!page_takes(&lazy->page))
		return OK;
	if (!lazy->has_begun)
		TRY(task_series_begin(lazy->task, lazy->name, lazy->columns, lazy->column_count));
	lazy->has_begun = true;
	return task_row(lazy->task, cells);
}

static int lazy_end(struct lazy_series *lazy)
{
	return lazy->has_begun ? task_series_end(lazy->task) : OK;
}

/* --- scopes ----------------------------------------------------------------- */

/* SHOW with a time, and what counts exactly, is a SELECT to InfluxDB. */
static enum tag_filter_mode mode_of(enum statement_kind kind, struct expr *condition)
{
	switch (kind) {
	case STATEMENT_SHOW_SERIES:
		return scope_names_time(condition) ? TAG_FILTER_SELECT : TAG_FILTER_SHOW;
	case STATEMENT_SHOW_TAG_KEYS:
	case STATEMENT_SHOW_TAG_VALUES: return TAG_FILTER_KEYS;
	case STATEMENT_SHOW_SERIES_CARDINALITY:
	case STATEMENT_SHOW_MEASUREMENT_CARDINALITY:
	case STATEMENT_SHOW_TAG_KEY_CARDINALITY:
	case STATEMENT_SHOW_TAG_VALUES_CARDINALITY:
	case STATEMENT_SHOW_FIELD_KEY_CARDINALITY: return TAG_FILTER_SELECT;
	default: return TAG_FILTER_SHOW;
	}
}

static int scope_of(struct task *task, struct scope *scope)
{
	const struct show_stmt *show = &task->statement->show;

	return scope_open(
		task,
		&(struct scope_spec){
			.database = show->database,
			.sources = show->sources,
			.source_count = show->source_count,
			.condition = show->condition,
			.mode = mode_of(task->statement->kind, show->condition),
			.ignores_policies = task->statement->kind == STATEMENT_SHOW_TAG_KEYS ||
					    task->statement->kind == STATEMENT_SHOW_TAG_VALUES,
		},
		scope);
}

/* A statement that goes measurement by measurement. */
static int for_measurements(struct task *task,
			    int (*each)(struct task *task, struct scope *scope,
					const struct scope_measurement *measurement))
{
	struct scope scope;
	int err = scope_of(task, &scope);

	for (size_t i = 0; err >= 0 && i < scope.measurement_count; i++) {
		err = task_check(task);
		if (err >= 0)
			err = each(task, &scope, &scope.measurements[i]);
	}
	scope_close(&scope);
	return err;
}

static int refuse_time(struct task *task, const char *statement)
{
	if (!scope_names_time(task->statement->show.condition))
		return OK;
	return diag_set(task->diag, ERR_INVALID, "%s doesn't support time in WHERE clause",
			statement);
}

/* --- measurements ------------------------------------------------------------ */

/* For a database that is not there InfluxDB answers nothing here, not an error. */
static bool is_absent(struct task *task)
{
	struct slice name = task->statement->show.database;
	struct object unused;

	return name.length &&
	       catalog_find(task_catalog(task), OBJECT_ROOT_ID, name, &unused) == ERR_NOT_FOUND;
}

typedef int measurement_taken(void *arg, const struct scope_measurement *measurement);

/* The measurements that WITH leaves, and of which WHERE leaves a series: those of SHOW SERIES. */
static int walk_measurements(struct task *task, measurement_taken *taken, void *arg)
{
	struct show_stmt *show = &task->statement->show;
	bool has_with = show->measurement != NULL;
	struct source with = has_with ? *show->measurement : (struct source){ 0 };
	struct scope_spec spec = { .database = show->database,
				   .sources = has_with ? &with : show->sources,
				   .source_count = has_with ? 1 : show->source_count,
				   .condition = show->condition,
				   .mode = TAG_FILTER_MEASUREMENTS,
				   .ignores_policies = has_with };
	struct scope scope;
	int err;

	with.database = SLICE(""); /* InfluxDB looks at the name alone */
	err = scope_open(task, &spec, &scope);
	for (size_t i = 0; err >= 0 && i < scope.measurement_count; i++)
		err = taken(arg, &scope.measurements[i]);
	scope_close(&scope);
	return err;
}

static int print_measurement(void *arg, const struct scope_measurement *measurement)
{
	struct cell cell = cell_string(measurement->name);

	return lazy_row(arg, &cell);
}

int show_measurements(struct task *task)
{
	static const struct slice columns[] = { SLICE("name") };
	struct lazy_series lazy = { task, SLICE("measurements"),	   columns,
				    1,	  page_of(&task->statement->show), false };

	if (is_absent(task))
		return OK;
	TRY(refuse_time(task, "SHOW MEASUREMENTS"));
	TRY(walk_measurements(task, print_measurement, &lazy));
	return lazy_end(&lazy);
}

/* --- series ------------------------------------------------------------------ */

static int compare_slices(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The keys of a measurement's series, sorted; in the arena, which the caller resets. */
static int keys_of(struct scope *scope, const struct scope_measurement *measurement,
		   struct arena *arena, struct slice **out)
{
	struct slice *keys = arena_alloc(arena, measurement->series_count * sizeof(*keys));
	struct buf key = { 0 };

	for (size_t i = 0; keys && i < measurement->series_count; i++) {
		buf_reset(&key);
		index_series_key(scope->index, measurement->series_ids[i], &key);
		keys[i] = arena_copy(arena, buf_slice(&key));
		if (!keys[i].data)
			keys = NULL;
	}
	buf_release(&key);
	if (!keys)
		return ERR_LIMIT;
	qsort(keys, measurement->series_count, sizeof(*keys), compare_slices);
	*out = keys;
	return OK;
}

static int print_keys(struct task *task, struct scope *scope,
		      const struct scope_measurement *measurement, struct pattern *pattern,
		      struct lazy_series *lazy)
{
	struct arena arena = { .bytes_max = task->arena->bytes_max };
	struct slice *keys;
	int err = keys_of(scope, measurement, &arena, &keys);

	for (size_t i = 0; err >= 0 && i < measurement->series_count; i++) {
		struct cell cell = cell_string(keys[i]);
		bool takes = true;

		if (pattern)
			err = pattern_find(pattern, keys[i], &takes);
		if (err >= 0 && takes)
			err = lazy_row(lazy, &cell);
	}
	arena_release(&arena);
	return err;
}

static int print_series(struct task *task, struct slice name, const struct slice *column,
			struct pattern *pattern)
{
	struct lazy_series lazy = { task, name, column, 1, page_of(&task->statement->show), false };
	struct scope scope;
	int err = scope_of(task, &scope);

	for (size_t i = 0; err >= 0 && i < scope.measurement_count && lazy.page.left != 0; i++) {
		err = task_check(task);
		if (err >= 0)
			err = print_keys(task, &scope, &scope.measurements[i], pattern, &lazy);
	}
	if (err >= 0)
		err = lazy_end(&lazy);
	scope_close(&scope);
	return err;
}

int show_series(struct task *task)
{
	static const struct slice column = SLICE("key");

	return print_series(task, SLICE(""), &column, NULL);
}

/* list series [/re/]: 0.8's name for the same list */
int show_series_old(struct task *task)
{
	static const struct slice column = SLICE("name");
	const struct expr *regex = task->statement->show.regex;
	struct pattern *pattern = NULL;
	int err;

	if (regex)
		TRY(pattern_open(regex->regex.pattern, regex->regex.ignore_case, &pattern,
				 task->diag));
	err = print_series(task, SLICE("list_series_result"), &column, pattern);
	pattern_close(pattern);
	return err;
}

/* --- tag keys ----------------------------------------------------------------- */

/* The tag keys that a measurement's series have, sorted. */
static int tag_keys_of(struct task *task, struct scope *scope,
		       const struct scope_measurement *measurement, struct slice **out,
		       size_t *count)
{
	uint32_t key_count = index_tag_key_count(scope->index, measurement->id);
	struct slice *keys = arena_alloc(task->arena, (key_count + 1) * sizeof(*keys));

	if (!keys)
		return ERR_LIMIT;
	*count = 0;
	for (uint32_t key = 0; key < key_count; key++)
		for (size_t i = 0; i < measurement->series_count; i++)
			if (index_series_tag(scope->index, measurement->series_ids[i], key) !=
			    ID_NONE) {
				keys[(*count)++] =
					index_tag_key_name(scope->index, measurement->id, key);
				break;
			}
	qsort(keys, *count, sizeof(*keys), compare_slices);
	*out = keys;
	return OK;
}

static int print_tag_keys(struct task *task, struct scope *scope,
			  const struct scope_measurement *measurement)
{
	static const struct slice columns[] = { SLICE("tagKey") };
	struct lazy_series lazy = {
		task, measurement->name, columns, 1, page_of(&task->statement->show), false
	};
	struct slice *keys;
	size_t count;

	TRY(tag_keys_of(task, scope, measurement, &keys, &count));
	for (size_t i = 0; i < count; i++) {
		struct cell cell = cell_string(keys[i]);

		TRY(lazy_row(&lazy, &cell));
	}
	return lazy_end(&lazy);
}

int show_tag_keys(struct task *task)
{
	return for_measurements(task, print_tag_keys);
}

/* --- tag values ---------------------------------------------------------------- */

static bool is_listed(struct slice key, const struct expr *list)
{
	for (size_t i = 0; i < list->list.count; i++)
		if (slice_equal(key, list->list.items[i]))
			return true;
	return false;
}

/* Does WITH KEY mean this one? */
static int key_is_wanted(struct task *task, struct slice key, bool *yes)
{
	const struct show_stmt *show = &task->statement->show;

	switch (show->key_op) {
	case TOKEN_EQ: *yes = slice_equal(key, show->key->string); return OK;
	case TOKEN_NEQ: *yes = !slice_equal(key, show->key->string); return OK;
	case TOKEN_IN: *yes = is_listed(key, show->key); return OK;
	default:
		TRY(pattern_find(show->key->regex.program, key, yes));
		*yes = *yes == (show->key_op == TOKEN_EQ_REGEX);
		return OK;
	}
}

/* The values of one key that a measurement's series have, sorted. */
static int tag_values_of(struct task *task, struct scope *scope,
			 const struct scope_measurement *measurement, uint32_t key,
			 struct slice **out, size_t *count)
{
	uint32_t value_count = index_tag_value_count(scope->index, measurement->id, key);
	uint64_t *seen = arena_alloc(task->arena, (value_count / 64 + 1) * sizeof(*seen));
	struct slice *values = arena_alloc(task->arena, (value_count + 1) * sizeof(*values));

	if (!seen || !values)
		return ERR_LIMIT;
	*count = 0;
	for (size_t i = 0; i < measurement->series_count; i++) {
		uint32_t value = index_series_tag(scope->index, measurement->series_ids[i], key);

		if (value >= value_count || bit_is_set(seen, value))
			continue;
		bit_set(seen, value);
		values[(*count)++] =
			index_tag_value_name(scope->index, measurement->id, key, value);
	}
	qsort(values, *count, sizeof(*values), compare_slices);
	*out = values;
	return OK;
}

typedef int values_taken(void *arg, struct slice key, const struct slice *values, size_t count);

/* Calls `taken` for each wanted key that has values, keys in order. */
static int walk_tag_values(struct task *task, struct scope *scope,
			   const struct scope_measurement *measurement, values_taken *taken,
			   void *arg)
{
	struct slice *keys, *values;
	size_t key_count, count;

	TRY(tag_keys_of(task, scope, measurement, &keys, &key_count));
	for (size_t i = 0; i < key_count; i++) {
		uint32_t key = index_tag_key_find(scope->index, measurement->id, keys[i]);
		bool wanted;

		TRY(key_is_wanted(task, keys[i], &wanted));
		if (!wanted)
			continue;
		TRY(tag_values_of(task, scope, measurement, key, &values, &count));
		TRY(taken(arg, keys[i], values, count));
	}
	return OK;
}

static int print_values(void *arg, struct slice key, const struct slice *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct cell cells[] = { cell_string(key), cell_string(values[i]) };

		TRY(lazy_row(arg, cells));
	}
	return OK;
}

static int print_tag_values(struct task *task, struct scope *scope,
			    const struct scope_measurement *measurement)
{
	static const struct slice columns[] = { SLICE("key"), SLICE("value") };
	struct lazy_series lazy = {
		task, measurement->name, columns, 2, page_of(&task->statement->show), false
	};

	TRY(walk_tag_values(task, scope, measurement, print_values, &lazy));
	return lazy_end(&lazy);
}

/* WITH KEY =~ /re/ is compiled once for all measurements. */
static int with_key_pattern(struct task *task,
			    int (*each)(struct task *task, struct scope *scope,
					const struct scope_measurement *measurement))
{
	struct expr *key = task->statement->show.key;
	int err = tag_filter_prepare(key, task->diag);

	if (err >= 0)
		err = for_measurements(task, each);
	tag_filter_release(key);
	return err;
}

int show_tag_values(struct task *task)
{
	return with_key_pattern(task, print_tag_values);
}

/* --- fields --------------------------------------------------------------------- */

struct shown_field {
	struct slice name;
	unsigned types; /* 1 << enum value_type */
};

static int compare_fields(const void *a, const void *b)
{
	const struct shown_field *x = a, *y = b;

	return slice_compare(x->name, y->name);
}

/* Its types in the policies that FROM names, else in the default one. */
static int field_types_of(struct task *task, struct scope *scope,
			  const struct scope_measurement *measurement, uint32_t field,
			  unsigned *types)
{
	const struct show_stmt *show = &task->statement->show;
	size_t source = 0;

	*types = 0;
	do {
		struct object policy = { 0 };
		unsigned more = 0;

		if (show->source_count && show->sources[source].policy.length)
			TRY(task_policy(task, scope->database.id, show->sources[source].policy,
					&policy));
		else if (catalog_default_policy(task_catalog(task), scope->database.id, &policy) <
			 0)
			policy.id = 0;
		if (policy.id && !task_may(task, scope->database.id, policy.id, false))
			continue;
		TRY(snapshot_field_types(scope->snapshot, policy.id, measurement->id, field,
					 TIME_MIN_NS, TIME_MAX_NS, &more));
		*types |= more;
	} while (++source < show->source_count);
	return OK;
}

static int fields_of(struct task *task, struct scope *scope,
		     const struct scope_measurement *measurement, struct shown_field **out,
		     size_t *count)
{
	uint32_t field_count = index_field_count(scope->index, measurement->id);
	struct shown_field *fields = arena_alloc(task->arena, (field_count + 1) * sizeof(*fields));

	if (!fields)
		return ERR_LIMIT;
	*count = 0;
	for (uint32_t i = 0; i < field_count; i++) {
		unsigned types = 0;

		TRY(field_types_of(task, scope, measurement, i, &types));
		if (types)
			fields[(*count)++] = (struct shown_field){
				index_field_name(scope->index, measurement->id, i), types
			};
	}
	qsort(fields, *count, sizeof(*fields), compare_fields);
	*out = fields;
	return OK;
}

static int print_field(struct lazy_series *lazy, const struct shown_field *field)
{
	static const enum value_type order[] = { VALUE_BOOLEAN, VALUE_FLOAT, VALUE_INTEGER,
						 VALUE_STRING, VALUE_UNSIGNED };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct cell cells[] = { cell_string(field->name),
					cell_string(slice_of_text(value_type_name(order[i]))) };

		if (field->types & 1u << order[i])
			TRY(lazy_row(lazy, cells));
	}
	return OK;
}

static int print_field_keys(struct task *task, struct scope *scope,
			    const struct scope_measurement *measurement)
{
	static const struct slice columns[] = { SLICE("fieldKey"), SLICE("fieldType") };
	struct lazy_series lazy = {
		task, measurement->name, columns, 2, page_of(&task->statement->show), false
	};
	struct shown_field *fields;
	size_t count;

	TRY(fields_of(task, scope, measurement, &fields, &count));
	for (size_t i = 0; i < count; i++)
		TRY(print_field(&lazy, &fields[i]));
	return lazy_end(&lazy);
}

int show_field_keys(struct task *task)
{
	return for_measurements(task, print_field_keys);
}

/* --- cardinalities ---------------------------------------------------------------- */

static const struct slice count_column = SLICE("count");
static const struct slice estimation_column = SLICE("cardinality estimation");

static bool is_estimation(const struct show_stmt *show)
{
	return !show->is_exact && !show->source_count && !show->condition &&
	       !show->dimension_count && !show->limit && !show->offset;
}

static int refuse_grouping(struct task *task)
{
	if (task->statement->show.dimension_count == 0)
		return OK;
	return diag_set(task->diag, ERR_INVALID,
			"GROUP BY is not taken here: count with SHOW SERIES or SHOW TAG VALUES "
			"and a WHERE for each group");
}

static int print_count(struct task *task, struct slice name, uint64_t count)
{
	struct cell cell = cell_integer((int64_t)count);

	/* LIMIT and OFFSET count the rows of each series, and this is its only one. */
	if (count == 0 || task->statement->show.offset > 0)
		return OK;
	TRY(task_series_begin(task, name, &count_column, 1));
	TRY(task_row(task, &cell));
	return task_series_end(task);
}

static int print_series_count(struct task *task, struct scope *scope,
			      const struct scope_measurement *measurement)
{
	return print_count(task, measurement->name, measurement->series_count);
}

int show_series_cardinality(struct task *task)
{
	struct scope scope;
	uint64_t count = 0;
	int err;

	TRY(refuse_grouping(task));
	if (!is_estimation(&task->statement->show)) {
		TRY(refuse_time(task, "SHOW SERIES EXACT CARDINALITY"));
		return for_measurements(task, print_series_count);
	}
	if (is_absent(task))
		return task_count(task, estimation_column, 0);
	err = scope_of(task, &scope);
	for (size_t i = 0; err >= 0 && i < scope.measurement_count; i++)
		count += scope.measurements[i].series_count;
	scope_close(&scope);
	TRY(err);
	return task_count(task, estimation_column, count);
}

int show_measurement_cardinality(struct task *task)
{
	bool estimates = is_estimation(&task->statement->show);
	uint64_t count = 0;

	TRY(refuse_grouping(task));
	if (!(estimates && is_absent(task))) {
		struct scope scope;
		int err;

		TRY(refuse_time(task, "SHOW MEASUREMENT EXACT CARDINALITY"));
		err = scope_of(task, &scope);
		count = scope.measurement_count;
		scope_close(&scope);
		TRY(err);
	}
	if (estimates)
		return task_count(task, estimation_column, count);
	return print_count(task, SLICE(""), count);
}

static int print_tag_key_count(struct task *task, struct scope *scope,
			       const struct scope_measurement *measurement)
{
	struct slice *keys;
	size_t count;

	TRY(tag_keys_of(task, scope, measurement, &keys, &count));
	return print_count(task, measurement->name, count);
}

int show_tag_key_cardinality(struct task *task)
{
	TRY(refuse_grouping(task));
	TRY(refuse_time(task, "SHOW TAG KEY EXACT CARDINALITY"));
	return for_measurements(task, print_tag_key_count);
}

struct value_list {
	struct arena *arena;
	struct slice *values;
	size_t count, capacity;
};

static int add_values(void *arg, struct slice key, const struct slice *values, size_t count)
{
	struct value_list *list = arg;

	for (size_t i = 0; i < count; i++) {
		list->values = arena_grow(list->arena, list->values, list->count, &list->capacity,
					  sizeof(*list->values));
		if (!list->values)
			return ERR_LIMIT;
		list->values[list->count++] = values[i];
	}
	return OK;
}

/* A value that several keys have is one. */
static int print_tag_value_count(struct task *task, struct scope *scope,
				 const struct scope_measurement *measurement)
{
	struct value_list list = { .arena = task->arena };
	uint64_t count = 0;

	TRY(walk_tag_values(task, scope, measurement, add_values, &list));
	if (list.count)
		qsort(list.values, list.count, sizeof(*list.values), compare_slices);
	for (size_t i = 0; i < list.count; i++)
		count += i == 0 || !slice_equal(list.values[i], list.values[i - 1]);
	return print_count(task, measurement->name, count);
}

int show_tag_values_cardinality(struct task *task)
{
	TRY(refuse_grouping(task));
	return with_key_pattern(task, print_tag_value_count);
}

static int print_field_count(struct task *task, struct scope *scope,
			     const struct scope_measurement *measurement)
{
	struct shown_field *fields;
	size_t count;

	TRY(fields_of(task, scope, measurement, &fields, &count));
	return print_count(task, measurement->name, count);
}

int show_field_key_cardinality(struct task *task)
{
	TRY(refuse_grouping(task));
	TRY(refuse_time(task, "SHOW FIELD KEY CARDINALITY"));
	return for_measurements(task, print_field_count);
}
