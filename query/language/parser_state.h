/*
 * What the parser's files share and nobody else sees: the tokens, ways to fail,
 * and one function a clause.
 *
 *	parser.c ─► parser_select.c ⇄ parser_source.c
 *	        │          └─► parser_target.c ─► parser_expr.c ─► parser_literal.c
 *	        └─► parser_show.c, parser_admin.c
 *
 * All of them stand on parser_token.c. A subquery is a SELECT within a source:
 * that is the one circle.
 *
 * Tokens are read and given back as InfluxDB's parser does, through a ring of
 * three, down to what it looks at ahead of the tokens it gave back: which text
 * is refused, and where, depends on that.
 */
#ifndef QUERY_PARSER_STATE_H
#define QUERY_PARSER_STATE_H

#include "query/language/parser.h"

/* Which clause an expression stands in: calendar units are not for all. */
enum clause {
	CLAUSE_OTHER,
	CLAUSE_CONDITION,
	CLAUSE_DIMENSION,
};

/* What may stand for a duration right here. */
enum calendar {
	CALENDAR_NONE,
	CALENDAR_WORDS,	  /* 1month, 2years */
	CALENDAR_LETTERS, /* 1M and 1y as well */
};

#define PARSER_RING 3

struct parser {
	struct lexer lexer;
	struct slice given; /* the text with the blanks around it */
	struct slice text;
	struct arena *arena;
	const struct params *params; /* NULL = none */
	struct diag *diag;
	struct parse_end end;
	unsigned index, unread;
	struct lexeme ring[PARSER_RING];
	unsigned depth; /* of brackets and subqueries */
	enum clause clause;
	enum calendar calendar;	    /* of the next operand only */
	size_t calendar_count;	    /* how many were taken */
	struct select_stmt *select; /* the one being parsed */
	struct lexeme from;	    /* the last one of a SELECT */
};

/* --- tokens (parser_token.c) ----------------------------------------------- */

/* Any token, blanks and comments included. */
struct lexeme parser_scan(struct parser *p);
/* The next one that is neither. */
struct lexeme parser_next(struct parser *p);
/* As a regex; the token that was given back if there is one. */
struct lexeme parser_scan_regex(struct parser *p);
/* Give the last one back. */
void parser_unread(struct parser *p);
/* Take the next token if it is this one. */
bool parser_accept(struct parser *p, enum token token);
int parser_expect(struct parser *p, enum token token);
void parser_skip_blank(struct parser *p);
/* The next token becomes the text from its start up to byte `end`, and is taken. */
struct slice parser_take_raw(struct parser *p, uint32_t end);
/* Is it this word, in any case, without quotes? For words that are not reserved. */
bool parser_is_word(const struct lexeme *lexeme, const char *word);

/* `found X, expected Y at line 1, char 2` */
int parser_unexpected(struct parser *p, const struct lexeme *found, const char *expected);
/* `MESSAGE at line 1, char 2` */
int parser_fail_at(struct parser *p, const struct lexeme *lexeme, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The message alone: where InfluxDB gives no place. */
int parser_fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The arena's budget is used up. */
int parser_no_memory(struct parser *p);
/* One bracket deeper; leave by `p->depth--`. */
int parser_enter(struct parser *p);

/* An array that grows in the arena: what it outgrows stays there until the end. */
struct list {
	void *items;
	size_t count, capacity;
};
/* Room for one more, zeroed; NULL when there is none. Items move: keep no pointer. */
void *list_add(struct parser *p, struct list *list, size_t item_bytes);

/* --- literals (parser_literal.c) ------------------------------------------- */

/* NULL, or InfluxDB's words for what is wrong with it. */
const char *duration_complaint(struct arena *arena, struct slice text, int64_t *ns);
/* The months of a calendar distance; 0 = it is none. */
int32_t calendar_months(struct slice text, enum calendar calendar);
int parse_ident(struct parser *p, struct slice *out);
int parse_string(struct parser *p, struct slice *out);
/* duration | INF, which is 0 */
int parse_duration(struct parser *p, int64_t *ns);
/* Without INF. */
int parse_duration_value(struct parser *p, int64_t *ns);
int parse_int(struct parser *p, int32_t min, int32_t *out);
int parse_uint64(struct parser *p, uint64_t *out);
/* [ token integer ] */
int parse_optional_int(struct parser *p, enum token token, int64_t *out);

struct segments {
	struct slice *items; /* "" for one that was left out */
	size_t count;
};
#define SEGMENTS_MAX 3
/* ident { "." [ ident ] }, as many as there are */
int parse_segments(struct parser *p, struct segments *out);
/* NULL, or what InfluxDB says when there are more than it takes. */
const char *segments_complaint(struct parser *p, const struct segments *segments);
/* Word characters and dots from byte `offset`: two segments or more, nothing behind. */
struct dotted {
	struct slice text;
	bool has_digit; /* a segment starts with one: no 1.x path */
};
bool dotted_at(struct slice text, uint32_t offset, struct dotted *out);

/* --- expressions (parser_expr.c) ------------------------------------------- */

int parse_expr(struct parser *p, struct expr **out);
/* A regex if one comes next, else NULL. */
int parse_regex(struct parser *p, struct expr **out);
/* A regex that has to be there. */
int parse_required_regex(struct parser *p, struct expr **out);
/* [ WHERE expr ] */
int parse_condition(struct parser *p, struct expr **out);
/* [ GROUP BY dimension { "," dimension } ] */
int parse_dimensions(struct parser *p, struct expr ***out, size_t *count);

/* --- sources (parser_source.c) and targets (parser_target.c) --------------- */

enum source_place {
	SOURCES_SELECT, /* subqueries, merge and join, aliases */
	SOURCES_SHOW,
	SOURCES_REMOVE, /* neither database nor policy */
};
int parse_source(struct parser *p, enum source_place place, struct source *out);
int parse_sources(struct parser *p, enum source_place place, struct source **out, size_t *count);

/* [ INTO target ] behind the fields */
int parse_target(struct parser *p, struct target **out);
/* [ INTO target ] [ backfill(bool) ] at the end of a statement */
int parse_trailing_target(struct parser *p, struct select_stmt *select);

/* --- SELECT (parser_select.c) ---------------------------------------------- */

enum target_rule {
	TARGET_REQUIRED, /* within CREATE CONTINUOUS QUERY */
	TARGET_OPTIONAL,
	TARGET_SUBQUERY, /* optional, and not at the end */
};
/* What follows SELECT. */
int parse_select(struct parser *p, enum target_rule rule, struct select_stmt **out);
/* [ ORDER BY … ]; `has_bare` admits 0.8's ORDER DESC */
int parse_sort(struct parser *p, bool has_bare, struct sort *out);

/* --- statements: what follows their words; the kind is set ------------------ */

typedef int parse_statement_rest(struct parser *p, struct statement *out);

/* parser_select.c */
parse_statement_rest parse_select_statement, parse_explain;
/* parser_show.c */
parse_statement_rest parse_show, parse_show_series, parse_show_key_cardinality,
	parse_show_tag_values, parse_show_exact, parse_show_module, parse_list_series;
/* parser_admin.c */
parse_statement_rest parse_nothing, parse_remove, parse_drop_series, parse_name, parse_name_on,
	parse_drop_shard, parse_kill, parse_create_database, parse_create_policy,
	parse_alter_policy, parse_continuous, parse_create_subscription, parse_drop_subscription,
	parse_create_user, parse_set_password, parse_grant, parse_revoke;
int parse_continuous_stored(struct parser *p, struct continuous_stmt *out);

#endif
