/* Why: the one place that knows PCRE2, and the one that says what of it is ours. */
#include "query/base/pattern.h"

#include <stdlib.h>

#include "query/base/words.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000u
#define DEPTH_LIMIT 10000u
#define HEAP_KIB    (16u << 10)

struct pattern {
	struct words *words; /* NULL: it is no list of words */
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

/* How much of what follows `(?` RE2 has: flags, or a group and its name; 0 = all that is needed. */
static size_t foreign_in_group(struct slice rest)
{
	size_t i = 0;

	if (rest.length > 1 && rest.data[0] == 'P')
		return rest.data[1] == '<' ? 0 : 1;
	while (i < rest.length && strchr("imsU-", rest.data[i]))
		i++;
	return i < rest.length && (rest.data[i] == ':' || (i && rest.data[i] == ')')) ? 0 : i + 1;
}

/* Gives the place behind a class that opens at `i`. */
static size_t skip_class(struct slice text, size_t i)
{
	i++;
	if (i < text.length && text.data[i] == '^')
		i++;
	if (i < text.length && text.data[i] == ']')
		i++;
	while (i < text.length && text.data[i] != ']')
		i += text.data[i] == '\\' ? 2 : 1;
	return i + 1;
}

static int refuse(struct slice text, size_t at, size_t length, struct diag *diag)
{
	if (length > text.length - at)
		length = text.length - at;
	return diag_set(diag, ERR_INVALID,
			"error parsing regexp: invalid or unsupported Perl syntax: `%.*s`",
			(int)length, text.data + at);
}

/* RE2's limit of a repetition. */
#define REPEATS_MAX 1000

static size_t parse_count(struct slice text, size_t at, long *count)
{
	for (*count = 0; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++)
		if (*count <= REPEATS_MAX)
			*count = *count * 10 + (text.data[at] - '0');
	return at;
}

/* {n}, {n,} or {n,m}; other braces are text. */
static int check_braces(struct slice text, size_t open, struct diag *diag)
{
	long least, most;
	size_t end = parse_count(text, open + 1, &least), comma = end;

	if (end == open + 1)
		return OK;
	most = least;
	if (end < text.length && text.data[end] == ',') {
		end = parse_count(text, comma + 1, &most);
		if (end == comma + 1)
			most = least;
	}
	if (end == text.length || text.data[end] != '}')
		return OK;
	if (least <= REPEATS_MAX && most <= REPEATS_MAX && least <= most)
		return OK;
	return diag_set(diag, ERR_INVALID, "error parsing regexp: invalid repeat count: `%.*s`",
			(int)(end + 1 - open), text.data + open);
}

/* PCRE2 takes more than RE2; what only it takes is refused here. */
static int check_syntax(struct slice text, struct diag *diag)
{
	size_t i = 0;

	while (i < text.length) {
		const char *p = text.data + i;
		size_t left = text.length - i;

		if (*p == '[') {
			i = skip_class(text, i);
			continue;
		}
		if (*p == '\\') {
			if (left > 1 &&
			    ((p[1] >= '1' && p[1] <= '9') || strchr("ceghHGkKlLNoRuUVXZ", p[1])))
				return diag_set(diag, ERR_INVALID,
						"error parsing regexp: invalid escape "
						"sequence: `\\%c`",
						p[1]);
			i += 2;
			continue;
		}
		if (*p == '(' && left > 1 && p[1] == '*')
			return diag_set(diag, ERR_INVALID,
					"error parsing regexp: missing argument to repetition "
					"operator: `*`");
		if (*p == '(' && left > 1 && p[1] == '?') {
			size_t foreign = foreign_in_group(slice_from(text, i + 2));

			if (foreign)
				return refuse(text, i, foreign + 2, diag);
		}
		if (*p == '{')
			TRY(check_braces(text, i, diag));
		/* possessive: a+ +, never in RE2 */
		if (i > 0 && *p == '+' && strchr("*+?}", p[-1]) && (i < 2 || p[-2] != '\\'))
			return diag_set(diag, ERR_INVALID,
					"error parsing regexp: invalid nested repetition "
					"operator: `%c%c`",
					p[-1], *p);
		i++;
	}
	return OK;
}

/* --- what PCRE2 says, in RE2's words ----------------------------------------------------- */

static struct slice whole(struct slice text, size_t at)
{
	return text;
}
static struct slice nothing(struct slice text, size_t at)
{
	return slice_of(text.data, 0);
}
static struct slice from_bracket(struct slice text, size_t at)
{
	for (size_t i = 0; i < text.length; i++) {
		size_t end;

		if (text.data[i] == '\\') {
			i++;
			continue;
		}
		if (text.data[i] != '[')
			continue;
		end = skip_class(text, i);
		if (end > text.length)
			return slice_from(text, i);
		i = end - 1;
	}
	return text;
}
static struct slice range_at(struct slice text, size_t at)
{
	for (size_t i = at < text.length ? at : text.length - 1; i > 0; i--)
		if (text.data[i] == '-' && i + 1 < text.length)
			return slice_of(text.data + i - 1, 3);
	return text;
}
static struct slice escape_before(struct slice text, size_t at)
{
	at = at > text.length ? text.length : at;
	while (at > 0 && text.data[at - 1] != '\\')
		at--;
	return at > 0 && at < text.length ? slice_of(text.data + at - 1, 2) : text;
}
static struct slice operator_at(struct slice text, size_t at)
{
	return at < text.length ? slice_of(text.data + at, 1) : text;
}
static struct slice operators_at(struct slice text, size_t at)
{
	return slice_of(text.data + at - 1, 2);
}

static bool is_nested(struct slice text, size_t at)
{
	return at > 0 && at < text.length && strchr("*+?}", text.data[at - 1]) &&
	       (at < 2 || text.data[at - 2] != '\\');
}

static const struct complaint {
	int number;
	const char *words;
	struct slice (*place)(struct slice text, size_t at);
} complaints[] = {
	{ PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS, "missing closing )", whole },
	{ PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS, "unexpected )", whole },
	{ PCRE2_ERROR_MISSING_SQUARE_BRACKET, "missing closing ]", from_bracket },
	{ PCRE2_ERROR_CLASS_RANGE_ORDER, "invalid character class range", range_at },
	{ PCRE2_ERROR_QUANTIFIER_INVALID, "missing argument to repetition operator", operator_at },
	{ PCRE2_ERROR_END_BACKSLASH, "trailing backslash at end of expression", nothing },
	{ PCRE2_ERROR_UNKNOWN_ESCAPE, "invalid escape sequence", escape_before },
	{ PCRE2_ERROR_BACKSLASH_C_CALLER_DISABLED, "invalid escape sequence", escape_before },
};

static int complain(struct slice text, int number, size_t at, struct diag *diag)
{
	static const struct complaint nested = { 0, "invalid nested repetition operator",
						 operators_at };
	const struct complaint *complaint = NULL;
	PCRE2_UCHAR words[128] = "";
	struct slice place = text;

	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		if (complaints[i].number == number)
			complaint = &complaints[i];
	if (number == PCRE2_ERROR_QUANTIFIER_INVALID && is_nested(text, at))
		complaint = &nested;
	if (complaint)
		place = complaint->place(text, at);
	else
		pcre2_get_error_message(number, words, sizeof(words));
	return diag_set(diag, ERR_INVALID, "error parsing regexp: %s: `%.*s`",
			complaint ? complaint->words : (char *)words, (int)place.length,
			place.data);
}

static int compile(struct slice text, bool ignore_case, pcre2_code **out, struct diag *diag)
{
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
			   PCRE2_NEVER_BACKSLASH_C | PCRE2_DUPNAMES |
			   (ignore_case ? PCRE2_CASELESS : 0);
	PCRE2_SIZE at;
	int number;

	TRY(check_syntax(text, diag));
	*out = pcre2_compile((PCRE2_SPTR)text.data, text.length, options, &number, &at, NULL);
	return *out ? OK : complain(text, number, at, diag);
}

int pattern_check(struct slice text, struct diag *diag)
{
	struct words *words;
	pcre2_code *code;

	if (words_open(text, &words)) {
		words_close(words);
		return OK;
	}
	TRY(compile(text, false, &code, diag));
	pcre2_code_free(code);
	return OK;
}

int pattern_open(struct slice text, bool ignore_case, struct pattern **out, struct diag *diag)
{
	struct pattern *pattern;
	struct words *words = NULL;
	pcre2_code *code = NULL;

	if (ignore_case || !words_open(text, &words))
		TRY(compile(text, ignore_case, &code, diag));
	pattern = calloc(1, sizeof(*pattern));
	if (pattern && words) {
		pattern->words = words;
		*out = pattern;
		return OK;
	}
	if (!pattern) {
		words_close(words);
		pcre2_code_free(code);
		return ERR_MEMORY;
	}
	pattern->code = code;
	/* Without the compiler it is slower and the same. */
	(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	pattern->data = pcre2_match_data_create(1, NULL);
	pattern->context = pcre2_match_context_create(NULL);
	if (!pattern->data || !pattern->context) {
		pattern_close(pattern);
		return ERR_MEMORY;
	}
	pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
	pcre2_set_depth_limit(pattern->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(pattern->context, HEAP_KIB);
	*out = pattern;
	return OK;
}

void pattern_close(struct pattern *pattern)
{
	if (!pattern)
		return;
	words_close(pattern->words);
	pcre2_code_free(pattern->code);
	pcre2_match_data_free(pattern->data);
	pcre2_match_context_free(pattern->context);
	free(pattern);
}

int pattern_find(struct pattern *pattern, struct slice subject, bool *found)
{
	int count;

	if (pattern->words) {
		*found = words_find(pattern->words, subject);
		return OK;
	}
	count = pcre2_match(pattern->code, (PCRE2_SPTR)(subject.length ? subject.data : ""),
			    subject.length, 0, 0, pattern->data, pattern->context);

	*found = count >= 0;
	return count >= 0 || count == PCRE2_ERROR_NOMATCH ? OK : ERR_LIMIT;
}
