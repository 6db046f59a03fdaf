/* Opening, recovering, closing; databases, policies and groups; times of arrival. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/directory/directory.h"
#include "engine/directory/format.h"
#include "engine/log/journal.h"
#include "engine/lost_names.h"
#include "engine/series_text.h"
#include "engine/shard/store_files.h"
#include "engine/state.h"

static void path_of(const struct engine *engine, const char *name, char *path)
{
	snprintf(path, ENGINE_PATH_BYTES_MAX, "%s/%s", engine->path, name);
}

/* --- databases ---------------------------------------------------------------------- */

static struct live_database *find_locked(struct engine *engine, uint32_t database_id)
{
	for (size_t i = 0; i < engine->database_count; i++)
		if (engine->databases[i]->id == database_id)
			return engine->databases[i];
	return NULL;
}

static struct index *find_index(struct engine *engine, uint32_t database_id, bool hold)
{
	pthread_mutex_lock(&engine->lock);
	struct live_database *database = find_locked(engine, database_id);
	struct index *index = database ? database->index : NULL;
	if (index && hold)
		index_hold(index);
	pthread_mutex_unlock(&engine->lock);
	return index;
}

struct index *engine_index(struct engine *engine, uint32_t database_id)
{
	return find_index(engine, database_id, false);
}

void engine_touch(struct engine *engine, uint32_t database_id)
{
	pthread_mutex_lock(&engine->lock);
	for (size_t i = 0; i < engine->database_count; i++)
		if (database_id == 0 || engine->databases[i]->id == database_id)
			atomic_fetch_add(&engine->databases[i]->version, 1);
	pthread_mutex_unlock(&engine->lock);
}

uint64_t engine_database_version(struct engine *engine, uint32_t database_id)
{
	pthread_mutex_lock(&engine->lock);
	struct live_database *database = find_locked(engine, database_id);
	uint64_t points = database ? atomic_load(&database->version) : 0;
	pthread_mutex_unlock(&engine->lock);

	return points + (catalog_version(engine->catalog) << 32);
}

/* What the clock says of the index of a database. False: it is of a version that says nothing. */
static bool find_kept(struct engine *engine, struct live_database *database)
{
	const char *at = strstr(buf_text(&engine->kept), "\nindexes");
	unsigned long long records, lost;
	unsigned known;
	int length;

	if (!at)
		return engine->kept.length == 0;
	at += strlen("\nindexes");
	for (; sscanf(at, " %u:%llu:%llu%n", &known, &records, &lost, &length) == 3; at += length)
		if (known == database->id) {
			database->index_records_kept = records;
			database->index_records_lost = lost;
		}
	return true;
}

/*
 * Damage in what was durable has taken names that points have, and numbers that must not be given
 * again. Behind it lies what a power cut may take, and no point that is durable needs.
 */
static void judge_names(struct engine *engine, struct live_database *database)
{
	database->is_unjudged = !find_kept(engine, database);
	uint64_t lost = index_lacked(database->index, database->index_records_kept);
	database->has_lost_names = lost > database->index_records_lost;
	database->index_records_lost = lost;
}

/* May a shard have a series or a field without a name? */
static bool may_lack_names(struct engine *engine, const struct live_database *database)
{
	return database->has_lost_names ||
	       (database->is_unjudged &&
		(index_was_damaged(database->index) || atomic_load(&engine->memtable_bytes)));
}

/* Under the index's lock. */
static int log_names(void *arg, uint32_t database_id, struct slice additions)
{
	struct engine *engine = arg;
	struct buf record = { 0 };
	uint64_t sequence;

	wal_names_encode(database_id, additions, &record);
	int err = wal_append(engine->wal, buf_slice(&record), &sequence);
	buf_release(&record);
	return err;
}

/* Once the log was replayed: it takes names from here on. */
static int database_settle(struct engine *engine, struct live_database *database)
{
	index_set_log(database->index, database->id, log_names, engine);
	return index_settle(database->index);
}

/* What damage took of an index since the last flush is in the log, too. */
static int read_again(struct engine *engine, struct live_database *database, const char *path)
{
	char wal[ENGINE_PATH_BYTES_MAX];
	struct buf names = { 0 };

	path_of(engine, "wal", wal);
	int err = wal_names(wal, database->id, &names);
	if (err == OK)
		err = index_read_again(database->index, path, buf_slice(&names));
	buf_release(&names);
	return err;
}

static int database_open(struct engine *engine, uint32_t id, struct diag *diag)
{
	struct live_database *database = calloc(1, sizeof(*database));
	char path[ENGINE_PATH_BYTES_MAX], name[64];
	int err = OK;

	if (!database)
		return ERR_MEMORY;
	snprintf(name, sizeof(name), "db/%u", id);
	path_of(engine, name, path);
	if (!engine->options.read_only)
		err = env_mkdir(path);
	snprintf(name, sizeof(name), "db/%u/index", id);
	path_of(engine, name, path);
	if (err == OK)
		err = index_open(path, engine->options.read_only, &database->index, diag);
	if (err < 0) {
		free(database);
		return err;
	}
	index_set_series_max(database->index, engine->options.series_max);
	database->id = id;
	database->version = 1;
	judge_names(engine, database);
	if (index_was_damaged(database->index) && !engine->wal)
		err = read_again(engine, database, path);
	if (err == OK && engine->wal)
		err = database_settle(engine, database);
	if (err < 0) {
		index_close(database->index);
		free(database);
		return err;
	}
	pthread_mutex_lock(&engine->lock);
	engine->databases = realloc(engine->databases,
				    (engine->database_count + 1) * sizeof(*engine->databases));
	if (!engine->databases)
		log_out_of_memory(engine->database_count * sizeof(*engine->databases));
	engine->databases[engine->database_count++] = database;
	pthread_mutex_unlock(&engine->lock);
	return OK;
}

/* A database was made and its index was not, on a full disk say, which is over perhaps. */
static int open_late(struct engine *engine, uint32_t database_id, struct index **out)
{
	struct object object;
	int err = OK;

	pthread_mutex_lock(&engine->create_lock);
	*out = find_index(engine, database_id, true);
	if (!*out)
		err = catalog_get(engine->catalog, database_id, &object);
	if (!*out && err == OK)
		err = object.kind == OBJECT_DATABASE ? database_open(engine, database_id, NULL)
						     : ERR_NOT_FOUND;
	if (!*out && err == OK)
		*out = find_index(engine, database_id, true);
	pthread_mutex_unlock(&engine->create_lock);
	return err;
}

int engine_find_index(struct engine *engine, uint32_t database_id, struct index **out)
{
	*out = find_index(engine, database_id, true);
	return *out ? OK : open_late(engine, database_id, out);
}

struct index *engine_hold_index(struct engine *engine, uint32_t database_id)
{
	struct index *index;

	return engine_find_index(engine, database_id, &index) == OK ? index : NULL;
}

/* A database that has a group has names: without a file of them they are lost, copy and all. */
static void tell_lost_index(struct engine *engine, const struct object *database)
{
	char path[ENGINE_PATH_BYTES_MAX], copy[ENGINE_PATH_BYTES_MAX];
	struct object *policies = NULL, *groups;
	size_t policy_count = 0, count, group_count = 0;

	snprintf(path, sizeof(path), "%s/db/%u/index", engine->path, database->id);
	snprintf(copy, sizeof(copy), "%s/db/%u/index.copy", engine->path, database->id);
	if (env_exists(path) || env_exists(copy))
		return;
	catalog_list(engine->catalog, database->id, OBJECT_POLICY, &policies, &policy_count);
	for (size_t i = 0; i < policy_count; i++) {
		catalog_list(engine->catalog, policies[i].id, OBJECT_GROUP, &groups, &count);
		group_count += count;
		free(groups);
	}
	free(policies);
	if (group_count)
		log_error("%s is missing: the names in database %.*s are lost", path,
			  (int)database->name.length, database->name.data);
}

/* One that cannot be opened costs itself alone: each use of it tries again (open_late). */
static int databases_open(struct engine *engine, struct diag *diag)
{
	struct object *objects;
	size_t count;
	int err = OK;

	TRY(catalog_list(engine->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &objects, &count));
	for (size_t i = 0; err != ERR_MEMORY && i < count; i++) {
		tell_lost_index(engine, &objects[i]);
		err = database_open(engine, objects[i].id, diag);
		if (err < 0)
			log_error("database %.*s cannot be used: %s/db/%u/index: %s",
				  (int)objects[i].name.length, objects[i].name.data, engine->path,
				  objects[i].id, err_text(err));
	}
	free(objects);
	return err == ERR_MEMORY ? err : OK;
}

/*
 * The last of the list takes its place. Its index lives until the last group, writer and snapshot
 * that have it are gone; its directory goes now.
 */
void engine_forget_database(struct engine *engine, uint32_t database_id)
{
	char from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX], name[64];
	struct live_database *gone = NULL;

	pthread_mutex_lock(&engine->lock);
	for (size_t i = 0; i < engine->database_count && !gone; i++)
		if (engine->databases[i]->id == database_id) {
			gone = engine->databases[i];
			engine->databases[i] = engine->databases[--engine->database_count];
		}
	pthread_mutex_unlock(&engine->lock);
	if (gone)
		index_let_go(gone->index);
	free(gone);
	snprintf(name, sizeof(name), "db/%u", database_id);
	path_of(engine, name, from);
	snprintf(name, sizeof(name), "trash/db.%u.%016llx", database_id,
		 (unsigned long long)env_random());
	path_of(engine, name, to);
	int err = engine_trash_from(engine, from, to);
	if (err < 0 && err != ERR_NOT_FOUND)
		log_warning("%s stays until the next start: %s", from, err_text(err));
}

/* Durable when it returns; nobody knows its number yet. */
static int database_make(struct engine *engine, uint32_t id)
{
	char path[ENGINE_PATH_BYTES_MAX];

	path_of(engine, "db", path);
	int err = database_open(engine, id, NULL);
	if (err == OK)
		err = env_sync_dir(path);
	if (err < 0)
		engine_forget_database(engine, id);
	return err;
}

int engine_create_database(struct engine *engine, struct slice name, const struct attrs *attrs,
			   uint32_t *id)
{
	struct object object = {
		.parent_id = OBJECT_ROOT_ID, .kind = OBJECT_DATABASE, .attrs = *attrs, .name = name
	};

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	if (catalog_find(engine->catalog, OBJECT_ROOT_ID, name, &(struct object){ 0 }) == OK)
		return ERR_EXISTS;
	/* The index first: a database that the catalog knows has one, whatever a crash takes. */
	object.id = *id = catalog_take_id(engine->catalog);
	TRY(database_make(engine, object.id));
	int err = catalog_add(engine->catalog, &object);
	if (err < 0)
		engine_forget_database(engine, object.id);
	return err;
}

int engine_create_policy(struct engine *engine, uint32_t database_id, struct slice name,
			 const struct policy_settings *settings, const struct attrs *attrs,
			 uint32_t *id)
{
	struct object object = { .parent_id = database_id,
				 .kind = OBJECT_POLICY,
				 .attrs = *attrs,
				 .policy = *settings,
				 .name = name };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(catalog_add(engine->catalog, &object));
	*id = object.id;
	return OK;
}

int engine_set_policy(struct engine *engine, uint32_t policy_id,
		      const struct policy_settings *settings)
{
	struct object *groups;
	size_t count;

	TRY(catalog_set_policy(engine->catalog, policy_id, settings));
	TRY(catalog_list(engine->catalog, policy_id, OBJECT_GROUP, &groups, &count));
	int err = OK;
	for (size_t i = 0; err == OK && i < count; i++)
		if (groups[i].window.shards != settings->shards)
			err = live_group_spread(engine, &groups[i], settings->shards);
	free(groups);
	return err;
}

int engine_create_group(struct engine *engine, uint32_t policy_id, int64_t start_s, int64_t end_s,
			const struct attrs *attrs, uint32_t *id)
{
	struct object policy;
	struct object object = { .parent_id = policy_id, .kind = OBJECT_GROUP, .attrs = *attrs };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	TRY(catalog_get(engine->catalog, policy_id, &policy));
	if (policy.policy.duration_ns &&
	    end_s <= floor_div(env_now_ns() - policy.policy.duration_ns, NS_PER_SECOND))
		return ERR_RANGE;
	object.window = (struct group_window){ start_s, end_s, policy.policy.shards, 0 };
	pthread_mutex_lock(&engine->create_lock);
	int err = catalog_add(engine->catalog, &object);
	pthread_mutex_unlock(&engine->create_lock);
	*id = object.id;
	return err;
}

/* --- small texts ------------------------------------------------------------------------ */

/* The last line is `# CHECKSUM`; texts without one are of a version that wrote none. */
int engine_kept_read(const char *path, struct buf *out)
{
	size_t start = out->length, at;
	unsigned checksum;

	TRY(env_read_file(path, out));
	at = out->length > start ? out->length - 1 : start;
	while (at > start && out->data[at - 1] != '\n')
		at--;
	if (at == out->length || out->data[at] != '#')
		return OK;
	struct slice text = slice_of(out->data + start, at - start);
	bool whole = sscanf(buf_text(out) + at, "# %8x\n", &checksum) == 1 &&
		     checksum == (uint32_t)hash_bytes(text);
	out->length = at;
	return whole ? OK : ERR_CORRUPT;
}

int engine_kept(struct engine *engine, const char *name, struct buf *out)
{
	char path[ENGINE_PATH_BYTES_MAX];

	path_of(engine, name, path);
	return engine_kept_read(path, out);
}

int engine_keep(struct engine *engine, const char *name, struct slice text)
{
	char path[ENGINE_PATH_BYTES_MAX];
	struct buf summed = { 0 };

	if (engine->options.read_only)
		return ERR_READ_ONLY;
	path_of(engine, name, path);
	buf_append_slice(&summed, text);
	buf_printf(&summed, "# %08x\n", (unsigned)(uint32_t)hash_bytes(text));
	int err = env_write_file(path, buf_slice(&summed));
	buf_release(&summed);
	return err;
}

static bool has_databases(struct engine *engine)
{
	struct object *databases = NULL;
	size_t count = 0;

	catalog_list(engine->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count);
	free(databases);
	return count > 0;
}

/* Was the log ever trimmed (or may it have been)? Then it does not hold all numbers that were
 * given. */
static bool is_trimmed(struct engine *engine)
{
	char path[ENGINE_PATH_BYTES_MAX];

	path_of(engine, "wal/00000001", path);
	return has_databases(engine) && env_find(path) < 0;
}

/*
 * The log tells the last arrival and sequence until it is trimmed; after that the
 * text `clock` does, kept before: `ARRIVAL_NS SEQUENCE`, and what retention goes by. A second line
 * tells of each database how many records of its index were durable, and how many of those damage
 * took: `indexes ID:RECORDS:LOST …`.
 * A third one tells the same of the catalog: `catalog RECORDS`.
 */
static int clock_read(struct engine *engine, uint64_t *sequence)
{
	struct buf text = { 0 };
	long long arrival_ns;
	unsigned long long last;
	int length, err = engine_kept(engine, "clock", &text);

	*sequence = 0;
	if (err == OK && sscanf(buf_text(&text), "%lld %llu%n", &arrival_ns, &last, &length) == 2) {
		engine_note_arrival(engine, arrival_ns);
		retention_read(engine, buf_text(&text) + length);
		*sequence = last;
	} else if (err == OK || err == ERR_CORRUPT ||
		   (err == ERR_NOT_FOUND && is_trimmed(engine))) {
		/* Later than all there can be: numbers may be left out, never given twice. */
		log_error("%s/clock is damaged; the log goes on with a number from the clock",
			  engine->path);
		*sequence = (uint64_t)env_now_ns();
		err = OK;
	}
	buf_release(&text);
	return err == ERR_NOT_FOUND ? OK : err;
}

/* A process that has not synced an index yet knows what the one before it did. */
static void print_indexes(struct engine *engine, struct buf *out)
{
	buf_append_text(out, "\nindexes");
	pthread_mutex_lock(&engine->lock);
	for (size_t i = 0; i < engine->database_count; i++) {
		struct live_database *database = engine->databases[i];
		uint64_t records = index_records_synced(database->index);

		if (records > database->index_records_kept)
			database->index_records_kept = records;
		buf_printf(out, " %u:%llu:%llu", database->id,
			   (unsigned long long)database->index_records_kept,
			   (unsigned long long)database->index_records_lost);
	}
	pthread_mutex_unlock(&engine->lock);
	buf_printf(out, "\ncatalog %llu\n", (unsigned long long)catalog_kept(engine->catalog));
}

int engine_write_clock(struct engine *engine)
{
	struct buf text = { 0 };

	buf_printf(&text, "%lld %llu", (long long)atomic_load(&engine->arrival_ns),
		   (unsigned long long)wal_sequence(engine->wal));
	retention_print(engine, &text);
	print_indexes(engine, &text);
	int err = engine_keep(engine, "clock", buf_slice(&text));
	buf_release(&text);
	return err;
}

/* --- recovery ------------------------------------------------------------------------------ */

struct recovery {
	struct engine *engine;
	struct arena arena;
	uint64_t records, rows, removed, unknown, damaged, unnamed;
	uint64_t last;	  /* sequence: of the record before, or what the clock tells */
	uint64_t missing; /* numbers that no record has and no flush had */
};

static bool knows_layout(struct index *index, uint32_t series_id, const struct layout *layout)
{
	uint32_t measurement_id = index_series_measurement(index, series_id);

	for (uint32_t k = 0; k < layout->field_count; k++)
		if (!index_knows_field(index, measurement_id, layout->fields[k].field_id))
			return false;
	return true;
}

/*
 * Is all that the record has numbers for known by name? Else it was not durable: what is comes
 * to the disk after its names (I11), and the disk has kept it by chance.
 */
static bool is_named(struct index *index, const struct wal_record *record)
{
	for (size_t i = 0; i < record->mask_count; i++)
		if (!index_knows_series(index, record->masks[i].series_id))
			return false;
	for (size_t i = 0; i < record->mtime_count; i++)
		if (!index_knows_series(index, record->mtimes[i].series_id))
			return false;
	for (size_t i = 0; i < record->row_count; i++)
		if (!index_knows_series(index, record->rows[i].series_id) ||
		    !knows_layout(index, record->rows[i].series_id,
				  record->layouts[record->rows[i].layout]))
			return false;
	return true;
}

/* The names were durable, and are damaged. */
static uint32_t recover_names(struct index *index, uint32_t series_id, const struct layout *layout)
{
	uint32_t measurement_id = index_series_measurement(index, series_id);

	if (measurement_id == ID_NONE && index_reserve_series(index, series_id) == OK)
		measurement_id = index_series_measurement(index, series_id);
	uint32_t known = index_field_count(index, measurement_id);
	for (uint32_t k = 0; k < layout->field_count; k++)
		if (layout->fields[k].field_id >= known)
			index_reserve_field(index, measurement_id, layout->fields[k].field_id);
	return measurement_id;
}

static void recover_types(struct engine *engine, struct live_group *group,
			  const struct wal_record *record)
{
	for (size_t i = 0; i < record->row_count; i++) {
		const struct layout *layout = record->layouts[record->rows[i].layout];
		uint32_t measurement_id =
			recover_names(group->index, record->rows[i].series_id, layout);

		for (uint32_t k = 0; k < layout->field_count; k++)
			live_group_set_type(
				group, shard_field_key(measurement_id, layout->fields[k].field_id),
				layout->fields[k].type);
	}
}

/*
 * May the record be taken for the group's? Not when a number in it never came to the disk with
 * its name: the number may be given to another.
 */
static bool is_of_group(struct recovery *recovery, const struct live_group *group,
			const struct wal_record *record)
{
	const struct live_database *database = find_locked(recovery->engine, group->database_id);

	return record->database_id == group->database_id && record->policy_id == group->policy_id &&
	       ((database && database->has_lost_names) || is_named(group->index, record));
}

static int leave_out(struct recovery *recovery)
{
	recovery->unnamed++;
	return END;
}

/* Is it of an object whose making did not come to the disk? Another may get the number. */
static bool is_number_of_nobody(const struct recovery *recovery, uint32_t object_id)
{
	return object_id >= recovery->engine->catalog_id_told;
}

/*
 * A record whose group is not there. A catalog that lost something may have known it: then its
 * number stays its own.
 */
static int without_group(struct recovery *recovery, uint32_t group_id)
{
	struct catalog *catalog = recovery->engine->catalog;
	bool was_removed = catalog_was_removed(catalog, group_id);

	recovery->removed += was_removed;
	recovery->unknown += !was_removed;
	if (recovery->engine->catalog_has_lost)
		return catalog_reserve(catalog, group_id);
	if (!is_number_of_nobody(recovery, group_id))
		return OK;
	return leave_out(recovery);
}

/* They come before the records that need them, and the index may have lost them. */
static int recover_additions(struct recovery *recovery, uint32_t database_id,
			     struct slice additions)
{
	struct live_database *database = find_locked(recovery->engine, database_id);

	if (database && index_restore(database->index, additions) < 0)
		recovery->damaged++;
	return database || !is_number_of_nobody(recovery, database_id) ? OK : leave_out(recovery);
}

/*
 * A record whose group is dropped, or whose bytes are not a record, is counted and passed over.
 * END: it leaves the log.
 */
static int recover_record(void *arg, uint64_t sequence, struct slice payload)
{
	struct recovery *recovery = arg;
	struct live_group *group;
	struct wal_record record;
	struct slice additions;
	uint32_t database_id;

	/* Nothing behind it was durable either: what stays is what came first. */
	if (recovery->unnamed)
		return leave_out(recovery);
	arena_reset(&recovery->arena);
	recovery->records++;
	if (sequence > recovery->last + 1)
		recovery->missing += sequence - recovery->last - 1;
	if (sequence > recovery->last)
		recovery->last = sequence;
	if (wal_names_decode(payload, &database_id, &additions))
		return recover_additions(recovery, database_id, additions);
	if (wal_record_decode(payload, sequence, &recovery->arena, &record) < 0) {
		recovery->damaged++;
		return OK;
	}
	engine_note_arrival(recovery->engine, record.arrival_ns);
	int err = live_group_get(recovery->engine, record.group_id, &group);
	if (err == ERR_NOT_FOUND)
		return without_group(recovery, record.group_id);
	if (err < 0) /* no index: a log that cannot be replayed must not be trimmed, so no start */
		return err;
	if (!is_of_group(recovery, group, &record)) {
		live_group_release(group);
		return leave_out(recovery);
	}
	pthread_mutex_lock(&group->lock);
	recover_types(recovery->engine, group, &record);
	live_group_replay(group, &record, sequence);
	pthread_mutex_unlock(&group->lock);
	recovery->rows += record.row_count;
	live_group_release(group);
	return OK;
}

/* Points of groups that the catalog has lost: the log that has them is trimmed, so it is kept. */
static int keep_log(struct engine *engine, uint64_t records)
{
	char dir[ENGINE_PATH_BYTES_MAX], name[64];
	uint64_t segment;

	log_error(
		"%s/catalog is damaged: %llu records of the log belong to groups that it has lost",
		engine->path, (unsigned long long)records);
	if (engine->options.read_only)
		return OK;
	path_of(engine, "set-aside", dir);
	TRY(env_mkdir(dir));
	snprintf(name, sizeof(name), "set-aside/log.%016llx", (unsigned long long)env_random());
	path_of(engine, name, dir);
	TRY(env_mkdir(dir));
	TRY(wal_rotate(engine->wal, &segment)); /* what comes now is not to grow there */
	TRY(wal_link(engine->wal, segment, dir));
	log_error("the log as it was found is kept in %s", dir);
	return env_sync_dir(dir);
}

struct segments {
	unsigned long long first, last, count;
};

static int count_segment(void *arg, const char *name)
{
	struct segments *segments = arg;
	char *end;
	unsigned long long number = strtoull(name, &end, 10);

	if (*end || end == name)
		return OK;
	if (segments->count == 0 || number < segments->first)
		segments->first = number;
	if (number > segments->last)
		segments->last = number;
	segments->count++;
	return OK;
}

/*
 * Records that the log has lost. Numbers may be left out by a start, and the disk may know of
 * trimmed segments in any order: so numbers are missing only with a segment between others, and
 * when none of them is in what the clock says is flushed. Its end is known by the mark.
 */
static uint64_t count_missing(const struct segments *found, const struct recovery *recovery,
			      uint64_t marked)
{
	uint64_t missing = marked > recovery->last ? marked - recovery->last : 0;

	if (found->count && found->last - found->first + 1 > found->count)
		missing += recovery->missing;
	return missing;
}

static int recover(struct engine *engine, uint64_t sequence)
{
	struct recovery recovery = { .engine = engine, .last = sequence };
	char path[ENGINE_PATH_BYTES_MAX];

	struct segments segments = { 0 };

	path_of(engine, "wal", path);
	uint64_t marked = store_marked(path);
	if (env_exists(path))
		env_list(path, count_segment, &segments);
	/* Numbers that were given once are not given again, even when what had them is lost. */
	int err = wal_open(path, engine->options.read_only, marked > sequence ? marked : sequence,
			   recover_record, &recovery, &engine->wal);
	arena_release(&recovery.arena);
	if (recovery.damaged)
		log_error("%s: %llu records could not be understood", path,
			  (unsigned long long)recovery.damaged);
	if (err == OK)
		engine->log_missing = count_missing(&segments, &recovery, marked);
	/* The first segment comes before the first database, and a new one before one is trimmed.
	 */
	if (segments.count == 0 && has_databases(engine)) {
		engine->log_missing = 1;
		log_error("%s: the log is damaged: no segment of it is there, and what was in it "
			  "alone is lost",
			  path);
	} else if (engine->log_missing)
		log_error("%s: the log is damaged: %llu records are missing in it, and what was "
			  "written with them",
			  path, (unsigned long long)engine->log_missing);
	engine->removed_in_log = recovery.removed > 0;
	/* After a power cut the log may be ahead of a whole catalog: nobody was promised those. */
	if (err == OK && recovery.unknown && engine->catalog_has_lost)
		err = keep_log(engine, recovery.unknown);
	if (recovery.unnamed)
		log_warning(
			"%s: the last %llu records were not taken: the names of series, fields or "
			"shard groups in them never came to the disk, so they were not synced "
			"either",
			path, (unsigned long long)recovery.unnamed);
	if (recovery.rows)
		log_info("recovered %llu points from the log", (unsigned long long)recovery.rows);
	return err;
}

/* --- directories --------------------------------------------------------------------------------
 */

static int check_format(struct engine *engine, struct diag *diag)
{
	char path[ENGINE_PATH_BYTES_MAX];
	struct buf text = { 0 };

	path_of(engine, "format", path);
	int err = env_read_file(path, &text);
	uint64_t version = err == OK ? format_parse(buf_slice(&text)) : 0;
	buf_release(&text);
	if (version > FORMAT_NEWEST)
		return diag_set(diag, ERR_INVALID,
				"%s is of format %llu, and this version knows formats up to %u",
				engine->path, (unsigned long long)version, FORMAT_NEWEST);
	if (version == FORMAT_NEWEST || (version && engine->options.read_only))
		return OK;
	if (version) /* before anything is written that an older program would misread */
		return env_write_file(path, SLICE(FORMAT_NEWEST_TEXT));
	if (err == OK)
		return diag_set(diag, ERR_INVALID, "%s is damaged: %s", path,
				"it names no format; seriesfs-check --repair mends it");
	if (err != ERR_NOT_FOUND)
		return diag_set(diag, err, "%s could not be read: %s", path, err_text(err));
	char catalog[ENGINE_PATH_BYTES_MAX];
	path_of(engine, "catalog", catalog);
	err = env_find(catalog);
	if (err < 0 && err != ERR_NOT_FOUND)
		return diag_set(diag, err, "%s could not be read: %s", catalog, err_text(err));
	if (engine->options.read_only || err == OK)
		return diag_set(diag, ERR_INVALID, "%s is not a data directory: %s is missing",
				engine->path, path);
	return env_write_file(path, SLICE(FORMAT_NEWEST_TEXT));
}

/* A link would have what is written, deleted or locked lie elsewhere, at the choice of who made it.
 */
static int check_kinds(struct engine *engine, struct diag *diag)
{
	static const struct {
		const char *name;
		enum env_kind kind;
	} names[] = { { "lock", ENV_FILE },	     { "format", ENV_FILE },
		      { "catalog", ENV_FILE },	     { "catalog.copy", ENV_FILE },
		      { "clock", ENV_FILE },	     { "continuous", ENV_FILE },
		      { "wal", ENV_DIRECTORY },	     { "db", ENV_DIRECTORY },
		      { "shard", ENV_DIRECTORY },    { "trash", ENV_DIRECTORY },
		      { "snapshot", ENV_DIRECTORY }, { "set-aside", ENV_DIRECTORY } };
	char path[ENGINE_PATH_BYTES_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path_of(engine, names[i].name, path);
		enum env_kind kind;
		TRY(env_kind(path, &kind));
		if (kind != ENV_NOTHING && kind != names[i].kind)
			return diag_set(diag, ERR_INVALID, "%s is %s: seriesfs makes a %s there",
					path,
					kind == ENV_LINK ? "a symbolic link" : "something else",
					names[i].kind == ENV_FILE ? "file" : "directory");
	}
	return OK;
}

static int make_directories(struct engine *engine)
{
	static const char *const names[] = { "db", "shard", "trash", "wal" };
	char path[ENGINE_PATH_BYTES_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path_of(engine, names[i], path);
		TRY(env_mkdir(path));
	}
	return OK;
}

static int lock_directory(struct engine *engine, struct diag *diag)
{
	char path[ENGINE_PATH_BYTES_MAX], who[128];
	struct env_lock_owner owner;

	enum env_lock_use use = engine->options.leaves_alone ? ENV_LOCK_LOOKS
				: engine->options.read_only  ? ENV_LOCK_READS
							     : ENV_LOCK_WRITES;

	path_of(engine, "lock", path);
	int err = env_lock_wait(path, use, &engine->lock_fd, &owner);
	env_lock_print(&owner, who, sizeof(who));
	if (err == ERR_BUSY)
		return diag_set(diag, err, "%s is in use by %s", engine->path, who);
	if (err == ERR_READ_ONLY)
		return diag_set(diag, err, "%s can only be read; -o ro mounts it", engine->path);
	if (err < 0)
		return diag_set(diag, err, "%s could not be locked: %s", path, err_text(err));
	return OK;
}

static int trash_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	char path[ENGINE_PATH_BYTES_MAX];

	snprintf(path, sizeof(path), "%s/trash/%s", engine->path, name);
	engine_trash(engine, path);
	return OK;
}

/* The number of an object in a name that this engine gives: `7`, and of a shard `7.0`. False: it is
 * another's. */
static bool number_in(const char *name, uint32_t *id)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	*id = (uint32_t)number;
	return name[0] >= '0' && name[0] <= '9' && number < UINT32_MAX && (!*end || *end == '.');
}

/* A shard of a group that a record removed, and whose rename a crash prevented. */
static int dropped_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	char from[ENGINE_PATH_BYTES_MAX], to[ENGINE_PATH_BYTES_MAX];
	uint32_t id;

	if (!number_in(name, &id) || !catalog_was_removed(engine->catalog, id))
		return OK;
	snprintf(from, sizeof(from), "%s/shard/%s", engine->path, name);
	snprintf(to, sizeof(to), "%s/trash/%s", engine->path, name);
	int err = env_rename(from, to); /* sweep() has what is there deleted */
	if (err == ERR_LAYER)
		engine_trash(engine, from);
	return err == ERR_LAYER ? OK : err;
}

/* The same of a database's index. */
static int dropped_database(void *arg, const char *name)
{
	struct engine *engine = arg;
	uint32_t id;

	if (number_in(name, &id) && catalog_was_removed(engine->catalog, id))
		engine_forget_database(engine, id);
	return OK;
}

/* A database whose making a power cut ended before the catalog knew of it has no names. */
static int unmade_name(void *arg, const char *name)
{
	struct engine *engine = arg;
	char path[ENGINE_PATH_BYTES_MAX], index[80];
	struct buf file = { 0 };
	struct object object;
	uint32_t id;

	if (!number_in(name, &id) || strchr(name, '.') ||
	    catalog_get(engine->catalog, id, &object) != ERR_NOT_FOUND)
		return OK;
	/* With names in its copy it was made, and lost its index. */
	snprintf(index, sizeof(index), "db/%.50s/index.copy", name);
	path_of(engine, index, path);
	if (env_exists(path))
		return OK;
	snprintf(index, sizeof(index), "db/%.50s/index", name);
	path_of(engine, index, path);
	int err = env_read_file(path, &file);
	bool is_empty = err == ERR_NOT_FOUND || (err == OK && file.length <= JOURNAL_HEADER_BYTES);
	buf_release(&file);
	snprintf(index, sizeof(index), "db/%.50s", name);
	path_of(engine, index, path);
	return is_empty ? env_remove_tree(path) : OK;
}

/* Deleted is what a record removed, and nothing else: a catalog that lost its end drops nothing. */
static void sweep(struct engine *engine)
{
	char path[ENGINE_PATH_BYTES_MAX];

	path_of(engine, "shard", path);
	int err = env_list(path, dropped_name, engine);
	path_of(engine, "db", path);
	if (err == OK)
		err = env_list(path, dropped_database, engine);
	if (err == OK && freeze_sweep(engine) == OK && !engine->removed_in_log)
		catalog_forget_removed(engine->catalog);
	path_of(engine, "db", path);
	env_list(path, unmade_name, engine);
	path_of(engine, "trash", path);
	env_list(path, trash_name, engine);
}

/* --- what the catalog does not know ---------------------------------------------------------- */

struct strangers {
	struct engine *engine;
	uint32_t id_last;
	size_t count;
	char first[64];
};

static int look_at_number(struct strangers *strangers, const char *name, bool is_proof)
{
	struct catalog *catalog = strangers->engine->catalog;
	struct object object;
	char *end;
	unsigned long id = strtoul(name, &end, 10);

	if (end == name || (*end && *end != '.') || id >= UINT32_MAX || strstr(name, ".mark"))
		return OK; /* not a name of ours */
	if (id > strangers->id_last)
		strangers->id_last = (uint32_t)id;
	if (!is_proof || catalog_get(catalog, (uint32_t)id, &object) == OK ||
	    catalog_was_removed(catalog, (uint32_t)id))
		return OK;
	if (strangers->count++ == 0)
		snprintf(strangers->first, sizeof(strangers->first), "%.60s", name);
	return OK;
}

static int look_at_owned(void *arg, const char *name)
{
	return look_at_number(arg, name, true);
}

/* Directories of indexes were once left behind by databases that were dropped. */
static int look_at_index(void *arg, const char *name)
{
	return look_at_number(arg, name, false);
}

/*
 * A name comes to the disk before what it names: a number that no record made or removed is proof
 * that the catalog lost records. What has it stays where it is, and its number is not given anew.
 */
static int look_for_strangers(struct engine *engine)
{
	struct strangers strangers = { .engine = engine };
	char path[ENGINE_PATH_BYTES_MAX];

	path_of(engine, "shard", path);
	env_list(path, look_at_owned, &strangers);
	path_of(engine, "snapshot", path);
	if (env_exists(path))
		env_list(path, look_at_owned, &strangers);
	path_of(engine, "db", path);
	env_list(path, look_at_index, &strangers);
	if (strangers.count)
		log_error(
			"%s/catalog is damaged: it has lost what owns %zu shards or snapshots, "
			"%s among them; they are left alone, and seriesfs-check --repair sets them "
			"aside",
			engine->path, strangers.count, strangers.first);
	engine->catalog_has_lost = strangers.count > 0 || catalog_was_damaged(engine->catalog);
	engine->catalog_id_told = catalog_id_next(engine->catalog);
	return catalog_reserve(engine->catalog, strangers.id_last);
}

/* --- life
 * --------------------------------------------------------------------------------------------- */

static void set_defaults(struct engine_options *options)
{
	if (!options->commit_seconds)
		options->commit_seconds = COMMIT_SECONDS;
	if (!options->memtable_bytes_max)
		options->memtable_bytes_max = MEMTABLE_BYTES_MAX;
	if (!options->cold_period_seconds)
		options->cold_period_seconds = COLD_PERIOD_SECONDS;
	if (!options->series_max)
		options->series_max = SERIES_PER_DATABASE_MAX;
}

static void init_locks(struct engine *engine)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&engine->lock, NULL);
	pthread_mutex_init(&engine->create_lock, NULL);
	pthread_mutex_init(&engine->flush_lock, NULL);
	pthread_mutex_init(&engine->space_lock, NULL);
	pthread_mutex_init(&engine->gate_lock, NULL);
	pthread_cond_init(&engine->gate_changed, NULL);
	pthread_mutex_init(&engine->cold_lock, NULL);
	pthread_mutex_init(&engine->wake_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&engine->wake, &monotonic);
	pthread_cond_init(&engine->room, &monotonic);
	pthread_cond_init(&engine->trash_wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* As the clock says; of a version that says nothing all was, and before the first flush nothing. */
static uint64_t catalog_records_kept(struct engine *engine)
{
	const char *at = strstr(buf_text(&engine->kept), "\ncatalog ");
	unsigned long long records;

	if (at && sscanf(at, "\ncatalog %llu", &records) == 1)
		return records;
	return engine->kept.length ? UINT64_MAX : 0;
}

/*
 * What was durable at the last flush. clock_read() tells what is wrong with it: of a clock that is
 * damaged or gone nothing is taken, and it is as if a version had written it that kept none of it.
 */
static void read_kept(struct engine *engine)
{
	char path[ENGINE_PATH_BYTES_MAX];
	int err = engine_kept(engine, "clock", &engine->kept);

	path_of(engine, "wal/00000001", path);
	if (err == OK || (err == ERR_NOT_FOUND && env_exists(path)))
		return;
	buf_reset(&engine->kept);
	buf_append_text(&engine->kept, "?");
}

static int open_parts(struct engine *engine, struct diag *diag)
{
	char path[ENGINE_PATH_BYTES_MAX];
	uint64_t sequence;

	/* Who only reads makes nothing of a directory that is none, not even the lock. */
	if (engine->options.read_only)
		TRY(check_format(engine, diag));
	else
		TRY(directory_check(engine->path, diag));
	if (!engine->options.read_only && !env_is_directory(engine->path))
		TRY(env_mkdir(engine->path));
	TRY(check_kinds(engine, diag));
	TRY(lock_directory(engine, diag));
	TRY(check_format(engine, diag));
	if (!engine->options.read_only)
		TRY(make_directories(engine));
	path_of(engine, "catalog", path);
	read_kept(engine);
	TRY(catalog_open_kept(path, engine->options.read_only, catalog_records_kept(engine),
			      &engine->catalog, diag));
	TRY(look_for_strangers(engine));
	engine->shard_env = shard_env_open(engine->options.shards_open_max);
	if (engine->options.leaves_alone)
		shard_env_leave_alone(engine->shard_env);
	TRY(cold_recover(engine));
	TRY(clock_read(engine, &sequence));
	TRY(databases_open(engine, diag));
	retention_trust(engine);
	TRY(recover(engine, sequence));
	wall_open(engine);
	for (size_t i = 0; i < engine->database_count; i++)
		TRY(database_settle(engine, engine->databases[i]));
	for (size_t i = 0; i < engine->database_count; i++)
		if (may_lack_names(engine, engine->databases[i]))
			lost_names_search(engine, engine->databases[i]->id);
	return OK;
}

static void engine_free(struct engine *engine)
{
	while (engine->group_count)
		live_group_release(engine->groups[--engine->group_count]);
	free(engine->groups);
	idmap_release(&engine->group_ids);
	if (engine->shard_env)
		shard_env_close(engine->shard_env);
	for (size_t i = 0; i < engine->database_count; i++) {
		index_close(engine->databases[i]->index);
		free(engine->databases[i]);
	}
	wal_close(engine->wal);
	free(engine->databases);
	if (engine->catalog)
		catalog_close(engine->catalog);
	for (size_t i = 0; i < engine->trash_count; i++)
		free(engine->trash[i]);
	free(engine->trash);
	buf_release(&engine->kept);
	env_close(engine->lock_fd);
	free(engine);
}

int engine_open(const struct engine_options *options, struct engine **out, struct diag *diag)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return ERR_MEMORY;
	engine->lock_fd = -1;
	engine->bytes_unchecked = SPACE_CHECK_BYTES;
	engine->options = *options;
	set_defaults(&engine->options);
	if ((size_t)snprintf(engine->path, sizeof(engine->path), "%s", options->path) >=
	    sizeof(engine->path)) {
		free(engine);
		return diag_set(diag, ERR_TOO_LONG, "the path of the data directory is too long");
	}
	init_locks(engine);
	int err = open_parts(engine, diag);
	if (err < 0) {
		engine_free(engine);
		return diag_set(diag, err, "%s: %s", options->path, err_text(err));
	}
	*out = engine;
	return OK;
}

int engine_start(struct engine *engine)
{
	if (!engine->options.read_only)
		sweep(engine);
	return engine_start_threads(engine);
}

void engine_stopping(struct engine *engine)
{
	if (!engine->options.read_only)
		env_lock_stopping(engine->lock_fd);
}

int engine_close(struct engine *engine)
{
	engine_stop_threads(engine);
	catalog_compact(engine->catalog); /* before the clock tells how much of it is durable */
	int err = engine_flush(engine);
	engine_free(engine);
	return err;
}

/* Those of all databases, held; free() the array after letting each go. */
static struct index **hold_indexes(struct engine *engine, size_t *count)
{
	pthread_mutex_lock(&engine->lock);
	struct index **indexes = malloc((engine->database_count + 1) * sizeof(struct index *));
	if (!indexes)
		log_out_of_memory(engine->database_count * sizeof(struct index *));
	*count = engine->database_count;
	for (size_t i = 0; i < *count; i++) {
		indexes[i] = engine->databases[i]->index;
		index_hold(indexes[i]);
	}
	pthread_mutex_unlock(&engine->lock);
	return indexes;
}

/* engine.lock is not held meanwhile: writers and lookups would wait for the disk. */
int engine_sync_names(struct engine *engine)
{
	size_t count;
	struct index **indexes = hold_indexes(engine, &count);
	int err = catalog_sync(engine->catalog);

	for (size_t i = 0; i < count; i++) {
		if (err == OK)
			err = index_sync(indexes[i]);
		index_let_go(indexes[i]);
	}
	free(indexes);
	return err;
}

void engine_mark_log(struct engine *engine, uint64_t sequence)
{
	char path[ENGINE_PATH_BYTES_MAX];

	if (engine->options.read_only || sequence == engine->log_marked)
		return;
	path_of(engine, "wal", path);
	store_mark(path, sequence);
	engine->log_marked = sequence;
}

int engine_sync(struct engine *engine)
{
	/* I11: a record that is durable has its names. */
	TRY(engine_sync_names(engine));
	return wal_sync(engine->wal);
}

int engine_settle(struct engine *engine, int err)
{
	return err < 0 || !engine->options.sync_writes ? err : catalog_sync(engine->catalog);
}

int engine_flush(struct engine *engine)
{
	if (engine->options.read_only)
		return OK;
	return flush_all(engine);
}

struct catalog *engine_catalog(struct engine *engine)
{
	return engine->catalog;
}

int engine_disk(struct engine *engine, struct env_disk *out)
{
	return env_disk(engine->path, out);
}

void engine_gauges(struct engine *engine, struct engine_gauges *out)
{
	struct shard_env_counts counts;

	shard_env_count(engine->shard_env, &counts);
	*out = (struct engine_gauges){
		.memtable_bytes = atomic_load(&engine->memtable_bytes),
		.memtable_peak_bytes = atomic_load(&engine->memtable_peak_bytes),
		.directory_bytes = shard_directory_bytes(),
		.series_text_bytes = text_infos_bytes(),
		.wal_bytes = wal_bytes(engine->wal),
		.shards_open = counts.open,
	};
	pthread_mutex_lock(&engine->lock);
	out->groups = engine->group_count;
	for (size_t i = 0; i < engine->database_count; i++) {
		out->series += index_series_count(engine->databases[i]->index);
		out->index_bytes += index_bytes(engine->databases[i]->index);
	}
	pthread_mutex_unlock(&engine->lock);
}
