/*
 * What a data set takes under InfluxDB's codecs and under ours, without files, indexes and log.
 *
 *	gen HOSTS STEPS KIND | codec_sizes NAME
 *
 * prints  NAME VALUES TSM HOT COLD HASH:  bytes per value as TSM blocks of 1,000 values (times with
 * each field), as chunks when they are flushed, and as chunks of a cold shard; a hash of all our
 * bytes, which every build must agree to. All is decoded and compared. Numbers only, no escapes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/map.h"
#include "engine/chunk/chunk.h"
#include "engine/codec/codec.h"

#define FIELDS_MAX     64
#define TSM_BLOCK_ROWS 1000

struct series {
	char *key;
	size_t row_count, capacity, field_count;
	enum value_type types[FIELDS_MAX];
	union value *values[FIELDS_MAX];
	int64_t *times_ns;
};

static struct series *series;
static size_t series_count;
static struct map keys;

static struct slice key_at(const void *owner, uint32_t i)
{
	(void)owner;
	return slice_of_text(series[i].key);
}

static struct series *series_of(struct slice key)
{
	uint64_t hash = hash_bytes(key);
	uint32_t at = map_find(&keys, key, hash);

	if (at != MAP_NONE)
		return &series[at];
	series = reallocarray(series, series_count + 1, sizeof(*series));
	series[series_count] = (struct series){ .key = strndup(key.data, key.length) };
	map_add(&keys, hash, (uint32_t)series_count);
	return &series[series_count++];
}

static void make_room(struct series *s)
{
	if (s->row_count < s->capacity)
		return;
	s->capacity = s->capacity ? s->capacity * 2 : 256;
	s->times_ns = reallocarray(s->times_ns, s->capacity, sizeof(*s->times_ns));
	for (size_t i = 0; i < FIELDS_MAX; i++)
		if (s->row_count == 0 || s->values[i])
			s->values[i] = i < s->field_count || s->row_count == 0
					       ? reallocarray(s->values[i], s->capacity,
							      sizeof(*s->values[i]))
					       : NULL;
}

/* key f=1i,g=2.5 TIME */
static void take_line(char *line)
{
	char *fields = strchr(line, ' '), *time = strrchr(line, ' '), *field, *state;
	struct series *s = series_of(slice_of(line, (size_t)(fields - line)));
	size_t at = 0;

	make_room(s);
	*time++ = '\0';
	for (field = strtok_r(fields + 1, ",", &state); field && at < FIELDS_MAX;
	     field = strtok_r(NULL, ",", &state), at++) {
		char *value = strchr(field, '=') + 1;

		s->types[at] = value[strlen(value) - 1] == 'i' ? VALUE_INTEGER : VALUE_FLOAT;
		if (s->types[at] == VALUE_INTEGER)
			s->values[at][s->row_count].i = strtoll(value, NULL, 10);
		else
			s->values[at][s->row_count].f = strtod(value, NULL);
	}
	s->field_count = at;
	s->times_ns[s->row_count++] = strtoll(time, NULL, 10);
}

/* --- InfluxDB's ---------------------------------------------------------------------------------
 */

static size_t bytes_of(const uint64_t *deltas, size_t count)
{
	struct buf out = { 0 };
	size_t bytes = simple8b_encode(deltas, count, &out) ? out.length : count * 8;

	buf_release(&out);
	return 1 + bytes;
}

/* Deltas that are all the same are a run: the first, the delta, and how many. */
static size_t tsm_integers(const union value *values, size_t count)
{
	uint64_t deltas[TSM_BLOCK_ROWS];
	bool same = true;
	char varint[VARINT_BYTES_MAX];

	for (size_t i = 0; i < count; i++) {
		deltas[i] = i ? values[i].u - values[i - 1].u : values[i].u;
		same &= i < 2 || deltas[i] == deltas[1];
	}
	if (!same || count < 2)
		return bytes_of(deltas, count);
	return 1 + 8 + (size_t)(varint_put(varint, zigzag((int64_t)deltas[1])) - varint) +
	       (size_t)(varint_put(varint, count) - varint);
}

static size_t tsm_floats(const union value *values, size_t count)
{
	struct buf out = { 0 };
	size_t bytes;

	gorilla_encode(&values->bits, count, &out);
	bytes = 1 + out.length;
	buf_release(&out);
	return bytes;
}

static size_t tsm_bytes(const struct series *s)
{
	size_t bytes = 0;

	for (size_t i = 0; i < s->field_count; i++)
		for (size_t from = 0; from < s->row_count; from += TSM_BLOCK_ROWS) {
			size_t rows = s->row_count - from < TSM_BLOCK_ROWS ? s->row_count - from
									   : TSM_BLOCK_ROWS;

			bytes += 3; /* the type, and the length of the times */
			bytes += tsm_integers((const union value *)s->times_ns + from, rows);
			bytes += s->types[i] == VALUE_INTEGER
					 ? tsm_integers(s->values[i] + from, rows)
					 : tsm_floats(s->values[i] + from, rows);
		}
	return bytes;
}

/* --- ours ----------------------------------------------------------------------------------------
 */

static XXH3_state_t *hash;

static void check(struct slice chunk, const struct chunk_rows *rows)
{
	struct chunk_wish wish = chunk_wish_all();
	struct chunk_data data = { 0 };
	bool same = chunk_decode(chunk, &wish, &data) == OK && data.row_count == rows->row_count &&
		    data.column_count == rows->column_count;

	for (size_t i = 0; same && i < rows->column_count; i++)
		same = memcmp(data.columns[i].values, rows->columns[i].values,
			      rows->row_count * sizeof(union value)) == 0;
	if (!same || memcmp(data.times_ns, rows->times_ns, rows->row_count * 8) != 0) {
		fprintf(stderr, "what was decoded is not what was encoded\n");
		exit(1);
	}
	chunk_data_release(&data);
	XXH3_64bits_update(hash, chunk.data, chunk.length);
}

static size_t our_bytes(const struct series *s, bool cold)
{
	struct chunk_write_column columns[FIELDS_MAX];
	struct buf out = { 0 };
	size_t bytes = 0;

	for (size_t from = 0; from < s->row_count; from += CHUNK_ROWS_MAX) {
		struct chunk_rows rows = { .row_count = s->row_count - from < CHUNK_ROWS_MAX
								? s->row_count - from
								: CHUNK_ROWS_MAX,
					   .times_ns = s->times_ns + from,
					   .columns = columns,
					   .column_count = s->field_count,
					   .cold = cold };

		for (size_t i = 0; i < s->field_count; i++)
			columns[i] = (struct chunk_write_column){ (uint32_t)i, s->types[i],
								  s->values[i] + from, NULL };
		buf_reset(&out);
		chunk_encode(&out, &rows);
		check(buf_slice(&out), &rows);
		bytes += out.length;
	}
	buf_release(&out);
	return bytes;
}

int main(int argc, char **argv)
{
	size_t values = 0, tsm = 0, hot = 0, cold = 0, capacity = 0;
	char *line = NULL;

	hash = XXH3_createState();
	XXH3_64bits_reset(hash);
	map_init(&keys, key_at, NULL);
	while (getline(&line, &capacity, stdin) > 0)
		take_line(line);
	for (size_t i = 0; i < series_count; i++) {
		values += series[i].row_count * series[i].field_count;
		tsm += tsm_bytes(&series[i]);
		hot += our_bytes(&series[i], false);
		cold += our_bytes(&series[i], true);
	}
	printf("%s %zu %.4f %.4f %.4f %016llx\n", argc > 1 ? argv[1] : "set", values,
	       (double)tsm / (double)values, (double)hot / (double)values,
	       (double)cold / (double)values, (unsigned long long)XXH3_64bits_digest(hash));
	XXH3_freeState(hash);
	return 0;
}
