/*
 * Shards: batches into a store, its directory in memory, chunks out of it.
 *
 * shard_record.h draws what is stored, shard_version.h what is in memory,
 * store.h keeps LevelDB. A shard holds the newest version; a reader that acquires it
 * holds the shard too, so that a dropped or closed shard lives until its last reader is
 * done.
 */
#include "engine/shard/shard.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/crash.h"
#include "engine/base/env.h"
#include "engine/base/err.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/shard/shard_record.h"
#include "engine/shard/shard_version.h"
#include "engine/shard/store.h"

#define CHUNK_BYTES_MAX ((size_t)1 << 30)
#define AHEAD_BYTES	((size_t)16 << 20) /* of a rewrite in memory */

/* No struct of its own: what shards share is the pool of their stores. */
struct shard_env;

struct shard {
	struct store *store;
	atomic_uint references; /* the owner, and one for every version acquired */
	void (*gone)(void *arg);
	void *gone_arg;
	atomic_bool moved;
	struct idmap masks_settled; /* series -> number; set before others see the shard */
	pthread_mutex_t lock;
	/* protected by lock */
	struct shard_version *version; /* NULL: not loaded */
	struct idmap types;	       /* field key -> enum value_type */
};

/* --- what they share -------------------------------------------------------- */

static struct store_pool *pool_of(struct shard_env *env)
{
	return (struct store_pool *)env;
}

/*
 * LevelDB has five files open for a shard, and more while it reads or merges. The rest of the
 * descriptors goes to the log, to indexes, one a database, and to the mount.
 */
#define DESCRIPTORS_A_SHARD 6u

static uint32_t shards_that_fit(uint32_t wanted)
{
	uint64_t descriptors = env_raise_descriptors();
	uint64_t spare = descriptors > DESCRIPTORS_LEAST ? descriptors - DESCRIPTORS_LEAST / 2 : 0;
	uint64_t fit = spare / 2 / DESCRIPTORS_A_SHARD;

	if (!descriptors || wanted <= fit)
		return wanted;
	fit = fit < 2 ? 2 : fit;
	log_warning("%llu descriptors (ulimit -n) are enough for %llu open shards, not for %u",
		    (unsigned long long)descriptors, (unsigned long long)fit, wanted);
	return (uint32_t)fit;
}

struct shard_env *shard_env_open(uint32_t open_max)
{
	uint32_t wanted = open_max ? open_max : SHARDS_OPEN_MAX;

	return (struct shard_env *)store_pool_open(shards_that_fit(wanted));
}

void shard_env_leave_alone(struct shard_env *env)
{
	store_pool_leave_alone(pool_of(env));
}

void shard_env_close(struct shard_env *env)
{
	store_pool_close(pool_of(env));
}

void shard_env_count(struct shard_env *env, struct shard_env_counts *counts)
{
	struct store_pool_counts stores;

	store_pool_count(pool_of(env), &stores);
	*counts = (struct shard_env_counts){ stores.open, stores.opened, stores.closed };
}

/* --- loading ------------------------------------------------------------------ */

/* The generation that is being read, and what came before it. */
struct loading {
	struct shard_version *version;
	struct idmap *types;
	struct generation generation;
	struct record_head head, seen; /* told by the head, and counted */
	uint64_t pairs;		       /* of the generations that are whole */
	bool begun, has_head;
};

static int load_types(struct loading *loading, struct reader in)
{
	while (reader_left(&in)) {
		enum value_type type;
		uint64_t key;

		TRY(record_type_decode(&in, &key, &type));
		if (key == UINT64_MAX)
			return ERR_CORRUPT;
		idmap_set(loading->types, key, type);
	}
	loading->seen.types++;
	return OK;
}

static int load_masks(struct loading *loading, struct reader in)
{
	while (reader_left(&in)) {
		struct shard_mask mask;

		TRY(record_mask_decode(&in, &mask));
		buf_append(&loading->generation.masks, &mask, sizeof(mask));
	}
	loading->seen.masks++;
	return OK;
}

static int load_stamps(struct loading *loading, struct reader in)
{
	while (reader_left(&in)) {
		struct series_stamp stamp;

		TRY(record_stamp_decode(&in, &stamp));
		buf_append(&loading->generation.stamps, &stamp, sizeof(stamp));
	}
	loading->seen.stamps++;
	return OK;
}

static void add_chunk(struct generation *generation, const struct chunk_entry *e, uint32_t pack,
		      uint64_t offset)
{
	struct run_ref ref = {
		.time_first_ns = (int64_t)e->time_first,
		.time_last_ns = (int64_t)e->time_last,
		.series_id = (uint32_t)e->series_id,
		.pack = pack,
		.bytes = (uint32_t)e->bytes,
		.text_bytes = (uint32_t)e->text_bytes,
		.row_count = (uint16_t)e->row_count,
		.offset = (uint16_t)offset,
	};

	generation_add(generation, &ref, e->sequence_max, (int64_t)e->mtime);
}

static uint32_t last_series(const struct generation *generation)
{
	size_t count = generation->refs.length / sizeof(struct run_ref);

	return count ? ((const struct run_ref *)generation->refs.data)[count - 1].series_id : 0;
}

static int load_chunks(struct loading *loading, struct reader in, uint32_t pack)
{
	struct chunk_entry entry = { 0 };
	uint64_t offset = 0;

	if (pack != loading->seen.packs++)
		return ERR_CORRUPT;
	while (reader_left(&in)) {
		TRY(record_chunk_decode(&in, &entry));
		if (offset > UINT16_MAX || entry.series_id < last_series(&loading->generation))
			return ERR_CORRUPT;
		add_chunk(&loading->generation, &entry, pack, offset);
		offset += entry.bytes;
	}
	return OK;
}

static int load_head(struct loading *loading, struct slice value)
{
	TRY(record_head_decode(value, &loading->head));
	loading->generation.sequence_flushed = loading->head.sequence_flushed;
	loading->generation.settled = loading->head.settled;
	loading->has_head = true;
	return OK;
}

/* Everything of a generation was read: is it all that its head tells of? */
static int load_close(struct loading *loading)
{
	struct shard_version *version;

	if (!loading->begun)
		return OK;
	if (!loading->has_head || loading->seen.types != loading->head.types ||
	    loading->seen.masks != loading->head.masks ||
	    loading->seen.stamps != loading->head.stamps ||
	    loading->seen.packs != loading->head.packs)
		return ERR_CORRUPT;
	loading->pairs += 1 + loading->head.types + loading->head.masks + loading->head.stamps +
			  2 * (uint64_t)loading->head.packs;
	version = version_add(loading->version, &loading->generation);
	version_unref(loading->version);
	loading->version = version;
	return OK;
}

static void load_begin(struct loading *loading, uint64_t number)
{
	generation_release(&loading->generation);
	loading->generation = (struct generation){ .number = number };
	loading->head = loading->seen = (struct record_head){ 0 };
	loading->begun = true;
	loading->has_head = false;
}

/* No pack is read: on to the next generation. */
static void skip_packs(const struct store_pair *pair, uint64_t generation)
{
	struct record_key next = { generation + 1, 0, RECORD_TYPES };

	*pair->seek_bytes = record_key_encode(&next, pair->seek).length;
}

static int load_pair(void *arg, const struct store_pair *pair)
{
	struct loading *loading = arg;
	struct record_key key;

	TRY(record_key_decode(pair->key, &key));
	if (!loading->begun || key.generation != loading->generation.number) {
		TRY(load_close(loading));
		load_begin(loading, key.generation);
	}
	switch (key.kind) {
	case RECORD_TYPES: return load_types(loading, reader_of(pair->value));
	case RECORD_MASKS: return load_masks(loading, reader_of(pair->value));
	case RECORD_STAMPS: return load_stamps(loading, reader_of(pair->value));
	case RECORD_CHUNKS: return load_chunks(loading, reader_of(pair->value), key.ordinal);
	case RECORD_HEAD: return load_head(loading, pair->value);
	case RECORD_PACK: skip_packs(pair, key.generation); return OK;
	}
	return ERR_CORRUPT;
}

static int load(struct shard *shard)
{
	struct loading loading = { .version = version_new(shard), .types = &shard->types };
	int err;

	idmap_release(&shard->types);
	shard->types = (struct idmap){ 0 };
	err = store_scan_readable(shard->store, load_pair, &loading);
	bool is_damaged = err == ERR_CORRUPT;
	if (err == OK || is_damaged)
		err = load_close(&loading);
	/*
	 * On its way the scan reads a block of packs in each table, the last. Where all that was
	 * ever put is accounted for, the damage is in packs: it costs those that read them. A store
	 * that could not be opened has given nothing, and knows of nothing: taken for whole, its
	 * group was empty.
	 */
	if (err == OK && is_damaged &&
	    (loading.pairs == 0 || loading.pairs != store_sequence(shard->store)))
		err = ERR_CORRUPT;
	generation_release(&loading.generation);
	if (err == ERR_CORRUPT)
		store_tell(shard->store, "what tells where its chunks are is damaged");
	if (err < 0) {
		version_unref(loading.version);
		return err;
	}
	shard->version = loading.version;
	return OK;
}

static int load_once_locked(struct shard *shard)
{
	return shard->version ? OK : load(shard);
}

/* --- life ---------------------------------------------------------------------- */

struct shard *shard_open(struct shard_env *env, const char *path)
{
	struct shard *shard = calloc(1, sizeof(*shard));

	if (!shard)
		log_out_of_memory(sizeof(*shard));
	shard->references = 1;
	shard->store = store_open(pool_of(env), path);
	pthread_mutex_init(&shard->lock, NULL);
	return shard;
}

static void shard_free(struct shard *shard)
{
	if (shard->moved)
		store_abandon(shard->store); /* nothing in it will be read again */
	store_close(shard->store);
	if (shard->version)
		version_unref(shard->version);
	idmap_release(&shard->types);
	idmap_release(&shard->masks_settled);
	pthread_mutex_destroy(&shard->lock);
	if (shard->gone)
		shard->gone(shard->gone_arg);
	free(shard);
}

static void shard_unref(struct shard *shard)
{
	if (--shard->references == 0)
		shard_free(shard);
}

void shard_close(struct shard *shard)
{
	shard_unref(shard);
}

void shard_reference(struct shard *shard)
{
	shard->references++;
}

int shard_rename(struct shard *shard, const char *path)
{
	return store_move(shard->store, path);
}

int shard_move(struct shard *shard, const char *path)
{
	TRY(shard_rename(shard, path));
	shard->moved = true;
	return OK;
}

int shard_link(struct shard *shard, const char *path)
{
	return store_link(shard->store, path);
}

static int pass(void *arg, const struct store_pair *pair)
{
	return OK;
}

int shard_verify(struct shard *shard)
{
	int err = store_scan(shard->store, pass, NULL);

	return err < 0 ? err : OK;
}

void shard_on_gone(struct shard *shard, void (*gone)(void *arg), void *arg)
{
	shard->gone = gone;
	shard->gone_arg = arg;
}

int shard_sequence_flushed(struct shard *shard, uint64_t *sequence)
{
	int err;

	pthread_mutex_lock(&shard->lock);
	err = load_once_locked(shard);
	if (err == OK)
		*sequence = version_sequence_flushed(shard->version);
	pthread_mutex_unlock(&shard->lock);
	return err;
}

static enum value_type type_find(const struct idmap *types, uint64_t field_key)
{
	uint32_t type = idmap_find(types, field_key);

	return type == MAP_NONE ? VALUE_NONE : (enum value_type)type;
}

int shard_field_type(struct shard *shard, uint64_t field_key, enum value_type *type)
{
	int err;

	pthread_mutex_lock(&shard->lock);
	err = load_once_locked(shard);
	if (err == OK)
		*type = type_find(&shard->types, field_key);
	pthread_mutex_unlock(&shard->lock);
	return err;
}

bool shard_known_totals(struct shard *shard, struct shard_totals *out)
{
	pthread_mutex_lock(&shard->lock);
	bool known = shard->version != NULL;
	if (known)
		shard_version_totals(shard->version, out);
	pthread_mutex_unlock(&shard->lock);
	return known;
}

int shard_version_acquire(struct shard *shard, struct shard_version **out)
{
	int err;

	pthread_mutex_lock(&shard->lock);
	err = load_once_locked(shard);
	if (err == OK) {
		*out = shard->version;
		version_ref(shard->version);
		shard->references++;
	}
	pthread_mutex_unlock(&shard->lock);
	return err;
}

void shard_version_release(struct shard_version *version)
{
	struct shard *shard = version_shard(version);

	version_unref(version);
	shard_unref(shard);
}

/* --- writing -------------------------------------------------------------------- */

struct shard_batch {
	struct shard *shard;
	struct store_batch *store;
	struct store_batch *directory; /* of a settled shard: all but its packs */
	struct generation generation;
	struct record_head head;
	int err;				       /* of packs that were written ahead */
	struct buf pack, chunks, stamps, masks, types; /* records being made */
	struct chunk_entry previous;		       /* of `chunks` */
	struct idmap new_types;
	size_t bytes, bytes_written;
};

/* Open anew what failed, and look again at what is there. */
static int settle(struct shard *shard)
{
	bool reopened;
	int err = store_settle(shard->store, &reopened);

	if (err < 0)
		return err;
	pthread_mutex_lock(&shard->lock);
	if (reopened && shard->version) {
		version_unref(shard->version);
		shard->version = NULL;
	}
	err = load_once_locked(shard);
	pthread_mutex_unlock(&shard->lock);
	return err;
}

int shard_newest(struct shard *shard, uint64_t *generation)
{
	if (shard->moved)
		return ERR_STALE;
	TRY(settle(shard));
	/* One thread writes: the version does not change under us. */
	*generation = shard_version_generation(shard->version);
	return OK;
}

int shard_batch_begin(struct shard *shard, uint64_t generation, struct shard_batch **out)
{
	struct shard_batch *batch;
	uint64_t newest;

	TRY(shard_newest(shard, &newest));
	if (generation <= newest)
		return ERR_EXISTS;
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		log_out_of_memory(sizeof(*batch));
	batch->shard = shard;
	batch->store = store_batch_new();
	batch->generation.number = generation;
	*out = batch;
	return OK;
}

static void batch_put(struct shard_batch *batch, enum record_kind kind, uint32_t ordinal,
		      const struct buf *value)
{
	struct record_key key = { batch->generation.number, ordinal, kind };
	char bytes[RECORD_KEY_BYTES];

	store_batch_put(batch->directory && kind != RECORD_PACK ? batch->directory : batch->store,
			record_key_encode(&key, bytes), buf_slice(value));
	batch->bytes += RECORD_KEY_BYTES + value->length;
}

/*
 * Packs of a settled shard go ahead. They have the last keys of all, and each write becomes a
 * table of its own (store.h), so the tables follow one another and LevelDB merges none.
 */
static void write_ahead(struct shard_batch *batch)
{
	if (batch->err == OK)
		batch->err = store_write(batch->shard->store, batch->store);
	store_batch_free(batch->store);
	batch->store = store_batch_new();
	batch->bytes_written = batch->bytes;
}

static void pack_close(struct shard_batch *batch)
{
	size_t length = batch->pack.length;

	if (length == 0)
		return;
	if (length < RECORD_BYTES_MIN) {
		memset(buf_reserve(&batch->pack, RECORD_BYTES_MIN - length), 0,
		       RECORD_BYTES_MIN - length);
		batch->pack.length = RECORD_BYTES_MIN;
	}
	batch_put(batch, RECORD_PACK, batch->head.packs, &batch->pack);
	batch_put(batch, RECORD_CHUNKS, batch->head.packs, &batch->chunks);
	buf_reset(&batch->pack);
	buf_reset(&batch->chunks);
	batch->previous = (struct chunk_entry){ 0 };
	batch->head.packs++;
	if (batch->directory && batch->bytes - batch->bytes_written >= AHEAD_BYTES)
		write_ahead(batch);
}

_Static_assert(PACK_BYTES <= UINT16_MAX + 1, "a chunk begins where run_ref.offset can tell");

int shard_batch_add(struct shard_batch *batch, uint32_t series_id, const struct shard_rows *rows)
{
	struct chunk_rows chunk = { series_id,	   rows->row_count,    rows->times_ns,
				    rows->columns, rows->column_count, batch->directory != NULL };
	size_t offset = batch->pack.length;
	struct chunk_entry entry = {
		.series_id = series_id,
		.row_count = rows->row_count,
		.time_first = (uint64_t)rows->times_ns[0],
		.time_last = (uint64_t)rows->times_ns[rows->row_count - 1],
		.sequence_max = rows->sequence_max,
		.text_bytes = rows->text_bytes > UINT32_MAX ? 0 : rows->text_bytes,
		.mtime = (uint64_t)rows->mtime_ns,
	};

	/* I3: the log is trimmed up to this number, so nothing above it is in the chunk. */
	assert(rows->sequence_max <= batch->generation.number);
	assert(series_id >= last_series(&batch->generation));
	chunk_encode(&batch->pack, &chunk);
	entry.bytes = batch->pack.length - offset;
	if (entry.bytes > CHUNK_BYTES_MAX) {
		batch->pack.length = offset;
		return ERR_LIMIT;
	}
	record_chunk_encode(&batch->chunks, &entry, &batch->previous);
	add_chunk(&batch->generation, &entry, batch->head.packs, offset);
	if (batch->pack.length >= PACK_BYTES)
		pack_close(batch);
	return batch->err;
}

void shard_batch_settle(struct shard_batch *batch)
{
	assert(batch->bytes == 0 && shard_version_generation(batch->shard->version) == 0);
	batch->directory = store_batch_new();
	batch->head.settled = batch->generation.settled = true;
}

int shard_batch_copy_types(struct shard_batch *batch, struct shard *from)
{
	uint64_t key;
	uint32_t type;

	pthread_mutex_lock(&from->lock);
	int err = load_once_locked(from);
	for (size_t i = 0; err == OK && idmap_next(&from->types, &i, &key, &type);)
		shard_batch_set_type(batch, key, (enum value_type)type);
	pthread_mutex_unlock(&from->lock);
	return err;
}

void shard_batch_mask(struct shard_batch *batch, const struct shard_mask *mask)
{
	record_mask_encode(&batch->masks, mask);
	buf_append(&batch->generation.masks, mask, sizeof(*mask));
}

/* Kept apart from the times of rows until the end, since it wins over them. */
void shard_batch_set_mtime(struct shard_batch *batch, uint32_t series_id, int64_t mtime_ns,
			   int64_t ctime_ns)
{
	struct series_stamp stamp = { mtime_ns, ctime_ns, series_id };

	buf_append(&batch->stamps, &stamp, sizeof(stamp));
}

void shard_batch_set_type(struct shard_batch *batch, uint64_t field_key, enum value_type type)
{
	enum value_type known = type_find(&batch->new_types, field_key);

	if (known == VALUE_NONE)
		known = type_find(&batch->shard->types, field_key); /* only we change it */
	/* Another one is there only where names were lost, and numbers stand for others (I7). */
	if (known == VALUE_NONE)
		shard_batch_change_type(batch, field_key, type);
}

void shard_batch_change_type(struct shard_batch *batch, uint64_t field_key, enum value_type type)
{
	idmap_set(&batch->new_types, field_key, type);
	record_type_encode(&batch->types, field_key, type);
}

size_t shard_batch_bytes(const struct shard_batch *batch)
{
	return batch->bytes + batch->pack.length + batch->chunks.length;
}

static void stamps_close(struct shard_batch *batch)
{
	const struct series_stamp *stamps = (const struct series_stamp *)batch->stamps.data;
	size_t count = batch->stamps.length / sizeof(*stamps);
	struct buf record = { 0 };

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		record_stamp_encode(&record, &stamps[i]);
	buf_append(&batch->generation.stamps, batch->stamps.data, batch->stamps.length);
	batch_put(batch, RECORD_STAMPS, 0, &record);
	batch->head.stamps = 1;
	buf_release(&record);
}

static void batch_close(struct shard_batch *batch, uint64_t sequence_flushed)
{
	struct buf head = { 0 };

	pack_close(batch);
	stamps_close(batch);
	batch->head.types = batch->types.length > 0;
	if (batch->head.types)
		batch_put(batch, RECORD_TYPES, 0, &batch->types);
	batch->head.masks = batch->masks.length > 0;
	if (batch->head.masks)
		batch_put(batch, RECORD_MASKS, 0, &batch->masks);
	batch->head.sequence_flushed = sequence_flushed;
	batch->generation.sequence_flushed = sequence_flushed;
	record_head_encode(&head, &batch->head);
	batch_put(batch, RECORD_HEAD, 0, &head);
	buf_release(&head);
}

/* What is in the store now is what the next version shows. */
static void batch_publish(struct shard_batch *batch)
{
	struct shard *shard = batch->shard;
	struct shard_version *version = version_add(shard->version, &batch->generation);
	struct shard_version *before;

	pthread_mutex_lock(&shard->lock);
	before = shard->version;
	shard->version = version;
	for (struct reader in = reader_of(buf_slice(&batch->types)); reader_left(&in);) {
		enum value_type type;
		uint64_t key;

		if (record_type_decode(&in, &key, &type) < 0)
			break;
		idmap_set(&shard->types, key, type);
	}
	pthread_mutex_unlock(&shard->lock);
	version_unref(before);
}

int shard_batch_commit(struct shard_batch *batch, uint64_t sequence_flushed)
{
	int err;

	assert(sequence_flushed <= batch->generation.number);
	batch_close(batch, sequence_flushed);
	if (batch->directory) {
		write_ahead(batch);
		crash_at(CRASH_REWRITE_PACKS_WRITTEN);
	}
	err = batch->err;
	if (err == OK)
		err = batch->shard->moved
			      ? ERR_STALE
			      : store_write(batch->shard->store,
					    batch->directory ? batch->directory : batch->store);
	if (err == OK)
		batch_publish(batch);
	shard_batch_abandon(batch);
	return err;
}

void shard_batch_abandon(struct shard_batch *batch)
{
	store_batch_free(batch->store);
	if (batch->directory)
		store_batch_free(batch->directory);
	generation_release(&batch->generation);
	buf_release(&batch->pack);
	buf_release(&batch->chunks);
	buf_release(&batch->stamps);
	buf_release(&batch->masks);
	buf_release(&batch->types);
	idmap_release(&batch->new_types);
	free(batch);
}

/* --- masks that ended --------------------------------------------------------------- */

uint32_t shard_version_masks_settled(const struct shard_version *version, uint32_t series_id)
{
	uint32_t count = idmap_find(&version_shard(version)->masks_settled, series_id);

	return count == MAP_NONE ? 0 : count;
}

static bool mask_is_among(const struct shard_mask *mask, const struct shard_mask *masks,
			  size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (masks[i].time_first_ns == mask->time_first_ns &&
		    masks[i].time_last_ns == mask->time_last_ns &&
		    masks[i].sequence == mask->sequence)
			return true;
	return false;
}

void shard_settle_masks(struct shard *to, const struct shard_version *from)
{
	const struct idmap *before = &version_shard(from)->masks_settled;
	uint32_t series_id = 0, settled;
	const struct shard_mask *masks;
	uint64_t key;
	size_t count;

	for (size_t i = 0; idmap_next(before, &i, &key, &settled);)
		idmap_set(&to->masks_settled, key, settled);
	while (version_next_masked(from, &series_id)) {
		shard_version_masks(from, series_id, &masks, &count);
		settled = shard_version_masks_settled(from, series_id);
		for (size_t i = 0; i < count; i++)
			settled += !mask_is_among(&masks[i], masks, i);
		idmap_set(&to->masks_settled, series_id, settled);
		if (series_id++ == UINT32_MAX)
			return;
	}
}

/* --- without loading ------------------------------------------------------------- */

/* Seeks from head to head. */
struct heads {
	uint64_t generation, generations;
	struct record_head first;
};

static void seek_to(const struct store_pair *pair, uint64_t generation, enum record_kind kind)
{
	struct record_key next = { generation, 0, kind };

	*pair->seek_bytes = record_key_encode(&next, pair->seek).length;
}

static int look_at_head(void *arg, const struct store_pair *pair)
{
	struct heads *heads = arg;
	struct record_key key;

	TRY(record_key_decode(pair->key, &key));
	if (key.generation != heads->generation) {
		if (heads->generations++)
			return END;
		heads->generation = key.generation;
	}
	if (key.kind < RECORD_HEAD)
		seek_to(pair, key.generation, RECORD_HEAD);
	else if (key.kind == RECORD_HEAD)
		return record_head_decode(pair->value, &heads->first);
	else
		seek_to(pair, key.generation + 1, RECORD_TYPES);
	return OK;
}

int shard_is_settled(struct shard *shard, bool *settled)
{
	struct heads heads = { 0 };
	int err = store_scan(shard->store, look_at_head, &heads);

	if (err == ERR_CORRUPT) { /* of a pack perhaps, which says nothing about heads */
		pthread_mutex_lock(&shard->lock);
		err = load_once_locked(shard);
		*settled = err == OK && shard_version_is_settled(shard->version);
		pthread_mutex_unlock(&shard->lock);
		return err;
	}
	if (err < 0)
		return err;
	*settled = heads.generations == 0 || (heads.generations == 1 && heads.first.settled);
	return OK;
}

/* --- copying ------------------------------------------------------------------------- */

struct copying {
	struct store_batch *batch;
	uint64_t generation;
	size_t count;
};

static int copy_pair(void *arg, const struct store_pair *pair)
{
	struct copying *copying = arg;
	struct record_key key;

	TRY(record_key_decode(pair->key, &key));
	if (key.generation <= copying->generation) {
		seek_to(pair, copying->generation + 1, RECORD_TYPES);
		return OK;
	}
	store_batch_put(copying->batch, pair->key, pair->value);
	copying->count++;
	return OK;
}

int shard_copy_after(struct shard *from, struct shard *to, uint64_t generation)
{
	struct copying copying = { store_batch_new(), generation, 0 };
	int err = settle(from);

	if (err == OK)
		err = store_scan(from->store, copy_pair, &copying);
	if (err >= 0 && copying.count)
		err = store_write(to->store, copying.batch);
	store_batch_free(copying.batch);
	return err < 0 ? err : OK;
}

/* --- reading --------------------------------------------------------------------- */

struct chunk_reading {
	const struct chunk_ref *ref;
	const struct chunk_wish *wish;
	struct chunk_data *out;
};

/* Is it the chunk that the directory told of? */
static int check_chunk(const struct chunk_data *data, const struct chunk_ref *ref)
{
	return data->series_id == ref->series_id && data->chunk_rows == ref->row_count &&
			       data->time_first_ns == ref->time_first_ns &&
			       data->time_last_ns == ref->time_last_ns
		       ? OK
		       : ERR_CORRUPT;
}

static int chunk_in_pack(struct slice pack, const struct chunk_ref *ref, struct slice *chunk)
{
	if (ref->offset > pack.length || ref->bytes > pack.length - ref->offset)
		return ERR_CORRUPT;
	*chunk = slice_of(pack.data + ref->offset, ref->bytes);
	return OK;
}

static int read_from_pack(void *arg, struct slice pack)
{
	const struct chunk_reading *reading = arg;
	struct slice chunk;

	TRY(chunk_in_pack(pack, reading->ref, &chunk));
	TRY(chunk_decode(chunk, reading->wish, reading->out));
	return check_chunk(reading->out, reading->ref);
}

/* ERR_CORRUPT when it is not there: the directory says that it is. */
static int visit_pack(struct shard_version *version, const struct chunk_ref *ref,
		      int (*visit)(void *arg, struct slice pack), void *arg)
{
	struct record_key key = { ref->generation, ref->pack, RECORD_PACK };
	char bytes[RECORD_KEY_BYTES];
	int err = store_read(version_shard(version)->store, record_key_encode(&key, bytes), visit,
			     arg);

	return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

int shard_version_read(struct shard_version *version, const struct chunk_ref *ref,
		       const struct chunk_wish *wish, struct chunk_data *out)
{
	struct chunk_reading reading = { ref, wish, out };

	return visit_pack(version, ref, read_from_pack, &reading);
}

struct chunk_outlining {
	const struct chunk_ref *ref;
	const struct outline_wish *wish;
	struct arena *arena;
	struct chunk_outline *out;
};

static int outline_from_pack(void *arg, struct slice pack)
{
	const struct chunk_outlining *outlining = arg;
	const struct chunk_ref *ref = outlining->ref;
	struct slice chunk;

	TRY(chunk_in_pack(pack, ref, &chunk));
	TRY(chunk_outline(chunk, outlining->wish, outlining->arena, outlining->out));
	return outlining->out->row_count == ref->row_count &&
			       outlining->out->series_id == ref->series_id
		       ? OK
		       : ERR_CORRUPT;
}

int shard_version_outline(struct shard_version *version, const struct chunk_ref *ref,
			  const struct outline_wish *wish, struct arena *arena,
			  struct chunk_outline *out)
{
	struct chunk_outlining outlining = { ref, wish, arena, out };

	return visit_pack(version, ref, outline_from_pack, &outlining);
}

struct chunk_summing {
	const struct chunk_ref *ref;
	const struct sums_wish *wish;
	struct arena *arena;
	struct window_sums *out;
	bool taken;
};

static int sums_from_pack(void *arg, struct slice pack)
{
	struct chunk_summing *summing = arg;
	const struct chunk_ref *ref = summing->ref;
	struct chunk_sums found;
	struct slice chunk;
	int taken;

	TRY(chunk_in_pack(pack, ref, &chunk));
	taken = chunk_sums(chunk, summing->wish, summing->arena, &found);
	TRY(taken);
	summing->taken = taken == 1;
	*summing->out = found.sums;
	return found.series_id == ref->series_id && found.chunk_rows == ref->row_count &&
			       found.time_first_ns == ref->time_first_ns &&
			       found.time_last_ns == ref->time_last_ns
		       ? OK
		       : ERR_CORRUPT;
}

int shard_version_sums(struct shard_version *version, const struct chunk_ref *ref,
		       const struct sums_wish *wish, struct arena *arena, struct window_sums *out)
{
	struct chunk_summing summing = { ref, wish, arena, out, false };

	TRY(visit_pack(version, ref, sums_from_pack, &summing));
	return summing.taken;
}
