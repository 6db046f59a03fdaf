/*
 * seriesfs-check: read everything in a data directory once, offline.
 *
 *	seriesfs-check [-v] DATADIR
 *
 * Opening replays journals and log, whose records carry checksums; reading each
 * series of each group decodes its chunks, which carry theirs. Nothing is
 * changed. Exit codes as fsck(8): 0 fine, 4 damage was found, 8 it could not be
 * checked, 16 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"

enum { EXIT_FINE = 0, EXIT_DAMAGED = 4, EXIT_UNABLE = 8, EXIT_USAGE = 16 };

#define READ_BYTES (1u << 20)

struct check {
	struct engine *engine;
	bool verbose;
	uint64_t series, bytes, damaged;
};

static void tell(struct check *check, const struct object *group, uint32_t database_id,
		 uint32_t series_id, int err)
{
	struct buf name = { 0 };

	index_series_name(engine_index(check->engine, database_id), series_id, &name);
	printf("%.*s/%s: %s\n", (int)group->name.length, group->name.data, buf_text(&name),
	       err_text(err));
	buf_release(&name);
	check->damaged++;
}

static int read_text(struct check *check, struct series_text *text)
{
	uint64_t length = series_text_bytes(text);
	struct buf out = { 0 };
	int err = OK;

	for (uint64_t offset = 0; err >= 0 && offset < length; offset += READ_BYTES) {
		buf_reset(&out);
		err = series_text_read(text, offset, READ_BYTES, &out);
	}
	check->bytes += length;
	buf_release(&out);
	return err;
}

static void check_series(struct check *check, const struct object *group, uint32_t database_id,
			 uint32_t series_id)
{
	struct series_text *text;
	int err = series_text_open(check->engine, group->parent_id, group->id, series_id, &text);

	check->series++;
	if (err >= 0) {
		err = read_text(check, text);
		series_text_close(text);
	}
	if (err < 0)
		tell(check, group, database_id, series_id, err);
}

static void check_group(struct check *check, const struct object *group, uint32_t database_id)
{
	uint32_t *ids = NULL;
	size_t count = 0;
	int err = engine_group_series(check->engine, group->parent_id, group->id, &ids, &count);

	if (err < 0) {
		printf("%.*s: %s\n", (int)group->name.length, group->name.data, err_text(err));
		check->damaged++;
	}
	for (size_t i = 0; err >= 0 && i < count; i++)
		check_series(check, group, database_id, ids[i]);
	free(ids);
	if (check->verbose)
		printf("%.*s: %zu series\n", (int)group->name.length, group->name.data, count);
}

typedef void visit(struct check *check, const struct object *object, uint32_t database_id);

static void for_each(struct check *check, uint32_t parent_id, enum object_kind kind,
		     uint32_t database_id, visit *visit)
{
	struct object *objects = NULL;
	size_t count = 0;

	if (catalog_list(engine_catalog(check->engine), parent_id, kind, &objects, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		visit(check, &objects[i], database_id);
	free(objects);
}

static void check_policy(struct check *check, const struct object *policy, uint32_t database_id)
{
	for_each(check, policy->id, OBJECT_GROUP, database_id, check_group);
}

static void check_database(struct check *check, const struct object *database, uint32_t unused)
{
	if (check->verbose)
		printf("database %.*s\n", (int)database->name.length, database->name.data);
	for_each(check, database->id, OBJECT_POLICY, database->id, check_policy);
}

static int check_directory(struct check *check, const char *path)
{
	struct engine_options options = { .path = path, .read_only = true };
	struct diag diag = { 0 };
	int err = engine_open(&options, &check->engine, &diag);

	if (err < 0) {
		fprintf(stderr, "seriesfs-check: %s\n", diag.text[0] ? diag.text : err_text(err));
		return err == ERR_CORRUPT ? EXIT_DAMAGED : EXIT_UNABLE;
	}
	for_each(check, OBJECT_ROOT_ID, OBJECT_DATABASE, 0, check_database);
	printf("%" PRIu64 " series, %" PRIu64 " bytes as text, %" PRIu64 " damaged\n",
	       check->series, check->bytes, check->damaged);
	engine_close(check->engine);
	return check->damaged ? EXIT_DAMAGED : EXIT_FINE;
}

int main(int argc, char **argv)
{
	struct check check = { 0 };

	if (argc == 3 && strcmp(argv[1], "-v") == 0) {
		check.verbose = true;
		argv++;
		argc--;
	}
	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: seriesfs-check [-v] DATADIR\n");
		return EXIT_USAGE;
	}
	return check_directory(&check, argv[1]);
}
