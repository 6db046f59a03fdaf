/* Buffers, arenas, readers and maps. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/err.h"
#include "engine/base/map.h"
#include "tests/lib/test.h"

TEST(buf__grows_prints_and_is_consumed)
{
	struct buf buf = { 0 };

	for (int i = 0; i < 1000; i++)
		buf_append_byte(&buf, (char)('a' + i % 26));
	CHECK_INT(buf.length, 1000);
	buf_consume(&buf, 998);
	buf_printf(&buf, " %d%s", 7, "!");
	CHECK_STR(buf_text(&buf), "kl 7!");
	buf_release(&buf);
	CHECK_INT(buf.length, 0);
}

TEST(bytes__numbers_come_back_and_a_short_reader_fails_once)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
	struct buf buf = { 0 };

	for (int i = 0; i < 8; i++)
		buf_append_varint(&buf, values[i]);
	buf_append_prefixed(&buf, SLICE("abc"));
	struct reader reader = reader_of(buf_slice(&buf));
	for (int i = 0; i < 8; i++)
		CHECK(reader_varint(&reader) == values[i]);
	CHECK_SLICE(reader_prefixed(&reader), "abc");
	CHECK(!reader.failed);
	CHECK_INT(reader_u32(&reader), 0);
	CHECK(reader.failed);
	buf_release(&buf);
	CHECK_INT(unzigzag(zigzag(INT64_MIN)), INT64_MIN);
	CHECK_INT(unzigzag(zigzag(-1)), -1);
}

TEST(bytes__a_varint_of_eleven_bytes_is_refused)
{
	struct reader reader = reader_of(SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));

	reader_varint(&reader);
	CHECK(reader.failed);
	reader = reader_of(SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
	reader_varint(&reader);
	CHECK(reader.failed);
}

TEST(arena__gives_aligned_zeroes_until_the_budget_is_used_up)
{
	struct arena arena = { .bytes_max = 1 << 20 };
	size_t given = 0;

	for (;;) {
		char *p = arena_alloc(&arena, 1000);

		if (!p)
			break;
		REQUIRE((uintptr_t)p % 16 == 0 && p[0] == 0 && p[999] == 0);
		memset(p, 0xff, 1000);
		given += 1000;
	}
	CHECK(given > 700000 && given <= 1 << 20);
	arena_reset(&arena);
	char *again = arena_alloc(&arena, 1000);
	REQUIRE(again != NULL);
	CHECK(again[500] == 0);
	CHECK_STR(arena_printf(&arena, "%d", 5), "5");
	arena_release(&arena);
}

static char keys[5000][16];

static struct slice key_of(const void *owner, uint32_t value)
{
	(void)owner;
	return slice_of_text(keys[value]);
}

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

/* Without this a test run under the sanitizer proves less than it seems to. */
TEST(memory__the_sanitizer_sees_the_ends_of_what_is_given_out_and_what_is_freed)
{
	char *memory = malloc(24);
	char *volatile freed = memory; /* gcc knows what free does */
	struct arena arena = { 0 };

	CHECK(!__asan_region_is_poisoned(memory, 24));
	CHECK(__asan_address_is_poisoned(memory + 24));
	free(memory);
	CHECK(__asan_address_is_poisoned(freed));

	char *first = arena_alloc_raw(&arena, 5, 1);
	char *second = arena_alloc(&arena, 40);

	CHECK(!__asan_region_is_poisoned(first, 5));
	CHECK(__asan_address_is_poisoned(first + 5));
	CHECK(!__asan_region_is_poisoned(second, 40));
	CHECK(__asan_address_is_poisoned(second + 40));
	arena_reset(&arena);
	CHECK(__asan_address_is_poisoned(first));
	CHECK(__asan_address_is_poisoned(second));
	arena_release(&arena);
}
#endif

TEST(map__finds_what_was_added_and_not_what_was_removed)
{
	struct map map;

	map_init(&map, key_of, NULL);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "key-%u", i);
		map_add(&map, hash_bytes(slice_of_text(keys[i])), i);
	}
	for (uint32_t i = 0; i < 5000; i += 2)
		map_remove(&map, slice_of_text(keys[i]), hash_bytes(slice_of_text(keys[i])));
	for (uint32_t i = 0; i < 5000; i++) {
		struct slice key = slice_of_text(keys[i]);

		REQUIRE(map_find(&map, key, hash_bytes(key)) == (i % 2 ? i : MAP_NONE));
	}
	CHECK_INT(map.count, 2500);
	map_release(&map);
}

TEST(idmap__replaces_and_grows)
{
	struct idmap map = { 0 };

	for (uint64_t i = 0; i < 10000; i++)
		idmap_set(&map, i * 7919, (uint32_t)i);
	idmap_set(&map, 0, 77);
	CHECK_INT(idmap_find(&map, 0), 77);
	CHECK_INT(idmap_find(&map, 7919 * 9999), 9999);
	CHECK_INT(idmap_find(&map, 5), MAP_NONE);
	CHECK_INT(map.count, 10000);
	idmap_release(&map);
}

TEST(diag__keeps_the_first_mistake)
{
	struct diag diag = { 0 };

	CHECK_INT(diag_set_at(&diag, ERR_RANGE, 3, 4, "first %d", 1), ERR_RANGE);
	CHECK_INT(diag_set(&diag, ERR_INVALID, "second"), ERR_INVALID);
	CHECK_STR(diag.text, "first 1");
	CHECK_INT(diag.column, 4);
	CHECK(strlen(err_text(ERR_SPACE)) > 0 && strlen(err_text(-999)) > 0);
}
