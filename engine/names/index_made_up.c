/*
 * Makes up names for numbers whose names were lost, and tells which names are made up.
 *
 * Why: shards know a series and a field by number alone. After damage a number with points must
 * never be given to something else: its points would become those of another series. So it
 * is called `recovered.…` for good, and users can read and drop what it has.
 */
#include <stdio.h>
#include <string.h>

#include "engine/names/index_inner.h"

#define MADE_UP "recovered."

/* For good; read-only, in memory alone. */
static int keep_record(struct index *index)
{
	return index->journal ? index_commit(index)
			      : tables_apply(&index->tables, buf_slice(&index->record));
}

/*
 * A series whose record was lost may have points: it comes back under a name made up. Its
 * measurement is lost with it, and what its fields are called and of which type: it has one of its
 * own.
 */
static int fill_series_hole(struct index *index, uint32_t series_id)
{
	char name[40];

	snprintf(name, sizeof(name), "recovered.series.%u", series_id);
	buf_reset(&index->record);
	index_print_series(index, series_id, slice_of_text(name), NULL, 0);
	return keep_record(index);
}

static bool is_made_up(struct slice name)
{
	return slice_starts_with(name, SLICE(MADE_UP));
}

static bool has_made_up_field(struct index *index, uint32_t measurement_id)
{
	uint32_t count = index_field_count(index, measurement_id);

	for (uint32_t i = 0; i < count; i++)
		if (is_made_up(index_field_name(index, measurement_id, i)))
			return true;
	return false;
}

bool index_has_made_up_names(struct index *index)
{
	uint32_t count = index_measurement_count(index);

	for (uint32_t i = 0; i < count; i++)
		if (is_made_up(index_measurement_name(index, i)) || has_made_up_field(index, i))
			return true;
	return index->tables.recovered > 0;
}

bool index_is_made_up(struct index *index, uint32_t series_id)
{
	struct buf key = { 0 };
	bool yes;

	if (!atomic_load(&index->any_made_up))
		return false;
	index_series_key(index, series_id, &key);
	yes = strstr(buf_text(&key), MADE_UP) != NULL ||
	      has_made_up_field(index, index_series_measurement(index, series_id));
	buf_release(&key);
	return yes;
}

bool index_knows_series(struct index *index, uint32_t series_id)
{
	struct buf key = { 0 };
	bool known = index_series_measurement(index, series_id) != ID_NONE;

	if (!known || !index->has_made_up)
		return known;
	index_series_key(index, series_id, &key);
	known = strstr(buf_text(&key), MADE_UP) == NULL;
	buf_release(&key);
	return known;
}

bool index_knows_field(struct index *index, uint32_t measurement_id, uint32_t field_id)
{
	return field_id < index_field_count(index, measurement_id) &&
	       !(index->has_made_up &&
		 is_made_up(index_field_name(index, measurement_id, field_id)));
}

int index_reserve_series(struct index *index, uint32_t series_id)
{
	int err = OK;

	atomic_store(&index->any_made_up, true);
	change(index);
	if (!tables_shape(&index->tables, series_id))
		err = fill_series_hole(index, series_id);
	unlock(index);
	return err;
}

int index_reserve_field(struct index *index, uint32_t measurement_id, uint32_t field_id)
{
	struct measurement *measurement;
	char name[32];
	int err = OK;

	atomic_store(&index->any_made_up, true);
	change(index);
	measurement = tables_measurement(&index->tables, measurement_id);
	if (!measurement)
		err = ERR_NOT_FOUND;
	for (uint32_t id = measurement ? measurement->fields.count : 0;
	     err == OK && measurement && id <= field_id; id++) {
		snprintf(name, sizeof(name), "recovered.%u", id);
		buf_reset(&index->record);
		addition_field(&index->record, measurement_id, id, slice_of_text(name));
		err = keep_record(index);
	}
	unlock(index);
	return err;
}

int index_fill_holes(struct index *index)
{
	tables_name_holes(&index->tables);
	for (uint32_t i = 0; index->tables.holes && i < index->tables.series_count; i++)
		if (!tables_shape(&index->tables, i))
			TRY(fill_series_hole(index, i));
	return OK;
}
