/*
 * Replays the log at a start, and judges what it finds.
 *
 * Why a judgement: of what was not synced a power cut may keep any part. Rows whose names it did
 * not keep are left out, with all that follows them (I11), before their numbers are given to others
 * (I13).
 */
#include "engine/recover.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/shard/store_files.h"

struct recovery {
	struct engine *engine;
	struct arena arena;
	uint64_t records, rows, removed, unknown, damaged, unnamed;
	uint64_t last;	  /* sequence: of the record before, or what the clock tells */
	uint64_t missing; /* numbers that no record has and no flush had */
};

/* Are all fields of a layout known by name, with their measurement? */
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

/*
 * What a field's type is in the group is known by its rows in the log as well as by its shards.
 */
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
	struct names *names = &recovery->engine->names;

	return record->database_id == group->database_id && record->policy_id == group->policy_id &&
	       (names_has_lost(names, group->database_id) || is_named(group->index, record));
}

static int leave_out(struct recovery *recovery)
{
	recovery->unnamed++;
	return END;
}

/* Is it of an object whose making did not come to the disk? Another may get the number. */
static bool is_number_of_nobody(const struct recovery *recovery, uint32_t object_id)
{
	return object_id >= recovery->engine->names.catalog_id_told;
}

/*
 * A record whose group is not there. A catalog that lost something may have known it: then its
 * number stays its own.
 */
static int without_group(struct recovery *recovery, uint32_t group_id)
{
	struct catalog *catalog = recovery->engine->names.catalog;
	bool was_removed = catalog_was_removed(catalog, group_id);

	recovery->removed += was_removed;
	recovery->unknown += !was_removed;
	if (recovery->engine->names.catalog_has_lost)
		return catalog_reserve(catalog, group_id);
	if (!is_number_of_nobody(recovery, group_id))
		return OK;
	return leave_out(recovery);
}

/* They come before the records that need them, and the index may have lost them. */
static int recover_additions(struct recovery *recovery, uint32_t database_id,
			     struct slice additions)
{
	int err = names_restore(&recovery->engine->names, database_id, additions);

	if (err == ERR_NOT_FOUND)
		return is_number_of_nobody(recovery, database_id) ? leave_out(recovery) : OK;
	recovery->damaged += err < 0;
	return OK;
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

	/* No record behind it was durable either: only the records before it stay. */
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
	arrivals_note(&recovery->engine->arrivals, record.arrival_ns);
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
	const char *data = engine->directory.path;
	struct path path = path_set_aside_log(data);
	const char *dir = path.text;
	uint64_t segment;

	log_error(
		"%s/catalog is damaged: %llu records of the log belong to groups that it has lost",
		data, (unsigned long long)records);
	if (engine->options.read_only)
		return OK;
	TRY(env_mkdir(path_top(data, TOP_SET_ASIDE).text));
	TRY(env_mkdir(dir));
	TRY(wal_rotate(engine->wal, &segment)); /* the linked segments do not grow any more */
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

/* What a start has to say of the log, for the operator. */
static void tell(const char *wal, const struct recovery *recovery, bool has_no_segment,
		 uint64_t missing)
{
	if (recovery->damaged)
		log_error("%s: %llu records could not be understood", wal,
			  (unsigned long long)recovery->damaged);
	if (has_no_segment)
		log_error("%s: the log is damaged: no segment of it is there, and what was in it "
			  "alone is lost",
			  wal);
	else if (missing)
		log_error("%s: the log is damaged: %llu records are missing in it, and what was "
			  "written with them",
			  wal, (unsigned long long)missing);
	if (recovery->unnamed)
		log_warning(
			"%s: the last %llu records were not taken: the names of series, fields or "
			"shard groups in them never came to the disk, so they were not synced "
			"either",
			wal, (unsigned long long)recovery->unnamed);
	if (recovery->rows)
		log_info("recovered %llu points from the log", (unsigned long long)recovery->rows);
}

int recover(struct engine *engine, uint64_t sequence)
{
	struct recovery recovery = { .engine = engine, .last = sequence };
	struct path wal = path_top(engine->directory.path, TOP_WAL);
	struct segments segments = { 0 };
	uint64_t marked = store_marked(wal.text);

	if (env_exists(wal.text))
		env_list(wal.text, count_segment, &segments);
	/* Numbers that were given once are not given again, even when what had them is lost (I13).
	 */
	int err =
		wal_open(wal.text, engine->options.read_only, marked > sequence ? marked : sequence,
			 recover_record, &recovery, &engine->wal);
	arena_release(&recovery.arena);
	if (err == OK)
		engine->recovered.log_missing = count_missing(&segments, &recovery, marked);
	/* The first segment comes before the first database, and a new one before one is trimmed.
	 */
	bool has_no_segment = segments.count == 0 && names_have_databases(&engine->names);
	if (has_no_segment)
		engine->recovered.log_missing = 1;
	engine->recovered.removed_in_log = recovery.removed > 0;
	tell(wal.text, &recovery, has_no_segment, engine->recovered.log_missing);
	/* After a power cut the log may be ahead of a whole catalog: no call had promised those
	 * records. */
	if (err == OK && recovery.unknown && engine->names.catalog_has_lost)
		err = keep_log(engine, recovery.unknown);
	return err;
}
