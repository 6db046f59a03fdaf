/* Formats: one stream of calls in, the bytes of each format out. */
#include "query/format/format.h"

#include <math.h>
#include <stdio.h>

#include "engine/base/when.h"
#include "tests/lib/test.h"

static struct buf answer;
static size_t pieces;

static int take(void *arg, struct slice bytes)
{
	buf_append_slice(&answer, bytes);
	pieces++;
	return OK;
}

static const struct query_sink sink = { take, NULL };

static const struct slice two_columns[] = { SLICE("time"), SLICE("v") };
static const struct slice other_columns[] = { SLICE("time"), SLICE("v"), SLICE("w") };
static const struct tag host_a = { SLICE("host"), SLICE("a,b") };
static const struct tag host_none = { SLICE("host"), SLICE("") };

static struct cell time_cell(int64_t ns)
{
	return (struct cell){ .type = CELL_TIME, .i = ns };
}

static struct cell float_cell(double f)
{
	return (struct cell){ .type = CELL_FLOAT, .f = f };
}

static struct cell text_cell(const char *text)
{
	return (struct cell){ .type = CELL_STRING, .s = slice_of_text(text) };
}

static void give_series(const struct result *r, const struct tag *tag, size_t rows)
{
	struct result_series series = { .name = SLICE("m"),
					.tags = tag,
					.tag_count = tag != NULL,
					.columns = two_columns,
					.column_count = 2 };

	CHECK_INT(r->ops->series_begin(r->arg, &series), OK);
	for (size_t i = 0; i < rows; i++) {
		struct cell cells[] = { time_cell((int64_t)i * NS_PER_SECOND),
					float_cell((double)i + 0.5) };

		CHECK_INT(r->ops->row(r->arg, cells), OK);
	}
	CHECK_INT(r->ops->series_end(r->arg), OK);
}

/* Every cell type, names that need quotes. */
static void give_odd(const struct result *r)
{
	static const struct slice columns[] = { SLICE("time"), SLICE("a b"), SLICE("s"),
						SLICE("b"),    SLICE("u"),   SLICE("n") };
	struct result_series series = { .name = SLICE("m \"x\""),
					.columns = columns,
					.column_count = 6 };
	struct cell rows[][6] = {
		{ time_cell(1),
		  { .type = CELL_INTEGER, .i = -7 },
		  text_cell("x,\"y\"\nz"),
		  { .type = CELL_BOOLEAN, .b = true },
		  { .type = CELL_UNSIGNED, .u = 7 },
		  { .type = CELL_NULL } },
		{ time_cell(2),
		  { .type = CELL_NULL },
		  text_cell(""),
		  { .type = CELL_NULL },
		  { .type = CELL_NULL },
		  float_cell(NAN) },
		{ time_cell(3),
		  { .type = CELL_NULL },
		  { .type = CELL_NULL },
		  { .type = CELL_NULL },
		  { .type = CELL_NULL },
		  float_cell(INFINITY) },
	};

	CHECK_INT(r->ops->series_begin(r->arg, &series), OK);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(r->ops->row(r->arg, rows[i]), OK);
	CHECK_INT(r->ops->series_end(r->arg), OK);
}

/* A list without a name and without times. */
static void give_list(const struct result *r)
{
	static const struct slice columns[] = { SLICE("key") };
	struct result_series series = { .columns = columns, .column_count = 1 };
	struct cell key = text_cell("m,h=a");

	CHECK_INT(r->ops->series_begin(r->arg, &series), OK);
	CHECK_INT(r->ops->row(r->arg, &key), OK);
	CHECK_INT(r->ops->series_end(r->arg), OK);
}

static void give_nothing(const struct result *r)
{
}

static void give_tagged(const struct result *r)
{
	give_series(r, &host_none, 1);
	give_series(r, &host_a, 2);
}

static void give_one(const struct result *r)
{
	give_series(r, NULL, 1);
}

static void give_no_rows(const struct result *r)
{
	give_series(r, NULL, 0);
}

static void give_other(const struct result *r)
{
	struct result_series series = { .name = SLICE("m"),
					.columns = other_columns,
					.column_count = 3 };
	struct cell cells[] = { time_cell(0), float_cell(1), { .type = CELL_NULL } };

	CHECK_INT(r->ops->series_begin(r->arg, &series), OK);
	CHECK_INT(r->ops->row(r->arg, cells), OK);
	CHECK_INT(r->ops->series_end(r->arg), OK);
}

struct given {
	void (*give)(const struct result *r);
	const char *error;
};

static const char *formatted(struct query_options options, const struct given *statements,
			     size_t count)
{
	struct format format;
	struct result r;

	buf_reset(&answer);
	format_open(&format, &options, &sink);
	r = format_result(&format);
	CHECK_INT(format_request_begin(&format), OK);
	for (size_t i = 0; i < count; i++) {
		CHECK_INT(r.ops->statement_begin(r.arg, (unsigned)i), OK);
		statements[i].give(&r);
		CHECK_INT(r.ops->statement_end(r.arg, statements[i].error), OK);
	}
	CHECK_INT(format_request_end(&format), OK);
	format_close(&format);
	return buf_text(&answer);
}

#define FORMATTED(options, ...)                                                                    \
	formatted(options, (struct given[]){ __VA_ARGS__ },                                        \
		  sizeof((struct given[]){ __VA_ARGS__ }) / sizeof(struct given))
#define OPTIONS(...) ((struct query_options){ __VA_ARGS__ })

TEST(format__is_chosen_by_extension)
{
	enum query_format format;

	CHECK(query_format_of(SLICE("jsonl"), &format) && format == QUERY_JSONL);
	CHECK(query_format_of(SLICE("csv"), &format) && format == QUERY_CSV);
	CHECK(query_format_of(SLICE("svg"), &format) && format == QUERY_SVG);
	CHECK(!query_format_of(SLICE("xml"), &format));
	CHECK(!query_format_of(SLICE(""), &format));
}

TEST(format_json__is_influxdbs)
{
	struct query_options json = { .format = QUERY_JSON };

	CHECK_STR(FORMATTED(json, { give_nothing, NULL }),
		  "{\"results\":[{\"statement_id\":0}]}\n");
	CHECK_STR(FORMATTED(json, { give_one, NULL }, { give_list, NULL }),
		  "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":["
		  "\"time\","
		  "\"v\"],\"values\":[[\"1970-01-01T00:00:00Z\",0.5]]}]},{\"statement_id\":1,"
		  "\"series\":[{\"columns\":[\"key\"],\"values\":[[\"m,h=a\"]]}]}]}\n");
	CHECK_STR(FORMATTED(json, { give_no_rows, NULL }),
		  "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":"
		  "[\"time\",\"v\"]}]}]}\n");
	CHECK_STR(
		FORMATTED(json, { give_tagged, NULL }),
		"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
		"\"\"},\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:00Z\",0.5]]},"
		"{\"name\":\"m\",\"tags\":{\"host\":\"a,b\"},\"columns\":[\"time\",\"v\"],"
		"\"values\":[[\"1970-01-01T00:00:00Z\",0.5],[\"1970-01-01T00:00:01Z\",1.5]]}]}]}"
		"\n");
	CHECK_STR(formatted(json, NULL, 0), "{}\n");
}

TEST(format_json__what_json_has_not_is_null)
{
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_JSON, .epoch_unit_ns = 1), { give_odd, NULL }),
		  "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m \\\"x\\\"\","
		  "\"columns\":[\"time\",\"a b\",\"s\",\"b\",\"u\",\"n\"],\"values\":[[1,-7,"
		  "\"x,\\\"y\\\"\\nz\",true,7,null],[2,null,\"\",null,null,null],[3,null,null,null,"
		  "null,null]]}]}]}\n");
}

TEST(format_json__a_failed_statement_takes_its_rows_back)
{
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_JSON), { give_one, "no more" }),
		  "{\"results\":[{\"statement_id\":0,\"error\":\"no more\"}]}\n");
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_JSON), { give_nothing, NULL },
			    { give_one, "no more" }),
		  "{\"results\":[{\"statement_id\":0},{\"statement_id\":1,\"error\":\"no "
		  "more\"}]}\n");
}

/* What is gone to the sink stays; the error stands behind it and the brackets are whole. */
TEST(format_json__a_statement_that_fails_late_is_still_json)
{
	struct query_options options = { .format = QUERY_JSON };
	struct result_series series = { .name = SLICE("m"),
					.columns = two_columns,
					.column_count = 2 };
	struct format format;
	struct result r;
	const char *end = "]]}],\"error\":\"late\"}]}\n";

	buf_reset(&answer);
	format_open(&format, &options, &sink);
	r = format_result(&format);
	format_request_begin(&format);
	r.ops->statement_begin(r.arg, 0);
	r.ops->series_begin(r.arg, &series);
	for (int i = 0; i < 4000; i++) {
		struct cell cells[] = { time_cell(i), float_cell(i) };

		r.ops->row(r.arg, cells);
	}
	CHECK(answer.length > 0);
	r.ops->statement_end(r.arg, "late");
	format_request_end(&format);
	format_close(&format);
	CHECK(strlen(buf_text(&answer)) > strlen(end));
	CHECK_STR(buf_text(&answer) + answer.length - strlen(end), end);
}

TEST(format_json__chunked_is_a_line_a_piece)
{
	struct query_options options = { .format = QUERY_JSON,
					 .chunked = true,
					 .chunk_size = 1,
					 .epoch_unit_ns = NS_PER_SECOND };

	CHECK_STR(
		FORMATTED(options, { give_tagged, NULL }),
		"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
		"\"\"},\"columns\":[\"time\",\"v\"],\"values\":[[0,0.5]]}],\"partial\":true}]}\n"
		"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
		"\"a,b\"},\"columns\":[\"time\",\"v\"],\"values\":[[0,0.5]],\"partial\":true}],"
		"\"partial\":true}]}\n"
		"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
		"\"a,b\"},\"columns\":[\"time\",\"v\"],\"values\":[[1,1.5]]}]}]}\n");
	CHECK_STR(FORMATTED(options, { give_nothing, NULL }, { give_nothing, "bad" }),
		  "{\"results\":[{\"statement_id\":0}]}\n"
		  "{\"results\":[{\"statement_id\":1,\"error\":\"bad\"}]}\n");
}

TEST(format_json__pretty_indents)
{
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_JSON, .pretty = true), { give_nothing, NULL }),
		  "{\n    \"results\": [\n        {\n            \"statement_id\": 0\n        }\n"
		  "    ]\n}\n");
}

TEST(format_json__messages_are_a_list)
{
	struct query_options options = { .format = QUERY_JSON };
	struct format format;
	struct result r;

	buf_reset(&answer);
	format_open(&format, &options, &sink);
	r = format_result(&format);
	format_request_begin(&format);
	r.ops->statement_begin(r.arg, 0);
	r.ops->message(r.arg, "warning", "a");
	r.ops->message(r.arg, "warning", "b");
	r.ops->statement_end(r.arg, NULL);
	format_request_end(&format);
	format_close(&format);
	CHECK_STR(buf_text(&answer),
		  "{\"results\":[{\"statement_id\":0,\"messages\":[{\"level\":\"warning\",\"text\":"
		  "\"a\"},{\"level\":\"warning\",\"text\":\"b\"}]}]}\n");
}

TEST(format_json__a_parse_error_is_the_whole_answer)
{
	struct query_options options = { .format = QUERY_JSON };
	struct format format;

	buf_reset(&answer);
	format_open(&format, &options, &sink);
	CHECK_INT(format_request_error(&format, "error parsing query: found EOF"), OK);
	format_close(&format);
	CHECK_STR(buf_text(&answer), "{\"error\":\"error parsing query: found EOF\"}\n");
}

TEST(format_csv__has_one_header_for_equal_columns)
{
	struct query_options csv = { .format = QUERY_CSV };

	CHECK_STR(FORMATTED(csv, { give_tagged, NULL }),
		  "name,host,time,v\nm,,1970-01-01T00:00:00Z,0.5\n"
		  "m,\"a,b\",1970-01-01T00:00:00Z,0.5\nm,\"a,b\",1970-01-01T00:00:01Z,1.5\n");
	CHECK_STR(FORMATTED(csv, { give_one, NULL }, { give_one, NULL }),
		  "name,time,v\nm,1970-01-01T00:00:00Z,0.5\nm,1970-01-01T00:00:00Z,0.5\n");
	CHECK_STR(FORMATTED(csv, { give_one, NULL }, { give_other, NULL }),
		  "name,time,v\nm,1970-01-01T00:00:00Z,0.5\n\n"
		  "name,time,v,w\nm,1970-01-01T00:00:00Z,1,\n");
}

TEST(format_csv__no_rows_are_no_bytes)
{
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_CSV), { give_nothing, NULL },
			    { give_no_rows, NULL }),
		  "");
}

TEST(format_csv__quotes_as_rfc_4180_and_null_is_nothing)
{
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_CSV, .epoch_unit_ns = 1), { give_odd, NULL }),
		  "name,time,a b,s,b,u,n\n\"m \"\"x\"\"\",1,-7,\"x,\"\"y\"\"\nz\",true,7,\n"
		  "\"m \"\"x\"\"\",2,,\"\",,,\n\"m \"\"x\"\"\",3,,,,,\n");
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_CSV), { give_list, NULL }),
		  "name,key\n,\"m,h=a\"\n");
}

TEST(format_jsonl__is_an_object_a_row)
{
	struct query_options jsonl = { .format = QUERY_JSONL };

	CHECK_STR(FORMATTED(jsonl, { give_tagged, NULL }, { give_list, NULL }),
		  "{\"name\":\"m\",\"tags\":{\"host\":\"\"},\"time\":\"1970-01-01T00:00:00Z\","
		  "\"v\":0.5}\n"
		  "{\"name\":\"m\",\"tags\":{\"host\":\"a,b\"},\"time\":\"1970-01-01T00:00:00Z\","
		  "\"v\":0.5}\n"
		  "{\"name\":\"m\",\"tags\":{\"host\":\"a,b\"},\"time\":\"1970-01-01T00:00:01Z\","
		  "\"v\":1.5}\n"
		  "{\"key\":\"m,h=a\"}\n");
	CHECK_STR(FORMATTED(jsonl, { give_no_rows, NULL }), "");
}

TEST(format_lp__can_be_written_back)
{
	struct query_options lp = { .format = QUERY_LP, .epoch_unit_ns = NS_PER_HOUR };

	CHECK_STR(FORMATTED(lp, { give_tagged, NULL }),
		  "m v=0.5 0\nm,host=a\\,b v=0.5 0\nm,host=a\\,b v=1.5 1000000000\n");
	CHECK_STR(FORMATTED(lp, { give_odd, NULL }),
		  "m\\ \"x\" a\\ b=-7i,s=\"x,\\\"y\\\"\nz\",b=true,u=7u 1\nm\\ \"x\" s=\"\" 2\n");
	CHECK_STR(FORMATTED(lp, { give_list, NULL }), "result key=\"m,h=a\"\n");
}

TEST(format_txt__is_a_table_for_people)
{
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_TXT), { give_tagged, NULL },
			    { give_list, "gone" }),
		  "m host=\n"
		  "time                    v\n"
		  "--------------------  ---\n"
		  "1970-01-01T00:00:00Z  0.5\n"
		  "\n"
		  "m host=a,b\n"
		  "time                    v\n"
		  "--------------------  ---\n"
		  "1970-01-01T00:00:00Z  0.5\n"
		  "1970-01-01T00:00:01Z  1.5\n"
		  "\n"
		  "key\n"
		  "-----\n"
		  "m,h=a\n"
		  "\n"
		  "error: gone\n");
	CHECK_STR(FORMATTED(OPTIONS(.format = QUERY_TXT, .epoch_unit_ns = 1), { give_odd, NULL }),
		  "m \"x\"\n"
		  "time  a b  s         b     u  n\n"
		  "----  ---  --------  ----  -  -\n"
		  "   1   -7  x,\"y\"\\nz  true  7\n"
		  "   2\n"
		  "   3\n");
}

static int32_t an_hour_east(const void *zone, int64_t time_ns)
{
	return 3600;
}

TEST(format__times_follow_the_zone_and_the_epoch)
{
	struct query_options options = { .format = QUERY_CSV };
	struct format format;
	char text[FORMAT_TIME_BYTES_MAX];

	format_open(&format, &options, &sink);
	format.series.utc_offset = an_hour_east;
	CHECK_SLICE(slice_of(text, format_print_time(&format, text, 0)),
		    "1970-01-01T01:00:00+01:00");
	options.epoch_unit_ns = NS_PER_SECOND;
	CHECK_SLICE(slice_of(text, format_print_time(&format, text, -1500000000)), "-1");
	format_close(&format);
}

TEST(format__large_answers_leave_in_pieces)
{
	struct query_options options = { .format = QUERY_CSV };
	struct format format;
	struct result r;

	pieces = 0;
	buf_reset(&answer);
	format_open(&format, &options, &sink);
	r = format_result(&format);
	format_request_begin(&format);
	r.ops->statement_begin(r.arg, 0);
	give_series(&r, NULL, 10000);
	CHECK(pieces >= 4);
	CHECK(format.out.length < FORMAT_BYTES_HELD);
	format_close(&format);
}

/* --- charts of anything ------------------------------------------------------ */

/* Two lines of one column, by the names `m` and one of `length` characters. */
static void draw(size_t length, const int64_t *times_ns, const double *values, size_t count)
{
	struct query_options options = { .format = QUERY_SVG };
	struct slice columns[] = { SLICE("time"), SLICE("v"), SLICE("") };
	struct result_series series = { .name = SLICE("m"), .columns = columns, .column_count = 3 };
	struct format format;
	struct result r;
	char name[100];

	memset(name, 'x', sizeof(name));
	columns[2] = slice_of(name, length);
	buf_reset(&answer);
	format_open(&format, &options, &sink);
	r = format_result(&format);
	CHECK_INT(format_request_begin(&format), OK);
	CHECK_INT(r.ops->statement_begin(r.arg, 0), OK);
	CHECK_INT(r.ops->series_begin(r.arg, &series), OK);
	for (size_t i = 0; i < count; i++) {
		struct cell cells[] = { time_cell(times_ns[i]), float_cell(values[i]),
					float_cell(1) };

		CHECK_INT(r.ops->row(r.arg, cells), OK);
	}
	CHECK_INT(r.ops->series_end(r.arg), OK);
	CHECK_INT(r.ops->statement_end(r.arg, NULL), OK);
	CHECK_INT(format_request_end(&format), OK);
	format_close(&format);
	CHECK(strstr(buf_text(&answer), "</svg>"));
}

TEST(charts__end_for_every_range_of_values_and_times)
{
	static const int64_t times_ns[] = { TIME_MIN_NS, 0, TIME_MAX_NS };
	static const double rows[][3] = {
		{ 1.7976931348623157e308, -1.7976931348623157e308, 0 },
		{ 9223372036854775807.0, 9223372036854774784.0, 9223372036854775807.0 },
		{ 5e-324, 0, 0 },
		{ -1e300, 1e300, NAN },
		{ 1, 1.0000000000000002, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		draw(1, times_ns, rows[i], 3);
	for (size_t first = 0; first < 3; first++)
		draw(1, times_ns + first, rows[0], 1);
	CHECK(answer.length < 10000);
}

TEST(charts__names_of_any_length_fit_the_legend)
{
	static const int64_t time_ns = 0;
	static const double value = 1;

	for (size_t length = 1; length < 100; length++) {
		draw(length, &time_ns, &value, 1);
		if (length < 20 || length > 40)
			CHECK_INT(strstr(buf_text(&answer), "\xe2\x80\xa6") != NULL, length > 40);
	}
}
