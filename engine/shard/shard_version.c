/* Runs, mask tables and versions; see shard_version.h. The queries on a version are shard.h's. */
#include "engine/shard/shard_version.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/err.h"
#include "engine/base/log.h"

struct run {
	atomic_uint references;
	size_t ref_count, origin_count, stamp_count;
	struct run_ref *refs;
	struct run_origin *origins;
	struct series_stamp *stamps; /* one a series at most; newer than its refs */
	size_t bytes;
};

struct mask_table {
	atomic_uint references;
	size_t count;
	struct shard_mask masks[]; /* by series, then by sequence */
};

struct shard_version {
	atomic_uint references;
	struct shard *shard;
	uint64_t sequence_flushed;
	uint64_t settled_rows; /* of the first generation, when a rewrite made it */
	bool is_settled;       /* that is all there is */
	struct run **runs;     /* oldest first */
	size_t run_count;
	struct mask_table *masks; /* NULL: none */
	uint64_t *generations;	  /* ascending */
	size_t generation_count;
};

static void *allocate(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (!p)
		log_out_of_memory(bytes);
	return p;
}

void generation_release(struct generation *generation)
{
	buf_release(&generation->refs);
	buf_release(&generation->origins);
	buf_release(&generation->stamps);
	buf_release(&generation->masks);
}

/*
 * Chunks of one flush mostly share their origin: it is kept once for all that follow each other.
 */
static bool came_with_last(const struct generation *generation, uint64_t sequence_max,
			   int64_t mtime_ns)
{
	const struct run_origin *origins = (const struct run_origin *)generation->origins.data;
	size_t count = generation->origins.length / sizeof(*origins);

	return count && origins[count - 1].sequence_max == sequence_max &&
	       origins[count - 1].mtime_ns == mtime_ns;
}

void generation_add(struct generation *generation, const struct run_ref *ref, uint64_t sequence_max,
		    int64_t mtime_ns)
{
	struct run_origin origin = { .sequence_max = sequence_max, .mtime_ns = mtime_ns };
	struct run_ref copy = *ref;

	if (!came_with_last(generation, sequence_max, mtime_ns))
		buf_append(&generation->origins, &origin, sizeof(origin));
	copy.origin = (uint32_t)(generation->origins.length / sizeof(origin)) - 1;
	buf_append(&generation->refs, &copy, sizeof(copy));
}

/* --- runs ------------------------------------------------------------------ */

static _Atomic size_t run_bytes; /* of all shards */

size_t shard_directory_bytes(void)
{
	return atomic_load(&run_bytes);
}

/* All counts are known. */
static void run_count_bytes(struct run *run)
{
	run->bytes = sizeof(*run) + run->ref_count * sizeof(*run->refs) +
		     run->origin_count * sizeof(*run->origins) +
		     run->stamp_count * sizeof(*run->stamps);
	atomic_fetch_add(&run_bytes, run->bytes);
}

/* The last version that has it lets it go. */
static void run_unref(struct run *run)
{
	if (--run->references > 0)
		return;
	atomic_fetch_sub(&run_bytes, run->bytes);
	free(run->refs);
	free(run->origins);
	free(run->stamps);
	free(run);
}

/* A stamp and its place in the order of arrival. */
struct placed_stamp {
	struct series_stamp stamp;
	size_t place;
};

static int compare_stamps(const void *a, const void *b)
{
	const struct placed_stamp *left = a, *right = b;

	if (left->stamp.series_id != right->stamp.series_id)
		return left->stamp.series_id < right->stamp.series_id ? -1 : 1;
	return left->place < right->place ? -1 : 1;
}

/*
 * qsort is not stable, and of two stamps of a series the later one counts: so the place is
 * compared, too.
 */
static void order_stamps(struct series_stamp *stamps, size_t count)
{
	struct placed_stamp *placed = allocate(count * sizeof(*placed));

	for (size_t i = 0; i < count; i++)
		placed[i] = (struct placed_stamp){ stamps[i], i };
	qsort(placed, count, sizeof(*placed), compare_stamps);
	for (size_t i = 0; i < count; i++)
		stamps[i] = placed[i].stamp;
	free(placed);
}

static bool stamps_ascend(const struct series_stamp *stamps, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (stamps[i].series_id < stamps[i - 1].series_id)
			return false;
	return true;
}

/* By series, of each the last that came. */
static size_t sort_stamps(struct buf *buf)
{
	struct series_stamp *stamps = (struct series_stamp *)buf->data;
	size_t count = buf->length / sizeof(*stamps), kept = 0;

	if (!stamps_ascend(stamps, count))
		order_stamps(stamps, count);
	for (size_t i = 0; i < count; i++) {
		if (kept && stamps[kept - 1].series_id == stamps[i].series_id)
			kept--;
		stamps[kept++] = stamps[i];
	}
	buf->length = kept * sizeof(*stamps);
	return kept;
}

/* The buffer's memory becomes the array: a million chunks are not copied once more. */
static void *take_array(struct buf *buf)
{
	void *array = buf->length ? realloc(buf->data, buf->length) : NULL;

	if (!array)
		array = buf->data; /* nothing in it, or it stays as large as it is */
	*buf = (struct buf){ 0 };
	return array;
}

/* A run of one generation: takes the memory of its buffers. */
static struct run *run_of(struct generation *generation, uint32_t index)
{
	struct run *run = allocate(sizeof(*run));

	run->references = 1;
	run->ref_count = generation->refs.length / sizeof(struct run_ref);
	run->origin_count = generation->origins.length / sizeof(struct run_origin);
	run->stamp_count = sort_stamps(&generation->stamps);
	run_count_bytes(run);
	run->refs = take_array(&generation->refs);
	run->origins = take_array(&generation->origins);
	run->stamps = take_array(&generation->stamps);
	for (size_t i = 0; i < run->origin_count; i++)
		run->origins[i].generation = index;
	return run;
}

/* First ref of a series at or above `series_id`. */
static size_t run_find(const struct run *run, uint32_t series_id)
{
	size_t low = 0, high = run->ref_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (run->refs[middle].series_id < series_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct run_ref *run_last_ref(const struct run *run, uint32_t series_id)
{
	size_t end = series_id == UINT32_MAX ? run->ref_count : run_find(run, series_id + 1);

	return end && run->refs[end - 1].series_id == series_id ? &run->refs[end - 1] : NULL;
}

/* The origins of the new run lie behind those of the old one. */
static void merge_origins(struct run *out, const struct run *old, const struct run *new)
{
	out->origin_count = old->origin_count + new->origin_count;
	out->origins = allocate(out->origin_count * sizeof(*out->origins));
	if (old->origin_count)
		memcpy(out->origins, old->origins, old->origin_count * sizeof(*out->origins));
	if (new->origin_count)
		memcpy(out->origins + old->origin_count, new->origins,
		       new->origin_count * sizeof(*out->origins));
}

/* Stable: chunks of a series stay in order of acceptance. */
static void merge_refs(struct run *out, const struct run *old, const struct run *new)
{
	size_t i = 0, j = 0;

	out->refs = allocate((old->ref_count + new->ref_count) * sizeof(*out->refs));
	while (i < old->ref_count || j < new->ref_count) {
		bool take_old =
			j == new->ref_count ||
			(i < old->ref_count && old->refs[i].series_id <= new->refs[j].series_id);

		out->refs[out->ref_count] = take_old ? old->refs[i++] : new->refs[j++];
		out->refs[out->ref_count++].origin += take_old ? 0 : (uint32_t)old->origin_count;
	}
}

/* A stamp ends with a newer one, and with chunks that came later. */
static void merge_stamps(struct run *out, const struct run *old, const struct run *new)
{
	size_t i = 0, j = 0;

	out->stamps = allocate((old->stamp_count + new->stamp_count) * sizeof(*out->stamps));
	while (i < old->stamp_count || j < new->stamp_count) {
		bool take_old = j == new->stamp_count ||
				(i < old->stamp_count &&
				 old->stamps[i].series_id < new->stamps[j].series_id);

		if (!take_old && i < old->stamp_count &&
		    old->stamps[i].series_id == new->stamps[j].series_id)
			i++;
		if (take_old && run_last_ref(new, old->stamps[i].series_id))
			i++;
		else
			out->stamps[out->stamp_count++] =
				take_old ? old->stamps[i++] : new->stamps[j++];
	}
}

/* Two neighbours as one; both stay as they are for versions that have them. */
static struct run *run_merge(const struct run *old, const struct run *new)
{
	struct run *run = allocate(sizeof(*run));

	run->references = 1;
	merge_origins(run, old, new);
	merge_refs(run, old, new);
	merge_stamps(run, old, new);
	run_count_bytes(run);
	return run;
}

/* What a merge of it costs. */
static size_t run_weight(const struct run *run)
{
	return run->ref_count + run->stamp_count;
}

/* What a run tells of a series by hand; else its last chunk does. */
static const struct series_stamp *run_find_stamp(const struct run *run, uint32_t series_id)
{
	size_t low = 0, high = run->stamp_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (run->stamps[middle].series_id < series_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < run->stamp_count && run->stamps[low].series_id == series_id ? &run->stamps[low]
										 : NULL;
}

/* --- masks ----------------------------------------------------------------- */

static int compare_masks(const void *a, const void *b)
{
	const struct shard_mask *left = a, *right = b;

	if (left->series_id != right->series_id)
		return left->series_id < right->series_id ? -1 : 1;
	return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

static void masks_unref(struct mask_table *table)
{
	if (table && --table->references == 0)
		free(table);
}

/*
 * The masks of a version and those of a generation; the table of the one before when there are
 * none.
 */
static struct mask_table *masks_add(struct mask_table *before, const struct generation *generation)
{
	const struct buf *masks = &generation->masks;
	size_t old_count = before ? before->count : 0;
	size_t new_count = masks->length / sizeof(struct shard_mask);
	struct mask_table *table;

	if (new_count == 0) {
		if (before)
			before->references++;
		return before;
	}
	table = allocate(sizeof(*table) + (old_count + new_count) * sizeof(*table->masks));
	table->references = 1;
	table->count = old_count + new_count;
	if (old_count)
		memcpy(table->masks, before->masks, old_count * sizeof(*table->masks));
	memcpy(table->masks + old_count, masks->data, masks->length);
	for (size_t i = old_count; i < table->count; i++)
		table->masks[i].generation = generation->number;
	qsort(table->masks, table->count, sizeof(*table->masks), compare_masks);
	return table;
}

/* --- versions --------------------------------------------------------------- */

struct shard_version *version_new(struct shard *shard)
{
	struct shard_version *version = allocate(sizeof(*version));

	version->references = 1;
	version->shard = shard;
	return version;
}

void version_ref(struct shard_version *version)
{
	version->references++;
}

void version_unref(struct shard_version *version)
{
	if (--version->references > 0)
		return;
	for (size_t i = 0; i < version->run_count; i++)
		run_unref(version->runs[i]);
	masks_unref(version->masks);
	free(version->runs);
	free(version->generations);
	free(version);
}

struct shard *version_shard(const struct shard_version *version)
{
	return version->shard;
}

uint64_t version_sequence_flushed(const struct shard_version *version)
{
	return version->sequence_flushed;
}

/* Few runs, each at least twice as large as the next one. */
static void merge_last_runs(struct shard_version *version)
{
	while (version->run_count > 1) {
		struct run **last = &version->runs[version->run_count - 2];
		struct run *merged;

		if (run_weight(last[0]) > 2 * run_weight(last[1]))
			return;
		merged = run_merge(last[0], last[1]);
		run_unref(last[0]);
		run_unref(last[1]);
		last[0] = merged;
		version->run_count--;
	}
}

static uint64_t count_rows(const struct generation *generation)
{
	const struct run_ref *refs = (const struct run_ref *)generation->refs.data;
	uint64_t rows = 0;

	for (size_t i = 0; i < generation->refs.length / sizeof(*refs); i++)
		rows += refs[i].row_count;
	return rows;
}

/* A version is never changed: readers hold the one before while this one is made. */
struct shard_version *version_add(const struct shard_version *before, struct generation *generation)
{
	struct shard_version *version = version_new(before->shard);
	size_t count = before->generation_count;

	/* I5, I6: what a view may see, and which value stands, is told by this order. */
	assert(count == 0 || before->generations[count - 1] < generation->number);
	version->sequence_flushed = generation->sequence_flushed > before->sequence_flushed
					    ? generation->sequence_flushed
					    : before->sequence_flushed;
	version->is_settled = generation->settled && count == 0;
	version->settled_rows = version->is_settled ? count_rows(generation) : before->settled_rows;
	version->generations = allocate((count + 1) * sizeof(*version->generations));
	if (count)
		memcpy(version->generations, before->generations, count * sizeof(uint64_t));
	version->generations[count] = generation->number;
	version->generation_count = count + 1;
	version->runs = allocate((before->run_count + 1) * sizeof(struct run *));
	for (size_t i = 0; i < before->run_count; i++) {
		version->runs[i] = before->runs[i];
		version->runs[i]->references++;
	}
	version->runs[before->run_count] = run_of(generation, (uint32_t)count);
	version->run_count = before->run_count + 1;
	merge_last_runs(version);
	version->masks = masks_add(before->masks, generation);
	return version;
}

/* --- what shard.h lets one ask ----------------------------------------------- */

uint64_t shard_version_generation(const struct shard_version *version)
{
	size_t count = version->generation_count;

	return count ? version->generations[count - 1] : 0;
}

void chunk_refs_release(struct chunk_refs *refs)
{
	free(refs->items);
	*refs = (struct chunk_refs){ 0 };
}

static void chunk_refs_add(struct chunk_refs *refs, const struct chunk_ref *ref)
{
	if (refs->count == refs->capacity) {
		size_t capacity = refs->capacity ? 2 * refs->capacity : 8;
		void *items = realloc(refs->items, capacity * sizeof(*refs->items));

		if (!items)
			log_out_of_memory(capacity * sizeof(*refs->items));
		refs->items = items;
		refs->capacity = capacity;
	}
	refs->items[refs->count++] = *ref;
}

static struct chunk_ref ref_public(const struct shard_version *version, const struct run *run,
				   const struct run_ref *ref)
{
	const struct run_origin *origin = &run->origins[ref->origin];

	return (struct chunk_ref){
		.generation = version->generations[origin->generation],
		.sequence_max = origin->sequence_max,
		.time_first_ns = ref->time_first_ns,
		.time_last_ns = ref->time_last_ns,
		.text_bytes = ref->text_bytes,
		.series_id = ref->series_id,
		.row_count = ref->row_count,
		.bytes = ref->bytes,
		.pack = ref->pack,
		.offset = ref->offset,
	};
}

void shard_version_chunks(const struct shard_version *version, uint32_t series_id,
			  struct chunk_refs *refs)
{
	for (size_t r = 0; r < version->run_count; r++) {
		const struct run *run = version->runs[r];
		size_t i = run_find(run, series_id);

		for (; i < run->ref_count && run->refs[i].series_id == series_id; i++) {
			struct chunk_ref ref = ref_public(version, run, &run->refs[i]);

			chunk_refs_add(refs, &ref);
		}
	}
}

/* The first mask of a series at or above `series_id`. */
static size_t masks_find(const struct shard_version *version, uint32_t series_id)
{
	size_t low = 0, high = version->masks ? version->masks->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (version->masks->masks[middle].series_id < series_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool version_next_masked(const struct shard_version *version, uint32_t *series_id)
{
	size_t at = masks_find(version, *series_id);

	if (!version->masks || at == version->masks->count)
		return false;
	*series_id = version->masks->masks[at].series_id;
	return true;
}

void shard_version_masks(const struct shard_version *version, uint32_t series_id,
			 const struct shard_mask **masks, size_t *count)
{
	size_t low = masks_find(version, series_id), high;
	size_t end = version->masks ? version->masks->count : 0;

	for (high = low; high < end && version->masks->masks[high].series_id == series_id;)
		high++;
	*masks = high > low ? &version->masks->masks[low] : NULL;
	*count = high - low;
}

static bool ref_is_masked(const struct run *run, const struct run_ref *ref, uint64_t generation_max,
			  const struct shard_mask *masks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (masks[i].generation <= generation_max &&
		    run->origins[ref->origin].sequence_max <= masks[i].sequence &&
		    masks[i].time_first_ns <= ref->time_first_ns &&
		    ref->time_last_ns <= masks[i].time_last_ns)
			return true;
	return false;
}

/* A place in each run; all stand at or above the series that comes next. */
struct series_walk {
	const struct shard_version *version;
	uint64_t generation_max; /* of masks that count */
	size_t *places;
};

static struct series_walk walk_begin(const struct shard_version *version, uint64_t generation_max)
{
	return (struct series_walk){ version, generation_max,
				     allocate(version->run_count * sizeof(size_t)) };
}

/* END, or the next series and whether a chunk of it is not masked. */
static int walk_next(struct series_walk *walk, uint32_t *series_id, bool *alive)
{
	const struct shard_version *version = walk->version;
	const struct shard_mask *masks;
	size_t mask_count;
	bool any = false;

	for (size_t r = 0; r < version->run_count; r++) {
		const struct run *run = version->runs[r];
		uint32_t id;

		if (walk->places[r] == run->ref_count)
			continue;
		id = run->refs[walk->places[r]].series_id;
		*series_id = any && *series_id < id ? *series_id : id;
		any = true;
	}
	if (!any)
		return END;
	shard_version_masks(version, *series_id, &masks, &mask_count);
	*alive = false;
	for (size_t r = 0; r < version->run_count; r++) {
		const struct run *run = version->runs[r];
		size_t *i = &walk->places[r];

		for (; *i < run->ref_count && run->refs[*i].series_id == *series_id; ++*i)
			*alive = *alive || !ref_is_masked(run, &run->refs[*i], walk->generation_max,
							  masks, mask_count);
	}
	return OK;
}

void shard_version_series(const struct shard_version *version, uint64_t generation_max,
			  uint32_t **ids, size_t *count)
{
	struct series_walk walk = walk_begin(version, generation_max);
	struct buf out = { 0 };
	uint32_t series_id;
	bool alive;

	while (walk_next(&walk, &series_id, &alive) == OK)
		if (alive)
			buf_append_u32(&out, series_id);
	free(walk.places);
	*count = out.length / sizeof(uint32_t);
	*ids = (uint32_t *)out.data; /* ours to give: buf's memory is malloc's */
}

bool shard_version_lists(const struct shard_version *version, uint32_t series_id)
{
	const struct shard_mask *masks;
	size_t mask_count;

	shard_version_masks(version, series_id, &masks, &mask_count);
	for (size_t r = 0; r < version->run_count; r++) {
		const struct run *run = version->runs[r];
		size_t i = run_find(run, series_id);

		for (; i < run->ref_count && run->refs[i].series_id == series_id; i++)
			if (!ref_is_masked(run, &run->refs[i], UINT64_MAX, masks, mask_count))
				return true;
	}
	return false;
}

bool shard_version_mtime(const struct shard_version *version, uint32_t series_id, int64_t *mtime_ns,
			 int64_t *ctime_ns)
{
	for (size_t r = version->run_count; r-- > 0;) {
		const struct run *run = version->runs[r];
		const struct series_stamp *stamp = run_find_stamp(run, series_id);
		const struct run_ref *ref = stamp ? NULL : run_last_ref(run, series_id);

		if (!stamp && !ref)
			continue;
		*mtime_ns = stamp ? stamp->mtime_ns : run->origins[ref->origin].mtime_ns;
		*ctime_ns = stamp ? stamp->ctime_ns : *mtime_ns;
		return true;
	}
	return false;
}

bool shard_version_is_settled(const struct shard_version *version)
{
	return version->is_settled;
}

int shard_version_each(const struct shard_version *version,
		       int (*each)(void *arg, const struct chunk_ref *ref), void *arg)
{
	int err = OK;

	for (size_t r = 0; r < version->run_count; r++)
		for (size_t i = 0; err == OK && i < version->runs[r]->ref_count; i++) {
			struct chunk_ref ref =
				ref_public(version, version->runs[r], &version->runs[r]->refs[i]);

			err = each(arg, &ref);
		}
	return err;
}

void shard_version_totals(const struct shard_version *version, struct shard_totals *out)
{
	*out = (struct shard_totals){ .time_first_ns = INT64_MAX, .time_last_ns = INT64_MIN };
	for (size_t r = 0; r < version->run_count; r++)
		for (size_t i = 0; i < version->runs[r]->ref_count; i++) {
			const struct run_ref *ref = &version->runs[r]->refs[i];

			out->chunks++;
			out->rows += ref->row_count;
			out->bytes += ref->bytes;
			if (ref->time_first_ns < out->time_first_ns)
				out->time_first_ns = ref->time_first_ns;
			if (ref->time_last_ns > out->time_last_ns)
				out->time_last_ns = ref->time_last_ns;
		}
	out->settled_rows = version->settled_rows;
	out->masks = version->masks ? version->masks->count : 0;
}
