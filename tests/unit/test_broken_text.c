/*
 * What blank, cut and broken texts do to each parser: nothing but a refusal that says why. Each
 * text lies in memory of its own size, so that the address sanitizer sees a read beside it.
 */
#include "tests/lib/parsers.h"
#include "tests/lib/test.h"

#define LONG_BYTES (200u << 10)

static const struct parser_row *row;

static void try_text(const void *text, size_t length)
{
	char *exact = malloc(length ? length : 1);

	if (length)
		memcpy(exact, text, length);
	row->take(slice_of(exact, length));
	free(exact);
}

/* As try_text(), and where a caller hands nothing over at all. */
static void try_blanks(void)
{
	static const char blanks[] = { ' ', '\t', '\n', '\r', '\0', ';', '\v', '\f' };
	char text[4];

	row->take((struct slice){ NULL, 0 });
	try_text("", 0);
	for (size_t n = 0; n < sizeof(blanks) * sizeof(blanks) * sizeof(blanks); n++) {
		text[0] = blanks[n % sizeof(blanks)];
		text[1] = blanks[n / sizeof(blanks) % sizeof(blanks)];
		text[2] = blanks[n / sizeof(blanks) / sizeof(blanks)];
		for (size_t length = 1; length <= 3; length++)
			try_text(text, length);
	}
	for (int byte = 0; byte < 256; byte++) {
		text[0] = (char)byte;
		try_text(text, 1);
	}
}

/* Cut before and behind each byte; each byte gone, twice there, and another one in its place. */
static void try_broken(struct slice valid)
{
	static const char others[] = "\0\n\r\t \"'\\/%~=,.;()[]{}-0a\x7f\xff";
	char text[600];

	REQUIRE(valid.length + 2 < sizeof(text));
	for (size_t i = 0; i <= valid.length; i++) {
		try_text(valid.data, i);
		try_text(valid.data + i, valid.length - i);
		if (i == valid.length)
			break;
		memcpy(text, valid.data, i);
		memcpy(text + i, valid.data + i + 1, valid.length - i - 1);
		try_text(text, valid.length - 1);
		memcpy(text, valid.data, i + 1);
		memcpy(text + i + 1, valid.data + i, valid.length - i);
		try_text(text, valid.length + 1);
		for (size_t k = 0; k < sizeof(others) - 1; k++) {
			memcpy(text, valid.data, valid.length);
			text[i] = others[k];
			try_text(text, valid.length);
		}
	}
}

static void try_blanks_around(struct slice valid)
{
	static const char *const around[] = { " ", "\t", "\n", "\r\n", "\n\n\n", " ; " };
	struct buf text = { 0 };

	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (size_t where = 1; where <= 3; where++) {
			buf_reset(&text);
			buf_append_text(&text, where & 1 ? around[i] : "");
			buf_append_slice(&text, valid);
			buf_append_text(&text, where & 2 ? around[i] : "");
			try_text(text.data, text.length);
		}
	buf_release(&text);
}

static void try_long(void)
{
	char *text = malloc(LONG_BYTES);

	for (int byte = 0; byte < 256; byte++) {
		memset(text, byte, LONG_BYTES);
		try_text(text, byte < 128 ? LONG_BYTES : 300);
	}
	for (size_t i = 0; row->valid[i]; i++) {
		size_t length = strlen(row->valid[i]), filled = 0;

		while (filled + length <= LONG_BYTES) {
			memcpy(text + filled, row->valid[i], length);
			filled += length;
		}
		try_text(text, filled);
	}
	free(text);
}

TEST(broken_text__does_nothing_but_be_refused)
{
	for (size_t i = 0; i < PARSER_COUNT; i++) {
		row = &parser_rows[i];
		try_blanks();
		try_long();
		for (size_t k = 0; row->valid[k]; k++) {
			struct slice valid = slice_of_text(row->valid[k]);

			try_text(valid.data, valid.length);
			try_broken(valid);
			try_blanks_around(valid);
		}
		CHECK(true);
	}
}

/* At random, by the seed: some bytes of one text, some of another, some of none. */
TEST(broken_text__of_pieces_neither)
{
	uint64_t random = test_seed();
	char text[1200];

	for (size_t n = 0; n < 60000; n++) {
		size_t length = 0, pieces = test_random(&random) % 5 + 1;

		row = &parser_rows[test_random(&random) % PARSER_COUNT];
		while (pieces--) {
			const struct parser_row *other =
				test_random(&random) % 4
					? row
					: &parser_rows[test_random(&random) % PARSER_COUNT];
			const char *valid;
			size_t count = 0, start, taken;

			while (other->valid[count])
				count++;
			valid = other->valid[test_random(&random) % count];
			start = test_random(&random) % (strlen(valid) + 1);
			taken = test_random(&random) % (strlen(valid) + 1 - start);
			if (length + taken + 1 > sizeof(text))
				break;
			memcpy(text + length, valid + start, taken);
			length += taken;
			if (test_random(&random) % 3 == 0)
				text[length++] = (char)test_random(&random);
		}
		try_text(text, length);
	}
	CHECK(true);
}
