/* The runner behind test.h. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct test *tests;
static unsigned failures;
static char dir[256];

void test_register(struct test *test)
{
	struct test **end = &tests;

	while (*end)
		end = &(*end)->next;
	*end = test;
}

bool test_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
		failures++;
	}
	return ok;
}

bool test_check_int(long long a, long long b, const char *file, int line, const char *what)
{
	if (a == b)
		return true;
	fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line, what, a, b);
	failures++;
	return false;
}

bool test_check_text(const char *a, size_t a_length, const char *b, size_t b_length,
		     const char *file, int line, const char *what)
{
	if (a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0))
		return true;
	fprintf(stderr, "%s:%d: %s is\n\t%.*s\nnot\n\t%.*s\n", file, line, what, (int)a_length, a,
		(int)b_length, b);
	failures++;
	return false;
}

static void remove_dir(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (dir[0] && system(command) != 0)
		fprintf(stderr, "%s is left\n", dir);
}

const char *test_dir(void)
{
	static unsigned count;
	static char path[300];
	const char *base = getenv("TMPDIR");

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "%s/seriesfs-unit.XXXXXX", base ? base : "/tmp");
		if (!mkdtemp(dir))
			abort();
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/%u", dir, count++);
	return path;
}

uint64_t test_seed(void)
{
	static uint64_t seed;
	const char *given = getenv("SEED");

	if (!seed)
		seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u | 1;
	return seed;
}

uint64_t test_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	for (struct test *test = tests; test; test = test->next) {
		unsigned before = failures;

		if (argc > 1 && !strstr(test->name, argv[1]))
			continue;
		test->body();
		if (failures == before) {
			passed++;
			continue;
		}
		failed++;
		fprintf(stderr, "FAILED %s (SEED=%llu)\n", test->name,
			(unsigned long long)test_seed());
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
