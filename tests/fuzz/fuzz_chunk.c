/*
 * Any bytes as a chunk: an answer or ERR_CORRUPT, nothing else.
 *
 * Checksums would keep all but whole chunks out, so they are made right first:
 * the one in front always, those of the payloads as far as the head can be read.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/bytes.h"
#include "engine/base/err.h"
#include "engine/chunk/chunk.h"
#include "tests/lib/fuzz.h"

static uint32_t checksum_of(const char *bytes, size_t length)
{
	return (uint32_t)XXH3_64bits_withSeed(bytes, length, 1);
}

/* What the first checksum covers: all, or the head alone. */
static void make_right(char *chunk, size_t size)
{
	struct reader in = reader_of(slice_of(chunk, size));
	size_t covered;

	reader_u32(&in);
	covered = reader_u8(&in) & 1;
	reader_prefixed(&in);
	store32(chunk, checksum_of(chunk + 4, (size_t)((covered ? in.next : in.end) - chunk) - 4));
}

static int64_t hour_end(void *arg, int64_t time_ns)
{
	int64_t hour = INT64_C(3600000000000), past_ns = (time_ns % hour + hour) % hour;

	return time_ns > INT64_MAX - hour ? INT64_MAX : time_ns + (hour - past_ns);
}

static int begin(void *arg, const struct window_sums *sums, union value *before)
{
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chunk_data out = { .arena = { .bytes_max = 256u << 20 } };
	static struct arena arena;
	uint32_t fields[] = { 1, 2, 300 };
	struct chunk_wish all = chunk_wish_all(),
			  some = { fields, 3, INT64_MIN, 1000000000, size & 3, size & 4 };
	struct chunk_outline outline;
	struct chunk_sums sums;
	char *chunk;
	int err;

	if (size < 5)
		return 0;
	chunk = malloc(size);
	memcpy(chunk, data, size);
	make_right(chunk, size);
	err = chunk_decode(slice_of(chunk, size), &all, &out);
	if (err != OK && err != ERR_CORRUPT && err != ERR_MEMORY && err != ERR_LIMIT)
		abort();
	for (size_t i = 0; err == OK && i < out.column_count; i++)
		if (!out.columns[i].values || out.columns[i].summary.count > out.row_count)
			abort();
	err = chunk_decode(slice_of(chunk, size), &some, &out);
	if (err != OK && err != ERR_CORRUPT && err != ERR_MEMORY && err != ERR_LIMIT)
		abort();
	err = chunk_outline(slice_of(chunk, size),
			    &(struct outline_wish){ fields, 3, INT64_MAX, size & 1 }, &arena,
			    &outline);
	if (err != OK && err != ERR_CORRUPT)
		abort();
	err = chunk_sums(slice_of(chunk, size),
			 &(struct sums_wish){ fields, 3, INT64_MIN, INT64_MAX, 0,
					      &(struct sums_taker){ NULL, hour_end, begin, NULL } },
			 &arena, &sums);
	if (err != OK && err != 1 && err != ERR_CORRUPT)
		abort();
	arena_reset(&arena);
	chunk_data_release(&out);
	out.arena.bytes_max = 256u << 20;
	free(chunk);
	return 0;
}
