/*
 * Why: what stands behind FROM, where two worlds meet: 1.x paths of up to three
 * segments, and 0.8 names with dots, `merge` and `join`.
 */
#include "query/language/parser_state.h"

/* --- measurements ---------------------------------------------------------- */

/* One 0.8 name: no path, since a segment starts with a digit. */
static void take_dotted(struct parser *p, const struct dotted *dotted, uint32_t start,
			struct source *out)
{
	out->name = parser_take_raw(p, start + (uint32_t)dotted->text.length);
	out->whole_name = out->name;
}

/* [ [ database "." ] policy "." ] ( name | regex ) */
static void take_segments(const struct segments *segments, struct source *out)
{
	const struct slice *items = segments->items;
	size_t qualifier_count = segments->count - (out->regex ? 0 : 1);

	if (!out->regex)
		out->name = items[segments->count - 1];
	if (qualifier_count > 0)
		out->policy = items[qualifier_count - 1];
	if (qualifier_count > 1)
		out->database = items[qualifier_count - 2];
}

static int parse_path(struct parser *p, struct source *out)
{
	struct segments segments;
	const char *complaint;

	TRY(parse_segments(p, &segments));
	complaint = segments_complaint(p, &segments);
	if (complaint) {
		out->path_error = complaint;
		out->name = out->whole_name;
		return out->whole_name.length ? OK : parser_fail(p, "%s", complaint);
	}
	if (segments.count < SEGMENTS_MAX)
		TRY(parse_regex(p, &out->regex));
	if (out->regex)
		out->whole_name = slice_of("", 0);
	take_segments(&segments, out);
	return OK;
}

/* measurement := dotted name | path */
static int parse_measurement(struct parser *p, struct source *out)
{
	struct lexeme first = parser_next(p);
	struct dotted dotted;
	bool is_dotted = dotted_at(p->text, first.start, &dotted);

	parser_unread(p);
	if (is_dotted && dotted.has_digit) {
		take_dotted(p, &dotted, first.start, out);
		return OK;
	}
	if (is_dotted)
		out->whole_name = dotted.text;
	return parse_path(p, out);
}

/* "(" SELECT … ")" */
static int parse_subquery(struct parser *p, struct source *out)
{
	out->kind = SOURCE_SUBQUERY;
	TRY(parser_enter(p));
	TRY(parser_expect(p, TOKEN_LPAREN));
	TRY(parser_expect(p, TOKEN_SELECT));
	TRY(parse_select(p, TARGET_SUBQUERY, &out->subquery));
	p->depth--;
	return parser_expect(p, TOKEN_RPAREN);
}

/* --- merge and join -------------------------------------------------------- */

/* 0.8: [ AS name ] */
static int parse_source_alias(struct parser *p, struct source *out)
{
	if (!parser_accept(p, TOKEN_AS))
		return OK;
	p->select->is_old = true;
	return parse_ident(p, &out->alias);
}

/* Whichever it is, the source so far becomes its first part. */
static int begin_infix(struct parser *p, enum source_kind kind, struct list *parts,
		       struct source *out)
{
	struct source *first = list_add(p, parts, sizeof(*first));

	if (!first)
		return parser_no_memory(p);
	*first = *out;
	*out = (struct source){ .kind = kind, .position = first->position, .is_infix = true };
	p->select->is_old = true;
	return OK;
}

static int parse_single(struct parser *p, enum source_place place, struct source *out);

static int add_part(struct parser *p, enum source_place place, struct list *parts)
{
	struct source *part = list_add(p, parts, sizeof(*part));

	if (!part)
		return parser_no_memory(p);
	TRY(parse_single(p, place, part));
	return parse_source_alias(p, part);
}

/* MERGE | [ INNER ] JOIN, if it comes next */
static int accept_infix(struct parser *p, enum source_kind *kind, bool *is_there)
{
	struct lexeme word = parser_next(p);

	*is_there = true;
	*kind = parser_is_word(&word, "merge") ? SOURCE_MERGE : SOURCE_JOIN;
	if (*kind == SOURCE_MERGE || parser_is_word(&word, "join"))
		return OK;
	if (parser_is_word(&word, "inner")) {
		struct lexeme join = parser_next(p);

		return parser_is_word(&join, "join") ? OK : parser_unexpected(p, &join, "JOIN");
	}
	*is_there = false;
	parser_unread(p);
	return OK;
}

/* { merge source } | { inner join source }; the two are not mixed */
static int parse_infix(struct parser *p, struct source *out)
{
	struct list parts = { 0 };

	for (;;) {
		struct lexeme word = parser_next(p);
		enum source_kind kind;
		bool is_there;

		parser_unread(p);
		TRY(accept_infix(p, &kind, &is_there));
		if (!is_there)
			return OK;
		if (parts.count == 0)
			TRY(begin_infix(p, kind, &parts, out));
		else if (kind != out->kind)
			return parser_unexpected(p, &word, ";");
		TRY(add_part(p, SOURCES_SELECT, &parts));
		out->parts = parts.items;
		out->part_count = parts.count;
	}
}

/* Does a bracket follow? Looked for in the text: tokens are not to be given back twice. */
static bool is_call(const struct parser *p, const struct lexeme *word, const char *name)
{
	uint32_t offset = word->end;

	if (!parser_is_word(word, name))
		return false;
	while (offset < p->text.length && memchr(" \t\r\n", p->text.data[offset], 4))
		offset++;
	return offset < p->text.length && p->text.data[offset] == '(';
}

static bool has_lone_regex(const struct source *source)
{
	for (size_t i = 0; i < source->part_count; i++)
		if (source->parts[i].regex && source->part_count > 1)
			return false;
	return true;
}

/* 0.8: ( merge | join ) "(" ( regex | source { "," source } ) ")" */
static int parse_combined(struct parser *p, enum source_kind kind, struct source *out)
{
	struct list parts = { 0 };

	out->kind = kind;
	p->select->is_old = true;
	parser_next(p);
	TRY(parser_expect(p, TOKEN_LPAREN));
	do
		TRY(add_part(p, SOURCES_SHOW, &parts));
	while (parser_accept(p, TOKEN_COMMA));
	out->parts = parts.items;
	out->part_count = parts.count;
	TRY(parser_expect(p, TOKEN_RPAREN));
	return has_lone_regex(out) ? OK
				   : parser_fail(p, "a regex in %s() stands alone",
						 kind == SOURCE_MERGE ? "merge" : "join");
}

/* --- sources --------------------------------------------------------------- */

/* named := subquery | merge | join | measurement; what comes next is no regex */
static int parse_named(struct parser *p, enum source_place place, struct source *out)
{
	struct lexeme first = parser_next(p);

	parser_unread(p);
	out->position = first.position;
	if (place == SOURCES_SELECT) {
		if (first.token == TOKEN_LPAREN)
			return parse_subquery(p, out);
		if (is_call(p, &first, "merge"))
			return parse_combined(p, SOURCE_MERGE, out);
		if (is_call(p, &first, "join"))
			return parse_combined(p, SOURCE_JOIN, out);
	}
	return parse_measurement(p, out);
}

/* single := regex | named */
static int parse_single(struct parser *p, enum source_place place, struct source *out)
{
	TRY(parse_regex(p, &out->regex));
	if (!out->regex)
		return parse_named(p, place, out);
	out->position = out->regex->position;
	return OK;
}

/* Removal is from all policies of one database. A raw dotted name may still be one name. */
static int check_remove(struct parser *p, struct source *source)
{
	const char *complaint = NULL;

	if (source->database.length)
		complaint = "database not supported at line 1, char 1";
	if (source->policy.length)
		complaint = "retention policy not supported at line 1, char 1";
	if (!complaint || source->path_error)
		return OK;
	source->path_error = complaint;
	return source->whole_name.length ? OK : parser_fail(p, "%s", complaint);
}

/* source := single [ AS name ] infixes; the last two are 0.8's */
int parse_source(struct parser *p, enum source_place place, struct source *out)
{
	TRY(parse_single(p, place, out));
	switch (place) {
	case SOURCES_REMOVE: return check_remove(p, out);
	case SOURCES_SHOW: return OK;
	case SOURCES_SELECT: break;
	}
	TRY(parse_source_alias(p, out));
	return parse_infix(p, out);
}

int parse_sources(struct parser *p, enum source_place place, struct source **out, size_t *count)
{
	struct list list = { 0 };

	do {
		struct source *source = list_add(p, &list, sizeof(*source));

		if (!source)
			return parser_no_memory(p);
		TRY(parse_source(p, place, source));
	} while (parser_accept(p, TOKEN_COMMA));
	*out = list.items;
	*count = list.count;
	return OK;
}
