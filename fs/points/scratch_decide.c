/*
 * What a scratch file is going to be: its name says which series it could be, its first full line
 * whether it is that one. Decided once, while bytes come in, so that `tar -x` and `cp` write series
 * without renaming anything.
 */
#include "fs/points/scratch_state.h"

#include "engine/base/limits.h"
#include "engine/point/name.h"
#include "fs/nodes/place.h"

/* A cut name that nothing is known of does not tell its key, and need not parse: a line will. */
bool scratch_tells_no_key(struct slice name, const struct place *series)
{
	return name_is_cut(name) && series->series_id == ID_NONE;
}

/* The series that a name in a group stands for; `key` is empty while only a line can tell. */
int scratch_series_of_name(struct mount *mount, const struct place *dir, struct slice name,
			   struct place *out, struct buf *key)
{
	int err = place_of_series(mount, dir, name, out, key, NULL);

	if (err == ERR_INVALID && name_is_cut(name)) {
		*out = *dir;
		out->kind = KIND_SERIES;
		out->object_id = 0;
		out->series_id = ID_NONE;
		err = OK;
	}
	if (err == OK && scratch_tells_no_key(name, out))
		buf_reset(key);
	return err;
}

/* A name that a series could have waits for its first full line. */
void scratch_decide_by_name(struct mount *mount, struct scratch *scratch)
{
	struct slice name = slice_of_text(scratch->name);
	enum kind dir = scratch->dir.kind;

	if ((dir != KIND_GROUP && dir != KIND_POLICY) || name.data[0] == '.')
		return;
	scratch->undecided = scratch_series_of_name(mount, &scratch->dir, name, &scratch->series,
						    &scratch->series_key) == OK;
}

void scratch_learn_number(struct mount *mount, struct scratch *scratch)
{
	struct index *index;

	if (scratch->series.series_id != ID_NONE)
		return;
	index = engine_hold_index(mount->engine, scratch->dir.database_id);
	if (index)
		index_series(index, buf_slice(&scratch->series_key), false,
			     &scratch->series.series_id, NULL);
	index_let_go(index);
}

/* Skips blank lines and comments. OK with the line, END: there is none yet. */
int scratch_first_line(struct slice text, bool final, struct slice *out)
{
	text = slice_without_mark(text);
	while (text.length) {
		size_t length;
		struct slice line;

		TRY(line_measure(text, &length));
		if (length == 0 && !final)
			return END;
		if (length == 0)
			length = text.length;
		line = slice_of(text.data, length);
		while (line.length && strchr(" \t\r\n", line.data[line.length - 1]))
			line.length--;
		if (line.length && line.data[0] != '#') {
			*out = line;
			return OK;
		}
		text = slice_from(text, length);
	}
	return END;
}

/* Does a line carry the key of the series that `name` lists? Its canonical key goes to `key`. */
bool scratch_key_has_name(struct slice raw_key, struct slice name, struct buf *key)
{
	struct arena arena = { .bytes_max = 1u << 20 };
	struct tag tags[TAGS_PER_SERIES_MAX];
	struct buf listed = { 0 };
	struct slice measurement;
	size_t tag_count;
	bool same = false;

	if (line_parse_key(&arena, raw_key, &measurement, tags, &tag_count, NULL) == OK) {
		line_print_key(key, measurement, tags, tag_count);
		name_print(&listed, measurement, tags, tag_count);
		same = slice_equal(buf_slice(&listed), name);
	}
	buf_release(&listed);
	arena_release(&arena);
	return same;
}

/*
 * Is it a line of the series that the file is named after? A short form is, and so is a line that
 * does not parse: it is refused as it would be in the series. Where the name does not tell the
 * series, only a full line can. In a policy everything but a setting is.
 */
static bool line_is_own(struct scratch *scratch, struct slice line)
{
	struct arena arena = { .bytes_max = LINE_BYTES_MAX * 2 };
	struct line_context context = { .arena = &arena,
					.time_unit_ns = 1,
					.forms = LINE_FULL | LINE_SHORT };
	struct slice name = slice_of_text(scratch->name);
	struct policy_settings settings = policy_defaults();
	struct buf key = { 0 };
	struct line parsed;
	bool own = !scratch_tells_no_key(name, &scratch->series);

	if (scratch->dir.kind == KIND_POLICY)
		return policy_parse(line, &settings, NULL) < 0;
	if (line_parse(&context, line, &parsed, NULL) == OK && parsed.raw_key.length) {
		own = scratch_key_has_name(parsed.raw_key, name, &key) ||
		      slice_equal(buf_slice(&key), buf_slice(&scratch->series_key));
		if (own) {
			/* A cut name says its key only now. */
			buf_reset(&scratch->series_key);
			buf_append_slice(&scratch->series_key, buf_slice(&key));
			scratch->series.series_id = ID_NONE;
		}
	}
	buf_release(&key);
	line_context_release(&context);
	arena_release(&arena);
	return own;
}

/* Called with its lock: after this it is a series, or scratch for good, or still undecided. */
void scratch_decide(struct scratch *scratch, bool final)
{
	struct slice line;
	int err;

	if (!scratch->undecided)
		return;
	err = scratch_first_line(buf_slice(&scratch->bytes), final, &line);
	if (err == END)
		return;
	scratch->undecided = false;
	scratch->became = err < 0 || line_is_own(scratch, line);
	if (scratch->became)
		scratch_drop_cut(scratch);
}
