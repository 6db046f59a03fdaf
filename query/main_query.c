/*
 * seriesfs-query: ask a data directory without a mount.
 *
 *	seriesfs-query DATADIR DATABASE 'select …[.json][?epoch=ns]'
 *
 * Links nothing of FUSE: what it answers is the query layer's alone. The
 * directory must not be mounted at the same time.
 */
#include <stdio.h>

#include "query/query.h"

static int print(void *arg, struct slice bytes)
{
	return fwrite(bytes.data, 1, bytes.length, stdout) == bytes.length ? OK : ERR_IO;
}

static int ask(struct engine *engine, const char *database, const char *text, struct diag *diag)
{
	struct query_env env = { .engine = engine, .limits = &query_limits_default };
	struct query_sink sink = { .write = print };
	struct query_options options;
	struct buf buffer = { 0 };
	struct slice statement;
	struct object found;
	int err;

	if (catalog_find(engine_catalog(engine), OBJECT_ROOT_ID, slice_of_text(database), &found) <
	    0)
		return diag_set(diag, ERR_NOT_FOUND, "database not found: %s", database);
	env.database_id = found.id;
	err = query_options_parse(slice_of_text(text), &options, &buffer, &statement, diag);
	if (err >= 0)
		err = query_run(&env, statement, &options, &sink, NULL, diag);
	buf_release(&buffer);
	return err;
}

int main(int argc, char **argv)
{
	struct engine_options options = { .read_only = true };
	struct engine *engine = NULL;
	struct diag diag = { 0 };
	int err;

	if (env_open_standard() < 0)
		return 1;
	if (argc != 4) {
		fprintf(stderr, "usage: seriesfs-query DATADIR DATABASE QUERY\n");
		return 2;
	}
	options.path = argv[1];
	err = engine_open(&options, &engine, &diag);
	if (err >= 0)
		err = ask(engine, argv[2], argv[3], &diag);
	if (err < 0)
		fprintf(stderr, "seriesfs-query: %s\n", diag.text[0] ? diag.text : err_text(err));
	if (engine)
		engine_close(engine);
	return err < 0;
}
