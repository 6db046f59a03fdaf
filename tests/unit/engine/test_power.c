/*
 * Power cuts: the data directory is copied as the disk may have it at a moment, of files that only
 * grow what was synced and no more, or with what one of them had beyond that. The copy is started
 * on, written to, flushed and started on again: numbers that are given twice show late. How much of
 * a file was synced is known since the linker wraps env_sync().
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/power.h"
#include "tests/lib/test.h"

#define START_NS (INT64_C(1700524800) * NS_PER_SECOND) /* a day of shard groups begins */
#define DAY_NS	 (86400 * NS_PER_SECOND)

/* --- the cut ------------------------------------------------------------------------- */

/* Do something at one point of the engine. */
static struct {
	enum crash_point point;
	void (*act)(void *arg);
	void *arg;
} plan;

static void follow_plan(void *arg, enum crash_point point)
{
	if (plan.act && point == plan.point)
		plan.act(plan.arg);
}

/* NULL: nothing more. */
static void plan_at(enum crash_point point, void (*act)(void *arg), void *arg)
{
	plan.point = point;
	plan.act = act;
	plan.arg = arg;
	crash_watch(act ? follow_plan : NULL, NULL);
}

struct cut {
	char from[300], to[300];
	unsigned loses;	    /* enum power_loss */
	unsigned countdown; /* happens when the point is passed that often */
};

static void cut_now(void *arg)
{
	struct cut *cut = arg;

	if (cut->countdown > 0 && --cut->countdown == 0)
		power_cut(cut->from, cut->to, cut->loses);
}

static struct cut cut_of(const char *from)
{
	struct cut cut = { .countdown = 1 };

	snprintf(cut.from, sizeof(cut.from), "%s", from);
	snprintf(cut.to, sizeof(cut.to), "%s", test_dir());
	return cut;
}

/* --- writing and reading --------------------------------------------------------------- */

/* Without threads: nothing is synced but by the test. */
static struct engine *engine_at(const char *path)
{
	struct engine_options options = { .path = path };
	struct engine *engine = NULL;
	struct diag diag = { 0 };

	if (!CHECK_INT(engine_open(&options, &engine, &diag), OK)) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	return engine;
}

static uint32_t database_called(struct engine *engine, const char *name)
{
	struct attrs attrs = { .mode = 0755 };
	struct object database;
	uint32_t id;

	if (catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, slice_of_text(name), &database) ==
	    OK)
		return database.id;
	CHECK_INT(engine_create_database(engine, slice_of_text(name), &attrs, &id), OK);
	return id;
}

static void put(struct engine *engine, const char *database, const char *format, int64_t time_ns)
{
	struct writer_options options = { .database_id = database_called(engine, database),
					  .attrs = { .mode = 0755 } };
	struct writer *writer;
	char line[300];
	int length = snprintf(line, sizeof(line), "%s %lld\n", format, (long long)time_ns);
	size_t consumed;
	uint64_t lines;

	CHECK_INT(writer_open(engine, &options, &writer), OK);
	CHECK_INT(writer_write(writer, slice_of(line, (size_t)length), false, &consumed, &lines,
			       NULL),
		  OK);
	writer_close(writer);
}

/* All that a database holds, in the order of its series. */
static const char *text_of(struct engine *engine, const char *database)
{
	static struct buf text;
	uint32_t database_id = database_called(engine, database);
	struct object *policies;
	size_t policy_count;

	buf_reset(&text);
	CHECK_INT(catalog_list(engine_catalog(engine), database_id, OBJECT_POLICY, &policies,
			       &policy_count),
		  OK);
	for (size_t p = 0; p < policy_count; p++) {
		uint32_t *ids;
		size_t count;

		CHECK_INT(engine_group_series(engine, policies[p].id, 0, &ids, &count), OK);
		for (size_t i = 0; i < count; i++) {
			struct series_text *series;

			CHECK_INT(series_text_open(engine, policies[p].id, 0, ids[i], &series), OK);
			CHECK_INT(series_text_read(series, 0, 1 << 20, &text), OK);
			series_text_close(series);
		}
		free(ids);
	}
	free(policies);
	return buf_text(&text);
}

static bool has(struct engine *engine, const char *database, const char *words)
{
	return strstr(text_of(engine, database), words) != NULL;
}

static void check_nothing_is_made_up(struct engine *engine, const char *database)
{
	CHECK(!has(engine, database, "recovered"));
}

/* Start on what the cut left, twice, with a write of names that are new there in between. */
static void check_after(const char *path, const char *must_have, const char *later)
{
	char before[4000], after[4000], line[100];
	struct engine *engine = engine_at(path);

	CHECK(has(engine, "k", must_have));
	check_nothing_is_made_up(engine, "k");
	snprintf(before, sizeof(before), "%s", text_of(engine, "k"));
	snprintf(line, sizeof(line), "%s=7i", later);
	put(engine, "k", line, START_NS + DAY_NS);
	CHECK_INT(engine_flush(engine), OK);
	CHECK_INT(engine_close(engine), OK);
	engine = engine_at(path);
	snprintf(after, sizeof(after), "%s", text_of(engine, "k"));
	CHECK(strstr(after, line) != NULL);
	for (char *at = before, *end; (end = strchr(at, '\n')); at = end + 1) {
		*end = '\0';
		if (!CHECK(strstr(after, at) != NULL))
			fprintf(stderr, "lost at the second start: %s\n", at);
	}
	check_nothing_is_made_up(engine, "k");
	CHECK_INT(engine_close(engine), OK);
}

/* A new directory in which one point is synced: `first v=1i` of k. */
static struct engine *engine_with_first(struct cut *cut)
{
	*cut = cut_of(test_dir());
	struct engine *engine = engine_at(cut->from);

	put(engine, "k", "first v=1i", START_NS);
	CHECK_INT(engine_sync(engine), OK);
	return engine;
}

/* The cut comes now; what was running is closed. */
static void cut_off(struct engine *engine, struct cut *cut, unsigned loses)
{
	cut->loses = loses;
	cut_now(cut);
	CHECK_INT(engine_close(engine), OK);
}

/* --- tests ------------------------------------------------------------------------------- */

static void write_new_names(void *arg)
{
	struct engine *engine = arg;

	plan_at(CRASH_NEVER, NULL, NULL);
	put(engine, "k", "b new=2i", START_NS + 1);
	put(engine, "k", "made,of=it x=3i", START_NS + 2);
}

struct race {
	struct engine *engine;
	struct cut cut;
};

static void race_and_cut(void *arg)
{
	struct race *race = arg;

	write_new_names(race->engine);
	race->cut.countdown = 1;
	plan_at(CRASH_FLUSH_WRITTEN, cut_now, &race->cut);
}

/* A writer that comes between two steps of a flush, and a cut before the log is trimmed. */
static void race_at(enum crash_point point)
{
	struct race race = { .cut = cut_of(test_dir()) };

	race.engine = engine_at(race.cut.from);

	race.cut.loses = LOSES_LOG | LOSES_INDEX | LOSES_CATALOG;
	put(race.engine, "k", "b old=1i", START_NS);
	CHECK_INT(engine_sync(race.engine), OK);
	plan_at(point, race_and_cut, &race);
	CHECK_INT(engine_flush(race.engine), OK);
	plan_at(CRASH_NEVER, NULL, NULL);
	CHECK_INT(engine_close(race.engine), OK);
	check_after(race.cut.to, "b old=1i", "other,series=1 y");
}

TEST(power__a_write_between_the_steps_of_a_flush_is_whole_or_not_there)
{
	race_at(CRASH_FLUSH_ROTATED);
	race_at(CRASH_FLUSH_SEALED);
	race_at(CRASH_FLUSH_NAMES_SYNCED);
	race_at(CRASH_FLUSH_CLOCK_WRITTEN);
	race_at(CRASH_FLUSH_SHARD_WRITTEN);
	race_at(CRASH_FLUSH_LET_GO);
}

/* Points of some groups come while another group is written, and the new log segment is lost. */
TEST(power__numbers_of_a_lost_log_are_not_given_again)
{
	struct race race = { .cut = cut_of(test_dir()) };

	race.engine = engine_at(race.cut.from);
	struct engine *engine = race.engine;

	race.cut.loses = LOSES_LOG;
	put(engine, "k", "a v=1i", START_NS - 7 * DAY_NS);
	put(engine, "k", "b old=1i", START_NS);
	CHECK_INT(engine_sync(engine), OK);
	plan_at(CRASH_FLUSH_SEALED, race_and_cut, &race);
	CHECK_INT(engine_flush(engine), OK);
	plan_at(CRASH_NEVER, NULL, NULL);
	CHECK_INT(engine_close(engine), OK);
	check_after(race.cut.to, "b old=1i", "b later");
}

/* The log may be on the disk and the index not; names are in both. */
TEST(power__what_the_log_has_does_not_need_the_index)
{
	struct cut cut;
	struct engine *engine = engine_with_first(&cut);

	put(engine, "k", "second,host=a v=2i", START_NS);
	put(engine, "k", "first w=3i", START_NS + 1);
	cut_off(engine, &cut, LOSES_INDEX);
	engine = engine_at(cut.to);
	CHECK_STR(text_of(engine, "k"), "first v=1i 1700524800000000000\n"
					"first w=3i 1700524800000000001\n"
					"second,host=a v=2i 1700524800000000000\n");
	CHECK_INT(engine_close(engine), OK);
	check_after(cut.to, "first v=1i", "other z");
}

/* In the copy, the names of the last series are neither in the index nor in the log. */
static void lose_logged_names(const char *path, const char *name)
{
	char segment[400];
	static char bytes[65536];

	snprintf(segment, sizeof(segment), "%s/wal/00000001", path);
	FILE *file = fopen(segment, "r+");
	REQUIRE(file != NULL);
	size_t length = fread(bytes, 1, sizeof(bytes), file);
	char *at = memmem(bytes, length, name, strlen(name));
	REQUIRE(at != NULL);
	fseek(file, at - bytes, SEEK_SET);
	fwrite("????", 1, 4, file);
	fclose(file);
}

static bool file_exists(const char *dir, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

TEST(power__a_record_without_names_is_set_aside_and_its_numbers_are_free)
{
	struct cut cut;
	struct engine *engine = engine_with_first(&cut);

	put(engine, "k", "second,host=a v=2i", START_NS);
	cut_off(engine, &cut, LOSES_INDEX);
	lose_logged_names(cut.to, "second");
	engine = engine_at(cut.to);
	CHECK_STR(text_of(engine, "k"), "first v=1i 1700524800000000000\n");
	CHECK(file_exists(cut.to, "wal/00000001.torn"));
	/* Another gets its number, and dies before a flush. */
	put(engine, "k", "third v=4i", START_NS + 5);
	struct cut again = cut_of(cut.to);
	cut_now(&again);
	CHECK_INT(engine_close(engine), OK);
	engine = engine_at(again.to);
	CHECK_STR(text_of(engine, "k"), "first v=1i 1700524800000000000\n"
					"third v=4i 1700524800000000005\n");
	CHECK_INT(engine_close(engine), OK);
}

/* The catalog lost a database that the log has points of; another gets its numbers. */
TEST(power__points_of_a_lost_database_do_not_come_to_another)
{
	struct cut cut;
	struct engine *engine = engine_with_first(&cut);

	put(engine, "lost", "foreign v=2i", START_NS);
	cut_off(engine, &cut, LOSES_CATALOG);
	for (int round = 0; round < 2; round++) {
		engine = engine_at(cut.to);
		put(engine, "k", "first v=1i", START_NS);
		put(engine, "l", "mine v=3i", START_NS);
		CHECK_STR(text_of(engine, "l"), "mine v=3i 1700524800000000000\n");
		struct cut again = cut_of(cut.to);

		cut_now(&again);
		CHECK_INT(engine_close(engine), OK);
		cut = again;
	}
}

/*
 * The same, and it is the number of the group that is given again. The lost record must not stay in
 * the log: at the start after it would be one of another database's group, and what comes behind
 * such a record is not taken.
 */
TEST(power__points_of_a_lost_group_take_no_later_ones_along)
{
	struct cut cut;
	struct engine *engine = engine_with_first(&cut);
	char line[100];

	put(engine, "lost", "foreign v=2i", START_NS);
	cut_off(engine, &cut, LOSES_CATALOG);
	engine = engine_at(cut.to);
	/* More groups than numbers that were lost: database, policy, group. */
	for (int week = 1; week < 6; week++)
		put(engine, "k", "first v=3i", START_NS + week * 7 * DAY_NS);
	CHECK_INT(engine_sync(engine), OK);
	cut = cut_of(cut.to);
	cut_now(&cut);
	CHECK_INT(engine_close(engine), OK);
	engine = engine_at(cut.to);
	CHECK(has(engine, "k", "first v=1i"));
	for (int week = 1; week < 6; week++) {
		snprintf(line, sizeof(line), "first v=3i %lld",
			 (long long)(START_NS + week * 7 * DAY_NS));
		CHECK(has(engine, "k", line));
	}
	CHECK_INT(engine_close(engine), OK);
}

/*
 * The directory of a database that was made after the group lies there, with a greater number than
 * the lost group's; the catalog's records alone tell that the group is nobody's.
 */
TEST(power__what_comes_behind_a_lost_group_goes_with_it)
{
	struct cut cut;
	struct engine *engine = engine_with_first(&cut);

	put(engine, "k", "first v=2i", START_NS + 7 * DAY_NS);
	database_called(engine, "later");
	put(engine, "k", "first v=3i", START_NS + 1);
	cut_off(engine, &cut, LOSES_CATALOG);
	engine = engine_at(cut.to);
	CHECK_STR(text_of(engine, "k"), "first v=1i 1700524800000000000\n");
	CHECK_INT(engine_close(engine), OK);
}

/* What a killed process left may be in the page cache alone, and a copy is made of it. */
TEST(power__a_copy_that_is_made_anew_is_not_ahead_of_its_journal)
{
	struct cut killed = cut_of(test_dir()), cut;
	struct engine *engine = engine_at(killed.from);
	char copy[400];

	put(engine, "k", "first v=1i", START_NS);
	cut_now(&killed);
	CHECK_INT(engine_close(engine), OK);
	snprintf(copy, sizeof(copy), "%s/catalog.copy", killed.to);
	CHECK_INT(unlink(copy), 0);
	engine = engine_at(killed.to);
	cut = cut_of(killed.to);
	cut_off(engine, &cut, LOSES_LOG | LOSES_INDEX | LOSES_CATALOG);
	engine = engine_at(cut.to);
	/* Else it would look as if the journal had been cut. */
	CHECK(!file_exists(cut.to, "catalog.damaged"));
	CHECK_INT(engine_close(engine), OK);
}

/* Where the shards are ahead of the log, as older versions could leave them, nothing is taken for
 * written that is not. */
TEST(power__a_shard_that_is_ahead_of_the_log_takes_the_next_flush)
{
	char path[300], name[400];

	snprintf(path, sizeof(path), "%s", test_dir());
	struct engine *engine = engine_at(path);

	for (int i = 0; i < 50; i++)
		put(engine, "k", "a v=1i", START_NS + i);
	CHECK_INT(engine_close(engine), OK);
	snprintf(name, sizeof(name), "%s/clock", path);
	FILE *file = fopen(name, "w");
	REQUIRE(file != NULL);
	fprintf(file, "1 2\n");
	fclose(file);
	engine = engine_at(path);
	put(engine, "k", "b v=2i", START_NS);
	CHECK_INT(engine_flush(engine), OK);
	CHECK_INT(engine_close(engine), OK);
	engine = engine_at(path);
	CHECK(has(engine, "k", "b v=2i"));
	CHECK(has(engine, "k", "a v=1i 1700524800000000049"));
	CHECK_INT(engine_close(engine), OK);
}

/* I2: a sync alone, without a flush behind it. */
TEST(power__what_was_synced_is_there)
{
	struct cut cut;
	struct engine *engine = engine_with_first(&cut);

	cut_off(engine, &cut, LOSES_LOG | LOSES_INDEX | LOSES_CATALOG);
	check_after(cut.to, "first v=1i", "other z");
}

/* A start after kill -9 goes on from what may be in the page cache alone. */
TEST(power__a_sync_covers_what_a_killed_process_had_written)
{
	struct cut killed = cut_of(test_dir()), cut;
	struct engine *engine = engine_at(killed.from);

	put(engine, "k", "first v=1i", START_NS);
	cut_now(&killed);
	CHECK_INT(engine_close(engine), OK);
	engine = engine_at(killed.to);
	put(engine, "k", "second v=2i", START_NS);
	CHECK_INT(engine_sync(engine), OK);
	cut = cut_of(killed.to);
	cut_off(engine, &cut, LOSES_LOG | LOSES_INDEX | LOSES_CATALOG);
	check_after(cut.to, "first v=1i", "other z");
}

static unsigned count_names(const char *dir, const char *name)
{
	char path[400];
	unsigned count = 0;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	DIR *names = opendir(path);
	if (!names)
		abort();
	while ((entry = readdir(names)))
		count += entry->d_name[0] != '.';
	closedir(names);
	return count;
}

static unsigned count_lines(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* Points of many weeks, one each. */
static void put_weeks(struct engine *engine, int weeks)
{
	for (int i = 0; i < weeks; i++)
		put(engine, "k", "a v=1i", START_NS - i * 7 * DAY_NS);
}

/* A shard group that has one point is not written for it: a shard costs a dozen syncs. */
TEST(power__an_end_with_many_groups_keeps_them_in_the_log_and_syncs_it)
{
	struct cut cut = cut_of(test_dir());
	struct engine *engine = engine_at(cut.from);

	put_weeks(engine, 100);
	unsigned before = power_syncs();
	CHECK_INT(engine_close(engine), OK);
	CHECK(power_syncs() - before <= 3); /* catalog, index, log */
	CHECK_INT(count_names(cut.from, "shard"), 0);
	cut.loses = LOSES_LOG | LOSES_INDEX | LOSES_CATALOG;
	cut_now(&cut);
	engine = engine_at(cut.to);
	CHECK_INT(count_lines(text_of(engine, "k")), 100);
	check_nothing_is_made_up(engine, "k");
	CHECK_INT(engine_close(engine), OK);
	check_after(cut.to, "a v=1i", "other,series=1 y");
}

/* Few groups are written, and the log is empty: the next start has nothing to replay. */
TEST(power__an_end_with_few_groups_writes_them)
{
	const char *path = test_dir();
	struct engine *engine = engine_at(path);

	put_weeks(engine, 8);
	CHECK_INT(engine_close(engine), OK);
	CHECK_INT(count_names(path, "shard"), 2 * 8); /* with a mark each */
	CHECK_INT(count_names(path, "wal"), 1);
}

/* What is kept grows by a segment with each run, and not without end. */
TEST(power__a_log_of_many_runs_goes_into_shards)
{
	const char *path = test_dir();
	unsigned segments_max = 0;

	for (int run = 0; run < 40; run++) {
		struct engine *engine = engine_at(path);

		if (run % 20 == 0)
			put_weeks(engine, 9);
		CHECK_INT(engine_close(engine), OK);
		if (count_names(path, "wal") > segments_max)
			segments_max = count_names(path, "wal");
	}
	CHECK_INT(segments_max, 16 + 1); /* and the mark */
	CHECK_INT(count_names(path, "wal"), 1 + 1);
}

static void hear(void *arg, const char *text)
{
	*(bool *)arg |= strstr(text, "are missing in it") != NULL;
}

/* The clock does not take what stays in the log for flushed. */
TEST(power__what_an_end_left_in_the_log_is_missed_when_it_is_gone)
{
	char path[300], segment[400];
	bool is_missed = false;

	snprintf(path, sizeof(path), "%s", test_dir());
	struct engine *engine = engine_at(path);
	put_weeks(engine, 100);
	CHECK_INT(engine_close(engine), OK);
	snprintf(segment, sizeof(segment), "%s/wal/00000001", path);
	CHECK_INT(truncate(segment, 2000), 0);
	log_hear(hear, &is_missed);
	engine = engine_at(path);
	log_hear(NULL, NULL);
	CHECK(is_missed);
	CHECK_INT(engine_close(engine), OK);
}

static unsigned syncs_closed;

static void check_no_sync(void *arg)
{
	CHECK_INT(power_syncs(), syncs_closed);
	*(bool *)arg = true;
}

static void note_syncs(void *arg)
{
	syncs_closed = power_syncs();
	plan_at(CRASH_GATE_OPENED, check_no_sync, arg);
}

/* An instant keeps writers out for no sync, and is durable when it returns all the same. */
TEST(power__writers_wait_for_no_sync_of_a_snapshot)
{
	struct cut cut = cut_of(test_dir());
	struct engine *engine = engine_at(cut.from), *frozen;
	bool was_opened = false;

	put_weeks(engine, 3);
	plan_at(CRASH_GATE_CLOSED, note_syncs, &was_opened);
	CHECK_INT(engine_freeze(engine, database_called(engine, "k"), "s"), OK);
	plan_at(CRASH_NEVER, NULL, NULL);
	CHECK(was_opened);
	cut.loses = LOSES_LOG | LOSES_INDEX | LOSES_CATALOG;
	cut_now(&cut);
	CHECK_INT(engine_close(engine), OK);
	engine = engine_at(cut.to);
	CHECK_INT(engine_open_frozen(engine, database_called(engine, "k"), "s", &frozen), OK);
	CHECK_INT(count_lines(text_of(frozen, "k")), 3);
	engine_close_frozen(frozen);
	CHECK_INT(engine_close(engine), OK);
}
