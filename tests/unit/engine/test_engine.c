/*
 * The engine against the naive database: an array of values and a loop. Random
 * writes, overwrites, late points, deletions, flushes and reopenings; after
 * each, every series is read through rows_next(), both ways, and as text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/number.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

#define SERIES 4
#define FIELDS 3
#define TIMES  60
#define STEP   (NS_PER_HOUR * 7)

static const char *const field_names[FIELDS] = { "c", "a", "b" };
static const enum value_type field_types[FIELDS] = { VALUE_INTEGER, VALUE_FLOAT, VALUE_STRING };

struct model_value {
	bool has;
	int64_t number;
};
static struct model_value model[SERIES][TIMES][FIELDS];

static struct engine *engine;
static uint32_t database_id;

static bool open_engine(const char *dir)
{
	struct engine_options options = { .path = dir };
	struct diag diag = { 0 };

	if (engine_open(&options, &engine, &diag) < 0 || engine_start(engine) < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return false;
	}
	return true;
}

static bool create_database(void)
{
	struct attrs attrs = { .mode = 0755 };

	return engine_create_database(engine, SLICE("db"), &attrs, &database_id) == OK;
}

static int write_text(struct slice text, size_t *consumed, struct diag *diag)
{
	struct writer_options options = { .database_id = database_id,
					  .attrs = { .mode = 0755 },
					  .series_id = ID_NONE };
	struct writer *writer;
	uint64_t lines;

	TRY(writer_open(engine, &options, &writer));
	int err = writer_write(writer, text, true, consumed, &lines, diag);
	writer_close(writer);
	return err;
}

static int write_line(const char *text)
{
	size_t consumed;

	return write_text(slice_of_text(text), &consumed, NULL);
}

static uint32_t policy_id(void)
{
	struct object policy;

	return catalog_default_policy(engine_catalog(engine), database_id, &policy) == OK
		       ? policy.id
		       : 0;
}

static void print_value(struct buf *out, int field, int64_t number)
{
	if (field == 0)
		buf_printf(out, "c=%lldi", (long long)number);
	else if (field == 1)
		buf_printf(out, "a=%lld.5", (long long)number);
	else
		buf_printf(out, "b=\"s%lld\"", (long long)number);
}

static void write_some(uint64_t *state)
{
	struct buf text = { 0 };
	struct diag diag = { 0 };
	size_t consumed;

	for (int n = (int)(test_random(state) % 30); n >= 0; n--) {
		int series = (int)(test_random(state) % SERIES),
		    time = (int)(test_random(state) % TIMES);
		bool any = false;

		buf_printf(&text, "m,s=%d ", series);
		for (int field = 0; field < FIELDS; field++) {
			if (test_random(state) % 2 && (any || field < FIELDS - 1))
				continue;
			int64_t number = (int64_t)(test_random(state) % 1000);

			if (any)
				buf_append_byte(&text, ',');
			any = true;
			print_value(&text, field, number);
			model[series][time][field] = (struct model_value){ true, number };
		}
		buf_printf(&text, " %lld\n", (long long)(time * STEP));
	}
	CHECK_INT(write_text(buf_slice(&text), &consumed, &diag), OK);
	CHECK_INT(consumed, text.length);
	if (diag.text[0])
		fprintf(stderr, "%s\n", diag.text);
	buf_release(&text);
}

static uint32_t series_number(int series)
{
	char key[16];
	uint32_t id;

	snprintf(key, sizeof(key), "m,s=%d", series);
	CHECK_INT(index_series(engine_index(engine, database_id), slice_of_text(key), false, &id,
			       NULL),
		  OK);
	return id;
}

static void remove_some(uint64_t *state)
{
	int series = (int)(test_random(state) % SERIES);
	int64_t first = (int64_t)(test_random(state) % TIMES);
	int64_t last = first + (int64_t)(test_random(state) % 10);
	uint32_t id = series_number(series);

	if (id == ID_NONE)
		return;
	int err = engine_series_remove(engine, policy_id(), 0, id, first * STEP, last * STEP);
	CHECK(err == OK || err == ERR_NOT_FOUND);
	for (int64_t time = first; time <= last && time < TIMES; time++)
		memset(model[series][time], 0, sizeof(model[series][time]));
}

static bool model_has_row(int series, int time)
{
	for (int field = 0; field < FIELDS; field++)
		if (model[series][time][field].has)
			return true;
	return false;
}

static void check_value(const struct batch_column *column, size_t row, int field,
			const struct model_value *want)
{
	char text[32];

	if (!CHECK_INT(column_has(column, row), want->has) || !want->has)
		return;
	CHECK_INT(column->type, field_types[field]);
	union value value = column->values[row];
	snprintf(text, sizeof(text), "s%lld", (long long)want->number);
	if (field == 0)
		CHECK_INT(value.i, want->number);
	else if (field == 1)
		CHECK(value.f == (double)want->number + 0.5);
	else
		CHECK_SLICE(text_slice(value.s), text);
}

static void check_cursor(struct snapshot *snapshot, int series, uint32_t id, bool descending)
{
	struct index *index = snapshot_index(snapshot);
	uint32_t measurement = index_series_measurement(index, id), fields[FIELDS];
	struct rows_stream *stream;
	struct batch batch;
	int time = descending ? TIMES : -1;

	for (int field = 0; field < FIELDS; field++)
		if (index_field(index, measurement, slice_of_text(field_names[field]), false,
				&fields[field]) < 0 ||
		    fields[field] == ID_NONE)
			return; /* not written yet: the next round sees it */
	struct rows_spec spec = { .policy_id = policy_id(),
				  .series_id = id,
				  .field_ids = fields,
				  .field_count = FIELDS,
				  .time_first_ns = INT64_MIN,
				  .time_last_ns = INT64_MAX,
				  .descending = descending };
	if (!CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK))
		return;
	while (rows_next(stream, &batch) == OK)
		for (size_t row = 0; row < batch.row_count; row++) {
			do {
				time += descending ? -1 : 1;
			} while (time >= 0 && time < TIMES && !model_has_row(series, time));
			if (!CHECK(time >= 0 && time < TIMES))
				break;
			CHECK_INT(batch.times_ns[row], time * STEP);
			for (int field = 0; field < FIELDS; field++)
				check_value(&batch.columns[field], row, field,
					    &model[series][time][field]);
		}
	do {
		time += descending ? -1 : 1;
	} while (time >= 0 && time < TIMES && !model_has_row(series, time));
	CHECK(time < 0 || time >= TIMES);
	rows_close(stream);
}

static void model_text(int series, struct buf *out)
{
	static const int by_name[FIELDS] = { 1, 2, 0 };

	for (int time = 0; time < TIMES; time++) {
		bool any = false;

		if (!model_has_row(series, time))
			continue;
		buf_printf(out, "m,s=%d ", series);
		for (int i = 0; i < FIELDS; i++) {
			const struct model_value *value = &model[series][time][by_name[i]];

			if (!value->has)
				continue;
			if (any)
				buf_append_byte(out, ',');
			any = true;
			print_value(out, by_name[i], value->number);
		}
		buf_printf(out, " %lld\n", (long long)(time * STEP));
	}
}

static void check_text(int series, uint32_t id, uint64_t *state)
{
	struct buf want = { 0 }, got = { 0 };
	struct series_text *text;
	struct series_stat stat;

	model_text(series, &want);
	int err = engine_series_stat(engine, policy_id(), 0, id, &stat);
	CHECK_INT(err, want.length ? OK : ERR_NOT_FOUND);
	if (want.length && CHECK_INT(series_text_open(engine, policy_id(), 0, id, &text), OK)) {
		CHECK_INT(stat.text_bytes, want.length);
		CHECK_INT(series_text_bytes(text), want.length);
		size_t offset = test_random(state) % want.length;
		size_t length = test_random(state) % 200;
		CHECK_INT(series_text_read(text, offset, length, &got), OK);
		if (length > want.length - offset)
			length = want.length - offset;
		CHECK(slice_equal(buf_slice(&got), slice_of(want.data + offset, length)));
		buf_reset(&got);
		CHECK_INT(series_text_read(text, 0, 1 << 20, &got), OK);
		CHECK_SLICE(buf_slice(&got), buf_text(&want));
		series_text_close(text);
	}
	buf_release(&want);
	buf_release(&got);
}

static void check_all(uint64_t *state)
{
	struct snapshot *snapshot;

	if (!CHECK_INT(snapshot_open(engine, database_id, &snapshot), OK))
		return;
	for (int series = 0; series < SERIES; series++) {
		uint32_t id = series_number(series);

		if (id == ID_NONE)
			continue;
		check_cursor(snapshot, series, id, false);
		check_cursor(snapshot, series, id, true);
		check_text(series, id, state);
	}
	snapshot_close(snapshot);
}

TEST(engine__does_what_an_array_and_a_loop_would_do)
{
	uint64_t state = test_seed();
	char dir[300];

	snprintf(dir, sizeof(dir), "%s", test_dir());
	REQUIRE(open_engine(dir) && create_database());
	for (int round = 0; round < 250; round++) {
		unsigned dice = test_random(&state) % 20;

		if (dice < 13)
			write_some(&state);
		else if (dice < 16)
			remove_some(&state);
		else if (dice < 18)
			CHECK_INT(engine_flush(engine), OK);
		else {
			CHECK_INT(engine_close(engine), OK);
			REQUIRE(open_engine(dir));
		}
		check_all(&state);
	}
	CHECK_INT(engine_close(engine), OK);
}

TEST(engine__what_was_accepted_survives_the_process)
{
	uint64_t state = test_seed();
	char dir[300];
	int status;

	memset(model, 0, sizeof(model));
	snprintf(dir, sizeof(dir), "%s", test_dir());
	for (int round = 0; round < 10; round++) {
		uint64_t child_state = state;

		/* The child dies without a word; the parent makes the same writes in its model
		 * alone. */
		pid_t child = fork();
		if (child == 0) {
			if (!open_engine(dir) || (round == 0 && !create_database()))
				_exit(1);
			database_id = database_id ? database_id : 2;
			for (int i = 0; i < 5; i++) {
				write_some(&child_state);
				if (test_random(&child_state) % 4 == 0)
					engine_flush(engine);
			}
			_exit(0);
		}
		REQUIRE(waitpid(child, &status, 0) == child && status == 0);
		struct engine *none = engine = NULL;
		(void)none;
		REQUIRE(open_engine(dir));
		struct object database;
		REQUIRE(catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, SLICE("db"),
				     &database) == OK);
		database_id = database.id;
		for (int i = 0; i < 5; i++) {
			write_some(&state);
			test_random(&state);
		}
		check_all(&child_state);
		CHECK_INT(engine_close(engine), OK);
	}
}

TEST(engine__a_bad_line_stops_exactly_there)
{
	struct diag diag = { 0 };
	size_t consumed;

	REQUIRE(open_engine(test_dir()) && create_database());
	CHECK_INT(write_text(SLICE("m v=1 1\nm v=2 2\nm v=oops 3\nm v=4 4\n"), &consumed, &diag),
		  ERR_INVALID);
	CHECK_INT(consumed, 16);
	CHECK_INT(diag.line, 3);
	CHECK_INT(diag.column, 5);
	memset(&diag, 0, sizeof(diag));
	CHECK_INT(write_text(SLICE("m v=5 5\nn w=1,v=2i 6\nm w=1,v=2i,x=1 6\n"), &consumed, &diag),
		  ERR_TYPE);
	CHECK_INT(consumed, 21);
	CHECK_STR(diag.text, "field type conflict: input field \"v\" on measurement \"m\" is type "
			     "integer, already exists as type float");
	/* A refused line leaves nothing: its new field x is not there, and w may still be anything.
	 */
	CHECK_INT(write_line("m w=\"text\" 7"), OK);
	uint32_t x;
	struct index *index = engine_index(engine, database_id);
	CHECK_INT(index_field(index, index_measurement_find(index, SLICE("m")), SLICE("x"), false,
			      &x),
		  OK);
	CHECK_INT(x, ID_NONE);
	CHECK_INT(write_line("late,t=1 v=1i 1"), OK);
	CHECK_INT(write_line("late,t=2 v=1.5 1"), ERR_TYPE);
	uint32_t series;
	CHECK_INT(index_series(index, SLICE("late,t=2"), false, &series, NULL), OK);
	CHECK_INT(series, ID_NONE);
	CHECK_INT(engine_close(engine), OK);
}

TEST(engine__arrival_times_never_collide_not_even_over_a_restart)
{
	char dir[300];

	snprintf(dir, sizeof(dir), "%s", test_dir());
	REQUIRE(open_engine(dir) && create_database());
	int64_t first = engine_arrival_ns(engine);
	CHECK(engine_arrival_ns(engine) > first);
	CHECK_INT(write_line("m v=1\nm v=2\nm v=3"), OK);
	struct series_stat stat;
	uint32_t id;
	REQUIRE(index_series(engine_index(engine, database_id), SLICE("m"), false, &id, NULL) ==
		OK);
	CHECK_INT(engine_series_stat(engine, policy_id(), 0, id, &stat), OK);
	CHECK_INT(stat.points, 3);
	int64_t last = engine_arrival_ns(engine);
	CHECK_INT(engine_close(engine), OK);
	REQUIRE(open_engine(dir));
	CHECK(engine_arrival_ns(engine) > last);
	CHECK_INT(engine_close(engine), OK);
}

TEST(engine__a_dropped_group_is_gone_and_an_open_snapshot_reads_on)
{
	struct snapshot *snapshot;
	struct object group;
	struct rows_stream *stream;
	struct batch batch;
	uint32_t id, field = 0;

	REQUIRE(open_engine(test_dir()) && create_database());
	CHECK_INT(write_line("m v=1 5"), OK);
	CHECK_INT(engine_flush(engine), OK);
	CHECK_INT(write_line("m v=2 6"), OK);
	REQUIRE(index_series(engine_index(engine, database_id), SLICE("m"), false, &id, NULL) ==
		OK);
	uint32_t policy = policy_id();
	REQUIRE(catalog_find_group(engine_catalog(engine), policy, 0, &group) == OK);
	REQUIRE(snapshot_open(engine, database_id, &snapshot) == OK);
	CHECK_INT(engine_drop(engine, group.id), OK);
	CHECK_INT(engine_series_stat(engine, policy, 0, id, &(struct series_stat){ 0 }),
		  ERR_NOT_FOUND);
	struct rows_spec spec = { .policy_id = policy,
				  .series_id = id,
				  .field_ids = &field,
				  .field_count = 1,
				  .time_first_ns = INT64_MIN,
				  .time_last_ns = INT64_MAX };
	REQUIRE(rows_open(snapshot_rows(snapshot), &spec, &stream) == OK);
	size_t rows = 0;
	while (rows_next(stream, &batch) == OK)
		rows += batch.row_count;
	CHECK_INT(rows, 2);
	rows_close(stream);
	snapshot_close(snapshot);
	/* The same window again is a new, empty group. */
	CHECK_INT(write_line("m v=3i 7"), OK);
	CHECK_INT(engine_close(engine), OK);
}

TEST(engine__replacing_a_series_keeps_what_came_after_the_cut)
{
	struct series_text *text;
	struct object group;
	struct buf got = { 0 };
	uint32_t id;

	REQUIRE(open_engine(test_dir()) && create_database());
	CHECK_INT(write_line("m v=1 1\nm v=2 2\nk v=9 1"), OK);
	uint32_t policy = policy_id();
	REQUIRE(catalog_find_group(engine_catalog(engine), policy, 0, &group) == OK);
	uint64_t cut = engine_cut(engine, group.id);
	CHECK_INT(write_line("m v=3 3"), OK);
	CHECK_INT(engine_flush(engine), OK);
	struct writer_options options = { .database_id = database_id,
					  .policy_id = policy,
					  .group_id = group.id,
					  .scope = WRITE_ONE_SERIES,
					  .series_id = ID_NONE,
					  .series_key = SLICE("m") };
	struct diag diag = { 0 };
	CHECK_INT(engine_series_replace(engine, &options, cut, SLICE("m v=7 7\nk v=8 8\n"), &diag),
		  ERR_INVALID);
	CHECK_INT(diag.line, 2);
	CHECK_INT(engine_series_replace(engine, &options, cut, SLICE("m v=7 7\nm v=8 8\n"), NULL),
		  OK);
	engine_cut_release(engine, group.id, cut);
	for (int flushed = 0; flushed < 2; flushed++) {
		REQUIRE(index_series(engine_index(engine, database_id), SLICE("m"), false, &id,
				     NULL) == OK);
		REQUIRE(series_text_open(engine, policy, group.id, id, &text) == OK);
		buf_reset(&got);
		CHECK_INT(series_text_read(text, 0, 1000, &got), OK);
		CHECK_SLICE(buf_slice(&got), "m v=3 3\nm v=7 7\nm v=8 8\n");
		series_text_close(text);
		CHECK_INT(engine_flush(engine), OK);
	}
	CHECK_INT(engine_close(engine), OK);
	buf_release(&got);
}

TEST(engine__an_open_text_grows_only_at_its_end)
{
	struct series_text *text;
	struct buf got = { 0 };
	uint32_t id;

	REQUIRE(open_engine(test_dir()) && create_database());
	CHECK_INT(write_line("m v=5 5"), OK);
	REQUIRE(index_series(engine_index(engine, database_id), SLICE("m"), false, &id, NULL) ==
		OK);
	REQUIRE(series_text_open(engine, policy_id(), 0, id, &text) == OK);
	CHECK_INT(write_line("m v=6 6"), OK);
	CHECK_INT(series_text_grow(text), OK);
	CHECK_INT(series_text_bytes(text), 16);
	CHECK_INT(write_line("m v=1 1"), OK);
	CHECK_INT(series_text_grow(text), OK);
	CHECK_INT(series_text_bytes(text), 16);
	CHECK_INT(series_text_read(text, 0, 100, &got), OK);
	CHECK_SLICE(buf_slice(&got), "m v=5 5\nm v=6 6\n");
	series_text_close(text);
	CHECK_INT(engine_close(engine), OK);
	buf_release(&got);
}

TEST(engine__a_second_one_on_the_same_directory_is_refused)
{
	struct engine_options options = { 0 };
	struct diag diag = { 0 };
	struct engine *second;
	char dir[300], want[500];

	snprintf(dir, sizeof(dir), "%s", test_dir());
	REQUIRE(open_engine(dir));
	options.path = dir;
	CHECK_INT(engine_open(&options, &second, &diag), ERR_BUSY);
	char host[65] = "";
	gethostname(host, sizeof(host) - 1);
	snprintf(want, sizeof(want), "%s is in use by process %d on %s", dir, (int)getpid(), host);
	CHECK_STR(diag.text, want);
	CHECK_INT(engine_close(engine), OK);
}
