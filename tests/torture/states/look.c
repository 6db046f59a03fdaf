/*
 * Why the engine and not a mount: a start, a look at every point and a second start take some
 * milliseconds, so thousands of states a minute are tried. states.sh takes some through a mount.
 */
#include "tests/torture/states/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/when.h"
#include "engine/check/check.h"
#include "engine/engine.h"

#define WEEK_S	  (7 * 86400)
#define START_S	  INT64_C(1699833600)
#define UNRELATED 120

static const struct attrs attrs = { .mode = 0755 };

static struct engine *open_at(const char *path, bool read_only, struct found *found)
{
	struct engine_options options = { .path = path,
					  .read_only = read_only,
					  .commit_seconds = 3600 };
	struct engine *engine = NULL;
	struct diag diag = { 0 };
	int err = engine_open(&options, &engine, &diag);

	if (err == OK)
		err = engine_start(engine);
	if (err < 0)
		found_fault(found, "it does NOT START: %s", diag.text);
	return err < 0 ? NULL : engine;
}

/* --- reading everything ------------------------------------------------------------------ */

static void names_key(const char *database, const char *policy, char out[300])
{
	char d[128], p[128];
	unsigned long number;

	snprintf(d, sizeof(d), "%.120s", database);
	if (sscanf(d, "d%lu", &number) == 1)
		snprintf(d, sizeof(d), "D%lu", number);
	if (!policy) {
		snprintf(out, 300, "%s", d);
		return;
	}
	snprintf(p, sizeof(p), "%.120s", policy);
	if (sscanf(p, "p%lu", &number) == 1)
		snprintf(p, sizeof(p), "P%lu", number);
	snprintf(out, 300, "%s %s", d, p);
}

static void object_key(const struct object *database, const struct object *policy, char out[300])
{
	char d[128], p[128] = "";

	snprintf(d, sizeof(d), "%.*s", (int)database->name.length, database->name.data);
	if (policy)
		snprintf(p, sizeof(p), "%.*s", (int)policy->name.length, policy->name.data);
	names_key(d, policy ? p : NULL, out);
}

/* A line as the engine prints it; one that is no such line is a name that nobody made. */
static void take_line(const char *object, char *line, struct found *found)
{
	char *fields = strchr(line, ' '), *time = strrchr(line, ' '), *next;
	char key[700];

	if (!fields || time == fields) {
		snprintf(key, sizeof(key), "%s LINE %s", object, line);
		found_add(found, key, "");
		return;
	}
	*fields++ = '\0';
	*time++ = '\0';
	for (char *field = strtok_r(fields, ",", &next); field;
	     field = strtok_r(NULL, ",", &next)) {
		char *value = strchr(field, '=');

		if (value)
			*value++ = '\0';
		snprintf(key, sizeof(key), "%s %s %s %s", object, line, field, time);
		found_add(found, key, value ? value : "?");
	}
}

static void read_series(struct engine *engine, const struct object *group, uint32_t series_id,
			const char *object, struct found *found)
{
	struct series_text *text;
	struct series_stat stat;
	struct buf bytes = { 0 };
	char *next;
	int err = engine_series_stat(engine, group->parent_id, group->id, series_id, &stat);

	if (err == ERR_NOT_FOUND)
		return;
	if (err == OK)
		err = series_text_open(engine, group->parent_id, group->id, series_id, &text);
	if (err < 0) {
		found_fault(found, "CANNOT be read: %s %.*s series %u: %s", object,
			    (int)group->name.length, group->name.data, series_id, err_text(err));
		return;
	}
	err = series_text_read(text, 0, stat.text_bytes + 1, &bytes);
	if (err < 0)
		found_fault(found, "CANNOT be read: %s %.*s series %u: %s", object,
			    (int)group->name.length, group->name.data, series_id, err_text(err));
	else if (bytes.length != stat.text_bytes)
		found_fault(found, "the SIZE of %s %.*s series %u is told as %llu and is %zu",
			    object, (int)group->name.length, group->name.data, series_id,
			    (unsigned long long)stat.text_bytes, bytes.length);
	series_text_close(text);
	char *all = strndup(bytes.data ? bytes.data : "", bytes.length);
	for (char *line = strtok_r(all, "\n", &next); line; line = strtok_r(NULL, "\n", &next))
		take_line(object, line, found);
	free(all);
	buf_release(&bytes);
}

static void read_policy(struct engine *engine, const struct object *policy, const char *object,
			struct found *found)
{
	struct object *groups = NULL;
	struct index *index = engine_index(engine, policy->parent_id);
	size_t count = 0;

	catalog_list(engine_catalog(engine), policy->id, OBJECT_GROUP, &groups, &count);
	for (size_t i = 0; i < count; i++) {
		uint32_t *ids = NULL;
		size_t series = 0;
		int err = engine_group_series(engine, policy->id, groups[i].id, &ids, &series);

		if (err < 0)
			found_fault(found, "CANNOT be listed: %s %.*s: %s", object,
				    (int)groups[i].name.length, groups[i].name.data, err_text(err));
		for (size_t s = 0; err == OK && s < series; s++) {
			if (index && index_series_measurement(index, ids[s]) == ID_NONE)
				found_fault(found,
					    "CANNOT be listed: %s %.*s: series %u has no name",
					    object, (int)groups[i].name.length, groups[i].name.data,
					    ids[s]);
			read_series(engine, &groups[i], ids[s], object, found);
		}
		free(ids);
	}
	free(groups);
}

struct frozen {
	struct found *found;
	struct engine *engine;
	const char *object;
	char names[16][64];
	uint32_t ids[16];
	size_t count;
};

static void note_frozen(void *arg, uint32_t database_id, const char *name)
{
	struct frozen *frozen = arg;
	char key[400];

	snprintf(key, sizeof(key), "%s snapshot %s", frozen->object, name);
	found_add(frozen->found, key, "there");
	if (frozen->count < 16) {
		frozen->ids[frozen->count] = database_id;
		snprintf(frozen->names[frozen->count++], 64, "%s", name);
	}
}

static void note_settings(struct found *found, const char *object,
			  const struct policy_settings *settings)
{
	char key[400], text[64];

	snprintf(key, sizeof(key), "%s .policy", object);
	snprintf(text, sizeof(text), "%u/%lldh", settings->shards,
		 (long long)(settings->shard_duration_ns / (3600 * NS_PER_SECOND)));
	found_add(found, key, text);
}

static void read_database(struct engine *engine, const struct object *database, struct found *found)
{
	struct object *policies = NULL;
	size_t count = 0;
	char object[300], text[128];
	struct frozen frozen = { .found = found, .engine = engine, .object = object };

	object_key(database, NULL, object);
	snprintf(text, sizeof(text), "%.*s", (int)database->name.length, database->name.data);
	found_add(found, object, text);
	engine_frozen(engine, database->id, note_frozen, &frozen);
	catalog_list(engine_catalog(engine), database->id, OBJECT_POLICY, &policies, &count);
	for (size_t i = 0; i < count; i++) {
		object_key(database, &policies[i], object);
		snprintf(text, sizeof(text), "%.*s", (int)policies[i].name.length,
			 policies[i].name.data);
		found_add(found, object, text);
		note_settings(found, object, &policies[i].policy);
		read_policy(engine, &policies[i], object, found);
	}
	free(policies);
}

static void read_all(struct engine *engine, struct found *found)
{
	struct object *databases = NULL;
	size_t count = 0;

	catalog_list(engine_catalog(engine), OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count);
	for (size_t i = 0; i < count; i++)
		read_database(engine, &databases[i], found);
	free(databases);
	found_sort(found);
}

static void read_snapshots(struct engine *engine, const struct model *model, struct found *faults)
{
	struct object database;
	struct found ignored = { 0 };
	struct frozen frozen = { .found = &ignored, .engine = engine, .object = "" };

	if (catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, SLICE("d0"), &database) < 0)
		return;
	engine_frozen(engine, database.id, note_frozen, &frozen);
	for (size_t i = 0; i < frozen.count; i++) {
		struct found found = { 0 };
		struct engine *of;
		int err = engine_open_frozen(engine, frozen.ids[i], frozen.names[i], &of);

		if (err < 0) {
			found_fault(faults, "snapshot %s does NOT OPEN: %s", frozen.names[i],
				    err_text(err));
			continue;
		}
		read_all(of, &found);
		model_judge_snapshot(model, frozen.names[i], &found);
		if (found.faults.length)
			found_fault(faults, "in snapshot %s: %s", frozen.names[i],
				    buf_text(&found.faults));
		engine_close_frozen(of);
		found_release(&found);
	}
	found_release(&ignored);
}

/* --- writing more -------------------------------------------------------------------------- */

struct adding {
	struct engine *engine;
	struct found *found; /* gets what is added */
	unsigned round;
	struct buf text;
};

static void add_line(struct adding *adding, const char *series, const char *field, int64_t time_s)
{
	buf_printf(&adding->text, "%s %s=%ui %lld000000000\n", series, field,
		   900000000 + adding->round, (long long)time_s);
}

/* Some of the series that are there, one that is not, a new field; in old groups and in a new one.
 */
static void add_lines(struct adding *adding, const struct object *policy)
{
	struct object *groups = NULL;
	struct index *index = NULL;
	struct object parent;
	size_t count = 0;
	char field[32];

	if (catalog_get(engine_catalog(adding->engine), policy->parent_id, &parent) == OK)
		index = engine_index(adding->engine, parent.id);
	buf_reset(&adding->text);
	snprintf(field, sizeof(field), "i999_%u", adding->round);
	catalog_list(engine_catalog(adding->engine), policy->id, OBJECT_GROUP, &groups, &count);
	for (size_t i = 0; i < count && index; i++) {
		uint32_t *ids = NULL;
		size_t series = 0;
		int64_t time_s = groups[i].window.start_s + 80000 + adding->round;

		engine_group_series(adding->engine, policy->id, groups[i].id, &ids, &series);
		for (size_t s = 0; s < series && s < 3; s++) {
			struct buf key = { 0 };

			index_series_key(index, ids[s], &key);
			if (key.length)
				add_line(adding, buf_text(&key), s == 1 ? field : "i0", time_s);
			buf_release(&key);
		}
		free(ids);
	}
	free(groups);
	add_line(adding, "fresh,h=new", "i1", START_S + 81000 + adding->round);
	add_line(adding, "cpu,h=new,w=9", field, START_S + 81000 + adding->round);
	if (policy->policy.is_default && parent.name.length == 2)
		add_line(adding, "cpu,h=new,w=9", "i0", START_S + 3 * WEEK_S + adding->round);
}

static void add_to(struct adding *adding, const struct object *database,
		   const struct object *policy, bool is_one_by_one)
{
	struct writer_options options = { .database_id = database->id,
					  .policy_id = policy->id,
					  .attrs = attrs };
	struct writer *writer;
	struct diag diag = { 0 };
	char object[300];
	size_t consumed = 0;
	uint64_t lines;
	char *next;
	int err = writer_open(adding->engine, &options, &writer);

	object_key(database, policy, object);
	while (err == OK && adding->text.length) {
		const char *end = memchr(adding->text.data, '\n', adding->text.length);
		size_t length =
			is_one_by_one ? (size_t)(end + 1 - adding->text.data) : adding->text.length;

		err = writer_write(writer, slice_of(adding->text.data, length), false, &consumed,
				   &lines, &diag);
		char *all = strndup(adding->text.data, consumed);
		for (char *line = strtok_r(all, "\n", &next); line;
		     line = strtok_r(NULL, "\n", &next))
			take_line(object, line, adding->found);
		free(all);
		buf_consume(&adding->text, consumed);
		if (consumed == 0)
			break;
	}
	if (err < 0)
		found_fault(adding->found, "NO more can be WRITTEN to %s: %s %s", object,
			    err_text(err), diag.text);
	writer_close(writer);
}

/* A new database: its number, and those of its groups, were never used. */
static void add_database(struct adding *adding)
{
	struct policy_settings settings = policy_defaults();
	struct object database, policy;
	char name[32], key[64];
	uint32_t id;

	snprintf(name, sizeof(name), "d9%u", adding->round);
	int err = engine_create_database(adding->engine, slice_of_text(name), &attrs, &id);
	if (err == OK)
		err = engine_create_policy(adding->engine, id, SLICE("p0"), &settings, &attrs, &id);
	if (err == OK)
		err = catalog_get(engine_catalog(adding->engine), id, &policy);
	if (err == OK)
		err = catalog_get(engine_catalog(adding->engine), policy.parent_id, &database);
	if (err < 0) {
		found_fault(adding->found, "NO database can be made: %s", err_text(err));
		return;
	}
	snprintf(key, sizeof(key), "D9%u", adding->round);
	found_add(adding->found, key, name);
	snprintf(key, sizeof(key), "D9%u P0", adding->round);
	found_add(adding->found, key, "p0");
	note_settings(adding->found, key, &settings);
	buf_reset(&adding->text);
	for (int i = 0; i < UNRELATED; i++)
		buf_printf(&adding->text, "cpu,h=%d i0=%di %lld000000000\n", i % 5, i,
			   (long long)(START_S + i));
	add_to(adding, &database, &policy, true);
}

/* A few lines: to each policy, or to one, so that few numbers of the log are given before a flush.
 */
static void add_some(struct engine *engine, struct found *found, unsigned round, bool to_one)
{
	struct adding adding = { .engine = engine, .found = found, .round = round };
	struct object *databases = NULL;
	size_t count = 0;

	catalog_list(engine_catalog(engine), OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count);
	for (size_t i = 0; i < (to_one && count ? 1 : count); i++) {
		struct object *policies = NULL;
		size_t below = 0;

		catalog_list(engine_catalog(engine), databases[i].id, OBJECT_POLICY, &policies,
			     &below);
		for (size_t p = 0; p < (to_one && below ? 1 : below); p++) {
			add_lines(&adding, &policies[p]);
			add_to(&adding, &databases[i], &policies[p], false);
		}
		free(policies);
	}
	free(databases);
	found_sort(found);
	buf_release(&adding.text);
}

/* Many points that have nothing to do with the others: what waits for a number to be reached wakes.
 */
static void add_unrelated(struct engine *engine, struct found *found, unsigned round)
{
	struct adding adding = { .engine = engine, .found = found, .round = round };

	add_database(&adding);
	found_sort(found);
	buf_release(&adding.text);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void compare_now(struct engine *engine, const struct found *expected, struct found *faults,
			const char *when)
{
	struct found now = { 0 };

	read_all(engine, &now);
	found_compare(expected, &now, when);
	if (now.faults.length)
		buf_append_slice(&faults->faults, buf_slice(&now.faults));
	found_release(&now);
}

static struct engine *reopen(struct engine *engine, const char *path, struct found *faults,
			     const char *when)
{
	int err = engine_close(engine);

	if (err < 0)
		found_fault(faults, "%s: it does not CLOSE: %s", when, err_text(err));
	return open_at(path, false, faults);
}

static void flush(struct engine *engine, struct found *faults)
{
	int err = engine_flush(engine);

	if (err < 0)
		found_fault(faults, "it does not FLUSH: %s", err_text(err));
}

/* Does a start that may write nothing show the same? It makes nothing better either. */
static void look_read_only(const char *path, struct found *out)
{
	struct engine *engine = open_at(path, true, out);

	if (engine) {
		read_all(engine, out);
		engine_close(engine);
	}
}

/* What the file of a damaged or foreign thing would be; healthy directories have none. */
static void check(const char *path, bool has_holes, struct found *faults)
{
	struct check *check = calloc(1, sizeof(*check));

	snprintf(check->path, sizeof(check->path), "%s", path);
	check_files(check);
	if (check->err >= 0)
		check_points(check);
	fflush(stdout);
	/* Bytes that were lost in the middle of a file are damage, and told as such. */
	if (check->err < 0 || (check->damaged && !has_holes))
		found_fault(faults, "seriesfs-check: %llu DAMAGED (%s)",
			    (unsigned long long)check->damaged, err_text(check->err));
	free(check);
}

static void look_at(const struct model *model, const char *path, const struct choice *choice,
		    struct found *found)
{
	struct found before = { 0 };
	char format[2200];

	/* A first start that died has no format yet, and only a start that may write goes on with
	 * it. */
	snprintf(format, sizeof(format), "%s/format", path);
	bool tries_read_only = choice->seed % 4 == 0 && env_exists(format);

	if (tries_read_only)
		look_read_only(path, &before);
	struct engine *engine = open_at(path, false, found);
	if (!engine)
		return;
	read_all(engine, found);
	model_judge(model, choice->at, !choice->has_holes, found);
	if (tries_read_only) {
		found_compare(found, &before, "read-only");
		buf_append_slice(&found->faults, buf_slice(&before.faults));
	}
	found_release(&before);
	read_snapshots(engine, model, found);
	add_some(engine, found, 1, choice->seed % 2);
	compare_now(engine, found, found, "written to");
	flush(engine, found);
	compare_now(engine, found, found, "flushed");
	engine = reopen(engine, path, found, "reopened");
	if (!engine)
		return;
	compare_now(engine, found, found, "reopened");
	add_some(engine, found, 2, false);
	add_unrelated(engine, found, 2);
	compare_now(engine, found, found, "written to again");
	engine = reopen(engine, path, found, "reopened again");
	if (!engine)
		return;
	compare_now(engine, found, found, "reopened again");
	engine_close(engine);
	check(path, choice->has_holes, found);
}

/* --- through a mount ----------------------------------------------------------------------------
 */

/* Where a walk is, as deep as a tree of a mount: database, policy, group, series. */
struct walk {
	struct found *found;
	const char *names[4];
	char path[2200];
};

static int walk_name(void *arg, const char *name);

static void walk_below(struct walk *walk, unsigned depth)
{
	struct walk below = *walk;

	below.names[depth] = NULL;
	int err = env_list(walk->path, walk_name, &below);
	if (err < 0)
		found_fault(walk->found, "CANNOT be listed: %s: %s", walk->path, err_text(err));
}

static void walk_file(struct walk *walk, const char *object)
{
	struct buf bytes = { 0 };
	char *next;
	int err = env_read_file(walk->path, &bytes);

	if (err < 0)
		found_fault(walk->found, "CANNOT be read: %s: %s", walk->path, err_text(err));
	char *all = strndup(bytes.data ? bytes.data : "", bytes.length);
	for (char *line = strtok_r(all, "\n", &next); line; line = strtok_r(NULL, "\n", &next))
		take_line(object, line, walk->found);
	free(all);
	buf_release(&bytes);
}

static int snapshot_name(void *arg, const char *name)
{
	const struct walk *walk = arg;
	char key[400];

	snprintf(key, sizeof(key), "%s snapshot %s", walk->names[0], name);
	found_add(walk->found, key, "there");
	return OK;
}

static void walk_snapshots(const struct walk *database, const char *object)
{
	struct walk walk = { .found = database->found, .names = { object } };

	snprintf(walk.path, sizeof(walk.path), "%.2000s/.snapshot", database->path);
	int err = env_list(walk.path, snapshot_name, &walk);
	if (err < 0)
		found_fault(walk.found, "CANNOT be listed: %s: %s", walk.path, err_text(err));
}

static int walk_name(void *arg, const char *name)
{
	struct walk *walk = arg, at = *walk;
	unsigned depth = 0;
	char object[300];

	while (depth < 3 && at.names[depth])
		depth++;
	at.names[depth] = name;
	snprintf(at.path, sizeof(at.path), "%.1900s/%.255s", walk->path, name);
	if (name[0] == '.' || (depth == 1 && name[0] != 'p'))
		return OK;
	names_key(at.names[0], depth > 0 ? at.names[1] : NULL, object);
	if (depth < 2)
		found_add(walk->found, object, name);
	if (depth == 0)
		walk_snapshots(&at, object);
	if (depth < 3)
		walk_below(&at, depth + 1);
	else
		walk_file(&at, object);
	return OK;
}

void look_mounted(const struct model *model, const char *mountpoint, const struct choice *choice,
		  struct buf *out)
{
	struct found found = { .lacks_settings = true };
	struct walk walk = { .found = &found };

	snprintf(walk.path, sizeof(walk.path), "%s", mountpoint);
	walk_below(&walk, 0);
	found_sort(&found);
	model_judge(model, choice->at, !choice->has_holes, &found);
	buf_append_slice(out, buf_slice(&found.faults));
	found_release(&found);
}

void look(const struct model *model, const char *path, const struct choice *choice, struct buf *out)
{
	struct found found = { 0 };

	look_at(model, path, choice, &found);
	buf_append_slice(out, buf_slice(&found.faults));
	found_release(&found);
}
