/*
 * Any text as a request, planned and run over a small data set (that of the
 * oracle, in one database): it ends soon, within its limits, and what fails
 * says why. The first byte chooses format and options.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "query/query.h"
#include "tests/lib/fuzz.h"

static struct engine *engine;
static uint32_t database_id;
static char directory[] = "/tmp/seriesfs-fuzz.XXXXXX";

static const char *const sets[] = { "sparse", "types", "irregular", "zones", "golden", "names" };

static const struct query_limits limits = {
	.memory_bytes_max = 32u << 20,
	.buckets_max = 20000,
	.series_max = 2000,
	.points_max = 200000,
	.time_max_ns = INT64_C(5000000000),
	.text_bytes_max = 1 << 16,
};

static void remove_directory(void)
{
	char command[64];

	engine_close(engine);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command) != 0)
		abort();
}

static void load(const char *set)
{
	struct writer_options options = { .database_id = database_id };
	struct buf text = { 0 };
	struct diag diag = { 0 };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;
	char path[100];

	snprintf(path, sizeof(path), "tests/oracle/data/%s.lp", set);
	if (env_read_file(path, &text) < 0 || writer_open(engine, &options, &writer) < 0 ||
	    writer_write(writer, buf_slice(&text), true, &consumed, &lines, &diag) < 0) {
		fprintf(stderr, "%s: %s\n", path, diag.text);
		abort();
	}
	writer_close(writer);
	buf_release(&text);
}

/* Half of it in shards, half in memory. */
static void open_all(void)
{
	struct engine_options options = { .path = mkdtemp(directory) };
	struct attrs attrs = { .mode = 0700 };
	struct diag diag = { 0 };

	if (!options.path || engine_open(&options, &engine, &diag) < 0 ||
	    engine_start(engine) < 0 ||
	    engine_create_database(engine, SLICE("db"), &attrs, &database_id) < 0)
		abort();
	atexit(remove_directory);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (i == sizeof(sets) / sizeof(sets[0]) / 2 && engine_flush(engine) < 0)
			abort();
		load(sets[i]);
	}
}

static int take(void *arg, struct slice bytes)
{
	size_t *left = arg;

	if (bytes.length > *left)
		return ERR_LIMIT;
	*left -= bytes.length;
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t left = 8u << 20;
	struct query_sink sink = { take, &left };
	struct query_options options = { 0 };
	struct diag diag = { 0 };
	struct query_env env = { .limits = &limits, .read_only = true };
	int err;

	if (!engine)
		open_all();
	if (size == 0)
		return 0;
	env.engine = engine;
	env.database_id = database_id;
	env.now_ns = INT64_C(1455000000000000000);
	options.format = data[0] % 6;
	options.chunked = data[0] & 64;
	options.chunk_size = 3;
	options.pretty = data[0] & 128;
	err = query_run(&env, slice_of(data + 1, size - 1), &options, &sink, NULL, &diag);
	if (err < 0 && !diag.text[0])
		abort();
	return 0;
}
