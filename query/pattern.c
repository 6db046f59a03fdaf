/* Why: the one place that knows PCRE2, and the one that says what of it is ours. */
#include "query/pattern.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000u
#define DEPTH_LIMIT 10000u
#define HEAP_KIB    (16u << 10)

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

/* What follows `(?` or `(*` that RE2 has: flags, groups and their names. */
static bool is_plain_group(struct slice rest)
{
	if (rest.length == 0)
		return true;
	switch (rest.data[0]) {
	case 'P': return rest.length > 1 && rest.data[1] == '<';
	case 'i':
	case 'm':
	case 's':
	case 'U':
	case '-':
	case ':': return true;
	}
	return false;
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
			if (left > 1 && ((p[1] >= '1' && p[1] <= '9') || strchr("gkKGRXZ", p[1])))
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
		if (*p == '(' && left > 1 && p[1] == '?' &&
		    !is_plain_group(slice_from(text, i + 2)))
			return refuse(text, i, left > 2 && p[2] == '<' ? 4 : 3, diag);
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

int pattern_open(struct slice text, bool ignore_case, struct pattern **out, struct diag *diag)
{
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
			   PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0);
	struct pattern *pattern;
	PCRE2_SIZE at;
	int number;

	TRY(check_syntax(text, diag));
	pattern = calloc(1, sizeof(*pattern));
	if (!pattern)
		return ERR_MEMORY;
	pattern->code =
		pcre2_compile((PCRE2_SPTR)text.data, text.length, options, &number, &at, NULL);
	if (!pattern->code) {
		PCRE2_UCHAR words[128] = "";

		pcre2_get_error_message(number, words, sizeof(words));
		free(pattern);
		return diag_set(diag, ERR_INVALID, "error parsing regexp: %s: `%.*s`",
				(char *)words, (int)text.length, text.data);
	}
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
	pcre2_code_free(pattern->code);
	pcre2_match_data_free(pattern->data);
	pcre2_match_context_free(pattern->context);
	free(pattern);
}

int pattern_find(struct pattern *pattern, struct slice subject, bool *found)
{
	int count = pcre2_match(pattern->code, (PCRE2_SPTR)(subject.length ? subject.data : ""),
				subject.length, 0, 0, pattern->data, pattern->context);

	*found = count >= 0;
	return count >= 0 || count == PCRE2_ERROR_NOMATCH ? OK : ERR_LIMIT;
}
