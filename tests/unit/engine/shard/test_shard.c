/* Shards against what was put into them: over reopening, crashes, damage, many at once. */
#include "engine/shard/shard.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/base/limits.h"
#include "tests/lib/test.h"

static const char *path_of(const char *name)
{
	static char root[300], path[4096];

	if (!root[0]) {
		snprintf(root, sizeof(root), "%s", test_dir());
		env_mkdir(root);
	}
	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

/* Rows that follow from series, generation and place, so that a reader can know them. */
static int64_t value_of(uint32_t series_id, uint64_t generation, size_t row)
{
	return (int64_t)(series_id * 1000003 + generation * 101 + row * row % 37);
}

static int add(struct shard_batch *batch, uint64_t generation, uint32_t series_id,
	       uint64_t sequence_max, size_t row_count)
{
	static int64_t times_ns[CHUNK_ROWS_MAX];
	static union value values[2][CHUNK_ROWS_MAX];
	struct chunk_write_column columns[] = { { 1, VALUE_INTEGER, values[0], NULL },
						{ 2, VALUE_FLOAT, values[1], NULL } };
	struct shard_rows rows = { row_count,
				   times_ns,
				   columns,
				   2,
				   sequence_max,
				   row_count * 30,
				   (int64_t)generation * 1000 + 7 };

	for (size_t i = 0; i < row_count; i++) {
		times_ns[i] = (int64_t)(generation * 1000000 + i * 10);
		values[0][i].i = value_of(series_id, generation, i);
		values[1][i].f = (double)value_of(series_id, generation, i) / 8;
	}
	return shard_batch_add(batch, series_id, &rows);
}

static int flush(struct shard *shard, uint64_t generation, uint32_t series_count, size_t row_count)
{
	struct shard_batch *batch;

	TRY(shard_batch_begin(shard, generation, &batch));
	for (uint32_t s = 0; s < series_count; s++)
		add(batch, generation, s * 3, generation, row_count);
	return shard_batch_commit(batch, generation);
}

/* Does the chunk hold what add() wrote? */
static int read_back(struct shard_version *version, const struct chunk_ref *ref)
{
	struct chunk_data data = { 0 };
	uint32_t fields[] = { 2, 1 };
	struct chunk_wish wish = { fields, 2, INT64_MIN, INT64_MAX, 0, false };
	int err = shard_version_read(version, ref, &wish, &data);

	for (size_t i = 0; err == OK && i < data.row_count; i++) {
		int64_t value = value_of(ref->series_id, ref->generation, i);

		if (data.columns[1].values[i].i != value ||
		    data.columns[0].values[i].f != (double)value / 8)
			err = ERR_INVALID;
	}
	chunk_data_release(&data);
	return err;
}

/* Chunks of a series that read back right, or the first error. */
static int good_chunks(struct shard *shard, uint32_t series_id)
{
	struct chunk_refs refs = { 0 };
	struct shard_version *version;
	int err, good = 0;

	TRY(shard_version_acquire(shard, &version));
	shard_version_chunks(version, series_id, &refs);
	for (size_t i = 0; i < refs.count; i++) {
		err = read_back(version, &refs.items[i]);
		if (err < 0)
			good = good < 0 ? good : err;
		else if (good >= 0)
			good++;
	}
	chunk_refs_release(&refs);
	shard_version_release(version);
	return good;
}

static uint64_t flushed(struct shard *shard)
{
	uint64_t sequence = 0;

	CHECK_INT(shard_sequence_flushed(shard, &sequence), OK);
	return sequence;
}

TEST(shard__empty_until_the_first_flush)
{
	struct shard_env *env = shard_env_open(0);
	struct shard *shard = shard_open(env, path_of("empty"));
	struct shard_version *version;
	enum value_type type;
	uint32_t *ids;
	size_t count;

	CHECK_INT(flushed(shard), 0);
	REQUIRE(shard_version_acquire(shard, &version) == OK);
	CHECK_INT(shard_version_generation(version), 0);
	shard_version_series(version, UINT64_MAX, &ids, &count);
	CHECK_INT(count, 0);
	free(ids);
	CHECK_INT(shard_field_type(shard, 1, &type), OK);
	CHECK_INT(type, VALUE_NONE);
	shard_version_release(version);
	shard_close(shard);
	CHECK(!env_exists(path_of("empty")));
	shard_env_close(env);
}

TEST(shard__generations_come_back_after_closing)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("twice"));
	struct shard_totals totals;
	struct shard_version *version;

	for (uint64_t g = 1; g <= 20; g++)
		REQUIRE(flush(shard, g * 10, 50, g * 3) == OK);
	CHECK_INT(flush(shard, 200, 1, 1), ERR_EXISTS);
	shard_close(shard);
	shard = shard_open(env, path_of("twice"));
	CHECK_INT(flushed(shard), 200);
	for (uint32_t s = 0; s < 50; s++)
		CHECK_INT(good_chunks(shard, s * 3), 20);
	CHECK_INT(good_chunks(shard, 1), 0);
	REQUIRE(shard_version_acquire(shard, &version) == OK);
	shard_version_totals(version, &totals);
	CHECK_INT(totals.chunks, 1000);
	CHECK_INT(totals.rows, 50 * 3 * 210);
	CHECK_INT(totals.time_first_ns, 10000000);
	shard_version_release(version);
	shard_close(shard);
	shard_env_close(env);
}

TEST(shard__chunks_of_a_series_stay_in_order_of_acceptance)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("order"));
	struct chunk_refs refs = { 0 };
	struct shard_version *version;
	struct shard_batch *batch;

	for (uint64_t g = 10; g <= 30; g += 10) {
		REQUIRE(shard_batch_begin(shard, g, &batch) == OK);
		for (uint64_t part = 0; part < 3; part++)
			add(batch, g, 5, g - 3 + part, 4);
		add(batch, g, 6, g, 8192);
		REQUIRE(shard_batch_commit(batch, g - 1) == OK);
	}
	for (int round = 0; round < 2; round++) {
		REQUIRE(shard_version_acquire(shard, &version) == OK);
		refs.count = 0;
		shard_version_chunks(version, 5, &refs);
		REQUIRE(refs.count == 9);
		for (size_t i = 0; i < 9; i++) {
			CHECK_INT(refs.items[i].sequence_max, 10 * (i / 3 + 1) - 3 + i % 3);
			CHECK_INT(refs.items[i].text_bytes, 120);
		}
		CHECK_INT(flushed(shard), 29);
		shard_version_release(version);
		shard_close(shard);
		shard = shard_open(env, path_of("order"));
	}
	chunk_refs_release(&refs);
	shard_close(shard);
	shard_env_close(env);
}

TEST(shard__masks_types_and_times_are_kept)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("meta"));
	struct shard_version *version;
	struct shard_batch *batch;
	const struct shard_mask *masks;
	enum value_type type;
	int64_t mtime, ctime;
	uint32_t *ids;
	size_t count;

	REQUIRE(shard_batch_begin(shard, 10, &batch) == OK);
	shard_batch_set_type(batch, shard_field_key(7, 3), VALUE_STRING);
	shard_batch_set_type(batch, shard_field_key(7, 3), VALUE_STRING);
	shard_batch_set_mtime(batch, 2, 111, 222);
	for (uint32_t s = 1; s <= 4; s++)
		add(batch, 10, s, 10, 5);
	REQUIRE(shard_batch_commit(batch, 10) == OK);
	REQUIRE(shard_batch_begin(shard, 20, &batch) == OK);
	shard_batch_mask(batch, &(struct shard_mask){ 4, INT64_MIN, INT64_MAX, 15, 0 });
	shard_batch_mask(batch, &(struct shard_mask){ 1, 0, 10000010, 12, 0 }); /* a part only */
	shard_batch_mask(batch,
			 &(struct shard_mask){ 3, INT64_MIN, INT64_MAX, 9, 0 }); /* too old */
	shard_batch_mask(batch, &(struct shard_mask){ 4, 0, 1, 3, 0 });
	REQUIRE(shard_batch_commit(batch, 20) == OK);
	for (int round = 0; round < 2; round++) {
		REQUIRE(shard_version_acquire(shard, &version) == OK);
		shard_version_series(version, UINT64_MAX, &ids, &count);
		REQUIRE(count == 3);
		CHECK(ids[0] == 1 && ids[1] == 2 && ids[2] == 3);
		free(ids);
		shard_version_masks(version, 4, &masks, &count);
		REQUIRE(count == 2);
		CHECK(masks[0].sequence == 3 && masks[1].sequence == 15);
		CHECK(masks[0].generation == 20 && masks[1].generation == 20);
		shard_version_masks(version, 2, &masks, &count);
		CHECK_INT(count, 0);
		CHECK(shard_version_mtime(version, 2, &mtime, &ctime));
		CHECK(mtime == 111 && ctime == 222);
		CHECK(shard_version_mtime(version, 3, &mtime, &ctime));
		CHECK(mtime == 10007 && ctime == 10007);
		CHECK(!shard_version_mtime(version, 9, &mtime, &ctime));
		CHECK_INT(shard_field_type(shard, shard_field_key(7, 3), &type), OK);
		CHECK_INT(type, VALUE_STRING);
		shard_version_release(version);
		shard_close(shard);
		shard = shard_open(env, path_of("meta"));
	}
	shard_close(shard);
	shard_env_close(env);
}

/* Beside a model: the last that came counts, by hand or with a chunk, however runs were merged. */
TEST(shard__times_and_sequences_are_those_of_the_last_that_came)
{
	enum { SERIES = 12, GENERATIONS = 60 };
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("times"));
	uint64_t state = test_seed(), sequences[SERIES][GENERATIONS];
	size_t chunks[SERIES] = { 0 };
	int64_t mtimes[SERIES] = { 0 }, ctimes[SERIES] = { 0 };

	for (uint64_t g = 1; g <= GENERATIONS; g++) {
		struct shard_batch *batch;

		REQUIRE(shard_batch_begin(shard, g * 10, &batch) == OK);
		for (uint32_t s = 0; s < SERIES; s++) {
			uint64_t roll = test_random(&state) % 8, sequence = g * 10 - roll / 2;

			if (roll < 4) {
				add(batch, g * 10, s, sequence, 1 + roll);
				sequences[s][chunks[s]++] = sequence;
				mtimes[s] = ctimes[s] = (int64_t)g * 10000 + 7;
			}
			if (roll == 3 || roll == 4) { /* wins over the chunk of its batch */
				mtimes[s] = (int64_t)test_random(&state);
				ctimes[s] = (int64_t)g;
				shard_batch_set_mtime(batch, s, mtimes[s], ctimes[s]);
			}
		}
		REQUIRE(shard_batch_commit(batch, g * 10) == OK);
		if (g % 20 == 0) {
			shard_close(shard);
			shard = shard_open(env, path_of("times"));
		}
		struct shard_version *version;
		REQUIRE(shard_version_acquire(shard, &version) == OK);
		for (uint32_t s = 0; s < SERIES; s++) {
			struct chunk_refs refs = { 0 };
			int64_t mtime = 0, ctime = 0;

			CHECK_INT(shard_version_mtime(version, s, &mtime, &ctime), mtimes[s] != 0);
			CHECK(mtime == mtimes[s] && ctime == ctimes[s]);
			shard_version_chunks(version, s, &refs);
			CHECK_INT(refs.count, chunks[s]);
			for (size_t i = 0; i < refs.count && i < chunks[s]; i++) {
				CHECK_INT(refs.items[i].sequence_max, sequences[s][i]);
				CHECK_INT(refs.items[i].generation,
					  (sequences[s][i] + 9) / 10 * 10);
			}
			chunk_refs_release(&refs);
		}
		shard_version_release(version);
	}
	shard_close(shard);
	shard_env_close(env);
}

TEST(shard__a_version_does_not_change_and_outlives_its_shard)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("old"));
	struct shard_version *version;
	struct chunk_refs refs = { 0 };

	REQUIRE(flush(shard, 1, 2, 10) == OK);
	REQUIRE(shard_version_acquire(shard, &version) == OK);
	REQUIRE(flush(shard, 2, 2, 10) == OK);
	CHECK_INT(good_chunks(shard, 3), 2);
	shard_close(shard);
	shard_version_chunks(version, 3, &refs);
	CHECK_INT(refs.count, 1);
	CHECK_INT(read_back(version, &refs.items[0]), OK);
	chunk_refs_release(&refs);
	shard_version_release(version);
	shard_env_close(env);
}

static void count_gone(void *arg)
{
	++*(int *)arg;
}

TEST(shard__dropping_does_not_open_it_and_readers_go_on)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("drop"));
	struct shard_env_counts before, after;
	struct shard_version *version;
	struct shard_batch *batch;
	struct chunk_refs refs = { 0 };
	int gone = 0;

	REQUIRE(flush(shard, 1, 2, 10) == OK);
	shard_close(shard);
	shard = shard_open(env, path_of("drop"));
	shard_env_count(env, &before);
	REQUIRE(shard_move(shard, path_of("trash")) == OK);
	shard_env_count(env, &after);
	CHECK_INT(after.opened, before.opened);
	REQUIRE(shard_version_acquire(shard, &version) == OK);
	CHECK_INT(shard_batch_begin(shard, 2, &batch), ERR_STALE);
	shard_on_gone(shard, count_gone, &gone);
	shard_close(shard);
	shard_version_chunks(version, 0, &refs);
	CHECK_INT(read_back(version, &refs.items[0]), OK);
	CHECK_INT(gone, 0);
	shard_version_release(version);
	CHECK_INT(gone, 1);
	chunk_refs_release(&refs);
	shard_env_close(env);
}

/* A process that is killed after each commit told so through a pipe. */
static void write_until_killed(const char *path, int fd)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path);
	uint64_t generation = flushed(shard);

	for (;;) {
		if (flush(shard, ++generation, 20, 100) != OK)
			_exit(1);
		if (write(fd, &generation, sizeof(generation)) != sizeof(generation))
			_exit(1);
	}
}

TEST(shard__kill_loses_nothing_that_was_committed)
{
	char path[4096];
	uint64_t told = 0, seed = test_seed();

	snprintf(path, sizeof(path), "%s", path_of("kill"));
	for (int round = 0; round < 6; round++) {
		struct shard_env *env;
		struct shard *shard;
		int fds[2], status;
		pid_t pid;

		REQUIRE(pipe(fds) == 0);
		pid = fork();
		if (pid == 0)
			write_until_killed(path, fds[1]);
		close(fds[1]);
		for (uint64_t n = test_random(&seed) % 6 + 1; n; n--)
			REQUIRE(read(fds[0], &told, sizeof(told)) == sizeof(told));
		usleep((useconds_t)(test_random(&seed) % 5000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		while (read(fds[0], &told, sizeof(told)) == sizeof(told))
			;
		close(fds[0]);
		env = shard_env_open(2);
		shard = shard_open(env, path);
		CHECK(flushed(shard) >= told);
		for (uint32_t s = 0; s < 20; s++)
			CHECK_INT(good_chunks(shard, s * 3), flushed(shard));
		shard_close(shard);
		shard_env_close(env);
	}
}

/* The tables of a closed shard: every name that ends in .ldb. */
struct tables {
	const char *dir;
	char path[4096];
};

static int find_table(void *arg, const char *name)
{
	struct tables *tables = arg;
	const char *dot = strrchr(name, '.');

	if (dot && strcmp(dot, ".ldb") == 0)
		snprintf(tables->path, sizeof(tables->path), "%s/%s", tables->dir, name);
	return OK;
}

static void damage(const char *path, long at)
{
	FILE *file = fopen(path, "r+");
	int byte;

	if (!CHECK(file != NULL))
		return;
	fseek(file, at, SEEK_SET);
	byte = fgetc(file);
	fseek(file, at, SEEK_SET);
	fputc(byte ^ 0x10, file);
	fclose(file);
}

TEST(shard__a_flipped_byte_hurts_only_who_needs_it)
{
	struct shard_env *env = shard_env_open(2);
	char path[4096];
	struct tables tables = { path, "" };
	struct shard *shard;
	struct buf table = { 0 };
	int bad = 0, good = 0;

	snprintf(path, sizeof(path), "%s", path_of("flip"));
	shard = shard_open(env, path);
	REQUIRE(flush(shard, 1, 200, 1000) == OK);
	shard_close(shard);
	REQUIRE(env_list(path, find_table, &tables) == OK);
	REQUIRE(env_read_file(tables.path, &table) == OK);
	CHECK(table.length > 4 * PACK_BYTES);
	damage(tables.path, (long)(table.length / 2));
	buf_release(&table);
	shard = shard_open(env, path);
	CHECK_INT(flushed(shard), 1);
	for (uint32_t s = 0; s < 200; s++) {
		int chunks = good_chunks(shard, s * 3);

		CHECK(chunks == 1 || chunks == ERR_CORRUPT);
		bad += chunks == ERR_CORRUPT;
		good += chunks == 1;
	}
	CHECK_INT(bad, 1);
	CHECK_INT(good, 199);
	/* New points are taken all the same. */
	CHECK_INT(flush(shard, 2, 10, 10), OK);
	CHECK_INT(good_chunks(shard, 3), 2);
	shard_close(shard);
	shard_env_close(env);
}

/* Whatever byte is damaged: an error or the truth, and never a crash. */
TEST(shard__damage_anywhere_is_told_and_never_believed)
{
	struct shard_env *env = shard_env_open(2);
	uint64_t state = test_seed();

	for (int round = 0; round < 60; round++) {
		char name[32], path[4096];
		struct tables tables = { path, "" };
		struct buf table = { 0 };
		struct shard *shard;

		snprintf(name, sizeof(name), "any%d", round);
		snprintf(path, sizeof(path), "%s", path_of(name));
		shard = shard_open(env, path);
		REQUIRE(flush(shard, 1, 30, 40) == OK);
		REQUIRE(flush(shard, 2, 30, 40) == OK);
		shard_close(shard);
		REQUIRE(env_list(path, find_table, &tables) == OK);
		REQUIRE(env_read_file(tables.path, &table) == OK);
		damage(tables.path, (long)(test_random(&state) % table.length));
		buf_release(&table);
		shard = shard_open(env, path);
		for (uint32_t s = 0; s < 30; s++) {
			int chunks = good_chunks(shard, s * 3);

			CHECK(chunks == 2 || chunks == ERR_CORRUPT || chunks == ERR_IO);
		}
		shard_close(shard);
		env_remove_tree(path);
	}
	shard_env_close(env);
}

TEST(shard__four_hundred_live_with_256_descriptors)
{
	struct rlimit before, low;
	struct shard_env *env = shard_env_open(0);
	static struct shard *shards[400];
	struct shard_env_counts counts;
	char name[32];

	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = 256;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		shards[i] = shard_open(env, path_of(name));
		CHECK_INT(flush(shards[i], 1, 2, 3), OK);
	}
	for (int i = 0; i < 400; i++)
		CHECK_INT(good_chunks(shards[i], 3), 1);
	shard_env_count(env, &counts);
	CHECK_INT(counts.open, SHARDS_OPEN_MAX);
	for (int i = 0; i < 400; i++)
		shard_close(shards[i]);
	shard_env_close(env);
	setrlimit(RLIMIT_NOFILE, &before);
}

struct race {
	struct shard *shard;
	int wrong;
	volatile bool *done;
};

static void *read_while_written(void *arg)
{
	struct race *race = arg;
	int before = 0;

	while (!__atomic_load_n(race->done, __ATOMIC_RELAXED)) {
		int chunks = good_chunks(race->shard, 3);

		race->wrong += chunks < before;
		before = chunks;
	}
	return NULL;
}

TEST(shard__readers_beside_a_writer_see_whole_generations)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("race"));
	volatile bool done = false;
	struct race races[2] = { { shard, 0, &done }, { shard, 0, &done } };
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_while_written, &races[i]);
	for (uint64_t g = 1; g <= 60; g++)
		CHECK_INT(flush(shard, g, 20, 30), OK);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT(races[i].wrong, 0);
	}
	CHECK_INT(good_chunks(shard, 3), 60);
	shard_close(shard);
	shard_env_close(env);
}

/* What fails to be written is not shown, and what comes later is not lost with it. */
TEST(shard__a_refused_commit_leaves_what_was)
{
	struct shard_env *env = shard_env_open(2);
	struct shard *shard = shard_open(env, path_of("refused"));
	struct rlimit before, low;

	REQUIRE(flush(shard, 1, 5, 10) == OK);
	getrlimit(RLIMIT_FSIZE, &before);
	low = before;
	low.rlim_cur = 100000;
	setrlimit(RLIMIT_FSIZE, &low);
	CHECK(flush(shard, 2, 100, 2000) < 0);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_INT(flushed(shard), 1);
	CHECK_INT(good_chunks(shard, 3), 1);
	CHECK_INT(flush(shard, 3, 5, 10), OK);
	shard_close(shard);
	shard = shard_open(env, path_of("refused"));
	CHECK_INT(flushed(shard), 3);
	CHECK_INT(good_chunks(shard, 3), 2);
	shard_close(shard);
	shard_env_close(env);
}

__attribute__((constructor)) static void ignore_size_signals(void)
{
	signal(SIGXFSZ, SIG_IGN);
}
