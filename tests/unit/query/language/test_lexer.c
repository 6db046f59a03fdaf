/* Tokens, and where they stand: positions are what InfluxDB 1.6.7's scanner gives. */
#include "query/language/lexer.h"

#include <stdio.h>

#include "engine/base/buf.h"
#include "tests/lib/test.h"

static struct arena arena;

/* `SPELLING(text)@line:column` of each token, blanks left out; positions from 0. */
static const char *tokens_of(struct slice text)
{
	static struct buf out;
	struct lexer lexer;
	struct lexeme lexeme;

	arena_reset(&arena);
	buf_reset(&out);
	lexer_init(&lexer, text, &arena);
	do {
		lexeme = lexer_next(&lexer);
		if (lexeme.token == TOKEN_BLANK)
			continue;
		buf_append_text(&out, out.length ? " " : "");
		buf_append_text(&out, token_spelling(lexeme.token));
		if (lexeme.text.length)
			buf_printf(&out, "(%.*s)", (int)lexeme.text.length, lexeme.text.data);
		buf_printf(&out, "@%u:%u", lexeme.position.line, lexeme.position.column);
	} while (lexeme.token != TOKEN_EOF);
	return buf_text(&out);
}
#define TOKENS(text) tokens_of(SLICE(text))

static struct lexeme first_of(struct slice text, struct lexer *lexer)
{
	lexer_init(lexer, text, &arena);
	return lexer_next(lexer);
}

static struct lexeme regex_of(const char *text, struct lexer *lexer)
{
	lexer_init(lexer, slice_of_text(text), &arena);
	return lexer_next_regex(lexer);
}

TEST(lexer__every_keyword_is_found_in_any_case)
{
	static const enum token keywords[] = {
#define KEYWORD(name, spelling) TOKEN_##name,
#include "query/language/token.def"
		TOKEN_AND,
		TOKEN_OR,
		TOKEN_TRUE,
		TOKEN_FALSE,
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		char word[32] = "";

		for (size_t j = 0; token_spelling(keywords[i])[j]; j++)
			word[j] = (char)(token_spelling(keywords[i])[j] | (j % 2 ? 0x20 : 0));
		CHECK_INT(token_of_word(slice_of_text(word)), keywords[i]);
	}
	CHECK_INT(token_of_word(SLICE("selects")), TOKEN_IDENT);
	CHECK_INT(token_of_word(SLICE("measurementss")), TOKEN_IDENT);
	CHECK_INT(token_of_word(SLICE("subscriptionss")), TOKEN_IDENT);
	CHECK_INT(token_of_word(SLICE("")), TOKEN_IDENT);
}

TEST(lexer__operators_know_how_tight_they_bind)
{
	CHECK_INT(token_precedence(TOKEN_OR), 1);
	CHECK_INT(token_precedence(TOKEN_AND), 2);
	CHECK_INT(token_precedence(TOKEN_NEQ_REGEX), 3);
	CHECK_INT(token_precedence(TOKEN_BITWISE_XOR), 4);
	CHECK_INT(token_precedence(TOKEN_BITWISE_AND), 5);
	CHECK_INT(token_precedence(TOKEN_COMMA), 0);
	CHECK_INT(token_precedence(TOKEN_SELECT), 0);
}

TEST(lexer__signs)
{
	CHECK_STR(TOKENS("+-*/%&|^"), "+@0:0 -@0:1 *@0:2 /@0:3 %@0:4 &@0:5 |@0:6 ^@0:7 EOF@0:8");
	CHECK_STR(TOKENS("= != <> =~ !~ < <= > >="),
		  "=@0:0 !=@0:2 !=@0:5 =~@0:8 !~@0:11 <@0:14 <=@0:16 >@0:19 >=@0:21 EOF@0:23");
	CHECK_STR(TOKENS("(),;:::."), "(@0:0 )@0:1 ,@0:2 ;@0:3 ::@0:4 :@0:6 .@0:7 EOF@0:8");
	CHECK_STR(TOKENS("!#"), "ILLEGAL(!)@0:0 ILLEGAL(#)@0:1 EOF@0:2");
}

TEST(lexer__numbers_and_durations)
{
	CHECK_STR(TOKENS("100"), "(100)@0:0 EOF@0:3");
	CHECK_STR(TOKENS("100 1.5 .5"), "(100)@0:0 NUMBER(1.5)@0:4 NUMBER(.5)@0:8 EOF@0:10");
	CHECK_STR(TOKENS("1. x"), "NUMBER(1)@0:0 IDENT(x)@0:3 EOF@0:5");
	CHECK_STR(TOKENS("5m.x"), "DURATIONVAL(5m)@0:0 .@0:2 IDENT(x)@0:3 EOF@0:5");
	CHECK_STR(TOKENS("1h30m 10\xc2\xb5 1e5"), "DURATIONVAL(1h30m)@0:0 DURATIONVAL(10\xc2\xb5)"
						  "@0:6 DURATIONVAL(1e5)@0:10 EOF@0:13");
	CHECK_STR(TOKENS("1.2.3"), "NUMBER(1.2)@0:0 NUMBER(.3)@0:3 EOF@0:5");
}

TEST(lexer__names)
{
	CHECK_STR(TOKENS("a_1 _b"), "IDENT(a_1)@0:0 IDENT(_b)@0:4 EOF@0:7");
	CHECK_STR(TOKENS("\"a b\""), "IDENT(a b)@0:0 EOF@0:5");
	CHECK_STR(TOKENS("\"select\" select"), "IDENT(select)@0:0 SELECT@0:9 EOF@0:16");
	CHECK_STR(TOKENS("\"q\\\"\\\\\\n\\'\""), "IDENT(q\"\\\n')@0:0 EOF@0:11");
	/* InfluxDB's scanner forgets a word that a quoted name follows. */
	CHECK_STR(TOKENS("foo\"bar\" x"), "IDENT(bar)@0:0 IDENT(x)@0:9 EOF@0:11");
}

TEST(lexer__strings_stand_one_early)
{
	CHECK_STR(TOKENS("x 'ab' y"), "IDENT(x)@0:0 STRING(ab)@0:1 IDENT(y)@0:7 EOF@0:9");
	CHECK_STR(TOKENS("'a"), "BADSTRING(a)@0:0 EOF@0:3");
	CHECK_STR(TOKENS("x 'a\nb"), "IDENT(x)@0:0 BADSTRING(a)@0:1 IDENT(b)@1:0 EOF@1:2");
	CHECK_STR(TOKENS("x 'a\\q'"), "IDENT(x)@0:0 BADESCAPE(\\q)@0:5 BADSTRING@0:5 EOF@0:8");
	CHECK_STR(TOKENS("''"), "STRING@0:0 EOF@0:2");
}

TEST(lexer__places_count_characters_and_lines)
{
	CHECK_STR(TOKENS("'\xc3\xbc\xe2\x82\xac' x"), "STRING(\xc3\xbc\xe2\x82\xac)@0:0 "
						      "IDENT(x)@0:5 EOF@0:7");
	CHECK_STR(TOKENS("a\r\nb\rc\nd"),
		  "IDENT(a)@0:0 IDENT(b)@1:0 IDENT(c)@2:0 IDENT(d)@3:0 EOF@3:2");
	CHECK_STR(TOKENS("'\xff\xfe' x"), "STRING(\xff\xfe)@0:0 IDENT(x)@0:5 EOF@0:7");
	CHECK_STR(TOKENS("\xe2\x82 x"), "ILLEGAL(\xe2)@0:0 ILLEGAL(\x82)@0:1 IDENT(x)@0:3 EOF@0:5");
}

TEST(lexer__a_nul_ends_the_text)
{
	CHECK_STR(TOKENS("a\0b"), "IDENT(a)@0:0 EOF@0:2");
	CHECK_STR(TOKENS(""), "EOF@0:0");
	CHECK_STR(tokens_of((struct slice){ 0 }), "EOF@0:0");
}

TEST(lexer__comments)
{
	CHECK_STR(TOKENS("a--b\nc"), "IDENT(a)@0:0 @0:1 IDENT(c)@1:0 EOF@1:2");
	CHECK_STR(TOKENS("a/*b**/c"), "IDENT(a)@0:0 @0:1 IDENT(c)@0:7 EOF@0:9");
	CHECK_STR(TOKENS("/*/*/x"), "@0:0 IDENT(x)@0:5 EOF@0:7");
	CHECK_STR(TOKENS("a/*b"), "IDENT(a)@0:0 ILLEGAL@0:1 EOF@0:5");
}

TEST(lexer__parameters_keep_their_dollar)
{
	CHECK_STR(TOKENS("$a = $\"b c\""), "($a)@0:0 =@0:3 ($b c)@0:5 EOF@0:11");
	CHECK_STR(TOKENS("$ $select"), "($)@0:0 ($select)@0:2 EOF@0:10");
	CHECK_STR(TOKENS("$\"b"), "BADSTRING($b)@0:0 EOF@0:4");
}

TEST(lexer__regexes)
{
	struct lexer lexer;
	struct lexeme regex = regex_of("/a\\/b\\.c/ x", &lexer);

	CHECK_INT(regex.token, TOKEN_REGEX);
	CHECK_SLICE(regex.text, "a/b\\.c");
	CHECK(!regex.ignore_case);
	CHECK_INT(lexer_peek(&lexer), ' ');
	CHECK_SLICE(regex_of("/\\\\/x/", &lexer).text, "\\/x");
	CHECK_INT(regex_of("/abc", &lexer).token, TOKEN_BAD_REGEX);
	CHECK(lexer.ended_inside);
	CHECK_INT(regex_of("/a\\", &lexer).token, TOKEN_BAD_REGEX);
	CHECK_INT(regex_of("/a\nb/", &lexer).token, TOKEN_BAD_REGEX);
	CHECK(!lexer.ended_inside);
}

TEST(lexer__the_flag_of_a_regex_stands_alone)
{
	struct lexer lexer;

	CHECK(regex_of("/a/i", &lexer).ignore_case);
	CHECK_INT(lexer_peek(&lexer), 0);
	CHECK(regex_of("/a/i)", &lexer).ignore_case);
	CHECK(!regex_of("/a/in", &lexer).ignore_case);
	CHECK_INT(lexer_peek(&lexer), 'i');
	CHECK(!regex_of("/a/ i", &lexer).ignore_case);
	CHECK(!regex_of("/a/I", &lexer).ignore_case);
}

TEST(lexer__knows_that_the_text_ended_inside_something)
{
	static const struct {
		const char *text;
		bool is_inside;
	} rows[] = {
		{ "'abc", true },   { "\"abc", true },	 { "'a\\", true },  { "/* a", true },
		{ "'abc'", false }, { "-- abc", false }, { "'a\n", false }, { "abc", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lexer lexer;

		first_of(slice_of_text(rows[i].text), &lexer);
		CHECK_INT(lexer.ended_inside, rows[i].is_inside);
	}
}

TEST(lexer__offsets_are_bytes)
{
	struct lexer lexer;
	struct lexeme lexeme;

	lexeme = first_of(SLICE("\"\xc3\xbc\" 5m.cpu;"), &lexer);
	CHECK_INT(lexeme.start, 0);
	CHECK_INT(lexeme.end, 4);
	lexer_next(&lexer);
	lexeme = lexer_next(&lexer);
	CHECK_INT(lexeme.start, 5);
	CHECK_INT(lexeme.end, 7);
	CHECK_INT(lexer_offset(&lexer), 7);
	lexer_skip_to(&lexer, 11);
	CHECK_INT(lexer_next(&lexer).token, TOKEN_SEMICOLON);
	CHECK_INT(lexer_next(&lexer).token, TOKEN_EOF);
	CHECK_INT(lexer_next(&lexer).token, TOKEN_EOF);
}

TEST(lexer__without_memory_a_literal_is_illegal)
{
	struct arena small = { .bytes_max = 1 };
	struct lexer lexer;

	lexer_init(&lexer, SLICE("'a\\n'"), &small);
	CHECK_INT(lexer_next(&lexer).token, TOKEN_ILLEGAL);
	CHECK(lexer.no_memory);
	lexer_init(&lexer, SLICE("'a'"), &small);
	CHECK_INT(lexer_next(&lexer).token, TOKEN_STRING);
	arena_release(&small);
	arena_release(&arena);
}
