/* Why: a continuous query is a file and a statement, and both have to say the same. */
#include "query/continuous.h"

#include "engine/base/arena.h"
#include "engine/base/when.h"
#include "query/print.h"

static struct slice trimmed(struct slice text)
{
	static const char blanks[] = " \t\r\n;";

	while (text.length && memchr(blanks, text.data[0], sizeof(blanks) - 1))
		text = slice_from(text, 1);
	while (text.length && memchr(blanks, text.data[text.length - 1], sizeof(blanks) - 1))
		text.length--;
	return text;
}

static struct lexeme next_word(struct lexer *lexer)
{
	struct lexeme lexeme;

	do {
		lexeme = lexer_next(lexer);
	} while (lexeme.token == TOKEN_BLANK || lexeme.token == TOKEN_COMMENT);
	return lexeme;
}

/* [ RESAMPLE [ EVERY duration ] [ FOR duration ] ] select */
void continuous_split(struct slice text, struct slice *resample, struct slice *select)
{
	struct arena arena = { 0 };
	struct lexer lexer;
	struct lexeme word;
	uint32_t end;

	text = trimmed(text);
	*resample = slice_of(text.data, 0);
	*select = text;
	lexer_init(&lexer, text, &arena);
	word = next_word(&lexer);
	if (word.token == TOKEN_RESAMPLE) {
		end = word.end;
		for (word = next_word(&lexer);
		     word.token == TOKEN_EVERY || word.token == TOKEN_FOR ||
		     word.token == TOKEN_DURATION_VALUE;
		     word = next_word(&lexer))
			end = word.end;
		*resample = slice_of(text.data, end);
		*select = trimmed(slice_from(text, end));
	}
	arena_release(&arena);
}

static void print_duration_option(struct buf *out, const char *word, int64_t ns)
{
	char text[DURATION_BYTES_MAX];

	if (ns == 0)
		return;
	buf_printf(out, " %s ", word);
	buf_append(out, text, duration_print(text, ns));
}

/* What stands between BEGIN and END, as it was typed. */
static struct slice body_of(struct slice statement)
{
	struct arena arena = { 0 };
	struct lexeme word = { .token = TOKEN_ILLEGAL };
	struct slice body = slice_of(statement.data, 0);
	struct lexer lexer;

	lexer_init(&lexer, statement, &arena);
	while (word.token != TOKEN_BEGIN && word.token != TOKEN_EOF)
		word = next_word(&lexer);
	if (word.token == TOKEN_BEGIN)
		body = trimmed(slice_from(statement, word.end));
	/* END is the last word, or the parser had not taken it. */
	if (body.length >= 3)
		body.length -= 3;
	arena_release(&arena);
	return trimmed(body);
}

void continuous_print_stored(struct buf *out, const struct statement *create)
{
	const struct continuous_stmt *continuous = &create->continuous;

	if (continuous->resample_every_ns || continuous->resample_for_ns) {
		buf_append_text(out, "RESAMPLE");
		print_duration_option(out, "EVERY", continuous->resample_every_ns);
		print_duration_option(out, "FOR", continuous->resample_for_ns);
		buf_append_byte(out, ' ');
	}
	buf_append_slice(out, body_of(create->text));
}

void continuous_print_create(struct buf *out, struct slice name, struct slice database,
			     struct slice text)
{
	struct slice resample, select;

	continuous_split(text, &resample, &select);
	buf_append_text(out, "CREATE CONTINUOUS QUERY ");
	print_ident(out, name);
	buf_append_text(out, " ON ");
	print_ident(out, database);
	buf_append_byte(out, ' ');
	if (resample.length) {
		buf_append_slice(out, resample);
		buf_append_byte(out, ' ');
	}
	buf_append_text(out, "BEGIN ");
	buf_append_slice(out, select);
	buf_append_text(out, " END");
}
