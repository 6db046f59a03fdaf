/*
 * Finds points whose names damage took, and gives them names again. Why in two passes: directories
 * of shards tell series without decoding, and only chunks tell fields.
 */
#include "engine/upkeep/lost_names.h"

#include "engine/base/log.h"
#include "engine/memory/state.h"
#include "engine/shard/shard_version.h"

bool lost_names_are_known(struct index *index, const struct chunk_data *data)
{
	uint32_t measurement_id = index_series_measurement(index, data->series_id);
	uint32_t fields = measurement_id == ID_NONE ? 0 : index_field_count(index, measurement_id);

	for (size_t i = 0; i < data->column_count; i++)
		if (data->columns[i].field_id >= fields)
			return false;
	return measurement_id != ID_NONE;
}

int lost_names_reserve(struct index *index, const struct chunk_data *data)
{
	uint32_t measurement_id;

	TRY(index_reserve_series(index, data->series_id));
	measurement_id = index_series_measurement(index, data->series_id);
	for (size_t i = 0; i < data->column_count; i++)
		TRY(index_reserve_field(index, measurement_id, data->columns[i].field_id));
	return OK;
}

/* --- a whole database --------------------------------------------------------------- */

struct search {
	struct index *index;
	struct shard_version *version;
	struct chunk_data data;
	uint64_t found;
};

static int find_unknown(void *arg, const struct chunk_ref *ref)
{
	struct search *search = arg;

	return index_series_measurement(search->index, ref->series_id) == ID_NONE ? END : OK;
}

static int reserve_chunk(void *arg, const struct chunk_ref *ref)
{
	struct search *search = arg;
	struct chunk_wish wish = chunk_wish_all();

	if (shard_version_read(search->version, ref, &wish, &search->data) < 0 ||
	    lost_names_are_known(search->index, &search->data))
		return OK;
	search->found++;
	return lost_names_reserve(search->index, &search->data);
}

/* What `each` gives for one of the chunks, if it is not OK. */
static int walk_group(struct search *search, struct live_group *group,
		      int (*each)(void *arg, const struct chunk_ref *ref))
{
	int err = OK;

	for (uint32_t i = 0; err == OK && i < group->shard_count; i++) {
		struct shard *shard = live_group_shard_reference(group, i);

		if (shard_version_acquire(shard, &search->version) == OK) {
			err = shard_version_each(search->version, each, search);
			shard_version_release(search->version);
		}
		shard_close(shard);
	}
	return err;
}

void lost_names_search(struct engine *engine, uint32_t database_id)
{
	struct search search = { .index = names_index(&engine->names,
						      database_id) }; /* no others yet */
	struct live_group **groups;
	size_t count;
	int err = OK;

	if (live_groups(engine, database_id, 0, INT64_MIN, INT64_MAX, &groups, &count) < 0)
		return;
	for (size_t i = 0; err == OK && i < count; i++)
		err = walk_group(&search, groups[i], find_unknown);
	bool is_lost = err == END;
	for (size_t i = 0; is_lost && err >= OK && i < count; i++)
		err = walk_group(&search, groups[i], reserve_chunk);
	if (is_lost)
		log_error(
			"database %u: the names of %llu series or fields are lost, they are called "
			"recovered; seriesfs-check --repair says which",
			database_id, (unsigned long long)search.found);
	chunk_data_release(&search.data);
	live_groups_release(groups, count);
}
