/* Lines that arrive in pieces: the unfinished one waits, a bad one stops the write there. */
#include "fs/points/ingest.c"

#include "tests/lib/test.h"

/* Stores lines into `stored`; one that begins with "bad" is refused. A stand-in for a writer. */
struct sink {
	struct buf stored;
	struct buf told; /* `line number:text` of what was refused */
};

static int sink_store(void *arg, struct slice text, bool final, size_t *consumed, uint64_t *lines,
		      struct diag *diag)
{
	struct sink *sink = arg;

	*consumed = 0;
	*lines = 0;
	while (*consumed < text.length) {
		struct slice rest = slice_from(text, *consumed);
		const char *end = memchr(rest.data, '\n', rest.length);
		size_t length = end ? (size_t)(end - rest.data) : rest.length;

		if (!end && !final)
			return OK;
		if (slice_starts_with(rest, SLICE("bad")))
			return diag_set_at(diag, ERR_INVALID, *lines + 1, 1, "bad");
		buf_append(&sink->stored, rest.data, length);
		buf_append_byte(&sink->stored, '\n');
		*consumed += length + (end ? 1 : 0);
		++*lines;
	}
	return OK;
}

static void sink_tell(void *arg, int err, const struct diag *diag, uint64_t line_number,
		      struct slice line)
{
	struct sink *sink = arg;

	buf_printf(&sink->told, "%llu:%.*s\n", (unsigned long long)line_number, (int)line.length,
		   line.data);
}

static void start(struct ingest *ingest, struct sink *sink, size_t line_bytes_max)
{
	*sink = (struct sink){ 0 };
	ingest_init(ingest,
		    &(struct ingest_owner){ .store = sink_store, .tell = sink_tell, .arg = sink },
		    line_bytes_max);
}

static void stop(struct ingest *ingest, struct sink *sink)
{
	ingest_release(ingest);
	buf_release(&sink->stored);
	buf_release(&sink->told);
}

static int write_text(struct ingest *ingest, const char *text, size_t *taken)
{
	return ingest_write(ingest, slice_of_text(text), 0, taken);
}

TEST(ingest__a_line_over_two_writes_is_one_line)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(write_text(&ingest, "a 1\nb ", &taken), OK);
	CHECK_INT(taken, 6);
	CHECK_STR(buf_text(&sink.stored), "a 1\n");
	CHECK_INT(write_text(&ingest, "2", &taken), OK);
	CHECK_INT(taken, 1);
	CHECK_INT(write_text(&ingest, "2\nc", &taken), OK);
	CHECK_INT(taken, 3);
	CHECK_STR(buf_text(&sink.stored), "a 1\nb 22\n");
	stop(&ingest, &sink);
}

TEST(ingest__a_bad_line_makes_the_write_short_and_fails_the_next)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(write_text(&ingest, "a\nb\nbad\nc\n", &taken), OK);
	CHECK_INT(taken, 4);
	CHECK_INT(write_text(&ingest, "bad\nc\n", &taken), ERR_INVALID);
	CHECK_INT(taken, 0);
	CHECK_STR(buf_text(&sink.stored), "a\nb\n");
	CHECK_STR(buf_text(&sink.told), "3:bad\n");
	CHECK_INT(write_text(&ingest, "d\n", &taken), OK);
	CHECK_INT(taken, 2);
	CHECK_STR(buf_text(&sink.stored), "a\nb\nd\n");
	stop(&ingest, &sink);
}

TEST(ingest__after_a_short_write_even_another_text_fails_once)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(write_text(&ingest, "a\nbad\n", &taken), OK);
	CHECK_INT(write_text(&ingest, "z\n", &taken), ERR_INVALID);
	CHECK_STR(buf_text(&sink.stored), "a\n");
	CHECK_INT(write_text(&ingest, "z\n", &taken), OK);
	CHECK_STR(buf_text(&sink.stored), "a\nz\n");
	stop(&ingest, &sink);
}

TEST(ingest__a_bad_line_that_began_before_takes_nothing_and_leaves_nothing)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(write_text(&ingest, "a\nba", &taken), OK);
	CHECK_INT(write_text(&ingest, "d\nb\n", &taken), ERR_INVALID);
	CHECK_INT(taken, 0);
	CHECK_STR(buf_text(&sink.told), "2:bad\n");
	CHECK_INT(write_text(&ingest, "c\n", &taken), OK);
	CHECK_STR(buf_text(&sink.stored), "a\nc\n");
	stop(&ingest, &sink);
}

TEST(ingest__a_good_line_that_began_before_counts_when_the_next_is_bad)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(write_text(&ingest, "aa", &taken), OK);
	CHECK_INT(write_text(&ingest, "bb\nbad\n", &taken), OK);
	CHECK_INT(taken, 3);
	CHECK_STR(buf_text(&sink.stored), "aabb\n");
	CHECK_INT(write_text(&ingest, "bad\n", &taken), ERR_INVALID);
	stop(&ingest, &sink);
}

TEST(ingest__a_failure_that_the_kernel_swallows_is_owed_to_the_next_write)
{
	static char page[FULL_REQUEST_BYTES + 10];
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, sizeof(page));
	memset(page, '\n', sizeof(page));
	memcpy(page + sizeof(page) - 3, "bad", 3);
	/* One write(2) of the user, cut by the kernel: it sees only the first part's count. */
	CHECK_INT(ingest_write(&ingest, slice_of(page, sizeof(page)), 0, &taken), OK);
	CHECK_INT(taken, sizeof(page));
	CHECK_INT(ingest_write(&ingest, SLICE("ly\nx\n"), sizeof(page), &taken), ERR_INVALID);
	CHECK_INT(ingest_write(&ingest, SLICE("ly\nx\n"), sizeof(page), &taken), ERR_INVALID);
	CHECK_INT(ingest_write(&ingest, SLICE("y\n"), sizeof(page), &taken), OK);
	stop(&ingest, &sink);
}

TEST(ingest__closing_a_duplicate_takes_a_line_that_parses)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(ingest_flush(&ingest), OK);
	CHECK_INT(write_text(&ingest, "a\nb", &taken), OK);
	CHECK_INT(ingest_flush(&ingest), OK);
	CHECK_STR(buf_text(&sink.stored), "a\nb\n");
	CHECK_INT(ingest_flush(&ingest), OK);
	CHECK_STR(buf_text(&sink.stored), "a\nb\n");
	stop(&ingest, &sink);
}

TEST(ingest__closing_a_duplicate_keeps_a_line_that_does_not_parse)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 100);
	CHECK_INT(write_text(&ingest, "bad", &taken), OK);
	CHECK_INT(ingest_flush(&ingest), ERR_INVALID);
	CHECK_INT(sink.told.length, 0);
	ingest_finish(&ingest);
	CHECK_STR(buf_text(&sink.told), "1:bad\n");
	stop(&ingest, &sink);
}

TEST(ingest__an_unfinished_line_over_the_limit_is_refused)
{
	struct ingest ingest;
	struct sink sink;
	size_t taken;

	start(&ingest, &sink, 8);
	CHECK_INT(write_text(&ingest, "a\n12345678", &taken), OK);
	CHECK_INT(taken, 10);
	CHECK_INT(write_text(&ingest, "9", &taken), ERR_TOO_LONG);
	CHECK_INT(taken, 0);
	CHECK_INT(write_text(&ingest, "b\n", &taken), OK);
	CHECK_STR(buf_text(&sink.stored), "a\nb\n");
	/* The good line before it counts, and the error comes next. */
	CHECK_INT(write_text(&ingest, "c\n123456789", &taken), OK);
	CHECK_INT(taken, 2);
	CHECK_INT(write_text(&ingest, "123456789", &taken), ERR_TOO_LONG);
	stop(&ingest, &sink);
}

/* However a text is cut, a client that retries what is left stores all before the first bad line.
 */
static void feed(const char *text, size_t length, size_t good, uint64_t *state)
{
	struct ingest ingest;
	struct sink sink;
	size_t done = 0, taken;
	int err = OK;

	start(&ingest, &sink, 1000);
	while (done < length && err == OK) {
		size_t piece = 1 + test_random(state) % (length - done);

		err = ingest_write(&ingest, slice_of(text + done, piece), done, &taken);
		done += taken;
	}
	CHECK_INT(err, good < length ? ERR_INVALID : OK);
	test_check_text(sink.stored.data ? sink.stored.data : "", sink.stored.length, text, good,
			__FILE__, __LINE__, "what is stored");
	CHECK(done >= good);
	CHECK_INT(ingest.tail.length, 0);
	stop(&ingest, &sink);
}

TEST(ingest__stores_the_same_however_the_text_is_cut)
{
	uint64_t state = test_seed();

	for (int round = 0; round < 2000; round++) {
		struct buf text = { 0 };
		size_t lines = 1 + test_random(&state) % 6, bad = test_random(&state) % 8, good = 0;

		for (size_t i = 0; i < lines; i++) {
			if (i == bad)
				good = text.length;
			buf_printf(&text, "%s%llu\n", i == bad ? "bad" : "m v=",
				   (unsigned long long)(test_random(&state) % 1000));
		}
		if (bad >= lines)
			good = text.length;
		feed(text.data, text.length, good, &state);
		buf_release(&text);
	}
}
