/*
 * What a write promised is there after the process died: a child writes, tells
 * through a pipe what was acknowledged, and ends without closing anything.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

#define START_NS (INT64_C(1700002800) * NS_PER_SECOND)

static struct engine *engine_at(const char *path, uint64_t memtable_bytes_max)
{
	struct engine_options options = { .path = path, .memtable_bytes_max = memtable_bytes_max };
	struct engine *engine = NULL;
	struct diag diag = { 0 };

	if (!CHECK_INT(engine_open(&options, &engine, &diag), OK)) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	CHECK_INT(engine_start(engine), OK);
	return engine;
}

static uint32_t database_of(struct engine *engine)
{
	struct attrs attrs = { .mode = 0755 };
	struct object database;
	uint32_t id;

	if (catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, SLICE("db"), &database) == OK)
		return database.id;
	CHECK_INT(engine_create_database(engine, SLICE("db"), &attrs, &id), OK);
	return id;
}

static void put(struct writer *writer, unsigned series, uint64_t number)
{
	char line[100];
	int length = snprintf(line, sizeof(line), "m,s=%u v=%llui %lld\n", series,
			      (unsigned long long)number,
			      (long long)(START_NS + (int64_t)number * NS_PER_SECOND));
	size_t consumed;
	uint64_t lines;

	if (writer_write(writer, slice_of(line, (size_t)length), false, &consumed, &lines, NULL) !=
	    OK)
		_exit(3);
}

/* Points first, first + 1, … until it is killed or has told `count` of them. */
static void child_writes(const char *path, int pipe_fd, uint64_t first, uint64_t count,
			 uint64_t memtable_bytes_max)
{
	struct engine *engine = engine_at(path, memtable_bytes_max);
	struct writer_options options = { .database_id = database_of(engine),
					  .attrs = { .mode = 0755 } };
	struct writer *writer;

	if (writer_open(engine, &options, &writer) != OK)
		_exit(2);
	for (uint64_t number = first; number < first + count; number++) {
		put(writer, (unsigned)(number % 3), number);
		if (number % 97 == 0 && engine_flush(engine) != OK)
			_exit(4);
		if (write(pipe_fd, &number, sizeof(number)) != sizeof(number))
			_exit(5);
	}
	_exit(0);
}

/* The last number the child told; it is killed after `kill_after_us`, if that is not 0. */
static uint64_t run_child(const char *path, uint64_t first, uint64_t count, unsigned kill_after_us,
			  uint64_t memtable_bytes_max)
{
	uint64_t number, last = first - 1;
	int fds[2], status;

	if (pipe(fds) != 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child_writes(path, fds[1], first, count, memtable_bytes_max);
	}
	close(fds[1]);
	if (kill_after_us) {
		usleep(kill_after_us);
		kill(pid, SIGKILL);
	}
	while (read(fds[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	close(fds[0]);
	waitpid(pid, &status, 0);
	CHECK(kill_after_us ? WIFSIGNALED(status) || WEXITSTATUS(status) == 0
			    : WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return last;
}

/* How many rows a series has; each must be what was written. `*last` is raised to the greatest. */
static uint64_t count_rows(struct snapshot *snapshot, struct index *index, unsigned series,
			   uint64_t *last)
{
	char key[20];
	uint32_t id, field;
	struct rows_stream *stream;
	struct batch batch;
	uint64_t rows = 0;

	snprintf(key, sizeof(key), "m,s=%u", series);
	CHECK_INT(index_series(index, slice_of_text(key), false, &id, NULL), OK);
	if (id == ID_NONE)
		return 0;
	CHECK_INT(
		index_field(index, index_series_measurement(index, id), SLICE("v"), false, &field),
		OK);
	struct rows_spec spec = { .series_id = id,
				  .field_ids = &field,
				  .field_count = 1,
				  .time_first_ns = TIME_MIN_NS,
				  .time_last_ns = TIME_MAX_NS };
	CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK);
	while (rows_next(stream, &batch) == OK)
		for (size_t row = 0; row < batch.row_count; row++, rows++) {
			uint64_t number = (uint64_t)batch.columns[0].values[row].i;

			CHECK_INT((batch.times_ns[row] - START_NS) / NS_PER_SECOND, number);
			CHECK_INT(number % 3, series);
			if (number > *last)
				*last = number;
		}
	rows_close(stream);
	return rows;
}

/* Everything from 1 to at least `acknowledged` is there, without a gap. */
static uint64_t check_after(const char *path, uint64_t acknowledged)
{
	struct engine *engine = engine_at(path, 0);
	uint32_t database_id = database_of(engine);
	struct snapshot *snapshot;
	uint64_t rows = 0, last = 0;

	CHECK_INT(snapshot_open(engine, database_id, &snapshot), OK);
	for (unsigned series = 0; series < 3; series++)
		rows += count_rows(snapshot, engine_index(engine, database_id), series, &last);
	CHECK(last >= acknowledged);
	CHECK_INT(rows, last);
	snapshot_close(snapshot);
	CHECK_INT(engine_close(engine), OK);
	return last;
}

TEST(engine_crash__what_a_dead_writer_was_told_is_there)
{
	char path[300];
	uint64_t last = 0;

	snprintf(path, sizeof(path), "%s", test_dir());
	for (unsigned round = 0; round < 4; round++) {
		uint64_t told = run_child(path, last + 1, 250, 0, 0);

		CHECK_INT(told, last + 250);
		last = check_after(path, told);
		CHECK_INT(last, told);
	}
}

TEST(engine_crash__a_kill_at_any_moment_leaves_what_was_told)
{
	char path[300];
	uint64_t last = 0, random = test_seed();

	snprintf(path, sizeof(path), "%s", test_dir());
	for (unsigned round = 0; round < 12; round++) {
		unsigned wait_us = 2000 + (unsigned)(test_random(&random) % 120000);
		uint64_t told = run_child(path, last + 1, 1000000, wait_us, 64 << 10);

		last = check_after(path, told);
	}
}

/* Written without being flushed, then cut at every length: whole records stay, and it starts. */
TEST(engine_crash__a_torn_log_loses_its_tail_alone)
{
	char path[300], segment[400];
	uint64_t random = test_seed();
	long size;

	for (unsigned round = 0; round < 10; round++) {
		snprintf(path, sizeof(path), "%s", test_dir());
		uint64_t told = run_child(path, 1, 60, 0, 0), last = 0, rows = 0;
		snprintf(segment, sizeof(segment), "%s/wal/00000001", path);
		FILE *file = fopen(segment, "r+");
		REQUIRE(file != NULL);
		fseek(file, 0, SEEK_END);
		size = ftell(file);
		long cut = (long)(test_random(&random) % (uint64_t)size);
		CHECK_INT(ftruncate(fileno(file), cut), 0);
		fclose(file);

		struct engine *engine = engine_at(path, 0);
		uint32_t database_id = database_of(engine);
		struct snapshot *snapshot;

		CHECK_INT(snapshot_open(engine, database_id, &snapshot), OK);
		for (unsigned series = 0; series < 3; series++)
			rows += count_rows(snapshot, engine_index(engine, database_id), series,
					   &last);
		CHECK_INT(rows, last);
		CHECK(last <= told);
		snapshot_close(snapshot);
		CHECK_INT(engine_close(engine), OK);
	}
}

TEST(engine_crash__a_second_owner_is_refused_and_told_who)
{
	char path[300];
	struct diag diag = { 0 };
	struct engine *engine, *second = NULL;

	snprintf(path, sizeof(path), "%s", test_dir());
	engine = engine_at(path, 0);
	struct engine_options options = { .path = path };
	pid_t pid = fork();
	if (pid == 0) {
		char owner[32];

		snprintf(owner, sizeof(owner), "%d", (int)getppid());
		int err = engine_open(&options, &second, &diag);
		_exit(err == ERR_BUSY && strstr(diag.text, owner) ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_INT(engine_close(engine), OK);
}
