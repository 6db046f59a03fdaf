/* What a dropped database leaves behind: nothing, but for those who still read it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "tests/lib/test.h"

static struct engine *engine;
static char path[300];

static bool begin(void)
{
	struct engine_options options = { .path = path };
	struct diag diag = { 0 };

	return CHECK_INT(engine_open(&options, &engine, &diag), OK) &&
	       CHECK_INT(engine_start(engine), OK);
}

static size_t names_in(const char *dir)
{
	DIR *stream = opendir(dir);
	size_t count = 0;

	while (stream && readdir(stream))
		count++;
	if (stream)
		closedir(stream);
	return count;
}

static size_t names_of(const char *name)
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s/%s", path, name);
	return names_in(dir) - 2; /* . and .. */
}

static uint32_t make(const char *name)
{
	struct attrs attrs = { .mode = 0755 };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;
	uint32_t id = 0;

	CHECK_INT(engine_create_database(engine, slice_of_text(name), &attrs, &id), OK);
	struct writer_options options = { .database_id = id, .attrs = attrs, .series_id = ID_NONE };
	if (CHECK_INT(writer_open(engine, &options, &writer), OK)) {
		CHECK_INT(writer_write(writer, SLICE("m,host=a v=1,w=\"x\" 1700000000000000000\n"),
				       true, &consumed, &lines, NULL),
			  OK);
		writer_close(writer);
	}
	return id;
}

TEST(engine__databases_that_are_dropped_leave_nothing)
{
	snprintf(path, sizeof(path), "%s", test_dir());
	REQUIRE(begin());
	CHECK_INT(engine_drop(engine, make("first")), OK);
	size_t descriptors = names_in("/proc/self/fd");
	for (int i = 0; i < 300; i++) {
		uint32_t id = make("db");

		if (i % 50 == 0)
			CHECK_INT(engine_flush(engine), OK);
		CHECK_INT(engine_drop(engine, id), OK);
	}
	CHECK_INT(names_of("db"), 0);
	CHECK_INT(names_of("shard"), 0);
	/* LevelDB has some open while a directory is being deleted. */
	CHECK(names_in("/proc/self/fd") < descriptors + 20);
	struct engine_gauges gauges;
	engine_gauges(engine, &gauges);
	CHECK_INT(gauges.index_bytes, 0);
	CHECK_INT(gauges.memtable_bytes, 0);
	CHECK_INT(engine_close(engine), OK);
	CHECK_INT(names_of("trash"), 0);
	REQUIRE(begin());
	CHECK_INT(engine_close(engine), OK);
}

TEST(engine__who_reads_a_dropped_database_goes_on)
{
	struct snapshot *snapshot;
	uint32_t *ids;
	size_t count;

	snprintf(path, sizeof(path), "%s", test_dir());
	REQUIRE(begin());
	uint32_t id = make("db");
	REQUIRE(CHECK_INT(snapshot_open(engine, id, &snapshot), OK));
	CHECK_INT(engine_drop(engine, id), OK);
	CHECK(engine_hold_index(engine, id) == NULL);
	CHECK_INT(make("db") != id, true);
	struct index *index = snapshot_index(snapshot);
	CHECK_INT(snapshot_series(snapshot, 0, ID_NONE, TIME_MIN_NS, TIME_MAX_NS, &ids, &count),
		  OK);
	if (CHECK_INT(count, 1)) {
		struct buf key = { 0 };

		index_series_key(index, ids[0], &key);
		CHECK_SLICE(buf_slice(&key), "m,host=a");
		buf_release(&key);
	}
	free(ids);
	snapshot_close(snapshot);
	CHECK_INT(engine_close(engine), OK);
}
