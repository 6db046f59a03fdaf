/*
 * What the numbered invariants of engine/README.md stand on: for each guard a test that fails when
 * it is taken out. Threads are held at rows of engine/base/crash.def, so that what takes luck
 * elsewhere happens each time.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/crash.h"
#include "engine/base/env.h"
#include "engine/base/when.h"
#include "engine/check/check.h"
#include "engine/engine.h"
#include "engine/shard/store_files.h"
#include "tests/lib/test.h"

/* Of two groups: a week, and a later one. */
#define A_NS (INT64_C(1700006400) * NS_PER_SECOND)
#define B_NS (A_NS + 4 * NS_PER_WEEK)

static struct {
	char path[300];
	struct engine *engine;
	uint32_t database_id;
} here;

static void open_as(const struct engine_options *options)
{
	struct diag diag = { 0 };

	if (engine_open(options, &here.engine, &diag) != OK) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	CHECK_INT(engine_start(here.engine), OK);
}

static void open_at(const char *path)
{
	open_as(&(struct engine_options){ .path = path });
}

static void make_database(void)
{
	struct attrs attrs = { .mode = 0755 };

	CHECK_INT(engine_create_database(here.engine, SLICE("db"), &attrs, &here.database_id), OK);
}

static void make(void)
{
	snprintf(here.path, sizeof(here.path), "%s", test_dir());
	open_at(here.path);
	make_database();
}

static void done(void)
{
	CHECK_INT(engine_close(here.engine), OK);
}

static int write_text(const char *text)
{
	struct writer_options options = { .database_id = here.database_id,
					  .attrs = { .mode = 0755 } };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;

	TRY(writer_open(here.engine, &options, &writer));
	int err = writer_write(writer, slice_of_text(text), true, &consumed, &lines, NULL);
	writer_close(writer);
	return err;
}

/* `series v=value` at a time of its group (a or b), `after` seconds on. */
static int write_one(char series, int value, int after)
{
	char text[100];

	snprintf(text, sizeof(text), "%c v=%di %lld\n", series, value,
		 (long long)((series == 'a' ? A_NS : B_NS) + after * NS_PER_SECOND));
	return write_text(text);
}

/* The values of a series, in the order of time, as "1 2 3 ". */
static const char *values_in(struct snapshot *snapshot, const char *series)
{
	static struct buf outs[4];
	static unsigned next;
	struct buf *out = &outs[next++ % 4];
	struct index *index = snapshot_index(snapshot);
	struct object policy;
	uint32_t series_id = ID_NONE, field_id;
	struct rows_stream *stream;
	struct batch batch;

	buf_reset(out);
	CHECK_INT(index_series(index, slice_of_text(series), false, &series_id, NULL), OK);
	if (series_id == ID_NONE)
		return buf_text(out);
	CHECK_INT(index_field(index, index_series_measurement(index, series_id), SLICE("v"), false,
			      &field_id),
		  OK);
	catalog_default_policy(engine_catalog(here.engine), here.database_id, &policy);
	struct rows_spec spec = { .policy_id = policy.id,
				  .series_id = series_id,
				  .field_ids = &field_id,
				  .field_count = 1,
				  .time_first_ns = TIME_MIN_NS,
				  .time_last_ns = TIME_MAX_NS };
	CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK);
	while (rows_next(stream, &batch) == OK)
		for (size_t row = 0; row < batch.row_count; row++)
			buf_printf(out, "%lld ", (long long)batch.columns[0].values[row].i);
	rows_close(stream);
	return buf_text(out);
}

static const char *values_of(const char *series)
{
	struct snapshot *snapshot;

	CHECK_INT(snapshot_open(here.engine, here.database_id, &snapshot), OK);
	const char *values = values_in(snapshot, series);
	snapshot_close(snapshot);
	return values;
}

/* What a kill now would leave, as a directory; what goes on is closed. */
static const char *killed(void)
{
	static char copy[330];
	char command[1100];

	snprintf(copy, sizeof(copy), "%s.killed", here.path);
	/* Trash goes meanwhile. */
	snprintf(command, sizeof(command),
		 "for i in 1 2 3 4 5 6 7 8; do rm -rf '%s'; cp -a '%s' '%s' 2>/dev/null && exit; "
		 "done; exit 1",
		 copy, here.path, copy);
	CHECK_INT(system(command), 0);
	done();
	return copy;
}

static void go_on_after_a_kill(void)
{
	open_at(killed());
}

static void remove_copy(void)
{
	char copy[330];

	snprintf(copy, sizeof(copy), "%s.killed", here.path);
	env_remove_tree(copy);
}

static bool wait_for(_Atomic bool *flag, unsigned ms)
{
	for (unsigned i = 0; i < ms && !atomic_load(flag); i++)
		usleep(1000);
	return atomic_load(flag);
}

/* --- an answer is as new as the data -------------------------------------------------------------
 */

TEST(guard__each_write_makes_the_version_of_its_database_another)
{
	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	for (int i = 0; i < 3; i++) {
		uint64_t version = engine_database_version(here.engine, here.database_id);

		CHECK_INT(write_one('a', i, i), OK); /* no new group, no new name */
		CHECK(engine_database_version(here.engine, here.database_id) != version);
	}
	done();
}

/* --- I1: in the log before it is in memory
 * ----------------------------------------------------------- */

TEST(guard__what_the_log_does_not_take_is_not_seen)
{
	struct rlimit no_room = { 0, RLIM_INFINITY }, before;

	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	no_room.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &no_room);
	CHECK(write_one('a', 2, 1) < 0);
	CHECK_STR(values_of("a"), "1 ");
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_INT(write_one('a', 3, 2), OK);
	CHECK_STR(values_of("a"), "1 3 ");
	done();
}

/* --- I2, I3: what is not in a shard stays in the log
 * --------------------------------------------------- */

/* The group's shard cannot be made while a file has its name. */
static void shard_in_the_way(bool is_there)
{
	struct object policy, group;
	char path[400];

	catalog_default_policy(engine_catalog(here.engine), here.database_id, &policy);
	CHECK_INT(catalog_find_group(engine_catalog(here.engine), policy.id, A_NS / NS_PER_SECOND,
				     &group),
		  OK);
	snprintf(path, sizeof(path), "%s/shard/%u.0", here.path, group.id);
	if (is_there)
		CHECK_INT(env_write_file(path, SLICE("in the way")), OK);
	else
		unlink(path);
}

TEST(guard__a_failed_flush_lets_nothing_of_the_log_go)
{
	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	shard_in_the_way(true);
	CHECK(engine_flush(here.engine) < 0);
	CHECK_STR(values_of("a"), "1 ");
	shard_in_the_way(false);
	go_on_after_a_kill();
	CHECK_STR(values_of("a"), "1 ");
	done();
	remove_copy();
}

TEST(guard__a_flush_after_a_failed_one_takes_what_came_since)
{
	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	shard_in_the_way(true);
	CHECK(engine_flush(here.engine) < 0);
	CHECK_INT(write_one('a', 2, 1), OK);
	shard_in_the_way(false);
	CHECK_INT(engine_flush(here.engine), OK);
	CHECK_STR(values_of("a"), "1 2 ");
	go_on_after_a_kill();
	CHECK_STR(values_of("a"), "1 2 ");
	done();
	remove_copy();
}

/* --- what a drop took is passed over in the log, and nothing with it
 * --------------------------------------- */

TEST(guard__records_of_a_dropped_group_take_no_later_ones_along)
{
	struct object policy, group;

	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	CHECK_INT(write_one('b', 1, 0), OK);
	catalog_default_policy(engine_catalog(here.engine), here.database_id, &policy);
	CHECK_INT(catalog_find_group(engine_catalog(here.engine), policy.id, A_NS / NS_PER_SECOND,
				     &group),
		  OK);
	CHECK_INT(engine_drop(here.engine, group.id), OK);
	CHECK_INT(write_one('b', 2, 1), OK);
	go_on_after_a_kill();
	CHECK_STR(values_of("a"), "");
	CHECK_STR(values_of("b"), "1 2 ");
	done();
	remove_copy();
}

/* --- wal/mark: a log that ends before what it was synced to
 * --------------------------------------------- */

static unsigned long long damages_in(const char *path)
{
	struct check *check = calloc(1, sizeof(*check));

	snprintf(check->path, sizeof(check->path), "%s", path);
	check_files(check);
	if (check->err >= 0)
		check_points(check);
	unsigned long long damaged = check->damaged;
	free(check);
	return damaged;
}

static bool is_marked(const char *path)
{
	char mark[400];

	snprintf(mark, sizeof(mark), "%s/wal", path);
	for (int i = 0; i < 30000 && store_marked(mark) == 0; i++)
		usleep(1000);
	return store_marked(mark) > 0;
}

/* The committer marks the log once it has synced it. */
static void make_and_commit(void)
{
	snprintf(here.path, sizeof(here.path), "%s", test_dir());
	open_as(&(struct engine_options){ .path = here.path, .commit_seconds = 1 });
	make_database();
	for (int i = 0; i < 5; i++)
		CHECK_INT(write_one('a', i, i), OK);
	CHECK(is_marked(here.path));
}

TEST(guard__a_log_that_was_cut_is_told_once_and_gives_no_number_again)
{
	char segment[400];

	make_and_commit();
	const char *copy = killed();
	snprintf(segment, sizeof(segment), "%s/wal/00000001", copy);
	CHECK_INT(truncate(segment, 16), 0); /* the header of a journal */
	CHECK(damages_in(copy) > 0);
	/* What is written from here on has numbers behind the mark: it does not look cut again. */
	snprintf(here.path, sizeof(here.path), "%s", copy);
	open_as(&(struct engine_options){ .path = here.path, .commit_seconds = 3600 });
	CHECK_INT(write_one('a', 9, 9), OK);
	CHECK_INT(damages_in(killed()), 0);
	remove_copy();
	env_remove_tree(here.path);
}

/* --- I8: a shard that was being made when the end came
 * --------------------------------------------- */

TEST(guard__what_a_kill_leaves_of_a_new_shard_is_no_damage)
{
	static const char *const files[] = { "LOCK", "LOG", "MANIFEST-000001", "000001.dbtmp" };
	struct object policy, group;
	char path[450];

	for (size_t count = 0; count <= sizeof(files) / sizeof(files[0]); count++) {
		make();
		CHECK_INT(write_one('a', 1, 0), OK);
		catalog_default_policy(engine_catalog(here.engine), here.database_id, &policy);
		CHECK_INT(catalog_find_group(engine_catalog(here.engine), policy.id,
					     A_NS / NS_PER_SECOND, &group),
			  OK);
		snprintf(path, sizeof(path), "%s/shard/%u.0", here.path, group.id);
		CHECK_INT(env_mkdir(path), OK);
		for (size_t i = 0; i < count; i++) {
			snprintf(path, sizeof(path), "%s/shard/%u.0/%s", here.path, group.id,
				 files[i]);
			CHECK_INT(env_write_file(path, SLICE("")), OK);
		}
		CHECK_STR(values_of("a"), "1 ");
		CHECK_INT(engine_flush(here.engine), OK);
		CHECK_STR(values_of("a"), "1 ");
		done();
	}
}

/* --- I7: what cannot be opened is not empty
 * ---------------------------------------------------------- */

TEST(guard__a_shard_that_cannot_be_opened_is_damage)
{
	struct object policy, group;
	struct series_text *text;
	uint32_t series_id;
	char path[450];

	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	CHECK_INT(engine_flush(here.engine), OK);
	catalog_default_policy(engine_catalog(here.engine), here.database_id, &policy);
	CHECK_INT(catalog_find_group(engine_catalog(here.engine), policy.id, A_NS / NS_PER_SECOND,
				     &group),
		  OK);
	done();
	snprintf(path, sizeof(path), "%s/shard/%u.0/CURRENT", here.path, group.id);
	CHECK_INT(env_write_file(path, SLICE("nothing of the kind")), OK);
	open_at(here.path);
	CHECK_INT(index_series(engine_index(here.engine, here.database_id), SLICE("a"), false,
			       &series_id, NULL),
		  OK);
	CHECK_INT(series_text_open(here.engine, policy.id, group.id, series_id, &text),
		  ERR_CORRUPT);
	done();
}

/* --- I5: one snapshot
 * --------------------------------------------------------------------------------- */

static struct {
	pthread_t reader, flusher;
	bool has_begun; /* by the reader alone */
	_Atomic bool is_held, may_go;
} instant;

static void *flush_once(void *arg)
{
	CHECK_INT(engine_flush(here.engine), OK);
	return arg;
}

/*
 * Between the sequence of a snapshot and its views points come into both groups, and of a flush one
 * group is done. The view of that group has them.
 */
static void come_between(void *arg, enum crash_point point)
{
	if (point == CRASH_SNAPSHOT_SEQUENCED && pthread_equal(pthread_self(), instant.reader) &&
	    !instant.has_begun) {
		instant.has_begun = true;
		CHECK_INT(write_one('b', 2, 1), OK);
		CHECK_INT(write_one('a', 3, 1), OK);
		CHECK_INT(write_one('b', 4, 2), OK);
		pthread_create(&instant.flusher, NULL, flush_once, NULL);
		CHECK(wait_for(&instant.is_held, 60000));
	}
	if (point == CRASH_FLUSH_LET_GO && !atomic_exchange(&instant.is_held, true))
		wait_for(&instant.may_go, 60000);
}

TEST(guard__a_snapshot_is_of_one_instant_though_a_flush_comes_between)
{
	struct snapshot *snapshot;
	char both[100];

	make();
	CHECK_INT(write_one('a', 1, 0), OK);
	CHECK_INT(write_one('b', 1, 0), OK);
	instant.reader = pthread_self();
	crash_watch(come_between, NULL);
	CHECK_INT(snapshot_open(here.engine, here.database_id, &snapshot), OK);
	REQUIRE(instant.has_begun);
	/* In the order of acceptance: b 2, a 3, b 4. What is seen of them is a beginning. */
	snprintf(both, sizeof(both), "%s| %s", values_in(snapshot, "a"), values_in(snapshot, "b"));
	CHECK(!strcmp(both, "1 | 1 ") || !strcmp(both, "1 | 1 2 ") || !strcmp(both, "1 3 | 1 2 ") ||
	      !strcmp(both, "1 3 | 1 2 4 "));
	snapshot_close(snapshot);
	atomic_store(&instant.may_go, true);
	pthread_join(instant.flusher, NULL);
	crash_watch(NULL, NULL);
	CHECK_STR(values_of("b"), "1 2 4 ");
	done();
}

/* --- I6: of two values the later accepted one
 * ------------------------------------------------------------ */

TEST(guard__the_later_accepted_value_stands_wherever_both_are)
{
	/* Which of them are flushed, and whether the shard is written anew in the end. */
	for (int kind = 0; kind < 8; kind++) {
		make();
		CHECK_INT(write_one('a', 1, 0), OK);
		CHECK_INT(write_one('a', 8, 1), OK);
		if (kind & 1)
			CHECK_INT(engine_flush(here.engine), OK);
		CHECK_INT(write_one('a', 2, 0), OK);
		if (kind & 2)
			CHECK_INT(engine_flush(here.engine), OK);
		CHECK_STR(values_of("a"), "2 8 ");
		if (kind & 4)
			CHECK_INT(engine_compact(here.engine, 0), OK);
		CHECK_STR(values_of("a"), "2 8 ");
		go_on_after_a_kill();
		CHECK_STR(values_of("a"), "2 8 ");
		done();
		remove_copy();
	}
}

/* --- I9: a view older than a rewrite
 * ---------------------------------------------------------------------- */

TEST(guard__a_snapshot_from_before_a_rewrite_reads_on)
{
	struct snapshot *snapshot;

	make();
	for (int i = 0; i < 50; i++)
		CHECK_INT(write_one('a', i, i), OK);
	CHECK_INT(engine_flush(here.engine), OK);
	CHECK_INT(write_one('a', 100, 0), OK);
	CHECK_INT(engine_flush(here.engine), OK);
	CHECK_INT(snapshot_open(here.engine, here.database_id, &snapshot), OK);
	char *before = strdup(values_in(snapshot, "a"));
	CHECK_INT(write_one('a', 200, 1), OK);
	CHECK_INT(engine_compact(here.engine, 0), OK);
	CHECK_INT(engine_compact(here.engine, 0), OK);
	CHECK_STR(values_in(snapshot, "a"), before);
	snapshot_close(snapshot);
	CHECK(strcmp(values_of("a"), before) != 0);
	free(before);
	done();
}

/* --- I10: one call of a writer is on one side of what is frozen
 * ---------------------------------------------- */

static struct {
	_Atomic bool is_inside, may_leave, is_closing, is_closed, closed_while_inside;
} gate;

static void hold_at_gate(void *arg, enum crash_point point)
{
	if (point == CRASH_WRITE_STORED && !atomic_exchange(&gate.is_inside, true)) {
		wait_for(&gate.may_leave, 60000);
		atomic_store(&gate.is_inside, false);
	}
	if (point == CRASH_GATE_CLOSING)
		atomic_store(&gate.is_closing, true);
	if (point == CRASH_GATE_CLOSED) {
		atomic_store(&gate.closed_while_inside, atomic_load(&gate.is_inside));
		atomic_store(&gate.is_closed, true);
	}
}

static void *write_both(void *arg)
{
	char text[200];

	snprintf(text, sizeof(text), "a v=5i %lld\nb v=5i %lld\n", (long long)A_NS,
		 (long long)B_NS);
	CHECK_INT(write_text(text), OK);
	return arg;
}

static void *freeze(void *arg)
{
	CHECK_INT(engine_freeze(here.engine, here.database_id, "s"), OK);
	return arg;
}

TEST(guard__what_is_frozen_has_a_call_of_a_writer_or_has_it_not)
{
	pthread_t writer, freezer;
	struct snapshot *snapshot;
	struct engine *frozen, *all;

	make();
	CHECK_INT(write_one('a', 1, 1), OK);
	CHECK_INT(write_one('b', 1, 1), OK);
	crash_watch(hold_at_gate, NULL);
	pthread_create(&writer, NULL, write_both, NULL);
	CHECK(wait_for(&gate.is_inside, 60000));
	pthread_create(&freezer, NULL, freeze, NULL);
	CHECK(wait_for(&gate.is_closing, 60000));
	/* Where nobody waits for the writer it closes at once. */
	wait_for(&gate.is_closed, 200);
	atomic_store(&gate.may_leave, true);
	pthread_join(writer, NULL);
	pthread_join(freezer, NULL);
	crash_watch(NULL, NULL);
	CHECK(!gate.closed_while_inside);
	CHECK_INT(engine_open_frozen(here.engine, here.database_id, "s", &frozen), OK);
	all = here.engine;
	here.engine = frozen;
	CHECK_INT(snapshot_open(frozen, here.database_id, &snapshot), OK);
	CHECK_STR(values_in(snapshot, "a"), values_in(snapshot, "b"));
	snapshot_close(snapshot);
	here.engine = all;
	engine_close_frozen(frozen);
	done();
}
