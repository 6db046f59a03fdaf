/*
 * Any bytes as line protocol: refused with a place inside of them, or taken,
 * and what was taken prints as a line that means the same.
 *
 * The first byte chooses the forms that are allowed (1: the full line, 3: the
 * short ones of a series file as well) or, when it is even, a file name.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/point/line.h"
#include "engine/point/name.h"
#include "tests/lib/fuzz.h"

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Two parses of one line must not share their field arrays. */
static struct arena arena;
static struct line_context first = { .arena = &arena, .time_unit_ns = 1 };
static struct line_context second = { .arena = &arena, .time_unit_ns = 1, .forms = LINE_FULL };

static bool same_value(const struct line_field *a, const struct line_field *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == VALUE_STRING)
		return slice_equal(text_slice(a->value.s), text_slice(b->value.s));
	return a->value.bits == b->value.bits;
}

static void check_diag(int err, const struct diag *diag, size_t length)
{
	MUST(err == ERR_INVALID || err == ERR_RANGE || err == ERR_TOO_LONG || err == ERR_LIMIT);
	MUST(diag->text[0] && diag->column <= length + 1);
}

static void print_line(struct buf *out, struct slice key, const struct line *line)
{
	buf_append_slice(out, key);
	for (size_t i = 0; i < line->field_count; i++) {
		buf_append_byte(out, i ? ',' : ' ');
		line_print_field(out, line->fields[i].key, line->fields[i].type,
				 line->fields[i].value);
	}
	if (line->has_time)
		buf_printf(out, " %lld", (long long)line->time_ns);
}

static void check_same(const struct line *a, const struct line *b)
{
	MUST(a->field_count == b->field_count && a->has_time == b->has_time);
	MUST(!a->has_time || a->time_ns == b->time_ns);
	for (size_t i = 0; i < a->field_count; i++) {
		MUST(slice_equal(a->fields[i].key, b->fields[i].key));
		MUST(same_value(&a->fields[i], &b->fields[i]));
	}
}

/* The canonical spelling of a key is its own canonical spelling, and so is that of its name. */
static bool canonical_key(struct slice raw, struct buf *out)
{
	static struct tag tags[TAGS_PER_SERIES_MAX];
	struct buf name = { 0 }, again = { 0 };
	struct slice measurement;
	struct diag diag = { 0 };
	size_t count;
	int err = line_parse_key(&arena, raw, &measurement, tags, &count, &diag);

	if (err < 0) {
		check_diag(err, &diag, raw.length);
		return false;
	}
	line_print_key(out, measurement, tags, count);
	name_print_full(&name, measurement, tags, count);
	MUST(line_parse_key(&arena, buf_slice(out), &measurement, tags, &count, NULL) == OK);
	line_print_key(&again, measurement, tags, count);
	MUST(slice_equal(buf_slice(out), buf_slice(&again)));
	buf_reset(&again);
	MUST(name_parse(&arena, buf_slice(&name), &measurement, tags, &count, NULL) == OK);
	line_print_key(&again, measurement, tags, count);
	MUST(slice_equal(buf_slice(out), buf_slice(&again)));
	buf_release(&again);
	buf_release(&name);
	return true;
}

static void check_line(struct slice text)
{
	struct buf key = { 0 }, printed = { 0 };
	struct line line, again;
	struct diag diag = { 0 };
	int err = line_parse(&first, text, &line, &diag);

	if (err < 0)
		check_diag(err, &diag, text.length);
	if (err != OK)
		return;
	MUST(line.field_count > 0);
	if (line.raw_key.length == 0)
		buf_append_text(&key, "m");
	if (line.raw_key.length == 0 || canonical_key(line.raw_key, &key)) {
		size_t length;

		print_line(&printed, buf_slice(&key), &line);
		MUST(line_parse(&second, buf_slice(&printed), &again, NULL) == OK);
		check_same(&line, &again);
		buf_append_byte(&printed, '\n');
		MUST(line_measure_forms(buf_slice(&printed), LINE_FULL, &length) == OK);
		MUST(length == printed.length);
	}
	buf_release(&key);
	buf_release(&printed);
}

static void check_lines(struct slice text)
{
	size_t length;

	while (line_measure_forms(text, first.forms, &length) == OK && length > 0) {
		MUST(length <= text.length && text.data[length - 1] == '\n');
		check_line(slice_of(text.data, length - 1));
		text = slice_from(text, length);
	}
	check_line(text);
}

static void check_name(struct slice name)
{
	static struct tag tags[TAGS_PER_SERIES_MAX];
	struct buf listed = { 0 }, key = { 0 }, again = { 0 };
	struct slice measurement;
	struct diag diag = { 0 };
	size_t count;
	int err = name_parse(&arena, name, &measurement, tags, &count, &diag);

	if (err < 0) {
		check_diag(err, &diag, name.length);
		return;
	}
	name_print(&listed, measurement, tags, count);
	MUST(listed.length <= NAME_BYTES_MAX && listed.data[0] != '.');
	line_print_key(&key, measurement, tags, count);
	buf_append_text(&key, " v=1");
	struct line line;
	MUST(line_parse(&second, buf_slice(&key), &line, NULL) == OK);
	MUST(line.raw_key.length == key.length - 4);
	MUST(canonical_key(line.raw_key, &again));
	MUST(slice_equal(line.raw_key, buf_slice(&again)));
	buf_release(&listed);
	buf_release(&key);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);

	if (size == 0)
		return 0;
	arena_reset(&arena);
	first.forms = data[0] & 2 ? LINE_FULL | LINE_SHORT : LINE_FULL;
	if (data[0] & 1)
		check_lines(slice_from(text, 1));
	else
		check_name(slice_from(text, 1));
	return 0;
}
