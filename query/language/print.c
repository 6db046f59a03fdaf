/*
 * Why: stored continuous queries, SHOW QUERIES and error texts show a tree, and
 * InfluxDB's clients know how it spells one. Where its own print would not read
 * back as the same tree (a division by a negated name, a fourth decimal, a name
 * it forgets to quote) ours does.
 */
#include "query/language/print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/when.h"

/* --- names and literals ---------------------------------------------------- */

static bool is_word_byte(char byte)
{
	return byte == '_' || (byte >= '0' && byte <= '9') ||
	       ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static bool is_plain_word(struct slice name)
{
	for (size_t i = 0; i < name.length; i++)
		if (!is_word_byte(name.data[i]))
			return false;
	return name.length && !(name.data[0] >= '0' && name.data[0] <= '9') &&
	       token_of_word(name) == TOKEN_IDENT;
}

static void print_quoted(struct buf *out, char quote, struct slice text)
{
	buf_append_byte(out, quote);
	for (size_t i = 0; i < text.length; i++) {
		char byte = text.data[i];

		if (byte == '\n' || byte == '\\' || byte == quote)
			buf_append_byte(out, '\\');
		buf_append_byte(out, byte == '\n' ? 'n' : byte);
	}
	buf_append_byte(out, quote);
}

void print_ident(struct buf *out, struct slice name)
{
	if (is_plain_word(name))
		buf_append_slice(out, name);
	else
		print_quoted(out, '"', name);
}

/* In single quotes. */
static void print_string(struct buf *out, struct slice text)
{
	print_quoted(out, '\'', text);
}

void print_duration(struct buf *out, int64_t duration_ns)
{
	char text[DURATION_BYTES_MAX];

	buf_append(out, text, duration_print(text, duration_ns));
}

static void print_integer(struct buf *out, int64_t value)
{
	buf_printf(out, "%lld", (long long)value);
}

void print_decimal(struct buf *out, double value, int decimals)
{
	enum { DECIMALS_MAX = 1100, BYTES_MAX = 1500 };
	char text[BYTES_MAX];

	do
		snprintf(text, sizeof(text), "%.*f", decimals, value);
	while (strtod(text, NULL) != value && !isnan(value) && decimals++ < DECIMALS_MAX);
	buf_append_text(out, text);
}

static void print_regex(struct buf *out, const struct expr *expr)
{
	struct slice pattern = expr->regex.pattern;

	buf_append_byte(out, '/');
	for (size_t i = 0; i < pattern.length; i++) {
		if (pattern.data[i] == '/')
			buf_append_byte(out, '\\');
		buf_append_byte(out, pattern.data[i]);
	}
	buf_append_text(out, expr->regex.ignore_case ? "/i" : "/");
}

static void print_time(struct buf *out, int64_t time_ns)
{
	char text[WHEN_BYTES_MAX];

	buf_append_byte(out, '\'');
	buf_append(out, text, when_print(text, time_ns));
	buf_append_byte(out, '\'');
}

/* --- expressions ----------------------------------------------------------- */

static void print_type(struct buf *out, enum data_type type)
{
	if (type == DATA_UNKNOWN)
		return;
	buf_append_text(out, "::");
	buf_append_text(out, data_type_name(type));
}

static void print_list(struct buf *out, const struct expr *expr)
{
	buf_append_byte(out, '(');
	for (size_t i = 0; i < expr->list.count; i++) {
		buf_append_text(out, i ? ", " : "");
		print_ident(out, expr->list.items[i]);
	}
	buf_append_byte(out, ')');
}

static void print_exprs(struct buf *out, struct expr *const *exprs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_append_text(out, i ? ", " : "");
		expr_print(out, exprs[i]);
	}
}

/* The keywords that are functions need no quotes, and FIELD could have none. */
static void print_call(struct buf *out, const struct expr *expr)
{
	if (expr_is_call(expr, "distinct") || expr_is_call(expr, "field"))
		buf_append_slice(out, expr->call.name);
	else
		print_ident(out, expr->call.name);
	buf_append_byte(out, '(');
	print_exprs(out, expr->call.args, expr->call.arg_count);
	buf_append_byte(out, ')');
}

/* `a / -b` is a / (-1 * b) in the tree, and without brackets would be read as (a / -1) * b. */
static bool needs_brackets(enum token op, const struct expr *right)
{
	return right->kind == EXPR_BINARY &&
	       token_precedence(right->binary.op) <= token_precedence(op) &&
	       !(op == TOKEN_MUL && right->binary.op == TOKEN_MUL);
}

static void print_binary(struct buf *out, const struct expr *expr)
{
	bool has_brackets = needs_brackets(expr->binary.op, expr->binary.right);

	expr_print(out, expr->binary.left);
	buf_append_byte(out, ' ');
	buf_append_text(out, token_spelling(expr->binary.op));
	buf_append_text(out, has_brackets ? " (" : " ");
	expr_print(out, expr->binary.right);
	buf_append_text(out, has_brackets ? ")" : "");
}

void expr_print(struct buf *out, const struct expr *expr)
{
	switch (expr->kind) {
	case EXPR_VARREF:
		print_ident(out, expr->varref.name);
		print_type(out, expr->varref.type);
		break;
	case EXPR_INTEGER: print_integer(out, expr->integer); break;
	case EXPR_UNSIGNED: buf_printf(out, "%llu", (unsigned long long)expr->unsigned_); break;
	case EXPR_NUMBER: print_decimal(out, expr->number, 3); break;
	case EXPR_STRING: print_string(out, expr->string); break;
	case EXPR_BOOLEAN: buf_append_text(out, expr->boolean ? "true" : "false"); break;
	case EXPR_DURATION: print_duration(out, expr->duration_ns); break;
	case EXPR_CALENDAR: buf_append_slice(out, expr->calendar.text); break;
	case EXPR_REGEX: print_regex(out, expr); break;
	case EXPR_TIME: print_time(out, expr->time_ns); break;
	case EXPR_WILDCARD:
		buf_append_byte(out, '*');
		print_type(out, expr->wildcard);
		break;
	case EXPR_LIST: print_list(out, expr); break;
	case EXPR_NIL: buf_append_text(out, "nil"); break;
	case EXPR_CALL: print_call(out, expr); break;
	case EXPR_BINARY: print_binary(out, expr); break;
	case EXPR_PAREN:
		buf_append_byte(out, '(');
		expr_print(out, expr->paren);
		buf_append_byte(out, ')');
		break;
	case EXPR_DISTINCT:
		buf_append_text(out, "DISTINCT ");
		print_ident(out, expr->distinct);
		break;
	}
}

/* --- sources and targets --------------------------------------------------- */

static void print_path(struct buf *out, struct slice database, struct slice policy)
{
	if (database.length) {
		print_ident(out, database);
		buf_append_byte(out, '.');
	}
	if (policy.length)
		print_ident(out, policy);
	if (database.length || policy.length)
		buf_append_byte(out, '.');
}

/* word "." word { "." word }: what may stand raw where 0.8 names do */
static bool is_dotted(struct slice name)
{
	bool is_begun = false, has_dot = false;

	for (size_t i = 0; i < name.length; i++) {
		if (name.data[i] != '.' ? !is_word_byte(name.data[i]) : !is_begun)
			return false;
		is_begun = name.data[i] != '.';
		has_dot |= !is_begun;
	}
	return is_begun && has_dot;
}

static void print_measurement(struct buf *out, const struct source *source)
{
	bool is_path = source->database.length || source->policy.length;

	if (source->whole_name.length && !is_path) {
		buf_append_slice(out, source->whole_name);
		return;
	}
	print_path(out, source->database, source->policy);
	if (source->regex)
		expr_print(out, source->regex);
	else
		print_ident(out, source->name);
}

static void print_sources(struct buf *out, const struct source *sources, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_append_text(out, i ? ", " : "");
		source_print(out, &sources[i]);
	}
}

static void print_combined(struct buf *out, const struct source *source)
{
	bool is_merge = source->kind == SOURCE_MERGE;

	if (source->is_infix) {
		for (size_t i = 0; i < source->part_count; i++) {
			if (i)
				buf_append_text(out, is_merge ? " merge " : " inner join ");
			source_print(out, &source->parts[i]);
		}
		return;
	}
	buf_append_text(out, is_merge ? "merge(" : "join(");
	print_sources(out, source->parts, source->part_count);
	buf_append_byte(out, ')');
}

void source_print(struct buf *out, const struct source *source)
{
	switch (source->kind) {
	case SOURCE_MEASUREMENT: print_measurement(out, source); break;
	case SOURCE_SUBQUERY:
		buf_append_byte(out, '(');
		select_print(out, source->subquery);
		buf_append_byte(out, ')');
		break;
	case SOURCE_MERGE:
	case SOURCE_JOIN: print_combined(out, source); break;
	}
	if (source->alias.length) {
		buf_append_text(out, " AS ");
		print_ident(out, source->alias);
	}
}

static void print_target_part(struct buf *out, const struct target_part *part)
{
	switch (part->kind) {
	case TARGET_TEXT: buf_append_slice(out, part->text); break;
	case TARGET_SERIES_NAME: buf_append_text(out, ":series_name"); break;
	case TARGET_COLUMN:
		buf_append_byte(out, '[');
		buf_append_slice(out, part->text);
		buf_append_byte(out, ']');
		break;
	}
}

/* At the end a raw path is one 0.8 name; a quoted first segment keeps it a path. */
static void print_trailing_path(struct buf *out, const struct target *target)
{
	struct slice first = target->database.length ? target->database : target->policy;

	print_quoted(out, '"', first);
	buf_append_byte(out, '.');
	if (target->database.length) {
		if (target->policy.length)
			print_ident(out, target->policy);
		buf_append_byte(out, '.');
	}
}

static void print_target(struct buf *out, const struct target *target)
{
	bool is_path = target->database.length || target->policy.length;

	buf_append_text(out, " INTO ");
	for (size_t i = 0; i < target->part_count; i++)
		print_target_part(out, &target->parts[i]);
	if (target->part_count)
		return;
	if (target->is_trailing && !is_path && is_dotted(target->name)) {
		buf_append_slice(out, target->name);
		return;
	}
	if (target->is_trailing && is_path)
		print_trailing_path(out, target);
	else
		print_path(out, target->database, target->policy);
	if (target->is_source_name)
		buf_append_text(out, ":MEASUREMENT");
	else
		print_ident(out, target->name);
}

/* --- clauses --------------------------------------------------------------- */

static void print_word_integer(struct buf *out, const char *word, int64_t value)
{
	if (value <= 0)
		return;
	buf_append_text(out, word);
	print_integer(out, value);
}

static void print_condition(struct buf *out, const struct expr *condition)
{
	if (!condition)
		return;
	buf_append_text(out, " WHERE ");
	expr_print(out, condition);
}

static void print_dimensions(struct buf *out, struct expr *const *dimensions, size_t count)
{
	if (count == 0)
		return;
	buf_append_text(out, " GROUP BY ");
	print_exprs(out, dimensions, count);
}

static void print_from(struct buf *out, const struct source *sources, size_t count)
{
	if (count == 0)
		return;
	buf_append_text(out, " FROM ");
	print_sources(out, sources, count);
}

static void print_sort(struct buf *out, const struct sort *sort)
{
	if (!sort->is_given)
		return;
	buf_append_text(out, sort->is_bare ? " ORDER " : " ORDER BY ");
	buf_append_text(out, sort->has_name ? "time " : "");
	buf_append_text(out, sort->is_descending ? "DESC" : "ASC");
}

static void print_fill(struct buf *out, const struct select_stmt *select)
{
	switch (select->fill) {
	case FILL_NULL: break;
	case FILL_NONE: buf_append_text(out, " fill(none)"); break;
	case FILL_PREVIOUS: buf_append_text(out, " fill(previous)"); break;
	case FILL_LINEAR: buf_append_text(out, " fill(linear)"); break;
	case FILL_NUMBER:
		buf_append_text(out, " fill(");
		if (select->fill_value->kind == EXPR_NUMBER)
			print_decimal(out, select->fill_value->number, 0);
		else
			expr_print(out, select->fill_value);
		buf_append_byte(out, ')');
		break;
	}
}

static void print_fields(struct buf *out, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_append_text(out, i ? ", " : "");
		expr_print(out, fields[i].expr);
		if (fields[i].alias.length) {
			buf_append_text(out, " AS ");
			print_ident(out, fields[i].alias);
		}
	}
}

static void print_backfill(struct buf *out, const struct select_stmt *select)
{
	if (select->backfill == BACKFILL_UNSAID)
		return;
	buf_append_text(out, " backfill(");
	if (select->backfill == BACKFILL_FROM)
		print_string(out, select->backfill_from);
	else
		buf_append_text(out, select->backfill == BACKFILL_TRUE ? "true" : "false");
	buf_append_byte(out, ')');
}

static void print_select_tail(struct buf *out, const struct select_stmt *select)
{
	print_word_integer(out, " LIMIT ", select->limit);
	print_word_integer(out, " OFFSET ", select->offset);
	print_word_integer(out, " SLIMIT ", select->slimit);
	print_word_integer(out, " SOFFSET ", select->soffset);
	if (select->timezone.length) {
		buf_append_text(out, " TZ(");
		print_string(out, select->timezone);
		buf_append_byte(out, ')');
	}
	if (select->target && select->target->is_trailing)
		print_target(out, select->target);
	print_backfill(out, select);
}

void select_print(struct buf *out, const struct select_stmt *select)
{
	buf_append_text(out, "SELECT ");
	print_fields(out, select->fields, select->field_count);
	if (select->target && !select->target->is_trailing)
		print_target(out, select->target);
	print_from(out, select->sources, select->source_count);
	print_condition(out, select->condition);
	print_dimensions(out, select->dimensions, select->dimension_count);
	print_fill(out, select);
	print_sort(out, &select->sort);
	print_select_tail(out, select);
}

/* --- statements ------------------------------------------------------------ */

static void print_words(struct buf *out, const struct statement *statement)
{
	buf_append_text(out, statement_kinds[statement->kind].words);
}

static void print_word_ident(struct buf *out, const char *word, struct slice name)
{
	if (name.length == 0)
		return;
	buf_append_text(out, word);
	print_ident(out, name);
}

/* EXACT stands in front of the last word, CARDINALITY. */
static void print_show_words(struct buf *out, const struct statement *statement)
{
	const char *words = statement_kinds[statement->kind].words;
	const char *last = strrchr(words, ' ') + 1;

	buf_append(out, words, (size_t)(last - words));
	buf_append_text(out, statement->show.is_exact ? "EXACT " : "");
	buf_append_text(out, last);
}

static void print_show_with(struct buf *out, const struct show_stmt *show)
{
	if (show->measurement) {
		buf_append_text(out, " WITH MEASUREMENT ");
		buf_append_text(out, show->measurement->regex ? "=~ " : "= ");
		source_print(out, show->measurement);
	}
	if (!show->key)
		return;
	buf_append_text(out, " WITH KEY ");
	buf_append_text(out, token_spelling(show->key_op));
	buf_append_byte(out, ' ');
	if (show->key->kind == EXPR_STRING)
		print_ident(out, show->key->string);
	else
		expr_print(out, show->key);
}

static void print_show(struct buf *out, const struct statement *statement)
{
	const struct show_stmt *show = &statement->show;

	print_show_words(out, statement);
	if (show->regex) {
		buf_append_byte(out, ' ');
		expr_print(out, show->regex);
	}
	buf_append_text(out, show->is_include_spaces ? " include spaces" : "");
	print_word_ident(out, " ON ", show->database);
	print_from(out, show->sources, show->source_count);
	print_show_with(out, show);
	print_condition(out, show->condition);
	print_dimensions(out, show->dimensions, show->dimension_count);
	print_sort(out, &show->sort);
	print_word_integer(out, " LIMIT ", show->limit);
	print_word_integer(out, " OFFSET ", show->offset);
	print_word_integer(out, " SLIMIT ", show->slimit);
	print_word_integer(out, " SOFFSET ", show->soffset);
}

static void print_remove(struct buf *out, const struct statement *statement)
{
	print_words(out, statement);
	print_from(out, statement->remove.sources, statement->remove.source_count);
	print_condition(out, statement->remove.condition);
}

static void print_name(struct buf *out, const struct statement *statement)
{
	bool is_module = statement->kind == STATEMENT_SHOW_STATS ||
			 statement->kind == STATEMENT_SHOW_DIAGNOSTICS;

	print_words(out, statement);
	if (is_module && statement->name.name.length == 0)
		return;
	buf_append_text(out, is_module || statement->kind == STATEMENT_SHOW_GRANTS ? " FOR " : " ");
	if (is_module)
		print_string(out, statement->name.name);
	else
		print_ident(out, statement->name.name);
	print_word_ident(out, " ON ", statement->name.database);
}

static void print_number_statement(struct buf *out, const struct statement *statement)
{
	print_words(out, statement);
	buf_printf(out, " %llu", (unsigned long long)statement->number.number);
	print_word_ident(out, " ON ", statement->number.host);
}

/* CREATE DATABASE spells durations as Go does, where the language can read that. */
static void print_policy_duration(struct buf *out, const struct statement *statement, int64_t ns)
{
	char text[DURATION_BYTES_MAX];

	if (statement->kind == STATEMENT_CREATE_DATABASE && ns % NS_PER_SECOND == 0)
		buf_append(out, text, duration_print_go(text, ns));
	else
		print_duration(out, ns);
}

static void print_policy_options(struct buf *out, const struct statement *statement)
{
	const struct policy_stmt *policy = &statement->policy;
	bool is_default_shard =
		statement->kind == STATEMENT_CREATE_POLICY && policy->shard_duration_ns == 0;

	if (policy->has_duration) {
		buf_append_text(out, " DURATION ");
		print_policy_duration(out, statement, policy->duration_ns);
	}
	if (policy->has_replication) {
		buf_append_text(out, " REPLICATION ");
		print_integer(out, policy->replication);
	}
	if (policy->has_shard_duration && !is_default_shard) {
		buf_append_text(out, " SHARD DURATION ");
		print_policy_duration(out, statement, policy->shard_duration_ns);
	}
	buf_append_text(out, policy->is_default ? " DEFAULT" : "");
}

static void print_policy(struct buf *out, const struct statement *statement)
{
	const struct policy_stmt *policy = &statement->policy;

	print_words(out, statement);
	buf_append_byte(out, ' ');
	if (statement->kind == STATEMENT_CREATE_DATABASE) {
		print_ident(out, policy->database);
		buf_append_text(out, policy->is_with ? " WITH" : "");
		print_policy_options(out, statement);
		print_word_ident(out, " NAME ", policy->name);
		return;
	}
	print_ident(out, policy->name);
	buf_append_text(out, " ON ");
	print_ident(out, policy->database);
	print_policy_options(out, statement);
}

static void print_word_duration(struct buf *out, const char *word, int64_t ns)
{
	if (ns <= 0)
		return;
	buf_append_text(out, word);
	print_duration(out, ns);
	buf_append_byte(out, ' ');
}

static void print_continuous(struct buf *out, const struct statement *statement)
{
	const struct continuous_stmt *continuous = &statement->continuous;

	print_words(out, statement);
	buf_append_byte(out, ' ');
	print_ident(out, continuous->name);
	buf_append_text(out, " ON ");
	print_ident(out, continuous->database);
	buf_append_byte(out, ' ');
	if (continuous->resample_every_ns > 0 || continuous->resample_for_ns > 0)
		buf_append_text(out, "RESAMPLE ");
	print_word_duration(out, "EVERY ", continuous->resample_every_ns);
	print_word_duration(out, "FOR ", continuous->resample_for_ns);
	buf_append_text(out, "BEGIN ");
	select_print(out, continuous->select);
	buf_append_text(out, " END");
}

static void print_subscription(struct buf *out, const struct statement *statement)
{
	const struct subscription_stmt *subscription = &statement->subscription;

	print_words(out, statement);
	buf_append_byte(out, ' ');
	print_ident(out, subscription->name);
	buf_append_text(out, " ON ");
	print_ident(out, subscription->database);
	buf_append_byte(out, '.');
	print_ident(out, subscription->policy);
	if (statement->kind != STATEMENT_CREATE_SUBSCRIPTION)
		return;
	buf_append_text(out, " DESTINATIONS ");
	buf_append_text(out, token_spelling(subscription->mode));
	for (size_t i = 0; i < subscription->destination_count; i++) {
		buf_append_text(out, i ? ", " : " ");
		print_string(out, subscription->destinations[i]);
	}
}

/* Passwords are not shown, so this does not read back. */
static void print_user(struct buf *out, const struct statement *statement)
{
	bool is_create = statement->kind == STATEMENT_CREATE_USER;

	print_words(out, statement);
	buf_append_text(out, is_create ? " " : " FOR ");
	print_ident(out, statement->user.name);
	buf_append_text(out, is_create ? " WITH PASSWORD [REDACTED]" : " = [REDACTED]");
	buf_append_text(out, statement->user.is_admin ? " WITH ALL PRIVILEGES" : "");
}

static void print_grant(struct buf *out, const struct statement *statement)
{
	static const char *const privileges[] = {
		[PRIVILEGE_READ] = "READ",
		[PRIVILEGE_WRITE] = "WRITE",
		[PRIVILEGE_ALL] = "ALL PRIVILEGES",
	};
	bool is_grant =
		statement->kind == STATEMENT_GRANT || statement->kind == STATEMENT_GRANT_ADMIN;

	print_words(out, statement);
	buf_append_byte(out, ' ');
	buf_append_text(out, privileges[statement->grant.privilege]);
	print_word_ident(out, " ON ", statement->grant.database);
	buf_append_text(out, is_grant ? " TO " : " FROM ");
	print_ident(out, statement->grant.user);
}

static void print_select(struct buf *out, const struct statement *statement)
{
	select_print(out, statement->select);
}

static void print_explain(struct buf *out, const struct statement *statement)
{
	buf_append_text(out, statement->explain.analyze ? "EXPLAIN ANALYZE " : "EXPLAIN ");
	select_print(out, statement->explain.select);
}

void statement_print(struct buf *out, const struct statement *statement)
{
	static void (*const printers[])(struct buf *, const struct statement *) = {
		[FAMILY_PLAIN] = print_words,
		[FAMILY_SELECT] = print_select,
		[FAMILY_EXPLAIN] = print_explain,
		[FAMILY_SHOW] = print_show,
		[FAMILY_REMOVE] = print_remove,
		[FAMILY_NAME] = print_name,
		[FAMILY_NUMBER] = print_number_statement,
		[FAMILY_POLICY] = print_policy,
		[FAMILY_CONTINUOUS] = print_continuous,
		[FAMILY_SUBSCRIPTION] = print_subscription,
		[FAMILY_USER] = print_user,
		[FAMILY_GRANT] = print_grant,
	};

	printers[statement_kinds[statement->kind].family](out, statement);
}
