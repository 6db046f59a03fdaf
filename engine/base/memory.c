/*
 * malloc of the system, and two things around it: an addition where the thread has a meter, and a
 * first-fit list of pieces where the system has nothing.
 *
 *	region  | piece | bytes | piece | bytes | … |     a piece heads what it gives out
 *
 * Regions are few: a second one is made when pieces that stay (a name of an index, say) have used
 * up half of the first and the system has memory again. Under the address sanitizer all of a region
 * is poisoned but what is given out, and the functions that read heads are blind to that.
 */
#include "engine/base/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/base/err.h"
#include "engine/base/poison.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_reallocarray(void *memory, size_t count, size_t bytes);
void __wrap_free(void *memory);

/* --- what there is ------------------------------------------------------------------------ */

#define REGIONS_MAX 8
/* Handed out in one go: the rest is for other threads that are in need at this moment, too. */
#define SHARE 4

struct piece {
	size_t bytes; /* with this head; a multiple of its size */
	size_t is_used;
};
_Static_assert(sizeof(struct piece) == 16, "what follows a head is aligned to 16");

static struct {
	pthread_mutex_t lock;
	char *regions[REGIONS_MAX]; /* each `bytes` long; never given back */
	size_t bytes;
	_Atomic(void *) block; /* for what has a malloc of its own; a fourth as large */
	atomic_size_t region_count;
	atomic_size_t used; /* of all regions */
} reserve = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- meters ------------------------------------------------------------------------------ */

static _Thread_local struct {
	struct memory_meter *meter; /* or NULL */
	int64_t pending;	    /* not yet settled */
} own;

static void note_peak(struct memory_meter *meter, int64_t bytes)
{
	int64_t peak = atomic_load_explicit(&meter->peak, memory_order_relaxed);

	while (bytes > peak &&
	       !atomic_compare_exchange_weak_explicit(&meter->peak, &peak, bytes,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

/* Is it over its limit now? */
static bool add_to(struct memory_meter *meter, int64_t bytes)
{
	int64_t all = atomic_fetch_add_explicit(&meter->bytes, bytes, memory_order_relaxed) + bytes;

	note_peak(meter, all);
	return meter->bytes_max && all > 0 && (uint64_t)all > meter->bytes_max;
}

static void settle(void)
{
	struct memory_meter *meter = own.meter;
	int64_t bytes = own.pending;

	own.pending = 0;
	if (!meter)
		return;
	if (add_to(meter, bytes) && bytes > 0)
		atomic_store_explicit(&meter->is_over, true, memory_order_relaxed);
	if (meter->parent && add_to(meter->parent, bytes) && bytes > 0)
		atomic_store_explicit(&meter->is_over_all, true, memory_order_relaxed);
}

static inline void count(int64_t bytes)
{
	own.pending += bytes;
	if (own.pending > MEMORY_STEP_BYTES || own.pending < -MEMORY_STEP_BYTES)
		settle();
}

struct memory_meter *memory_enter(struct memory_meter *meter)
{
	struct memory_meter *before = own.meter;

	settle();
	own.meter = meter;
	return before;
}

struct memory_meter *memory_here(void)
{
	return own.meter;
}

static bool flag(atomic_bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

/* LevelDB had to take what was kept for it: what runs makes room, or the next time is the end. */
static bool is_block_gone(void)
{
	return reserve.bytes && !atomic_load_explicit(&reserve.block, memory_order_relaxed);
}

int memory_state(void)
{
	struct memory_meter *meter = own.meter;

	if (!meter)
		return OK;
	if (flag(&meter->is_over) || flag(&meter->is_over_all))
		return ERR_LIMIT;
	return flag(&meter->is_short) || is_block_gone() ? ERR_MEMORY : OK;
}

static bool fits(struct memory_meter *meter, size_t bytes, atomic_bool *is_over)
{
	int64_t all = atomic_load_explicit(&meter->bytes, memory_order_relaxed) + own.pending;

	if (meter->bytes_max && (all > 0 ? (uint64_t)all : 0) + bytes > meter->bytes_max)
		atomic_store_explicit(is_over, true, memory_order_relaxed);
	return !flag(is_over);
}

bool memory_fits(size_t bytes)
{
	struct memory_meter *meter = own.meter;

	if (!meter)
		return true;
	return fits(meter, bytes, &meter->is_over) &&
	       (!meter->parent || fits(meter->parent, bytes, &meter->is_over_all));
}

static uint64_t bytes_of(const struct memory_meter *meter)
{
	int64_t bytes = atomic_load_explicit(&meter->bytes, memory_order_relaxed) + own.pending;

	return bytes > 0 ? (uint64_t)bytes : 0;
}

uint64_t memory_taken(void)
{
	return own.meter ? bytes_of(own.meter) : 0;
}

uint64_t memory_limit(void)
{
	const struct memory_meter *meter = own.meter, *all = meter ? meter->parent : NULL;
	uint64_t limit = meter && meter->bytes_max ? meter->bytes_max : UINT64_MAX;
	uint64_t others;

	if (!all || !all->bytes_max)
		return limit;
	others = bytes_of(all) - (bytes_of(meter) < bytes_of(all) ? bytes_of(meter) : 0);
	if (others >= all->bytes_max)
		return 0;
	return limit < all->bytes_max - others ? limit : all->bytes_max - others;
}

void memory_retry(void)
{
	struct memory_meter *meter = own.meter;

	settle();
	if (!meter)
		return;
	atomic_store_explicit(&meter->is_over, false, memory_order_relaxed);
	atomic_store_explicit(&meter->is_over_all, false, memory_order_relaxed);
	memory_fits(0);
}

#define LITTLE_BYTES ((size_t)128 << 10)

bool memory_is_there(size_t bytes)
{
	void *probe;

	if (bytes <= LITTLE_BYTES)
		return true;
	probe = is_block_gone() ? NULL : __real_malloc(bytes);
	__real_free(probe);
	if (!probe && own.meter)
		atomic_store_explicit(&own.meter->is_short, true, memory_order_relaxed);
	return probe != NULL;
}

/* --- the reserve -------------------------------------------------------------------------- */

POISON_BLIND static int add_region(size_t bytes)
{
	void *region =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (region == MAP_FAILED)
		return ERR_MEMORY;
	*(struct piece *)region = (struct piece){ bytes, false };
	poison(region, bytes);
	reserve.regions[reserve.region_count] = region;
	atomic_fetch_add(&reserve.region_count, 1);
	return OK;
}

/* False: there is none, and no memory for it. */
static bool keep_block(void)
{
	void *block, *none = NULL;

	if (atomic_load_explicit(&reserve.block, memory_order_relaxed) || reserve.bytes == 0)
		return true;
	block = __real_malloc(reserve.bytes / SHARE);
	if (block && !atomic_compare_exchange_strong(&reserve.block, &none, block))
		__real_free(block);
	return block != NULL;
}

int memory_reserve(size_t bytes)
{
	int err = OK;

	pthread_mutex_lock(&reserve.lock);
	if (reserve.region_count == 0) {
		reserve.bytes = bytes & ~(size_t)4095;
		err = add_region(reserve.bytes);
		keep_block();
	}
	pthread_mutex_unlock(&reserve.lock);
	return err;
}

#define ROOM_STEP_NS   10000000
#define ROOM_STEPS_MAX 500

bool memory_make_room(void)
{
	static atomic_uint steps; /* of all threads, since there was room */
	void *block = atomic_exchange(&reserve.block, NULL);

	if (own.meter)
		atomic_store(&own.meter->is_short, true);
	if (block) {
		atomic_store(&steps, 0);
		__real_free(block);
		return true;
	}
	if (reserve.bytes == 0 || atomic_fetch_add(&steps, 1) >= ROOM_STEPS_MAX)
		return false;
	nanosleep(&(struct timespec){ 0, ROOM_STEP_NS }, NULL);
	return true;
}

size_t memory_reserve_used(void)
{
	return atomic_load_explicit(&reserve.used, memory_order_relaxed);
}

static bool is_half_used(void)
{
	size_t all = reserve.bytes * atomic_load(&reserve.region_count);

	return memory_reserve_used() > all - reserve.bytes / 2;
}

bool memory_is_scarce(void)
{
	bool is_scarce;

	if (!keep_block())
		return true;
	if (memory_reserve_used() == 0 || !is_half_used())
		return false;
	pthread_mutex_lock(&reserve.lock);
	is_scarce = is_half_used() &&
		    (reserve.region_count == REGIONS_MAX || add_region(reserve.bytes) < 0);
	pthread_mutex_unlock(&reserve.lock);
	return is_scarce;
}

static bool is_in_region(const void *memory, size_t number)
{
	return (uintptr_t)memory - (uintptr_t)reserve.regions[number] < reserve.bytes;
}

static bool is_reserved(const void *memory)
{
	size_t count = atomic_load_explicit(&reserve.region_count, memory_order_acquire);

	for (size_t i = 0; i < count; i++)
		if (is_in_region(memory, i))
			return true;
	return false;
}

POISON_BLIND static struct piece *piece_behind(struct piece *piece)
{
	return (struct piece *)((char *)piece + piece->bytes);
}

/* The first free piece that is long enough; neighbours that are free become one on the way. */
POISON_BLIND static struct piece *find_piece(char *region, size_t bytes)
{
	struct piece *end = (struct piece *)(region + reserve.bytes);

	for (struct piece *piece = (struct piece *)region; piece < end;
	     piece = piece_behind(piece)) {
		while (!piece->is_used && piece_behind(piece) < end &&
		       !piece_behind(piece)->is_used)
			piece->bytes += piece_behind(piece)->bytes;
		if (!piece->is_used && piece->bytes >= bytes)
			return piece;
	}
	return NULL;
}

POISON_BLIND static void *take_piece(size_t bytes)
{
	for (size_t i = 0; i < reserve.region_count; i++) {
		struct piece *piece = find_piece(reserve.regions[i], bytes);

		if (!piece)
			continue;
		if (piece->bytes > bytes) {
			*(struct piece *)((char *)piece + bytes) =
				(struct piece){ piece->bytes - bytes, false };
			piece->bytes = bytes;
		}
		piece->is_used = true;
		atomic_fetch_add(&reserve.used, bytes);
		unpoison(piece + 1, bytes - sizeof(*piece));
		return piece + 1;
	}
	return NULL;
}

static void *from_reserve(size_t bytes)
{
	void *memory;

	if (own.meter)
		atomic_store_explicit(&own.meter->is_short, true, memory_order_relaxed);
	if (bytes > reserve.bytes / SHARE)
		return NULL;
	pthread_mutex_lock(&reserve.lock);
	memory = take_piece((bytes + 2 * sizeof(struct piece) - 1) / sizeof(struct piece) *
			    sizeof(struct piece));
	pthread_mutex_unlock(&reserve.lock);
	return memory;
}

POISON_BLIND static void give_back(void *memory)
{
	struct piece *piece = (struct piece *)memory - 1;

	pthread_mutex_lock(&reserve.lock);
	piece->is_used = false;
	poison(piece + 1, piece->bytes - sizeof(*piece));
	atomic_fetch_sub(&reserve.used, piece->bytes);
	pthread_mutex_unlock(&reserve.lock);
}

POISON_BLIND static size_t usable_bytes(void *memory)
{
	return is_reserved(memory) ? ((struct piece *)memory - 1)->bytes - sizeof(struct piece)
				   : malloc_usable_size(memory);
}

/* --- in place of the system's ----------------------------------------------------------- */

void *__wrap_malloc(size_t bytes)
{
	void *memory = __real_malloc(bytes);

	if (__builtin_expect(!memory, 0))
		return from_reserve(bytes);
	if (own.meter)
		count((int64_t)malloc_usable_size(memory));
	return memory;
}

void *__wrap_calloc(size_t items, size_t bytes)
{
	void *memory = __real_calloc(items, bytes);
	size_t all;

	if (__builtin_expect(!memory, 0)) {
		if (__builtin_mul_overflow(items, bytes, &all) || !(memory = from_reserve(all)))
			return NULL;
		return memset(memory, 0, all);
	}
	if (own.meter)
		count((int64_t)malloc_usable_size(memory));
	return memory;
}

/* It lies in the reserve, or what the system has is not enough for it. */
static void *move(void *memory, size_t bytes)
{
	size_t had = usable_bytes(memory);
	void *moved = is_reserved(memory) ? __wrap_malloc(bytes) : from_reserve(bytes);

	if (!moved)
		return NULL;
	memcpy(moved, memory, had < bytes ? had : bytes);
	__wrap_free(memory);
	return moved;
}

void *__wrap_realloc(void *memory, size_t bytes)
{
	int64_t had;
	void *grown;

	if (!memory)
		return __wrap_malloc(bytes);
	if (__builtin_expect(is_reserved(memory), 0))
		return move(memory, bytes);
	had = own.meter ? (int64_t)malloc_usable_size(memory) : 0;
	grown = __real_realloc(memory, bytes);
	if (__builtin_expect(!grown && bytes, 0))
		return move(memory, bytes);
	if (own.meter)
		count((grown ? (int64_t)malloc_usable_size(grown) : 0) - had);
	return grown;
}

void *__wrap_reallocarray(void *memory, size_t items, size_t bytes)
{
	size_t all;

	return __builtin_mul_overflow(items, bytes, &all) ? NULL : __wrap_realloc(memory, all);
}

void __wrap_free(void *memory)
{
	if (!memory)
		return;
	if (__builtin_expect(is_reserved(memory), 0)) {
		give_back(memory);
		return;
	}
	if (own.meter)
		count(-(int64_t)malloc_usable_size(memory));
	__real_free(memory);
}

/* --- giving back ---------------------------------------------------------------------------- */

/* Less than that is not worth the look over the heap, and the page faults of the next caller. */
#define TRIM_BYTES ((size_t)16 << 20)

static atomic_size_t untrimmed;

void memory_trim_later(size_t bytes)
{
	atomic_fetch_add_explicit(&untrimmed, bytes, memory_order_relaxed);
}

void memory_trim_if_due(void)
{
	if (atomic_load_explicit(&untrimmed, memory_order_relaxed) < TRIM_BYTES)
		return;
	atomic_store(&untrimmed, 0);
	malloc_trim(0);
}
