/*
 * Why: one place that knows characters. It reads as InfluxDB's scanner does,
 * through a window of the last three characters, since what error texts say of
 * a place depends on how far that scanner had looked.
 */
#include "query/language/lexer.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define RING	   3
#define MICRO_SIGN 0xb5u

struct token_row {
	const char *spelling;
	int precedence;
};
static const struct token_row tokens[TOKEN_COUNT] = {
#define TOKEN(name, spelling)		     [TOKEN_##name] = { spelling, 0 },
#define OPERATOR(name, spelling, precedence) [TOKEN_##name] = { spelling, precedence },
#define KEYWORD(name, spelling)		     [TOKEN_##name] = { spelling, 0 },
#include "query/language/token.def"
};

/* In the order of token.def, which is the alphabet's. */
static const enum token keywords[] = {
#define KEYWORD(name, spelling) TOKEN_##name,
#include "query/language/token.def"
};
#define KEYWORD_COUNT	  (sizeof(keywords) / sizeof(keywords[0]))
#define KEYWORD_BYTES_MAX 13

const char *token_spelling(enum token token)
{
	return tokens[token].spelling;
}

int token_precedence(enum token token)
{
	return tokens[token].precedence;
}

enum token token_of_word(struct slice word)
{
	static const enum token others[] = { TOKEN_AND, TOKEN_OR, TOKEN_TRUE, TOKEN_FALSE };
	char text[KEYWORD_BYTES_MAX + 1];
	size_t low = 0, high = KEYWORD_COUNT;

	if (word.length < 2 || word.length > KEYWORD_BYTES_MAX)
		return TOKEN_IDENT;
	memcpy(text, word.data, word.length);
	text[word.length] = 0;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcasecmp(text, tokens[keywords[middle]].spelling);

		if (order == 0)
			return keywords[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(text, tokens[others[i]].spelling) == 0)
			return others[i];
	return TOKEN_IDENT;
}

/* --- characters ------------------------------------------------------------ */

static bool is_blank(uint32_t rune)
{
	return rune == ' ' || rune == '\t' || rune == '\n';
}
static bool is_letter(uint32_t rune)
{
	return (rune | 0x20) >= 'a' && (rune | 0x20) <= 'z';
}
static bool is_digit(uint32_t rune)
{
	return rune >= '0' && rune <= '9';
}
static bool is_word(uint32_t rune)
{
	return is_letter(rune) || is_digit(rune) || rune == '_';
}

static bool is_tail(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The character at `p`, whose bytes end before `end`; gives how many it took. */
static size_t decode(const char *p, const char *end, uint32_t *rune)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)*p;
	size_t count = first < 0xc0   ? 1
		       : first < 0xe0 ? 2
		       : first < 0xf0 ? 3
		       : first < 0xf8 ? 4
				      : 1;
	uint32_t value = first & (0x7fu >> count);

	*rune = first < 0x80 ? first : LEXER_RAW_BYTE + first;
	if (first < 0x80 || count == 1 || (size_t)(end - p) < count)
		return 1;
	for (size_t i = 1; i < count; i++) {
		if (!is_tail(p[i]))
			return 1;
		value = value << 6 | ((unsigned char)p[i] & 0x3f);
	}
	if (value < smallest[count] || value >= LEXER_RAW_BYTE ||
	    (value >= 0xd800 && value < 0xe000))
		return 1;
	*rune = value;
	return count;
}

static const struct lexer_char *current(const struct lexer *lexer)
{
	return &lexer->chars[(lexer->index + RING - lexer->unread) % RING];
}

static uint32_t decode_next(struct lexer *lexer)
{
	const char *p = lexer->text.data + lexer->next;
	const char *end = lexer->text.data + lexer->text.length;
	uint32_t rune;

	if (p == end)
		return 0;
	lexer->next += (uint32_t)decode(p, end, &rune);
	if (rune != '\r')
		return rune;
	if (p + 1 < end && p[1] == '\n')
		lexer->next++;
	return '\n';
}

static uint32_t read_char(struct lexer *lexer)
{
	struct lexer_char *slot;

	if (lexer->unread > 0) {
		lexer->unread--;
		return current(lexer)->rune;
	}
	lexer->index = (lexer->index + 1) % RING;
	slot = &lexer->chars[lexer->index];
	slot->position = lexer->position;
	slot->rune = decode_next(lexer);
	slot->end = lexer->next;
	if (slot->rune == '\n') {
		lexer->position.line++;
		lexer->position.column = 0;
	} else if (!lexer->seen_end) {
		lexer->position.column++;
	}
	lexer->seen_end |= slot->rune == 0;
	return slot->rune;
}

static void unread_char(struct lexer *lexer)
{
	lexer->unread++;
}

uint32_t lexer_peek(struct lexer *lexer)
{
	uint32_t rune = read_char(lexer);

	if (rune)
		unread_char(lexer);
	return rune;
}

uint32_t lexer_offset(const struct lexer *lexer)
{
	return current(lexer)->end;
}

void lexer_skip_to(struct lexer *lexer, uint32_t offset)
{
	assert(offset <= lexer->text.length);
	while (lexer_offset(lexer) < offset)
		read_char(lexer);
}

/* The next one if it is `rune`. */
static bool accept_char(struct lexer *lexer, uint32_t rune)
{
	if (read_char(lexer) == rune)
		return true;
	unread_char(lexer);
	return false;
}

void lexer_init(struct lexer *lexer, struct slice text, struct arena *arena)
{
	size_t length = text.length ? strnlen(text.data, text.length) : 0;

	assert(length < UINT32_MAX);
	*lexer =
		(struct lexer){ .text = slice_of(length ? text.data : "", length), .arena = arena };
}

/* --- literals -------------------------------------------------------------- */

static struct slice between(const struct lexer *lexer, uint32_t start, uint32_t end)
{
	return slice_of(lexer->text.data + start, end - start);
}

static char unescaped(char byte)
{
	return byte == 'n' ? '\n' : byte;
}

/* The bytes of a string or, with `is_regex`, of a regex (where only `\/` is an escape). */
static struct slice unescape(struct lexer *lexer, struct slice raw, bool is_regex)
{
	char *out = arena_alloc_raw(lexer->arena, raw.length ? raw.length : 1, 1);
	size_t length = 0;

	if (!out) {
		lexer->no_memory = true;
		return slice_of("", 0);
	}
	for (size_t i = 0; i < raw.length; i++) {
		bool is_escape = raw.data[i] == '\\' && i + 1 < raw.length &&
				 (!is_regex || raw.data[i + 1] == '/');

		if (is_escape)
			i++;
		out[length++] = is_escape && !is_regex ? unescaped(raw.data[i]) : raw.data[i];
	}
	return slice_of(out, length);
}

/* What stands between quotes that are alike; the first one is read next. */
static enum token scan_quoted(struct lexer *lexer, struct slice *text)
{
	uint32_t quote = read_char(lexer), start = lexer_offset(lexer), end, rune;
	enum token token = TOKEN_STRING;
	bool has_escape = false;

	for (;;) {
		end = lexer_offset(lexer);
		rune = read_char(lexer);
		if (rune == quote)
			break;
		if (rune == 0 || rune == '\n') {
			token = TOKEN_BAD_STRING;
			break;
		}
		if (rune != '\\')
			continue;
		has_escape = true;
		rune = read_char(lexer);
		if (rune != 'n' && rune != '\\' && rune != '"' && rune != '\'') {
			token = TOKEN_BAD_ESCAPE;
			break;
		}
	}
	lexer->ended_inside |= token != TOKEN_STRING && rune == 0;
	if (token == TOKEN_BAD_ESCAPE)
		*text = between(lexer, end, lexer_offset(lexer));
	else if (has_escape)
		*text = unescape(lexer, between(lexer, start, end), false);
	else
		*text = between(lexer, start, end);
	return token;
}

/* string := "'" { char } "'"; placed at the character in front of it, as InfluxDB does */
static void scan_string(struct lexer *lexer, struct lexeme *out)
{
	unread_char(lexer);
	out->position = current(lexer)->position;
	out->token = scan_quoted(lexer, &out->text);
	if (out->token == TOKEN_BAD_ESCAPE)
		out->position = current(lexer)->position;
}

/* As InfluxDB: the end of the text, once met, stays read. */
static struct slice scan_bare(struct lexer *lexer)
{
	uint32_t start = lexer_offset(lexer), end, rune;

	do {
		end = lexer_offset(lexer);
		rune = read_char(lexer);
	} while (is_word(rune));
	if (rune)
		unread_char(lexer);
	return between(lexer, start, end);
}

/*
 * ident := word | [word] '"' { char } '"'
 * The word in front of a quoted name is dropped; so it is there.
 */
static void scan_ident(struct lexer *lexer, bool look_up, struct lexeme *out)
{
	uint32_t rune = read_char(lexer);

	out->position = current(lexer)->position;
	out->token = TOKEN_IDENT;
	unread_char(lexer);
	for (;;) {
		rune = read_char(lexer);
		if (rune == '"') {
			struct lexeme quoted = *out;

			scan_string(lexer, &quoted);
			out->text = quoted.text;
			if (quoted.token == TOKEN_STRING)
				return;
			*out = quoted;
			return;
		}
		if (rune == 0)
			break;
		unread_char(lexer);
		if (!is_word(rune))
			break;
		out->text = scan_bare(lexer);
	}
	if (look_up)
		out->token = token_of_word(out->text);
	if (out->token != TOKEN_IDENT)
		out->text = slice_of("", 0);
}

static void skip_digits(struct lexer *lexer)
{
	while (is_digit(read_char(lexer)))
		;
	unread_char(lexer);
}

/* duration := digits letters { letters | digits } */
static bool scan_unit(struct lexer *lexer)
{
	uint32_t rune = read_char(lexer);

	if (is_letter(rune) || rune == MICRO_SIGN) {
		while (is_letter(rune) || is_digit(rune) || rune == MICRO_SIGN)
			rune = read_char(lexer);
		unread_char(lexer);
		return true;
	}
	unread_char(lexer);
	return false;
}

/* number := digits [ "." [digits] ] | "." digits | duration; its first character was read */
static void scan_number(struct lexer *lexer, struct lexeme *out)
{
	uint32_t end;

	out->position = current(lexer)->position;
	out->token = TOKEN_NUMBER;
	unread_char(lexer);
	skip_digits(lexer);
	end = lexer_offset(lexer);
	if (read_char(lexer) == '.') {
		if (is_digit(read_char(lexer))) {
			skip_digits(lexer);
			end = lexer_offset(lexer);
		} else {
			unread_char(lexer);
		}
	} else {
		unread_char(lexer);
		out->token = scan_unit(lexer) ? TOKEN_DURATION_VALUE : TOKEN_INTEGER;
		end = lexer_offset(lexer);
	}
	out->text = between(lexer, out->start, end);
}

static void scan_blank(struct lexer *lexer, struct lexeme *out)
{
	uint32_t end, rune;

	do {
		end = lexer_offset(lexer);
		rune = read_char(lexer);
	} while (is_blank(rune));
	if (rune)
		unread_char(lexer);
	out->token = TOKEN_BLANK;
	out->text = between(lexer, out->start, end);
}

/* $name, $"name": the text keeps its dollar sign */
static void scan_param(struct lexer *lexer, struct lexeme *out)
{
	struct position position = out->position;
	char *text;

	scan_ident(lexer, false, out);
	out->position = position;
	if (out->token == TOKEN_IDENT)
		out->token = TOKEN_BOUND_PARAM;
	text = arena_alloc_raw(lexer->arena, out->text.length + 1, 1);
	if (!text) {
		lexer->no_memory = true;
		return;
	}
	text[0] = '$';
	memcpy(text + 1, out->text.data ? out->text.data : "", out->text.length);
	out->text = slice_of(text, out->text.length + 1);
}

/* --- comments and signs ---------------------------------------------------- */

static enum token scan_line_comment(struct lexer *lexer)
{
	uint32_t rune;

	do
		rune = read_char(lexer);
	while (rune && rune != '\n');
	return TOKEN_COMMENT;
}

static enum token scan_block_comment(struct lexer *lexer)
{
	uint32_t rune = 0, before;

	do {
		before = rune;
		rune = read_char(lexer);
	} while (rune && !(before == '*' && rune == '/'));
	lexer->ended_inside |= rune == 0;
	return rune ? TOKEN_COMMENT : TOKEN_ILLEGAL;
}

/* The sign that begins with `rune`, which was read; TOKEN_ILLEGAL for none. */
static enum token scan_sign(struct lexer *lexer, uint32_t rune)
{
	switch (rune) {
	case 0: return TOKEN_EOF;
	case '+': return TOKEN_ADD;
	case '-': return accept_char(lexer, '-') ? scan_line_comment(lexer) : TOKEN_SUB;
	case '*': return TOKEN_MUL;
	case '/': return accept_char(lexer, '*') ? scan_block_comment(lexer) : TOKEN_DIV;
	case '%': return TOKEN_MOD;
	case '&': return TOKEN_BITWISE_AND;
	case '|': return TOKEN_BITWISE_OR;
	case '^': return TOKEN_BITWISE_XOR;
	case '=': return accept_char(lexer, '~') ? TOKEN_EQ_REGEX : TOKEN_EQ;
	case '!':
		return accept_char(lexer, '=')	 ? TOKEN_NEQ
		       : accept_char(lexer, '~') ? TOKEN_NEQ_REGEX
						 : TOKEN_ILLEGAL;
	case '>': return accept_char(lexer, '=') ? TOKEN_GTE : TOKEN_GT;
	case '<':
		return accept_char(lexer, '=')	 ? TOKEN_LTE
		       : accept_char(lexer, '>') ? TOKEN_NEQ
						 : TOKEN_LT;
	case '(': return TOKEN_LPAREN;
	case ')': return TOKEN_RPAREN;
	case ',': return TOKEN_COMMA;
	case ';': return TOKEN_SEMICOLON;
	case ':': return accept_char(lexer, ':') ? TOKEN_DOUBLE_COLON : TOKEN_COLON;
	case '.': return TOKEN_DOT;
	}
	return TOKEN_ILLEGAL;
}

/* --- the face -------------------------------------------------------------- */

static bool begins_fraction(struct lexer *lexer, uint32_t rune)
{
	bool is_fraction;

	if (rune != '.')
		return false;
	is_fraction = is_digit(read_char(lexer));
	unread_char(lexer);
	return is_fraction;
}

static void scan_by_first(struct lexer *lexer, uint32_t rune, struct lexeme *out)
{
	uint32_t end = lexer_offset(lexer);

	if (is_blank(rune)) {
		scan_blank(lexer, out);
	} else if (is_letter(rune) || rune == '_' || rune == '"') {
		unread_char(lexer);
		scan_ident(lexer, true, out);
	} else if (is_digit(rune) || begins_fraction(lexer, rune)) {
		scan_number(lexer, out);
	} else if (rune == '\'') {
		scan_string(lexer, out);
	} else if (rune == '$') {
		scan_param(lexer, out);
	} else {
		out->token = scan_sign(lexer, rune);
		/* a comment without an end shows the token's name, not its text */
		if (out->token == TOKEN_ILLEGAL && rune != '/')
			out->text = between(lexer, out->start, end);
	}
}

static struct lexeme finish(struct lexer *lexer, struct lexeme *out)
{
	out->end = lexer_offset(lexer);
	if (lexer->no_memory)
		out->token = TOKEN_ILLEGAL;
	return *out;
}

struct lexeme lexer_next(struct lexer *lexer)
{
	struct lexeme out = { .start = lexer_offset(lexer), .text = slice_of("", 0) };
	uint32_t rune = read_char(lexer);

	out.position = current(lexer)->position;
	scan_by_first(lexer, rune, &out);
	return finish(lexer, &out);
}

/* 0.8: an `i` right behind the slash, when no name goes on from it */
static bool accept_flag(struct lexer *lexer)
{
	uint32_t offset = lexer_offset(lexer);
	const char *text = lexer->text.data;

	if (offset >= lexer->text.length || text[offset] != 'i' ||
	    (offset + 1 < lexer->text.length && is_word((unsigned char)text[offset + 1])))
		return false;
	read_char(lexer);
	return true;
}

struct lexeme lexer_next_regex(struct lexer *lexer)
{
	struct lexeme out = { .start = lexer_offset(lexer),
			      .position = current(lexer)->position,
			      .token = TOKEN_REGEX,
			      .text = slice_of("", 0) };
	uint32_t start, end, rune = read_char(lexer);
	bool has_escape = false;

	assert(rune == '/');
	start = lexer_offset(lexer);
	for (;;) {
		end = lexer_offset(lexer);
		rune = read_char(lexer);
		if (rune == '/' || rune == '\n' || rune == 0)
			break;
		if (rune == '\\')
			has_escape |= accept_char(lexer, '/');
	}
	lexer->ended_inside |= rune == 0;
	lexer->ended_in_regex |= rune == 0;
	if (rune != '/') {
		out.token = TOKEN_BAD_REGEX;
		return finish(lexer, &out);
	}
	out.text = between(lexer, start, end);
	if (has_escape)
		out.text = unescape(lexer, out.text, true);
	out.ignore_case = accept_flag(lexer);
	return finish(lexer, &out);
}
