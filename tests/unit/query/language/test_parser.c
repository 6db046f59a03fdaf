/*
 * What is refused, and in which words: each row is what InfluxDB 1.6.7 answered
 * (without "error parsing query: "). How trees print: what its own parser prints.
 */
#include "query/language/parser.h"

#include "query/language/print.h"
#include "tests/lib/test.h"

static struct arena arena;
static struct request request;
static struct parse_end end;
static struct diag diag;

static int parse(const char *text)
{
	arena_reset(&arena);
	diag = (struct diag){ 0 };
	return parse_request(slice_of_text(text), NULL, &arena, &request, &end, &diag);
}

/* The message, or the statements as they print. */
static const char *answer(const char *text)
{
	static struct buf out;

	buf_reset(&out);
	if (parse(text) < 0)
		return diag.text;
	for (size_t i = 0; i < request.count; i++) {
		buf_append_text(&out, i ? "; " : "");
		statement_print(&out, &request.statements[i]);
	}
	return buf_text(&out);
}

struct row {
	const char *text, *answer;
};
#define CHECK_ROWS(rows)                                                                           \
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)                                \
	CHECK_STR(answer((rows)[i].text), (rows)[i].answer)

static const struct row refused[] = {
	{ "3", "found 3, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, "
	       "ALTER, SET, KILL at line 1, char 1" },
	{ "ALTER", "found EOF, expected RETENTION at line 1, char 7" },
	{ "ALTER RETENTION POLICY p ON d",
	  "found EOF, expected DURATION, REPLICATION, SHARD, DEFAULT at line 1, char 31" },
	{ "ALTER RETENTION POLICY policy1 ON testdb DURATION 15251w",
	  "overflowed duration 15251w: choose a smaller duration or INF at line 1, char 51" },
	{ "ALTER RETENTION POLICY policy1 ON testdb DURATION INF SHARD DURATION INF",
	  "invalid duration INF for shard duration at line 1, char 70" },
	{ "ALTER RETENTION POLICY policy1 ON testdb REPLICATION 1 REPLICATION 2",
	  "found duplicate REPLICATION option at line 1, char 56" },
	{ "CREATE", "found EOF, expected CONTINUOUS, DATABASE, USER, RETENTION, SUBSCRIPTION at "
		    "line 1, char 8" },
	{ "CREATE CONTINUOUS QUERY cq ON db RESAMPLE FOR 5s BEGIN SELECT mean(value) INTO cpu_mean "
	  "FROM cpu GROUP BY time(10s) END",
	  "FOR duration must be >= GROUP BY time duration: must be a minimum of 10s, got 5s" },
	{ "CREATE CONTINUOUS QUERY q ON d", "found EOF, expected BEGIN at line 1, char 32" },
	{ "CREATE CONTINUOUS QUERY q ON d RESAMPLE",
	  "found EOF, expected EVERY, FOR at line 1, char 41" },
	{ "CREATE CONTINUOUS QUERY q ON d RESAMPLE EVERY 1m FOR 2m BEGIN SELECT mean",
	  "found EOF, expected INTO at line 1, char 75" },
	{ "CREATE CONTINUOUS QUERY q ON d RESAMPLE EVERY 1m FOR 2m BEGIN SELECT mean(a) INTO c "
	  "FROM b",
	  "found b, expected GROUP BY time(...) at line 1, char 90" },
	{ "CREATE CONTINUOUS QUERY q ON d RESAMPLE EVERY 1m FOR 2m BEGIN SELECT mean(a) INTO c "
	  "FROM b GROUP BY time(1m)",
	  "found EOF, expected END at line 1, char 109" },
	{ "CREATE DATABASE d WITH",
	  "found EOF, expected DURATION, NAME, REPLICATION, SHARD at line 1, char 24" },
	{ "CREATE DATABASE d WITH DURATION", "found EOF, expected duration at line 1, char 33" },
	{ "CREATE RETENTION POLICY p ON d", "found EOF, expected DURATION at line 1, char 32" },
	{ "CREATE RETENTION POLICY p ON d DURATION 1h",
	  "found EOF, expected REPLICATION at line 1, char 43" },
	{ "CREATE RETENTION POLICY policy1 ON testdb DURATION 1h REPLICATION 0",
	  "invalid value 0: must be 1 <= n <= 2147483647 at line 1, char 67" },
	{ "CREATE SUBSCRIPTION s ON d.p", "found EOF, expected DESTINATIONS at line 1, char 30" },
	{ "CREATE SUBSCRIPTION s ON d.p DESTINATIONS",
	  "found EOF, expected ALL, ANY at line 1, char 43" },
	{ "CREATE USER u", "found EOF, expected WITH at line 1, char 15" },
	{ "CREATE USER u WITH PASSWORD 'x' WITH", "found EOF, expected ALL at line 1, char 38" },
	{ "CREATE USER u WITH PASSWORD 'x' WITH ALL",
	  "found EOF, expected PRIVILEGES at line 1, char 42" },
	{ "DELETE", "found EOF, expected FROM, WHERE at line 1, char 8" },
	{ "DELETE FROM \"foo\".myseries", "retention policy not supported at line 1, char 1" },
	{ "DELETE FROM foo..myseries", "database not supported at line 1, char 1" },
	{ "DROP", "found EOF, expected CONTINUOUS, DATABASE, MEASUREMENT, RETENTION, SERIES, "
		  "SHARD, SUBSCRIPTION, USER at line 1, char 6" },
	{ "DROP RETENTION", "found EOF, expected POLICY at line 1, char 16" },
	{ "DROP SUBSCRIPTION s ON d", "found EOF, expected . at line 1, char 26" },
	{ "DROP USER", "found EOF, expected identifier at line 1, char 11" },
	{ "EXPLAIN", "found EOF, expected SELECT at line 1, char 9" },
	{ "GRANT", "found EOF, expected READ, WRITE, ALL [PRIVILEGES] at line 1, char 7" },
	{ "GRANT ALL", "found EOF, expected ON, TO at line 1, char 11" },
	{ "GRANT ALL ON testdb", "found EOF, expected TO at line 1, char 21" },
	{ "GRANT READ", "found EOF, expected ON at line 1, char 12" },
	{ "KILL", "found EOF, expected QUERY at line 1, char 6" },
	{ "KILL QUERY", "found EOF, expected integer at line 1, char 12" },
	{ "KILL QUERY 5 ! ON h", "found !, expected ; at line 1, char 14" },
	{ "REVOKE ALL", "found EOF, expected ON, FROM at line 1, char 12" },
	{ "SELECT", "found EOF, expected identifier, string, number, bool at line 1, char 8" },
	{ "SELECT $ FROM m", "empty bound parameter" },
	{ "SELECT $x FROM m", "missing parameter: x" },
	{ "SELECT * FROM m /x/", "found  , expected regex at line 1, char 16" },
	{ "SELECT - -1 FROM m",
	  "found -, expected identifier, number, duration, ( at line 1, char 10" },
	{ "SELECT -9223372036854775809 FROM m", "constant -9223372036854775809 underflows int64" },
	{ "SELECT 5x FROM m", "invalid duration" },
	{ "SELECT 99999999999999999999 FROM m", "unable to parse integer at line 1, char 8" },
	{ "SELECT a FROM m GROUP BY x fill(1,2)",
	  "fill requires an argument, e.g.: 0, null, none, previous, linear" },
	{ "SELECT a FROM m ORDER BY x", "only ORDER BY time supported at this time" },
	{ "SELECT a FROM m WHERE x =~ /", "bad regex:  at line 1, char 27" },
	{ "SELECT a FROM m fill", "fill must be a function call" },
	{ "SELECT a FROM m fill(foo)", "expected number argument in fill()" },
	{ "SELECT a FROM m tz('x')", "unable to find time zone x" },
	{ "SELECT a FROM m tz(x)", "expected string argument in tz()" },
	{ "SELECT a.b.c.d FROM m", "too many segments in \"a\".\"b\".\"c\".d at line 1, char 1" },
	{ "SELECT count(distinct) FROM myseries",
	  "found ), expected (, identifier at line 1, char 22" },
	{ "SELECT field1 FROM myseries GROUP", "found EOF, expected BY at line 1, char 35" },
	{ "SELECT field1 FROM myseries ORDER BY",
	  "found EOF, expected identifier, ASC, DESC at line 1, char 38" },
	{ "SELECT mean", "found EOF, expected FROM at line 1, char 13" },
	{ "SELECT mean(a", "found EOF, expected ) at line 1, char 15" },
	{ "SELECT s =~ /foo/ FROM cpu", "invalid operator =~ in SELECT clause at line 1, char 8; "
					"operator is intended for WHERE clause" },
	{ "SELECT value = 2 FROM cpu", "invalid operator = in SELECT clause at line 1, char 8; "
				       "operator is intended for WHERE clause" },
	{ "SELECT value > 2 FROM cpu", "invalid operator > in SELECT clause at line 1, char 8; "
				       "operator is intended for WHERE clause" },
	{ "SET", "found EOF, expected PASSWORD at line 1, char 5" },
	{ "SET PASSWORD FOR u", "found EOF, expected = at line 1, char 20" },
	{ "SHOW", "found EOF, expected CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, "
		  "MEASUREMENT, MEASUREMENTS, QUERIES, RETENTION, SERIES, SHARD, SHARDS, STATS, "
		  "SUBSCRIPTIONS, TAG, USERS at line 1, char 6" },
	{ "SHOW CONTINUOUS", "found EOF, expected QUERIES at line 1, char 17" },
	{ "SHOW FIELD", "found EOF, expected KEY, KEYS at line 1, char 12" },
	{ "SHOW FIELD KEY", "found EOF, expected EXACT, CARDINALITY at line 1, char 16" },
	{ "SHOW FIELD KEY EXACT", "found EOF, expected CARDINALITY at line 1, char 22" },
	{ "SHOW GRANTS", "found EOF, expected FOR at line 1, char 13" },
	{ "SHOW MEASUREMENTS ON d WITH", "found EOF, expected MEASUREMENT at line 1, char 29" },
	{ "SHOW MEASUREMENTS ON d WITH MEASUREMENT",
	  "found EOF, expected =, =~ at line 1, char 41" },
	{ "SHOW RETENTION", "found EOF, expected POLICIES at line 1, char 16" },
	{ "SHOW SHARD", "found EOF, expected GROUPS at line 1, char 12" },
	{ "SHOW STATS FOR", "found EOF, expected string at line 1, char 16" },
	{ "SHOW TAG", "found EOF, expected KEY, KEYS, VALUES at line 1, char 10" },
	{ "SHOW TAG VALUES ON d FROM m WITH", "found EOF, expected KEY at line 1, char 34" },
	{ "SHOW TAG VALUES ON d FROM m WITH KEY",
	  "found EOF, expected IN, =, =~ at line 1, char 38" },
	{ "SHOW TAG VALUES ON d FROM m WITH KEY IN", "found EOF, expected ( at line 1, char 41" },
};

TEST(parser__refuses_in_the_words_of_influxdb)
{
	CHECK_ROWS(refused);
}

static const struct row odd[] = {
	/* A regex right behind a comma is none there; behind a blank it is. */
	{ "SELECT * FROM m,/x/", "found ,, expected regex at line 1, char 16" },
	{ "SELECT * FROM m, /x/", "SELECT * FROM m, /x/" },
	{ "SELECT a.b.c.d FROM m\n", "too many segments in \"a\".\"b\".\"c\".d at line 1, char 1" },
	{ "SELECT (a = b) + (c > d) FROM m",
	  "invalid operator > in SELECT clause at line 1, char 8; "
	  "operator is intended for WHERE clause" },
	{ "  SELECT a FROM  ", "found EOF, expected identifier at line 1, char 15" },
	{ "SELECT a\nFROM m\nWHERE !",
	  "found !, expected identifier, string, number, bool at line 3, "
	  "char 7" },
	{ "SELECT /* all */ * FROM m",
	  "error parsing regexp: missing argument to repetition operator: "
	  "`*` at line 1, char 7" },
	{ "SELECT 'a\\q' FROM m",
	  "found \\q, expected identifier, string, number, bool at line 1, char 11" },
	{ "SELECT field(a) FROM m",
	  "found FIELD, expected identifier, string, number, bool at line 1, "
	  "char 8" },
	{ "DROP SERIES a WHERE b = 'c'", "found a, expected FROM, WHERE at line 1, char 13" },
	{ "DROP SERIES WHERE.5 = a", "DROP SERIES WHERE 0.500 = a" },
	{ "list foo",
	  "found list, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, "
	  "ALTER, SET, KILL at line 1, char 1" },
	{ "SHOW TAG KEYS ORDER DESC", "found DESC, expected BY at line 1, char 21" },
	{ "KILL QUERY 99999999999999999999",
	  "strconv.ParseUint: parsing \"99999999999999999999\": value "
	  "out of range at line 1, char 12" },
};

TEST(parser__odd_corners)
{
	CHECK_ROWS(odd);
}

static const struct row printed[] = {
	{ "select * from m", "SELECT * FROM m" },
	{ ";; select a from m ;; show databases;", "SELECT a FROM m; SHOW DATABASES" },
	{ "", "" },
	{ " ; ", "" },
	{ "SELECT mean(a) AS \"b c\", d::tag, *::field INTO db.rp.:measurement FROM db..m, "
	  "rp./re\\/x/ "
	  "WHERE t = 'it\\'s' AND time >= now() - 1h30m GROUP BY time(1m, -5s), *, /x/ fill(-1.5) "
	  "ORDER "
	  "BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('Europe/Berlin')",
	  "SELECT mean(a) AS \"b c\", d::tag, *::field INTO db.rp.:MEASUREMENT FROM db..m, "
	  "rp./re\\/x/ "
	  "WHERE t = 'it\\'s' AND time >= now() - 90m GROUP BY time(1m, -5s), *, /x/ fill(-1.5) "
	  "ORDER "
	  "BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('Europe/Berlin')" },
	{ "SELECT a FROM m ORDER BY ASC", "SELECT a FROM m ORDER BY ASC" },
	{ "SELECT a FROM m ORDER BY time", "SELECT a FROM m ORDER BY time ASC" },
	{ "SELECT a FROM m fill(null)", "SELECT a FROM m" },
	{ "SELECT MEAN(distinct a), distinct(b) FROM m",
	  "SELECT mean(DISTINCT a), distinct(b) FROM m" },
	{ "SELECT a FROM (SELECT b AS a FROM c WHERE d < 5)",
	  "SELECT a FROM (SELECT b AS a FROM c WHERE d < 5)" },
	{ "SELECT a + b * c | d & e ^ (f - g) % 2 FROM m",
	  "SELECT a + b * c | d & e ^ (f - g) % 2 FROM m" },
	{ "SELECT -a, +b, -(c), -1.5, +2, -5m FROM m",
	  "SELECT -1 * a, 1 * b, -1 * (c), -1.500, 2, -5m FROM m" },
	{ "SELECT -9223372036854775808, 18446744073709551615 FROM m",
	  "SELECT -9223372036854775808, 18446744073709551615 FROM m" },
	{ "SELECT a FROM m WHERE b <> 1 OR c !~ /x/ AND true = \"f\"",
	  "SELECT a FROM m WHERE b != 1 OR c !~ /x/ AND true = f" },
	{ "SELECT \"select\", \"a.b\", a.b.c, \"q\\\"\" FROM \"\"",
	  "SELECT \"select\", \"a.b\", \"a.b.c\", \"q\\\"\" FROM \"\"" },
	{ "SELECT a FROM m LIMIT 99999999999999999999",
	  "SELECT a FROM m LIMIT 9223372036854775807" },
	{ "explain analyze select a from m", "EXPLAIN ANALYZE SELECT a FROM m" },
	{ "delete from m where time < 5", "DELETE FROM m WHERE time < 5" },
	{ "drop series from m, /n/ where a = 'b'", "DROP SERIES FROM m, /n/ WHERE a = 'b'" },
	{ "create database \"a b\" with duration 7d replication 1 shard duration 1h name x",
	  "CREATE DATABASE \"a b\" WITH DURATION 168h0m0s REPLICATION 1 SHARD DURATION 1h0m0s NAME "
	  "x" },
	{ "create retention policy p on d duration inf replication 2 shard duration 1w default",
	  "CREATE RETENTION POLICY p ON d DURATION 0s REPLICATION 2 SHARD DURATION 1w DEFAULT" },
	{ "alter retention policy default on d default shard duration 2h duration 3d",
	  "ALTER RETENTION POLICY \"default\" ON d DURATION 3d SHARD DURATION 2h DEFAULT" },
	{ "create continuous query q on d resample every 10s for 1h begin select mean(a) into b "
	  "from c "
	  "group by time(1m) end",
	  "CREATE CONTINUOUS QUERY q ON d RESAMPLE EVERY 10s FOR 1h BEGIN SELECT mean(a) INTO b "
	  "FROM c "
	  "GROUP BY time(1m) END" },
	{ "create subscription s on d.p destinations any 'a', 'b'",
	  "CREATE SUBSCRIPTION s ON d.p DESTINATIONS ANY 'a', 'b'" },
	{ "drop subscription s on d.p", "DROP SUBSCRIPTION s ON d.p" },
	{ "create user u with password 'x' with all privileges",
	  "CREATE USER u WITH PASSWORD [REDACTED] WITH ALL PRIVILEGES" },
	{ "set password for u = 'x'", "SET PASSWORD FOR u = [REDACTED]" },
	{ "grant read on d to u; grant all to u",
	  "GRANT READ ON d TO u; GRANT ALL PRIVILEGES TO u" },
	{ "revoke all on d from u; revoke all privileges from u",
	  "REVOKE ALL PRIVILEGES ON d FROM u; REVOKE ALL PRIVILEGES FROM u" },
	{ "kill query 5 on \"h:1\"", "KILL QUERY 5 ON \"h:1\"" },
	{ "show series exact cardinality on d from m",
	  "SHOW SERIES EXACT CARDINALITY ON d FROM m" },
	{ "show series exact on d", "SHOW SERIES ON d" },
	{ "show tag values from m with key in (a, \"b c\") where d = 'e' limit 1",
	  "SHOW TAG VALUES FROM m WITH KEY IN (a, \"b c\") WHERE d = 'e' LIMIT 1" },
	{ "show tag values exact cardinality with key !~ /x/ group by y",
	  "SHOW TAG VALUES EXACT CARDINALITY WITH KEY !~ /x/ GROUP BY y" },
	{ "show measurements on \"d d\" with measurement =~ /x/",
	  "SHOW MEASUREMENTS ON \"d d\" WITH MEASUREMENT =~ /x/" },
	{ "show stats for 'x'; show diagnostics; show grants for u",
	  "SHOW STATS FOR 'x'; SHOW DIAGNOSTICS; SHOW GRANTS FOR u" },
	{ "show shards; show shard groups; show queries; show subscriptions; show users",
	  "SHOW SHARDS; SHOW SHARD GROUPS; SHOW QUERIES; SHOW SUBSCRIPTIONS; SHOW USERS" },
};

TEST(parser__prints_as_influxdb_does)
{
	CHECK_ROWS(printed);
}

/* Where InfluxDB's print would be read as something else. */
static const struct row faithful[] = {
	{ "SELECT a / -b, a * -b, a - -b, a & -b FROM m",
	  "SELECT a / (-1 * b), a * -1 * b, a - -1 * b, a & (-1 * b) FROM m" },
	{ "SELECT 1.23456789, 0.0000001 FROM m", "SELECT 1.23456789, 0.0000001 FROM m" },
	{ "SELECT distinct \"a b\" FROM m", "SELECT DISTINCT \"a b\" FROM m" },
	{ "SELECT \"a b\"(c) FROM m", "SELECT \"a b\"(c) FROM m" },
	{ "SELECT a FROM m GROUP BY b fill(0.00000001)",
	  "SELECT a FROM m GROUP BY b fill(0.00000001)" },
};

TEST(parser__prints_what_reads_back)
{
	CHECK_ROWS(faithful);
}

static void check_reads_back(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(rows[i].answer, "REDACTED"))
			continue;
		CHECK_STR(answer(rows[i].answer), rows[i].answer);
	}
}

TEST(parser__reads_its_own_print)
{
	check_reads_back(printed, sizeof(printed) / sizeof(printed[0]));
	check_reads_back(faithful, sizeof(faithful) / sizeof(faithful[0]));
}

/* --- how a text ends ------------------------------------------------------- */

TEST(parser__knows_what_more_text_could_make_whole)
{
	static const struct {
		const char *text;
		bool is_inside, is_end;
	} rows[] = {
		{ "select a from m", false, false },
		{ "select a from", false, true },
		{ "select a from m where b = ", false, true },
		{ "select mean(a", false, true },
		{ "select a from m where b =~ /x", true, false },
		{ "select a from m where b =~ ", false, true },
		{ "select a from m where b = 'x", true, false },
		{ "select a from \"x", true, false },
		{ "select a from m where b = 1 /* x", true, false },
		{ "select a from m tz('Europe", true, false },
		{ "select a fro m", false, false },
		{ "select a from m limit x", false, false },
		{ "list", false, true },
		{ "list series include", false, true },
		{ "select a from merge(b", false, true },
		{ "select 'a\\q", false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(rows[i].text);
		if (!CHECK(end.is_inside == rows[i].is_inside && end.is_end == rows[i].is_end))
			CHECK_STR(rows[i].text, "this one");
	}
}

TEST(parser__tells_the_place_in_bytes)
{
	parse("\n select a\nfrom \"\xc3\xbc\" x");
	CHECK_STR(diag.text, "found x, expected ; at line 2, char 10");
	CHECK_INT(diag.line, 3);
	CHECK_INT(diag.column, 11);
	parse("select a from m fill");
	CHECK_INT(diag.line, 0);
}

/* --- bounds ---------------------------------------------------------------- */

static const char *repeated(const char *before, const char *unit, size_t count, const char *behind)
{
	static struct buf text;

	buf_reset(&text);
	buf_append_text(&text, before);
	for (size_t i = 0; i < count; i++)
		buf_append_text(&text, unit);
	buf_append_text(&text, behind);
	return buf_text(&text);
}

TEST(parser__brackets_are_bounded)
{
	CHECK_INT(parse(repeated("select ", "(", 101, "")), ERR_LIMIT);
	CHECK_STR(diag.text, "more than 100 brackets within brackets");
	CHECK_INT(parse(repeated("select ", "f(", 1000, "")), ERR_LIMIT);
	CHECK_INT(parse(repeated("select a from ", "(select a from ", 1000, "")), ERR_LIMIT);
	CHECK_INT(parse(repeated("select ", "(", 100, "")), ERR_INVALID);
	CHECK_INT(parse(repeated("select a from m where (a)", " or ((b))", 1000, "")), OK);
}

/* What is deep ends at the bound, what is long is read to its end: neither takes long. */
TEST(parser__deep_and_long_texts_end)
{
	static const struct {
		const char *before, *unit, *behind;
		size_t count;
		int err;
	} rows[] = {
		{ "select ", "(", "", 10000, ERR_LIMIT },
		{ "select a from m where ", "(", "", 10000, ERR_LIMIT },
		{ "select ", "abs(", "", 10000, ERR_LIMIT },
		{ "select a from ", "(select a from ", "", 10000, ERR_LIMIT },
		{ "select ", "-", "a from m", 10000, ERR_INVALID },
		{ "select a", " + a", " from m", 100000, ERR_LIMIT },
		{ "select a", ", a", " from m", 100000, OK },
		{ "select a", ", max(a, 1)", " from m", 100000, OK },
		{ "select a from m", ", m", "", 100000, OK },
		{ "select max(a) from m group by h", ", h", "", 100000, OK },
		{ "select a from m where b = 1", " or b = 1", "", 100000, ERR_LIMIT },
		{ "show tag values with key in (h", ", h", ")", 100000, OK },
		{ "select a from m", ";select a from m", "", 100000, OK },
		{ "select a from m where s = '", "x", "'", 1000000, OK },
		{ "select a from m where s =~ /", "(x*)*", "/", 100000, ERR_INVALID },
		{ "select a from m where s =~ /", "(x*)*", "/", 1000, OK },
		{ "", ";", "", 100000, OK },
		{ "", "/* */", "", 100000, OK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_INT(parse(repeated(rows[i].before, rows[i].unit, rows[i].count,
					 rows[i].behind)),
			  rows[i].err);
}

TEST(parser__heights_are_bounded)
{
	CHECK_INT(parse(repeated("select a from m where a", " or b", 3999, "")), OK);
	CHECK_INT(request.statements[0].select->condition->height, 4000);
	CHECK_INT(parse(repeated("select a from m where a", " or b", 4000, "")), ERR_LIMIT);
	CHECK_STR(diag.text, "an expression of more than 4000 operators");
	CHECK_INT(parse(repeated("select a from m where a = 1", " or b = 2 * 3 + 4", 2000, "")),
		  OK);
}

/* Each budget up to what the text needs ends in a refusal, none in a crash. */
TEST(parser__a_budget_that_is_used_up_is_a_limit)
{
	const char *text =
		repeated("select ", "\"a\\n\" + f(b, 'c\\'', 1.5), ", 50,
			 "x from a.b.c, (select y from z) group by time(1m), *; show tag "
			 "values with key in (a, b, c)");
	int err = ERR_LIMIT;

	for (size_t bytes_max = 1; err == ERR_LIMIT && bytes_max < 1 << 20; bytes_max += 997) {
		struct arena small = { .bytes_max = bytes_max };

		diag = (struct diag){ 0 };
		err = parse_request(slice_of_text(text), NULL, &small, &request, &end, &diag);
		CHECK(err == OK || err == ERR_LIMIT);
		CHECK(err == OK || diag.text[0]);
		arena_release(&small);
	}
	CHECK_INT(err, OK);
	arena_reset(&arena);
}

TEST(parser__needs_neither_diag_nor_end)
{
	CHECK_INT(parse_request(SLICE("select"), NULL, &arena, &request, NULL, NULL), ERR_INVALID);
	CHECK_INT(parse_request(SLICE("create continuous query a on b begin select x from m end"),
				NULL, &arena, &request, NULL, NULL),
		  ERR_INVALID);
	arena_release(&arena);
}
