/* Keys are counted alike, whether neighbours or far apart, in any number of steps. */
#include "query/base/tally.h"

#include <stdlib.h>

#include "tests/lib/test.h"

#define KEYS 5000

static uint64_t keys[KEYS];

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t count_kinds(void)
{
	size_t kinds = 1;

	for (size_t i = 1; i < KEYS; i++)
		kinds += keys[i] != keys[i - 1];
	return kinds;
}

TEST(tally__ranks_are_those_of_sorted_keys)
{
	uint64_t state = test_seed();

	for (unsigned round = 0; round < 100; round++) {
		uint64_t spread = 1 + test_random(&state) % (round % 3 ? 2000 : 200);
		uint64_t base = round % 5 ? test_random(&state) : -spread;
		uint64_t gap = round % 4 ? 1 : test_random(&state);
		struct tally tally = { 0 };

		for (size_t i = 0; i < KEYS; i++)
			keys[i] = base + test_random(&state) % spread * gap;
		for (size_t i = 0, step; i < KEYS; i += step) {
			step = 1 + test_random(&state) % 3000;
			step = step < KEYS - i ? step : KEYS - i;
			REQUIRE(tally_add(&tally, keys + i, step, SIZE_MAX));
		}
		tally_sort(&tally);
		qsort(keys, KEYS, sizeof(*keys), compare_keys);
		CHECK(tally.used == count_kinds());
		for (size_t i = 0; i < KEYS; i += 7)
			REQUIRE(tally_key(&tally, i) == keys[i]);
		tally_release(&tally);
		CHECK(tally_add(&tally, keys, KEYS, count_kinds()));
		tally_release(&tally);
		CHECK(!tally_add(&tally, keys, KEYS, count_kinds() - 1));
		CHECK(tally.capacity == 0 && tally.used == 0);
		tally_release(&tally);
	}
}
