/*
 * What is in the trees: names and where they point, the forms of 0.8 (texts that
 * InfluxDB 1.6.7 refuses), calendar units, bound parameters.
 */
#include "query/language/parser.h"

#include "query/language/print.h"
#include "tests/lib/test.h"

static struct arena arena;
static struct request request;
static struct diag diag;

static const struct statement *parse(const char *text)
{
	arena_reset(&arena);
	diag = (struct diag){ 0 };
	request = (struct request){ 0 };
	if (parse_request(slice_of_text(text), NULL, &arena, &request, NULL, &diag) < 0)
		return NULL;
	return request.statements;
}

static const struct select_stmt *parse_select(const char *text)
{
	const struct statement *statement = parse(text);

	return statement && statement->kind == STATEMENT_SELECT ? statement->select : NULL;
}

static const char *answer(const char *text)
{
	static struct buf out;

	buf_reset(&out);
	if (!parse(text))
		return diag.text;
	for (size_t i = 0; i < request.count; i++)
		statement_print(&out, &request.statements[i]);
	return buf_text(&out);
}

struct row {
	const char *text, *answer;
};
#define CHECK_ROWS(rows)                                                                           \
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)                                \
	CHECK_STR(answer((rows)[i].text), (rows)[i].answer)

/* --- statements ------------------------------------------------------------ */

TEST(parser__keeps_the_text_of_each_statement)
{
	REQUIRE(parse(" select a from m ; ; show databases -- all\n;drop database \"a;b\" "));
	REQUIRE(request.count == 3);
	CHECK_SLICE(request.statements[0].text, "select a from m");
	CHECK_SLICE(request.statements[1].text, "show databases -- all");
	CHECK_SLICE(request.statements[2].text, "drop database \"a;b\"");
	CHECK_INT(request.statements[1].kind, STATEMENT_SHOW_DATABASES);
	CHECK_INT(request.statements[1].position.column, 20);
}

TEST(parser__says_what_changes_something)
{
	CHECK(!statement_changes(parse("select a from m")));
	CHECK(statement_changes(parse("select a into b from m")));
	CHECK(statement_changes(parse("select a from m into b")));
	CHECK(!statement_changes(parse("explain select a into b from m")));
	CHECK(statement_changes(parse("drop series a")));
	CHECK(!statement_changes(parse("list series")));
}

TEST(parser__policies_know_what_was_given)
{
	const struct statement *statement = parse("create database d with replication 3");

	REQUIRE(statement);
	CHECK_SLICE(statement->policy.database, "d");
	CHECK(statement->policy.is_with && statement->policy.has_replication);
	CHECK(!statement->policy.has_duration && !statement->policy.has_shard_duration);
	CHECK_INT(statement->policy.name.length, 0);
	statement = parse("alter retention policy p on d duration inf");
	REQUIRE(statement);
	CHECK(statement->policy.has_duration);
	CHECK_INT(statement->policy.duration_ns, 0);
}

TEST(parser__raw_and_old_are_told_apart)
{
	CHECK(parse_select("select a, distinct b from m")->is_raw);
	CHECK(!parse_select("select a + (b * mean(c)) from m")->is_raw);
	CHECK(!parse_select("select a from m group by b order by desc limit 1")->is_old);
	CHECK(!parse_select("select a from m limit 1 order by time desc")->is_old);
	CHECK(parse_select("select a from m order desc")->is_old);
	CHECK(parse_select("select a from m as b")->is_old);
	CHECK(parse_select("select a from merge(b)")->is_old);
	CHECK(parse_select("select a from m into b")->is_old);
	CHECK(!parse_select("select a into 5m.b from m")->is_old);
	CHECK(!parse_select("select a from (select b from c order desc)")->is_old);
}

/* --- sources --------------------------------------------------------------- */

static const struct source *source_of(const char *text)
{
	const struct select_stmt *select = parse_select(text);

	return select ? &select->sources[0] : NULL;
}

static void check_source(const char *text, const char *database, const char *policy,
			 const char *name, const char *whole_name)
{
	const struct source *source = source_of(text);

	REQUIRE(source);
	CHECK_SLICE(source->database, database);
	CHECK_SLICE(source->policy, policy);
	CHECK_SLICE(source->name, name);
	CHECK_SLICE(source->whole_name, whole_name);
}

TEST(parser__takes_paths_apart)
{
	check_source("select a from m", "", "", "m", "");
	check_source("select a from p.m", "", "p", "m", "p.m");
	check_source("select a from d.p.m", "d", "p", "m", "d.p.m");
	check_source("select a from d..m", "d", "", "m", "");
	check_source("select a from d..\"m\"", "d", "", "m", "");
	check_source("select a from \"p\".m", "", "p", "m", "");
	check_source("select a from p.\"m\"", "", "p", "m", "");
	check_source("select a from d.p./x/", "d", "p", "", "");
	check_source("select a from p./x/", "", "p", "", "");
	check_source("select a from /x/", "", "", "", "");
	CHECK(source_of("select a from d../x/i")->regex->regex.ignore_case);
}

TEST(parser__dotted_names_keep_themselves_whole)
{
	check_source("select a from 5m.cpu.mean", "", "", "5m.cpu.mean", "5m.cpu.mean");
	check_source("select a from cpu.5m where a = 1", "", "", "cpu.5m", "cpu.5m");
	check_source("select a from stats.select.1", "", "", "stats.select.1", "stats.select.1");
	check_source("select a from a.b.c.d", "", "", "a.b.c.d", "a.b.c.d");
	CHECK_STR(source_of("select a from a.b.c.d")->path_error,
		  "too many segments in \"a\".\"b\".\"c\".d at line 1, char 1");
	CHECK(!source_of("select a from a.b.c")->path_error);
	CHECK_STR(answer("select a from a.b.c.\"d\""),
		  "too many segments in \"a\".\"b\".\"c\".d at line 1, char 1");
	CHECK_STR(answer("select a from 10m"), "found 10m, expected identifier at line 1, char 15");
}

TEST(parser__removal_is_from_all_policies_unless_the_name_is_whole)
{
	const struct statement *statement = parse("delete from a.b");

	REQUIRE(statement);
	CHECK_STR(statement->remove.sources[0].path_error,
		  "retention policy not supported at line 1, char 1");
	CHECK_SLICE(statement->remove.sources[0].whole_name, "a.b");
	CHECK_STR(answer("delete from a.\"b\""),
		  "retention policy not supported at line 1, char 1");
	CHECK_STR(answer("delete from a..b"), "database not supported at line 1, char 1");
	statement = parse("drop series a.b");
	REQUIRE(statement);
	CHECK_SLICE(statement->remove.sources[0].name, "a.b");
	CHECK_STR(answer("drop series a.b"), "DROP SERIES FROM \"a.b\"");
	CHECK_STR(answer("drop series 5m.b"), "DROP SERIES FROM \"5m.b\"");
	CHECK_STR(answer("drop series a b"), "found a, expected FROM, WHERE at line 1, char 13");
}

static const struct row combined[] = {
	{ "select * from merge(a, 5m.b)", "SELECT * FROM merge(a, 5m.b)" },
	{ "select * from MERGE (/x/i)", "SELECT * FROM merge(/x/i)" },
	{ "select * from merge(/a/, b)", "a regex in merge() stands alone" },
	{ "select * from a merge b merge c", "SELECT * FROM a merge b merge c" },
	{ "select * from a merge b join c", "found join, expected ; at line 1, char 25" },
	{ "select * from join(a as x, b as y)", "SELECT * FROM join(a AS x, b AS y)" },
	{ "select x.v from a as x inner join b as y",
	  "SELECT \"x.v\" FROM a AS x inner join b AS y" },
	{ "select * from a inner b", "found b, expected JOIN at line 1, char 23" },
	{ "select * from a as x, b", "SELECT * FROM a AS x, b" },
	{ "select merge from merge, join, \"merge\"", "SELECT merge FROM merge, join, merge" },
	{ "select a from m \"merge\" b", "found merge, expected ; at line 1, char 17" },
	{ "show series from merge(a)", "found (, expected ; at line 1, char 23" },
};

TEST(parser__merge_and_join)
{
	const struct source *source;

	CHECK_ROWS(combined);
	source = source_of("select * from a as x inner join 5m.b as y");
	REQUIRE(source);
	CHECK_INT(source->kind, SOURCE_JOIN);
	CHECK(source->is_infix);
	REQUIRE(source->part_count == 2);
	CHECK_INT(source->alias.length, 0);
	CHECK_SLICE(source->parts[0].alias, "x");
	CHECK_SLICE(source->parts[1].name, "5m.b");
	CHECK_SLICE(source->parts[1].alias, "y");
}

/* --- targets --------------------------------------------------------------- */

static const struct row targets[] = {
	{ "select a into p.b from m", "SELECT a INTO p.b FROM m" },
	{ "select a from m into a.b.c.d.e", "SELECT a FROM m INTO a.b.c.d.e" },
	{ "select a from m into \"select\"", "SELECT a FROM m INTO \"select\"" },
	{ "select a from m into \"p\".b", "SELECT a FROM m INTO \"p\".b" },
	{ "select a from m into \"d\"..b", "SELECT a FROM m INTO \"d\"..b" },
	{ "select a from m into 5m.b backfill(FALSE)",
	  "SELECT a FROM m INTO 5m.b backfill(false)" },
	{ "select a from m into b backfill('2016-01-01')",
	  "SELECT a FROM m INTO b backfill('2016-01-01')" },
	{ "select a from m into b backfill('soon')",
	  "found soon, expected TRUE, FALSE at line 1, char 32" },
	{ "select a into b from m backfill(true)", "SELECT a INTO b FROM m backfill(true)" },
	{ "select a from m backfill(true)", "found backfill, expected ; at line 1, char 17" },
	{ "select a into 5m.cpu from m", "SELECT a INTO \"5m.cpu\" FROM m" },
	{ "select a into 5m from m", "found 5m, expected identifier at line 1, char 15" },
	{ "select a into b from m into c", "found INTO, expected ; at line 1, char 24" },
	{ "select a from m into b into c", "found INTO, expected ; at line 1, char 24" },
	{ "select a from (select b from c into d)", "found INTO, expected ) at line 1, char 32" },
	{ "select a from m into limit", "found LIMIT, expected identifier at line 1, char 22" },
	{ "select a from m into a..b", "SELECT a FROM m INTO \"a\"..b" },
	{ "select a from m into a.[b", "found [, expected identifier at line 1, char 24" },
	{ "select * from e into e.[user].[a b]", "SELECT * FROM e INTO e.[user].[a b]" },
	{ "select * into 5m.:series_name from /x/", "SELECT * INTO 5m.:series_name FROM /x/" },
	{ "create continuous query q on d begin select * from e into e.[user] end",
	  "CREATE CONTINUOUS QUERY q ON d BEGIN SELECT * FROM e INTO e.[user] END" },
	{ "create continuous query q on d begin select * from e end",
	  "found FROM, expected INTO at line 1, char 47" },
	{ "create continuous query q on d begin select * from e where end",
	  "found FROM, expected INTO at line 1, char 47" },
};

TEST(parser__targets)
{
	CHECK_ROWS(targets);
}

TEST(parser__targets_are_made_of_parts)
{
	const struct select_stmt *select =
		parse_select("select * from e into :series_name.5m.[user]x");
	const struct target *target;

	REQUIRE(select);
	target = select->target;
	CHECK(target->is_trailing);
	REQUIRE(target->part_count == 4);
	CHECK_INT(target->parts[0].kind, TARGET_SERIES_NAME);
	CHECK_SLICE(target->parts[1].text, ".5m.");
	CHECK_INT(target->parts[2].kind, TARGET_COLUMN);
	CHECK_SLICE(target->parts[2].text, "user");
	CHECK_SLICE(target->parts[3].text, "x");
	target = parse_select("select * into d..:measurement from e")->target;
	CHECK(target->is_source_name);
	CHECK_SLICE(target->database, "d");
	CHECK_INT(target->policy.length, 0);
	target = parse_select("select * from e into 5m.cpu")->target;
	CHECK_INT(target->part_count, 0);
	CHECK_SLICE(target->name, "5m.cpu");
}

/* --- clauses --------------------------------------------------------------- */

static const struct row clauses[] = {
	{ "select a from m group by b where c = 1", "SELECT a FROM m WHERE c = 1 GROUP BY b" },
	{ "select a from m group by b fill(0) where c = 1",
	  "SELECT a FROM m WHERE c = 1 GROUP BY b fill(0)" },
	{ "select a from m where d = 2 group by b where c = 1",
	  "found WHERE, expected ; at line 1, char 40" },
	{ "select a from m order asc limit 5", "SELECT a FROM m ORDER ASC LIMIT 5" },
	{ "select a from m limit 5 order desc", "SELECT a FROM m ORDER DESC LIMIT 5" },
	{ "select a from m order desc limit 5 order desc",
	  "found ORDER, expected ; at line 1, char 36" },
	{ "select a from m group by field(b)", "SELECT a FROM m GROUP BY field(b)" },
	{ "select a from m where b =~ /x/i and c = 1",
	  "SELECT a FROM m WHERE b =~ /x/i AND c = 1" },
	{ "list series", "LIST SERIES" },
	{ "LIST SERIES /a\\/b/i INCLUDE SPACES", "LIST SERIES /a\\/b/i include spaces" },
	{ "list continuous queries", "LIST CONTINUOUS QUERIES" },
};

TEST(parser__clauses_of_old)
{
	CHECK_ROWS(clauses);
}

static const struct row calendars[] = {
	{ "select a from m group by time(1month)", "SELECT a FROM m GROUP BY time(1month)" },
	{ "select a from m group by time(2Years, 1d)",
	  "SELECT a FROM m GROUP BY time(2Years, 1d)" },
	{ "select a from m group by time(3M), b", "SELECT a FROM m GROUP BY time(3M), b" },
	{ "select a from m where time > now() - 1month + 2years",
	  "SELECT a FROM m WHERE time > now() - 1month + 2years" },
	{ "select a from m group by time(1y + 1d)", "invalid duration" },
	{ "select a from m group by time(1d, 1y)", "invalid duration" },
	{ "select a from m group by b(1y)", "invalid duration" },
	{ "select a from m where time > now() - 1y", "invalid duration" },
	{ "select a from m where time > now() - 1month * 2", "invalid duration" },
	{ "select a from m where time > now() - (1month)", "invalid duration" },
	{ "select a from m where time > now() - -1month", "invalid duration" },
	{ "select a from m where time > 1month", "invalid duration" },
	{ "select a - 1month from m", "invalid duration" },
	{ "select a from m group by time(0month)", "invalid duration" },
	{ "select a from m group by time(9999999999month)", "invalid duration" },
	{ "create retention policy p on d duration 1month replication 1",
	  "invalid duration at line 1, char 41" },
};

TEST(parser__calendar_units_stand_where_they_may)
{
	CHECK_ROWS(calendars);
}

TEST(select_interval__is_that_of_time)
{
	int64_t ns;
	int32_t months;

	CHECK(!select_interval(parse_select("select a from m group by b"), &ns, &months));
	CHECK_INT(ns, 0);
	CHECK(!select_interval(parse_select("select a from m group by b, time(90s)"), &ns,
			       &months));
	CHECK_INT(ns, INT64_C(90000000000));
	CHECK(!select_interval(parse_select("select a from m group by TIME(2y)"), &ns, &months));
	CHECK_INT(ns, 0);
	CHECK_INT(months, 24);
	CHECK_STR(select_interval(parse_select("select a from m group by time()"), &ns, &months),
		  "time dimension expected 1 or 2 arguments");
	CHECK_STR(select_interval(parse_select("select a from m group by time(5)"), &ns, &months),
		  "time dimension must have duration argument");
}

/* --- expressions ----------------------------------------------------------- */

static bool count_nodes(void *arg, struct expr *expr)
{
	++*(size_t *)arg;
	return expr->kind != EXPR_PAREN;
}

TEST(expr__is_walked_and_copied)
{
	const struct select_stmt *select =
		parse_select("select a from m where f(b, /x/) = 1 + (c) and \"Time\" > 5m");
	struct buf before = { 0 }, after = { 0 };
	struct expr *copy;
	size_t count = 0;

	REQUIRE(select);
	expr_walk(select->condition, count_nodes, &count);
	CHECK_INT(count, 11);
	CHECK_INT(select->condition->height, 5);
	copy = expr_copy(&arena, select->condition);
	REQUIRE(copy);
	expr_print(&before, select->condition);
	select->condition->binary.left->binary.left->call.args[0]->varref.name = SLICE("z");
	expr_print(&after, copy);
	CHECK_SLICE(buf_slice(&after), buf_text(&before));
	CHECK(expr_is_time(copy->binary.right->binary.left));
	CHECK_INT(expr_unwrap(copy->binary.left->binary.right->binary.right)->kind, EXPR_VARREF);
	buf_release(&before);
	buf_release(&after);
}

/* --- parameters ------------------------------------------------------------ */

static const char *bound(const char *json, const char *text)
{
	static struct buf out;
	struct params params;

	arena_reset(&arena);
	buf_reset(&out);
	diag = (struct diag){ 0 };
	if (params_parse(slice_of_text(json), &arena, &params, &diag) < 0 ||
	    parse_request(slice_of_text(text), &params, &arena, &request, NULL, &diag) < 0)
		return diag.text;
	statement_print(&out, &request.statements[0]);
	return buf_text(&out);
}

TEST(params__values_become_literals)
{
	CHECK_STR(bound("{\"a\": \"x'\\u00fc\\ud83d\\ude00\\n\"}", "select v from m where h = $a"),
		  "SELECT v FROM m WHERE h = 'x\\'\xc3\xbc\xf0\x9f\x98\x80\\n'");
	CHECK_STR(
		bound("{ \"a\":5, \"b\":-1.5e1, \"c\":true }", "select v + $a, $b from m where $c"),
		"SELECT v + 5, -15.000 FROM m WHERE true");
	CHECK_STR(
		bound("{\"f\":{\"ident\":\"a b\"},\"m\":{\"regex\":\"x/y\"}}", "select $f from $m"),
		"SELECT \"a b\" FROM /x\\/y/");
	CHECK_STR(bound("{\"t\":{\"duration\":\"90s\"},\"u\":{\"duration\":60000000000}}",
			"select a from m group by time($t, $u)"),
		  "SELECT a FROM m GROUP BY time(90s, 1m)");
	CHECK_STR(bound("{\"n\":{\"number\":2},\"i\":{\"int\":3}}", "select a * $n, $i from m"),
		  "SELECT a * 2.000, 3 FROM m");
	CHECK_STR(bound("{\"a\":1,\"a\":2}", "select a + $a from m limit $a"),
		  "SELECT a + 2 FROM m LIMIT 2");
	CHECK_STR(bound("{\"a b\":1}", "select $\"a b\" from m"), "SELECT 1 FROM m");
}

TEST(params__a_wrong_value_fails_where_it_is_used)
{
	static const struct row rows[] = {
		{ "{}", "missing parameter: x" },
		{ "{\"x\":[1,{\"a\":[]}]}",
		  "missing parameter: unable to bind parameter with type []interface {}" },
		{ "{\"x\":null}", "missing parameter: unable to bind parameter with type <nil>" },
		{ "{\"x\":{}}",
		  "missing parameter: bound object parameter value must have exactly one entry" },
		{ "{\"x\":{\"ident\":5}}", "missing parameter: identifier must be a string value" },
		{ "{\"x\":{\"integer\":5.5}}",
		  "missing parameter: integer literal must be an integer value" },
		{ "{\"x\":{\"what\":5}}", "missing parameter: unknown bind object type: what" },
		{ "{\"x\":{\"float\":1e5}}",
		  "missing parameter: strconv.ParseInt: parsing \"1e5\": invalid syntax" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_STR(bound(rows[i].text, "select a + $x from m"), rows[i].answer);
		CHECK_STR(bound(rows[i].text, "select a from m"), "SELECT a FROM m");
	}
	CHECK_STR(bound("{\"x\":-5}", "select a from m limit $x"),
		  "LIMIT must be >= 0 at line 1, char 23");
	CHECK_STR(bound("{\"x\":\"y\"}", "select a from $x"),
		  "found y, expected identifier at line 1, char 15");
}

TEST(params__are_one_json_object)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1",
		"{\"a\":1,}",
		"{a:1}",
		"{\"a\":01}",
		"{\"a\":1.}",
		"{\"a\":tru}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"b}",
		"{\"a\":\"\n\"}",
		"{} x",
		"{\"a\":\"\\u12\"}",
		"{\"a\":[1,]}",
		"{\"a\":{\"b\":1,}}",
		"{\"a\":-}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct params params;

		arena_reset(&arena);
		diag = (struct diag){ 0 };
		CHECK_INT(params_parse(slice_of_text(wrong[i]), &arena, &params, &diag),
			  ERR_INVALID);
		CHECK(strstr(diag.text, "error parsing query parameters: expected "));
	}
	CHECK_STR(bound(" { } ", "select a from m"), "SELECT a FROM m");
	arena_release(&arena);
}
