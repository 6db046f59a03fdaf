/* The engine's promises one by one: what is refused and leaves nothing, what is kept over a
 * restart. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

#define START_S	 1700006400 /* 2023-11-15T00:00:00Z */
#define START_NS (INT64_C(1700006400) * NS_PER_SECOND)

/* --- a data directory to try things in -------------------------------------------- */

struct place {
	char path[300];
	struct engine *engine;
	uint32_t database_id;
	uint64_t memtable_bytes_max;
	bool read_only;
};

static void place_open(struct place *place)
{
	struct engine_options options = { .path = place->path,
					  .memtable_bytes_max = place->memtable_bytes_max,
					  .read_only = place->read_only };
	struct diag diag = { 0 };

	if (!CHECK_INT(engine_open(&options, &place->engine, &diag), OK)) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	CHECK_INT(engine_start(place->engine), OK);
}

static void place_make(struct place *place)
{
	struct attrs attrs = { .mode = 0750, .uid = 7, .gid = 8 };

	*place = (struct place){ 0 };
	snprintf(place->path, sizeof(place->path), "%s", test_dir());
	place_open(place);
	CHECK_INT(engine_create_database(place->engine, SLICE("db"), &attrs, &place->database_id),
		  OK);
}

static void place_close(struct place *place)
{
	CHECK_INT(engine_close(place->engine), OK);
	place->engine = NULL;
}

static void place_reopen(struct place *place)
{
	place_close(place);
	place_open(place);
}

/* --- writing and asking ------------------------------------------------------------- */

static struct diag last_diag;
static size_t last_consumed;

static int write_with(struct place *place, struct writer_options options, const char *text)
{
	struct writer *writer;
	uint64_t lines;

	last_diag = (struct diag){ 0 };
	last_consumed = 0;
	options.database_id = place->database_id;
	TRY(writer_open(place->engine, &options, &writer));
	int err =
		writer_write(writer, slice_of_text(text), true, &last_consumed, &lines, &last_diag);
	writer_close(writer);
	return err;
}

static int write_text(struct place *place, const char *text)
{
	return write_with(place, (struct writer_options){ .attrs = { .mode = 0750 } }, text);
}

static uint32_t series_of(struct place *place, const char *key)
{
	uint32_t id = ID_NONE;

	CHECK_INT(index_series(engine_index(place->engine, place->database_id), slice_of_text(key),
			       false, &id, NULL),
		  OK);
	return id;
}

static uint32_t policy_of(struct place *place)
{
	struct object policy = { 0 };

	catalog_default_policy(engine_catalog(place->engine), place->database_id, &policy);
	return policy.id;
}

static uint32_t group_at(struct place *place, int64_t time_s)
{
	struct object group = { 0 };

	return catalog_find_group(engine_catalog(place->engine), policy_of(place), time_s,
				  &group) == OK
		       ? group.id
		       : 0;
}

/* The whole series as text; borrowed until the next call. */
static const char *text_in(struct place *place, uint32_t group_id, const char *key)
{
	static struct buf out;
	struct series_text *text;

	buf_reset(&out);
	uint32_t id = series_of(place, key);
	if (id == ID_NONE)
		return "no series";
	int err = series_text_open(place->engine, policy_of(place), group_id, id, &text);
	if (err < 0)
		return err_text(err);
	CHECK_INT(series_text_read(text, 0, 1 << 30, &out), OK);
	CHECK_INT(series_text_bytes(text), out.length);
	series_text_close(text);
	return buf_text(&out);
}

static const char *text_of(struct place *place, const char *key)
{
	return text_in(place, 0, key);
}

static struct series_stat stat_of(struct place *place, const char *key)
{
	struct series_stat stat = { 0 };

	CHECK_INT(engine_series_stat(place->engine, policy_of(place), 0, series_of(place, key),
				     &stat),
		  OK);
	return stat;
}

/* --- taking lines --------------------------------------------------------------------- */

TEST(engine__a_first_line_makes_autogen_and_its_week)
{
	struct place place;
	struct object policy, group;

	place_make(&place);
	CHECK_INT(write_text(&place, "cpu,host=a usage=0.64,n=1i 1700006400000000001\n"), OK);
	CHECK_INT(catalog_default_policy(engine_catalog(place.engine), place.database_id, &policy),
		  OK);
	CHECK_SLICE(policy.name, "autogen");
	CHECK_INT(policy.attrs.mode, 0750);
	CHECK_INT(catalog_find_group(engine_catalog(place.engine), policy.id, START_S, &group), OK);
	CHECK_SLICE(group.name, "2023-11-13--2023-11-20");
	CHECK_STR(text_of(&place, "cpu,host=a"),
		  "cpu,host=a n=1i,usage=0.64 1700006400000000001\n");
	place_close(&place);
}

TEST(engine__values_come_back_as_they_were_typed)
{
	static const char lines[] =
		"a\\ b\\,c,t\\=x=v\\ w b=true,f=-0,g=1e+21,i=-9223372036854775808i,s=\"q\\\"\\\\ "
		"\nx\",u=18446744073709551615u -9223372036854775806\n"
		"a\\ b\\,c,t\\=x=v\\ w b=false,s=\"\" 9223372036854775806\n";
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, lines), OK);
	CHECK_STR(text_of(&place, "a\\ b\\,c,t\\=x=v\\ w"), lines);
	place_reopen(&place);
	CHECK_STR(text_of(&place, "a\\ b\\,c,t\\=x=v\\ w"), lines);
	CHECK_INT(engine_flush(place.engine), OK);
	CHECK_STR(text_of(&place, "a\\ b\\,c,t\\=x=v\\ w"), lines);
	place_close(&place);
}

TEST(engine__a_bad_line_stops_exactly_there)
{
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\nm v=2 2\nm v= 3\nm v=4 4\n"), ERR_INVALID);
	CHECK_INT(last_consumed, 16);
	CHECK_INT(last_diag.line, 3);
	CHECK_STR(text_of(&place, "m"), "m v=1 1\nm v=2 2\n");
	place_close(&place);
}

TEST(engine__an_unfinished_line_waits_for_its_rest)
{
	struct place place;
	struct writer_options options = { 0 };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;

	place_make(&place);
	options.database_id = place.database_id;
	CHECK_INT(writer_open(place.engine, &options, &writer), OK);
	CHECK_INT(writer_write(writer, SLICE("# note\n\nm v=1 1\nm v=2"), false, &consumed, &lines,
			       NULL),
		  OK);
	CHECK_INT(consumed, 16);
	CHECK_INT(lines, 3);
	CHECK_INT(writer_write(writer, SLICE("m v=2 2"), true, &consumed, &lines, NULL), OK);
	CHECK_INT(consumed, 7);
	writer_close(writer);
	CHECK_STR(text_of(&place, "m"), "m v=1 1\nm v=2 2\n");
	place_close(&place);
}

static void note_bad(void *arg, int err, const struct diag *diag, struct slice line)
{
	buf_printf(arg, "%d %llu %.*s|", err, (unsigned long long)diag->line, (int)line.length,
		   line.data);
}

TEST(engine__with_skip_bad_lines_are_told_and_the_rest_is_stored)
{
	struct place place;
	struct buf told = { 0 };
	struct writer_options options = { .skip = true, .on_bad = note_bad, .on_bad_arg = &told };

	place_make(&place);
	CHECK_INT(write_with(&place, options, "m v=1 1\nbad\nm v=1i 2\nm v=3 3\n"), OK);
	CHECK_INT(last_consumed, 29);
	CHECK_STR(buf_text(&told), "-1 2 bad|-17 3 m v=1i 2|");
	CHECK_STR(text_of(&place, "m"), "m v=1 1\nm v=3 3\n");
	buf_release(&told);
	place_close(&place);
}

TEST(engine__a_clash_of_types_says_so_as_influxdb_does)
{
	static const char said[] =
		"field type conflict: input field \"v\" on measurement \"tc\" is "
		"type integer, already exists as type float";
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, "tc v=1 1\n"), OK);
	CHECK_INT(write_text(&place, "tc,h=a v=1i 2\n"), ERR_TYPE);
	CHECK_STR(last_diag.text, said);
	CHECK_INT(series_of(&place, "tc,h=a"), ID_NONE);
	CHECK_INT(engine_flush(place.engine), OK);
	place_reopen(&place);
	CHECK_INT(write_text(&place, "tc v=1i 2\n"), ERR_TYPE);
	CHECK_STR(last_diag.text, said);
	place_close(&place);
}

TEST(engine__types_clash_within_one_write_too)
{
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, "tc v=1 1\ntc,h=a v=true 2\n"), ERR_TYPE);
	CHECK_INT(last_consumed, 9);
	CHECK_STR(text_of(&place, "tc"), "tc v=1 1\n");
	place_close(&place);
}

TEST(engine__a_refused_line_leaves_no_type_behind)
{
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, "tc v=1 1\n"), OK);
	CHECK_INT(write_text(&place, "tc a=1i,v=1i,w=1i 2\n"), ERR_TYPE);
	CHECK_INT(write_text(&place, "tc a=1,v=2,w=true 3\n"), OK);
	CHECK_STR(text_of(&place, "tc"), "tc v=1 1\ntc a=1,v=2,w=true 3\n");
	place_close(&place);
}

TEST(engine__a_refused_line_leaves_no_group_and_no_policy_behind)
{
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, "tc v=1x 1\n"), ERR_INVALID);
	CHECK_INT(policy_of(&place), 0);
	CHECK_INT(series_of(&place, "tc"), ID_NONE);
	place_close(&place);
}

TEST(engine__another_group_may_have_another_type)
{
	struct place place;
	struct snapshot *snapshot;
	unsigned types;

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\nm v=1i 1700006400000000000\n"), OK);
	CHECK_STR(text_of(&place, "m"), "m v=1 1\nm v=1i 1700006400000000000\n");
	CHECK_INT(snapshot_open(place.engine, place.database_id, &snapshot), OK);
	CHECK_INT(snapshot_field_types(snapshot, 0, 0, 0, 0, START_NS, &types), OK);
	CHECK_INT(types, 1u << VALUE_FLOAT | 1u << VALUE_INTEGER);
	CHECK_INT(snapshot_field_types(snapshot, 0, 0, 0, START_NS, START_NS, &types), OK);
	CHECK_INT(types, 1u << VALUE_INTEGER);
	CHECK_INT(snapshot_group_count(snapshot, 0, TIME_MIN_NS, TIME_MAX_NS), 2);
	snapshot_close(snapshot);
	place_close(&place);
}

/* --- windows and retention -------------------------------------------------------------- */

static uint32_t make_policy(struct place *place, const char *name, int64_t duration_ns,
			    int64_t shard_duration_ns)
{
	struct policy_settings settings = { .duration_ns = duration_ns,
					    .shard_duration_ns = shard_duration_ns,
					    .shards = 1,
					    .replication = 1 };
	struct attrs attrs = { .mode = 0755 };
	uint32_t id = 0;

	CHECK_INT(engine_create_policy(place->engine, place->database_id, slice_of_text(name),
				       &settings, &attrs, &id),
		  OK);
	return id;
}

TEST(engine__a_point_older_than_the_policy_keeps_is_refused)
{
	struct place place;
	char line[100];
	int64_t now_ns = env_now_ns();

	place_make(&place);
	make_policy(&place, "short", NS_PER_HOUR, NS_PER_HOUR);
	snprintf(line, sizeof(line), "m v=1 %lld\n",
		 (long long)(now_ns - NS_PER_HOUR - NS_PER_SECOND));
	CHECK_INT(write_text(&place, line), ERR_RANGE);
	CHECK_INT(last_consumed, 0);
	CHECK_INT(series_of(&place, "m"), ID_NONE);
	snprintf(line, sizeof(line), "m v=1 %lld\n", (long long)(now_ns - NS_PER_MINUTE));
	CHECK_INT(write_text(&place, line), OK);
	place_close(&place);
}

TEST(engine__a_group_takes_points_of_its_window_only)
{
	struct place place;
	uint32_t policy_id, group_id;
	struct attrs attrs = { .mode = 0755 };

	place_make(&place);
	policy_id = make_policy(&place, "daily", 0, NS_PER_DAY);
	CHECK_INT(engine_create_group(place.engine, policy_id, START_S, START_S + 86400, &attrs,
				      &group_id),
		  OK);
	struct writer_options options = { .policy_id = policy_id, .group_id = group_id };
	CHECK_INT(write_with(&place, options, "m v=1 1700006400000000000\nm v=1 1\n"), ERR_RANGE);
	CHECK_INT(last_consumed, 26);
	CHECK_STR(text_in(&place, group_id, "m"), "m v=1 1700006400000000000\n");
	place_close(&place);
}

TEST(engine__groups_past_retention_are_dropped_whole)
{
	struct place place;
	uint32_t policy_id;
	struct policy_settings settings = { .duration_ns = 0,
					    .shard_duration_ns = NS_PER_DAY,
					    .shards = 1,
					    .replication = 1,
					    .is_default = true };
	size_t dropped;

	place_make(&place);
	policy_id = make_policy(&place, "p", 0, NS_PER_DAY);
	CHECK_INT(write_text(&place, "m v=1 1700006400000000000\nm v=2\n"), OK);
	CHECK_INT(engine_retention(place.engine, &dropped), OK);
	CHECK_INT(dropped, 0);
	settings.duration_ns = 30 * NS_PER_DAY;
	CHECK_INT(catalog_set_policy(engine_catalog(place.engine), policy_id, &settings), OK);
	CHECK_INT(engine_retention(place.engine, &dropped), OK);
	CHECK_INT(dropped, 1);
	CHECK_INT(stat_of(&place, "m").points, 1);
	place_reopen(&place);
	CHECK_INT(stat_of(&place, "m").points, 1);
	place_close(&place);
}

/* --- a series file ------------------------------------------------------------------------- */

static struct writer_options own_series(struct place *place, uint32_t group_id, const char *key)
{
	return (struct writer_options){ .policy_id = policy_of(place),
					.group_id = group_id,
					.scope = WRITE_ONE_SERIES,
					.series_id = series_of(place, key),
					.series_key = slice_of_text(key) };
}

TEST(engine__a_series_file_takes_three_forms_of_its_own_key)
{
	struct place place;

	place_make(&place);
	make_policy(&place, "p", 0, NS_PER_DAY);
	struct writer_options options = own_series(&place, 0, "m,a=1,b=2");
	CHECK_INT(write_with(&place, options, "0.5 1\nvalue=2,x=1i 2\nm,b=2,a=1 x=3i 3\n"), OK);
	CHECK_STR(text_of(&place, "m,a=1,b=2"),
		  "m,a=1,b=2 value=0.5 1\nm,a=1,b=2 value=2,x=1i 2\nm,a=1,b=2 x=3i 3\n");
	CHECK_INT(write_with(&place, options, "m,a=1 x=4i 4\n"), ERR_INVALID);
	CHECK_INT(last_consumed, 0);
	CHECK_INT(series_of(&place, "m,a=1"), ID_NONE);
	place_close(&place);
}

static int replace(struct place *place, uint32_t group_id, const char *key, uint64_t cut,
		   const char *text)
{
	struct writer_options options = own_series(place, group_id, key);

	last_diag = (struct diag){ 0 };
	options.database_id = place->database_id;
	return engine_series_replace(place->engine, &options, cut, slice_of_text(text), &last_diag);
}

TEST(engine__replacing_takes_what_was_there_and_leaves_what_came_later)
{
	for (int flush = 0; flush < 8; flush++) {
		struct place place;
		uint32_t group_id;

		place_make(&place);
		CHECK_INT(write_text(&place, "m v=1 1\nm v=2 2\n"), OK);
		if (flush & 1)
			CHECK_INT(engine_flush(place.engine), OK);
		group_id = group_at(&place, 0);
		uint64_t cut = engine_cut(place.engine, group_id);
		CHECK_INT(write_text(&place, "m v=30 3\nm w=20i 2\n"), OK);
		if (flush & 2)
			CHECK_INT(engine_flush(place.engine), OK);
		CHECK_INT(replace(&place, group_id, "m", cut, "m v=5 5\n"), OK);
		engine_cut_release(place.engine, group_id, cut);
		CHECK_STR(text_of(&place, "m"), "m w=20i 2\nm v=30 3\nm v=5 5\n");
		if (flush & 4)
			CHECK_INT(engine_flush(place.engine), OK);
		place_reopen(&place);
		CHECK_STR(text_of(&place, "m"), "m w=20i 2\nm v=30 3\nm v=5 5\n");
		place_close(&place);
	}
}

TEST(engine__replacing_by_nothing_empties_the_series)
{
	struct place place;
	uint32_t group_id;

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\nn v=2 2\n"), OK);
	group_id = group_at(&place, 0);
	uint64_t cut = engine_cut(place.engine, group_id);
	CHECK_INT(replace(&place, group_id, "m", cut, ""), OK);
	engine_cut_release(place.engine, group_id, cut);
	CHECK_STR(text_of(&place, "n"), "n v=2 2\n");
	struct series_stat stat;
	CHECK_INT(engine_series_stat(place.engine, policy_of(&place), group_id,
				     series_of(&place, "m"), &stat),
		  ERR_NOT_FOUND);
	place_close(&place);
}

TEST(engine__a_bad_replacement_leaves_all_as_it_was)
{
	struct place place;
	uint32_t group_id;

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\n"), OK);
	group_id = group_at(&place, 0);
	uint64_t cut = engine_cut(place.engine, group_id);
	CHECK_INT(replace(&place, group_id, "m", cut, "m v=5 5\nm v= 6\n"), ERR_INVALID);
	CHECK_INT(last_diag.line, 2);
	CHECK_INT(replace(&place, group_id, "m", cut, "m v=5 5\nn v=6 6\n"), ERR_INVALID);
	engine_cut_release(place.engine, group_id, cut);
	CHECK_STR(text_of(&place, "m"), "m v=1 1\n");
	place_close(&place);
}

/* --- what is kept beside points ----------------------------------------------------------------
 */

TEST(engine__mtime_is_the_arrival_or_what_was_set)
{
	struct place place;
	int64_t before_ns = env_now_ns();

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\n"), OK);
	int64_t mtime_ns = stat_of(&place, "m").mtime_ns;
	CHECK(mtime_ns >= before_ns);
	for (int round = 0; round < 3; round++) {
		CHECK_INT(stat_of(&place, "m").mtime_ns, mtime_ns);
		if (round == 0)
			CHECK_INT(engine_flush(place.engine), OK);
		else
			place_reopen(&place);
	}
	CHECK_INT(engine_series_set_mtime(place.engine, policy_of(&place), 0,
					  series_of(&place, "m"), 12345),
		  OK);
	for (int round = 0; round < 3; round++) {
		CHECK_INT(stat_of(&place, "m").mtime_ns, 12345);
		CHECK(stat_of(&place, "m").ctime_ns > mtime_ns);
		if (round == 0)
			CHECK_INT(engine_flush(place.engine), OK);
		else
			place_reopen(&place);
	}
	CHECK_INT(write_text(&place, "m v=1 2\n"), OK);
	CHECK(stat_of(&place, "m").mtime_ns > mtime_ns);
	place_close(&place);
}

TEST(engine__arrival_times_increase_over_restarts)
{
	struct place place;
	int64_t last_ns = 0;

	place_make(&place);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++) {
			int64_t now_ns = engine_arrival_ns(place.engine);

			CHECK(now_ns > last_ns);
			last_ns = now_ns;
		}
		place_reopen(&place);
	}
	CHECK_INT(write_text(&place, "m v=1\nm v=2\nm v=3\n"), OK);
	CHECK_INT(stat_of(&place, "m").points, 3);
	place_close(&place);
}

TEST(engine__what_was_dropped_is_gone_and_open_readers_keep_it)
{
	struct place place;
	struct snapshot *snapshot;
	struct series_text *text;
	struct buf out = { 0 };
	uint32_t *ids;
	size_t count;

	for (int flush = 0; flush < 2; flush++) {
		place_make(&place);
		CHECK_INT(write_text(&place, "m v=1 1\nm v=2 1700006400000000000\n"), OK);
		if (flush)
			CHECK_INT(engine_flush(place.engine), OK);
		CHECK_INT(snapshot_open(place.engine, place.database_id, &snapshot), OK);
		CHECK_INT(series_text_open(place.engine, policy_of(&place), 0,
					   series_of(&place, "m"), &text),
			  OK);
		CHECK_INT(engine_drop(place.engine, group_at(&place, 0)), OK);
		CHECK_STR(text_of(&place, "m"), "m v=2 1700006400000000000\n");
		CHECK_INT(snapshot_series(snapshot, 0, ID_NONE, 0, 10, &ids, &count), OK);
		CHECK_INT(count, 1);
		free(ids);
		buf_reset(&out);
		CHECK_INT(series_text_read(text, 0, 1000, &out), OK);
		CHECK_STR(buf_text(&out), "m v=1 1\nm v=2 1700006400000000000\n");
		series_text_close(text);
		snapshot_close(snapshot);
		place_reopen(&place);
		CHECK_STR(text_of(&place, "m"), "m v=2 1700006400000000000\n");
		CHECK_INT(write_text(&place, "m v=3 1\n"), OK);
		CHECK_STR(text_of(&place, "m"), "m v=3 1\nm v=2 1700006400000000000\n");
		place_close(&place);
	}
	buf_release(&out);
}

TEST(engine__writers_of_a_dropped_policy_are_told)
{
	struct place place;
	struct writer_options options = { 0 };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;

	place_make(&place);
	options.database_id = place.database_id;
	options.policy_id = make_policy(&place, "p", 0, NS_PER_DAY);
	CHECK_INT(writer_open(place.engine, &options, &writer), OK);
	CHECK_INT(writer_write(writer, SLICE("m v=1 1\n"), false, &consumed, &lines, NULL), OK);
	CHECK_INT(engine_drop(place.engine, options.policy_id), OK);
	CHECK_INT(writer_write(writer, SLICE("m v=1 2\n"), false, &consumed, &lines, NULL),
		  ERR_STALE);
	CHECK_INT(consumed, 0);
	writer_close(writer);
	place_close(&place);
}

TEST(engine__a_dropped_database_may_be_made_again)
{
	struct place place;
	struct attrs attrs = { .mode = 0755 };

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\n"), OK);
	CHECK_INT(engine_drop(place.engine, place.database_id), OK);
	CHECK_INT(write_text(&place, "m v=1 1\n"), ERR_NOT_FOUND);
	CHECK_INT(engine_create_database(place.engine, SLICE("db"), &attrs, &place.database_id),
		  OK);
	CHECK_INT(series_of(&place, "m"), ID_NONE);
	place_reopen(&place);
	CHECK_INT(write_text(&place, "m v=true 1\n"), OK);
	CHECK_STR(text_of(&place, "m"), "m v=true 1\n");
	place_close(&place);
}

TEST(engine__a_read_only_engine_shows_and_changes_nothing)
{
	struct place place;

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\n"), OK);
	place_close(&place);
	place.read_only = true;
	place_open(&place);
	CHECK_STR(text_of(&place, "m"), "m v=1 1\n");
	CHECK_INT(write_text(&place, "m v=2 2\n"), ERR_READ_ONLY);
	CHECK_INT(engine_drop(place.engine, group_at(&place, 0)), ERR_READ_ONLY);
	CHECK_STR(text_of(&place, "m"), "m v=1 1\n");
	place_close(&place);
}

/* --- many ------------------------------------------------------------------------------------- */

/* Rows 0, 1, … of one series, in several writes. */
static void write_rows(struct place *place, unsigned first, unsigned end, struct buf *all)
{
	struct buf text = { 0 };

	for (unsigned i = first; i < end; i++)
		buf_printf(&text, "big,host=a n=%ui,s=\"%u\" %lld\n", i, i % 7,
			   (long long)(START_NS + (int64_t)i * NS_PER_SECOND));
	CHECK_INT(write_text(place, buf_text(&text)), OK);
	buf_append_slice(all, buf_slice(&text));
	buf_release(&text);
}

static void check_parts(struct place *place, const struct buf *all)
{
	struct series_text *text;
	struct buf out = { 0 };
	uint64_t random = test_seed();

	CHECK_INT(series_text_open(place->engine, policy_of(place), 0,
				   series_of(place, "big,host=a"), &text),
		  OK);
	CHECK_INT(series_text_bytes(text), all->length);
	for (int i = 0; i < 50; i++) {
		size_t offset = test_random(&random) % all->length;
		size_t length = 1 + test_random(&random) % 200000;

		buf_reset(&out);
		CHECK_INT(series_text_read(text, offset, length, &out), OK);
		if (length > all->length - offset)
			length = all->length - offset;
		CHECK_INT(out.length, length);
		CHECK(memcmp(out.data, all->data + offset, length) == 0);
	}
	series_text_close(text);
	buf_release(&out);
}

static void check_range_backwards(struct place *place, int64_t first, int64_t rows)
{
	struct snapshot *snapshot;
	struct rows_stream *stream;
	struct batch batch;

	CHECK_INT(snapshot_open(place->engine, place->database_id, &snapshot), OK);
	struct rows_spec spec = { .series_id = series_of(place, "big,host=a"),
				  .time_first_ns = START_NS + first * NS_PER_SECOND,
				  .time_last_ns = START_NS + rows * NS_PER_SECOND - 1,
				  .descending = true };
	CHECK_INT(rows_open(snapshot_rows(snapshot), &spec, &stream), OK);
	while (rows_next(stream, &batch) == OK)
		for (size_t i = 0; i < batch.row_count; i++)
			CHECK_INT((batch.times_ns[i] - START_NS) / NS_PER_SECOND, --rows);
	CHECK_INT(rows, first);
	rows_close(stream);
	snapshot_close(snapshot);
}

/* Of a chunk the last rows come first, wherever a range ends. */
static void check_backwards(struct place *place, int64_t rows)
{
	uint64_t random = test_seed();

	check_range_backwards(place, 0, rows);
	for (int i = 0; i < 50; i++) {
		int64_t end = 1 + (int64_t)(test_random(&random) % (uint64_t)rows);
		int64_t most = test_random(&random) % 2 ? 2000 : end;

		check_range_backwards(
			place,
			end - (int64_t)(test_random(&random) % (uint64_t)(most < end ? most : end)),
			end);
	}
}

TEST(engine__a_long_series_reads_from_any_offset_wherever_its_rows_are)
{
	struct place place;
	struct buf all = { 0 };

	place_make(&place);
	write_rows(&place, 0, 30000, &all);
	check_parts(&place, &all);
	CHECK_INT(engine_flush(place.engine), OK);
	write_rows(&place, 30000, 40000, &all);
	check_parts(&place, &all);
	CHECK_INT(engine_flush(place.engine), OK);
	write_rows(&place, 40000, 40100, &all);
	check_parts(&place, &all);
	check_backwards(&place, 40100);
	place_reopen(&place);
	check_parts(&place, &all);
	check_backwards(&place, 40100);
	buf_release(&all);
	place_close(&place);
}

TEST(engine__memory_over_its_budget_goes_to_the_shards_by_itself)
{
	struct place place;
	struct buf all = { 0 };
	struct engine_gauges gauges;

	place_make(&place);
	place_close(&place);
	place.memtable_bytes_max = 1 << 20;
	place_open(&place);
	for (unsigned i = 0; i < 100; i++)
		write_rows(&place, i * 1000, i * 1000 + 1000, &all);
	engine_gauges(place.engine, &gauges);
	CHECK(gauges.memtable_bytes <= 4 << 20);
	check_parts(&place, &all);
	buf_release(&all);
	place_close(&place);
}

TEST(engine__a_flush_leaves_a_short_log)
{
	struct place place;
	struct buf all = { 0 };
	struct engine_gauges gauges;

	place_make(&place);
	write_rows(&place, 0, 20000, &all);
	engine_gauges(place.engine, &gauges);
	CHECK(gauges.wal_bytes > 20000);
	CHECK_INT(engine_flush(place.engine), OK);
	engine_gauges(place.engine, &gauges);
	CHECK(gauges.wal_bytes < 1000);
	CHECK_INT(gauges.series, 1);
	CHECK_INT(gauges.groups, 1);
	check_parts(&place, &all);
	buf_release(&all);
	place_close(&place);
}

/* --- a disk that runs full ------------------------------------------------------------------ */

TEST(engine__the_log_goes_on_where_it_was_when_no_next_segment_can_be_made)
{
	struct place place;
	char segment[400];

	place_make(&place);
	CHECK_INT(write_text(&place, "m v=1 1\n"), OK);
	snprintf(segment, sizeof(segment), "%s/wal/00000002", place.path);
	CHECK_INT(env_mkdir(segment), OK); /* stands for a disk without room */
	CHECK(engine_flush(place.engine) < 0);
	CHECK_INT(write_text(&place, "m v=2 2\n"), OK);
	CHECK_INT(engine_sync(place.engine), OK);
	CHECK_INT(env_remove_tree(segment), OK);
	CHECK_INT(engine_flush(place.engine), OK);
	CHECK_INT(write_text(&place, "m v=3 3\n"), OK);
	place_reopen(&place);
	CHECK_INT(stat_of(&place, "m").points, 3);
	place_close(&place);
}
