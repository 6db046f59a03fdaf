/*
 * What a statement costs grows with its measurements and not with their square. Counted is work,
 * not time: the compiler calls __sanitizer_cov_trace_pc() at each basic block of the sources that
 * the Makefile names COUNTED, and the linker has copies and comparisons of bytes pass through here.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/when.h"
#include "engine/engine.h"
#include "query/query.h"
#include "tests/lib/test.h"

#define FEW	1500u
#define TIME_NS (INT64_C(1700006400) * NS_PER_SECOND)

/* --- the counter ----------------------------------------------------------------------- */

static _Atomic uint64_t work;

static void count(size_t amount)
{
	atomic_fetch_add_explicit(&work, amount, memory_order_relaxed);
}

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	count(1);
}

/* A copy of a list is work, too, and has no block. */
#define WORD_BYTES 16

void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
	count(bytes / WORD_BYTES);
	return __real_memcpy(to, from, bytes);
}

int __real_memcmp(const void *a, const void *b, size_t bytes);
int __wrap_memcmp(const void *a, const void *b, size_t bytes);
int __wrap_memcmp(const void *a, const void *b, size_t bytes)
{
	count(1 + bytes / WORD_BYTES);
	return __real_memcmp(a, b, bytes);
}

/* --- a database of so many measurements -------------------------------------------------- */

static struct {
	struct engine *engine;
	uint32_t database_id;
} here;

static void write_measurements(unsigned measurements)
{
	struct writer_options options = { .database_id = here.database_id,
					  .attrs = { .mode = 0755 } };
	struct writer *writer;
	struct buf text = { 0 };
	size_t consumed;
	uint64_t lines;

	for (unsigned i = 0; i < measurements; i++)
		buf_printf(&text, "m%05u,host=a v=%ui %lld\n", i, i, (long long)TIME_NS + i);
	CHECK_INT(writer_open(here.engine, &options, &writer), OK);
	CHECK_INT(writer_write(writer, buf_slice(&text), false, &consumed, &lines, NULL), OK);
	writer_close(writer);
	buf_release(&text);
}

static void make(unsigned measurements)
{
	struct engine_options options = { .path = test_dir() };
	struct attrs attrs = { .mode = 0755 };
	struct diag diag = { 0 };

	CHECK_INT(engine_open(&options, &here.engine, &diag), OK);
	CHECK_INT(engine_create_database(here.engine, SLICE("db"), &attrs, &here.database_id), OK);
	write_measurements(measurements);
}

static int take(void *arg, struct slice bytes)
{
	size_t *taken = arg;

	*taken += bytes.length;
	return OK;
}

static uint64_t work_of(const char *statement)
{
	struct query_limits limits = query_limits_default;
	struct query_env env = { .engine = here.engine,
				 .limits = &limits,
				 .database_id = here.database_id,
				 .access = { .attrs = { .mode = 0755 } } };
	struct query_options options = { .format = QUERY_CSV, .epoch_unit_ns = 1 };
	size_t taken = 0;
	struct query_sink sink = { .write = take, .arg = &taken };
	struct diag diag = { 0 };
	uint64_t before = atomic_load(&work);

	if (!CHECK_INT(query_run(&env, slice_of_text(statement), &options, &sink, NULL, &diag), OK))
		fprintf(stderr, "%s: %s\n", statement, diag.text);
	return atomic_load(&work) - before;
}

/* --- statements ------------------------------------------------------------------------------ */

static const char *const statements[] = {
	"select v from /^m/",
	"select count(v) from /^m/",
	"select last(v) from /^m/ where host = 'a' group by host",
	"select * from /^m/ limit 1",
	"select v from merge(/^m/)",
	"select count(v) from merge(/^m/) group by time(1h)",
	"select max(v) from (select v from /^m/)",
	"show measurements",
	"show series",
	"show series from /^m/ where host = 'a'",
	"show field keys",
	"show tag keys",
	"show tag values with key = host",
	"show series cardinality",
	"delete from /^m/ where time < 0",
	"drop series from /^m/ where host = 'b'",
	"delete from /^m/", /* the last: nothing is left */
};
#define STATEMENTS (sizeof(statements) / sizeof(statements[0]))

static void measure(unsigned measurements, bool is_flushed, uint64_t out[STATEMENTS])
{
	make(measurements);
	if (is_flushed)
		CHECK_INT(engine_flush(here.engine), OK);
	/* What the first of all opens and keeps is not the statement's. */
	work_of("select v from m00000");
	for (size_t i = 0; i < STATEMENTS; i++)
		out[i] = work_of(statements[i]);
	CHECK_INT(engine_close(here.engine), OK);
}

static void compare(bool is_flushed)
{
	uint64_t few[STATEMENTS], many[STATEMENTS];

	measure(FEW, is_flushed, few);
	measure(4 * FEW, is_flushed, many);
	for (size_t i = 0; i < STATEMENTS; i++) {
		double grown = (double)many[i] / (double)few[i];

		/* Four times as many, with a sort 4.7 times; sixteen times where it is their
		 * square. */
		if (!CHECK(few[i] > FEW && grown < 6))
			fprintf(stderr, "%s: %.0f and %.0f for each of %u and %u measurements\n",
				statements[i], (double)few[i] / FEW, (double)many[i] / (4 * FEW),
				FEW, 4 * FEW);
		if (getenv("LOUD"))
			fprintf(stderr, "%-60s %8.1f %8.1f\n", statements[i], (double)few[i] / FEW,
				grown);
	}
}

TEST(work__of_a_statement_grows_with_its_measurements)
{
	compare(false);
}

TEST(work__of_a_statement_over_shards_grows_with_its_measurements)
{
	compare(true);
}
