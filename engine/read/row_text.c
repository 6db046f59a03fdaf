/*
 * Prints rows as lines, and tells the length of lines without printing them.
 *
 * Why both here: a listing of a hundred thousand series wants their
 * sizes and no text at all, so the length of each chunk's rows is counted when
 * it is written, column by column.
 */
#include "engine/read/row_text.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/number.h"
#include "engine/point/line.h"

struct named_field {
	struct slice name;
	uint32_t id;
};

static int compare_names(const void *a, const void *b)
{
	return slice_compare(((const struct named_field *)a)->name,
			     ((const struct named_field *)b)->name);
}

static void *array_of(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count + 1, size);
	if (!array)
		log_out_of_memory((count + 1) * size);
	return array;
}

static void set_fields(struct row_text *text, struct index *index, uint32_t count)
{
	struct named_field *sorted = array_of(NULL, count, sizeof(*sorted));

	text->fields = array_of(text->fields, count, sizeof(*text->fields));
	text->by_id = array_of(text->by_id, count, sizeof(*text->by_id));
	text->field_ids = array_of(text->field_ids, count, sizeof(*text->field_ids));
	for (uint32_t i = 0; i < count; i++)
		sorted[i] =
			(struct named_field){ index_field_name(index, text->measurement_id, i), i };
	qsort(sorted, count, sizeof(*sorted), compare_names);
	buf_reset(&text->names);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)text->names.length;

		buf_append_byte(&text->names, ',');
		line_print_field_key(&text->names, sorted[i].name);
		buf_append_byte(&text->names, '=');
		text->fields[i] =
			(struct row_name){ sorted[i].id, at, (uint32_t)text->names.length - at };
		text->by_id[sorted[i].id] = i;
		text->field_ids[i] = sorted[i].id;
	}
	text->field_count = count;
	free(sorted);
}

void row_text_set(struct row_text *text, struct index *index, uint32_t series_id)
{
	uint32_t measurement_id = index_series_measurement(index, series_id);
	uint32_t count = index_field_count(index, measurement_id);

	buf_reset(&text->key);
	index_series_key(index, series_id, &text->key);
	buf_append_byte(&text->key, ' ');
	if (text->fields && text->index == index && text->measurement_id == measurement_id &&
	    text->field_count == count)
		return;
	text->index = index;
	text->measurement_id = measurement_id;
	set_fields(text, index, count);
}

void row_text_release(struct row_text *text)
{
	buf_release(&text->key);
	buf_release(&text->names);
	free(text->fields);
	free(text->by_id);
	free(text->field_ids);
	free(text->columns);
	*text = (struct row_text){ 0 };
}

/* --- printing ------------------------------------------------------------------- */

static char *put(char *p, const char *bytes, size_t length)
{
	memcpy(p, bytes, length);
	return p + length;
}

static char *put_string(char *p, struct slice text)
{
	*p++ = '"';
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			*p++ = '\\';
		*p++ = text.data[i];
	}
	*p++ = '"';
	return p;
}

static char *put_value(char *p, enum value_type type, union value value)
{
	switch (type) {
	case VALUE_FLOAT: return p + float_print(p, value.f);
	case VALUE_INTEGER:
		p += integer_print(p, value.i);
		*p++ = 'i';
		return p;
	case VALUE_UNSIGNED:
		p += unsigned_print(p, value.u);
		*p++ = 'u';
		return p;
	case VALUE_STRING: return put_string(p, text_slice(value.s));
	case VALUE_BOOLEAN: return value.b ? put(p, "true", 4) : put(p, "false", 5);
	default: return p;
	}
}

void row_text_print(const struct row_text *text, int64_t time_ns,
		    const struct batch_column *columns, size_t row, struct buf *out)
{
	/* Escapes at most double a string; numbers have their bound. */
	size_t fixed = text->key.length + text->names.length + text->field_count * FLOAT_BYTES_MAX +
		       INTEGER_BYTES_MAX + 2;
	char *p = put(buf_reserve(out, fixed), text->key.data, text->key.length);
	size_t skip = 1; /* the comma of the first */

	for (uint32_t i = 0; i < text->field_count; i++) {
		const struct row_name *name = &text->fields[i];
		union value value;

		if (!column_has(&columns[i], row))
			continue;
		value = columns[i].values[row];
		if (columns[i].type == VALUE_STRING) {
			out->length = (size_t)(p - out->data);
			p = buf_reserve(out, fixed + 2 + 2 * (size_t)value.s->length);
		}
		p = put(p, text->names.data + name->at + skip, name->length - skip);
		p = put_value(p, columns[i].type, value);
		skip = 0;
	}
	*p++ = ' ';
	p += integer_print(p, time_ns);
	*p++ = '\n';
	out->length = (size_t)(p - out->data);
}

void row_text_print_accepted(struct row_text *text, int64_t time_ns, const struct layout *layout,
			     const union value *values, struct buf *out)
{
	text->columns = array_of(text->columns, text->field_count, sizeof(*text->columns));
	memset(text->columns, 0, text->field_count * sizeof(*text->columns));
	for (uint32_t i = 0; i < layout->field_count; i++) {
		const struct layout_field *field = &layout->fields[i];

		text->columns[text->by_id[field->field_id]] =
			(struct batch_column){ .type = field->type, .values = &values[i] };
	}
	row_text_print(text, time_ns, text->columns, 0, out);
}

/* --- measuring ------------------------------------------------------------------- */

static size_t value_bytes(enum value_type type, union value value)
{
	struct slice string;
	size_t bytes;

	switch (type) {
	case VALUE_FLOAT: return float_print_length(value.f);
	case VALUE_INTEGER: return integer_print_length(value.i) + 1;
	case VALUE_UNSIGNED: return unsigned_print_length(value.u) + 1;
	case VALUE_BOOLEAN: return value.b ? 4 : 5;
	case VALUE_STRING: break;
	default: return 0;
	}
	string = text_slice(value.s);
	bytes = string.length + 2;
	for (size_t i = 0; i < string.length; i++)
		bytes += string.data[i] == '"' || string.data[i] == '\\';
	return bytes;
}

static uint64_t times_bytes(const int64_t *times_ns, size_t row_count)
{
	size_t first = integer_print_length(times_ns[0]);
	uint64_t bytes = 0;

	/* They ascend: all between two of a length have it. */
	if (times_ns[0] >= 0 && first == integer_print_length(times_ns[row_count - 1]))
		return row_count * first;
	for (size_t i = 0; i < row_count; i++)
		bytes += integer_print_length(times_ns[i]);
	return bytes;
}

/* A line has a comma less than fields, a space more and a newline. */
static uint64_t lines_bytes(const struct row_text *text, const int64_t *times_ns, size_t row_count)
{
	return row_count * (text->key.length + 1) + times_bytes(times_ns, row_count);
}

static uint64_t column_bytes(const struct row_name *name, const struct batch_column *column,
			     size_t row_count)
{
	uint64_t bytes = 0;

	for (size_t row = 0; row < row_count; row++)
		if (column_has(column, row))
			bytes += name->length + value_bytes(column->type, column->values[row]);
	return bytes;
}

uint64_t row_text_bytes(const struct row_text *text, const int64_t *times_ns, size_t row_count,
			const struct chunk_write_column *columns, size_t column_count)
{
	uint64_t bytes = lines_bytes(text, times_ns, row_count);

	for (size_t c = 0; c < column_count; c++)
		bytes += column_bytes(&text->fields[text->by_id[columns[c].field_id]],
				      &(struct batch_column){ columns[c].type, columns[c].values,
							      columns[c].valid },
				      row_count);
	return bytes;
}

uint64_t row_text_slab_bytes(const struct row_text *text, const int64_t *times_ns, size_t row_count,
			     const struct batch_column *columns)
{
	uint64_t bytes = lines_bytes(text, times_ns, row_count);

	for (uint32_t i = 0; i < text->field_count; i++)
		bytes += column_bytes(&text->fields[i], &columns[i], row_count);
	return bytes;
}
