/* Fixed names are a table; everything else is in the catalog, the index, or text. */
#include "fs/place.h"

#include "engine/base/limits.h"
#include "engine/point/name.h"
#include "fs/exec.h"
#include "fs/frozen.h"
#include "fs/scratch.h"
#include "fs/write.h"

const struct place place_root = { .kind = KIND_ROOT, .object_id = OBJECT_ROOT_ID };

/* Names that resolve and are never listed. Some take options behind them. */
static const struct fixed_name {
	enum kind dir;
	const char *name;
	enum kind kind;
	/* Is `rest`, what stands behind the name, one this kind takes? OK, ERR_NOT_FOUND: the name
	 * is another's, ERR_INVALID with diag. */
	int (*check_rest)(struct mount *mount, uint32_t database_id, struct slice rest,
			  struct diag *diag);
} fixed_names[] = {
	{ KIND_ROOT, ".seriesfs", KIND_SERVICE, NULL },
	{ KIND_SERVICE, "help", KIND_HELP, NULL },
	{ KIND_SERVICE, "version", KIND_VERSION, NULL },
	{ KIND_SERVICE, "status", KIND_STATUS, NULL },
	{ KIND_SERVICE, "metrics", KIND_METRICS, NULL },
	{ KIND_SERVICE, "errors", KIND_SERVICE_ERRORS, NULL },
	{ KIND_SERVICE, "ctl", KIND_CONTROL, NULL },
	{ KIND_SERVICE, "exec", KIND_SERVICE_EXEC, exec_check_options },
	{ KIND_DATABASE, "query", KIND_QUERY, NULL },
	{ KIND_DATABASE, "errors", KIND_ERRORS, NULL },
	{ KIND_DATABASE, ".snapshot", KIND_SNAPSHOTS, NULL },
	{ KIND_DATABASE, "exec", KIND_EXEC, exec_check_options },
	{ KIND_DATABASE, "write", KIND_WRITE, write_check_options },
	{ KIND_POLICY, ".write", KIND_DOT_WRITE, write_check_options },
};
#define FIXED_COUNT (sizeof(fixed_names) / sizeof(fixed_names[0]))

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

/* What a name below `dir` inherits. */
static struct place below(const struct place *dir, enum kind kind)
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
	struct place place = below(dir, kind_of_object[object->kind]);

	place.object_id = object->id;
	if (place.kind == KIND_DATABASE)
		place.database_id = object->id;
	if (place.kind == KIND_POLICY)
		place.policy_id = object->id;
	if (place.kind == KIND_GROUP)
		place.group_id = object->id;
	return place;
}

static int find_fixed(struct mount *mount, const struct place *dir, struct slice name,
		      struct place *out, struct buf *text, struct diag *diag)
{
	for (size_t i = 0; i < FIXED_COUNT; i++) {
		const struct fixed_name *fixed = &fixed_names[i];
		struct slice word = slice_of_text(fixed->name);
		struct slice rest;
		int err;

		if (fixed->dir != dir->kind || !slice_starts_with(name, word))
			continue;
		rest = slice_from(name, word.length);
		if (rest.length > 0) {
			if (!fixed->check_rest)
				continue;
			err = fixed->check_rest(mount, dir->database_id, rest, diag);
			if (err == ERR_NOT_FOUND)
				continue;
			if (err < 0)
				return err;
		}
		*out = below(dir, fixed->kind);
		if (fixed->check_rest)
			buf_append_slice(text, name);
		return OK;
	}
	return ERR_NOT_FOUND;
}

static int find_object(struct mount *mount, const struct place *dir, struct slice name,
		       struct place *out)
{
	struct object object;

	TRY(catalog_find(mount->catalog, dir->object_id, name, &object));
	*out = place_of_object(dir, &object);
	return OK;
}

static struct place series_place(const struct place *dir, uint32_t series_id)
{
	struct place place = below(dir, dir->kind == KIND_GROUP ? KIND_SERIES : KIND_SERIES_ALL);

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

static int find_series(struct mount *mount, const struct place *dir, struct slice name,
		       struct place *out, struct buf *text)
{
	size_t before = text->length;
	int err = place_of_series(mount, dir, name, out, text, NULL);

	if (err < 0)
		return err == ERR_INVALID || err == ERR_TOO_LONG ? ERR_NOT_FOUND : err;
	if (out->series_id != ID_NONE)
		text->length = before; /* the number says it all */
	return OK;
}

static int find_query(const struct node *dir, struct slice name, struct place *out,
		      struct buf *text)
{
	size_t start = text->length;

	if (dir->place.kind == KIND_PREFIX) {
		buf_append_slice(text, node_text(dir));
		buf_append_byte(text, '/');
	}
	buf_append_slice(text, name);
	*out = below(&dir->place, KIND_ANSWER);
	out->object_id = dir->place.object_id;
	if (query_shape(slice_from(buf_slice(text), start), NULL) == QUERY_SHAPE_PREFIX)
		out->kind = KIND_PREFIX;
	return OK;
}

int place_find(struct mount *mount, const struct node *dir, struct slice name, struct place *out,
	       struct buf *text, struct diag *diag)
{
	const struct place *place = &dir->place;
	int err = find_fixed(mount, place, name, out, text, diag);

	if (err != ERR_NOT_FOUND)
		return err;
	switch ((enum kind)place->kind) {
	case KIND_ROOT:
	case KIND_DATABASE: return find_object(mount, place, name, out);
	case KIND_CONTINUOUS:
	case KIND_VIEWS:
		err = find_object(mount, place, name, out);
		return err == ERR_NOT_FOUND ? scratch_find(mount, place, name, out) : err;
	case KIND_POLICY:
		err = find_object(mount, place, name, out);
		if (err == ERR_NOT_FOUND)
			err = scratch_find(mount, place, name, out);
		return err == ERR_NOT_FOUND ? find_series(mount, place, name, out, text) : err;
	case KIND_SCRATCH_DIR: return scratch_find(mount, place, name, out);
	case KIND_GROUP:
		err = scratch_find(mount, place, name, out);
		return err == ERR_NOT_FOUND ? find_series(mount, place, name, out, text) : err;
	case KIND_QUERY:
	case KIND_PREFIX: return find_query(dir, name, out, text);
	case KIND_SNAPSHOTS:
	case KIND_FROZEN_DIR: return frozen_find(mount, place, name, out);
	default: return ERR_NOT_FOUND;
	}
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

static void print_part(struct buf *out, struct slice part)
{
	if (out->length)
		buf_append_byte(out, '/');
	buf_append_slice(out, part);
}

static void print_series(struct mount *mount, const struct place *place, struct slice text,
			 struct buf *out)
{
	struct index *index = NULL;

	if (place->series_id != ID_NONE)
		index = engine_hold_index(mount->engine, place->database_id);
	if (!index) {
		print_part(out, text);
		return;
	}
	buf_append_byte(out, '/');
	index_series_name(index, place->series_id, out);
	index_let_go(index);
}

/* The fixed name of a kind, but for those whose text is their name. */
static const char *fixed_name_of(enum kind kind)
{
	for (size_t i = 0; i < FIXED_COUNT; i++)
		if (fixed_names[i].kind == kind)
			return fixed_names[i].name;
	return "";
}

static bool is_in_directory_of_catalog(enum kind kind)
{
	return kind == KIND_CONTINUOUS || kind == KIND_CONTINUOUS_QUERY || kind == KIND_VIEWS ||
	       kind == KIND_VIEW || kind == KIND_POLICY_FILE;
}

void place_print(struct mount *mount, const struct place *place, struct slice text, struct buf *out)
{
	enum kind kind = place->kind;

	if (tree_mode(kind) != MODE_OWN && place->database_id == 0 && kind != KIND_SERVICE)
		print_part(out, SLICE(".seriesfs"));
	print_object(mount, place->database_id, out);
	print_object(mount, place->policy_id, out);
	print_object(mount, place->group_id, out);
	if (kind == KIND_CONTINUOUS_QUERY)
		print_part(out, SLICE("continuous"));
	if (kind == KIND_VIEW)
		print_part(out, SLICE("views"));
	if (is_in_directory_of_catalog(kind) && place->object_id)
		print_object(mount, place->object_id, out);
	else if (tree_is_series(kind))
		print_series(mount, place, text, out);
	else if (kind == KIND_PREFIX || kind == KIND_ANSWER)
		print_part(out, SLICE("query")), print_part(out, text);
	else if (kind == KIND_SCRATCH || kind == KIND_SCRATCH_DIR)
		scratch_print_name(mount, place, out);
	else if (text.length)
		print_part(out, text);
	else if (fixed_name_of(kind)[0])
		print_part(out, slice_of_text(fixed_name_of(kind)));
}

static void tell(struct mount *mount, const struct place *place, struct slice text,
		 struct error_entry *entry)
{
	struct buf file = { 0 };

	place_print(mount, place, text, &file);
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
