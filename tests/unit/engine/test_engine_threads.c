/*
 * Writers, readers, flushes and rewrites at once. Each write brings one line to two
 * series of one group, so that a reader that sees one instant counts as
 * many rows in either.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

#define START_NS (INT64_C(1700002800) * NS_PER_SECOND)
#define WRITES	 1500
#define WRITERS	 2

static struct {
	struct engine *engine;
	uint32_t database_id, policy_id;
	_Atomic unsigned running;
	_Atomic uint64_t written[WRITERS];
} world;

static void open_world(const char *path)
{
	struct engine_options options = { .path = path, .memtable_bytes_max = 256 << 10 };
	struct policy_settings settings = {
		.shard_duration_ns = NS_PER_HOUR, .shards = 1, .replication = 1, .is_default = true
	};
	struct attrs attrs = { .mode = 0755 };
	struct diag diag = { 0 };

	if (engine_open(&options, &world.engine, &diag) != OK)
		abort();
	CHECK_INT(engine_start(world.engine), OK);
	CHECK_INT(engine_create_database(world.engine, SLICE("db"), &attrs, &world.database_id),
		  OK);
	CHECK_INT(engine_create_policy(world.engine, world.database_id, SLICE("hourly"), &settings,
				       &attrs, &world.policy_id),
		  OK);
}

/* --- writing ------------------------------------------------------------------- */

static void *write_pairs(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	struct writer_options options = { .database_id = world.database_id };
	struct writer *writer;

	CHECK_INT(writer_open(world.engine, &options, &writer), OK);
	for (unsigned i = 0; i < WRITES; i++) {
		char text[200];
		size_t consumed;
		uint64_t lines;
		long long time_ns = START_NS + i * NS_PER_SECOND;
		int length = snprintf(text, sizeof(text),
				      "m,w=%u,s=a v=%ui %lld\nm,w=%u,s=b v=%ui %lld\n", me, i,
				      time_ns, me, i, time_ns);

		CHECK_INT(writer_write(writer, slice_of(text, (size_t)length), false, &consumed,
				       &lines, NULL),
			  OK);
		CHECK_INT(lines, 2);
		atomic_store(&world.written[me], i + 1);
	}
	writer_close(writer);
	atomic_fetch_sub(&world.running, 1);
	return NULL;
}

/* --- reading -------------------------------------------------------------------- */

static uint32_t find_series(unsigned writer, char letter)
{
	char key[40];
	uint32_t id = ID_NONE;

	snprintf(key, sizeof(key), "m,s=%c,w=%u", letter, writer);
	CHECK_INT(index_series(engine_index(world.engine, world.database_id), slice_of_text(key),
			       false, &id, NULL),
		  OK);
	return id;
}

/* Rows of a series, each of which must be the next. */
static uint64_t count(struct snapshot *snapshot, uint32_t series_id)
{
	uint32_t field_id;
	struct rows_stream *stream;
	struct batch batch;
	uint64_t rows = 0;
	struct index *index = snapshot_index(snapshot);

	if (series_id == ID_NONE)
		return 0;
	CHECK_INT(index_field(index, index_series_measurement(index, series_id), SLICE("v"), false,
			      &field_id),
		  OK);
	struct rows_spec spec = { .policy_id = world.policy_id,
				  .series_id = series_id,
				  .field_ids = &field_id,
				  .field_count = 1,
				  .time_first_ns = TIME_MIN_NS,
				  .time_last_ns = TIME_MAX_NS };
	CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK);
	while (rows_next(stream, &batch) == OK)
		for (size_t row = 0; row < batch.row_count; row++, rows++)
			CHECK_INT(batch.columns[0].values[row].i, rows);
	rows_close(stream);
	return rows;
}

static void read_once(void)
{
	for (unsigned w = 0; w < WRITERS; w++) {
		uint64_t before = atomic_load(&world.written[w]);
		struct snapshot *snapshot;

		CHECK_INT(snapshot_open(world.engine, world.database_id, &snapshot), OK);
		uint64_t a = count(snapshot, find_series(w, 'a'));
		uint64_t b = count(snapshot, find_series(w, 'b'));
		CHECK_INT(a, b);
		CHECK(a >= before);
		CHECK_INT(count(snapshot, find_series(w, 'a')), a);
		snapshot_close(snapshot);
	}
}

static void *read_pairs(void *arg)
{
	while (atomic_load(&world.running))
		read_once();
	return arg;
}

static uint64_t count_lines(const struct buf *text)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < text->length; i++)
		lines += text->data[i] == '\n';
	return lines;
}

/*
 * A text that grows: its first bytes never change, its lines are whole, and what
 * was written before is in it. The series is known a moment before its first row.
 */
static void *read_text(void *arg)
{
	struct buf before = { 0 }, now = { 0 };
	struct series_text *text = NULL;

	while (atomic_load(&world.running)) {
		uint32_t id = find_series(0, 'a');
		uint64_t written = atomic_load(&world.written[0]);

		if (!text && (id == ID_NONE ||
			      series_text_open(world.engine, world.policy_id, 0, id, &text) != OK))
			continue;
		buf_reset(&now);
		CHECK_INT(series_text_grow(text), OK);
		CHECK_INT(series_text_read(text, 0, SIZE_MAX / 2, &now), OK);
		CHECK_INT(now.length, series_text_bytes(text));
		CHECK(slice_equal(
			slice_of(now.data, now.length < before.length ? now.length : before.length),
			buf_slice(&before)));
		CHECK(now.length == 0 || now.data[now.length - 1] == '\n');
		CHECK(count_lines(&now) >= written);
		buf_reset(&before);
		buf_append_slice(&before, buf_slice(&now));
	}
	if (text)
		series_text_close(text);
	buf_release(&before);
	buf_release(&now);
	return arg;
}

static void *flush_and_sync(void *arg)
{
	while (atomic_load(&world.running)) {
		CHECK_INT(engine_flush(world.engine), OK);
		CHECK_INT(engine_sync(world.engine), OK);
	}
	return arg;
}

static void *rewrite(void *arg)
{
	while (atomic_load(&world.running))
		CHECK_INT(engine_compact(world.engine, 0), OK);
	return arg;
}

static void *look_around(void *arg)
{
	while (atomic_load(&world.running)) {
		struct engine_gauges gauges;
		uint32_t id = find_series(1, 'b');
		struct series_stat stat;
		uint32_t *ids;
		size_t count;

		engine_gauges(world.engine, &gauges);
		if (id != ID_NONE &&
		    engine_series_stat(world.engine, world.policy_id, 0, id, &stat) == OK)
			CHECK(stat.points > 0 && stat.text_bytes > stat.points);
		if (engine_group_series(world.engine, world.policy_id, 0, &ids, &count) == OK)
			free(ids);
	}
	return arg;
}

TEST(engine_threads__readers_see_one_instant_beside_writers_flushes_and_rewrites)
{
	static void *(*const others[])(void *) = { read_pairs, read_text, flush_and_sync,
						   look_around, rewrite };
	pthread_t threads[WRITERS + 5];
	char path[300];

	snprintf(path, sizeof(path), "%s", test_dir());
	open_world(path);
	atomic_store(&world.running, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, write_pairs, (void *)(uintptr_t)i);
	for (unsigned i = 0; i < 5; i++)
		pthread_create(&threads[WRITERS + i], NULL, others[i], NULL);
	for (unsigned i = 0; i < WRITERS + 5; i++)
		pthread_join(threads[i], NULL);
	read_once();
	for (unsigned w = 0; w < WRITERS; w++)
		CHECK_INT(atomic_load(&world.written[w]), WRITES);
	CHECK_INT(engine_close(world.engine), OK);
}

/* Two writers make the same group, policy and series at once: there is one of each. */
TEST(engine_threads__the_first_points_of_two_writers_meet_in_one_group)
{
	pthread_t threads[WRITERS];
	struct object *groups;
	size_t count;
	char path[300];

	snprintf(path, sizeof(path), "%s", test_dir());
	open_world(path);
	atomic_store(&world.running, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, write_pairs, (void *)(uintptr_t)i);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	CHECK_INT(catalog_list(engine_catalog(world.engine), world.policy_id, OBJECT_GROUP, &groups,
			       &count),
		  OK);
	CHECK_INT(count, 1);
	free(groups);
	CHECK_INT(engine_close(world.engine), OK);
}
