/*
 * The cold rewrite, stopped and failed at every step that the operating system sees: what
 * is read afterwards is what was read before. The env functions are wrapped by the linker.
 *
 * Whatever opens a LevelDB runs in a process of its own: its thread does not survive a fork.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

#define START_NS (INT64_C(1700002800) * NS_PER_SECOND)
#define SERIES	 5
#define ROWS	 3000

/* --- steps ---------------------------------------------------------------------- */

/* The engine's cleaner calls as well: what it must see is set before `counts`. */
static struct {
	atomic_bool counts; /* the calls are counted now */
	bool ends;	    /* the process ends at the step; else the call fails */
	bool after;	    /* the process ends behind the call */
	bool for_good;	    /* and all later ones fail */
	unsigned at;	    /* the step; 0 = none */
	atomic_uint seen;   /* steps so far */
	bool shows_mtime;   /* of series 3 */
} steps;
static _Thread_local unsigned step; /* the number of this thread's last call, or 0 */

static bool fails_here(void)
{
	step = steps.counts ? ++steps.seen : 0;
	if (step == 0 || steps.at == 0 || step < steps.at || (step > steps.at && !steps.for_good))
		return false;
	if (steps.ends && !steps.after)
		_exit(0);
	return !steps.ends;
}

static int end_behind(int result)
{
	if (step != 0 && steps.ends && steps.after && step == steps.at)
		_exit(0);
	return result;
}

#define WRAP(name, parameters, arguments)                                                          \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		return fails_here() ? ERR_IO : end_behind(__real_##name arguments);                \
	}
WRAP(env_rename, (const char *from, const char *to), (from, to))
WRAP(env_mkdir, (const char *path), (path))
WRAP(env_sync_dir, (const char *path), (path))
WRAP(env_remove_tree, (const char *path), (path))

/* --- a database with all that a rewrite settles ---------------------------------------- */

static struct engine *engine;
static uint32_t database_id;

static void open_engine(const char *path)
{
	struct engine_options options = { .path = path, .memtable_bytes_max = 64 << 20 };
	struct diag diag = { 0 };

	if (!CHECK_INT(engine_open(&options, &engine, &diag), OK)) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	CHECK_INT(engine_start(engine), OK);
}

static void write_text(const struct buf *text)
{
	struct writer_options options = { .database_id = database_id, .attrs = { .mode = 0755 } };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;

	CHECK_INT(writer_open(engine, &options, &writer), OK);
	CHECK_INT(writer_write(writer, buf_slice(text), false, &consumed, &lines, NULL), OK);
	writer_close(writer);
}

/* Half of the rows there are; a second call overlaps what the first wrote. */
static void write_rows(unsigned first, unsigned step, unsigned number)
{
	struct buf text = { 0 };

	for (unsigned row = first; row < ROWS; row += step)
		for (unsigned s = 0; s < SERIES; s++)
			buf_printf(&text, "m,s=%u a=%ui,b=\"t%u\",%c=%u.25 %lld\n", s,
				   row * 7 % 50 + number, (row + s) % 4, s % 2 ? 'c' : 'd', row,
				   (long long)(START_NS + row * NS_PER_SECOND));
	write_text(&text);
	CHECK_INT(engine_flush(engine), OK);
	buf_release(&text);
}

static uint32_t series_of(unsigned s)
{
	char key[20];
	uint32_t id = ID_NONE;

	snprintf(key, sizeof(key), "m,s=%u", s);
	index_series(engine_index(engine, database_id), slice_of_text(key), false, &id, NULL);
	return id;
}

static uint32_t policy_of(void)
{
	struct object policy = { 0 };

	CHECK_INT(catalog_default_policy(engine_catalog(engine), database_id, &policy), OK);
	return policy.id;
}

static void make(const char *path)
{
	struct attrs attrs = { .mode = 0755 };
	struct policy_settings settings = { .shard_duration_ns = 24 * NS_PER_HOUR,
					    .shards = 2,
					    .replication = 1,
					    .is_default = true };
	uint32_t id;

	open_engine(path);
	CHECK_INT(engine_create_database(engine, SLICE("db"), &attrs, &database_id), OK);
	CHECK_INT(engine_create_policy(engine, database_id, SLICE("p"), &settings, &attrs, &id),
		  OK);
	write_rows(0, 2, 0);
	write_rows(1, 3, 100);
	CHECK_INT(engine_series_remove(engine, policy_of(), 0, series_of(1),
				       START_NS + 100 * NS_PER_SECOND,
				       START_NS + 999 * NS_PER_SECOND),
		  OK);
	CHECK_INT(engine_series_remove(engine, policy_of(), 0, series_of(2), TIME_MIN_NS,
				       TIME_MAX_NS),
		  OK);
	write_rows(2, 5, 200);
	CHECK_INT(engine_series_set_mtime(engine, policy_of(), 0, series_of(3),
					  1234567890 * NS_PER_SECOND),
		  OK);
	CHECK_INT(engine_series_remove(engine, policy_of(), 0, series_of(2), TIME_MIN_NS,
				       TIME_MAX_NS),
		  OK);
}

/* All series as text, with their times of change. */
static void print_all(struct buf *out)
{
	for (unsigned s = 0; s < SERIES; s++) {
		struct series_text *text;
		struct series_stat stat;

		if (engine_series_stat(engine, policy_of(), 0, series_of(s), &stat) != OK) {
			buf_printf(out, "%u: none\n", s);
			continue;
		}
		buf_printf(out, "%u: %lld\n", s,
			   s == 3 && steps.shows_mtime ? (long long)stat.mtime_ns
						       : (long long)stat.points);
		CHECK_INT(series_text_open(engine, policy_of(), 0, series_of(s), &text), OK);
		CHECK_INT(series_text_read(text, 0, SIZE_MAX / 2, out), OK);
		series_text_close(text);
	}
}

static bool check_all(const struct buf *expected)
{
	struct buf now = { 0 };

	print_all(&now);
	CHECK_INT(now.length, expected->length);
	bool same = CHECK(slice_equal(buf_slice(&now), buf_slice(expected)));
	buf_release(&now);
	return same;
}

static const char *new_path(void)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s", test_dir());
	return path;
}

/* --- processes ------------------------------------------------------------------------ */

/* What a child is told. */
struct job {
	const char *path;
	unsigned at;
	bool after;
};

static pid_t start(int (*body)(const struct job *job), const struct job *job)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(body(job));
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(int (*body)(const struct job *job), const char *path, unsigned at, bool after)
{
	return end_of(start(body, &(struct job){ path, at, after }));
}

static void expected_path(char *out, size_t bytes, const char *path)
{
	snprintf(out, bytes, "%s/expected", path);
}

static void keep_expected(const char *path)
{
	struct buf text = { 0 };
	char file[400];

	print_all(&text);
	expected_path(file, sizeof(file), path);
	CHECK_INT(env_write_file(file, buf_slice(&text)), OK);
	buf_release(&text);
}

static bool check_expected(const char *path)
{
	struct buf text = { 0 };
	char file[400];

	expected_path(file, sizeof(file), path);
	CHECK_INT(env_read_file(file, &text), OK);
	bool same = check_all(&text);
	buf_release(&text);
	return same;
}

static void reopen(const char *path)
{
	struct object database = { 0 };

	open_engine(path);
	CHECK_INT(catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, SLICE("db"), &database), OK);
	database_id = database.id;
}

static int child_makes(const struct job *job)
{
	make(job->path);
	write_rows(0, 400, 500);
	keep_expected(job->path);
	return engine_close(engine) == OK ? 0 : 1;
}

/* Read what is expected, rewrite, read it again. */
static int child_checks(const struct job *job)
{
	reopen(job->path);
	bool same = check_expected(job->path);
	same &= CHECK_INT(engine_compact(engine, 0), OK);
	same &= check_expected(job->path);
	return CHECK_INT(engine_close(engine), OK) && same ? 0 : 1;
}

static void count_from(unsigned at, bool ends, bool after)
{
	steps.ends = ends;
	steps.after = after;
	steps.at = at;
	steps.seen = 0;
	steps.counts = true;
}

/* --- tests --------------------------------------------------------------------------- */

static int child_rewrites_once(const struct job *job)
{
	const char *path = job->path;
	struct buf before = { 0 };

	make(path);
	steps.shows_mtime = true;
	print_all(&before);
	uint64_t rewrites = counter_get(COUNTER_REWRITES);
	CHECK_INT(engine_compact(engine, 0), OK);
	bool good = check_all(&before);
	good &= CHECK_INT(counter_get(COUNTER_REWRITES), rewrites + 2);
	CHECK_INT(engine_compact(engine, 0), OK);
	good &= CHECK_INT(counter_get(COUNTER_REWRITES), rewrites + 2);
	CHECK_INT(engine_close(engine), OK);
	reopen(path);
	good &= check_all(&before);
	CHECK_INT(engine_compact(engine, 0), OK);
	good &= CHECK_INT(counter_get(COUNTER_REWRITES), rewrites + 2);
	CHECK_INT(engine_close(engine), OK);
	buf_release(&before);
	return good ? 0 : 1;
}

TEST(cold__a_rewrite_changes_nothing_that_is_read_and_happens_once)
{
	CHECK_INT(run(child_rewrites_once, new_path(), 0, false), 0);
}

static int child_writes_late(const struct job *job)
{
	struct buf before = { 0 };

	make(job->path);
	CHECK_INT(engine_compact(engine, 0), OK);
	uint64_t rewrites = counter_get(COUNTER_REWRITES);
	write_rows(3, 11, 300);
	print_all(&before);
	CHECK_INT(engine_compact(engine, 0), OK);
	bool good = CHECK_INT(counter_get(COUNTER_REWRITES), rewrites + 2);
	good &= check_all(&before);
	CHECK_INT(engine_close(engine), OK);
	buf_release(&before);
	return good ? 0 : 1;
}

TEST(cold__late_points_go_in_and_a_later_rewrite_takes_them)
{
	CHECK_INT(run(child_writes_late, new_path(), 0, false), 0);
}

static uint64_t count_of(struct snapshot *snapshot, unsigned s)
{
	uint32_t field_id = 0;
	struct rows_spec spec = { .series_id = series_of(s),
				  .field_ids = &field_id,
				  .field_count = 1,
				  .time_first_ns = TIME_MIN_NS,
				  .time_last_ns = TIME_MAX_NS };
	struct rows_stream *stream;
	struct batch batch;
	uint64_t rows = 0;

	CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK);
	while (rows_next(stream, &batch) == OK)
		rows += batch.row_count;
	rows_close(stream);
	return rows;
}

/* The snapshot has not looked at its shards when they are swapped, and then swapped again. */
static int child_holds_a_snapshot(const struct job *job)
{
	struct snapshot *old, *now;

	make(job->path);
	CHECK_INT(engine_flush(engine), OK);
	CHECK_INT(snapshot_open(engine, database_id, &old), OK);
	CHECK_INT(snapshot_open(engine, database_id, &now), OK);
	uint64_t rows = count_of(now, 0);
	snapshot_close(now);
	write_rows(3, 2, 300);
	CHECK_INT(engine_series_remove(engine, policy_of(), 0, series_of(0), TIME_MIN_NS,
				       START_NS + 10 * NS_PER_SECOND),
		  OK);
	CHECK_INT(engine_compact(engine, 0), OK);
	write_rows(3, 7, 300);
	CHECK_INT(engine_compact(engine, 0), OK);
	bool good = CHECK_INT(count_of(old, 0), rows);
	CHECK_INT(snapshot_open(engine, database_id, &now), OK);
	good &= CHECK(count_of(now, 0) != rows);
	snapshot_close(now);
	snapshot_close(old);
	CHECK_INT(engine_close(engine), OK);
	return good ? 0 : 1;
}

TEST(cold__a_snapshot_from_before_goes_on_seeing_what_it_saw)
{
	CHECK_INT(run(child_holds_a_snapshot, new_path(), 0, false), 0);
}

static int child_counts_steps(const struct job *job)
{
	reopen(job->path);
	count_from(0, false, false);
	CHECK_INT(engine_compact(engine, 0), OK);
	return (int)steps.seen;
}

static int child_ends_at_step(const struct job *job)
{
	reopen(job->path);
	count_from(job->at, true, job->after);
	engine_compact(engine, 0);
	engine_close(engine); /* the last steps are the cleaner's */
	return 0;
}

TEST(cold__the_end_of_the_process_at_every_step_loses_nothing)
{
	const char *path = new_path();
	int count;

	CHECK_INT(run(child_makes, path, 0, false), 0);
	count = run(child_counts_steps, path, 0, false);
	CHECK(count >= 2 * 5);
	for (int i = 0; i < 2 * count; i++) {
		path = new_path();
		CHECK_INT(run(child_makes, path, 0, false), 0);
		CHECK_INT(run(child_ends_at_step, path, (unsigned)i / 2 + 1, i % 2), 0);
		CHECK_INT(run(child_checks, path, 0, false), 0);
	}
}

static int child_fails_at_step(const struct job *job)
{
	reopen(job->path);
	count_from(job->at, false, false);
	engine_compact(engine, 0);
	steps.counts = false;
	bool same = check_expected(job->path);
	write_rows(3, 5, 300);
	keep_expected(job->path);
	same &= CHECK_INT(engine_compact(engine, 0), OK);
	same &= check_expected(job->path);
	return CHECK_INT(engine_close(engine), OK) && same ? 0 : 1;
}

static void fail_at_every_step(int (*child)(const struct job *job))
{
	const char *path = new_path();
	int count;

	CHECK_INT(run(child_makes, path, 0, false), 0);
	count = run(child_counts_steps, path, 0, false);
	for (int at = 1; at <= count; at++) {
		path = new_path();
		CHECK_INT(run(child_makes, path, 0, false), 0);
		CHECK_INT(run(child, path, (unsigned)at, false), 0);
		CHECK_INT(run(child_checks, path, 0, false), 0);
	}
}

TEST(cold__a_failure_at_every_step_loses_nothing)
{
	fail_at_every_step(child_fails_at_step);
}

/* Nothing can be taken back either. */
static int child_fails_from_step(const struct job *job)
{
	steps.for_good = true;
	return child_fails_at_step(job);
}

static int child_fails_to_its_end(const struct job *job)
{
	reopen(job->path);
	steps.for_good = true;
	count_from(job->at, false, false);
	engine_compact(engine, 0);
	bool same = check_expected(job->path);
	engine_close(engine);
	return same ? 0 : 1;
}

TEST(cold__a_disk_that_fails_from_any_step_on_loses_nothing)
{
	fail_at_every_step(child_fails_from_step);
	fail_at_every_step(child_fails_to_its_end);
}

/* The same points again: nothing changes but what there is to rewrite. */
__attribute__((noreturn)) static int child_works_on(const struct job *job)
{
	reopen(job->path);
	for (;;) {
		engine_compact(engine, 0);
		write_rows(0, 400, 500);
	}
}

/* LevelDB's own steps are not seen above: a kill falls into them. */
TEST(cold__a_kill_at_any_moment_loses_nothing)
{
	uint64_t random = test_seed();

	for (unsigned round = 0; round < 12; round++) {
		const char *path = new_path();

		CHECK_INT(run(child_makes, path, 0, false), 0);
		pid_t pid = start(child_works_on, &(struct job){ .path = path });
		usleep(3000 + (unsigned)(test_random(&random) % 90000));
		kill(pid, SIGKILL);
		CHECK_INT(end_of(pid), -1);
		CHECK_INT(run(child_checks, path, 0, false), 0);
	}
}
