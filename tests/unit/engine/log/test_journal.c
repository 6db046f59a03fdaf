/* The framing under the log, the catalog and the indexes: whatever happens to its bytes. */
#include "engine/log/journal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "engine/base/bytes.h"
#include "engine/base/env.h"
#include "engine/base/log.h"
#include "tests/lib/test.h"

static const char *new_path(void)
{
	static char path[400];
	const char *dir = test_dir();

	env_mkdir(dir);
	snprintf(path, sizeof(path), "%s/journal", dir);
	return path;
}

/* What the log tells of damage is expected here, hundreds of times. */
__attribute__((constructor)) static void be_quiet(void)
{
	log_to_syslog(true);
}

/* What a replay gave: sequences and payloads, one after the other. */
struct seen {
	struct buf text;
	size_t count;
	uint64_t last;
};

static int see(void *arg, uint64_t sequence, struct slice payload)
{
	struct seen *seen = arg;

	buf_printf(&seen->text, "%llu:", (unsigned long long)sequence);
	buf_append_slice(&seen->text, payload);
	buf_append_byte(&seen->text, ' ');
	CHECK(seen->count == 0 || sequence > seen->last);
	seen->last = sequence;
	seen->count++;
	return OK;
}

static struct journal_damage replay(const char *path, struct seen *seen)
{
	struct journal_damage damage;

	buf_release(&seen->text);
	*seen = (struct seen){ 0 };
	CHECK_INT(journal_replay(path, see, seen, &damage), OK);
	return damage;
}

static void append(struct journal *journal, uint64_t sequence, const char *text)
{
	struct journal_record record = { sequence, slice_of_text(text) };

	CHECK_INT(journal_append(journal, &record, 1), OK);
}

/* Seven records of lengths from nothing to some hundred bytes; `ends` gets where each ends. */
#define RECORDS 7
static void write_sample(const char *path, size_t *ends)
{
	struct journal *journal;
	char text[400];

	CHECK_INT(journal_open(path, &journal), OK);
	for (int i = 0; i < RECORDS; i++) {
		memset(text, 'a' + i, sizeof(text));
		text[i * i * 4] = 0;
		append(journal, (uint64_t)i + 1, text);
		ends[i] = journal_bytes(journal);
	}
	CHECK_INT(journal_sync(journal), OK);
	journal_close(journal);
}

static void write_file(const char *path, struct slice content)
{
	CHECK_INT(env_write_file(path, content), OK);
}

TEST(journal__records_come_back_in_order)
{
	const char *path = new_path();
	struct journal_record two[] = { { 20, SLICE("b") }, { 21, SLICE("") } };
	struct journal_damage damage;
	struct journal *journal;
	struct seen seen = { 0 };

	REQUIRE(journal_open(path, &journal) == OK);
	append(journal, 7, "a");
	CHECK_INT(journal_append(journal, two, 2), OK);
	CHECK_INT(journal_append(journal, NULL, 0), OK);
	CHECK_INT(journal_sequence(journal), 21);
	CHECK_INT(journal_bytes(journal), 16 + 3 * 16 + 2);
	journal_close(journal);
	REQUIRE(journal_open(path, &journal) == OK);
	CHECK_INT(journal_sequence(journal), 21);
	append(journal, 22, "c");
	journal_close(journal);
	damage = replay(path, &seen);
	CHECK_SLICE(buf_slice(&seen.text), "7:a 20:b 21: 22:c ");
	CHECK_INT(damage.bytes_skipped + damage.tail_bytes + damage.records_lost_min, 0);
	buf_release(&seen.text);
}

TEST(journal__missing_file_is_not_found)
{
	struct journal_damage damage;
	struct seen seen = { 0 };

	CHECK_INT(journal_replay(new_path(), see, &seen, &damage), ERR_NOT_FOUND);
}

static int refuse(void *arg, uint64_t sequence, struct slice payload)
{
	++*(int *)arg;
	return sequence == 3 ? ERR_LIMIT : OK;
}

TEST(journal__replay_ends_with_the_error_of_who_takes_the_records)
{
	const char *path = new_path();
	struct journal_damage damage;
	size_t ends[RECORDS];
	int calls = 0;

	write_sample(path, ends);
	CHECK_INT(journal_replay(path, refuse, &calls, &damage), ERR_LIMIT);
	CHECK_INT(calls, 3);
}

TEST(journal__cut_anywhere_keeps_every_whole_record)
{
	const char *path = new_path();
	struct buf whole = { 0 };
	struct seen seen = { 0 };
	size_t ends[RECORDS];

	write_sample(path, ends);
	REQUIRE(env_read_file(path, &whole) == OK);
	for (size_t cut = 0; cut <= whole.length; cut++) {
		struct journal_damage damage;
		struct journal *journal;
		size_t expected = 0, start = 16;

		while (expected < RECORDS && ends[expected] <= cut)
			start = ends[expected++];
		start = start > cut ? 0 : start;
		write_file(path, slice_of(whole.data, cut));
		damage = replay(path, &seen);
		CHECK_INT(seen.count, expected);
		CHECK_INT(damage.tail_bytes, cut - start);
		CHECK_INT(damage.bytes_skipped, 0);
		/* Go on behind it: what was torn is gone, what comes is whole. */
		REQUIRE(journal_open(path, &journal) == OK);
		append(journal, 1000, "more");
		journal_close(journal);
		damage = replay(path, &seen);
		CHECK_INT(seen.count, expected + 1);
		CHECK_INT(damage.tail_bytes + damage.bytes_skipped, 0);
	}
	buf_release(&whole);
	buf_release(&seen.text);
}

TEST(journal__torn_tail_is_kept_beside)
{
	const char *path = new_path();
	struct buf whole = { 0 }, torn = { 0 };
	struct journal *journal;
	size_t ends[RECORDS];
	char torn_path[500];

	write_sample(path, ends);
	REQUIRE(env_read_file(path, &whole) == OK);
	write_file(path, slice_of(whole.data, whole.length - 1));
	REQUIRE(journal_open(path, &journal) == OK);
	journal_close(journal);
	snprintf(torn_path, sizeof(torn_path), "%s.torn", path);
	REQUIRE(env_read_file(torn_path, &torn) == OK);
	CHECK_INT(torn.length, ends[RECORDS - 1] - ends[RECORDS - 2] - 1);
	CHECK(memcmp(torn.data, whole.data + ends[RECORDS - 2], torn.length) == 0);
	buf_release(&whole);
	buf_release(&torn);
}

/* Which record does the byte belong to; RECORDS: the header. */
static int record_of(const size_t *ends, size_t at)
{
	int record = 0;

	if (at < 16)
		return RECORDS;
	while (ends[record] <= at)
		record++;
	return record;
}

TEST(journal__any_flipped_byte_costs_at_most_its_record)
{
	const char *path = new_path();
	struct buf whole = { 0 };
	struct seen seen = { 0 };
	size_t ends[RECORDS];
	uint64_t random = test_seed();

	write_sample(path, ends);
	REQUIRE(env_read_file(path, &whole) == OK);
	for (size_t at = 0; at < whole.length; at++) {
		int hit = record_of(ends, at);
		char byte = whole.data[at];
		struct journal_damage damage;
		struct journal *journal;

		whole.data[at] ^= (char)(1u << (test_random(&random) % 8));
		write_file(path, buf_slice(&whole));
		damage = replay(path, &seen);
		CHECK_INT(seen.count, hit == RECORDS ? RECORDS : RECORDS - 1);
		CHECK_INT(damage.records_lost_min, hit < RECORDS - 1);
		CHECK_INT(damage.tail_bytes,
			  hit == RECORDS - 1 ? ends[RECORDS - 1] - ends[RECORDS - 2] : 0);
		CHECK((damage.bytes_skipped > 0) == (hit != RECORDS - 1));
		/* A damaged header is mended, damage in the middle is left to those who look. */
		REQUIRE(journal_open(path, &journal) == OK);
		append(journal, 1000, "more");
		journal_close(journal);
		damage = replay(path, &seen);
		CHECK_INT(seen.count, hit == RECORDS ? RECORDS + 1 : RECORDS);
		CHECK_INT(damage.tail_bytes, 0);
		CHECK(hit != RECORDS || damage.bytes_skipped == 0);
		whole.data[at] = byte;
	}
	buf_release(&whole);
	buf_release(&seen.text);
}

TEST(journal__holes_of_zeros_are_jumped_over)
{
	const char *path = new_path();
	struct buf whole = { 0 };
	struct seen seen = { 0 };
	size_t ends[RECORDS];
	struct journal_damage damage;

	write_sample(path, ends);
	REQUIRE(env_read_file(path, &whole) == OK);
	memset(whole.data + ends[1], 0, ends[4] - ends[1]);
	write_file(path, buf_slice(&whole));
	damage = replay(path, &seen);
	CHECK_INT(seen.count, RECORDS - 3);
	CHECK_INT(damage.records_lost_min, 1);
	CHECK_INT(damage.bytes_skipped, ends[4] - ends[1]);
	/* All zeros behind the header: a tail, however long. */
	memset(whole.data + 16, 0, whole.length - 16);
	write_file(path, buf_slice(&whole));
	damage = replay(path, &seen);
	CHECK_INT(seen.count, 0);
	CHECK_INT(damage.tail_bytes, whole.length - 16);
	buf_release(&whole);
	buf_release(&seen.text);
}

TEST(journal__records_of_an_older_file_are_none)
{
	const char *path = new_path();
	struct buf old = { 0 }, new = { 0 };
	struct seen seen = { 0 };
	size_t ends[RECORDS];
	struct journal_damage damage;

	write_sample(path, ends);
	REQUIRE(env_read_file(path, &old) == OK);
	REQUIRE(env_unlink(path) == OK);
	write_sample(path, ends);
	REQUIRE(env_read_file(path, &new) == OK);
	/* The blocks of the old file show behind the third record of the new one. */
	new.length = ends[2];
	buf_append(&new, old.data + ends[2], ends[RECORDS - 1] - ends[2]);
	write_file(path, buf_slice(&new));
	damage = replay(path, &seen);
	CHECK_INT(seen.count, 3);
	CHECK_INT(damage.tail_bytes, ends[RECORDS - 1] - ends[2]);
	buf_release(&old);
	buf_release(&new);
	buf_release(&seen.text);
}

TEST(journal__random_damage_never_gives_a_wrong_record)
{
	const char *path = new_path();
	struct buf whole = { 0 }, damaged = { 0 };
	uint64_t random = test_seed();
	size_t ends[RECORDS];

	write_sample(path, ends);
	REQUIRE(env_read_file(path, &whole) == OK);
	for (int round = 0; round < 300; round++) {
		struct seen seen = { 0 };
		struct journal *journal;

		buf_reset(&damaged);
		buf_append_slice(&damaged, buf_slice(&whole));
		for (uint64_t i = test_random(&random) % 20; i > 0; i--)
			damaged.data[test_random(&random) % damaged.length] =
				(char)test_random(&random);
		damaged.length -= test_random(&random) % 50;
		write_file(path, buf_slice(&damaged));
		replay(path, &seen);
		CHECK(seen.count <= RECORDS);
		for (size_t i = 0; i < seen.text.length; i++)
			CHECK(strchr("0123456789: abcdefg", seen.text.data[i]));
		REQUIRE(journal_open(path, &journal) == OK);
		append(journal, 50, "x");
		journal_close(journal);
		buf_release(&seen.text);
	}
	buf_release(&whole);
	buf_release(&damaged);
}

TEST(journal__no_journal_at_all_becomes_one)
{
	const char *path = new_path();
	struct seen seen = { 0 };
	struct journal *journal;

	write_file(path, SLICE("this was never a journal, but it is longer than a header"));
	REQUIRE(journal_open(path, &journal) == OK);
	append(journal, 1, "a");
	journal_close(journal);
	CHECK_INT(replay(path, &seen).tail_bytes, 0);
	CHECK_SLICE(buf_slice(&seen.text), "1:a ");
	buf_release(&seen.text);
}

TEST(journal__refused_append_leaves_what_was)
{
	const char *path = new_path();
	struct rlimit limit, small;
	struct seen seen = { 0 };
	struct journal *journal;
	static char text[5000];
	struct journal_record record = { 2, slice_of(text, sizeof(text)) };
	uint64_t bytes;

	REQUIRE(journal_open(path, &journal) == OK);
	append(journal, 1, "first");
	bytes = journal_bytes(journal);
	/* A limit on the file's size makes write(2) short, then fail: as a full disk does. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = (struct rlimit){ 1000, limit.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK(journal_append(journal, &record, 1) < 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	CHECK_INT(journal_bytes(journal), bytes);
	append(journal, 2, "second");
	journal_close(journal);
	CHECK_INT(replay(path, &seen).tail_bytes, 0);
	CHECK_SLICE(buf_slice(&seen.text), "1:first 2:second ");
	buf_release(&seen.text);
}

TEST(journal__payload_over_the_limit_is_too_long)
{
	struct journal_record record = { 1, { "", JOURNAL_PAYLOAD_BYTES_MAX + 1u } };
	struct journal *journal;

	REQUIRE(journal_open(new_path(), &journal) == OK);
	CHECK_INT(journal_append(journal, &record, 1), ERR_TOO_LONG);
	CHECK_INT(journal_bytes(journal), 16);
	journal_close(journal);
}

/* Is the copy the same bytes as the journal? */
static bool is_copied(const char *path)
{
	struct buf main = { 0 }, copy = { 0 };
	char copy_path[500];

	snprintf(copy_path, sizeof(copy_path), "%s.copy", path);
	CHECK_INT(env_read_file(path, &main), OK);
	CHECK_INT(env_read_file(copy_path, &copy), OK);
	bool is_same = slice_equal(buf_slice(&main), buf_slice(&copy));
	buf_release(&main);
	buf_release(&copy);
	return is_same;
}

TEST(journal__its_copy_has_what_was_synced_and_no_more_also_after_a_rest)
{
	const char *path = new_path();
	struct journal *journal;

	REQUIRE(journal_open_copied(path, &journal) == OK);
	for (int i = 0; i < 3; i++) {
		append(journal, (uint64_t)i + 1, "a record");
		CHECK(!is_copied(path));
		CHECK_INT(journal_sync(journal), OK);
		CHECK(is_copied(path));
		journal_rest(journal);
	}
	journal_close(journal);
}
