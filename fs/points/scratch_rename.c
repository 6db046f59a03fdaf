/*
 * Renaming a scratch file: onto another scratch name, onto a series, whose points it replaces, or
 * onto a setting, which it installs. How rsync and `sed -i` end.
 */
#include <stdlib.h>

#include "engine/base/limits.h"
#include "fs/nodes/place.h"
#include "fs/points/scratch_state.h"
#include "fs/points/series.h"
#include "fs/points/write.h"
#include "fs/settings/setting.h"

/* Is it in `dir`, in a scratch directory there, or `dir` one where it is? */
static bool is_near(const struct scratch *scratch, const struct place *dir)
{
	bool is_through = scratch->dir.kind == KIND_SCRATCH_DIR || dir->kind == KIND_SCRATCH_DIR;

	return scratch_is_in(scratch, dir) ||
	       (is_through && scratch->dir.object_id == dir->object_id && !scratch->is_directory);
}

/* The series that the new name stands for; for an unknown cut name, what the first line says. */
static int target_series(struct mount *mount, struct scratch *scratch, const struct place *dir,
			 struct slice name, struct place *out, struct buf *key)
{
	struct line_context context = { 0 };
	struct arena arena = { .bytes_max = LINE_BYTES_MAX * 2 };
	struct line parsed;
	struct slice line;
	int err = scratch_series_of_name(mount, dir, name, out, key);

	if (err < 0 || !scratch_tells_no_key(name, out))
		return err;
	context = (struct line_context){ .arena = &arena, .time_unit_ns = 1, .forms = LINE_FULL };
	err = ERR_INVALID;
	if (scratch_first_line(buf_slice(&scratch->bytes), true, &line) == OK &&
	    line_parse(&context, line, &parsed, NULL) == OK) {
		buf_reset(key);
		if (scratch_key_has_name(parsed.raw_key, name, key))
			err = OK;
	}
	line_context_release(&context);
	arena_release(&arena);
	return err;
}

static void tell_replace(struct mount *mount, const struct place *series, struct slice key,
			 struct slice text, int err, const struct diag *diag)
{
	uint64_t number = diag->line;
	struct slice line = text;

	for (uint64_t i = 1; i < number; i++) {
		const char *end = slice_find(line, '\n');

		line = slice_from(line, end ? (size_t)(end - line.data) + 1 : line.length);
	}
	if (slice_find(line, '\n'))
		line.length = (size_t)(slice_find(line, '\n') - line.data);
	place_tell(mount, series, key, err, diag, number, line);
}

static bool has_points(struct mount *mount, const struct place *series)
{
	struct series_stat stat;

	return series->series_id != ID_NONE &&
	       engine_series_stat(mount->engine, series->policy_id, series->group_id,
				  series->series_id, &stat) == OK;
}

/* The points of the file take the place of those that the series had when the file was made; points
 * that came later stay. */
static int replace_series(struct mount *mount, struct scratch *scratch, const struct place *dir,
			  struct slice name)
{
	struct writer_options options;
	struct diag diag = { 0 };
	struct buf key = { 0 };
	struct place series;
	int err = target_series(mount, scratch, dir, name, &series, &key);

	/* A copy that broke off is empty, too; and only rm deletes. */
	if (err == OK && !scratch->bytes.length && has_points(mount, &series)) {
		err = diag_set(&diag, ERR_INVALID,
			       "an empty file replaces no points: rm deletes a series");
		tell_replace(mount, &series, buf_slice(&key), slice_of("", 0), err, &diag);
	}
	if (err == OK && scratch->bytes.length &&
	    scratch->bytes.data[scratch->bytes.length - 1] != '\n')
		buf_append_byte(&scratch->bytes, '\n'),
			atomic_fetch_add(&mount->scratches->bytes, 1);
	if (err == OK)
		err = write_series_options(mount, &series, buf_slice(&key), &options);
	if (err == OK) {
		err = engine_series_replace(mount->engine, &options, scratch->cut,
					    slice_without_mark(buf_slice(&scratch->bytes)), &diag);
		if (err < 0)
			tell_replace(mount, &series, buf_slice(&key), buf_slice(&scratch->bytes),
				     err, &diag);
	}
	if (err == OK) {
		series_forget_place(mount, &series);
		scratch->series = series;
		buf_reset(&scratch->series_key);
		buf_append_slice(&scratch->series_key, buf_slice(&key));
		scratch->became = true;
		scratch->undecided = false;
		scratch_learn_number(mount, scratch);
		if (scratch->mtime_given && scratch->series.series_id != ID_NONE)
			engine_series_set_mtime(mount->engine, series.policy_id, series.group_id,
						scratch->series.series_id, scratch->attrs.mtime_ns);
		scratch_drop_cut(scratch);
		scratch_drop_bytes(scratch);
	}
	buf_release(&key);
	return err;
}

static int rename_only(struct scratch *scratch, const struct place *dir, struct slice name)
{
	struct scratch_table *table = scratch->mount->scratches;
	char *copy = strndup(name.data, name.length);

	pthread_mutex_lock(&table->lock);
	pthread_mutex_lock(&scratch->lock);
	free(scratch->name);
	scratch->name = copy;
	scratch->dir = *dir;
	pthread_mutex_unlock(&scratch->lock);
	pthread_mutex_unlock(&table->lock);
	scratch_touch_dir(scratch);
	return OK;
}

/* The bytes become `.policy` or a continuous query: checked first, and refused as a whole. */
static int install_setting(struct mount *mount, struct scratch *scratch, const struct place *dir,
			   struct slice name)
{
	struct place place = setting_place_unborn(dir);

	return setting_install(mount, &place, name, buf_slice(&scratch->bytes), &scratch->attrs,
			       true);
}

/* What the new name makes of it. END: it stays a scratch file. */
static int rename_locked(struct mount *mount, struct scratch *scratch, const struct place *dir,
			 struct slice name)
{
	bool dotted = name.data[0] == '.';

	if (dir->kind == KIND_SCRATCH_DIR)
		return END;
	if (dir->kind == KIND_POLICY && slice_equal(name, SLICE(".policy")))
		return install_setting(mount, scratch, dir, name);
	if (dotted && !slice_equal(name, SLICE(".write")))
		return END;
	if (dir->kind == KIND_CONTINUOUS)
		return install_setting(mount, scratch, dir, name);
	return dir->kind == KIND_GROUP ? replace_series(mount, scratch, dir, name)
				       : ERR_NOT_PERMITTED;
}

int scratch_rename(struct mount *mount, const struct place *place, const struct place *dir,
		   struct slice name, unsigned flags)
{
	struct scratch *scratch = scratch_take(mount->scratches, place->unique);
	struct place other;
	int err;

	if (!scratch)
		return ERR_NOT_FOUND;
	if (!is_near(scratch, dir) || name.length == 0) {
		scratch_unref(scratch);
		return ERR_NOT_PERMITTED;
	}
	pthread_mutex_lock(&scratch->lock);
	err = rename_locked(mount, scratch, dir, name);
	pthread_mutex_unlock(&scratch->lock);
	if (err >= OK && scratch_find(mount, dir, name, &other) == OK &&
	    other.unique != place->unique)
		scratch_remove(mount, &other);
	if (err == OK)
		scratch_remove(mount, place);
	else if (err == END)
		err = rename_only(scratch, dir, name);
	scratch_unref(scratch);
	return err;
}
