/*
 * Decodes every chunk of every shard once, and compares what is known of it beside it. Why: a
 * checksum tells that bytes are those that were written, not that they were right.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/check/check.h"
#include "engine/check/salvage.h"
#include "engine/engine.h"
#include "engine/memory/state.h"
#include "engine/read/row_text.h"
#include "engine/read/view.h"
#include "engine/shard/store_files.h"
#include "engine/upkeep/lost_names.h"

/* What is being looked at. */
struct place {
	struct check *check;
	struct engine *engine;
	struct index *index;
	struct live_group *group;
	uint32_t number; /* of the shard */
	char name[64];	 /* shard/GROUP.N */
	struct buf path; /* DATABASE/POLICY/GROUP */
	struct shard_version *version;
	struct chunk_data data;
	struct row_text text;
	struct arena arena; /* of a chunk's outline */
	bool is_damaged;
};

static void series_path(const struct place *place, uint32_t series_id, struct buf *out)
{
	buf_append_slice(out, buf_slice(&place->path));
	buf_append_byte(out, '/');
	if (index_series_measurement(place->index, series_id) == ID_NONE)
		buf_printf(out, "series %u", series_id);
	else
		index_series_name(place->index, series_id, out);
}

static void tell_series(struct place *place, uint32_t series_id, int64_t first_ns, int64_t last_ns,
			const char *what)
{
	struct buf path = { 0 };
	char first[WHEN_BYTES_MAX], last[WHEN_BYTES_MAX];

	first[when_print(first, first_ns)] = '\0';
	last[when_print(last, last_ns)] = '\0';
	series_path(place, series_id, &path);
	check_note(place->check, buf_text(&path), "%s to %s %s", first, last, what);
	buf_release(&path);
}

/* --- names that points have and the index has not ------------------------------------- */

static void check_names(struct place *place, const struct chunk_data *data)
{
	struct buf path = { 0 };

	if (lost_names_are_known(place->index, data))
		return;
	series_path(place, data->series_id, &path);
	check_tell(place->check, buf_text(&path), "its name or that of a field is lost");
	buf_release(&path);
	int err = lost_names_reserve(place->index, data);
	if (err < 0) {
		check_note(place->check, buf_text(&place->path), "%s", err_text(err));
		place->check->left++;
	}
}

/* What the directory says of their length as lines is what stat(2) says: true to the byte. */
static bool is_text_length(struct place *place, const struct chunk_ref *ref)
{
	const struct chunk_data *data = &place->data;
	struct chunk_write_column *columns = calloc(data->column_count + 1, sizeof(*columns));

	if (!columns)
		log_out_of_memory(data->column_count * sizeof(*columns));
	for (size_t i = 0; i < data->column_count; i++)
		columns[i] =
			(struct chunk_write_column){ data->columns[i].field_id,
						     data->columns[i].type, data->columns[i].values,
						     data->columns[i].valid };
	row_text_set(&place->text, place->index, data->series_id);
	uint64_t bytes = row_text_bytes(&place->text, data->times_ns, data->row_count, columns,
					data->column_count);
	free(columns);
	return ref->text_bytes == 0 || ref->text_bytes == bytes;
}

/* --- what is known without decoding ----------------------------------------------------- */

static bool is_same_summary(const struct summary *told, enum value_type type,
			    const union value *values, size_t count)
{
	struct summary is = summary_of(type, values, count);

	return told->count == is.count && told->has_numbers == is.has_numbers &&
	       told->min.bits == is.min.bits && told->max.bits == is.max.bits &&
	       told->first.bits == is.first.bits && told->last.bits == is.last.bits &&
	       told->sum.bits == is.sum.bits;
}

/* A column without holes; a summary that cells were joined to is as good as they are. */
static bool is_column_summed(const struct chunk_outline *outline, const struct outline_column *told,
			     const struct chunk_column *column)
{
	if (!told->cells)
		return !told->summary.has_numbers ||
		       is_same_summary(&told->summary, column->type, column->values,
				       outline->row_count);
	for (size_t i = 0; i < outline->laying.count; i++) {
		const struct cell_rows *rows = &outline->laying.cells[i];

		if (!is_same_summary(&told->cells[i], column->type,
				     column->values + rows->first_row, rows->row_count))
			return false;
	}
	return true;
}

static bool are_cells_laid(const struct laying *laying, const struct chunk_data *data)
{
	for (size_t i = 0; i < laying->count; i++) {
		const struct cell_rows *rows = &laying->cells[i];

		if (data->times_ns[rows->first_row] != rows->time_first_ns ||
		    data->times_ns[rows->first_row + rows->row_count - 1] != rows->time_last_ns)
			return false;
	}
	return true;
}

/* Do summaries and cells say what the rows say? Below 0: they cannot be read. */
static int check_summaries(struct place *place, const struct chunk_ref *ref)
{
	const struct chunk_data *data = &place->data;
	uint32_t *field_ids;
	struct outline_wish wish;
	struct chunk_outline outline;
	bool agrees;

	arena_reset(&place->arena);
	field_ids = arena_alloc(&place->arena, data->column_count * sizeof(*field_ids) + 1);
	if (!field_ids)
		return ERR_MEMORY;
	for (size_t i = 0; i < data->column_count; i++)
		field_ids[i] = data->columns[i].field_id;
	wish = (struct outline_wish){ field_ids, data->column_count, INT64_MAX, false };
	TRY(shard_version_outline(place->version, ref, &wish, &place->arena, &outline));
	agrees = are_cells_laid(&outline.laying, data);
	for (size_t i = 0; agrees && i < data->column_count; i++)
		if (!data->columns[i].valid)
			agrees = is_column_summed(&outline, &outline.columns[i], &data->columns[i]);
	return agrees ? OK : ERR_CORRUPT;
}

/* --- a shard ------------------------------------------------------------------------------- */

static bool is_in_window(const struct live_group *group, const struct chunk_ref *ref)
{
	return live_group_holds(group, ref->time_first_ns) &&
	       live_group_holds(group, ref->time_last_ns);
}

static int check_chunk(void *arg, const struct chunk_ref *ref)
{
	struct place *place = arg;
	struct chunk_wish wish = chunk_wish_all();
	int err = shard_version_read(place->version, ref, &wish, &place->data);

	if (err_is_passing(err))
		return err;
	if (err < 0 || !is_in_window(place->group, ref)) {
		place->is_damaged = true;
		tell_series(place, ref->series_id, ref->time_first_ns, ref->time_last_ns,
			    err < 0 ? "is damaged" : "lies outside its group");
		return OK;
	}
	place->check->points += ref->row_count;
	if (check_summaries(place, ref) < 0) {
		place->is_damaged = true;
		tell_series(place, ref->series_id, ref->time_first_ns, ref->time_last_ns,
			    "has sums that are not its values'");
	}
	check_names(place, &place->data);
	/* Made-up names are longer or shorter than those that the lines had. */
	if (!index_is_made_up(place->index, ref->series_id) && !is_text_length(place, ref)) {
		place->is_damaged = true;
		tell_series(place, ref->series_id, ref->time_first_ns, ref->time_last_ns,
			    "is not as long as it should be");
	}
	return OK;
}

/* Below 0: it could not be checked. */
static int check_shard(struct place *place)
{
	struct shard *shard = live_group_shard_reference(place->group, place->number);
	int err = shard_verify(shard);

	place->is_damaged = false;
	if (err == OK)
		err = shard_version_acquire(shard, &place->version);
	else if (shard_version_acquire(shard, &place->version) < 0)
		place->version = NULL;
	if (err != OK && !err_is_passing(err)) {
		place->is_damaged = true;
		check_note(place->check, place->name, "%s", err_text(err));
		err = OK;
	}
	if (err == OK && place->version)
		err = shard_version_each(place->version, check_chunk, place);
	if (place->version)
		shard_version_release(place->version);
	place->version = NULL;
	shard_close(shard);
	return err;
}

/* --- mending it ------------------------------------------------------------------------------ */

static void tell_lost(void *arg, uint32_t series_id, int64_t first_ns, int64_t last_ns)
{
	tell_series(arg, series_id, first_ns, last_ns, "is lost");
}

static void tell_text(void *arg, const char *text)
{
	struct place *place = arg;

	check_note(place->check, place->name, "%s", text);
}

/*
 * The damaged one goes aside as it is; links to it are what is read from. It stays where it is when
 * there was no room to read it in: put aside, all of it would be lost, and called mended.
 */
static int salvage(struct place *place, struct shard *shard)
{
	struct salvage_report report = { .lost = tell_lost, .tell = tell_text, .arg = place };
	struct path path = live_group_shard_path(place->group, place->number);
	struct path made = path_with(path.text, ".tmp"), work, aside;

	TRY(check_aside(place->check, "work", &work));
	TRY(check_aside(place->check, place->name, &aside));
	TRY(env_remove_tree(made.text));
	if (!env_exists(path.text)) {
		check_note(place->check, place->name, "all that was in it is lost");
		return store_unmark_beside(path.text);
	}
	TRY(shard_link(shard, work.text));
	int err = salvage_shard(work.text, made.text, place->index, &report);
	if (err_is_passing(err)) {
		env_remove_tree(work.text);
		env_remove_tree(made.text);
		return err;
	}
	if (err < 0)
		check_note(place->check, place->name, "nothing of it can be read: %s",
			   err_text(err));
	else
		check_note(place->check, place->name,
			   "%" PRIu64 " chunks are saved, %" PRIu64 " are lost", report.chunks,
			   report.chunks_lost);
	place->check->left += report.deletions_lost;
	TRY(env_remove_tree(work.text));
	TRY(shard_rename(shard, aside.text));
	check_note(place->check, place->name, "moved to %s", aside.text);
	/* Of nothing that could be read no directory is made. */
	TRY(env_exists(made.text) ? env_rename(made.text, path.text)
				  : store_unmark_beside(path.text));
	return view_replace_shard(place->group, place->number,
				  shard_open(place->engine->shard_env, path.text), 0);
}

static int mend_shard(struct place *place)
{
	struct shard *shard = live_group_shard_reference(place->group, place->number);
	int err = salvage(place, shard);

	shard_close(shard);
	if (err == OK)
		err = check_shard(place);
	if (err < 0)
		check_note(place->check, place->name, "could not be mended: %s", err_text(err));
	place->check->left += err < 0 || place->is_damaged;
	return err;
}

/* --- what is in the log --------------------------------------------------------------------------
 */

/* Their names were seen to when the log was read. */
static void check_memory(struct place *place)
{
	uint32_t *ids;
	size_t count;

	if (memtable_series(place->group->active, &ids, &count) < 0)
		log_out_of_memory(0);
	for (size_t i = 0; i < count; i++) {
		struct memtable_info info;

		if (memtable_info(place->group->active, ids[i], UINT64_MAX, &info))
			place->check->points += info.row_count;
	}
	free(ids);
}

/* --- groups ------------------------------------------------------------------------------------
 */

static void check_group(struct place *place)
{
	struct check *check = place->check;
	uint64_t points = check->points;
	uint32_t *ids;
	size_t count;

	for (uint32_t i = 0; i < place->group->shard_count && check->err >= 0; i++) {
		place->number = i;
		snprintf(place->name, sizeof(place->name), "shard/%u.%u", place->group->id, i);
		uint64_t before = check->points;
		check->err = check_shard(place);
		if (check->err < 0 || !place->is_damaged)
			continue;
		check_tell(check, buf_text(&place->path), "damaged (%s)", place->name);
		if (!check->repair)
			continue;
		check->points = before;
		mend_shard(place);
	}
	check_memory(place);
	if (engine_group_series(place->engine, place->group->policy_id, place->group->id, &ids,
				&count) < 0)
		return;
	check->series += count;
	free(ids);
	if (check->verbose)
		check_note(check, buf_text(&place->path), "%zu series, %" PRIu64 " points", count,
			   check->points - points);
}

static void print_path(struct place *place, struct slice database, struct slice policy,
		       struct slice group)
{
	buf_reset(&place->path);
	buf_append_slice(&place->path, database);
	buf_append_byte(&place->path, '/');
	buf_append_slice(&place->path, policy);
	buf_append_byte(&place->path, '/');
	buf_append_slice(&place->path, group);
}

static void check_policy(struct place *place, const struct object *database,
			 const struct object *policy)
{
	struct object *groups = NULL;
	size_t count = 0;

	catalog_list(place->engine->names.catalog, policy->id, OBJECT_GROUP, &groups, &count);
	for (size_t i = 0; i < count; i++) {
		print_path(place, database->name, policy->name, groups[i].name);
		if (live_group_of(place->engine, &groups[i], &place->group) < 0)
			continue;
		check_group(place);
		live_group_release(place->group);
	}
	free(groups);
}

static void check_database(struct place *place, const struct object *database)
{
	struct object *policies = NULL;
	size_t count = 0;

	place->index = names_index(&place->engine->names, database->id);
	catalog_list(place->engine->names.catalog, database->id, OBJECT_POLICY, &policies, &count);
	for (size_t i = 0; place->index && i < count; i++)
		check_policy(place, database, &policies[i]);
	free(policies);
}

/* --- what the catalog does not know --------------------------------------------------------- */

struct orphans {
	struct check *check;
	struct catalog *catalog;
	const char *dir; /* within the data directory */
	const char *owner;
};

static int check_orphan(void *arg, const char *name)
{
	struct orphans *orphans = arg;
	struct object object;
	char path[512];
	uint32_t id = (uint32_t)strtoul(name, NULL, 10);

	if (name[0] < '0' || name[0] > '9' || strspn(name, "0123456789.") != strlen(name) ||
	    catalog_get(orphans->catalog, id, &object) == OK)
		return OK;
	snprintf(path, sizeof(path), "%s/%.400s", orphans->dir, name);
	/* A crash came between the record of a drop and the move to the trash. */
	if (catalog_was_removed(orphans->catalog, id)) {
		check_note(orphans->check, path, "was dropped, the next start deletes it");
		return OK;
	}
	check_tell(orphans->check, path, "belongs to no %s that is known", orphans->owner);
	if (!orphans->check->repair)
		return OK;
	check_move_aside(orphans->check, path);
	orphans->check->left += orphans->check->names_damaged;
	return OK;
}

static void check_orphans(struct check *check, struct catalog *catalog, const char *dir,
			  const char *owner)
{
	struct orphans orphans = { check, catalog, dir, owner };
	struct path path = check_path(check, dir);

	if (env_exists(path.text))
		env_list(path.text, check_orphan, &orphans);
}

void check_points(struct check *check)
{
	struct engine_options options = { .path = check->path,
					  .read_only = !check->repair,
					  .leaves_alone = !check->repair };
	struct place place = { .check = check };
	struct object *databases = NULL;
	struct diag diag = { 0 };
	size_t count = 0;

	check->err = engine_open(&options, &place.engine, &diag);
	if (check->err < 0 && check->err != ERR_BUSY && !err_is_passing(check->err) &&
	    check->damaged && !check->repair) {
		check_note(check, check->path, "no point of it can be read before it is mended");
		check->err = OK;
		return;
	}
	if (check->err < 0) {
		fprintf(stderr, "seriesfs-check: %s\n",
			diag.text[0] ? diag.text : err_text(check->err));
		return;
	}
	if (place.engine->recovered.log_missing)
		check_tell(check, "wal",
			   "%" PRIu64
			   " records or more are missing in the log: what was written with them "
			   "is lost",
			   place.engine->recovered.log_missing);
	catalog_list(place.engine->names.catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases,
		     &count);
	for (size_t i = 0; i < count; i++)
		check_database(&place, &databases[i]);
	free(databases);
	check_orphans(check, place.engine->names.catalog, "shard", "shard group");
	check_orphans(check, place.engine->names.catalog, "snapshot", "database");
	chunk_data_release(&place.data);
	arena_release(&place.arena);
	row_text_release(&place.text);
	buf_release(&place.path);
	int err = engine_close(place.engine);
	if (check->err >= 0)
		check->err = err;
}
