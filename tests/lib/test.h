/*
 * Unit tests without a framework to install: TEST() bodies register themselves,
 * CHECK() counts, main() is in test.c and ends with `N passed, N failed`.
 *
 *	TEST(wal__torn_tail_is_dropped) { CHECK_INT(wal_count(w), 3); }
 */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct test {
	const char *name;
	void (*body)(void);
	struct test *next;
};
void test_register(struct test *test);
/* Each tells file and line when it fails, and the test goes on. */
bool test_check(bool ok, const char *file, int line, const char *what);
bool test_check_int(long long a, long long b, const char *file, int line, const char *what);
bool test_check_text(const char *a, size_t a_length, const char *b, size_t b_length,
		     const char *file, int line, const char *what);
/* A fresh directory under TMPDIR, removed when the program ends. */
const char *test_dir(void);
/* From SEED in the environment or the clock; printed when a test fails. */
uint64_t test_seed(void);
uint64_t test_random(uint64_t *state);

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	__attribute__((constructor)) static void test_add_##id(void)                               \
	{                                                                                          \
		static struct test test = { #id, test_##id, 0 };                                   \
		test_register(&test);                                                              \
	}                                                                                          \
	static void test_##id(void)

#define CHECK(cond)	test_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(a, b) test_check_int((long long)(a), (long long)(b), __FILE__, __LINE__, #a)
#define CHECK_STR(a, b) test_check_text((a), strlen(a), (b), strlen(b), __FILE__, __LINE__, #a)
#define CHECK_SLICE(a, b)                                                                          \
	do {                                                                                       \
		__auto_type slice_ = (a);                                                          \
		test_check_text(slice_.data, slice_.length, (b), strlen(b), __FILE__, __LINE__,    \
				#a);                                                               \
	} while (0)
/* Leave the test when the condition does not hold. */
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!CHECK(cond))                                                                  \
			return;                                                                    \
	} while (0)

#endif
