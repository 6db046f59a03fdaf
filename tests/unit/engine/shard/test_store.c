/* Stores over LevelDB: few handles for many, nothing lost, damage told. */
#include "engine/shard/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/shard/store_files.h"
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

static int put(struct store *store, const char *key, const char *value)
{
	struct store_batch *batch = store_batch_new();
	int err;

	store_batch_put(batch, slice_of_text(key), slice_of_text(value));
	err = store_write(store, batch);
	store_batch_free(batch);
	return err;
}

static int copy_value(void *arg, struct slice value)
{
	snprintf(arg, 64, "%.*s", (int)value.length, value.data);
	return OK;
}

static int get(struct store *store, const char *key, char out[64])
{
	return store_read(store, slice_of_text(key), copy_value, out);
}

static int join_keys(void *arg, const struct store_pair *pair)
{
	char *joined = arg;

	strncat(joined, pair->key.data, pair->key.length);
	if (pair->key.data[0] == 'b') {
		memcpy(pair->seek, "d", 1);
		*pair->seek_bytes = 1;
	}
	return OK;
}

static struct store_pool_counts counts(struct store_pool *pool)
{
	struct store_pool_counts counts;

	store_pool_count(pool, &counts);
	return counts;
}

TEST(store__nothing_there_reads_as_nothing_and_is_not_made)
{
	struct store_pool *pool = store_pool_open(2);
	struct store *store = store_open(pool, path_of("absent"));
	bool exists = true;
	char value[64];

	CHECK_INT(store_exists(store, &exists), OK);
	CHECK(!exists);
	CHECK_INT(get(store, "a", value), ERR_NOT_FOUND);
	CHECK_INT(store_scan(store, join_keys, value), END);
	CHECK(!env_exists(path_of("absent")));
	CHECK_INT(counts(pool).opened, 0);
	store_close(store);
	store_pool_close(pool);
}

TEST(store__a_scan_may_jump)
{
	struct store_pool *pool = store_pool_open(2);
	struct store *store = store_open(pool, path_of("scan"));
	char keys[64] = "";

	for (const char *key = "a\0b\0c\0d\0e\0"; *key; key += 2)
		CHECK_INT(put(store, key, "x"), OK);
	CHECK_INT(store_scan(store, join_keys, keys), OK);
	CHECK_STR(keys, "abde");
	store_close(store);
	store_pool_close(pool);
}

TEST(store__what_leveldb_notes_of_itself_is_not_kept)
{
	struct store_pool *pool = store_pool_open(1);
	struct store *store = store_open(pool, path_of("notes"));

	for (int opening = 0; opening < 2; opening++) {
		CHECK_INT(put(store, "a", "x"), OK);
		CHECK(env_exists(path_of("notes/CURRENT")));
		CHECK(!env_exists(path_of("notes/LOG")) && !env_exists(path_of("notes/LOG.old")));
		store_abandon(store);
	}
	store_close(store);
	store_pool_close(pool);
}

TEST(store__few_handles_serve_many_stores)
{
	struct store_pool *pool = store_pool_open(3);
	struct store *stores[10];
	char name[32], value[64];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "few%d", i);
		stores[i] = store_open(pool, path_of(name));
		CHECK_INT(put(stores[i], "key", name), OK);
	}
	CHECK_INT(counts(pool).open, 3);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "few%d", i);
		CHECK_INT(get(stores[i], "key", value), OK);
		CHECK_STR(value, name);
		CHECK(counts(pool).open <= 3);
	}
	for (int i = 0; i < 10; i++)
		store_close(stores[i]);
	CHECK_INT(counts(pool).open, 0);
	CHECK_INT(counts(pool).opened, counts(pool).closed);
	store_pool_close(pool);
}

struct reader_job {
	struct store **stores;
	uint64_t state;
	int wrong;
};

static void *read_many(void *arg)
{
	struct reader_job *job = arg;
	char value[64], name[64];

	for (int i = 0; i < 300; i++) {
		size_t which = test_random(&job->state) % 6;

		snprintf(name, sizeof(name), "par%zu", which);
		if (get(job->stores[which], "key", value) != OK || strcmp(value, name) != 0)
			job->wrong++;
	}
	return NULL;
}

TEST(store__threads_share_two_handles_over_six_stores)
{
	struct store_pool *pool = store_pool_open(2);
	struct store *stores[6];
	struct reader_job jobs[4];
	pthread_t threads[4];
	char name[32];

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "par%d", i);
		stores[i] = store_open(pool, path_of(name));
		CHECK_INT(put(stores[i], "key", name), OK);
	}
	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct reader_job){ stores, (uint64_t)i + 1, 0 };
		pthread_create(&threads[i], NULL, read_many, &jobs[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT(jobs[i].wrong, 0);
	}
	for (int i = 0; i < 6; i++)
		store_close(stores[i]);
	store_pool_close(pool);
}

TEST(store__moved_it_goes_on_from_there)
{
	struct store_pool *pool = store_pool_open(2);
	struct store *store = store_open(pool, path_of("here")), *none;
	char value[64];

	CHECK_INT(put(store, "key", "value"), OK);
	CHECK_INT(store_move(store, path_of("there")), OK);
	CHECK(!env_exists(path_of("here")));
	CHECK_INT(get(store, "key", value), OK);
	CHECK_STR(value, "value");
	none = store_open(pool, path_of("none"));
	CHECK_INT(store_move(none, path_of("none2")), OK);
	store_close(none);
	store_close(store);
	store_pool_close(pool);
}

TEST(store__tables_without_current_are_damage_and_not_a_new_store)
{
	struct store_pool *pool = store_pool_open(2);
	struct store *store = store_open(pool, path_of("lame"));
	char value[64];
	bool exists;

	CHECK_INT(put(store, "key", "value"), OK);
	store_close(store);
	CHECK_INT(env_unlink(path_of("lame/CURRENT")), OK);
	store = store_open(pool, path_of("lame"));
	CHECK_INT(store_exists(store, &exists), ERR_CORRUPT);
	CHECK_INT(get(store, "key", value), ERR_CORRUPT);
	CHECK_INT(put(store, "other", "value"), ERR_CORRUPT);
	store_close(store);
	store_pool_close(pool);
}

/* A file size limit makes the log's append fail as a full disk would. */
TEST(store__after_a_failed_write_it_reads_on_and_is_opened_anew)
{
	struct rlimit before, low;
	struct store_pool *pool = store_pool_open(2);
	struct store *store = store_open(pool, path_of("full"));
	static char large[200000];
	char value[64];
	bool reopened;

	memset(large, 'x', sizeof(large) - 1);
	CHECK_INT(put(store, "old", "value"), OK);
	getrlimit(RLIMIT_FSIZE, &before);
	low = before;
	low.rlim_cur = 100000;
	setrlimit(RLIMIT_FSIZE, &low);
	CHECK(put(store, "large", large) < 0);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK_INT(get(store, "old", value), OK);
	CHECK(put(store, "new", "value") < 0); /* not settled */
	CHECK_INT(store_settle(store, &reopened), OK);
	CHECK(reopened);
	CHECK_INT(put(store, "new", "value"), OK);
	store_abandon(store);
	CHECK_INT(get(store, "old", value), OK);
	CHECK_INT(get(store, "new", value), OK);
	CHECK_INT(get(store, "large", value), ERR_NOT_FOUND);
	CHECK_INT(store_settle(store, &reopened), OK);
	CHECK(!reopened);
	store_close(store);
	store_pool_close(pool);
}

__attribute__((constructor)) static void ignore_size_signals(void)
{
	signal(SIGXFSZ, SIG_IGN);
}

/* --- what is missing -------------------------------------------------------------------- */

struct names {
	const char *end;
	char first[300];
	size_t count;
};

static int note_name(void *arg, const char *name)
{
	struct names *names = arg;
	size_t length = strlen(name), end = strlen(names->end);

	if (length >= end &&
	    (strcmp(name + length - end, names->end) == 0 || strncmp(name, names->end, end) == 0)) {
		snprintf(names->first, sizeof(names->first), "%s", name);
		names->count++;
	}
	return OK;
}

static struct names named(const char *dir, const char *end)
{
	struct names names = { .end = end };

	CHECK_INT(env_list(dir, note_name, &names), OK);
	return names;
}

enum harm { CUT, ZERO, EMPTY, REMOVE, HARMS };

static void harm(const char *path, enum harm how, size_t at)
{
	struct buf file = { 0 };

	CHECK_INT(env_read_file(path, &file), OK);
	if (how == ZERO)
		memset(file.data + at, 0, file.length - at);
	else
		file.length = how == EMPTY ? 0 : at;
	CHECK_INT(env_unlink(path), OK);
	if (how != REMOVE)
		CHECK_INT(env_write_file(path, buf_slice(&file)), OK);
	buf_release(&file);
}

/* Eleven pairs: some in tables, and with `crash` the last ones in the log. */
static void write_eleven(const char *path, bool crash)
{
	struct store_pool *pool = store_pool_open(1);
	struct store *store = store_open(pool, path);
	char key[8];

	for (int i = 0; i < 11; i++) {
		snprintf(key, sizeof(key), "key%02d", i);
		CHECK_INT(put(store, key, key), OK);
		if (i % 4 == 3) {
			store_close(store); /* a table */
			store = store_open(pool, path);
		}
	}
	if (crash)
		store_abandon(store);
	store_close(store);
	store_pool_close(pool);
}

/* Every value, or damage; and after damage nothing of it was deleted. */
static bool all_or_damage(const char *path)
{
	struct store_pool *pool = store_pool_open(1);
	struct store *store = store_open(pool, path);
	size_t tables = env_exists(path) ? named(path, ".ldb").count : 0;
	char key[8], value[64];
	int err = OK;

	for (int i = 0; i < 11 && err == OK; i++) {
		snprintf(key, sizeof(key), "key%02d", i);
		err = get(store, key, value);
		CHECK(err == OK || err == ERR_CORRUPT);
		if (err == OK)
			CHECK_STR(value, key);
	}
	CHECK(err == OK || !env_exists(path) || named(path, ".ldb").count == tables);
	store_close(store);
	store_pool_close(pool);
	return err == OK;
}

TEST(store__what_lost_its_newest_records_is_damage_and_keeps_every_file)
{
	char dir[400], file[800];
	size_t found = 0;

	for (int crash = 0; crash < 2; crash++) {
		for (int kind = 0; kind < 2; kind++) {
			for (int how = CUT; how < HARMS; how++) {
				for (int eighth = 0; eighth < 8; eighth++) {
					struct buf whole = { 0 };

					snprintf(dir, sizeof(dir), "%s", path_of("harmed"));
					CHECK_INT(env_remove_tree(dir), OK);
					CHECK_INT(store_unmark_beside(dir), OK);
					write_eleven(dir, crash);
					snprintf(file, sizeof(file), "%s/%s", dir,
						 named(dir, kind ? ".log" : "MANIFEST-").first);
					CHECK_INT(env_read_file(file, &whole), OK);
					if (whole.length)
						harm(file, how, whole.length * eighth / 8);
					bool whole_all = all_or_damage(dir);
					/* An empty log that is missing is none. */
					CHECK(whole_all == (whole.length == 0));
					found += !whole_all;
					buf_release(&whole);
				}
			}
		}
	}
	printf("%zu of 128 damages found\n", found);
}

TEST(store__a_crash_before_the_mark_is_no_damage)
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s", path_of("unmarked"));
	write_eleven(dir, true);
	store_mark(dir, 3);
	CHECK(all_or_damage(dir));
	store_mark_remove(dir);
	CHECK(all_or_damage(dir));
	store_mark(dir, 12);
	CHECK(!all_or_damage(dir));
}

TEST(store__a_directory_that_is_missing_is_damage_and_not_a_new_store)
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s", path_of("missing"));
	write_eleven(dir, false);
	CHECK_INT(env_remove_tree(dir), OK);
	CHECK(!all_or_damage(dir));
	CHECK(!env_exists(dir));
	CHECK_INT(store_unmark_beside(dir), OK);
	write_eleven(dir, false);
	CHECK(all_or_damage(dir));
}

TEST(store__no_link_is_followed)
{
	char dir[400], link[500], file[800];

	snprintf(dir, sizeof(dir), "%s", path_of("real"));
	snprintf(link, sizeof(link), "%s", path_of("link"));
	write_eleven(dir, false);
	CHECK_INT(symlink(dir, link), 0);
	struct store_pool *pool = store_pool_open(1);
	struct store *store = store_open(pool, link);
	CHECK_INT(put(store, "a", "b"), ERR_CORRUPT);
	store_close(store);
	store_pool_close(pool);
	snprintf(file, sizeof(file), "%s/%s", dir, named(dir, ".ldb").first);
	snprintf(link, sizeof(link), "%s.elsewhere", dir);
	CHECK_INT(env_rename(file, link), OK);
	CHECK_INT(symlink(link, file), 0);
	CHECK(!all_or_damage(dir));
}
