/*
 * Stores and their pool; store.h tells what they are for.
 *
 *	pool.first -> store -> store -> ...	those with a handle, the latest used first
 *
 * The pool's lock guards the list and the state of every store. Opening and
 * closing take long, so they run outside the lock, while the state keeps others away:
 *
 *	CLOSED -> CHANGING -> OPEN -> CHANGING -> CLOSED
 */
#include "engine/shard/store.h"

#include <assert.h>
#include <leveldb/c.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/counters.h"
#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/base/lost_page.h"
#include "engine/base/memory.h"
#include "engine/base/when.h"
#include "engine/directory/paths.h"
#include "engine/shard/store_files.h"
#include "engine/shard/store_shadow.h"

#define WRITE_BUFFER_BYTES ((size_t)32 << 20)
#define FILE_BYTES_MAX	   ((size_t)256 << 20)
/* Values are packs of tens of KiB; what is smaller is looked for with few steps. */
#define BLOCK_BYTES 1024
/* Shared by all; packs come out of mapped files and do not go through it. */
#define CACHE_BYTES ((size_t)4 << 20)
/*
 * A log of this size, or of a thirty-second of a small disk, is moved into a table at once. After a
 * kill it takes as much room again before it can be read.
 */
#define LOG_BYTES_MAX ((uint64_t)8 << 20)
/* Opening writes the log's content into a table, besides a manifest and a log. */
#define OPEN_BYTES_SPARE ((uint64_t)1 << 20)

enum state { STATE_CLOSED, STATE_CHANGING, STATE_OPEN };

struct store {
	struct store_pool *pool;
	/* all protected by pool->lock */
	char *path;
	enum state state;
	leveldb_t *db;	    /* while OPEN */
	unsigned users;	    /* calls under way on db */
	bool wanted;	    /* someone waits to change it: no new users */
	bool failed;	    /* a write failed: db only reads */
	bool in_doubt;	    /* what failed may turn up when it is opened next */
	uint64_t log_bytes; /* written since db was opened or flushed */
	uint64_t sequence;  /* of the last pair, once it was opened */
	struct store_shadow
		*shadow;       /* where db really is when this is not to be changed, or NULL */
	bool is_marked_beside; /* by the one that writes */
	struct store *newer, *older; /* while it has a place in the list */
	/* not protected by lock */
	_Atomic int64_t told_ns; /* when its last error went to the log */
};

struct store_pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct store *newest, *oldest;
	struct store_pool_counts counts;
	uint32_t open_max;
	bool is_left_alone; /* its stores are only read, and no byte of them is changed */
	leveldb_cache_t *cache;
	leveldb_options_t *options, *options_make; /* of what is there, and of what is not */
	leveldb_readoptions_t *read_plain, *read_verify;
	leveldb_writeoptions_t *write_sync;
};

/* A damaged store fails at every read: one line a second is enough to know it. */
static void tell(struct store *store, const char *text)
{
	int64_t now = env_monotonic_ns(), told = store->told_ns;

	if (told && now - told < NS_PER_SECOND)
		return;
	store->told_ns = now;
	log_error("%s: %s", store->path, text);
}

void store_tell(struct store *store, const char *text)
{
	tell(store, text);
}

/* LevelDB tells errors in words alone. */
static int error_said(const char *text)
{
	if (strncmp(text, "Corruption", 10) == 0)
		return ERR_CORRUPT;
	if (strstr(text, "No space left") || strstr(text, "quota exceeded"))
		return ERR_SPACE;
	if (strstr(text, "File too large"))
		return ERR_FILE_SIZE;
	if (strstr(text, "Too many open files"))
		return ERR_FILES;
	if (strstr(text, "Cannot allocate memory"))
		return ERR_MEMORY;
	if (strstr(text, "lock ") || strstr(text, "already held"))
		return ERR_BUSY;
	return ERR_IO;
}

/* Frees them. */
static int error_of(struct store *store, char *text)
{
	if (!text)
		return OK;
	int err = error_said(text);
	tell(store, text);
	leveldb_free(text);
	return err;
}

/* --- the pool ------------------------------------------------------------- */

/* std::set_new_handler, as C calls it: LevelDB would end the process where it gets no memory. */
void (*_ZSt15set_new_handlerPFvvE(void (*handler)(void)))(void);

static void make_room(void)
{
	if (!memory_make_room())
		log_out_of_memory(0);
}

static leveldb_options_t *options_new(leveldb_cache_t *cache, bool make)
{
	leveldb_options_t *options = leveldb_options_create();

	leveldb_options_set_create_if_missing(options, make);
	leveldb_options_set_paranoid_checks(options, 1);
	leveldb_options_set_write_buffer_size(options, WRITE_BUFFER_BYTES);
	leveldb_options_set_max_file_size(options, FILE_BYTES_MAX);
	leveldb_options_set_block_size(options, BLOCK_BYTES);
	leveldb_options_set_compression(options, leveldb_no_compression);
	leveldb_options_set_max_open_files(options, 74); /* the least it takes */
	leveldb_options_set_cache(options, cache);
	return options;
}

struct store_pool *store_pool_open(uint32_t open_max)
{
	struct store_pool *pool = calloc(1, sizeof(*pool));

	assert(open_max > 0);
	if (!pool)
		log_out_of_memory(sizeof(*pool));
	lost_pages_survive(); /* LevelDB maps tables */
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pool->open_max = open_max;
	_ZSt15set_new_handlerPFvvE(make_room);
	pool->cache = leveldb_cache_create_lru(CACHE_BYTES);
	pool->options = options_new(pool->cache, false);
	pool->options_make = options_new(pool->cache, true);
	pool->read_plain = leveldb_readoptions_create();
	leveldb_readoptions_set_fill_cache(pool->read_plain, 0);
	pool->read_verify = leveldb_readoptions_create();
	leveldb_readoptions_set_verify_checksums(pool->read_verify, 1);
	leveldb_readoptions_set_fill_cache(pool->read_verify, 0);
	pool->write_sync = leveldb_writeoptions_create();
	leveldb_writeoptions_set_sync(pool->write_sync, 1);
	return pool;
}

void store_pool_leave_alone(struct store_pool *pool)
{
	pool->is_left_alone = true;
}

void store_pool_close(struct store_pool *pool)
{
	assert(pool->counts.open == 0 && !pool->newest);
	leveldb_writeoptions_destroy(pool->write_sync);
	leveldb_readoptions_destroy(pool->read_verify);
	leveldb_readoptions_destroy(pool->read_plain);
	leveldb_options_destroy(pool->options_make);
	leveldb_options_destroy(pool->options);
	leveldb_cache_destroy(pool->cache);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void store_pool_count(struct store_pool *pool, struct store_pool_counts *counts)
{
	pthread_mutex_lock(&pool->lock);
	*counts = pool->counts;
	pthread_mutex_unlock(&pool->lock);
}

static void list_remove(struct store_pool *pool, struct store *store)
{
	*(store->newer ? &store->newer->older : &pool->newest) = store->older;
	*(store->older ? &store->older->newer : &pool->oldest) = store->newer;
	store->newer = store->older = NULL;
}

static void list_add(struct store_pool *pool, struct store *store)
{
	store->older = pool->newest;
	store->newer = NULL;
	*(pool->newest ? &pool->newest->newer : &pool->oldest) = store;
	pool->newest = store;
}

static void wait_for_change(struct store_pool *pool)
{
	pthread_cond_wait(&pool->changed, &pool->lock);
}

/* --- closing: with the lock held, which is let go meanwhile ---------------- */

/* A range behind all keys: LevelDB writes its memory into a table and merges nothing. */
static void db_flush(leveldb_t *db)
{
	static const char behind[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

	leveldb_compact_range(db, behind, sizeof(behind) - 1, behind, sizeof(behind) - 1);
}

static void close_locked(struct store *store, bool flush)
{
	struct store_pool *pool = store->pool;
	bool dirty = store->log_bytes > 0 && !store->failed;

	assert(store->state == STATE_OPEN && store->users == 0);
	store->state = STATE_CHANGING;
	list_remove(pool, store);
	pthread_mutex_unlock(&pool->lock);
	if (flush && dirty)
		db_flush(store->db);
	leveldb_close(store->db);
	store_shadow_remove(store->shadow);
	store->shadow = NULL;
	pthread_mutex_lock(&pool->lock);
	store->db = NULL;
	store->state = STATE_CLOSED;
	store->failed = false;
	store->log_bytes = 0;
	pool->counts.open--;
	pool->counts.closed++;
	counter_add(COUNTER_SHARDS_CLOSED, 1);
	pthread_cond_broadcast(&pool->changed);
}

/* Wait until no thread uses or changes it; new users stand back. */
static void wait_for_rest(struct store *store)
{
	store->wanted = true;
	while (store->users > 0 || store->state == STATE_CHANGING)
		wait_for_change(store->pool);
}

static void rest_over(struct store *store)
{
	store->wanted = false;
	pthread_cond_broadcast(&store->pool->changed);
}

static struct store *find_idle(struct store_pool *pool)
{
	struct store *store = pool->oldest;

	while (store && (store->users > 0 || store->wanted))
		store = store->newer;
	return store;
}

/* --- opening --------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* Damaged is what LevelDB would make whole by deleting what it does not know. */
static int path_exists(struct store *store, struct store_files *files)
{
	struct diag diag = { 0 };
	bool marked = false;
	int err = store_files_look(store->path, files, &diag);

	if (err == OK && files->exists && !files->has_current)
		err = diag_set(&diag, ERR_CORRUPT, "CURRENT is missing");
	if (err == OK && !files->exists)
		err = store_is_marked_beside(store->path, &marked);
	if (err == OK && marked)
		err = diag_set(&diag, ERR_CORRUPT, "the directory is missing, or all of it");
	if (err == OK && files->exists && store_files_lack(files, &diag))
		err = ERR_CORRUPT;
	if (err < 0 && diag.text[0])
		tell(store, diag.text);
	return err == ERR_NOT_PERMITTED ? ERR_CORRUPT : err;
}

static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent =
		slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
	int err = parent ? env_sync_dir(parent) : ERR_MEMORY;

	free(parent);
	return err;
}

/* LevelDB's log of what it does, of this opening and the one before: 8 KiB without a reader. */
static void remove_own_logs(const struct store *store)
{
	static const char *const names[] = { "LOG", "LOG.old" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		env_unlink(path_in(store->path, names[i]).text);
}

static int db_open(struct store *store, bool create, leveldb_t **db)
{
	struct store_files files;
	char *error = NULL;
	int err;

	TRY(path_exists(store, &files));
	if (!files.exists && !create)
		return ERR_NOT_FOUND;
	if (!files.exists) {
		TRY(env_mkdir(store->path));
		TRY(sync_parent(store->path)); /* before CURRENT: where that is, this was done */
	}
	if (store->pool->is_left_alone || env_is_read_only(store->path))
		TRY(store_shadow_make(store->path, &store->shadow));
	*db = leveldb_open(files.exists ? store->pool->options : store->pool->options_make,
			   store->shadow ? store_shadow_path(store->shadow) : store->path, &error);
	err = error_of(store, error);
	if (err == OK) {
		store->sequence = files.sequence; /* no other thread has the store meanwhile */
		if (!store->shadow)
			remove_own_logs(store); /* else they may say why */
	} else {
		store_shadow_remove(store->shadow);
		store->shadow = NULL;
	}
	return err;
}

/* A place among the open stores: a free one, or that of the store that was unused longest. */
static void take_place(struct store_pool *pool)
{
	while (pool->counts.open >= pool->open_max) {
		struct store *idle = find_idle(pool);

		if (idle)
			close_locked(idle, true);
		else
			wait_for_change(pool);
	}
	pool->counts.open++;
}

/* CLOSED to OPEN, with the lock held at both ends. */
static int open_locked(struct store *store, bool create)
{
	struct store_pool *pool = store->pool;
	leveldb_t *db = NULL;
	int err;

	assert(store->state == STATE_CLOSED);
	store->state = STATE_CHANGING;
	take_place(pool);
	pthread_mutex_unlock(&pool->lock);
	err = db_open(store, create, &db);
	pthread_mutex_lock(&pool->lock);
	if (err == OK) {
		store->db = db;
		store->state = STATE_OPEN;
		list_add(pool, store);
		pool->counts.opened++;
		counter_add(COUNTER_SHARDS_OPENED, 1);
	} else {
		store->state = STATE_CLOSED;
		pool->counts.open--;
	}
	pthread_cond_broadcast(&pool->changed);
	return err;
}

/* Begin to use the handle. ERR_NOT_FOUND: there is nothing and `create` is not said. */
static int use_locked(struct store *store, bool create)
{
	while (store->state == STATE_CHANGING || store->wanted)
		wait_for_change(store->pool);
	if (store->state == STATE_CLOSED)
		TRY(open_locked(store, create));
	list_remove(store->pool, store);
	list_add(store->pool, store);
	store->users++;
	return OK;
}

static int use(struct store *store, bool create)
{
	int err;

	pthread_mutex_lock(&store->pool->lock);
	err = use_locked(store, create);
	pthread_mutex_unlock(&store->pool->lock);
	return err;
}

static void unuse(struct store *store)
{
	pthread_mutex_lock(&store->pool->lock);
	assert(store->users > 0);
	store->users--;
	pthread_cond_broadcast(&store->pool->changed);
	pthread_mutex_unlock(&store->pool->lock);
}

/* --- life ------------------------------------------------------------------ */

struct store *store_open(struct store_pool *pool, const char *path)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		log_out_of_memory(sizeof(*store));
	store->pool = pool;
	store->path = strdup(path);
	if (!store->path)
		log_out_of_memory(strlen(path));
	return store;
}

static void store_give_up(struct store *store, bool flush)
{
	pthread_mutex_lock(&store->pool->lock);
	wait_for_rest(store);
	if (store->state == STATE_OPEN)
		close_locked(store, flush);
	rest_over(store);
	pthread_mutex_unlock(&store->pool->lock);
}

void store_close(struct store *store)
{
	store_give_up(store, true);
	free(store->path);
	free(store);
}

void store_abandon(struct store *store)
{
	store_give_up(store, false);
}

int store_move(struct store *store, const char *path)
{
	char *copy = strdup(path);
	int err;

	if (!copy)
		log_out_of_memory(strlen(path));
	pthread_mutex_lock(&store->pool->lock);
	wait_for_rest(store);
	if (store->state == STATE_OPEN)
		close_locked(store, false);
	err = env_rename(store->path, copy);
	if (err == ERR_NOT_FOUND)
		err = OK;
	if (err == OK) {
		char *old = store->path;

		store->path = copy;
		copy = old;
	}
	rest_over(store);
	pthread_mutex_unlock(&store->pool->lock);
	free(copy);
	return err;
}

struct linking {
	const char *from, *to;
};

/* Its own log of what it does, and its lock, are not part of it. */
static bool is_of_the_moment(const char *name)
{
	return strcmp(name, "LOCK") == 0 || strcmp(name, "LOG") == 0 ||
	       strcmp(name, "LOG.old") == 0 || ends_with(name, ".dbtmp");
}

static int link_name(void *arg, const char *name)
{
	const struct linking *linking = arg;
	struct path from = path_in(linking->from, name), to = path_in(linking->to, name);

	if (is_of_the_moment(name))
		return OK;
	return ends_with(name, ".ldb") ? env_link(from.text, to.text)
				       : env_copy(from.text, to.text, UINT64_MAX);
}

int store_link_directory(const char *from, const char *to)
{
	struct linking linking = { from, to };

	if (!env_exists(from))
		return OK;
	TRY(env_mkdir(to));
	TRY(env_list(from, link_name, &linking));
	return env_sync_dir(to);
}

int store_link(struct store *store, const char *path)
{
	int err;

	pthread_mutex_lock(&store->pool->lock);
	wait_for_rest(store);
	if (store->state == STATE_OPEN)
		close_locked(store, true);
	store->state = STATE_CHANGING;
	pthread_mutex_unlock(&store->pool->lock);
	err = store_link_directory(store->path, path);
	pthread_mutex_lock(&store->pool->lock);
	store->state = STATE_CLOSED;
	rest_over(store);
	pthread_mutex_unlock(&store->pool->lock);
	return err;
}

int store_exists(struct store *store, bool *exists)
{
	struct store_pool *pool = store->pool;
	int err = OK;

	pthread_mutex_lock(&pool->lock);
	while (store->state == STATE_CHANGING || store->wanted)
		wait_for_change(pool);
	*exists = store->state == STATE_OPEN;
	if (!*exists) {
		struct store_files files;

		err = path_exists(store, &files);
		*exists = files.exists;
	}
	pthread_mutex_unlock(&pool->lock);
	return err;
}

/* --- writing --------------------------------------------------------------- */

static leveldb_writebatch_t *batch_of(const struct store_batch *batch)
{
	return (leveldb_writebatch_t *)batch;
}

struct store_batch *store_batch_new(void)
{
	return (struct store_batch *)leveldb_writebatch_create();
}

void store_batch_free(struct store_batch *batch)
{
	leveldb_writebatch_destroy(batch_of(batch));
}

void store_batch_put(struct store_batch *batch, struct slice key, struct slice value)
{
	leveldb_writebatch_put(batch_of(batch), key.data, key.length, value.data, value.length);
}

struct batch_size {
	size_t bytes, puts;
};

static void count_put(void *arg, const char *k, size_t klen, const char *v, size_t vlen)
{
	struct batch_size *size = arg;

	size->bytes += klen + vlen;
	size->puts++;
}

static void count_delete(void *arg, const char *k, size_t klen)
{
}

static struct batch_size batch_size(const struct store_batch *batch)
{
	struct batch_size size = { 0 };

	leveldb_writebatch_iterate(batch_of(batch), &size, count_put, count_delete);
	return size;
}

/* What is in LevelDB's memory and its log and not yet in a table. */
static uint64_t unflushed_bytes(leveldb_t *db)
{
	char *text = leveldb_property_value(db, "leveldb.approximate-memory-usage");
	uint64_t bytes = text ? strtoull(text, NULL, 10) : 0;

	leveldb_free(text);
	return bytes;
}

/*
 * Would LevelDB find room to open? While not, the handle that reads is worth more. It
 * writes what is in its logs into a table; moving it there before may have failed
 * for want of room, without a word.
 */
static int room_to_open(const struct store *store)
{
	uint64_t bytes = unflushed_bytes(store->db);
	struct env_disk disk;

	TRY(env_disk(store->path, &disk));
	uint64_t spare = disk.bytes / 64 < OPEN_BYTES_SPARE ? disk.bytes / 64 : OPEN_BYTES_SPARE;
	return disk.bytes_available < bytes + bytes / 4 + spare ? ERR_SPACE : OK;
}

int store_settle(struct store *store, bool *reopened)
{
	int err = OK;

	pthread_mutex_lock(&store->pool->lock);
	wait_for_rest(store);
	if (store->state == STATE_OPEN && store->failed) {
		err = room_to_open(store);
		if (err == OK)
			close_locked(store, false);
	}
	*reopened = err == OK && store->in_doubt;
	if (*reopened)
		store->in_doubt = false;
	rest_over(store);
	pthread_mutex_unlock(&store->pool->lock);
	return err;
}

/* What is durable is marked: after it, so that a mark never tells of more than there is. */
static void write_done(struct store *store, int err, struct batch_size size)
{
	pthread_mutex_lock(&store->pool->lock);
	store->log_bytes += size.bytes;
	if (err < 0)
		store->failed = store->in_doubt = true;
	else
		store->sequence += size.puts;
	pthread_mutex_unlock(&store->pool->lock);
	if (err < 0)
		return;
	store_mark(store->path, store->sequence); /* no other writes, and none moves it */
	/* What is being made under another name is not known by it yet. */
	if (!store->is_marked_beside && !ends_with(store->path, ".tmp"))
		store_mark_beside(store->path);
	store->is_marked_beside = true;
}

static uint64_t log_bytes_max(const struct store *store)
{
	struct env_disk disk;

	return env_disk(store->path, &disk) == OK && disk.bytes / 32 < LOG_BYTES_MAX
		       ? disk.bytes / 32
		       : LOG_BYTES_MAX;
}

/* The log is not needed any more once its content is in a table. */
static void flush_large_log(struct store *store)
{
	if (store->log_bytes < log_bytes_max(store)) /* only the writer changes it while in use */
		return;
	db_flush(store->db);
	pthread_mutex_lock(&store->pool->lock);
	store->log_bytes = 0;
	pthread_mutex_unlock(&store->pool->lock);
}

int store_write(struct store *store, const struct store_batch *batch)
{
	char *error = NULL;
	int err = use(store, true);

	if (err < 0)
		return err;
	if (store->failed) {
		unuse(store);
		return ERR_IO;
	}
	leveldb_write(store->db, store->pool->write_sync, batch_of(batch), &error);
	err = error_of(store, error);
	if (err == OK)
		err = env_sync_dir(store->path); /* the log's own name */
	write_done(store, err, batch_size(batch));
	if (err == OK)
		flush_large_log(store);
	unuse(store);
	return err;
}

/* --- reading --------------------------------------------------------------- */

static int iterator_error(struct store *store, const leveldb_iterator_t *it)
{
	char *error = NULL;

	leveldb_iter_get_error(it, &error);
	return error_of(store, error);
}

static struct slice iterator_key(const leveldb_iterator_t *it)
{
	struct slice key;

	key.data = leveldb_iter_key(it, &key.length);
	return key;
}

static struct slice iterator_value(const leveldb_iterator_t *it)
{
	struct slice value;

	value.data = leveldb_iter_value(it, &value.length);
	return value;
}

/* An iterator, not a get: it points into the mapped file where a get copies twice. */
int store_read(struct store *store, struct slice key, int (*with)(void *arg, struct slice value),
	       void *arg)
{
	leveldb_iterator_t *it;
	int err;

	TRY(use(store, false));
	it = leveldb_create_iterator(store->db, store->pool->read_plain);
	leveldb_iter_seek(it, key.data, key.length);
	err = iterator_error(store, it);
	if (err == OK && (!leveldb_iter_valid(it) || !slice_equal(iterator_key(it), key)))
		err = ERR_NOT_FOUND;
	if (err == OK)
		err = with(arg, iterator_value(it));
	leveldb_iter_destroy(it);
	unuse(store);
	return err;
}

static int scan(struct store *store, leveldb_iterator_t *it, bool readable,
		int (*each)(void *arg, const struct store_pair *pair), void *arg)
{
	char seek[STORE_KEY_BYTES_MAX];
	size_t seek_bytes;

	for (leveldb_iter_seek_to_first(it); leveldb_iter_valid(it);) {
		struct store_pair pair = { iterator_key(it), iterator_value(it), seek,
					   &seek_bytes };
		int err;

		seek_bytes = 0;
		/* LevelDB steps over what is damaged. */
		if (!readable)
			TRY(iterator_error(store, it));
		err = each(arg, &pair);
		if (err != OK)
			return err < 0 ? err : OK;
		if (seek_bytes)
			leveldb_iter_seek(it, seek, seek_bytes);
		else
			leveldb_iter_next(it);
	}
	int err = iterator_error(store, it);
	return readable && err < 0 ? ERR_CORRUPT : err;
}

static int scan_with(struct store *store, bool readable,
		     int (*each)(void *arg, const struct store_pair *pair), void *arg)
{
	leveldb_iterator_t *it;
	int err = use(store, false);

	if (err == ERR_NOT_FOUND)
		return END;
	if (err < 0)
		return err;
	it = leveldb_create_iterator(store->db, store->pool->read_verify);
	err = scan(store, it, readable, each, arg);
	leveldb_iter_destroy(it);
	unuse(store);
	return err;
}

int store_scan(struct store *store, int (*each)(void *arg, const struct store_pair *pair),
	       void *arg)
{
	return scan_with(store, false, each, arg);
}

int store_scan_readable(struct store *store, int (*each)(void *arg, const struct store_pair *pair),
			void *arg)
{
	return scan_with(store, true, each, arg);
}

int store_open_now(struct store *store)
{
	TRY(use(store, false));
	unuse(store);
	return OK;
}

int store_repair(struct store_pool *pool, const char *path)
{
	char *error = NULL;

	leveldb_repair_db(pool->options, path, &error);
	if (!error)
		return OK;
	log_error("%s: %s", path, error);
	int err = error_said(error);
	leveldb_free(error);
	return err;
}

uint64_t store_sequence(struct store *store)
{
	pthread_mutex_lock(&store->pool->lock);
	uint64_t sequence = store->sequence;
	pthread_mutex_unlock(&store->pool->lock);
	return sequence;
}
