/* Why: a continuous query is a file and a statement, and both have to say the same. */
#include "query/language/stored.h"

#include "engine/base/arena.h"
#include "engine/base/when.h"
#include "query/language/parser.h"
#include "query/language/print.h"
#include "query/language/source.h"

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

void stored_print(struct buf *out, const struct statement *create)
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

/* --- as InfluxDB shows it --------------------------------------------------------------- */

struct naming {
	struct catalog *catalog;
	const struct object *database;
};

/* A path is named whole; of a name that may be none, only who runs it can tell. */
static void name_path(const struct naming *naming, struct slice *database_name,
		      struct slice *policy_name)
{
	struct object database = *naming->database, policy;

	if (database_name->length &&
	    catalog_find(naming->catalog, OBJECT_ROOT_ID, *database_name, &database) < 0)
		return;
	*database_name = database.name;
	if (policy_name->length == 0 &&
	    catalog_default_policy(naming->catalog, database.id, &policy) >= 0)
		*policy_name = policy.name;
}

static void name_sources(const struct naming *naming, struct select_stmt *select)
{
	for (size_t i = 0; i < select->source_count; i++) {
		struct source *source = &select->sources[i];

		if (source->kind == SOURCE_SUBQUERY)
			name_sources(naming, source->subquery);
		else if (source->kind == SOURCE_MEASUREMENT &&
			 (source->whole_name.length == 0 ||
			  source_is_path(naming->catalog, naming->database->id, source)))
			name_path(naming, &source->database, &source->policy);
	}
}

int stored_print_create(struct buf *out, struct catalog *catalog, const struct object *database,
			const struct object *query)
{
	struct naming naming = { catalog, database };
	struct statement statement = { .kind = STATEMENT_CREATE_CONTINUOUS_QUERY };
	struct continuous_stmt *continuous = &statement.continuous;
	struct arena arena = { 0 };
	struct diag diag = { 0 };
	int err = parse_continuous_text(query->payload, &arena, continuous, &diag);

	if (err >= 0) {
		continuous->name = query->name;
		continuous->database = database->name;
		if (!continuous->select->is_old) {
			struct target *target = continuous->select->target;

			name_sources(&naming, continuous->select);
			if (target->part_count == 0)
				name_path(&naming, &target->database, &target->policy);
		}
		statement_print(out, &statement);
	}
	arena_release(&arena);
	return err;
}
