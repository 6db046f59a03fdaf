/*
 * Appends records to a file, and gives back those that are whole.
 *
 * Why: the log, the catalog and the indexes all need the same small thing, a
 * file where a record is either whole or not there, whatever the crash or the
 * disk did to the bytes. The picture is in journal.h.
 */
#include "engine/log/journal.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <xxhash.h>

#include "engine/base/bytes.h"
#include "engine/base/env.h"
#include "engine/base/log.h"

#define RECORD_HEADER_BYTES 16u
/* A buffer that one large batch has blown up is given back beyond this. */
#define BUFFER_BYTES_KEPT (4u << 20)
/*
 * Damaged bytes can look like the lengths of many long records; after hashing
 * this much in search of the next whole one (some seconds) the rest is given up.
 */
#define RESYNC_BYTES_MAX (UINT64_C(16) << 30)

static const char magic[8] = "sfsjrnl1";

struct journal {
	char *path;
	int fd, copy_fd; /* of the copy; -1: none, or it rests */
	bool is_resting, copy_rests;
	uint64_t salt;
	uint64_t sequence; /* of the last record */
	struct buf buffer; /* records on their way to write(2) */
	_Atomic uint64_t bytes;
	_Atomic uint64_t bytes_synced;
	_Atomic uint64_t bytes_copied;
	atomic_bool poisoned;
};

static uint64_t salt_twice(uint32_t half)
{
	return (uint64_t)half << 32 | half;
}

static uint32_t record_checksum(const char *record, uint32_t length, uint64_t salt)
{
	return (uint32_t)XXH3_64bits_withSeed(record + 4, RECORD_HEADER_BYTES - 4 + length, salt);
}

/* --- reading ------------------------------------------------------------- */

struct scan {
	struct slice file;
	uint64_t salt;
	size_t offset;	   /* of what is looked at next */
	bool any;	   /* a record was found already, and had: */
	uint64_t sequence; /* its sequence */
	uint64_t resync_bytes;
	struct journal_damage damage;
};

struct found {
	uint64_t sequence;
	struct slice payload;
};

/* Is there a whole record at `offset`? */
static bool scan_record_at(struct scan *scan, size_t offset, struct found *found)
{
	const char *record = scan->file.data + offset;
	size_t left = scan->file.length - offset;
	uint32_t length;

	if (left < RECORD_HEADER_BYTES)
		return false;
	length = load32(record + 4);
	found->sequence = load64(record + 8);
	if (length > left - RECORD_HEADER_BYTES || length > JOURNAL_PAYLOAD_BYTES_MAX)
		return false;
	if (scan->any && found->sequence <= scan->sequence)
		return false;
	scan->resync_bytes += length;
	if (record_checksum(record, length, scan->salt) != load32(record))
		return false;
	found->payload = slice_of(record + RECORD_HEADER_BYTES, length);
	return true;
}

/* The next whole record, over damage if need be. END: only a torn tail is left. */
static int scan_next(struct scan *scan, struct found *found)
{
	size_t offset = scan->offset;

	scan->resync_bytes = 0;
	while (!scan_record_at(scan, offset, found)) {
		if (scan->file.length - offset <= RECORD_HEADER_BYTES ||
		    scan->resync_bytes > RESYNC_BYTES_MAX) {
			scan->damage.tail_bytes = scan->file.length - scan->offset;
			return END;
		}
		offset++;
	}
	if (offset > scan->offset) {
		scan->damage.records_lost_min++;
		scan->damage.bytes_skipped += offset - scan->offset;
	}
	scan->offset = offset + RECORD_HEADER_BYTES + found->payload.length;
	scan->any = true;
	scan->sequence = found->sequence;
	return OK;
}

static size_t scan_count(struct slice file, uint64_t salt)
{
	struct scan scan = { .file = file, .salt = salt, .offset = JOURNAL_HEADER_BYTES };
	struct found found;
	size_t count = 0;

	while (scan_next(&scan, &found) == OK)
		count++;
	return count;
}

/*
 * Judge the header and make ready to read records. False: there is no header
 * (the file is shorter), or it is not a journal's and no record fits either.
 * `*whole` tells whether the header is as it was written.
 */
static bool scan_start(struct scan *scan, struct slice file, bool *whole)
{
	uint32_t first, second;

	*scan = (struct scan){ .file = file };
	*whole = false;
	if (file.length < JOURNAL_HEADER_BYTES)
		return false;
	first = load32(file.data + 8);
	second = load32(file.data + 12);
	scan->offset = JOURNAL_HEADER_BYTES;
	scan->salt = salt_twice(first);
	*whole = first == second && memcmp(file.data, magic, sizeof(magic)) == 0;
	if (*whole)
		return true;
	if (first != second &&
	    scan_count(file, salt_twice(second)) > scan_count(file, salt_twice(first)))
		scan->salt = salt_twice(second);
	return scan_count(file, scan->salt) > 0;
}

/* --- a journal and its copy ----------------------------------------------- */

/* All that two files have, and what became of the first. */
struct pair {
	struct buf main, copy;
	struct scan scan; /* of the journal: where its whole records end */
	bool exists, has_copy, readable, header_whole;
	uint64_t last;	/* sequence in it; 0: none */
	bool is_broken; /* numbers are missing in it */
	uint64_t copy_last;
	struct buf records; /* of struct found, by sequence: of both; empty where the journal will
			       do */
	struct journal_damage damage;
};

static bool is_copy_begin(const struct pair *pair)
{
	return pair->copy.length <= pair->main.length &&
	       memcmp(pair->copy.data, pair->main.data, pair->copy.length) == 0;
}

static void collect(struct slice file, struct buf *records)
{
	struct scan scan;
	struct found found;
	bool whole;

	if (!scan_start(&scan, file, &whole))
		return;
	while (scan_next(&scan, &found) == OK)
		buf_append(records, &found, sizeof(found));
}

static int by_sequence(const void *a, const void *b)
{
	uint64_t x = ((const struct found *)a)->sequence, y = ((const struct found *)b)->sequence;

	return (x > y) - (x < y);
}

/* Both have the same records but for what each lacks: one of each number stays. */
static bool merge(struct pair *pair)
{
	struct found *found;
	size_t count, kept = 0;
	bool whole = true;

	collect(buf_slice(&pair->main), &pair->records);
	collect(buf_slice(&pair->copy), &pair->records);
	found = (struct found *)(void *)pair->records.data;
	count = pair->records.length / sizeof(*found);
	if (count)
		qsort(found, count, sizeof(*found), by_sequence);
	for (size_t i = 0; i < count; i++) {
		if (kept && found[kept - 1].sequence == found[i].sequence)
			continue;
		whole &= kept == 0 || found[i].sequence == found[kept - 1].sequence + 1;
		found[kept++] = found[i];
	}
	pair->records.length = kept * sizeof(*found);
	return whole && kept > 0;
}

static uint64_t last_of(struct slice file)
{
	struct scan scan;
	struct found found = { 0 };
	bool whole;

	if (scan_start(&scan, file, &whole))
		while (scan_next(&scan, &found) == OK)
			;
	return found.sequence;
}

static void scan_main(struct pair *pair)
{
	struct found found;

	pair->readable = scan_start(&pair->scan, buf_slice(&pair->main), &pair->header_whole);
	while (pair->readable && scan_next(&pair->scan, &found) == OK) {
		pair->is_broken |= pair->last && found.sequence != pair->last + 1;
		pair->last = found.sequence;
	}
	pair->damage = pair->scan.damage;
	if (!pair->readable)
		pair->damage.tail_bytes = pair->main.length;
	else if (!pair->header_whole)
		pair->damage.bytes_skipped += JOURNAL_HEADER_BYTES;
	pair->damage.is_short = pair->main.length < JOURNAL_HEADER_BYTES;
}

static void judge(struct pair *pair)
{
	if (!pair->has_copy || (pair->exists && is_copy_begin(pair)))
		return;
	pair->copy_last = last_of(buf_slice(&pair->copy));
	pair->damage.is_short |= pair->copy_last > pair->last;
	if (pair->copy_last && (journal_is_damaged(&pair->damage) || pair->is_broken))
		pair->damage.is_mended = merge(pair);
}

static void pair_release(struct pair *pair)
{
	buf_release(&pair->main);
	buf_release(&pair->copy);
	buf_release(&pair->records);
}

/* ERR_NOT_FOUND: neither is there; it can be used all the same. */
static int pair_read(struct pair *pair, const char *path)
{
	struct buf copy_path = { 0 };
	int err;

	*pair = (struct pair){ 0 };
	buf_printf(&copy_path, "%s.copy", path);
	err = env_read_file(path, &pair->main);
	pair->exists = err == OK;
	if (err == OK || err == ERR_NOT_FOUND) {
		/* A copy that cannot be read is as good as none. */
		pair->has_copy = env_read_file(buf_text(&copy_path), &pair->copy) == OK;
		scan_main(pair);
		judge(pair);
		if (!pair->exists && pair->copy_last)
			err = OK;
	}
	buf_release(&copy_path);
	return err;
}

bool journal_is_damaged(const struct journal_damage *damage)
{
	return damage->bytes_skipped || damage->records_lost_min || damage->is_short;
}

static int replay_pair(struct pair *pair,
		       int (*each)(void *arg, uint64_t sequence, struct slice payload), void *arg)
{
	const struct found *merged = (const struct found *)(const void *)pair->records.data;
	size_t count = pair->records.length / sizeof(*merged);
	struct found found;
	bool whole;
	int err = OK;

	for (size_t i = 0; err == OK && i < count; i++)
		err = each(arg, merged[i].sequence, merged[i].payload);
	if (count || !scan_start(&pair->scan, buf_slice(&pair->main), &whole))
		return err;
	while (err == OK && scan_next(&pair->scan, &found) == OK)
		err = each(arg, found.sequence, found.payload);
	return err;
}

int journal_replay(const char *path,
		   int (*each)(void *arg, uint64_t sequence, struct slice payload), void *arg,
		   struct journal_damage *damage)
{
	struct pair pair;
	int err = pair_read(&pair, path);

	*damage = pair.damage;
	if (err == OK)
		err = replay_pair(&pair, each, arg);
	pair_release(&pair);
	return err < 0 ? err : OK;
}

/* --- opening ------------------------------------------------------------- */

static void header_print(char *header, uint64_t salt)
{
	memcpy(header, magic, sizeof(magic));
	store64(header + 8, salt);
}

static void print_record(struct buf *out, uint64_t sequence, struct slice payload, uint64_t salt)
{
	char *place = buf_reserve(out, RECORD_HEADER_BYTES + payload.length);

	store32(place + 4, (uint32_t)payload.length);
	store64(place + 8, sequence);
	if (payload.length)
		memcpy(place + RECORD_HEADER_BYTES, payload.data, payload.length);
	store32(place, record_checksum(place, (uint32_t)payload.length, salt));
	out->length += RECORD_HEADER_BYTES + payload.length;
}

/* Keep what is about to be cut off, for a person to look at. Not worth failing for. */
static void save_torn(const char *path, struct slice torn)
{
	struct buf name = { 0 };

	buf_printf(&name, "%s.torn", path);
	if (env_write_file(buf_text(&name), torn) < 0)
		log_warning("%s: %zu torn bytes could not be kept", path, torn.length);
	else
		log_warning("%s: %zu torn bytes at the end are moved to %s", path, torn.length,
			    buf_text(&name));
	buf_release(&name);
}

/* Make the file what it would be had nothing happened: a whole header, no torn tail. */
static int mend(const char *path, struct buf *file, struct scan *scan, bool readable,
		bool header_whole)
{
	size_t keep = readable ? file->length - scan->damage.tail_bytes : 0;

	if (keep < file->length && file->length > 0)
		save_torn(path, slice_from(buf_slice(file), keep));
	if (!readable)
		scan->salt = salt_twice((uint32_t)env_random());
	if (keep < JOURNAL_HEADER_BYTES) {
		buf_reset(file);
		buf_reserve(file, JOURNAL_HEADER_BYTES);
		keep = JOURNAL_HEADER_BYTES;
	}
	file->length = keep;
	if (header_whole)
		return OK; /* the caller truncates, which is enough */
	header_print(file->data, scan->salt);
	return env_write_file(path, buf_slice(file));
}

int journal_open(const char *path, struct journal **out)
{
	struct buf file = { 0 };
	struct scan scan;
	struct found found;
	struct journal *journal = NULL;
	bool readable, header_whole;
	uint64_t size;
	int err = env_read_file(path, &file);

	if (err < 0 && err != ERR_NOT_FOUND)
		goto out;
	readable = scan_start(&scan, buf_slice(&file), &header_whole);
	while (readable && scan_next(&scan, &found) == OK)
		;
	err = mend(path, &file, &scan, readable, header_whole);
	if (err < 0)
		goto out;
	journal = calloc(1, sizeof(*journal));
	if (!journal) {
		err = ERR_MEMORY;
		goto out;
	}
	journal->copy_fd = -1;
	err = env_open_append(path, &journal->fd, &size);
	if (err < 0)
		goto out;
	if (size > file.length)
		err = env_truncate(journal->fd, file.length);
	if (err < 0) {
		env_close(journal->fd);
		goto out;
	}
	journal->path = strdup(path);
	if (!journal->path)
		log_out_of_memory(strlen(path));
	journal->salt = scan.salt;
	journal->sequence = scan.sequence;
	atomic_init(&journal->bytes, file.length);
	/* What a crashed process left may be in the page cache only. */
	atomic_init(&journal->bytes_synced, 0);
out:
	buf_release(&file);
	if (err < 0) {
		free(journal);
		journal = NULL;
	}
	*out = journal;
	return err;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	env_close(journal->fd);
	env_close(journal->copy_fd);
	buf_release(&journal->buffer);
	free(journal->path);
	free(journal);
}

/* The whole records of both as one file, which has their header if one is whole. */
static void print_pair(struct pair *pair, struct buf *out)
{
	const struct found *found = (const struct found *)(const void *)pair->records.data;
	size_t count = pair->records.length / sizeof(*found);
	uint64_t salt = pair->readable ? pair->scan.salt : salt_twice((uint32_t)env_random());
	struct buf whole = { 0 };

	if (count == 0) {
		collect(buf_slice(&pair->main), &whole);
		found = (const struct found *)(const void *)whole.data;
		count = whole.length / sizeof(*found);
	}
	header_print(buf_reserve(out, JOURNAL_HEADER_BYTES), salt);
	out->length = JOURNAL_HEADER_BYTES;
	for (size_t i = 0; i < count; i++)
		print_record(out, found[i].sequence, found[i].payload, salt);
	buf_release(&whole);
}

int journal_mend(const char *path)
{
	struct buf mended = { 0 };
	struct pair pair;
	int err = pair_read(&pair, path);

	if (err == OK) {
		print_pair(&pair, &mended);
		err = env_write_file(path, buf_slice(&mended));
	}
	pair_release(&pair);
	buf_release(&mended);
	return err;
}

static void begin_file(struct buf *out, uint64_t salt)
{
	header_print(buf_reserve(out, JOURNAL_HEADER_BYTES), salt);
	out->length = JOURNAL_HEADER_BYTES;
}

/* A journal as two: records that `leaves` names, and those that stay. Gives how many leave. */
static uint64_t divide(struct slice file, bool (*leaves)(void *arg, uint64_t sequence), void *arg,
		       struct buf *stay, struct buf *leave)
{
	struct scan scan;
	struct found found;
	bool whole, readable = scan_start(&scan, file, &whole);
	uint64_t salt = readable ? scan.salt : salt_twice((uint32_t)env_random());
	uint64_t left = 0;

	begin_file(stay, salt);
	begin_file(leave, salt);
	while (readable && scan_next(&scan, &found) == OK) {
		bool is_leaving = leaves(arg, found.sequence);

		left += is_leaving;
		print_record(is_leaving ? leave : stay, found.sequence, found.payload, salt);
	}
	return left;
}

int journal_divide(const char *path, const char *to, bool (*leaves)(void *arg, uint64_t sequence),
		   void *arg, uint64_t *left)
{
	struct buf file = { 0 }, stay = { 0 }, leave = { 0 };
	int err = env_read_file(path, &file);

	*left = err == OK ? divide(buf_slice(&file), leaves, arg, &stay, &leave) : 0;
	if (*left)
		err = env_write_file(to, buf_slice(&leave));
	if (err == OK && *left)
		err = env_write_file(path, buf_slice(&stay));
	buf_release(&file);
	buf_release(&stay);
	buf_release(&leave);
	return err;
}

/* --- the copy -------------------------------------------------------------- */

/* Only a convenience is lost with it: the journal goes on without. */
static void copy_end(struct journal *journal, const char *why)
{
	log_warning("the copy of a journal is given up: %s", why);
	env_close(journal->copy_fd);
	journal->copy_fd = -1;
}

static int copy_attach(struct journal *journal, struct slice bytes, const char *copy_path)
{
	struct buf copy = { 0 };

	env_close(journal->copy_fd);
	journal->copy_fd = -1;
	if (env_read_file(copy_path, &copy) < 0 || copy.length < JOURNAL_HEADER_BYTES ||
	    copy.length > bytes.length || memcmp(copy.data, bytes.data, copy.length) != 0) {
		buf_reset(&copy);
		/* What a killed process left may not be on the disk yet. */
		int err = env_sync(journal->fd);
		if (err == OK)
			err = env_write_file_unsynced(copy_path, bytes);
		if (err < 0)
			return err;
		copy.length = bytes.length;
	}
	atomic_store(&journal->bytes_copied, copy.length);
	buf_release(&copy);
	return env_open_write(copy_path, &journal->copy_fd);
}

int journal_keep_copy(struct journal *journal, const char *path, const char *copy_path)
{
	struct buf bytes = { 0 };
	int err = env_read_file(path, &bytes);

	if (err == OK)
		err = copy_attach(journal, buf_slice(&bytes), copy_path);
	buf_release(&bytes);
	return err;
}

/* Put back what the copy has, if the journal lost it, and leave out what is no record. */
static int restore(const char *path)
{
	struct buf damaged = { 0 }, mended = { 0 };
	struct pair pair;
	int err = pair_read(&pair, path);

	/* Gaps do not stay: a start would take them for new damage each time. */
	if (err == OK && (pair.records.length || journal_is_damaged(&pair.damage))) {
		buf_printf(&damaged, "%s.damaged", path);
		err = pair.exists ? env_write_file(buf_text(&damaged), buf_slice(&pair.main)) : OK;
		if (err == OK) {
			print_pair(&pair, &mended);
			err = env_write_file(path, buf_slice(&mended));
		}
	}
	pair_release(&pair);
	buf_release(&damaged);
	buf_release(&mended);
	return err == ERR_NOT_FOUND ? OK : err;
}

int journal_open_copied(const char *path, struct journal **out)
{
	struct buf copy_path = { 0 };

	*out = NULL;
	TRY(restore(path));
	TRY(journal_open(path, out));
	buf_printf(&copy_path, "%s.copy", path);
	if (journal_keep_copy(*out, path, buf_text(&copy_path)) < 0)
		copy_end(*out, "it cannot be written");
	buf_release(&copy_path);
	return OK;
}

/* --- resting --------------------------------------------------------------- */

void journal_rest(struct journal *journal)
{
	if (journal->poisoned || journal->is_resting || journal->bytes_synced < journal->bytes)
		return;
	journal->copy_rests = journal->copy_fd >= 0;
	env_close(journal->copy_fd);
	env_close(journal->fd);
	journal->fd = journal->copy_fd = -1;
	journal->is_resting = true;
}

static void copy_wake(struct journal *journal)
{
	struct buf copy_path = { 0 };

	buf_printf(&copy_path, "%s.copy", journal->path);
	if (journal->copy_rests && env_open_write(buf_text(&copy_path), &journal->copy_fd) < 0) {
		journal->copy_fd = -1;
		copy_end(journal, "it cannot be opened");
	}
	buf_release(&copy_path);
}

/* A file that was replaced meanwhile is not appended to. */
static int wake(struct journal *journal)
{
	uint64_t size;

	if (!journal->is_resting)
		return OK;
	TRY(env_open_append(journal->path, &journal->fd, &size));
	if (size != journal->bytes) {
		log_error("%s: it has %llu bytes and had %llu", journal->path,
			  (unsigned long long)size, (unsigned long long)journal->bytes);
		env_close(journal->fd);
		journal->fd = -1;
		return ERR_IO;
	}
	copy_wake(journal);
	journal->is_resting = false;
	return OK;
}

/* --- writing ------------------------------------------------------------- */

static int buffer_record(struct journal *journal, const struct journal_record *record)
{
	if (record->payload.length > JOURNAL_PAYLOAD_BYTES_MAX)
		return ERR_TOO_LONG;
	print_record(&journal->buffer, record->sequence, record->payload, journal->salt);
	return OK;
}

int journal_append(struct journal *journal, const struct journal_record *records, size_t count)
{
	uint64_t sequence = journal->sequence;
	uint64_t bytes = journal->bytes;
	bool first = bytes == JOURNAL_HEADER_BYTES;
	int err;

	if (journal->poisoned)
		return ERR_IO;
	buf_reset(&journal->buffer);
	for (size_t i = 0; i < count; i++) {
		assert(records[i].sequence > sequence || (first && i == 0));
		sequence = records[i].sequence;
		TRY(buffer_record(journal, &records[i]));
	}
	if (count == 0)
		return OK;
	TRY(wake(journal));
	err = env_append(journal->fd, journal->buffer.data, journal->buffer.length);
	if (err < 0) {
		if (env_truncate(journal->fd, bytes) < 0)
			journal->poisoned = true;
	} else {
		journal->sequence = sequence;
		journal->bytes = bytes + journal->buffer.length;
	}
	if (journal->buffer.capacity > BUFFER_BYTES_KEPT) {
		buf_release(&journal->buffer);
		journal->buffer = (struct buf){ 0 };
	}
	return err;
}

/* What is durable goes into the copy; not before, since the copy must not be ahead. */
static void copy_synced(struct journal *journal)
{
	uint64_t from = journal->bytes_copied, to = journal->bytes_synced;

	if (journal->copy_fd < 0 || from >= to)
		return;
	if (env_copy_range(journal->fd, journal->copy_fd, from, to - from) < 0)
		copy_end(journal, "it cannot be written");
	else
		atomic_store(&journal->bytes_copied, to);
}

int journal_sync(struct journal *journal)
{
	uint64_t bytes = journal->bytes;

	if (journal->poisoned)
		return ERR_IO;
	if (journal->bytes_synced >= bytes) {
		copy_synced(journal);
		return OK;
	}
	if (env_sync(journal->fd) < 0) {
		journal->poisoned = true;
		return ERR_IO;
	}
	journal->bytes_synced = bytes;
	copy_synced(journal);
	return OK;
}

uint64_t journal_bytes(const struct journal *journal)
{
	return journal->bytes;
}

uint64_t journal_sequence(const struct journal *journal)
{
	return journal->sequence;
}
