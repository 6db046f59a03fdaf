/* The series index: compared with a model of a page, cut, flipped, reopened, weighed and timed. */
#include "engine/names/index.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "engine/base/env.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/names/postings.h"
#include "engine/point/name.h"
#include "tests/lib/damage.h"
#include "tests/lib/test.h"

/* What the log tells of damage is expected here, hundreds of times. */
__attribute__((constructor)) static void be_quiet(void)
{
	log_to_syslog(true);
}

static const char *new_path(void)
{
	static char path[400];
	const char *dir = test_dir();

	env_mkdir(dir);
	snprintf(path, sizeof(path), "%s/index", dir);
	return path;
}

static struct index *opened(const char *path, bool read_only)
{
	struct diag diag = { 0 };
	struct index *index = NULL;

	CHECK_INT(index_open(path, read_only, &index, &diag), OK);
	CHECK_INT(index_settle(index), OK);
	CHECK_STR(diag.text, "");
	if (!index)
		abort();
	return index;
}

static uint32_t series(struct index *index, const char *key)
{
	struct diag diag = { 0 };
	uint32_t id;

	CHECK_INT(index_series(index, slice_of_text(key), true, &id, &diag), OK);
	CHECK_INT(index_write(index), OK);
	CHECK_STR(diag.text, "");
	return id;
}

static uint32_t found(struct index *index, const char *key)
{
	struct diag diag = { 0 };
	uint32_t id;

	CHECK_INT(index_series(index, slice_of_text(key), false, &id, &diag), OK);
	return id;
}

static uint32_t field(struct index *index, uint32_t measurement, const char *name, bool add)
{
	uint32_t id;

	CHECK_INT(index_field(index, measurement, slice_of_text(name), add, &id), OK);
	CHECK_INT(index_write(index), OK);
	return id;
}

static const char *key_of(struct index *index, uint32_t id)
{
	static struct buf out;

	buf_reset(&out);
	index_series_key(index, id, &out);
	return buf_text(&out);
}

/* Everything it knows, as text. */
static struct buf dump(struct index *index)
{
	struct buf out = { 0 };

	for (uint32_t m = 0; m < index_measurement_count(index); m++) {
		struct slice name = index_measurement_name(index, m);

		buf_printf(&out, "m %u %.*s", m, (int)name.length, name.data);
		for (uint32_t f = 0; f < index_field_count(index, m); f++) {
			name = index_field_name(index, m, f);
			buf_printf(&out, " f %.*s", (int)name.length, name.data);
		}
		for (uint32_t k = 0; k < index_tag_key_count(index, m); k++) {
			name = index_tag_key_name(index, m, k);
			buf_printf(&out, " k %.*s:", (int)name.length, name.data);
			for (uint32_t v = 0; v < index_tag_value_count(index, m, k); v++) {
				name = index_tag_value_name(index, m, k, v);
				buf_printf(&out, " %.*s", (int)name.length, name.data);
			}
		}
		buf_append_byte(&out, '\n');
	}
	for (uint32_t s = 0; s < index_series_count(index); s++) {
		buf_printf(&out, "s %u ", s);
		index_series_key(index, s, &out);
		buf_append_byte(&out, '\n');
	}
	return out;
}

static void check_same_after_reopen(const char *path, struct index **index)
{
	struct buf before = dump(*index), after;

	CHECK_INT(index_close(*index), OK);
	*index = opened(path, false);
	after = dump(*index);
	CHECK_STR(buf_text(&after), buf_text(&before));
	buf_release(&before);
	buf_release(&after);
}

TEST(postings__give_back_what_was_added)
{
	uint64_t random = test_seed();

	for (int round = 0; round < 200; round++) {
		struct postings postings = { 0 };
		uint32_t ids[300], out[300];
		uint32_t count = 0;
		uint32_t next = (uint32_t)(test_random(&random) % 1000);

		for (uint64_t i = test_random(&random) % 300; i > 0; i--) {
			ids[count++] = next;
			postings_add(&postings, next);
			next += (uint32_t)(test_random(&random) >>
					   (40 + test_random(&random) % 24)) +
				1;
			if (next > 4000000000u)
				break;
		}
		CHECK_INT(postings_count(&postings), count);
		postings_get(&postings, out);
		CHECK(memcmp(ids, out, count * sizeof(*ids)) == 0);
		postings_release(&postings);
	}
}

/* Seven bytes beside the count, in a list from then on; large ids take five. */
TEST(postings__a_few_take_nothing_but_the_struct)
{
	struct postings few = { 0 }, large = { 0 };
	uint32_t out[8];

	for (uint32_t i = 0; i < 7; i++) {
		postings_add(&few, 100 + i);
		CHECK_INT(postings_bytes(&few), 0);
	}
	postings_add(&few, 107);
	CHECK(postings_bytes(&few) > 0);
	CHECK_INT(postings_count(&few), 8);
	postings_get(&few, out);
	for (uint32_t i = 0; i < 8; i++)
		CHECK_INT(out[i], 100 + i);
	postings_add(&large, 4000000000u);
	postings_add(&large, 4000000001u);
	postings_add(&large, 4000000128u);
	CHECK_INT(postings_bytes(&large), 0);
	postings_add(&large, 4294967294u);
	CHECK_INT(postings_count(&large), 4);
	postings_get(&large, out);
	CHECK(out[0] == 4000000000u && out[1] == 4000000001u && out[2] == 4000000128u &&
	      out[3] == 4294967294u);
	postings_release(&few);
	postings_release(&large);
}

TEST(postings__out_of_order_ids_find_their_place)
{
	static const uint32_t added[] = { 500, 7, 0, 4294967294u, 501, 7, 300, 0 };
	static const uint32_t sorted[] = { 0, 7, 300, 500, 501, 4294967294u };
	struct postings postings = { 0 };
	uint32_t out[8];

	for (int i = 0; i < 8; i++)
		postings_add(&postings, added[i]);
	CHECK_INT(postings_count(&postings), 6);
	postings_get(&postings, out);
	CHECK(memcmp(out, sorted, sizeof(sorted)) == 0);
	postings_release(&postings);
}

TEST(index__any_spelling_is_the_same_series)
{
	const char *path = new_path();
	struct index *index = opened(path, false);
	uint32_t id = series(index, "cpu,host=a,region=west"), other;

	CHECK_INT(id, 0);
	CHECK_INT(series(index, "cpu,region=west,host=a"), id);
	CHECK_INT(series(index, "cpu,region=west,host=a"), id);
	CHECK_INT(series(index, "cpu,host=a,region=west"), id);
	other = series(index, "cpu,region=west,host=b");
	CHECK_INT(other, 1);
	CHECK_STR(key_of(index, other), "cpu,host=b,region=west");
	CHECK_INT(series(index, "cpu"), 2);
	CHECK_INT(series(index, "cpu,host=a"), 3);
	CHECK_INT(found(index, "cpu,host=c"), ID_NONE);
	CHECK_INT(found(index, "mem"), ID_NONE);
	CHECK_INT(index_series_count(index), 4);
	CHECK_INT(index_measurement_count(index), 1);
	check_same_after_reopen(path, &index);
	CHECK_INT(found(index, "cpu,region=west,host=a"), id);
	CHECK_INT(found(index, "cpu,region=west,host=b"), other);
	CHECK_INT(index_close(index), OK);
}

TEST(index__escaped_keys_are_the_same_series_and_no_others)
{
	const char *path = new_path();
	struct index *index = opened(path, false);
	/* One series with a comma in its value, another with two tags. */
	uint32_t one = series(index, "m,k=a\\,b\\=c"), two = series(index, "m,k=a,b=c");
	uint32_t space = series(index, "my\\ m,a\\ key=a\\ value,b=\xc3\xa9/%");

	CHECK(one != two);
	CHECK_INT(series(index, "m,b=c,k=a"), two);
	CHECK_INT(series(index, "m,k=a\\,b\\=c"), one);
	CHECK_INT(series(index, "my\\ m,b=\xc3\xa9/%,a\\ key=a\\ value"), space);
	CHECK_STR(key_of(index, one), "m,k=a\\,b\\=c");
	CHECK_STR(key_of(index, space), "my\\ m,a\\ key=a\\ value,b=\xc3\xa9/%");
	CHECK_SLICE(index_measurement_name(index, index_series_measurement(index, space)), "my m");
	check_same_after_reopen(path, &index);
	CHECK_INT(found(index, "m,k=a\\,b\\=c"), one);
	CHECK_INT(found(index, "m,k=a,b=c"), two);
	index_close(index);
}

TEST(index__what_is_no_key_is_refused)
{
	static const char *const bad[] = { "", ",a=b", "m,", "m,a", "m,a=", "m,=b", "m,a=b,a=c" };
	struct index *index = opened(new_path(), false);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag diag = { 0 };
		uint32_t id = 7;

		CHECK_INT(index_series(index, slice_of_text(bad[i]), true, &id, &diag),
			  ERR_INVALID);
		CHECK(diag.text[0] != 0);
		CHECK_INT(id, ID_NONE);
	}
	CHECK_INT(index_series_count(index), 0);
	index_close(index);
}

TEST(index__series_of_tags_is_the_series_of_its_key)
{
	struct index *index = opened(new_path(), false);
	struct tag tags[] = { { SLICE("host"), SLICE("a b") }, { SLICE("x"), SLICE("y,z") } };
	struct tag empty = { SLICE("host"), SLICE("") };
	struct tag got[TAGS_PER_SERIES_MAX];
	struct diag diag = { 0 };
	uint32_t id, again;

	CHECK_INT(index_series_of_tags(index, SLICE("cpu"), tags, 2, false, &id, &diag), OK);
	CHECK_INT(id, ID_NONE);
	CHECK_INT(index_series_of_tags(index, SLICE("cpu"), tags, 2, true, &id, &diag), OK);
	CHECK_INT(series(index, "cpu,x=y\\,z,host=a\\ b"), id);
	CHECK_INT(index_series_of_tags(index, SLICE("cpu"), tags, 2, false, &again, &diag), OK);
	CHECK_INT(again, id);
	REQUIRE(index_series_tags(index, id, got) == 2);
	CHECK_SLICE(got[0].key, "host");
	CHECK_SLICE(got[0].value, "a b");
	CHECK_SLICE(got[1].value, "y,z");
	CHECK_INT(index_series_of_tags(index, SLICE("cpu"), &empty, 1, true, &id, &diag),
		  ERR_INVALID);
	CHECK_STR(diag.text, "missing tag value");
	diag = (struct diag){ 0 };
	CHECK_INT(index_series_of_tags(index, SLICE(""), tags, 1, true, &id, &diag), ERR_INVALID);
	CHECK_STR(diag.text, "missing measurement");
	index_close(index);
}

TEST(index__fields_are_numbered_by_measurement)
{
	const char *path = new_path();
	struct index *index = opened(path, false);
	uint32_t cpu = index_series_measurement(index, series(index, "cpu,host=a"));
	uint32_t mem = index_series_measurement(index, series(index, "mem"));
	struct line_field line[] = { { .key = SLICE("idle") },
				     { .key = SLICE("user") },
				     { .key = SLICE("idle") },
				     { .key = SLICE("nice") } };
	uint32_t ids[4] = { ID_NONE, 0, 12, 7 };

	CHECK_INT(field(index, cpu, "user", false), ID_NONE);
	CHECK_INT(field(index, cpu, "user", true), 0);
	CHECK_INT(field(index, mem, "free", true), 0);
	CHECK_INT(index_fields(index, cpu, line, 4, false, ids), OK);
	CHECK(ids[0] == ID_NONE && ids[1] == 0 && ids[2] == ID_NONE && ids[3] == ID_NONE);
	CHECK_INT(index_fields(index, cpu, line, 4, true, ids), OK);
	CHECK(ids[0] == 1 && ids[1] == 0 && ids[2] == 1 && ids[3] == 2);
	CHECK_INT(index_fields(index, cpu, line, 4, true, ids), OK);
	CHECK(ids[0] == 1 && ids[1] == 0 && ids[2] == 1 && ids[3] == 2);
	CHECK_INT(index_field_count(index, cpu), 3);
	CHECK_INT(index_field(index, 99, SLICE("x"), true, ids), ERR_INVALID);
	CHECK_INT(index_field(index, cpu, SLICE(""), true, ids), ERR_INVALID);
	check_same_after_reopen(path, &index);
	CHECK_SLICE(index_field_name(index, cpu, 2), "nice");
	CHECK_SLICE(index_field_name(index, cpu, 3), "");
	CHECK_INT(field(index, cpu, "idle", false), 1);
	index_close(index);
}

TEST(index__numbers_never_given_have_nothing)
{
	struct index *index = opened(new_path(), false);
	uint32_t *ids;
	size_t count;
	struct tag tags[TAGS_PER_SERIES_MAX];

	for (uint32_t n = 0; n < 2; n++) {
		uint32_t id = n ? ID_NONE : 5;

		CHECK_SLICE(index_measurement_name(index, id), "");
		CHECK_SLICE(index_tag_key_name(index, id, 0), "");
		CHECK_SLICE(index_tag_value_name(index, id, 0, 0), "");
		CHECK_INT(index_tag_key_count(index, id), 0);
		CHECK_INT(index_tag_value_count(index, id, id), 0);
		CHECK_INT(index_field_count(index, id), 0);
		CHECK_INT(index_series_measurement(index, id), ID_NONE);
		CHECK_INT(index_series_tag(index, id, 0), ID_NONE);
		CHECK_INT(index_series_tags(index, id, tags), 0);
		CHECK_STR(key_of(index, id), "");
		CHECK_INT(index_series_of_measurement(index, id, &ids, &count), OK);
		CHECK_INT(count, 0);
		free(ids);
		CHECK_INT(index_postings(index, id, 0, 0, &ids, &count), OK);
		CHECK_INT(count, 0);
		free(ids);
	}
	index_close(index);
}

TEST(index__series_max_is_a_limit)
{
	struct index *index = opened(new_path(), false);
	struct diag diag = { 0 };
	uint32_t id;

	index_set_series_max(index, 2);
	series(index, "a");
	series(index, "b");
	CHECK_INT(index_series(index, SLICE("c"), true, &id, &diag), ERR_LIMIT);
	CHECK_STR(diag.text, "max-series-per-database limit exceeded: (2)");
	CHECK_INT(index_measurement_find(index, SLICE("c")), ID_NONE);
	CHECK_INT(series(index, "b"), 1);
	index_close(index);
}

TEST(index__read_only_adds_nothing)
{
	const char *path = new_path();
	struct index *index = opened(path, true);
	struct diag diag = { 0 };
	uint32_t id;

	CHECK_INT(index_series(index, SLICE("a"), true, &id, &diag), ERR_READ_ONLY);
	CHECK_INT(index_close(index), OK);
	CHECK(!env_exists(path));
	index = opened(path, false);
	series(index, "a");
	index_close(index);
	index = opened(path, true);
	CHECK_INT(found(index, "a"), 0);
	CHECK_INT(index_series(index, SLICE("b"), true, &id, &diag), ERR_READ_ONLY);
	CHECK_INT(index_field(index, 0, SLICE("f"), true, &id), ERR_READ_ONLY);
	index_close(index);
}

TEST(index__what_the_file_refused_waits_for_the_next_write)
{
	const char *path = new_path();
	struct index *index = opened(path, false);
	struct index *other;
	struct rlimit limit, small;
	struct diag diag = { 0 };
	struct buf before, after;
	uint32_t id;

	series(index, "a,b=c");
	CHECK_INT(index_write(index), OK);
	before = dump(index);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = (struct rlimit){ 30, limit.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK_INT(index_series(index, SLICE("a,b=d"), true, &id, &diag), OK);
	CHECK_INT(index_write(index), ERR_FILE_SIZE);
	CHECK_INT(index_series(index, SLICE("b,c=d,e=f"), true, &id, &diag), OK);
	CHECK_INT(index_write(index), ERR_FILE_SIZE);
	CHECK_INT(index_sync(index), ERR_FILE_SIZE);
	other = opened(path, true);
	after = dump(other);
	CHECK_STR(buf_text(&after), buf_text(&before));
	index_close(other);
	setrlimit(RLIMIT_FSIZE, &limit);
	CHECK_INT(index_write(index), OK);
	CHECK_INT(series(index, "a,b=d"), 1);
	check_same_after_reopen(path, &index);
	buf_release(&before);
	buf_release(&after);
	index_close(index);
}

TEST(index__cut_names_find_their_series)
{
	const char *path = new_path();
	struct index *index = opened(path, false);
	struct buf key = { 0 }, name = { 0 };
	uint32_t ids[3];

	for (int i = 0; i < 3; i++) {
		buf_reset(&key);
		buf_append_text(&key, "cpu,host=");
		for (int j = 0; j < 120; j++)
			buf_append_text(&key, j == 60 && i == 2 ? "\xc3\xa9" : "ab");
		buf_printf(&key, ",n=%d", i);
		/* Three bytes each as %XX: short as a key, long as a name. */
		for (int j = 0; j < (i == 1 ? 60 : 0); j++)
			buf_append_byte(&key, '/');
		ids[i] = series(index, buf_text(&key));
	}
	series(index, "short");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			buf_reset(&name);
			index_series_name(index, ids[i], &name);
			CHECK(name.length <= NAME_BYTES_MAX);
			CHECK_INT(index_series_of_cut_name(index, buf_slice(&name)),
				  name_is_cut(buf_slice(&name)) ? ids[i] : ID_NONE);
			if (!name_is_cut(buf_slice(&name)))
				continue;
			name.data[name.length - 1] ^= 1;
			CHECK_INT(index_series_of_cut_name(index, buf_slice(&name)), ID_NONE);
			name.data[name.length - 1] ^= 1;
			name.data[0] ^= 1;
			CHECK_INT(index_series_of_cut_name(index, buf_slice(&name)), ID_NONE);
		}
		CHECK_INT(index_series_of_cut_name(index, SLICE("short")), ID_NONE);
		check_same_after_reopen(path, &index);
	}
	buf_reset(&name);
	index_series_name(index, ids[1], &name);
	CHECK(name_is_cut(buf_slice(&name)));
	buf_release(&key);
	buf_release(&name);
	index_close(index);
}

/* --- a model ---------------------------------------------------------------- */

/* Series of the model: which value each of four keys has, 0 = none, and its measurement. */
struct model_series {
	int measurement;
	int values[4];
};

static void print_model(const struct model_series *s, uint64_t *random, struct buf *out)
{
	static const char *const keys[] = { "a", "host", "r\\ r", "z" };
	unsigned start = (unsigned)(test_random(random) % 4);
	unsigned step = test_random(random) % 2 ? 1 : 3;

	buf_reset(out);
	buf_printf(out, "m%d", s->measurement);
	for (unsigned i = 0; i < 4; i++) {
		unsigned k = (start + i * step) % 4;

		if (s->values[k])
			buf_printf(out, ",%s=v%d", keys[k], s->values[k]);
	}
}

#define MODEL_MAX 600

/* The series of a tag value, by looking at every one. */
static void check_postings(struct index *index, const struct model_series *model, uint32_t count,
			   int measurement, int key, int value)
{
	static const char *const keys[] = { "a", "host", "r r", "z" };
	char name[16];
	uint32_t m, k, v, *ids, expected = 0;
	size_t n;

	snprintf(name, sizeof(name), "m%d", measurement);
	m = index_measurement_find(index, slice_of_text(name));
	k = index_tag_key_find(index, m, slice_of_text(keys[key]));
	snprintf(name, sizeof(name), "v%d", value);
	v = index_tag_value_find(index, m, k, slice_of_text(name));
	CHECK_INT(index_postings(index, m, k, v, &ids, &n), OK);
	for (uint32_t i = 0; i < count; i++) {
		if (model[i].measurement != measurement || model[i].values[key] != value)
			continue;
		CHECK(expected < n && ids[expected] == i);
		CHECK_INT(index_series_tag(index, i, k), v);
		expected++;
	}
	CHECK_INT(n, expected);
	free(ids);
}

static void check_model(struct index *index, const struct model_series *model, uint32_t count)
{
	CHECK_INT(index_series_count(index), count);
	for (int m = 0; m < 3; m++) {
		uint32_t *ids;
		size_t n, expected = 0;
		char name[16];

		for (int k = 0; k < 4; k++)
			for (int v = 1; v <= 9; v++)
				check_postings(index, model, count, m, k, v);
		snprintf(name, sizeof(name), "m%d", m);
		CHECK_INT(index_series_of_measurement(
				  index, index_measurement_find(index, slice_of_text(name)), &ids,
				  &n),
			  OK);
		for (uint32_t i = 0; i < count; i++)
			if (model[i].measurement == m)
				CHECK(expected < n && ids[expected++] == i);
		CHECK_INT(n, expected);
		free(ids);
	}
}

TEST(index__agrees_with_a_model)
{
	uint64_t random = test_seed();
	const char *path = new_path();
	struct index *index = opened(path, false);
	static struct model_series model[MODEL_MAX];
	struct buf key = { 0 };
	uint32_t count = 0;

	for (int i = 0; i < 3000 && count < MODEL_MAX; i++) {
		struct model_series s = { .measurement = (int)(test_random(&random) % 3) };
		uint32_t expected = 0;

		for (int k = 0; k < 4; k++)
			s.values[k] = (int)(test_random(&random) % (k == 1 ? 10 : 4));
		while (expected < count && memcmp(&model[expected], &s, sizeof(s)) != 0)
			expected++;
		print_model(&s, &random, &key);
		if (test_random(&random) % 3 == 0) {
			CHECK_INT(found(index, buf_text(&key)),
				  expected == count ? ID_NONE : expected);
			continue;
		}
		CHECK_INT(series(index, buf_text(&key)), expected);
		if (expected == count)
			model[count++] = s;
		if (i % 700 == 0)
			check_same_after_reopen(path, &index);
	}
	check_model(index, model, count);
	check_same_after_reopen(path, &index);
	check_model(index, model, count);
	buf_release(&key);
	index_close(index);
}

/* --- damage ------------------------------------------------------------------- */

static void write_sample(const char *path, struct buf *file, struct buf *whole)
{
	struct index *index = opened(path, false);

	series(index, "cpu,host=a,region=west");
	field(index, 0, "user", true);
	series(index, "cpu,host=b,region=west");
	series(index, "mem");
	field(index, 1, "free", true);
	series(index, "cpu,host=b,region=east,rack=1");
	field(index, 0, "idle", true);
	series(index, "cpu,host=a,region=west,rack=1");
	*whole = dump(index);
	index_close(index);
	CHECK_INT(env_read_file(path, file), OK);
}

TEST(index__cut_anywhere_keeps_a_beginning)
{
	const char *path = new_path();
	struct buf file = { 0 }, whole;
	uint32_t before = 0;

	write_sample(path, &file, &whole);
	for (size_t cut = 0; cut <= file.length; cut++) {
		struct index *index;

		damage_write_alone(path, slice_of(file.data, cut));
		index = opened(path, false);
		CHECK(index_series_count(index) >= before && index_series_count(index) <= 5);
		before = index_series_count(index);
		CHECK_INT(series(index, "cpu,host=new"), before);
		check_same_after_reopen(path, &index);
		index_close(index);
	}
	CHECK_INT(before, 5);
	buf_release(&file);
	buf_release(&whole);
}

TEST(index__any_flipped_byte_shifts_no_number)
{
	static const char *const keys[] = { "cpu,host=a,region=west", "cpu,host=b,region=west",
					    "mem", "cpu,host=b,rack=1,region=east",
					    "cpu,host=a,rack=1,region=west" };
	const char *path = new_path();
	struct buf file = { 0 }, whole;
	int recovered = 0;

	write_sample(path, &file, &whole);
	for (size_t at = 0; at < file.length; at++) {
		struct index *index;
		int same = 0, other = 0;

		file.data[at] ^= 0x20;
		damage_write_alone(path, buf_slice(&file));
		file.data[at] ^= 0x20;
		index = opened(path, false);
		/* Each is itself, or partly or wholly made up; the last may be gone. */
		for (uint32_t i = 0; i < index_series_count(index); i++) {
			const char *key = key_of(index, i);

			CHECK(key[0] != 0);
			CHECK_INT(found(index, key), i);
			if (strcmp(key, keys[i]) == 0)
				same++;
			else if (strstr(key, "recovered"))
				other++;
			else
				CHECK_STR(key, keys[i]);
		}
		CHECK(same >= 1 && same + other >= 4);
		recovered += other > 0;
		check_same_after_reopen(path, &index);
		series(index, "cpu,host=new");
		check_same_after_reopen(path, &index);
		index_close(index);
		/* Read-only, nothing can be mended on disk, but it reads. */
		damage_write_alone(path, buf_slice(&file));
		index = opened(path, true);
		CHECK_INT(index_series_count(index), 5);
		index_close(index);
	}
	CHECK(recovered > 0);
	buf_release(&file);
	buf_release(&whole);
}

TEST(index__its_copy_has_what_any_damage_took)
{
	const char *path = new_path();
	char copy_path[4096];
	struct buf file = { 0 }, copy = { 0 }, whole;

	write_sample(path, &file, &whole);
	snprintf(copy_path, sizeof(copy_path), "%s.copy", path);
	CHECK_INT(env_read_file(copy_path, &copy), OK);
	CHECK(slice_equal(buf_slice(&copy), buf_slice(&file)));
	for (enum damage_kind kind = 0; kind < DAMAGE_KINDS; kind++) {
		for (size_t at = 0; at < (kind == DAMAGE_MISSING ? 1 : file.length); at++) {
			for (int read_only = 1; read_only >= 0; read_only--) {
				struct index *index;
				struct buf text;

				damage_write(path, buf_slice(&file), buf_slice(&copy), kind, at);
				index = opened(path, read_only);
				CHECK(!index_was_damaged(index));
				text = dump(index);
				CHECK(slice_equal(buf_slice(&text), buf_slice(&whole)));
				index_close(index);
				buf_release(&text);
			}
		}
	}
	buf_release(&file);
	buf_release(&copy);
	buf_release(&whole);
}

/* --- size and speed -------------------------------------------------------------- */

static void weigh(const char *what, size_t count, size_t bytes_max,
		  void (*print)(struct buf *out, size_t i))
{
	const char *path = new_path();
	struct index *index = opened(path, false);
	struct buf key = { 0 };
	struct diag diag = { 0 };
	int64_t start = env_monotonic_ns(), loaded;
	uint32_t id, measurement;

	for (size_t i = 0; i < count; i++) {
		buf_reset(&key);
		print(&key, i);
		CHECK_INT(index_series(index, buf_slice(&key), true, &id, &diag), OK);
		CHECK_INT(id, i);
		measurement = index_series_measurement(index, id);
		CHECK_INT(index_field(index, measurement, SLICE("value"), true, &id), OK);
	}
	CHECK_INT(index_write(index), OK);
	printf("%s: %zu series, added in %lld ns each, %zu bytes each", what, count,
	       (long long)(env_monotonic_ns() - start) / (long long)count,
	       index_bytes(index) / count);
	CHECK(index_bytes(index) / count <= bytes_max);
	start = env_monotonic_ns();
	for (size_t i = 0; i < count; i++) {
		size_t n = i * 7919 % count;

		buf_reset(&key);
		print(&key, n);
		CHECK_INT(index_series(index, buf_slice(&key), false, &id, &diag), OK);
		CHECK_INT(id, n);
	}
	printf(", found in %lld ns", (long long)(env_monotonic_ns() - start) / (long long)count);
	CHECK_INT(index_close(index), OK);
	start = env_monotonic_ns();
	index = opened(path, false);
	loaded = env_monotonic_ns() - start;
	printf(", loaded in %lld ms, %zu bytes each\n", (long long)loaded / NS_PER_MS,
	       index_bytes(index) / count);
	CHECK_INT(index_series_count(index), count);
	CHECK(index_bytes(index) / count <= bytes_max);
	buf_release(&key);
	index_close(index);
}

/* The shape of a host of TSBS: ten tags, one of them unique. */
static void print_devops(struct buf *out, size_t i)
{
	buf_printf(out,
		   "cpu,arch=x%zu,datacenter=eu-central-1%c,hostname=host_%zu,os=Ubuntu16.%zuLTS,"
		   "rack=%zu,region=eu-central-%zu,service=%zu,service_environment=%s,"
		   "service_version=%zu,team=%s",
		   i % 2 ? (size_t)86 : (size_t)64, (char)('a' + i % 3), i, i % 10, i % 100, i % 9,
		   i % 20, i % 2 ? "production" : "staging", i % 2, i % 5 ? "SF" : "NYC");
}

static void print_dotted(struct buf *out, size_t i)
{
	buf_printf(out, "region.uswest.az.%zu.server%zu.cpu", i % 3, i);
}

static void print_random(struct buf *out, size_t i)
{
	uint64_t random = i;

	buf_printf(out, "m%zu,a=%016llx,b=%016llx", i % 50,
		   (unsigned long long)test_random(&random),
		   (unsigned long long)test_random(&random));
}

TEST(index__a_series_costs_at_most_400_bytes)
{
	const char *count = getenv("SERIES");
	size_t n = count ? strtoull(count, NULL, 10) : 100000;

	weigh("ten tags", n, 400, print_devops);
	weigh("no tags, a measurement each", n, 400, print_dotted);
	weigh("two unique tags", n, 400, print_random);
}

/* --- threads ------------------------------------------------------------------------- */

struct reading {
	struct index *index;
	bool stop; /* atomic */
};

static void *read_on(void *arg)
{
	struct reading *r = arg;
	struct buf key = { 0 };

	for (uint32_t i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		uint32_t count = index_series_count(r->index), id, *ids;
		struct diag diag = { 0 };
		size_t n;

		if (count == 0)
			continue;
		buf_reset(&key);
		index_series_key(r->index, i % count, &key);
		CHECK_INT(index_series(r->index, buf_slice(&key), i % 2, &id, &diag), OK);
		CHECK_INT(id, i % count);
		CHECK_INT(index_postings(r->index, 0, 0, i % 10, &ids, &n), OK);
		CHECK(n <= index_series_count(r->index));
		free(ids);
		CHECK(index_tag_value_name(r->index, 0, 0, 0).length == 2);
	}
	buf_release(&key);
	return NULL;
}

TEST(index__adds_while_others_read)
{
	struct reading r = { opened(new_path(), false), false };
	pthread_t threads[2];
	char key[64];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_on, &r);
	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), i % 2 ? "cpu,a=v%d,host=h%d" : "cpu,host=h%2$d,a=v%1$d",
			 i % 10, i);
		CHECK_INT(series(r.index, key), i);
		if (i % 1000 == 0) {
			snprintf(key, sizeof(key), "field%d", i);
			field(r.index, 0, key, true);
			CHECK_INT(index_sync(r.index), OK);
		}
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK_INT(index_series_count(r.index), 20000);
	index_close(r.index);
}
