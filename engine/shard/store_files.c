/*
 * Reads LevelDB's log format and the two things that are written in it: the edits of a MANIFEST and
 * the batches of a log. doc/log_format.md and db/version_edit.cc of LevelDB 1.23 draw them.
 *
 *	file   = block: 32768 *
 *	block  = { checksum: 4 | length: 2 | type: 1 | bytes } * and zeros
 *	edit   = { tag: v | what the tag has } *
 *	batch  = sequence: 8 | count: 4 | puts
 *
 * Checksums are LevelDB's business: it compares them when it opens, and says so.
 */
#include "engine/shard/store_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/env.h"
#include "engine/base/map.h"
#include "engine/directory/paths.h"

#define BLOCK_BYTES  32768u
#define HEADER_BYTES 7u
#define MARK_NAME    "mark"
#define MARK_BYTES   16u
/* Another than hash_bytes() of the sequence alone, which is 0 for nobody. */
#define MARK_SALT UINT64_C(0x6d61726b6d61726b)

enum { TYPE_ZERO, TYPE_FULL, TYPE_FIRST, TYPE_MIDDLE, TYPE_LAST };
enum {
	TAG_COMPARATOR = 1,
	TAG_LOG = 2,
	TAG_NEXT_FILE = 3,
	TAG_LAST_SEQUENCE = 4,
	TAG_COMPACT_POINTER = 5,
	TAG_DELETED = 6,
	TAG_NEW = 7,
	TAG_PREVIOUS_LOG = 9,
};

struct look {
	const char *path;
	struct store_files *out;
	struct diag *diag;
	struct idmap tables; /* number -> 1: there is such a file; 2: and it is wanted; 3: wanted */
	uint64_t *logs;
	size_t log_count;
	uint64_t log_first, log_previous; /* as the MANIFEST says */
	bool is_understood;
};

/* --- records --------------------------------------------------------------------------- */

/* Calls `each` with every record; what LevelDB would not find, it does not either. */
static void each_record(struct slice file, void (*each)(struct look *look, struct slice record),
			struct look *look)
{
	struct buf joined = { 0 };
	size_t at = 0;

	while (at + HEADER_BYTES <= file.length) {
		size_t left = BLOCK_BYTES - at % BLOCK_BYTES;
		const unsigned char *header = (const unsigned char *)file.data + at;
		size_t length = header[4] | (size_t)header[5] << 8;
		unsigned type = header[6];

		if (left < HEADER_BYTES || (type == TYPE_ZERO && length == 0)) {
			at += left;
			continue;
		}
		if (HEADER_BYTES + length > left || length > file.length - at - HEADER_BYTES)
			break;
		if (type == TYPE_FULL || type == TYPE_FIRST)
			buf_reset(&joined);
		buf_append(&joined, file.data + at + HEADER_BYTES, length);
		if (type == TYPE_FULL || type == TYPE_LAST)
			each(look, buf_slice(&joined));
		at += HEADER_BYTES + length;
	}
	buf_release(&joined);
}

static void new_table(struct look *look, struct reader *in)
{
	reader_varint(in); /* level */
	uint64_t number = reader_varint(in);
	reader_varint(in); /* bytes */
	reader_prefixed(in);
	reader_prefixed(in);
	if (!in->failed)
		idmap_set(&look->tables, number, idmap_find(&look->tables, number) == 1 ? 2 : 3);
}

static void deleted_table(struct look *look, struct reader *in)
{
	reader_varint(in); /* level */
	uint64_t number = reader_varint(in);
	uint32_t known = idmap_find(&look->tables, number);

	if (!in->failed && known != MAP_NONE)
		idmap_set(&look->tables, number, known == 2 ? 1 : known == 3 ? 0 : known);
}

static void read_edit(struct look *look, struct slice record)
{
	struct reader in = reader_of(record);

	while (reader_left(&in) && !in.failed) {
		switch (reader_varint(&in)) {
		case TAG_COMPARATOR: reader_prefixed(&in); break;
		case TAG_LOG: look->log_first = reader_varint(&in); break;
		case TAG_NEXT_FILE: reader_varint(&in); break;
		case TAG_LAST_SEQUENCE: look->out->sequence = reader_varint(&in); break;
		case TAG_COMPACT_POINTER:
			reader_varint(&in);
			reader_prefixed(&in);
			break;
		case TAG_DELETED: deleted_table(look, &in); break;
		case TAG_NEW: new_table(look, &in); break;
		case TAG_PREVIOUS_LOG: look->log_previous = reader_varint(&in); break;
		default: in.failed = true;
		}
	}
	look->is_understood &= !in.failed;
}

/* Batches follow one another without a gap: what failed is not written behind. */
static void read_batch(struct look *look, struct slice record)
{
	struct reader in = reader_of(record);
	uint64_t first = reader_u64(&in);
	uint64_t count = reader_u32(&in);

	if (in.failed || count == 0)
		return;
	look->out->is_incomplete |= first > look->out->sequence + 1;
	if (first + count - 1 > look->out->sequence)
		look->out->sequence = first + count - 1;
}

/* --- files ------------------------------------------------------------------------------- */

static bool number_before(const char *name, const char *end, uint64_t *number)
{
	char *rest;

	*number = strtoull(name, &rest, 10);
	return rest != name && strcmp(rest, end) == 0;
}

static int look_at_name(void *arg, const char *name)
{
	struct look *look = arg;
	struct path path = path_in(look->path, name);
	enum env_kind kind;
	uint64_t number;

	TRY(env_kind(path.text, &kind));
	if (kind != ENV_FILE && strcmp(name, "lost") != 0)
		return diag_set(look->diag, ERR_NOT_PERMITTED,
				"%s is a link or no file, and nothing below it is opened",
				path.text);
	look->out->has_current |= strcmp(name, "CURRENT") == 0;
	if (number_before(name, ".ldb", &number) || number_before(name, ".sst", &number))
		idmap_set(&look->tables, number, 1);
	if (!number_before(name, ".log", &number))
		return OK;
	look->logs = reallocarray(look->logs, look->log_count + 1, sizeof(*look->logs));
	if (!look->logs)
		return ERR_MEMORY;
	look->logs[look->log_count++] = number;
	return OK;
}

static int read_file(struct look *look, const char *name, struct buf *out)
{
	buf_reset(out);
	return env_read_file(path_in(look->path, name).text, out);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int read_logs(struct look *look)
{
	struct buf file = { 0 };
	char name[32];
	int err = OK;

	if (look->log_count)
		qsort(look->logs, look->log_count, sizeof(*look->logs), compare_numbers);
	for (size_t i = 0; err == OK && i < look->log_count; i++) {
		if (look->logs[i] < look->log_first && look->logs[i] != look->log_previous)
			continue;
		snprintf(name, sizeof(name), "%06llu.log", (unsigned long long)look->logs[i]);
		err = read_file(look, name, &file);
		if (err == OK)
			each_record(buf_slice(&file), read_batch, look);
	}
	buf_release(&file);
	return err;
}

static int read_all(struct look *look)
{
	struct buf file = { 0 };
	char name[64] = "";
	uint64_t number;
	uint32_t state;

	int err = read_file(look, "CURRENT", &file);
	if (err == OK && sscanf(buf_text(&file), "%40[MANIFEST0-9-]", name) == 1)
		err = read_file(look, name, &file);
	else if (err == OK)
		err = ERR_NOT_FOUND;
	look->is_understood = err == OK;
	if (err == OK)
		each_record(buf_slice(&file), read_edit, look);
	buf_release(&file);
	if (err < 0)
		return err == ERR_NOT_FOUND ? OK : err;
	for (size_t i = 0; idmap_next(&look->tables, &i, &number, &state);)
		look->out->is_incomplete |= state == 3;
	return read_logs(look);
}

int store_files_look(const char *path, struct store_files *out, struct diag *diag)
{
	struct look look = { .path = path, .out = out, .diag = diag };
	enum env_kind kind;

	*out = (struct store_files){ 0 };
	TRY(env_kind(path, &kind));
	if (kind == ENV_NOTHING)
		return OK;
	if (kind != ENV_DIRECTORY)
		return diag_set(diag, ERR_NOT_PERMITTED,
				"%s is a link or no directory, and is not opened", path);
	int err = env_list(path, look_at_name, &look);
	if (err == OK) {
		out->marked = store_marked(path);
		/* A MANIFEST alone is what making it left where the disk was full. */
		out->exists = out->has_current || look.log_count || idmap_bytes(&look.tables) ||
			      out->marked;
		if (out->has_current)
			err = read_all(&look);
	}
	idmap_release(&look.tables);
	free(look.logs);
	return err;
}

bool store_files_lack(const struct store_files *files, struct diag *diag)
{
	if (files->is_incomplete)
		diag_set(diag, ERR_CORRUPT, "a table or a part of a log is missing");
	else if (files->sequence < files->marked)
		diag_set(
			diag, ERR_CORRUPT,
			"it has lost its newest records: it has %llu of %llu; it is not opened, so "
			"that nothing more is lost",
			(unsigned long long)files->sequence, (unsigned long long)files->marked);
	else
		return false;
	return true;
}

/* --- the mark ------------------------------------------------------------------------------ */

void store_mark(const char *path, uint64_t sequence)
{
	char bytes[MARK_BYTES];

	store64(bytes + 8, sequence);
	store64(bytes, hash_bytes(slice_of(bytes + 8, 8)) ^ MARK_SALT);
	/* Without it no less is stored; only damage would not be noticed. */
	env_overwrite(path_in(path, MARK_NAME).text, slice_of(bytes, sizeof(bytes)));
}

static struct path path_beside(const char *path)
{
	return path_with(path, "." MARK_NAME);
}

void store_mark_beside(const char *path)
{
	env_overwrite(path_beside(path).text, SLICE(""));
}

int store_is_marked_beside(const char *path, bool *marked)
{
	enum env_kind kind;

	TRY(env_kind(path_beside(path).text, &kind));
	*marked = kind == ENV_FILE;
	return OK;
}

int store_unmark_beside(const char *path)
{
	int err = env_unlink(path_beside(path).text);

	return err == ERR_NOT_FOUND ? OK : err;
}

uint64_t store_marked(const char *path)
{
	struct path mark = path_in(path, MARK_NAME);
	struct buf file = { 0 };
	uint64_t sequence = 0;

	if (env_is(mark.text, ENV_FILE) && env_read_file(mark.text, &file) == OK &&
	    file.length == MARK_BYTES &&
	    load64(file.data) == (hash_bytes(slice_from(buf_slice(&file), 8)) ^ MARK_SALT))
		sequence = load64(file.data + 8);
	buf_release(&file);
	return sequence;
}

int store_mark_remove(const char *path)
{
	int err = env_unlink(path_in(path, MARK_NAME).text);

	return err == ERR_NOT_FOUND ? OK : err;
}
