/* What exists besides points: found by id, name and time; there again after anything. */
#include "engine/names/catalog.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
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
	snprintf(path, sizeof(path), "%s/catalog", dir);
	return path;
}

static struct catalog *opened(const char *path, bool read_only)
{
	struct diag diag = { 0 };
	struct catalog *catalog = NULL;

	CHECK_INT(catalog_open(path, read_only, &catalog, &diag), OK);
	CHECK_STR(diag.text, "");
	if (!catalog)
		abort();
	return catalog;
}

static int add(struct catalog *c, uint32_t parent, enum object_kind kind, const char *name,
	       uint32_t *id)
{
	struct object object = { .parent_id = parent,
				 .kind = kind,
				 .name = slice_of_text(name),
				 .attrs = { .mode = 0750, .uid = 7, .gid = 8 },
				 .policy = policy_defaults() };
	int err = catalog_add(c, &object);

	*id = object.id;
	return err;
}

static uint32_t added(struct catalog *c, uint32_t parent, enum object_kind kind, const char *name)
{
	uint32_t id = 0;

	CHECK_INT(add(c, parent, kind, name, &id), OK);
	return id;
}

static int add_group(struct catalog *c, uint32_t policy, int64_t start_s, int64_t end_s,
		     uint32_t *id)
{
	struct object object = { .parent_id = policy,
				 .kind = OBJECT_GROUP,
				 .window = { .start_s = start_s, .end_s = end_s } };
	int err = catalog_add(c, &object);

	*id = object.id;
	return err;
}

static void dump_object(struct catalog *c, uint32_t id, int depth, struct buf *out)
{
	struct object o, *children;
	size_t count;

	CHECK_INT(catalog_get(c, id, &o), OK);
	buf_printf(out, "%*s%u %d %.*s %o %u %u %lld %lld %lld", depth, "", o.id, o.kind,
		   (int)o.name.length, o.name.data, o.attrs.mode, o.attrs.uid, o.attrs.gid,
		   (long long)o.attrs.atime_ns, (long long)o.attrs.mtime_ns,
		   (long long)o.attrs.ctime_ns);
	buf_printf(out, " %lld %lld %u %u %d", (long long)o.policy.duration_ns,
		   (long long)o.policy.shard_duration_ns, o.policy.shards, o.policy.replication,
		   o.policy.is_default);
	buf_printf(out, " %lld %lld %u %u '%.*s'\n", (long long)o.window.start_s,
		   (long long)o.window.end_s, o.window.shards, o.window.number,
		   (int)o.payload.length, o.payload.data);
	CHECK_INT(catalog_list(c, id, 0, &children, &count), OK);
	for (size_t i = 0; i < count; i++) {
		struct object found;

		CHECK_INT(children[i].parent_id, id);
		CHECK_INT(catalog_find(c, id, children[i].name, &found), OK);
		CHECK_INT(found.id, children[i].id);
		dump_object(c, children[i].id, depth + 1, out);
	}
	free(children);
}

/* Everything, as text. */
static struct buf dump(struct catalog *c)
{
	struct buf out = { 0 };

	dump_object(c, OBJECT_ROOT_ID, 0, &out);
	return out;
}

static void check_same_after_reopen(const char *path, struct catalog **c)
{
	struct buf before = dump(*c), after;

	CHECK_INT(catalog_close(*c), OK);
	*c = opened(path, false);
	after = dump(*c);
	CHECK_STR(buf_text(&after), buf_text(&before));
	buf_release(&before);
	buf_release(&after);
}

TEST(catalog__everything_is_there_after_reopening)
{
	const char *path = new_path();
	struct catalog *c = opened(path, false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "mydb");
	uint32_t policy = added(c, db, OBJECT_POLICY, "autogen");
	uint32_t views = added(c, db, OBJECT_VIEWS, "views");
	uint32_t queries = added(c, db, OBJECT_CONTINUOUS, "continuous");
	uint32_t query = added(c, queries, OBJECT_CONTINUOUS_QUERY, "cpu_5m");
	uint32_t view = added(c, views, OBJECT_VIEW, "cpu.csv");
	uint32_t group, id;
	struct object object;
	struct policy_settings settings = { 30 * NS_PER_DAY, NS_PER_DAY, 3, 1, true };

	CHECK_INT(add_group(c, policy, 0, 86400, &group), OK);
	CHECK_INT(add(c, policy, OBJECT_POLICY_FILE, ".policy", &id), OK);
	CHECK_INT(catalog_set_policy(c, policy, &settings), OK);
	CHECK_INT(catalog_set_payload(c, query, SLICE("select mean(v) from m into n")), OK);
	CHECK_INT(catalog_set_payload(c, view, SLICE("../query/x.csv")), OK);
	CHECK_INT(catalog_set_shards(c, group, 5), OK);
	check_same_after_reopen(path, &c);
	REQUIRE(catalog_find(c, OBJECT_ROOT_ID, SLICE("mydb"), &object) == OK);
	CHECK_INT(object.id, db);
	CHECK_INT(object.attrs.mode, 0750);
	CHECK(object.attrs.mtime_ns > 0);
	REQUIRE(catalog_get(c, policy, &object) == OK);
	CHECK_INT(object.policy.duration_ns, 30 * NS_PER_DAY);
	CHECK_INT(object.policy.shards, 3);
	REQUIRE(catalog_get(c, query, &object) == OK);
	CHECK_SLICE(object.payload, "select mean(v) from m into n");
	REQUIRE(catalog_get(c, group, &object) == OK);
	CHECK_SLICE(object.name, "1970-01-01--1970-01-02");
	CHECK_INT(object.window.shards, 5);
	CHECK_INT(catalog_close(c), OK);
}

TEST(catalog__what_does_not_fit_is_refused)
{
	struct catalog *c = opened(new_path(), false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t policy = added(c, db, OBJECT_POLICY, "p"), id;
	uint64_t version = catalog_version(c);
	char longest[257];
	struct object object;

	memset(longest, 'x', sizeof(longest));
	longest[256] = 0;
	CHECK_INT(add(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db", &id), ERR_EXISTS);
	CHECK_INT(add(c, 99, OBJECT_POLICY, "p2", &id), ERR_NOT_FOUND);
	CHECK_INT(add(c, db, OBJECT_DATABASE, "d", &id), ERR_INVALID);
	CHECK_INT(add(c, policy, OBJECT_VIEW, "v", &id), ERR_INVALID);
	CHECK_INT(add(c, OBJECT_ROOT_ID, OBJECT_ROOT, "r", &id), ERR_INVALID);
	CHECK_INT(add(c, db, OBJECT_POLICY, "", &id), ERR_INVALID);
	CHECK_INT(add(c, db, OBJECT_POLICY, "a/b", &id), ERR_INVALID);
	CHECK_INT(add(c, db, OBJECT_POLICY, "..", &id), ERR_INVALID);
	CHECK_INT(add(c, db, OBJECT_POLICY, longest, &id), ERR_TOO_LONG);
	CHECK_INT(add_group(c, policy, 0, 0, &id), ERR_INVALID);
	CHECK_INT(add_group(c, policy, 1, 3601, &id), ERR_INVALID);
	CHECK_INT(catalog_remove(c, 99), ERR_NOT_FOUND);
	CHECK_INT(catalog_remove(c, OBJECT_ROOT_ID), ERR_NOT_PERMITTED);
	CHECK_INT(catalog_rename(c, 99, SLICE("x"), false), ERR_NOT_FOUND);
	CHECK_INT(catalog_rename(c, db, SLICE("a/b"), false), ERR_INVALID);
	CHECK_INT(catalog_set_payload(c, db, SLICE("x")), ERR_INVALID);
	CHECK_INT(catalog_set_policy(c, db, &(struct policy_settings){ 0 }), ERR_NOT_FOUND);
	CHECK_INT(catalog_set_policy(c, policy, &(struct policy_settings){ 0 }), ERR_INVALID);
	CHECK_INT(catalog_get(c, 0, &object), ERR_NOT_FOUND);
	CHECK_INT(catalog_find(c, db, SLICE("q"), &object), ERR_NOT_FOUND);
	CHECK_INT(catalog_version(c), version);
	longest[255] = 0;
	CHECK_INT(add(c, db, OBJECT_POLICY, longest, &id), OK);
	CHECK(catalog_version(c) > version);
	catalog_close(c);
}

TEST(catalog__groups_are_found_by_time_and_listed_by_start)
{
	const char *path = new_path();
	struct catalog *c = opened(path, false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t p = added(c, db, OBJECT_POLICY, "p"), q = added(c, db, OBJECT_POLICY, "q");
	uint32_t late, early, middle, other, id;
	struct object object, *list;
	size_t count;

	CHECK_INT(add_group(c, p, 7200, 10800, &late), OK);
	CHECK_INT(add_group(c, p, -7200, -3600, &early), OK);
	CHECK_INT(add_group(c, q, 0, 3600, &other), OK);
	CHECK_INT(add_group(c, p, 0, 3600, &middle), OK);
	CHECK_INT(add_group(c, p, 0, 3600, &id), ERR_EXISTS);
	CHECK_INT(add_group(c, p, 0, 7200, &id), ERR_INVALID);
	CHECK_INT(add_group(c, p, -3600 * 9, 3600 * 9, &id), ERR_INVALID);
	CHECK_INT(add_group(c, p, 7200, 14400, &id), ERR_INVALID);
	check_same_after_reopen(path, &c);
	REQUIRE(catalog_list(c, p, OBJECT_GROUP, &list, &count) == OK && count == 3);
	CHECK_INT(list[0].id, early);
	CHECK_INT(list[1].id, middle);
	CHECK_INT(list[2].id, late);
	/* Numbers are given in order of creation, over all policies. */
	CHECK_INT(list[0].window.number, 2);
	CHECK_INT(list[1].window.number, 4);
	CHECK_INT(list[2].window.number, 1);
	free(list);
	CHECK(catalog_find_group(c, p, 0, &object) == OK && object.id == middle);
	CHECK(catalog_find_group(c, p, 3599, &object) == OK && object.id == middle);
	CHECK_INT(catalog_find_group(c, p, 3600, &object), ERR_NOT_FOUND);
	CHECK_INT(catalog_find_group(c, p, -7201, &object), ERR_NOT_FOUND);
	CHECK(catalog_find_group(c, p, -7200, &object) == OK && object.id == early);
	CHECK(catalog_find_group(c, p, 10799, &object) == OK && object.id == late);
	CHECK_INT(catalog_find_group(c, 99, 0, &object), ERR_NOT_FOUND);
	CHECK_INT(catalog_rename(c, late, SLICE("x"), false), ERR_NOT_PERMITTED);
	/* A number is not given twice, not even the highest of a removed one. */
	CHECK_INT(catalog_remove(c, middle), OK);
	CHECK_INT(catalog_close(c), OK);
	c = opened(path, false);
	CHECK_INT(add_group(c, p, 0, 7200, &id), OK);
	REQUIRE(catalog_get(c, id, &object) == OK);
	CHECK_INT(object.window.number, 5);
	CHECK(id > middle);
	catalog_close(c);
}

static const char *default_policy(struct catalog *c, uint32_t db)
{
	static char name[256];
	struct object object;

	if (catalog_default_policy(c, db, &object) < 0)
		return "";
	snprintf(name, sizeof(name), "%.*s", (int)object.name.length, object.name.data);
	return name;
}

TEST(catalog__there_is_one_default_policy)
{
	struct catalog *c = opened(new_path(), false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t other = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "other");
	struct policy_settings settings = policy_defaults();
	struct object third = { .parent_id = db, .kind = OBJECT_POLICY, .name = SLICE("third") };
	uint32_t first, second;

	CHECK_STR(default_policy(c, db), "");
	first = added(c, db, OBJECT_POLICY, "first");
	CHECK_STR(default_policy(c, db), "first");
	second = added(c, db, OBJECT_POLICY, "second");
	added(c, other, OBJECT_POLICY, "foreign");
	CHECK_STR(default_policy(c, db), "first");
	settings.is_default = true;
	CHECK_INT(catalog_set_policy(c, second, &settings), OK);
	CHECK_STR(default_policy(c, db), "second");
	third.policy = settings;
	CHECK_INT(catalog_add(c, &third), OK);
	CHECK_STR(default_policy(c, db), "third");
	settings.is_default = false;
	CHECK_INT(catalog_set_policy(c, third.id, &settings), OK);
	CHECK_STR(default_policy(c, db), "first");
	CHECK_INT(catalog_remove(c, first), OK);
	CHECK_STR(default_policy(c, db), "");
	CHECK_STR(default_policy(c, other), "foreign");
	added(c, db, OBJECT_POLICY, "next");
	CHECK_STR(default_policy(c, db), "next");
	catalog_close(c);
}

TEST(catalog__a_default_is_handed_on_to_autogen_or_one_without_settings)
{
	struct catalog *c = opened(new_path(), false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t first = added(c, db, OBJECT_POLICY, "first");
	uint32_t second = added(c, db, OBJECT_POLICY, "second"), autogen;
	struct policy_settings settings = policy_defaults();

	added(c, second, OBJECT_POLICY_FILE, ".policy");
	CHECK_INT(catalog_set_policy(c, first, &settings), OK);
	CHECK_STR(default_policy(c, db), "");
	settings.is_default = true;
	CHECK_INT(catalog_set_policy(c, first, &settings), OK);
	added(c, db, OBJECT_POLICY, "third");
	autogen = added(c, db, OBJECT_POLICY, "autogen");
	CHECK_STR(default_policy(c, db), "first");
	settings.is_default = false;
	CHECK_INT(catalog_set_policy(c, second, &settings), OK);
	CHECK_STR(default_policy(c, db), "first");
	CHECK_INT(catalog_set_policy(c, first, &settings), OK);
	CHECK_STR(default_policy(c, db), "autogen");
	added(c, autogen, OBJECT_POLICY_FILE, ".policy");
	added(c, first, OBJECT_POLICY_FILE, ".policy");
	CHECK_INT(catalog_set_policy(c, autogen, &settings), OK);
	CHECK_STR(default_policy(c, db), "third");
	catalog_close(c);
}

static int64_t mtime(struct catalog *c, uint32_t id)
{
	struct object object;

	CHECK_INT(catalog_get(c, id, &object), OK);
	return object.attrs.mtime_ns;
}

static void set_mtime(struct catalog *c, uint32_t id, int64_t mtime_ns)
{
	struct object object;

	CHECK_INT(catalog_get(c, id, &object), OK);
	object.attrs.mtime_ns = mtime_ns;
	CHECK_INT(catalog_set_attrs(c, id, &object.attrs), OK);
}

TEST(catalog__directory_times_change_with_names_only)
{
	struct catalog *c = opened(new_path(), false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db"), policy, group;
	struct policy_settings settings = policy_defaults();

	set_mtime(c, OBJECT_ROOT_ID, 1);
	set_mtime(c, db, 1);
	policy = added(c, db, OBJECT_POLICY, "p");
	CHECK(mtime(c, db) > 1);
	CHECK_INT(mtime(c, OBJECT_ROOT_ID), 1);
	set_mtime(c, db, 1);
	CHECK_INT(catalog_rename(c, policy, SLICE("q"), false), OK);
	CHECK(mtime(c, db) > 1);
	set_mtime(c, db, 1);
	set_mtime(c, policy, 1);
	CHECK_INT(catalog_set_policy(c, policy, &settings), OK);
	CHECK_INT(mtime(c, policy), 1);
	CHECK_INT(add_group(c, policy, 0, 3600, &group), OK);
	CHECK(mtime(c, policy) > 1);
	set_mtime(c, policy, 1);
	CHECK_INT(catalog_remove(c, group), OK);
	CHECK(mtime(c, policy) > 1);
	CHECK_INT(mtime(c, db), 1);
	catalog_close(c);
}

TEST(catalog__rename_replaces_only_when_told_and_its_own_kind)
{
	const char *path = new_path();
	struct catalog *c = opened(path, false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t views = added(c, db, OBJECT_VIEWS, "views");
	uint32_t a = added(c, views, OBJECT_VIEW, "a"), b = added(c, views, OBJECT_VIEW, "b");
	uint32_t p = added(c, db, OBJECT_POLICY, "p"), group;
	struct object object;
	struct slice old_name;

	CHECK_INT(add_group(c, p, 0, 3600, &group), OK);
	CHECK_INT(catalog_rename(c, a, SLICE("b"), false), ERR_EXISTS);
	CHECK_INT(catalog_rename(c, a, SLICE("a"), false), OK);
	REQUIRE(catalog_get(c, a, &object) == OK);
	old_name = object.name;
	CHECK_INT(catalog_rename(c, a, SLICE("b"), true), OK);
	CHECK_INT(catalog_get(c, b, &object), ERR_NOT_FOUND);
	CHECK(catalog_find(c, views, SLICE("b"), &object) == OK && object.id == a);
	CHECK_INT(catalog_find(c, views, SLICE("a"), &object), ERR_NOT_FOUND);
	CHECK_SLICE(old_name, "a"); /* what was handed out lives on */
	CHECK_INT(catalog_rename(c, p, SLICE("views"), true), ERR_EXISTS);
	CHECK_INT(catalog_rename(c, p, SLICE("r"), false), OK);
	CHECK(catalog_find_group(c, p, 0, &object) == OK && object.id == group);
	CHECK_INT(catalog_rename(c, db, SLICE("db2"), false), OK);
	check_same_after_reopen(path, &c);
	CHECK_INT(catalog_remove(c, db), OK);
	CHECK_INT(catalog_get(c, group, &object), ERR_NOT_FOUND);
	CHECK_INT(catalog_find(c, views, SLICE("b"), &object), ERR_NOT_FOUND);
	check_same_after_reopen(path, &c);
	catalog_close(c);
}

TEST(catalog__read_only_changes_nothing)
{
	const char *path = new_path();
	struct catalog *c = opened(path, true);
	struct object object;
	uint32_t id;

	CHECK_INT(catalog_get(c, OBJECT_ROOT_ID, &object), OK);
	CHECK_INT(add(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db", &id), ERR_READ_ONLY);
	CHECK_INT(catalog_sync(c), OK);
	CHECK_INT(catalog_close(c), OK);
	CHECK(!env_exists(path));
	c = opened(path, false);
	added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	catalog_close(c);
	c = opened(path, true);
	CHECK_INT(catalog_find(c, OBJECT_ROOT_ID, SLICE("db"), &object), OK);
	CHECK_INT(catalog_remove(c, object.id), ERR_READ_ONLY);
	CHECK_INT(catalog_find(c, OBJECT_ROOT_ID, SLICE("db"), &object), OK);
	catalog_close(c);
}

TEST(catalog__refused_append_leaves_memory_as_it_was)
{
	const char *path = new_path();
	struct catalog *c = opened(path, false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t views = added(c, db, OBJECT_VIEWS, "views"),
		 view = added(c, views, OBJECT_VIEW, "v");
	struct buf before = dump(c), after;
	struct rlimit limit, small;
	struct policy_settings settings = policy_defaults();
	uint32_t id;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = (struct rlimit){ 100, limit.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK(add(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db2", &id) < 0);
	CHECK(catalog_remove(c, db) < 0);
	CHECK(catalog_rename(c, view, SLICE("w"), false) < 0);
	CHECK(catalog_set_payload(c, view, SLICE("w")) < 0);
	CHECK(add(c, db, OBJECT_POLICY, "p", &id) < 0);
	CHECK_INT(catalog_set_policy(c, id, &settings), ERR_NOT_FOUND);
	setrlimit(RLIMIT_FSIZE, &limit);
	after = dump(c);
	CHECK_STR(buf_text(&after), buf_text(&before));
	CHECK_INT(catalog_rename(c, view, SLICE("w"), false), OK);
	check_same_after_reopen(path, &c);
	buf_release(&before);
	buf_release(&after);
	catalog_close(c);
}

TEST(catalog__many_groups_and_views_are_quick_and_the_file_stays_small)
{
	const char *path = new_path();
	struct catalog *c = opened(path, false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t p = added(c, db, OBJECT_POLICY, "p"), views = added(c, db, OBJECT_VIEWS, "views");
	int64_t start = env_monotonic_ns();
	struct buf file = { 0 };
	struct object object, *list;
	size_t count;
	char name[32];
	uint32_t id;

	for (int i = 0; i < 1000; i++)
		CHECK_INT(add_group(c, p, (i * 7 % 1000) * 3600, (i * 7 % 1000 + 1) * 3600, &id),
			  OK);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "view%d.csv", i);
		added(c, views, OBJECT_VIEW, name);
	}
	for (int i = 0; i < 30000; i++) {
		snprintf(name, sizeof(name), "view%d.csv", i % 100);
		CHECK_INT(catalog_find(c, views, slice_of_text(name), &object), OK);
		CHECK_INT(catalog_set_payload(c, object.id, slice_of_text(name)), OK);
	}
	for (int i = 0; i < 100000; i++)
		CHECK_INT(catalog_find_group(c, p, i * 36, &object), OK);
	check_same_after_reopen(path, &c);
	REQUIRE(catalog_list(c, views, OBJECT_VIEW, &list, &count) == OK);
	CHECK_INT(count, 10000);
	CHECK_SLICE(list[9999].name, "view9999.csv");
	free(list);
	CHECK_INT(catalog_remove(c, views), OK);
	CHECK_INT(catalog_close(c), OK);
	CHECK(env_monotonic_ns() - start < 20 * NS_PER_SECOND);
	REQUIRE(env_read_file(path, &file) == OK);
	CHECK(file.length < 300000);
	buf_release(&file);
}

/* Names that random work picks from: few, so that they meet. */
static struct slice some_name(uint64_t *random)
{
	static const char *const names[] = { "a", "b", "c", "d", "eeeeeeeeeeeeeeeeeeeeeeee" };

	return slice_of_text(names[test_random(random) % 5]);
}

/* One random change; most are possible, many are not. */
static void change_somehow(struct catalog *c, uint64_t *random)
{
	struct object object = { 0 };
	uint32_t id = (uint32_t)(test_random(random) % 40) + 1;
	int64_t hour = (int64_t)(test_random(random) % 20) - 10;
	struct policy_settings settings = policy_defaults();

	switch (test_random(random) % 12) {
	case 0: catalog_remove(c, test_random(random) % 4 ? id + 10 : id); return;
	case 1: catalog_rename(c, id, some_name(random), test_random(random) % 2); return;
	case 2: catalog_set_payload(c, id, some_name(random)); return;
	case 3: set_mtime(c, OBJECT_ROOT_ID, (int64_t)test_random(random)); return;
	case 4:
		settings.is_default = test_random(random) % 2;
		catalog_set_policy(c, id, &settings);
		return;
	default: break;
	}
	object.kind = test_random(random) % 8 + OBJECT_DATABASE;
	object.parent_id = object.kind == OBJECT_DATABASE ? OBJECT_ROOT_ID : id;
	object.name = some_name(random);
	object.policy = settings;
	object.window.start_s = hour * 3600;
	object.window.end_s = (hour + 1 + (int64_t)(test_random(random) % 3)) * 3600;
	if (catalog_add(c, &object) == OK) {
		struct object found;

		CHECK(catalog_get(c, object.id, &found) == OK && found.kind == object.kind);
	}
}

TEST(catalog__random_changes_are_the_same_after_reopening)
{
	uint64_t random = test_seed();

	for (int round = 0; round < 20; round++) {
		const char *path = new_path();
		char kept[400];
		struct catalog *c;

		snprintf(kept, sizeof(kept), "%s", path);
		c = opened(kept, false);
		for (int i = 0; i < 5; i++) {
			for (int j = 0; j < 60; j++)
				change_somehow(c, &random);
			check_same_after_reopen(kept, &c);
		}
		catalog_close(c);
	}
}

/* A catalog that was not closed cleanly: its journal has each change in a record of its own. */
static void write_sample(const char *path, struct buf *file)
{
	struct catalog *c = opened(path, false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	uint32_t p = added(c, db, OBJECT_POLICY, "p");
	uint32_t views = added(c, db, OBJECT_VIEWS, "views"), id;

	add_group(c, p, 0, 3600, &id);
	add_group(c, p, 3600, 7200, &id);
	added(c, views, OBJECT_VIEW, "v");
	added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db2");
	CHECK_INT(env_read_file(path, file), OK);
	catalog_close(c);
}

TEST(catalog__cut_anywhere_keeps_a_beginning)
{
	const char *path = new_path();
	struct buf file = { 0 };
	size_t lines_before = 0;

	write_sample(path, &file);
	for (size_t cut = 0; cut <= file.length; cut++) {
		struct catalog *c;
		struct buf text;
		size_t lines = 0;
		uint32_t id;

		damage_write_alone(path, slice_of(file.data, cut));
		c = opened(path, false);
		text = dump(c);
		for (size_t i = 0; i < text.length; i++)
			lines += text.data[i] == '\n';
		CHECK(lines >= lines_before && lines <= 8);
		lines_before = lines;
		CHECK_INT(add(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "new", &id), OK);
		check_same_after_reopen(path, &c);
		catalog_close(c);
		buf_release(&text);
	}
	CHECK_INT(lines_before, 8);
	buf_release(&file);
}

TEST(catalog__any_flipped_byte_costs_one_change_and_nothing_below_it)
{
	const char *path = new_path();
	struct buf file = { 0 };
	size_t recovered = 0;

	write_sample(path, &file);
	for (size_t at = 0; at < file.length; at++) {
		struct catalog *c;
		struct buf text;
		size_t lines = 0;
		uint32_t id;

		file.data[at] ^= 0x10;
		damage_write_alone(path, buf_slice(&file));
		file.data[at] ^= 0x10;
		c = opened(path, false);
		text = dump(c);
		for (size_t i = 0; i < text.length; i++)
			lines += text.data[i] == '\n';
		/* The leaf itself, or nothing: parents have stand-ins. */
		CHECK(lines >= 7 && lines <= 8);
		recovered += strstr(buf_text(&text), " recovered.") != NULL;
		CHECK_INT(add(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "new", &id), OK);
		check_same_after_reopen(path, &c);
		catalog_close(c);
		buf_release(&text);
	}
	CHECK(recovered > 0);
	buf_release(&file);
}

TEST(catalog__its_copy_has_what_any_damage_took)
{
	const char *path = new_path();
	char copy_path[4096];
	struct buf file = { 0 }, copy = { 0 }, whole = { 0 };
	struct catalog *c;

	write_sample(path, &file);
	c = opened(path, false);
	whole = dump(c);
	catalog_close(c);
	buf_reset(&file);
	CHECK_INT(env_read_file(path, &file), OK);
	snprintf(copy_path, sizeof(copy_path), "%s.copy", path);
	CHECK_INT(env_read_file(copy_path, &copy), OK);
	for (enum damage_kind kind = 0; kind < DAMAGE_KINDS; kind++) {
		for (size_t at = 0; at < (kind == DAMAGE_MISSING ? 1 : file.length); at++) {
			for (int read_only = 1; read_only >= 0; read_only--) {
				struct buf text;

				damage_write(path, buf_slice(&file), buf_slice(&copy), kind, at);
				c = opened(path, read_only);
				text = dump(c);
				CHECK(slice_equal(buf_slice(&text), buf_slice(&whole)));
				CHECK(!catalog_was_damaged(c));
				catalog_close(c);
				buf_release(&text);
			}
			/* Mended for good. */
			env_unlink(copy_path);
			c = opened(path, true);
			struct buf text = dump(c);
			CHECK(slice_equal(buf_slice(&text), buf_slice(&whole)));
			catalog_close(c);
			buf_release(&text);
		}
	}
	buf_release(&file);
	buf_release(&copy);
	buf_release(&whole);
}

TEST(catalog__a_catalog_that_was_written_anew_has_a_copy)
{
	const char *path = new_path();
	char copy_path[4096];
	struct catalog *c = opened(path, false);
	struct buf file = { 0 }, copy = { 0 };
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");

	for (int i = 0; i < 50; i++)
		set_mtime(c, db, i);
	CHECK_INT(catalog_sync(c), OK);
	CHECK_INT(env_read_file(path, &file), OK);
	size_t grown = file.length;
	catalog_compact(c);
	added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "more");
	CHECK_INT(catalog_sync(c), OK);
	buf_reset(&file);
	CHECK_INT(env_read_file(path, &file), OK);
	CHECK(file.length < grown / 2);
	snprintf(copy_path, sizeof(copy_path), "%s.copy", path);
	CHECK_INT(env_read_file(copy_path, &copy), OK);
	CHECK(slice_equal(buf_slice(&copy), buf_slice(&file)));
	catalog_close(c);
	buf_release(&file);
	buf_release(&copy);
}

TEST(catalog__what_was_removed_is_known_until_it_is_forgotten)
{
	const char *path = new_path();
	struct catalog *c = opened(path, false);
	uint32_t id = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "gone");

	CHECK(!catalog_was_removed(c, id));
	CHECK_INT(catalog_remove(c, id), OK);
	CHECK(catalog_was_removed(c, id));
	catalog_close(c); /* which rewrites it */
	c = opened(path, false);
	CHECK(catalog_was_removed(c, id));
	CHECK(!catalog_was_removed(c, id + 1));
	CHECK_INT(catalog_reserve(c, id + 7), OK);
	CHECK_INT(added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "new"), id + 8);
	catalog_close(c);
	c = opened(path, false);
	CHECK_INT(added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "newer"), id + 9);
	catalog_forget_removed(c);
	CHECK(!catalog_was_removed(c, id));
	catalog_close(c);
}

struct reading {
	struct catalog *catalog;
	uint32_t policy;
	bool stop; /* atomic */
};

static void *read_on(void *arg)
{
	struct reading *r = arg;

	for (int i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		struct object object, *list;
		size_t count;

		if (catalog_find_group(r->catalog, r->policy, i % 400 * 3600, &object) == OK)
			CHECK(object.window.start_s == i % 400 * 3600 && object.name.length > 10);
		CHECK_INT(catalog_find(r->catalog, OBJECT_ROOT_ID, SLICE("db"), &object), OK);
		if (i % 50 == 0) {
			CHECK_INT(catalog_list(r->catalog, r->policy, 0, &list, &count), OK);
			free(list);
			CHECK_INT(catalog_sync(r->catalog), OK);
		}
	}
	return NULL;
}

TEST(catalog__changes_while_others_look)
{
	struct catalog *c = opened(new_path(), false);
	uint32_t db = added(c, OBJECT_ROOT_ID, OBJECT_DATABASE, "db");
	struct reading r = { c, added(c, db, OBJECT_POLICY, "p"), false };
	pthread_t threads[2];
	uint32_t ids[400];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_on, &r);
	for (int i = 0; i < 400; i++)
		CHECK_INT(add_group(c, r.policy, i * 3600, (i + 1) * 3600, &ids[i]), OK);
	for (int i = 0; i < 400; i += 2)
		CHECK_INT(catalog_remove(c, ids[i]), OK);
	for (int i = 0; i < 2000; i++)
		set_mtime(c, ids[1], i);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	catalog_close(c);
}
