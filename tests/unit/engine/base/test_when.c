/* Times and durations; expectations from date(1) and from Go's time package. */
#include "engine/base/err.h"
#include "engine/base/when.h"
#include "tests/lib/test.h"

static char text[WHEN_BYTES_MAX + DURATION_BYTES_MAX];

static const char *when(int64_t ns)
{
	text[when_print(text, ns)] = '\0';
	return text;
}
static const char *duration(int64_t ns)
{
	text[duration_print(text, ns)] = '\0';
	return text;
}
static const char *go(int64_t ns)
{
	text[duration_print_go(text, ns)] = '\0';
	return text;
}
static int64_t parsed(const char *s)
{
	int64_t ns = -1;

	return when_parse_rfc3339(slice_of_text(s), &ns) == OK ? ns : -1;
}

TEST(when__prints_rfc3339_with_trimmed_nanoseconds)
{
	CHECK_STR(when(0), "1970-01-01T00:00:00Z");
	CHECK_STR(when(1), "1970-01-01T00:00:00.000000001Z");
	CHECK_STR(when(-1), "1969-12-31T23:59:59.999999999Z");
	CHECK_STR(when(1451606400500000000), "2016-01-01T00:00:00.5Z");
	CHECK_STR(when(951782400000000000), "2000-02-29T00:00:00Z");
	CHECK_STR(when(TIME_MIN_NS), "1677-09-21T00:12:43.145224194Z");
	CHECK_STR(when(TIME_MAX_NS), "2262-04-11T23:47:16.854775806Z");
	text[when_print_offset(text, 0, -5 * 3600)] = '\0';
	CHECK_STR(text, "1969-12-31T19:00:00-05:00");
}

TEST(when__parses_what_it_prints_and_judges_the_rest)
{
	CHECK_INT(parsed("1969-12-31T23:59:59.999999999Z"), -1);
	CHECK_INT(parsed("2016-01-01T00:00:00.5Z"), 1451606400500000000);
	CHECK_INT(parsed("2016-01-01T02:00:00+02:00"), 1451606400000000000);
	CHECK_INT(parsed("2262-04-11T23:47:16.854775806Z"), TIME_MAX_NS);
	CHECK_INT(parsed("1677-09-21T00:12:43.145224194Z"), TIME_MIN_NS);
	static const char *const wrong[] = { "2016-01-01",	     "2016-1-01T00:00:00Z",
					     "2016-02-30T00:00:00Z", "2016-01-01T24:00:00Z",
					     "2016-01-01T00:00:00",  "2016-01-01T00:00:00.Z",
					     "2016-01-01T00:00:00Zx" };
	int64_t ns;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK_INT(when_parse_rfc3339(slice_of_text(wrong[i]), &ns), ERR_INVALID);
	CHECK_INT(when_parse_rfc3339(SLICE("2263-01-01T00:00:00Z"), &ns), ERR_RANGE);
}

TEST(when__days_and_dates_agree_over_ten_thousand_years)
{
	for (int64_t day = -2000000; day < 2000000; day += 997) {
		struct civil civil = civil_of_seconds(day * 86400 + 5);

		REQUIRE(days_from_civil(civil.year, civil.month, civil.day) == day);
		REQUIRE(civil.second == 5 && civil.hour == 0);
	}
}

TEST(when__durations_print_in_their_largest_unit)
{
	CHECK_STR(duration(0), "0s");
	CHECK_STR(duration(90 * NS_PER_SECOND), "90s");
	CHECK_STR(duration(120 * NS_PER_SECOND), "2m");
	CHECK_STR(duration(36 * NS_PER_HOUR), "36h");
	CHECK_STR(duration(7 * NS_PER_DAY), "1w");
	CHECK_STR(duration(1500), "1500ns");
	CHECK_STR(duration(-NS_PER_MINUTE), "-1m");
	CHECK_STR(go(168 * NS_PER_HOUR), "168h0m0s");
	CHECK_STR(go(90 * NS_PER_SECOND), "1m30s");
	CHECK_STR(go(1500 * NS_PER_MS), "1.5s");
	CHECK_STR(go(1500), "1.5\xc2\xb5s");
	CHECK_STR(go(-3), "-3ns");
}

TEST(when__durations_parse)
{
	int64_t ns;

	CHECK(duration_parse(SLICE("1h30m"), &ns) == OK && ns == 90 * NS_PER_MINUTE);
	CHECK(duration_parse(SLICE("10ms"), &ns) == OK && ns == 10 * NS_PER_MS);
	CHECK(duration_parse(SLICE("1w2d"), &ns) == OK && ns == 9 * NS_PER_DAY);
	CHECK(duration_parse(SLICE("3u4ns"), &ns) == OK && ns == 3004);
	CHECK(duration_parse(SLICE("3\xc2\xb5"), &ns) == OK && ns == 3000);
	CHECK_INT(duration_parse(SLICE("1y"), &ns), ERR_INVALID);
	CHECK_INT(duration_parse(SLICE("5"), &ns), ERR_INVALID);
	CHECK_INT(duration_parse(SLICE("h"), &ns), ERR_INVALID);
	CHECK_INT(duration_parse(SLICE(""), &ns), ERR_INVALID);
	CHECK_INT(duration_parse(SLICE("99999999w"), &ns), ERR_RANGE);
}
