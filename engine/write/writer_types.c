/*
 * Do the fields of a line agree with the types that their group has?
 *
 * Why it may look through rows: a removal leaves no type behind, yet nothing tells the group that
 * the last row of a field is gone. So a line that clashes is refused only when a row is found.
 */
#include "engine/write/retype.h"
#include "engine/write/writer_inner.h"

static int refuse_type(const struct line *line, const struct line_field *field,
		       struct slice measurement, enum value_type stored, struct diag *diag)
{
	return diag_set_at(
		diag, ERR_TYPE, 1, line_field_column(line, field->key),
		"field type conflict: input field \"%.*s\" on measurement \"%.*s\" is type "
		"%s, already exists as type %s",
		(int)(field->key.length < 200 ? field->key.length : 200), field->key.data,
		(int)(measurement.length < 200 ? measurement.length : 200), measurement.data,
		value_type_name(field->type), value_type_name(stored));
}

/* The first field from `*at` on that the group has with another type; their number when none. */
static int find_clash(struct live_group *group, uint32_t measurement_id, const struct line *line,
		      const uint32_t *ids, bool reserve, size_t *at, enum value_type *stored)
{
	int err = OK;

	pthread_mutex_lock(&group->lock);
	for (; err == OK && *at < line->field_count; ++*at) {
		uint64_t key = shard_field_key(measurement_id, ids[*at]);
		enum value_type type = line->fields[*at].type;

		if (ids[*at] == ID_NONE)
			continue;
		err = live_group_type(group, key, stored);
		if (err == OK && *stored == VALUE_NONE && reserve)
			live_group_set_type(group, key, type);
		else if (err == OK && *stored != VALUE_NONE && *stored != type)
			break;
	}
	pthread_mutex_unlock(&group->lock);
	return err;
}

int writer_check_types(struct writer *writer, struct live_group *group, uint32_t measurement_id,
		       const struct line *line, const uint32_t *ids, bool reserve,
		       struct diag *diag)
{
	enum value_type stored;
	size_t at = 0;

	for (;;) {
		bool forgotten = false;

		TRY(find_clash(group, measurement_id, line, ids, reserve, &at, &stored));
		if (at == line->field_count)
			return OK;
		/* Rows of this writer that wait have the field, perhaps; a replacement waits for
		 * its end. */
		if (group == writer->group && !writer->is_replacing)
			TRY(writer_store(writer));
		TRY(retype_forget(group, measurement_id, ids[at], &forgotten));
		if (!forgotten)
			return refuse_type(line, &line->fields[at],
					   index_measurement_name(writer->index, measurement_id),
					   stored, diag);
	}
}
