/*
 * The engine against an array: random writes, overwrites, deletions,
 * replacements, flushes, rewrites, drops and restarts, after each of which cursors,
 * series as text, and what was opened before must say what the array says.
 *
 *	cells[series][minute][field] = { accepted, number }	accepted 0 = no value
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/number.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

#define SERIES	   4
#define MINUTES	   240 /* four groups of an hour */
#define FIELDS	   5
#define HELD_MAX   4
#define START_NS   (INT64_C(1700002800) * NS_PER_SECOND) /* on the hour */
#define TIME_OF(m) (START_NS + (int64_t)(m)*NS_PER_MINUTE)

static const char *const keys[SERIES] = { "m", "m,host=a", "m,host=b\\ c,zone=1", "other,x=1" };
/* By name, as they are listed. */
static const struct {
	const char *name;
	enum value_type type;
} fields[FIELDS] = {
	{ "bool", VALUE_BOOLEAN }, { "flt", VALUE_FLOAT },    { "int", VALUE_INTEGER },
	{ "str", VALUE_STRING },   { "uns", VALUE_UNSIGNED },
};

struct cell {
	uint64_t accepted;
	int64_t number; /* from which the value is made */
};
struct model {
	struct cell cells[SERIES][MINUTES][FIELDS];
	uint64_t clock;
};

/* What was opened earlier, and what it must go on saying. */
struct held {
	struct snapshot *snapshot;
	struct series_text *text;
	bool left_behind; /* the series changed otherwise than at the end of the text */
	unsigned series;
	struct model *model;
	struct buf expected;
};

struct world {
	char path[300];
	uint64_t random;
	struct engine *engine;
	uint32_t database_id, policy_id;
	struct model model;
	struct held held[HELD_MAX];
};

static uint64_t below(struct world *world, uint64_t limit)
{
	return test_random(&world->random) % limit;
}

/* --- values ------------------------------------------------------------------ */

static void print_value(struct buf *out, unsigned field, int64_t number)
{
	char text[FLOAT_BYTES_MAX];

	switch (fields[field].type) {
	case VALUE_BOOLEAN: buf_printf(out, "%s", number & 1 ? "true" : "false"); break;
	case VALUE_INTEGER: buf_printf(out, "%lldi", (long long)number - 50); break;
	case VALUE_UNSIGNED: buf_printf(out, "%lluu", (unsigned long long)number); break;
	case VALUE_STRING: buf_printf(out, "\"s\\\"%lld, \\\\=\"", (long long)number); break;
	default: buf_append(out, text, float_print(text, (double)number / 4 - 10)); break;
	}
}

static bool value_is(unsigned field, union value value, int64_t number)
{
	char text[64];

	switch (fields[field].type) {
	case VALUE_BOOLEAN: return value.bits == (uint64_t)(number & 1);
	case VALUE_INTEGER: return value.i == number - 50;
	case VALUE_UNSIGNED: return value.u == (uint64_t)number;
	case VALUE_STRING:
		snprintf(text, sizeof(text), "s\"%lld, \\=", (long long)number);
		return slice_equal(text_slice(value.s), slice_of_text(text));
	default: return value.f == (double)number / 4 - 10;
	}
}

static bool row_is_there(const struct model *model, unsigned series, unsigned minute)
{
	for (unsigned f = 0; f < FIELDS; f++)
		if (model->cells[series][minute][f].accepted)
			return true;
	return false;
}

static void print_row(struct buf *out, const struct model *model, unsigned series, unsigned minute)
{
	const char *separator = " ";

	buf_printf(out, "%s", keys[series]);
	for (unsigned f = 0; f < FIELDS; f++) {
		const struct cell *cell = &model->cells[series][minute][f];

		if (!cell->accepted)
			continue;
		buf_printf(out, "%s%s=", separator, fields[f].name);
		print_value(out, f, cell->number);
		separator = ",";
	}
	buf_printf(out, " %lld\n", (long long)TIME_OF(minute));
}

/* The series as text in [first, end). */
static size_t print_series(struct buf *out, const struct model *model, unsigned series,
			   unsigned first, unsigned end)
{
	size_t rows = 0;

	for (unsigned m = first; m < end; m++)
		if (row_is_there(model, series, m)) {
			print_row(out, model, series, m);
			rows++;
		}
	return rows;
}

/* --- opening -------------------------------------------------------------------- */

static void open_engine(struct world *world)
{
	struct engine_options options = { .path = world->path };
	struct diag diag = { 0 };

	if (!CHECK_INT(engine_open(&options, &world->engine, &diag), OK)) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	CHECK_INT(engine_start(world->engine), OK);
}

static void create(struct world *world)
{
	struct attrs attrs = { .mode = 0755 };
	struct policy_settings settings = { .shard_duration_ns = NS_PER_HOUR,
					    .shards = 1 + (uint32_t)below(world, 2),
					    .replication = 1,
					    .is_default = true };

	open_engine(world);
	CHECK_INT(engine_create_database(world->engine, SLICE("db"), &attrs, &world->database_id),
		  OK);
	CHECK_INT(engine_create_policy(world->engine, world->database_id, SLICE("hourly"),
				       &settings, &attrs, &world->policy_id),
		  OK);
}

static uint32_t series_id(struct world *world, unsigned series)
{
	struct index *index = engine_index(world->engine, world->database_id);
	uint32_t id = ID_NONE;

	CHECK_INT(index_series(index, slice_of_text(keys[series]), false, &id, NULL), OK);
	return id;
}

static uint32_t group_of(struct world *world, unsigned hour)
{
	struct object group;
	int err = catalog_find_group(engine_catalog(world->engine), world->policy_id,
				     TIME_OF(hour * 60) / NS_PER_SECOND, &group);

	return err == OK ? group.id : 0;
}

/* --- changing -------------------------------------------------------------------- */

static void random_line(struct world *world, struct buf *out, unsigned series, unsigned minute)
{
	unsigned set = 1 + (unsigned)below(world, (1 << FIELDS) - 1);
	unsigned turn = (unsigned)below(world, FIELDS);
	const char *separator = " ";

	if (below(world, 4))
		set = 1u << below(world, FIELDS) | 1u << 2;
	buf_printf(out, "%s", keys[series]);
	for (unsigned i = 0; i < FIELDS; i++) {
		unsigned f = (i + turn) % FIELDS;

		if (!(set >> f & 1))
			continue;
		struct cell *cell = &world->model.cells[series][minute][f];

		cell->accepted = ++world->model.clock;
		cell->number = (int64_t)below(world, 1000);
		buf_printf(out, "%s%s=", separator, fields[f].name);
		print_value(out, f, cell->number);
		separator = ",";
	}
	buf_printf(out, " %lld\n", (long long)TIME_OF(minute));
}

static void write_text(struct world *world, struct slice text)
{
	struct writer_options options = { .database_id = world->database_id,
					  .attrs = { .mode = 0755 } };
	struct writer *writer;
	struct diag diag = { 0 };
	size_t consumed;
	uint64_t lines;

	CHECK_INT(writer_open(world->engine, &options, &writer), OK);
	CHECK_INT(writer_write(writer, text, false, &consumed, &lines, &diag), OK);
	CHECK_STR(diag.text, "");
	CHECK_INT(consumed, text.length);
	writer_close(writer);
}

static void do_write(struct world *world)
{
	struct buf text = { 0 };
	unsigned count = 1 + (unsigned)below(world, below(world, 3) ? 8 : 120);
	unsigned minute = (unsigned)below(world, MINUTES);
	bool in_order = below(world, 2);

	for (unsigned i = 0; i < count; i++) {
		random_line(world, &text, (unsigned)below(world, SERIES), minute);
		minute = in_order ? (minute + 1) % MINUTES : (unsigned)below(world, MINUTES);
	}
	write_text(world, buf_slice(&text));
	buf_release(&text);
}

static void forget(struct world *world, unsigned series, unsigned first, unsigned end,
		   uint64_t accepted_until)
{
	for (unsigned m = first; m < end; m++)
		for (unsigned f = 0; f < FIELDS; f++)
			if (world->model.cells[series][m][f].accepted <= accepted_until)
				world->model.cells[series][m][f].accepted = 0;
}

static void do_remove(struct world *world)
{
	unsigned series = (unsigned)below(world, SERIES);
	unsigned first = (unsigned)below(world, MINUTES);
	unsigned end = first + 1 + (unsigned)below(world, MINUTES - first);
	unsigned hour = (unsigned)below(world, MINUTES / 60);
	uint32_t id = series_id(world, series), group_id = 0;

	if (id == ID_NONE)
		return;
	if (below(world, 2)) {
		group_id = group_of(world, hour);
		if (!group_id)
			return;
	}
	int64_t last_ns = below(world, 8) ? TIME_OF(end - 1) : TIME_MAX_NS;
	if (last_ns == TIME_MAX_NS)
		end = MINUTES;
	int err = engine_series_remove(world->engine, world->policy_id, group_id, id,
				       TIME_OF(first), last_ns);
	CHECK(err == OK || err == ERR_NOT_FOUND);
	if (group_id && first < hour * 60)
		first = hour * 60;
	if (group_id && end > hour * 60 + 60)
		end = hour * 60 + 60;
	if (first < end)
		forget(world, series, first, end, UINT64_MAX);
}

/* A group, the policy, or everything. */
static void do_compact(struct world *world)
{
	uint32_t group_id = group_of(world, (unsigned)below(world, 4));
	uint32_t ids[] = { 0, world->policy_id, group_id, group_id };

	CHECK_INT(engine_compact(world->engine, ids[below(world, 4)]), OK);
}

/* As a scratch file does: mark, let others write (and flush), then put the new text in place. */
static void do_replace(struct world *world)
{
	unsigned series = (unsigned)below(world, SERIES), hour = (unsigned)below(world, 4);
	uint32_t group_id = group_of(world, hour), id = series_id(world, series);
	struct writer_options options = { .database_id = world->database_id,
					  .policy_id = world->policy_id,
					  .group_id = group_id,
					  .scope = WRITE_ONE_SERIES,
					  .series_id = id,
					  .series_key = slice_of_text(keys[series]),
					  .attrs = { .mode = 0755 } };
	struct buf text = { 0 };
	struct diag diag = { 0 };

	if (!group_id)
		return;
	uint64_t cut = engine_cut(world->engine, group_id), accepted = world->model.clock;
	if (below(world, 2))
		do_write(world);
	if (below(world, 2))
		CHECK_INT(engine_flush(world->engine), OK);
	if (below(world, 2))
		do_write(world);
	if (below(world, 2))
		do_compact(world);
	forget(world, series, hour * 60, hour * 60 + 60, accepted);
	for (uint64_t i = below(world, 30); i; i--)
		random_line(world, &text, series, hour * 60 + (unsigned)below(world, 60));
	CHECK_INT(engine_series_replace(world->engine, &options, cut, buf_slice(&text), &diag), OK);
	CHECK_STR(diag.text, "");
	engine_cut_release(world->engine, group_id, cut);
	buf_release(&text);
}

static void do_drop(struct world *world)
{
	unsigned hour = (unsigned)below(world, 4);
	uint32_t group_id = group_of(world, hour);

	if (!group_id || below(world, 4))
		return;
	CHECK_INT(engine_drop(world->engine, group_id), OK);
	for (unsigned series = 0; series < SERIES; series++)
		forget(world, series, hour * 60, hour * 60 + 60, UINT64_MAX);
}

/* --- asking by cursor ----------------------------------------------------------------- */

struct question {
	unsigned series, first, end; /* minutes [first, end) */
	unsigned asked[FIELDS];
	unsigned asked_count;
	bool descending;
};

static bool row_is_asked(const struct model *model, const struct question *q, unsigned minute)
{
	for (unsigned i = 0; i < q->asked_count; i++)
		if (model->cells[q->series][minute][q->asked[i]].accepted)
			return true;
	return q->asked_count == 0 && row_is_there(model, q->series, minute);
}

/* The next minute that must come, or -1. */
static int next_minute(const struct model *model, const struct question *q, int before)
{
	int step = q->descending ? -1 : 1;

	for (int m = before + step; m >= (int)q->first && m < (int)q->end; m += step)
		if (row_is_asked(model, q, (unsigned)m))
			return m;
	return -1;
}

static void check_row(const struct model *model, const struct question *q,
		      const struct batch *batch, size_t row, unsigned minute)
{
	CHECK_INT((batch->times_ns[row] - START_NS) / NS_PER_MINUTE, minute);
	for (unsigned i = 0; i < q->asked_count; i++) {
		const struct cell *cell = &model->cells[q->series][minute][q->asked[i]];
		const struct batch_column *column = &batch->columns[i];

		if (!CHECK_INT(column_has(column, row), cell->accepted != 0) || !cell->accepted)
			continue;
		CHECK_INT(column->type, fields[q->asked[i]].type);
		CHECK(value_is(q->asked[i], column->values[row], cell->number));
	}
}

static void check_batch(const struct model *model, const struct question *q,
			const struct batch *batch, int *minute)
{
	int64_t hour = (batch->times_ns[0] - START_NS) / NS_PER_HOUR;

	CHECK(batch->row_count > 0 && batch->row_count <= BATCH_ROWS_MAX);
	CHECK_INT(batch->column_count, q->asked_count);
	for (size_t row = 0; row < batch->row_count; row++) {
		CHECK_INT((batch->times_ns[row] - START_NS) / NS_PER_HOUR, hour);
		*minute = next_minute(model, q, *minute);
		if (!CHECK(*minute >= 0))
			return;
		check_row(model, q, batch, row, (unsigned)*minute);
	}
}

static void ask(struct world *world, struct snapshot *snapshot, const struct model *model,
		const struct question *q)
{
	struct index *index = snapshot_index(snapshot);
	uint32_t id = series_id(world, q->series), ids[FIELDS];
	struct rows_stream *stream;
	struct batch batch;
	int err, minute = q->descending ? (int)q->end : (int)q->first - 1;

	if (id == ID_NONE)
		return;
	for (unsigned i = 0; i < q->asked_count; i++)
		index_field(index, index_series_measurement(index, id),
			    slice_of_text(fields[q->asked[i]].name), false, &ids[i]);
	struct rows_spec spec = { .policy_id = world->policy_id,
				  .series_id = id,
				  .field_ids = ids,
				  .field_count = q->asked_count,
				  .time_first_ns = TIME_OF(q->first),
				  .time_last_ns = TIME_OF(q->end) - 1,
				  .descending = q->descending };
	CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK);
	while ((err = rows_next(stream, &batch)) == OK)
		check_batch(model, q, &batch, &minute);
	CHECK_INT(err, END);
	CHECK_INT(next_minute(model, q, minute), -1);
	rows_close(stream);
}

/* The series that have a row are listed, and no others. */
static void ask_series(struct world *world, struct snapshot *snapshot, const struct model *model)
{
	uint32_t *ids;
	size_t count, expected = 0;

	CHECK_INT(snapshot_series(snapshot, world->policy_id, ID_NONE, TIME_MIN_NS, TIME_MAX_NS,
				  &ids, &count),
		  OK);
	for (unsigned series = 0; series < SERIES; series++) {
		bool there = false, listed = false;
		uint32_t id = series_id(world, series);

		for (unsigned m = 0; m < MINUTES; m++)
			there |= row_is_there(model, series, m);
		for (size_t i = 0; i < count; i++)
			listed |= ids[i] == id;
		CHECK_INT(listed, there);
		expected += there;
	}
	CHECK_INT(count, expected);
	free(ids);
}

static void ask_all(struct world *world, struct snapshot *snapshot, const struct model *model)
{
	ask_series(world, snapshot, model);
	for (unsigned series = 0; series < SERIES; series++) {
		struct question q = { .series = series, .end = MINUTES };
		unsigned start = (unsigned)below(world, FIELDS);

		q.descending = below(world, 2);
		q.asked_count = (unsigned)below(world, FIELDS + 1);
		for (unsigned i = 0; i < q.asked_count; i++)
			q.asked[i] = (start + i * 2) % FIELDS;
		if (below(world, 2)) {
			q.first = (unsigned)below(world, MINUTES);
			q.end = q.first + 1 + (unsigned)below(world, MINUTES - q.first);
		}
		ask(world, snapshot, model, &q);
	}
}

/* --- asking for text --------------------------------------------------------------------- */

static void check_text(struct world *world, struct series_text *text, const struct buf *expected)
{
	struct buf got = { 0 };
	uint64_t offset = expected->length ? below(world, expected->length) : 0;
	size_t length = 1 + below(world, 300);

	CHECK_INT(series_text_bytes(text), expected->length);
	CHECK_INT(series_text_read(text, 0, expected->length + 10, &got), OK);
	test_check_text(got.data, got.length, expected->data, expected->length, __FILE__, __LINE__,
			"the whole text");
	buf_reset(&got);
	CHECK_INT(series_text_read(text, offset, length, &got), OK);
	if (length > expected->length - offset)
		length = expected->length - offset;
	test_check_text(got.data, got.length, expected->data + offset, length, __FILE__, __LINE__,
			"a part of the text");
	buf_release(&got);
}

static void check_stat(struct world *world, uint32_t id, unsigned series, uint32_t group_id,
		       unsigned first, unsigned end)
{
	struct buf expected = { 0 };
	struct series_stat stat;
	struct series_text *text;
	size_t rows = print_series(&expected, &world->model, series, first, end);
	int err = engine_series_stat(world->engine, world->policy_id, group_id, id, &stat);

	if (!CHECK_INT(err, rows ? OK : ERR_NOT_FOUND) || err < 0)
		goto out;
	CHECK_INT(stat.text_bytes, expected.length);
	CHECK_INT(stat.points, rows);
	CHECK(stat.disk_bytes > 0);
	CHECK(stat.mtime_ns > 0);
	CHECK_INT(series_text_open(world->engine, world->policy_id, group_id, id, &text), OK);
	check_text(world, text, &expected);
	series_text_close(text);
out:
	buf_release(&expected);
}

static void check_stats(struct world *world)
{
	for (unsigned series = 0; series < SERIES; series++) {
		uint32_t id = series_id(world, series);

		if (id == ID_NONE)
			continue;
		check_stat(world, id, series, 0, 0, MINUTES);
		for (unsigned hour = 0; hour < 4; hour++)
			if (group_of(world, hour))
				check_stat(world, id, series, group_of(world, hour), hour * 60,
					   hour * 60 + 60);
	}
}

static bool any_row(const struct model *model, unsigned series, unsigned hour)
{
	for (unsigned m = hour * 60; m < hour * 60 + 60; m++)
		if (row_is_there(model, series, m))
			return true;
	return false;
}

static void check_lists(struct world *world)
{
	for (unsigned hour = 0; hour < 4; hour++) {
		uint32_t group_id = group_of(world, hour), *ids;
		size_t count, expected = 0;
		bool empty;

		if (!group_id)
			continue;
		CHECK_INT(engine_group_series(world->engine, world->policy_id, group_id, &ids,
					      &count),
			  OK);
		for (unsigned series = 0; series < SERIES; series++)
			expected += any_row(&world->model, series, hour);
		CHECK_INT(count, expected);
		for (size_t i = 1; i < count; i++)
			CHECK(ids[i - 1] < ids[i]);
		free(ids);
		CHECK_INT(engine_group_is_empty(world->engine, group_id, &empty), OK);
		CHECK_INT(empty, expected == 0);
	}
}

/* --- what is held open --------------------------------------------------------------------- */

static void hold(struct world *world)
{
	struct held *held = &world->held[below(world, HELD_MAX)];
	unsigned series = (unsigned)below(world, SERIES);
	uint32_t id = series_id(world, series);

	if (held->snapshot || id == ID_NONE)
		return;
	CHECK_INT(snapshot_open(world->engine, world->database_id, &held->snapshot), OK);
	held->model = malloc(sizeof(*held->model));
	*held->model = world->model;
	held->series = series;
	held->expected = (struct buf){ 0 };
	if (print_series(&held->expected, &world->model, series, 0, MINUTES))
		CHECK_INT(series_text_open(world->engine, world->policy_id, 0, id, &held->text),
			  OK);
}

static void check_held(struct world *world, struct held *held)
{
	if (!held->snapshot)
		return;
	ask_all(world, held->snapshot, held->model);
	if (held->text)
		check_text(world, held->text, &held->expected);
}

/* It takes in what came behind its end, until something else changes. */
static void grow_held(struct world *world, struct held *held)
{
	struct buf now = { 0 };

	if (!held->text)
		return;
	print_series(&now, &world->model, held->series, 0, MINUTES);
	held->left_behind |= now.length < held->expected.length ||
			     memcmp(now.data, held->expected.data, held->expected.length) != 0;
	CHECK_INT(series_text_grow(held->text), OK);
	if (!held->left_behind) {
		buf_reset(&held->expected);
		buf_append_slice(&held->expected, buf_slice(&now));
	}
	check_text(world, held->text, &held->expected);
	buf_release(&now);
}

static void let_go(struct held *held)
{
	if (!held->snapshot)
		return;
	snapshot_close(held->snapshot);
	if (held->text)
		series_text_close(held->text);
	buf_release(&held->expected);
	free(held->model);
	*held = (struct held){ 0 };
}

static void let_all_go(struct world *world)
{
	for (unsigned i = 0; i < HELD_MAX; i++)
		let_go(&world->held[i]);
}

static void do_reopen(struct world *world)
{
	let_all_go(world);
	CHECK_INT(engine_close(world->engine), OK);
	open_engine(world);
}

/* --- the walk --------------------------------------------------------------------------------- */

static void step(struct world *world)
{
	struct held *held = &world->held[below(world, HELD_MAX)];

	switch (below(world, 17)) {
	case 0: do_remove(world); break;
	case 1: do_replace(world); break;
	case 2: CHECK_INT(engine_flush(world->engine), OK); break;
	case 3: hold(world); break;
	case 4: check_held(world, held); break;
	case 5: let_go(held); break;
	case 6: grow_held(world, held); break;
	case 7:
		if (below(world, 4) == 0)
			do_reopen(world);
		break;
	case 8: do_drop(world); break;
	case 9: do_compact(world); break;
	default: do_write(world); break;
	}
}

static void check_now(struct world *world)
{
	struct snapshot *snapshot;

	CHECK_INT(snapshot_open(world->engine, world->database_id, &snapshot), OK);
	ask_all(world, snapshot, &world->model);
	snapshot_close(snapshot);
	check_stats(world);
	check_lists(world);
}

static void walk(uint64_t seed, unsigned steps)
{
	struct world *world = calloc(1, sizeof(*world));

	snprintf(world->path, sizeof(world->path), "%s", test_dir());
	world->random = seed;
	create(world);
	for (unsigned i = 0; i < steps; i++) {
		step(world);
		if (below(world, 3) == 0)
			check_now(world);
	}
	check_now(world);
	do_reopen(world);
	check_now(world);
	CHECK_INT(engine_close(world->engine), OK);
	free(world);
}

TEST(engine_model__random_work_says_what_an_array_says)
{
	uint64_t seed = test_seed();

	for (unsigned i = 0; i < 6; i++)
		walk(test_random(&seed), 150);
}
