/* Names and windows of shard groups. Windows marked so are what InfluxDB 1.6.7 shows. */
#include "engine/point/group_window.h"

#include "engine/base/when.h"
#include "engine/names/catalog.h"
#include "tests/lib/test.h"

static const char *window(int64_t shard_duration_ns, int64_t time_ns, const struct object *groups,
			  size_t count)
{
	static struct buf out;
	struct group_window w;

	group_window_for(shard_duration_ns, time_ns, &w);
	for (size_t i = 0; i < count; i++)
		group_window_cut(&w, time_ns, &groups[i].window);
	CHECK(w.start_s <= floor_div(time_ns, NS_PER_SECOND) &&
	      floor_div(time_ns, NS_PER_SECOND) < w.end_s);
	buf_reset(&out);
	group_name_print(&out, w.start_s, w.end_s);
	return buf_text(&out);
}

TEST(group__windows_are_aligned_as_influxdbs)
{
	int64_t t = INT64_C(1795514400) * NS_PER_SECOND; /* 2026-11-24T10:00:00Z, a Tuesday */

	CHECK_STR(window(NS_PER_WEEK, t, NULL, 0), "2026-11-23--2026-11-30");
	CHECK_STR(window(NS_PER_DAY, t, NULL, 0), "2026-11-24--2026-11-25");
	CHECK_STR(window(NS_PER_HOUR, t, NULL, 0), "2026-11-24T10Z--2026-11-24T11Z");
	CHECK_STR(window(NS_PER_HOUR, t - 1, NULL, 0), "2026-11-24T09Z--2026-11-24T10Z");
	CHECK_STR(window(NS_PER_HOUR, t + 13 * NS_PER_HOUR, NULL, 0), "2026-11-24T23Z--2026-11-25");
	/* InfluxDB's */
	CHECK_STR(window(NS_PER_WEEK, 0, NULL, 0), "1969-12-29--1970-01-05");
	CHECK_STR(window(5 * NS_PER_WEEK, 0, NULL, 0), "1969-12-15--1970-01-19");
	CHECK_STR(window(5 * NS_PER_WEEK, INT64_C(1500000000000000000), NULL, 0),
		  "2017-06-26--2017-07-31");
}

TEST(group__windows_at_the_ends_of_time_are_not_cut)
{
	CHECK_STR(window(NS_PER_WEEK, TIME_MIN_NS, NULL, 0), "1677-09-20--1677-09-27");
	CHECK_STR(window(NS_PER_WEEK, TIME_MAX_NS, NULL, 0), "2262-04-07--2262-04-14");
	CHECK_STR(window(NS_PER_HOUR, TIME_MIN_NS, NULL, 0), "1677-09-21--1677-09-21T01Z");
	CHECK_STR(window(NS_PER_HOUR, TIME_MAX_NS, NULL, 0), "2262-04-11T23Z--2262-04-12");
}

TEST(group__window_takes_what_neighbours_leave)
{
	int64_t t = INT64_C(1795514400) * NS_PER_SECOND;
	struct object groups[3] = { 0 };

	/* 2026-11-23--2026-11-24, 2026-11-24T12Z--2026-11-26, 2026-11-29--2026-12-06 */
	groups[0].window = (struct group_window){ .start_s = 1795392000, .end_s = 1795478400 };
	groups[1].window = (struct group_window){ .start_s = 1795521600, .end_s = 1795651200 };
	groups[2].window = (struct group_window){ .start_s = 1795910400, .end_s = 1796515200 };
	CHECK_STR(window(NS_PER_WEEK, t, groups, 3), "2026-11-24--2026-11-24T12Z");
	CHECK_STR(window(NS_PER_WEEK, t + 3 * NS_PER_DAY, groups, 3), "2026-11-26--2026-11-29");
	CHECK_STR(window(NS_PER_WEEK, t - 3 * NS_PER_DAY, groups, 3), "2026-11-16--2026-11-23");
	CHECK_STR(window(NS_PER_DAY, t + 3 * NS_PER_DAY, groups, 3), "2026-11-27--2026-11-28");
}

static const char *const good_names[] = {
	"2026-11-16--2026-11-23",	  "2026-11-16T05Z--2026-11-16T06Z",
	"2026-11-16T23Z--2026-11-17",	  "1677-09-20--1677-09-27",
	"2024-02-29--2024-03-01T01Z",	  "0000-01-01--9999-12-31",
	"1969-12-31T23Z--1970-01-01T01Z",
};

TEST(group__names_come_back)
{
	for (size_t i = 0; i < sizeof(good_names) / sizeof(good_names[0]); i++) {
		struct buf out = { 0 };
		int64_t start, end;

		CHECK_INT(group_name_parse(slice_of_text(good_names[i]), &start, &end), OK);
		CHECK(start < end);
		group_name_print(&out, start, end);
		CHECK_STR(buf_text(&out), good_names[i]);
		buf_release(&out);
	}
}

static const char *const bad_names[] = {
	"",
	"2026-11-16",
	"2026-11-16--",
	"2026-11-16-2026-11-23",
	"2026-11-16--2026-11-16",
	"2026-11-23--2026-11-16",
	"2026-11-16--2026-11-23 ",
	"2026-11-16T00Z--2026-11-23",
	"2026-11-16T24Z--2026-11-23",
	"2026-11-16T5Z--2026-11-23",
	"2026-11-16T05--2026-11-23",
	"2026-11-16T05:00Z--2026-11-23",
	"2026-11-31--2026-12-23",
	"2026-02-29--2026-12-23",
	"2026-00-01--2026-12-23",
	"2026-13-01--2027-12-23",
	"2026-01-00--2026-12-23",
	"26-11-16--26-11-23",
	"12026-11-16--12026-11-23",
	"-2026-11-16--2026-11-23",
	"2026-11-16--2026-11-23--",
};

TEST(group__malformed_names_are_invalid)
{
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		int64_t start, end;

		if (!CHECK_INT(group_name_parse(slice_of_text(bad_names[i]), &start, &end),
			       ERR_INVALID))
			CHECK_STR(bad_names[i], "a name that is refused");
	}
}

TEST(group__random_windows_have_names_that_come_back)
{
	uint64_t random = test_seed();

	for (int i = 0; i < 2000; i++) {
		int64_t hours = (int64_t)(test_random(&random) % 5000) + 1;
		int64_t time_ns = (int64_t)test_random(&random);
		struct group_window w;
		struct buf out = { 0 };
		int64_t start, end;

		if (time_ns < TIME_MIN_NS || time_ns > TIME_MAX_NS)
			continue;
		group_window_for(hours * NS_PER_HOUR, time_ns, &w);
		CHECK_INT(w.end_s - w.start_s, hours * 3600);
		group_name_print(&out, w.start_s, w.end_s);
		CHECK_INT(group_name_parse(buf_slice(&out), &start, &end), OK);
		CHECK_INT(start, w.start_s);
		CHECK_INT(end, w.end_s);
		buf_release(&out);
	}
}
