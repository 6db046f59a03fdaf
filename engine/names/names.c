/*
 * Opens and closes the indexes of databases beside their catalog, and syncs both.
 *
 * Why together: a number is given by the index or the catalog, and must not be given again (I13),
 * so both tell how much of them was durable (`clock`), and both keep what damage took from them.
 */
#include "engine/names/names.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/env.h"
#include "engine/base/log.h"
#include "engine/directory/kept.h"
#include "engine/directory/paths.h"
#include "engine/log/wal.h"
#include "engine/names/strangers.h"

struct names_database {
	uint32_t id;
	struct index *index;
	uint64_t index_records_kept; /* durable at the last flush */
	uint64_t index_records_lost; /* of the kept ones; a start has found out what they named */
	bool has_lost_names;	     /* more kept records were gone when it was opened */
	bool is_unjudged;	     /* a version flushed that did not keep it */
	_Atomic uint64_t version;
};

/* --- what the clock says of them ------------------------------------------------------- */

/*
 * What was durable at the last flush. arrivals_read() tells what is wrong with it: of a clock that
 * is damaged or gone nothing is taken, and it is as if a version had written it that kept none of
 * it.
 */
static void read_kept(struct names *names)
{
	int err = kept_read(path_top(names->dir, TOP_CLOCK).text, &names->kept);

	if (err == OK || (err == ERR_NOT_FOUND && env_exists(path_first_segment(names->dir).text)))
		return;
	buf_reset(&names->kept);
	buf_append_text(&names->kept, "?");
}

/* As the clock says; of a version that says nothing all was, and before the first flush nothing. */
static uint64_t catalog_records_kept(struct names *names)
{
	const char *at = strstr(buf_text(&names->kept), "\ncatalog ");
	unsigned long long records;

	if (at && sscanf(at, "\ncatalog %llu", &records) == 1)
		return records;
	return names->kept.length ? UINT64_MAX : 0;
}

/* What the clock says of the index of a database. False: it is of a version that says nothing. */
static bool find_kept(struct names *names, struct names_database *database)
{
	const char *at = strstr(buf_text(&names->kept), "\nindexes");
	unsigned long long records, lost;
	unsigned known;
	int length;

	if (!at)
		return names->kept.length == 0;
	at += strlen("\nindexes");
	for (; sscanf(at, " %u:%llu:%llu%n", &known, &records, &lost, &length) == 3; at += length)
		if (known == database->id) {
			database->index_records_kept = records;
			database->index_records_lost = lost;
		}
	return true;
}

void names_print_kept(struct names *names, struct buf *out)
{
	buf_append_text(out, "\nindexes");
	pthread_mutex_lock(&names->lock);
	for (size_t i = 0; i < names->database_count; i++) {
		struct names_database *database = names->databases[i];
		uint64_t records = index_records_synced(database->index);

		/* A process that has not synced an index yet knows what the one before it did. */
		if (records > database->index_records_kept)
			database->index_records_kept = records;
		buf_printf(out, " %u:%llu:%llu", database->id,
			   (unsigned long long)database->index_records_kept,
			   (unsigned long long)database->index_records_lost);
	}
	pthread_mutex_unlock(&names->lock);
	buf_printf(out, "\ncatalog %llu\n", (unsigned long long)catalog_kept(names->catalog));
}

/* --- one database ------------------------------------------------------------------------ */

/*
 * Damage in what was durable has taken names that points have, and numbers that must not be given
 * again (I13). Behind it lies what a power cut may take, and no point that is durable needs.
 */
static void judge(struct names *names, struct names_database *database)
{
	database->is_unjudged = !find_kept(names, database);
	uint64_t lost = index_lacked(database->index, database->index_records_kept);
	database->has_lost_names = lost > database->index_records_lost;
	database->index_records_lost = lost;
}

/* From here on names of the index go into the log as well. */
static int settle(struct names *names, struct names_database *database)
{
	index_set_log(database->index, database->id, names->log, names->log_arg);
	return index_settle(database->index);
}

/* What damage took of an index since the last flush is in the log, too. */
static int read_again(struct names *names, struct names_database *database, const char *path)
{
	struct buf additions = { 0 };
	int err = wal_names(path_top(names->dir, TOP_WAL).text, database->id, &additions);

	if (err == OK)
		err = index_read_again(database->index, path, buf_slice(&additions));
	buf_release(&additions);
	return err;
}

/* Its directory, its journal, and what damage or a crash took of it. */
static int open_index(struct names *names, struct names_database *database, struct diag *diag)
{
	struct path path = path_index(names->dir, database->id);

	if (!names->read_only)
		TRY(env_mkdir(path_database(names->dir, database->id).text));
	TRY(index_open(path.text, names->read_only, &database->index, diag));
	index_set_series_max(database->index, names->series_max);
	judge(names, database);
	if (names->log)
		return settle(names, database);
	return index_was_damaged(database->index) ? read_again(names, database, path.text) : OK;
}

static int open_database(struct names *names, uint32_t id, struct diag *diag)
{
	struct names_database *database = calloc(1, sizeof(*database));

	if (!database)
		return ERR_MEMORY;
	database->id = id;
	database->version = 1;
	int err = open_index(names, database, diag);
	if (err < 0) {
		if (database->index)
			index_close(database->index);
		free(database);
		return err;
	}
	pthread_mutex_lock(&names->lock);
	grow(&names->databases, names->database_count, &names->database_capacity);
	names->databases[names->database_count++] = database;
	pthread_mutex_unlock(&names->lock);
	return OK;
}

/* Under names.lock. */
static struct names_database *find_locked(struct names *names, uint32_t database_id)
{
	for (size_t i = 0; i < names->database_count; i++)
		if (names->databases[i]->id == database_id)
			return names->databases[i];
	return NULL;
}

static struct index *find_index(struct names *names, uint32_t database_id, bool hold)
{
	pthread_mutex_lock(&names->lock);
	struct names_database *database = find_locked(names, database_id);
	struct index *index = database ? database->index : NULL;
	if (index && hold)
		index_hold(index);
	pthread_mutex_unlock(&names->lock);
	return index;
}

/* --- opening and closing ------------------------------------------------------------------ */

int names_open(struct names *names, const char *dir, bool read_only, uint32_t series_max,
	       struct trash *trash, struct diag *diag)
{
	*names = (struct names){
		.dir = dir, .read_only = read_only, .series_max = series_max, .trash = trash
	};
	pthread_mutex_init(&names->lock, NULL);
	pthread_mutex_init(&names->making, NULL);
	read_kept(names);
	TRY(catalog_open_kept(path_top(dir, TOP_CATALOG).text, read_only,
			      catalog_records_kept(names), &names->catalog, diag));
	struct strangers strangers;
	strangers_look(dir, names->catalog, &strangers);
	names->catalog_has_lost = strangers.count > 0 || catalog_was_damaged(names->catalog);
	names->catalog_id_told = catalog_id_next(names->catalog);
	return catalog_reserve(names->catalog, strangers.id_last); /* I13 */
}

/* A database that has a group has names: without a file of them they are lost, copy and all. */
static void tell_lost_index(struct names *names, const struct object *database)
{
	struct path path = path_index(names->dir, database->id);
	struct object *policies = NULL, *groups;
	size_t policy_count = 0, count, group_count = 0;

	if (env_exists(path.text) || env_exists(path_index_copy(names->dir, database->id).text))
		return;
	catalog_list(names->catalog, database->id, OBJECT_POLICY, &policies, &policy_count);
	for (size_t i = 0; i < policy_count; i++) {
		catalog_list(names->catalog, policies[i].id, OBJECT_GROUP, &groups, &count);
		group_count += count;
		free(groups);
	}
	free(policies);
	if (group_count)
		log_error("%s is missing: the names in database %.*s are lost", path.text,
			  (int)database->name.length, database->name.data);
}

int names_open_indexes(struct names *names, struct diag *diag)
{
	struct object *objects;
	size_t count;
	int err = OK;

	TRY(catalog_list(names->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &objects, &count));
	for (size_t i = 0; err != ERR_MEMORY && i < count; i++) {
		tell_lost_index(names, &objects[i]);
		err = open_database(names, objects[i].id, diag);
		if (err < 0)
			log_error("database %.*s cannot be used: %s/db/%u/index: %s",
				  (int)objects[i].name.length, objects[i].name.data, names->dir,
				  objects[i].id, err_text(err));
	}
	free(objects);
	return err == ERR_MEMORY ? err : OK;
}

void names_close(struct names *names)
{
	for (size_t i = 0; i < names->database_count; i++) {
		index_close(names->databases[i]->index);
		free(names->databases[i]);
	}
	free(names->databases);
	if (names->catalog)
		catalog_close(names->catalog);
	buf_release(&names->kept);
	pthread_mutex_destroy(&names->lock);
	pthread_mutex_destroy(&names->making);
}

int names_set_log(struct names *names, names_log *log, void *arg)
{
	names->log = log;
	names->log_arg = arg;
	for (size_t i = 0; i < names->database_count; i++)
		TRY(settle(names, names->databases[i]));
	return OK;
}

/* --- finding ------------------------------------------------------------------------------- */

void names_make_begin(struct names *names)
{
	pthread_mutex_lock(&names->making);
}

void names_make_end(struct names *names)
{
	pthread_mutex_unlock(&names->making);
}

/* A database was made and its index was not, on a full disk say, which is over perhaps. */
static int open_late(struct names *names, uint32_t database_id, struct index **out)
{
	struct object object;
	int err = OK;

	names_make_begin(names);
	*out = find_index(names, database_id, true);
	if (!*out)
		err = catalog_get(names->catalog, database_id, &object);
	if (!*out && err == OK)
		err = object.kind == OBJECT_DATABASE ? open_database(names, database_id, NULL)
						     : ERR_NOT_FOUND;
	if (!*out && err == OK)
		*out = find_index(names, database_id, true);
	names_make_end(names);
	return err;
}

int names_find_index(struct names *names, uint32_t database_id, struct index **out)
{
	*out = find_index(names, database_id, true);
	return *out ? OK : open_late(names, database_id, out);
}

struct index *names_hold_index(struct names *names, uint32_t database_id)
{
	struct index *index;

	return names_find_index(names, database_id, &index) == OK ? index : NULL;
}

struct index *names_index(struct names *names, uint32_t database_id)
{
	return find_index(names, database_id, false);
}

void names_touch(struct names *names, uint32_t database_id)
{
	pthread_mutex_lock(&names->lock);
	for (size_t i = 0; i < names->database_count; i++)
		if (database_id == 0 || names->databases[i]->id == database_id)
			atomic_fetch_add(&names->databases[i]->version, 1);
	pthread_mutex_unlock(&names->lock);
}

uint64_t names_version(struct names *names, uint32_t database_id)
{
	pthread_mutex_lock(&names->lock);
	struct names_database *database = find_locked(names, database_id);
	uint64_t points = database ? atomic_load(&database->version) : 0;
	pthread_mutex_unlock(&names->lock);

	return points + (catalog_version(names->catalog) << 32);
}

/* --- making and dropping ------------------------------------------------------------------- */

/*
 * The last of the list takes its place. Its index lives until the last group, writer and snapshot
 * that have it are gone; its directory goes now.
 */
void names_forget_database(struct names *names, uint32_t database_id)
{
	struct path from = path_database(names->dir, database_id), to;
	struct names_database *gone = NULL;
	char name[32];

	pthread_mutex_lock(&names->lock);
	for (size_t i = 0; i < names->database_count && !gone; i++)
		if (names->databases[i]->id == database_id) {
			gone = names->databases[i];
			names->databases[i] = names->databases[--names->database_count];
		}
	pthread_mutex_unlock(&names->lock);
	if (gone)
		index_let_go(gone->index);
	free(gone);
	snprintf(name, sizeof(name), "db.%u", database_id);
	to = path_trash_new(names->dir, name);
	int err = trash_move(names->trash, from.text, to.text);
	if (err < 0 && err != ERR_NOT_FOUND)
		log_warning("%s stays until the next start: %s", from.text, err_text(err));
}

/* The catalog does not know its number yet. */
int names_make_database(struct names *names, uint32_t database_id)
{
	assert(!names_index(names, database_id)); /* I13: no database has the number */
	int err = open_database(names, database_id, NULL);
	if (err == OK)
		err = env_sync_dir(path_top(names->dir, TOP_DB).text);
	if (err < 0)
		names_forget_database(names, database_id);
	return err;
}

bool names_have_databases(struct names *names)
{
	struct object *databases = NULL;
	size_t count = 0;

	catalog_list(names->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count);
	free(databases);
	return count > 0;
}

/* --- all of them --------------------------------------------------------------------------- */

/* The indexes of all databases, held; free() the array after letting each go. */
static struct index **hold_indexes(struct names *names, size_t *count)
{
	pthread_mutex_lock(&names->lock);
	struct index **indexes = malloc((names->database_count + 1) * sizeof(struct index *));
	if (!indexes)
		log_out_of_memory(names->database_count * sizeof(struct index *));
	*count = names->database_count;
	for (size_t i = 0; i < *count; i++) {
		indexes[i] = names->databases[i]->index;
		index_hold(indexes[i]);
	}
	pthread_mutex_unlock(&names->lock);
	return indexes;
}

int names_sync(struct names *names)
{
	size_t count;
	struct index **indexes = hold_indexes(names, &count);
	int err = catalog_sync(names->catalog);

	for (size_t i = 0; i < count; i++) {
		if (err == OK)
			err = index_sync(indexes[i]);
		index_let_go(indexes[i]);
	}
	free(indexes);
	return err;
}

void names_count(struct names *names, struct names_counts *out)
{
	*out = (struct names_counts){ 0 };
	pthread_mutex_lock(&names->lock);
	for (size_t i = 0; i < names->database_count; i++) {
		out->series += index_series_count(names->databases[i]->index);
		out->index_bytes += index_bytes(names->databases[i]->index);
	}
	pthread_mutex_unlock(&names->lock);
}

/* --- after damage --------------------------------------------------------------------------- */

bool names_has_lost(struct names *names, uint32_t database_id)
{
	pthread_mutex_lock(&names->lock);
	const struct names_database *database = find_locked(names, database_id);
	bool has_lost = database && database->has_lost_names;
	pthread_mutex_unlock(&names->lock);
	return has_lost;
}

uint32_t *names_lacking(struct names *names, bool log_has_rows, size_t *count)
{
	uint32_t *ids = malloc((names->database_count + 1) * sizeof(*ids));

	if (!ids)
		log_out_of_memory(names->database_count * sizeof(*ids));
	*count = 0;
	pthread_mutex_lock(&names->lock);
	for (size_t i = 0; i < names->database_count; i++) {
		const struct names_database *database = names->databases[i];

		if (database->has_lost_names ||
		    (database->is_unjudged && (index_was_damaged(database->index) || log_has_rows)))
			ids[(*count)++] = database->id;
	}
	pthread_mutex_unlock(&names->lock);
	return ids;
}

int names_restore(struct names *names, uint32_t database_id, struct slice additions)
{
	struct index *index = find_index(names, database_id, false);

	return index ? index_restore(index, additions) : ERR_NOT_FOUND;
}
