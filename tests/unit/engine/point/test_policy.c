/* Settings of policies and their text. The expectations of defaults are InfluxDB 1.6.7's. */
#include "engine/point/policy.h"

#include "engine/base/when.h"
#include "tests/lib/test.h"

static const char *printed(const struct policy_settings *settings)
{
	static struct buf out;

	buf_reset(&out);
	policy_print(&out, settings);
	return buf_text(&out);
}

TEST(policy__default_shard_durations_are_influxdbs)
{
	CHECK_INT(policy_default_shard_duration(0), NS_PER_WEEK);
	CHECK_INT(policy_default_shard_duration(NS_PER_HOUR), NS_PER_HOUR);
	CHECK_INT(policy_default_shard_duration(47 * NS_PER_HOUR), NS_PER_HOUR);
	CHECK_INT(policy_default_shard_duration(48 * NS_PER_HOUR), NS_PER_DAY);
	CHECK_INT(policy_default_shard_duration(180 * NS_PER_DAY - 1), NS_PER_DAY);
	CHECK_INT(policy_default_shard_duration(180 * NS_PER_DAY), NS_PER_WEEK);
}

TEST(policy__prints_five_lines_that_parse_back)
{
	struct policy_settings settings = policy_defaults(), back = { 0 };
	struct diag diag = { 0 };

	CHECK_STR(printed(&settings), "duration 0s\nshard_duration 1w\nshards 1\nreplication 1\n"
				      "default false\n");
	settings = (struct policy_settings){ 30 * NS_PER_DAY, NS_PER_DAY, 4, 2, true };
	CHECK_STR(printed(&settings), "duration 30d\nshard_duration 1d\nshards 4\nreplication 2\n"
				      "default true\n");
	CHECK_INT(policy_parse(slice_of_text(printed(&settings)), &back, &diag), OK);
	CHECK(memcmp(&back, &settings, sizeof(back)) == 0);
}

TEST(policy__absent_keys_keep_their_value)
{
	struct policy_settings settings = { 30 * NS_PER_DAY, NS_PER_DAY, 4, 1, true };
	struct diag diag = { 0 };

	CHECK_INT(policy_parse(SLICE("duration 60d"), &settings, &diag), OK);
	CHECK_INT(settings.duration_ns, 60 * NS_PER_DAY);
	CHECK_INT(settings.shard_duration_ns, NS_PER_DAY);
	CHECK_INT(settings.shards, 4);
	CHECK(settings.is_default);
	CHECK_INT(policy_parse(SLICE("\n# nothing but words\n\t default   false # it was\n"),
			       &settings, &diag),
		  OK);
	CHECK(!settings.is_default);
	CHECK_INT(policy_parse(SLICE("duration inf\r\n"), &settings, &diag), OK);
	CHECK_INT(settings.duration_ns, 0);
	CHECK_INT(policy_parse(SLICE(""), &settings, &diag), OK);
}

TEST(policy__short_duration_brings_its_shard_duration)
{
	struct policy_settings settings = policy_defaults();
	struct diag diag = { 0 };

	CHECK_INT(policy_parse(SLICE("duration 3d\n"), &settings, &diag), OK);
	CHECK_INT(settings.shard_duration_ns, NS_PER_DAY);
	CHECK_INT(policy_parse(SLICE("duration 1h\n"), &settings, &diag), OK);
	CHECK_INT(settings.shard_duration_ns, NS_PER_HOUR);
	CHECK_INT(policy_parse(SLICE("duration 30d\nshard_duration 0s\n"), &settings, &diag), OK);
	CHECK_INT(settings.shard_duration_ns, NS_PER_DAY);
	settings.shard_duration_ns = 0;
	CHECK_INT(policy_parse(SLICE("duration 52w\n"), &settings, &diag), OK);
	CHECK_INT(settings.shard_duration_ns, NS_PER_WEEK);
}

static const struct {
	const char *text, *error;
	unsigned line, column;
} mistakes[] = {
	{ "duration 59m", "retention policy duration must be at least 1h0m0s", 0, 0 },
	{ "duration 1d\nshard_duration 2d",
	  "retention policy duration must be greater than the shard duration", 0, 0 },
	{ "shard_duration 90m", "shard duration must be whole hours", 0, 0 },
	{ "shard_duration 30m", "shard duration must be whole hours", 0, 0 },
	{ "shards 0", "shards must be 1 to 64", 0, 0 },
	{ "shards 65", "shards must be 1 to 64", 0, 0 },
	{ "replication 0", "replication must be at least 1", 0, 0 },
	{ "shards -1", "bad value for shards, expected a number", 1, 8 },
	{ "shards 99999999999", "bad value for shards, expected a number", 1, 8 },
	{ "duration 2d\ndefault yes", "bad value for default, expected true or false", 2, 9 },
	{ "duration", "bad value for duration, expected a duration as 30d, or 0s to keep for ever",
	  1, 9 },
	{ "duration 1x",
	  "bad value for duration, expected a duration as 30d, or 0s to keep for ever", 1, 10 },
	{ "duration 99999999w",
	  "bad value for duration, expected a duration as 30d, or 0s to keep for ever", 1, 10 },
	{ "duration 1d 2d", "expected the end of the line", 1, 13 },
	{ " Duration 1d",
	  "unknown key, expected duration, shard_duration, shards, replication or default", 1, 2 },
};

TEST(policy__mistakes_change_nothing_and_say_where)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct policy_settings settings = policy_defaults();
		struct policy_settings before = settings;
		struct diag diag = { 0 };

		CHECK_INT(policy_parse(slice_of_text(mistakes[i].text), &settings, &diag),
			  ERR_INVALID);
		CHECK_STR(diag.text, mistakes[i].error);
		CHECK_INT(diag.line, mistakes[i].line);
		CHECK_INT(diag.column, mistakes[i].column);
		CHECK(memcmp(&settings, &before, sizeof(before)) == 0);
	}
}
