/*
 * Makes the data directory that damage.py damages, and tells all that an engine reads of one:
 *
 *	damage_look make DIR	several databases that share names; it ends as a kill would end it
 *	damage_look read DIR	a line a point, `DATABASE<TAB>GROUP<TAB>POINT`; of what cannot be
 * read
 *				`!DATABASE<TAB>GROUP<TAB>SERIES`, `*` for all; read-only
 *	damage_look write DIR	the same for writing; then a point more in each database, and a
 * flush
 *
 * A snapshot is a database called DATABASE@NAME. Exit 3: the directory is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/when.h"
#include "engine/engine.h"

static struct engine *engine;
static const struct attrs attrs = { .mode = 0755 };

static bool open_engine(const char *path, bool read_only)
{
	struct engine_options options = { .path = path,
					  .read_only = read_only,
					  .commit_seconds = 1 };
	struct diag diag = { 0 };
	int err = engine_open(&options, &engine, &diag);

	if (err == OK)
		err = engine_start(engine);
	if (err < 0)
		fprintf(stderr, "error: refused: %s\n", diag.text[0] ? diag.text : err_text(err));
	return err == OK;
}

static int write_text(uint32_t database_id, const char *text)
{
	struct writer_options options = { .database_id = database_id,
					  .series_id = ID_NONE,
					  .attrs = attrs };
	struct diag diag = { 0 };
	struct writer *writer;
	size_t consumed;
	uint64_t lines;

	TRY(writer_open(engine, &options, &writer));
	int err = writer_write(writer, slice_of_text(text), true, &consumed, &lines, &diag);
	writer_close(writer);
	return err;
}

/* --- making one ------------------------------------------------------------------------- */

static const char *const names[] = { "k", "l", "n" };
#define DATABASES 3
#define WEEKS	  2

/* Databases share measurements and tags; what they say is their own. */
static void write_part(uint32_t id, int database, int part)
{
	struct buf text = { 0 };
	static const char *const fields[] = { "usage", "temperature", "a" };

	for (int week = 0; week < WEEKS; week++)
		for (int k = 0; k < 200; k++) {
			long long time = 1700000000 + week * 604800 + part * 1000 + k;
			unsigned noise = (unsigned)(time * 2654435761u + (unsigned)database);

			buf_printf(&text, "cpu,host=h%d %s=%u.5,n=%di,s=\"t%u\" %lld000000000\n",
				   k % 5, fields[database], noise % 100000, k, noise % 7, time);
			buf_printf(&text, "m%d v=%di %lld000000000\n", k % 3, database * 1000 + k,
				   time);
		}
	if (part == 2)
		buf_printf(&text, "new%d,host=x first=true 1700000000000000000\n", database);
	if (write_text(id, buf_text(&text)) < 0)
		abort();
	buf_release(&text);
}

static int make(const char *path)
{
	uint32_t ids[DATABASES], id;
	struct policy_settings settings = policy_defaults();

	if (!open_engine(path, false))
		return 1;
	for (int i = 0; i < DATABASES; i++) {
		engine_create_database(engine, slice_of_text(names[i]), &attrs, &ids[i]);
		settings.shards = i == 1 ? 2 : 1;
		engine_create_policy(engine, ids[i], SLICE("autogen"), &settings, &attrs, &id);
		write_part(ids[i], i, 0);
	}
	engine_compact(engine, ids[0]); /* the others stay as flushes left them */
	for (int i = 0; i < DATABASES; i++)
		write_part(ids[i], i, 1);
	engine_flush(engine);
	engine_freeze(engine, ids[0], "kept");
	engine_keep(engine, "continuous", SLICE("nothing\n"));
	for (int i = 0; i < DATABASES; i++)
		write_part(ids[i], i, 2);
	engine_sync(engine);
	usleep(1500000); /* the committer marks what was synced */
	fflush(NULL);
	_exit(0);
}

/* --- reading one --------------------------------------------------------------------------- */

static void print_failed(const char *database, struct slice group, const char *series)
{
	printf("!%s\t%.*s\t%s\n", database, (int)group.length, group.data, series);
}

static void print_lines(const char *database, struct slice group, struct slice text)
{
	while (text.length) {
		const char *end = memchr(text.data, '\n', text.length);
		size_t length = end ? (size_t)(end - text.data) : text.length;

		printf("%s\t%.*s\t%.*s\n", database, (int)group.length, group.data, (int)length,
		       text.data);
		text = slice_from(text, end ? length + 1 : length);
	}
}

static void read_series(struct engine *from, const char *database, const struct object *group,
			struct index *index, uint32_t series_id)
{
	struct buf key = { 0 }, text = { 0 };
	struct series_text *series;
	int err = series_text_open(from, group->parent_id, group->id, series_id, &series);

	index_series_key(index, series_id, &key);
	if (err == OK) {
		err = series_text_read(series, 0, series_text_bytes(series), &text);
		series_text_close(series);
	}
	if (err < 0)
		print_failed(database, group->name, buf_text(&key));
	else
		print_lines(database, group->name, buf_slice(&text));
	buf_release(&key);
	buf_release(&text);
}

static void read_group(struct engine *from, const char *database, uint32_t database_id,
		       const struct object *group)
{
	struct index *index = NULL;
	uint32_t *ids;
	size_t count;

	if (engine_find_index(from, database_id, &index) < 0 ||
	    engine_group_series(from, group->parent_id, group->id, &ids, &count) < 0) {
		print_failed(database, group->name, "*");
		index_let_go(index);
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_series(from, database, group, index, ids[i]);
	free(ids);
	index_let_go(index);
}

static void read_database(struct engine *from, const char *name, uint32_t id)
{
	struct object *policies, *groups;
	size_t policy_count, group_count;

	catalog_list(engine_catalog(from), id, OBJECT_POLICY, &policies, &policy_count);
	for (size_t i = 0; i < policy_count; i++) {
		catalog_list(engine_catalog(from), policies[i].id, OBJECT_GROUP, &groups,
			     &group_count);
		for (size_t k = 0; k < group_count; k++)
			read_group(from, name, id, &groups[k]);
		free(groups);
	}
	free(policies);
}

static void read_frozen(void *arg, uint32_t database_id, const char *name)
{
	struct engine *frozen;
	char full[300];

	snprintf(full, sizeof(full), "%s@%.200s", (const char *)arg, name);
	if (engine_open_frozen(engine, database_id, name, &frozen) < 0) {
		print_failed(full, SLICE("*"), "*");
		return;
	}
	read_database(frozen, full, database_id);
	engine_close_frozen(frozen);
}

static int read_all(const char *path, bool read_only)
{
	struct object *databases;
	size_t count;
	char name[256];

	if (!open_engine(path, read_only))
		return 3;
	catalog_list(engine_catalog(engine), OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)databases[i].name.length,
			 databases[i].name.data);
		read_database(engine, name, databases[i].id);
		if (!read_only) /* reading one makes a directory */
			engine_frozen(engine, databases[i].id, read_frozen, name);
	}
	for (size_t i = 0; !read_only && i < count; i++)
		if (write_text(databases[i].id, "late v=1i 1700000000000000000\n") < 0)
			fprintf(stderr, "error: %.*s takes no point\n",
				(int)databases[i].name.length, databases[i].name.data);
	free(databases);
	if (engine_close(engine) < 0)
		fprintf(stderr, "error: not all is stored\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "make") == 0)
		return make(argv[2]);
	return read_all(argv[2], strcmp(argv[1], "read") == 0);
}
