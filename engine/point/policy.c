/*
 * The settings of a policy as text, and back.
 *
 * Why: what a policy keeps can be read and set with cat and echo. One table of
 * keys, the same for both ways.
 */
#include "engine/point/policy.h"

#include "engine/base/number.h"
#include "engine/base/when.h"

struct policy_settings policy_defaults(void)
{
	return (struct policy_settings){
		.shard_duration_ns = policy_default_shard_duration(0),
		.shards = 1,
		.replication = 1,
	};
}

int64_t policy_default_shard_duration(int64_t duration_ns)
{
	if (duration_ns == 0 || duration_ns >= 180 * NS_PER_DAY)
		return NS_PER_WEEK;
	return duration_ns >= 2 * NS_PER_DAY ? NS_PER_DAY : NS_PER_HOUR;
}

int policy_check(const struct policy_settings *s, struct diag *diag)
{
	if (s->duration_ns != 0 && s->duration_ns < NS_PER_HOUR)
		return diag_set(diag, ERR_INVALID,
				"retention policy duration must be at least 1h0m0s");
	if (s->shard_duration_ns < NS_PER_HOUR || s->shard_duration_ns % NS_PER_HOUR != 0)
		return diag_set(diag, ERR_INVALID, "shard duration must be whole hours");
	if (s->duration_ns != 0 && s->shard_duration_ns > s->duration_ns)
		return diag_set(
			diag, ERR_INVALID,
			"retention policy duration must be greater than the shard duration");
	if (s->shards < 1 || s->shards > POLICY_SHARDS_MAX)
		return diag_set(diag, ERR_INVALID, "shards must be 1 to %u", POLICY_SHARDS_MAX);
	if (s->replication < 1)
		return diag_set(diag, ERR_INVALID, "replication must be at least 1");
	return OK;
}

/* --- the table of keys ---------------------------------------------------- */

static int duration_scan(struct slice text, int64_t *ns)
{
	if (slice_equal(text, SLICE("inf")) || slice_equal(text, SLICE("INF"))) {
		*ns = 0;
		return OK;
	}
	return duration_parse(text, ns) < 0 ? ERR_INVALID : OK;
}

static int count_scan(struct slice text, uint32_t *count)
{
	uint64_t value;

	if (unsigned_parse(text, &value) < 0 || value > UINT32_MAX)
		return ERR_INVALID;
	*count = (uint32_t)value;
	return OK;
}

static int set_duration(struct policy_settings *s, struct slice text)
{
	return duration_scan(text, &s->duration_ns);
}

static int set_shard_duration(struct policy_settings *s, struct slice text)
{
	return duration_scan(text, &s->shard_duration_ns);
}

static int set_shards(struct policy_settings *s, struct slice text)
{
	return count_scan(text, &s->shards);
}

static int set_replication(struct policy_settings *s, struct slice text)
{
	return count_scan(text, &s->replication);
}

static int set_default(struct policy_settings *s, struct slice text)
{
	s->is_default = slice_equal(text, SLICE("true"));
	return s->is_default || slice_equal(text, SLICE("false")) ? OK : ERR_INVALID;
}

static void print_duration(struct buf *out, int64_t ns)
{
	char text[DURATION_BYTES_MAX];

	buf_append(out, text, duration_print(text, ns));
}

static void show_duration(struct buf *out, const struct policy_settings *s)
{
	print_duration(out, s->duration_ns);
}

static void show_shard_duration(struct buf *out, const struct policy_settings *s)
{
	print_duration(out, s->shard_duration_ns);
}

static void show_shards(struct buf *out, const struct policy_settings *s)
{
	buf_printf(out, "%u", s->shards);
}

static void show_replication(struct buf *out, const struct policy_settings *s)
{
	buf_printf(out, "%u", s->replication);
}

static void show_default(struct buf *out, const struct policy_settings *s)
{
	buf_append_text(out, s->is_default ? "true" : "false");
}

static const struct policy_key {
	const char *name;
	int (*set)(struct policy_settings *s, struct slice text);
	void (*show)(struct buf *out, const struct policy_settings *s);
	const char *expected;
} policy_keys[] = {
	{ "duration", set_duration, show_duration, "a duration as 30d, or 0s to keep for ever" },
	{ "shard_duration", set_shard_duration, show_shard_duration, "a duration as 1d" },
	{ "shards", set_shards, show_shards, "a number" },
	{ "replication", set_replication, show_replication, "a number" },
	{ "default", set_default, show_default, "true or false" },
};
enum { KEY_SHARD_DURATION = 1 };
#define POLICY_KEY_COUNT (sizeof(policy_keys) / sizeof(policy_keys[0]))

void policy_print(struct buf *out, const struct policy_settings *settings)
{
	for (size_t i = 0; i < POLICY_KEY_COUNT; i++) {
		buf_printf(out, "%s ", policy_keys[i].name);
		policy_keys[i].show(out, settings);
		buf_append_byte(out, '\n');
	}
}

/* --- reading the text ----------------------------------------------------- */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Takes the next word off the front of `line`; empty at its end. */
static struct slice take_word(struct slice *line)
{
	size_t start = 0, end;

	while (start < line->length && is_blank(line->data[start]))
		start++;
	for (end = start; end < line->length && !is_blank(line->data[end]); end++)
		;
	*line = slice_from(*line, end);
	return slice_of(line->data - (end - start), end - start);
}

static struct slice take_line(struct slice *text)
{
	const char *newline = slice_find(*text, '\n');
	size_t length = newline ? (size_t)(newline - text->data) : text->length;
	struct slice line = slice_of(text->data, length);

	*text = slice_from(*text, newline ? length + 1 : length);
	return line;
}

static uint32_t column_of(struct slice line, struct slice word)
{
	return (uint32_t)(word.data - line.data) + 1;
}

/* line := [ key value ] [ "#" anything ]; `*seen` gains the bit of the key */
static int parse_line(struct slice line, uint64_t number, struct policy_settings *settings,
		      unsigned *seen, struct diag *diag)
{
	struct slice rest = line;
	struct slice key = take_word(&rest), value = take_word(&rest), more = take_word(&rest);
	size_t i;

	if (key.length == 0 || key.data[0] == '#')
		return OK;
	for (i = 0; i < POLICY_KEY_COUNT; i++)
		if (slice_equal(key, slice_of_text(policy_keys[i].name)))
			break;
	if (i == POLICY_KEY_COUNT)
		return diag_set_at(diag, ERR_INVALID, number, column_of(line, key),
				   "unknown key, expected duration, shard_duration, shards, "
				   "replication or default");
	if (policy_keys[i].set(settings, value) < 0)
		return diag_set_at(diag, ERR_INVALID, number, column_of(line, value),
				   "bad value for %s, expected %s", policy_keys[i].name,
				   policy_keys[i].expected);
	if (more.length != 0 && more.data[0] != '#')
		return diag_set_at(diag, ERR_INVALID, number, column_of(line, more),
				   "expected the end of the line");
	*seen |= 1u << i;
	return OK;
}

/* One that was never set, or that a short duration leaves too long, is the duration's default. */
static void settle_shard_duration(struct policy_settings *settings, unsigned seen)
{
	bool given = seen & 1u << KEY_SHARD_DURATION;
	bool too_long =
		settings->duration_ns != 0 && settings->shard_duration_ns > settings->duration_ns;

	if (settings->shard_duration_ns == 0 || (!given && too_long))
		settings->shard_duration_ns = policy_default_shard_duration(settings->duration_ns);
}

int policy_parse(struct slice text, struct policy_settings *settings, struct diag *diag)
{
	struct policy_settings changed = *settings;
	unsigned seen = 0;

	text = slice_without_mark(text);
	for (uint64_t number = 1; text.length; number++)
		TRY(parse_line(take_line(&text), number, &changed, &seen, diag));
	settle_shard_duration(&changed, seen);
	TRY(policy_check(&changed, diag));
	*settings = changed;
	return OK;
}
