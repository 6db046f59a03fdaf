/* `errors`: what people see when something was refused. */
#include "fs/nodes/errors_log.c"

#include <stdio.h>

#include "tests/lib/test.h"

static struct diag diag_at(uint32_t column, const char *text)
{
	struct diag diag = { .column = column };

	strcpy(diag.text, text);
	return diag;
}

static void check_print(const struct error_entry *entry, const char *expected)
{
	struct buf out = { 0 };

	error_entry_print(&out, entry);
	CHECK_STR(buf_text(&out), expected);
	buf_release(&out);
}

TEST(errors_log__an_entry_shows_the_line_with_a_caret)
{
	struct diag diag = diag_at(11, "missing fields");

	check_print(&(struct error_entry){ .file = SLICE("db/write"),
					   .line_number = 3,
					   .err = ERR_INVALID,
					   .diag = &diag,
					   .text = SLICE("cpu,host=a") },
		    "db/write line 3: missing fields\n\tcpu,host=a\n\t          ^\n");
}

TEST(errors_log__without_words_the_error_has_its_own)
{
	check_print(&(struct error_entry){ .file = SLICE("db/write"), .err = ERR_SPACE },
		    "db/write: no space left\n");
}

TEST(errors_log__the_caret_stands_under_its_character)
{
	struct diag diag = diag_at(4, "here"); /* behind two bytes of one character */

	check_print(&(struct error_entry){ .file = SLICE("f"),
					   .err = ERR_INVALID,
					   .diag = &diag,
					   .text = SLICE("a\xc3\xbc"
							 "b") },
		    "f: here\n\ta\xc3\xbc"
		    "b\n\t  ^\n");
}

TEST(errors_log__a_long_line_is_cut_where_the_caret_stays_visible)
{
	struct buf line = { 0 }, out = { 0 };
	struct diag diag = diag_at(901, "here");
	const char *caret;

	for (int i = 0; i < 900; i++)
		buf_append_byte(&line, 'a');
	buf_append_text(&line, "Xbbb");
	error_entry_print(&out, &(struct error_entry){ .file = SLICE("f"),
						       .err = ERR_INVALID,
						       .diag = &diag,
						       .text = buf_slice(&line) });
	CHECK(out.length < 400);
	buf_text(&out);
	caret = strchr(out.data, '^');
	REQUIRE(caret && strchr(out.data, 'X'));
	CHECK_INT(caret - strrchr(out.data, '\t'), strchr(out.data, 'X') - strchr(out.data, '\t'));
	buf_release(&line);
	buf_release(&out);
}

TEST(errors_log__control_bytes_do_not_break_the_picture)
{
	check_print(&(struct error_entry){ .file = SLICE("f"),
					   .err = ERR_INVALID,
					   .text = SLICE("a\x1b[2J\nb") },
		    "f: not understood\n\ta\\x1B[2J\\nb\n");
}

static bool may_all(void *arg, const struct error_rights *rights)
{
	return true;
}

static size_t count_entries(struct errors_log *log, uint32_t database_id)
{
	struct buf out = { 0 };
	size_t count = 0;

	errors_log_read(log, database_id, may_all, NULL, 0, 2 << 20, &out);
	for (size_t i = 0; i < out.length; i++)
		count += out.data[i] == '\n' && (i + 1 == out.length || out.data[i + 1] != '\t');
	buf_release(&out);
	return count;
}

TEST(errors_log__the_same_text_comes_once_a_second)
{
	struct errors_log *log = errors_log_new();
	struct error_entry entry = { .file = SLICE("f"), .err = ERR_INVALID };

	for (int i = 0; i < 100; i++) {
		entry.line_number = (uint64_t)i + 1; /* where it is does not make it another */
		errors_log_tell(log, 1, &entry);
	}
	CHECK_INT(count_entries(log, 1), 1);
	entry.err = ERR_RANGE;
	errors_log_tell(log, 1, &entry);
	CHECK_INT(count_entries(log, 1), 2);
	CHECK_INT(count_entries(log, 2), 0);
	errors_log_free(log);
}

TEST(errors_log__clearing_empties_it_and_lets_the_same_text_in_again)
{
	struct errors_log *log = errors_log_new();
	struct error_entry entry = { .file = SLICE("f"), .err = ERR_INVALID };

	errors_log_tell(log, 1, &entry);
	errors_log_clear(log, 1);
	CHECK_INT(errors_log_stat(log, 1, may_all, NULL).bytes, 0);
	errors_log_tell(log, 1, &entry);
	CHECK_INT(count_entries(log, 1), 1);
	errors_log_free(log);
}

TEST(errors_log__starts_anew_when_it_is_full)
{
	struct errors_log *log = errors_log_new();

	for (int i = 0; i < 20000; i++) {
		char file[100];
		int length = snprintf(file, sizeof(file),
				      "a file with a rather long name, number %d", i);

		errors_log_tell(log, 1,
				&(struct error_entry){ .file = slice_of(file, (size_t)length),
						       .err = ERR_INVALID });
		CHECK(errors_log_stat(log, 1, may_all, NULL).bytes < ERRORS_BYTES_MAX + 1000);
	}
	errors_log_free(log);
}

static bool may_one(void *arg, const struct error_rights *rights)
{
	return rights->uid == *(uint32_t *)arg;
}

/* A reader's bytes and size are those of the entries it may see, wherever it begins to read. */
TEST(errors_log__a_closed_entry_is_not_there_for_others)
{
	struct errors_log *log = errors_log_new();
	struct error_entry entry = { .err = ERR_INVALID, .rights = { .is_private = true } };

	for (int i = 0; i < 60; i++) {
		char file[16];
		int length = snprintf(file, sizeof(file), "f%d of %d", i, i % 3);

		entry.file = slice_of(file, (size_t)length);
		entry.rights.uid = i % 3 ? (uint32_t)(i % 3) : 7;
		entry.rights.is_private = i % 3 != 0;
		errors_log_tell(log, 1, &entry);
	}
	for (uint32_t uid = 1; uid <= 3; uid++) {
		struct buf whole = { 0 }, parts = { 0 };
		uint64_t bytes = errors_log_stat(log, 1, may_one, &uid).bytes;

		errors_log_read(log, 1, may_one, &uid, 0, 1 << 20, &whole);
		CHECK_INT(bytes, whole.length);
		CHECK(strstr(buf_text(&whole), " of 0"));
		CHECK(!strstr(buf_text(&whole), " of 1") == (uid != 1));
		CHECK(!strstr(buf_text(&whole), " of 2") == (uid != 2));
		while (parts.length < bytes) {
			size_t before = parts.length;

			errors_log_read(log, 1, may_one, &uid, before, 7, &parts);
			CHECK(parts.length > before);
		}
		CHECK(slice_equal(buf_slice(&whole), buf_slice(&parts)));
		buf_release(&whole);
		buf_release(&parts);
	}
	errors_log_free(log);
}

TEST(errors_log__names_and_lines_forge_nothing)
{
	struct diag diag = diag_at(8, "bad \x1b[31mname");

	check_print(
		&(struct error_entry){ .file = SLICE("d\nb/\xff"),
				       .err = ERR_INVALID,
				       .diag = &diag,
				       .text = SLICE("a\r\n\xc2\x9b,b\\c") },
		"d\\nb/\\xFF: bad \\x1B[31mname\n\ta\\r\\n\\xC2\\x9B,b\\c\n\t               ^\n");
}
