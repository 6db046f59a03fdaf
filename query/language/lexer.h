/*
 * Query text to tokens.
 *
 * Positions are InfluxDB's, down to its habits: characters (not bytes) from 0,
 * a quoted name or string is placed one character early, and the end of the
 * text lies one further each time somebody looked past it (once at most). Error
 * texts carry them, so they are part of the language.
 */
#ifndef QUERY_LEXER_H
#define QUERY_LEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/slice.h"

enum token {
#define TOKEN(name, spelling)		     TOKEN_##name,
#define OPERATOR(name, spelling, precedence) TOKEN_##name,
#define KEYWORD(name, spelling)		     TOKEN_##name,
#include "query/language/token.def"
	TOKEN_COUNT
};

/* As in token.def: "SELECT", "=~", "" for those that only have a literal. */
const char *token_spelling(enum token token);
/* 1 (OR) to 5 (*), 0 for what is no binary operator. */
int token_precedence(enum token token);
/* The keyword, AND, OR, TRUE or FALSE that this word is in any case; else TOKEN_IDENT. */
enum token token_of_word(struct slice word);

/* From 0; printed with 1 added. */
struct position {
	uint32_t line, column;
};

struct lexeme {
	enum token token;
	struct position position;
	struct slice text; /* the literal: unescaped for strings, names and regexes; may be "" */
	uint32_t start;	   /* byte offset of its first byte */
	uint32_t end;	   /* byte offset behind its last */
	bool ignore_case;  /* TOKEN_REGEX: an `i` stood right behind it */
};

/* One character that was read, and where it stood. */
struct lexer_char {
	uint32_t rune; /* 0 = the end; a byte that is not UTF-8 is LEXER_RAW_BYTE + byte */
	struct position position;
	uint32_t end; /* byte offset behind it */
};
#define LEXER_RAW_BYTE 0x110000u

struct lexer {
	struct slice text; /* borrowed; ends before the first NUL */
	struct arena *arena;
	uint32_t next; /* byte offset of the next character to decode */
	struct position position;
	bool seen_end;
	bool ended_inside; /* the text ended within a string, quoted name, regex or comment */
	bool ended_in_regex;
	bool no_memory; /* the arena's budget is used up: the lexeme is TOKEN_ILLEGAL */
	unsigned index, unread;
	struct lexer_char chars[3]; /* a ring: the last ones read, for reading again */
};

/* Literals that need unescaping are copied into `arena`; all others borrow `text`. */
void lexer_init(struct lexer *lexer, struct slice text, struct arena *arena);
struct lexeme lexer_next(struct lexer *lexer);
/* Where a regex may stand and the next character is `/`: the regex, or BAD_REGEX. */
struct lexeme lexer_next_regex(struct lexer *lexer);
/* The next character without taking it; 0 at the end. */
uint32_t lexer_peek(struct lexer *lexer);
/* Byte offset of that character, and going to a later one (none of them a line end). */
uint32_t lexer_offset(const struct lexer *lexer);
void lexer_skip_to(struct lexer *lexer, uint32_t offset);

#endif
