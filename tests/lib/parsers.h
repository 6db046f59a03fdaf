/*
 * Every parser below the mount that takes a text from outside, a row each: its letter (the first
 * byte of a fuzz input), what it is called, and what it must keep to whatever the bytes are. What a
 * row does not keep ends the process.
 */
#ifndef TESTS_LIB_PARSERS_H
#define TESTS_LIB_PARSERS_H

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "engine/base/when.h"
#include "engine/point/group_window.h"
#include "engine/point/line.h"
#include "engine/point/name.h"
#include "engine/point/policy.h"
#include "query/base/pattern.h"
#include "query/base/zone.h"
#include "query/language/parser.h"
#include "query/language/print.h"
#include "query/lasting.h"
#include "query/query.h"

#define PARSER_MUST(cond)                                                                          \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A refusal says why, and where only within the text. */
static inline void parser_judge(int err, const struct diag *diag, struct slice text)
{
	if (err >= 0)
		return;
	PARSER_MUST(err == ERR_INVALID || err == ERR_RANGE || err == ERR_LIMIT ||
		    err == ERR_TOO_LONG || err == ERR_INCOMPLETE || err == ERR_NOT_FOUND);
	if (diag) {
		PARSER_MUST(diag->text[0]);
		PARSER_MUST(diag->column <= text.length + 1);
		PARSER_MUST(diag->line <= text.length + 1);
	}
}

static inline void parser_request(struct slice text)
{
	struct arena arena = { .bytes_max = 4u << 20 };
	struct diag diag = { 0 };
	struct buf print = { 0 };
	struct request request;
	struct parse_end end;
	int err = parse_request(text, NULL, &arena, &request, &end, &diag);

	parser_judge(err, &diag, text);
	for (size_t i = 0; err >= 0 && i < request.count; i++)
		statement_print(&print, &request.statements[i]);
	if (err >= 0)
		request_lasts(&request, &arena);
	buf_release(&print);
	arena_release(&arena);
}

static inline void parser_continuous(struct slice text)
{
	struct diag diag = { 0 };

	parser_judge(query_check_continuous(NULL, text, &diag), &diag, text);
}

static inline void parser_policy(struct slice text)
{
	struct policy_settings settings = policy_defaults();
	struct diag diag = { 0 };
	struct buf print = { 0 };
	int err = policy_parse(text, &settings, &diag);

	parser_judge(err, &diag, text);
	if (err >= 0) {
		PARSER_MUST(policy_check(&settings, NULL) >= 0);
		policy_print(&print, &settings);
		PARSER_MUST(policy_parse(buf_slice(&print), &settings, NULL) >= 0);
	}
	buf_release(&print);
}

static inline void parser_path(struct slice text)
{
	static struct query_options options;
	struct diag diag = { 0 };
	struct buf decoded = { 0 };
	struct slice statement;
	int err = query_options_parse(text, &options, &decoded, &statement, &diag);

	parser_judge(err, &diag, text);
	diag_reset(&diag);
	query_shape(text, &diag);
	buf_release(&decoded);
}

static inline void parser_options(struct slice text)
{
	static struct query_options options;
	struct diag diag = { 0 };

	parser_judge(query_options_parse_list(text, &options, &diag), &diag, text);
}

static inline void parser_params(struct slice text)
{
	struct arena arena = { .bytes_max = 4u << 20 };
	struct diag diag = { 0 };
	struct request request;
	struct params params;
	int err = params_parse(text, &arena, &params, &diag);

	parser_judge(err, &diag, text);
	if (err >= 0)
		parse_request(
			SLICE("select $f from m where a = $a and b =~ $b and time > now() - $d"),
			&params, &arena, &request, NULL, &diag);
	arena_release(&arena);
}

static inline void parser_duration(struct slice text)
{
	char print[DURATION_BYTES_MAX];
	int64_t ns, again;
	int err = duration_parse(text, &ns);

	parser_judge(err, NULL, text);
	if (err >= 0) {
		PARSER_MUST(ns >= 0);
		PARSER_MUST(duration_parse(slice_of(print, duration_print(print, ns)), &again) >=
			    0);
		PARSER_MUST(again == ns);
	}
}

static inline void parser_time(struct slice text)
{
	char print[WHEN_BYTES_MAX];
	int64_t ns, again;
	int err = when_parse_rfc3339(text, &ns);

	parser_judge(err, NULL, text);
	if (err >= 0) {
		PARSER_MUST(when_parse_rfc3339(slice_of(print, when_print(print, ns)), &again) >=
			    0);
		PARSER_MUST(again == ns);
	}
}

static inline void parser_number(struct slice text)
{
	uint64_t u;
	int64_t i;
	double d;

	parser_judge(float_parse(text, &d), NULL, text);
	parser_judge(integer_parse(text, &i), NULL, text);
	parser_judge(unsigned_parse(text, &u), NULL, text);
}

static inline void parser_zone(struct slice text)
{
	struct arena arena = { .bytes_max = 4u << 20 };
	const struct zone *zone;

	if (zone_open(text, &arena, &zone) >= 0)
		zone_offset_s(zone, 1700000000);
	arena_release(&arena);
}

static inline void parser_group(struct slice text)
{
	struct buf print = { 0 };
	int64_t start_s, end_s;
	int err = group_name_parse(text, &start_s, &end_s);

	parser_judge(err, NULL, text);
	if (err >= 0) {
		PARSER_MUST(start_s < end_s);
		group_name_print(&print, start_s, end_s);
		PARSER_MUST(slice_equal(buf_slice(&print), text));
	}
	buf_release(&print);
}

static inline void parser_name(struct slice text)
{
	static struct tag tags[TAGS_PER_SERIES_MAX];
	struct arena arena = { 0 };
	struct diag diag = { 0 };
	struct slice measurement;
	size_t count;

	parser_judge(name_parse(&arena, text, &measurement, tags, &count, &diag), &diag, text);
	diag_reset(&diag);
	parser_judge(line_parse_key(&arena, text, &measurement, tags, &count, &diag), &diag, text);
	arena_release(&arena);
}

static inline void parser_line(struct slice text)
{
	struct arena arena = { 0 };

	for (unsigned forms = LINE_FULL; forms <= (LINE_FULL | LINE_SHORT); forms += LINE_SHORT) {
		struct line_context context = { .arena = &arena,
						.time_unit_ns = 1,
						.forms = forms };
		struct diag diag = { 0 };
		struct line line;
		size_t length = 0;

		parser_judge(line_measure_forms(text, forms, &length), NULL, text);
		PARSER_MUST(length <= text.length);
		parser_judge(line_parse(&context, text, &line, &diag), &diag, text);
		line_raw_key(text);
		line_context_release(&context);
	}
	arena_release(&arena);
}

static inline void parser_pattern(struct slice text)
{
	struct pattern *pattern = NULL;
	struct diag diag = { 0 };
	bool found;
	int err;

	pattern_check(text, NULL);
	err = pattern_open(text, false, &pattern, &diag);
	parser_judge(err, &diag, (struct slice){ NULL, SIZE_MAX - 1 });
	if (err >= 0)
		pattern_find(pattern, SLICE("server01.az.1"), &found);
	pattern_close(pattern);
}

static const struct parser_row {
	char letter;
	const char *name;
	void (*take)(struct slice text);
	const char *valid[12]; /* what it takes, to break */
} parser_rows[] = {
	{ 'r',
	  "request",
	  parser_request,
	  { "select mean(v) as \"m\" from cpu where host = 'a' and time > now() - 1h group by "
	    "time(5m), host fill(0) limit 5",
	    "select top(v, 3) from \"db\".rp./^c.u$/ where \"x\" =~ /a\\/b/ or y != 2.5e3 order by "
	    "time desc tz('Europe/Berlin');show databases",
	    "create continuous query \"q\" on db resample every 1m for 2h begin select count(v) "
	    "into \"x\".:MEASUREMENT from /.*/ group by time(1m), * end",
	    "create retention policy p on db duration 30d replication 1 shard duration 1d default",
	    "delete from m where time < '2026-11-22T10:00:00Z' and h = 'it\\'s'",
	    "show tag values from m with key in (\"a\", b) where c = 'd' limit 1 offset 2",
	    "select sum(a.v) + sum(b.v) from cpu as a inner join mem as b group by time(1h) -- "
	    "done\n",
	    "select * from merge(/.*az\\.1.*\\.cpu/) where time > now() - 1d",
	    "list series /cpu.*/; drop series m" } },
	{ 'c',
	  "continuous query",
	  parser_continuous,
	  { "RESAMPLE EVERY 1m FOR 1h SELECT mean(v) INTO \"5m\".cpu FROM cpu GROUP BY time(5m), "
	    "host\n",
	    "select mean(v) as v from raw.back group by time(6h), host into down",
	    "select * from events into by.[type].[user]",
	    "select * from /^stats\\./ into year.:series_name backfill(false);",
	    " \n\tselect v from m into n \r\n" } },
	{ 'y',
	  ".policy",
	  parser_policy,
	  { "duration 30d\nshard_duration 1d\nshards 1\nreplication 1\ndefault true\n",
	    "duration 0s", "shards 64\n\n", "# kept for ever\nduration 1h30m\n" } },
	{ 'o',
	  "path of a query",
	  parser_path,
	  { "select mean(v) from m;.csv?epoch=ms&pretty=true",
	    "select v from m where h =~ /^a%2Fb/.json?chunked=true&rp=x%25",
	    "select v from m;.svg?width=100&height=50&title=a%20b&exact=1&fresh=1",
	    "select v from m where a = $a.txt?params={\"a\":\"x\"}" } },
	{ 'l',
	  "options",
	  parser_options,
	  { "epoch=ns&pretty=true", "rp=autogen&chunked=true&chunk_size=20", "params={\"a\":1}",
	    "width=5&height=6&title=%41" } },
	{ 'j',
	  "params",
	  parser_params,
	  { "{\"a\":\"x\",\"b\":{\"regex\":\"^a\"},\"d\":{\"duration\":\"1h\"},\"f\":{"
	    "\"identifier\":\"v\"}}",
	    "{\"a\":-1.5e3,\"b\":true,\"d\":{\"integer\":\"7\"},\"f\":{\"number\":2}}",
	    "{\"a\":[1,{\"x\":null}],\"f\":\"\\u00e4\\ud83d\\ude00\\n\\\\\"}", " { } " } },
	{ 'd',
	  "duration",
	  parser_duration,
	  { "1h30m", "5s", "10ms", "1u", "1\xc2\xb5", "1ns", "0s", "2w3d" } },
	{ 'w',
	  "time",
	  parser_time,
	  { "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00+05:30",
	    "1677-09-21T00:12:43.145224194Z" } },
	{ 'f',
	  "number",
	  parser_number,
	  { "-12.5e-3", "9223372036854775807", "18446744073709551615", "1.", ".5", "1e308",
	    "-0" } },
	{ 'z', "zone", parser_zone, { "Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires" } },
	{ 'g',
	  "name of a shard group",
	  parser_group,
	  { "2026-11-16--2026-11-23", "2026-11-22T10Z--2026-11-22T11Z",
	    "1969-12-29--1970-01-05" } },
	{ 'n',
	  "name of a series",
	  parser_name,
	  { "cpu,host=a b,path=%2Fvar%2Flog", "%2Ehidden,k=%00%FF",
	    "a\xc3\xa4\xe2\x82\xac,b=\xf0\x9f\x98\x80", "cpu\\,x,ho\\=st=a\\ b" } },
	{ 'p',
	  "line",
	  parser_line,
	  { "cpu,host=a\\ b,region=x value=0.64,n=1i,u=2u,s=\"a \\\"b\\\"\nc\",t=true "
	    "1700000000000000000",
	    "value=0.64,x=1i 2026-11-22T10:00:00Z", "0.64 1700000000s", "# a comment",
	    "m v=-1e-7,w=f" } },
	{ 'x',
	  "regular expression",
	  parser_pattern,
	  { "^server[0-9]+\\.(az|bz)\\.\\d{1,3}$", "(?i)a|b*?", "[^]a-z[:alpha:]]",
	    "\\x{41}\\pL\\Q.\\E" } },
};
#define PARSER_COUNT (sizeof(parser_rows) / sizeof(parser_rows[0]))

#endif
