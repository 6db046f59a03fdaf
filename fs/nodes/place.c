/*
 * Makes places of objects and of series, and paths of places for the entries of `errors`.
 */
#include "fs/nodes/place.h"

#include "engine/base/limits.h"
#include "engine/point/name.h"
#include "fs/nodes/kind.h"

const struct place place_root = { .kind = KIND_ROOT, .object_id = OBJECT_ROOT_ID };

static const enum kind kind_of_object[] = {
	[OBJECT_ROOT] = KIND_ROOT,
	[OBJECT_DATABASE] = KIND_DATABASE,
	[OBJECT_POLICY] = KIND_POLICY,
	[OBJECT_POLICY_FILE] = KIND_POLICY_FILE,
	[OBJECT_GROUP] = KIND_GROUP,
	[OBJECT_CONTINUOUS] = KIND_CONTINUOUS,
	[OBJECT_CONTINUOUS_QUERY] = KIND_CONTINUOUS_QUERY,
	[OBJECT_VIEWS] = KIND_VIEWS,
	[OBJECT_VIEW] = KIND_VIEW,
};

struct place place_below(const struct place *dir, enum kind kind)
{
	return (struct place){
		.kind = kind,
		.database_id = dir->database_id,
		.policy_id = dir->policy_id,
		.group_id = dir->group_id,
	};
}

struct place place_of_object(const struct place *dir, const struct object *object)
{
	struct place place = place_below(dir, kind_of_object[object->kind]);

	place.object_id = object->id;
	if (place.kind == KIND_DATABASE)
		place.database_id = object->id;
	if (place.kind == KIND_POLICY)
		place.policy_id = object->id;
	if (place.kind == KIND_GROUP)
		place.group_id = object->id;
	return place;
}

static struct place series_place(const struct place *dir, uint32_t series_id)
{
	struct place place =
		place_below(dir, dir->kind == KIND_GROUP ? KIND_SERIES : KIND_SERIES_ALL);

	place.series_id = series_id;
	return place;
}

/* A cut name is an alias of one series, if the index knows it. */
static int find_cut(struct index *index, struct slice name, uint32_t *series_id, struct buf *key)
{
	*series_id = name_is_cut(name) ? index_series_of_cut_name(index, name) : ID_NONE;
	if (*series_id == ID_NONE)
		return ERR_NOT_FOUND;
	index_series_key(index, *series_id, key);
	return OK;
}

static int find_by_name(struct index *index, const struct place *dir, struct slice name,
			struct place *out, struct buf *key, struct diag *diag)
{
	struct arena arena = { .bytes_max = 1u << 20 };
	struct tag tags[TAGS_PER_SERIES_MAX];
	struct slice measurement;
	uint32_t series_id = ID_NONE;
	size_t tag_count;
	int err;

	if (find_cut(index, name, &series_id, key) == OK) {
		*out = series_place(dir, series_id);
		return OK;
	}
	err = name_parse(&arena, name, &measurement, tags, &tag_count, diag);
	if (err == OK)
		err = index_series_of_tags(index, measurement, tags, tag_count, false, &series_id,
					   diag);
	if (err == OK) {
		line_print_key(key, measurement, tags, tag_count);
		*out = series_place(dir, series_id);
	}
	arena_release(&arena);
	return err;
}

int place_of_series(struct mount *mount, const struct place *dir, struct slice name,
		    struct place *out, struct buf *key, struct diag *diag)
{
	struct index *index;
	int err = engine_find_index(mount->engine, dir->database_id, &index);

	if (err < 0)
		return err == ERR_NOT_FOUND ? ERR_STALE : err;
	err = find_by_name(index, dir, name, out, key, diag);
	index_let_go(index);
	return err;
}

static void print_object(struct mount *mount, uint32_t object_id, struct buf *out)
{
	struct object object;

	if (!object_id || object_id == OBJECT_ROOT_ID ||
	    catalog_get(mount->catalog, object_id, &object) < 0)
		return;
	if (out->length)
		buf_append_byte(out, '/');
	buf_append_slice(out, object.name);
}

void place_print_part(struct buf *out, struct slice part)
{
	if (out->length)
		buf_append_byte(out, '/');
	buf_append_slice(out, part);
}

static bool is_in_directory_of_catalog(enum kind kind)
{
	return kind == KIND_CONTINUOUS || kind == KIND_CONTINUOUS_QUERY || kind == KIND_VIEWS ||
	       kind == KIND_VIEW || kind == KIND_POLICY_FILE;
}

/* The path below the mount point, for people; "" for the root. */
static void print(struct mount *mount, const struct place *place, struct slice text,
		  struct buf *out)
{
	enum kind kind = place->kind;

	if (tree_mode(kind) != MODE_OWN && place->database_id == 0 && kind != KIND_SERVICE)
		place_print_part(out, SLICE(".seriesfs"));
	print_object(mount, place->database_id, out);
	print_object(mount, place->policy_id, out);
	print_object(mount, place->group_id, out);
	if (kind == KIND_CONTINUOUS_QUERY)
		place_print_part(out, SLICE("continuous"));
	if (kind == KIND_VIEW)
		place_print_part(out, SLICE("views"));
	if (is_in_directory_of_catalog(kind) && place->object_id)
		print_object(mount, place->object_id, out);
	else if (kind_ops(mount, place)->print)
		kind_ops(mount, place)->print(mount, place, text, out);
	else if (text.length)
		place_print_part(out, text);
	else if (tree_name(kind)[0])
		place_print_part(out, slice_of_text(tree_name(kind)));
}

static void tell(struct mount *mount, const struct place *place, struct slice text,
		 struct error_entry *entry)
{
	struct buf file = { 0 };

	print(mount, place, text, &file);
	entry->file = buf_slice(&file);
	errors_log_tell(mount->errors, place->database_id, entry);
	buf_release(&file);
}

void place_tell(struct mount *mount, const struct place *place, struct slice text, int err,
		const struct diag *diag, uint64_t line_number, struct slice line)
{
	struct error_entry entry = {
		.line_number = line_number,
		.err = err,
		.diag = diag,
		.text = line,
		.rights = { .is_private = place->database_id == 0, .object_id = place->policy_id },
	};

	tell(mount, place, text, &entry);
}

void place_tell_line(struct mount *mount, const struct place *place, struct slice text, int err,
		     const struct diag *diag, uint64_t line_number, struct slice line,
		     uint32_t policy_id, uint32_t uid)
{
	struct error_entry entry = {
		.line_number = line_number,
		.err = err,
		.diag = diag,
		.text = line,
		.rights = { .has_uid = true, .uid = uid, .object_id = policy_id },
	};

	tell(mount, place, text, &entry);
}

void place_tell_request(struct mount *mount, const struct place *place, struct slice text, int err,
			const struct diag *diag, uint64_t line_number, struct slice request,
			uint32_t uid)
{
	tell(mount, place, text,
	     &(struct error_entry){
		     .line_number = line_number,
		     .err = err,
		     .diag = diag,
		     .text = request,
		     .rights = { .is_private = true, .has_uid = true, .uid = uid } });
}
