/*
 * Why: the statements that make, change and remove things. Some are parsed only
 * to be refused in InfluxDB's words, so that a wrong one says what is wrong.
 */
#include "query/language/parser_state.h"

#include "engine/base/when.h"

int parse_nothing(struct parser *p, struct statement *out)
{
	return OK;
}

/* --- names ----------------------------------------------------------------- */

int parse_name(struct parser *p, struct statement *out)
{
	return parse_ident(p, &out->name.name);
}

/* ON ident */
static int parse_on(struct parser *p, struct slice *out)
{
	TRY(parser_expect(p, TOKEN_ON));
	return parse_ident(p, out);
}

/* name ON database */
int parse_name_on(struct parser *p, struct statement *out)
{
	TRY(parse_ident(p, &out->name.name));
	return parse_on(p, &out->name.database);
}

int parse_drop_shard(struct parser *p, struct statement *out)
{
	return parse_uint64(p, &out->number.number);
}

/* KILL QUERY number [ ON host ] */
int parse_kill(struct parser *p, struct statement *out)
{
	TRY(parse_uint64(p, &out->number.number));
	return parser_accept(p, TOKEN_ON) ? parse_ident(p, &out->number.host) : OK;
}

/* --- DELETE, DROP SERIES --------------------------------------------------- */

/* [ FROM sources ] [ WHERE expr ], at least one of the two */
int parse_remove(struct parser *p, struct statement *out)
{
	struct remove_stmt *remove = &out->remove;
	struct lexeme first = parser_next(p);

	parser_unread(p);
	if (parser_accept(p, TOKEN_FROM))
		TRY(parse_sources(p, SOURCES_REMOVE, &remove->sources, &remove->source_count));
	TRY(parse_condition(p, &remove->condition));
	if (!remove->condition && remove->source_count == 0)
		return parser_unexpected(p, &first, "FROM, WHERE");
	return OK;
}

static int take_series_name(struct parser *p, const struct lexeme *first,
			    const struct dotted *dotted, struct source *out)
{
	out->position = first->position;
	if (!dotted)
		return parse_ident(p, &out->name);
	out->name = parser_take_raw(p, first->start + (uint32_t)dotted->text.length);
	return OK;
}

/* 0.8: DROP SERIES name, dots and all, and nothing behind it */
int parse_drop_series(struct parser *p, struct statement *out)
{
	struct lexeme first = parser_next(p), next;
	struct dotted dotted;
	bool is_dotted = dotted_at(p->text, first.start, &dotted);
	struct source *source;

	parser_unread(p);
	if (first.token == TOKEN_FROM || first.token == TOKEN_WHERE ||
	    (first.token != TOKEN_IDENT && !is_dotted))
		return parse_remove(p, out);
	source = arena_alloc(p->arena, sizeof(*source));
	if (!source)
		return parser_no_memory(p);
	out->remove = (struct remove_stmt){ .sources = source, .source_count = 1 };
	TRY(take_series_name(p, &first, is_dotted ? &dotted : NULL, source));
	next = parser_next(p);
	parser_unread(p);
	if (next.token != TOKEN_EOF && next.token != TOKEN_SEMICOLON)
		return parser_unexpected(p, &first, "FROM, WHERE");
	return OK;
}

/* --- databases and policies ------------------------------------------------ */

static int parse_policy_duration(struct parser *p, struct policy_stmt *out)
{
	out->has_duration = true;
	return parse_duration(p, &out->duration_ns);
}

static int parse_replication(struct parser *p, struct policy_stmt *out)
{
	out->has_replication = true;
	return parse_int(p, 1, &out->replication);
}

/* DURATION duration, behind SHARD; only CREATE DATABASE takes INF here */
static int parse_shard_duration(struct parser *p, bool has_inf, struct policy_stmt *out)
{
	struct lexeme value;

	out->has_shard_duration = true;
	TRY(parser_expect(p, TOKEN_DURATION));
	value = parser_next(p);
	parser_unread(p);
	if (value.token == TOKEN_INF && !has_inf)
		return parser_fail_at(p, &value, "invalid duration INF for shard duration");
	return parse_duration(p, &out->shard_duration_ns);
}

/* WITH [ DURATION d ] [ REPLICATION n ] [ SHARD DURATION d ] [ NAME policy ] */
static int parse_database_options(struct parser *p, struct policy_stmt *out)
{
	struct lexeme first = parser_next(p);

	if (first.token != TOKEN_DURATION && first.token != TOKEN_NAME &&
	    first.token != TOKEN_REPLICATION && first.token != TOKEN_SHARD)
		return parser_unexpected(p, &first, "DURATION, NAME, REPLICATION, SHARD");
	parser_unread(p);
	out->is_with = true;
	if (parser_accept(p, TOKEN_DURATION))
		TRY(parse_policy_duration(p, out));
	if (parser_accept(p, TOKEN_REPLICATION))
		TRY(parse_replication(p, out));
	if (parser_accept(p, TOKEN_SHARD))
		TRY(parse_shard_duration(p, true, out));
	return parser_accept(p, TOKEN_NAME) ? parse_ident(p, &out->name) : OK;
}

/* CREATE DATABASE name [ options ] */
int parse_create_database(struct parser *p, struct statement *out)
{
	TRY(parse_ident(p, &out->policy.database));
	return parser_accept(p, TOKEN_WITH) ? parse_database_options(p, &out->policy) : OK;
}

/* CREATE RETENTION POLICY name ON database DURATION d REPLICATION n [ SHARD DURATION d ] [ DEFAULT
 * ] */
int parse_create_policy(struct parser *p, struct statement *out)
{
	struct policy_stmt *policy = &out->policy;

	TRY(parse_ident(p, &policy->name));
	TRY(parse_on(p, &policy->database));
	TRY(parser_expect(p, TOKEN_DURATION));
	TRY(parse_policy_duration(p, policy));
	TRY(parser_expect(p, TOKEN_REPLICATION));
	TRY(parse_replication(p, policy));
	if (parser_accept(p, TOKEN_SHARD))
		TRY(parse_shard_duration(p, false, policy));
	policy->is_default = parser_accept(p, TOKEN_DEFAULT);
	return OK;
}

/* One option of ALTER, whose word was taken. */
static int parse_policy_option(struct parser *p, const struct lexeme *word, struct policy_stmt *out)
{
	bool is_there;

	switch (word->token) {
	case TOKEN_DURATION: is_there = out->has_duration; break;
	case TOKEN_REPLICATION: is_there = out->has_replication; break;
	case TOKEN_SHARD: is_there = out->has_shard_duration; break;
	default: is_there = out->is_default; break;
	}
	if (is_there)
		return parser_fail_at(p, word, "found duplicate %s option",
				      token_spelling(word->token));
	switch (word->token) {
	case TOKEN_DURATION: return parse_policy_duration(p, out);
	case TOKEN_REPLICATION: return parse_replication(p, out);
	case TOKEN_SHARD: return parse_shard_duration(p, false, out);
	default: out->is_default = true; return OK;
	}
}

static bool is_policy_option(enum token token)
{
	return token == TOKEN_DURATION || token == TOKEN_REPLICATION || token == TOKEN_SHARD ||
	       token == TOKEN_DEFAULT;
}

/* ALTER RETENTION POLICY ( name | DEFAULT ) ON database option { option } */
int parse_alter_policy(struct parser *p, struct statement *out)
{
	struct lexeme word = parser_next(p);

	if (word.token != TOKEN_IDENT && word.token != TOKEN_DEFAULT)
		return parser_unexpected(p, &word, "identifier");
	out->policy.name = word.token == TOKEN_IDENT ? word.text : SLICE("default");
	TRY(parse_on(p, &out->policy.database));
	word = parser_next(p);
	if (!is_policy_option(word.token))
		return parser_unexpected(p, &word, "DURATION, REPLICATION, SHARD, DEFAULT");
	while (is_policy_option(word.token)) {
		TRY(parse_policy_option(p, &word, &out->policy));
		word = parser_next(p);
	}
	parser_unread(p);
	return OK;
}

/* --- continuous queries ---------------------------------------------------- */

/* RESAMPLE [ EVERY duration ] [ FOR duration ], at least one of the two */
static int parse_resample(struct parser *p, struct continuous_stmt *out)
{
	struct lexeme found;

	if (!parser_accept(p, TOKEN_RESAMPLE))
		return OK;
	if (parser_accept(p, TOKEN_EVERY))
		TRY(parse_duration_value(p, &out->resample_every_ns));
	if (parser_accept(p, TOKEN_FOR))
		TRY(parse_duration_value(p, &out->resample_for_ns));
	if (out->resample_every_ns || out->resample_for_ns)
		return OK;
	found = parser_next(p);
	return parser_unexpected(p, &found, "EVERY, FOR");
}

/*
 * The target may stand at the end as well, so that its absence behind the fields
 * is told only when there is none there either.
 */
static int parse_continuous_select(struct parser *p, struct continuous_stmt *out)
{
	int err = parse_select(p, TARGET_REQUIRED, &out->select);

	if (err == ERR_LIMIT || !out->select || out->select->target || p->from.token != TOKEN_FROM)
		return err;
	if (p->diag)
		*p->diag = (struct diag){ 0 };
	return parser_unexpected(p, &p->from, "INTO");
}

/* The longest a calendar interval can get. */
#define MONTH_NS_MAX (31 * NS_PER_DAY)

static const char *interval_complaint(const struct continuous_stmt *continuous,
				      int64_t *interval_ns)
{
	int32_t months;
	const char *complaint = select_interval(continuous->select, interval_ns, &months);

	if (months)
		*interval_ns =
			months < INT64_MAX / MONTH_NS_MAX ? months * MONTH_NS_MAX : INT64_MAX;
	return complaint;
}

/* Aggregates need GROUP BY time(). */
static int check_interval(struct parser *p, const struct continuous_stmt *out)
{
	int64_t interval_ns;
	const char *complaint = interval_complaint(out, &interval_ns);
	struct lexeme found;

	if (out->select->is_raw || (!complaint && interval_ns != 0))
		return OK;
	/* InfluxDB goes back by two tokens to show where. */
	parser_unread(p);
	parser_unread(p);
	found = parser_next(p);
	if (!complaint)
		return parser_unexpected(p, &found, "GROUP BY time(...)");
	complaint = arena_printf(p->arena, "GROUP BY time(...), %s", complaint);
	return complaint ? parser_unexpected(p, &found, complaint) : parser_no_memory(p);
}

static int check_resample(struct parser *p, const struct continuous_stmt *out)
{
	int64_t interval_ns;
	const char *complaint = interval_complaint(out, &interval_ns);
	char least[DURATION_BYTES_MAX], got[DURATION_BYTES_MAX];
	size_t least_length, got_length;

	if (complaint)
		return parser_fail(p, "%s", complaint);
	if (out->resample_for_ns == 0)
		return OK;
	if (out->resample_every_ns > interval_ns)
		interval_ns = out->resample_every_ns;
	if (interval_ns <= out->resample_for_ns)
		return OK;
	least_length = duration_print(least, interval_ns);
	got_length = duration_print(got, out->resample_for_ns);
	return parser_fail(p,
			   "FOR duration must be >= GROUP BY time duration: must be a minimum of "
			   "%.*s, got %.*s",
			   (int)least_length, least, (int)got_length, got);
}

/* A regex that could match what `:series_name` makes of a match would feed itself. */
static bool feeds_itself(const struct select_stmt *select)
{
	const struct target *target = select->target;
	const struct target_part *parts = target->parts;
	bool has_name = false;

	for (size_t i = 0; i < target->part_count; i++)
		has_name |= parts[i].kind == TARGET_SERIES_NAME;
	for (size_t i = 0; has_name && i < select->source_count; i++) {
		const struct expr *regex = select->sources[i].regex;
		struct slice text = regex ? regex->regex.pattern : SLICE("^");
		bool differs_first =
			text.length && text.data[0] == '^' && parts[0].kind != TARGET_SERIES_NAME;
		bool differs_last = text.length && text.data[text.length - 1] == '$' &&
				    parts[target->part_count - 1].kind != TARGET_SERIES_NAME;

		if (regex && !differs_first && !differs_last)
			return true;
	}
	return false;
}

/* SELECT … INTO …, and what it must and must not be */
static int parse_continuous_body(struct parser *p, struct continuous_stmt *out)
{
	TRY(parser_expect(p, TOKEN_SELECT));
	p->from = (struct lexeme){ .token = TOKEN_ILLEGAL };
	TRY(parse_continuous_select(p, out));
	return check_interval(p, out);
}

static int check_continuous(struct parser *p, const struct continuous_stmt *continuous)
{
	if (feeds_itself(continuous->select))
		return parser_fail(p,
				   "Continuous queries with :series_name interpolation must use a "
				   "regular expression in the from clause that prevents recursion");
	return check_resample(p, continuous);
}

/* CREATE CONTINUOUS QUERY name ON database [ resample ] BEGIN select END */
int parse_continuous(struct parser *p, struct statement *out)
{
	struct continuous_stmt *continuous = &out->continuous;

	TRY(parse_ident(p, &continuous->name));
	TRY(parse_on(p, &continuous->database));
	TRY(parse_resample(p, continuous));
	TRY(parser_expect(p, TOKEN_BEGIN));
	TRY(parse_continuous_body(p, continuous));
	TRY(parser_expect(p, TOKEN_END));
	return check_continuous(p, continuous);
}

/* stored := [ resample ] select [ ";" ] */
int parse_continuous_stored(struct parser *p, struct continuous_stmt *out)
{
	struct lexeme next;

	TRY(parse_resample(p, out));
	TRY(parse_continuous_body(p, out));
	parser_accept(p, TOKEN_SEMICOLON);
	next = parser_next(p);
	if (next.token != TOKEN_EOF)
		return parser_unexpected(p, &next, "EOF");
	return check_continuous(p, out);
}

/* --- subscriptions --------------------------------------------------------- */

/* name ON database "." policy */
int parse_drop_subscription(struct parser *p, struct statement *out)
{
	struct subscription_stmt *subscription = &out->subscription;
	struct lexeme dot;

	TRY(parse_ident(p, &subscription->name));
	TRY(parse_on(p, &subscription->database));
	dot = parser_scan(p);
	if (dot.token != TOKEN_DOT)
		return parser_unexpected(p, &dot, ".");
	return parse_ident(p, &subscription->policy);
}

/* … DESTINATIONS ( ALL | ANY ) string { "," string } */
int parse_create_subscription(struct parser *p, struct statement *out)
{
	struct subscription_stmt *subscription = &out->subscription;
	struct list list = { 0 };
	struct lexeme mode;

	TRY(parse_drop_subscription(p, out));
	TRY(parser_expect(p, TOKEN_DESTINATIONS));
	mode = parser_next(p);
	if (mode.token != TOKEN_ALL && mode.token != TOKEN_ANY)
		return parser_unexpected(p, &mode, "ALL, ANY");
	subscription->mode = mode.token;
	do {
		struct slice *slot = list_add(p, &list, sizeof(*slot));

		if (!slot)
			return parser_no_memory(p);
		TRY(parse_string(p, slot));
	} while (parser_accept(p, TOKEN_COMMA));
	subscription->destinations = list.items;
	subscription->destination_count = list.count;
	return OK;
}

/* --- users ----------------------------------------------------------------- */

/* CREATE USER name WITH PASSWORD string [ WITH ALL PRIVILEGES ] */
int parse_create_user(struct parser *p, struct statement *out)
{
	TRY(parse_ident(p, &out->user.name));
	TRY(parser_expect(p, TOKEN_WITH));
	TRY(parser_expect(p, TOKEN_PASSWORD));
	TRY(parse_string(p, &out->user.password));
	out->user.is_admin = parser_accept(p, TOKEN_WITH);
	if (!out->user.is_admin)
		return OK;
	TRY(parser_expect(p, TOKEN_ALL));
	return parser_expect(p, TOKEN_PRIVILEGES);
}

/* SET PASSWORD FOR name = string */
int parse_set_password(struct parser *p, struct statement *out)
{
	TRY(parse_ident(p, &out->user.name));
	TRY(parser_expect(p, TOKEN_EQ));
	return parse_string(p, &out->user.password);
}

/* READ | WRITE | ALL [ PRIVILEGES ] */
static int parse_privilege(struct parser *p, enum privilege *out)
{
	struct lexeme word = parser_next(p);

	switch (word.token) {
	case TOKEN_READ: *out = PRIVILEGE_READ; return OK;
	case TOKEN_WRITE: *out = PRIVILEGE_WRITE; return OK;
	case TOKEN_ALL:
		*out = PRIVILEGE_ALL;
		(void)parser_accept(p, TOKEN_PRIVILEGES);
		return OK;
	default: return parser_unexpected(p, &word, "READ, WRITE, ALL [PRIVILEGES]");
	}
}

/* privilege ON database preposition user | ALL [ PRIVILEGES ] preposition user */
static int parse_privilege_of(struct parser *p, enum token preposition, enum statement_kind admin,
			      const char *both, struct statement *out)
{
	struct grant_stmt *grant = &out->grant;
	struct lexeme word;

	TRY(parse_privilege(p, &grant->privilege));
	word = parser_next(p);
	if (word.token == TOKEN_ON) {
		TRY(parse_ident(p, &grant->database));
		TRY(parser_expect(p, preposition));
		return parse_ident(p, &grant->user);
	}
	if (grant->privilege != PRIVILEGE_ALL)
		return parser_unexpected(p, &word, "ON");
	if (word.token != preposition)
		return parser_unexpected(p, &word, both);
	out->kind = admin;
	return parse_ident(p, &grant->user);
}

int parse_grant(struct parser *p, struct statement *out)
{
	return parse_privilege_of(p, TOKEN_TO, STATEMENT_GRANT_ADMIN, "ON, TO", out);
}

int parse_revoke(struct parser *p, struct statement *out)
{
	return parse_privilege_of(p, TOKEN_FROM, STATEMENT_REVOKE_ADMIN, "ON, FROM", out);
}
