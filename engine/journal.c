/*
 * Why: the log, the catalog and the indexes all need the same small thing, a
 * file where a record is either whole or not there, whatever the crash or the
 * disk did to the bytes. The picture is in journal.h.
 */
#include "engine/journal.h"

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
	int fd;
	uint64_t salt;
	uint64_t sequence; /* of the last record */
	struct buf buffer; /* records on their way to write(2) */
	_Atomic uint64_t bytes;
	_Atomic uint64_t bytes_synced;
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

int journal_replay(const char *path,
		   int (*each)(void *arg, uint64_t sequence, struct slice payload), void *arg,
		   struct journal_damage *damage)
{
	struct buf file = { 0 };
	struct scan scan;
	struct found found;
	bool whole;
	int err;

	*damage = (struct journal_damage){ 0 };
	err = env_read_file(path, &file);
	if (err < 0)
		goto out;
	if (!scan_start(&scan, buf_slice(&file), &whole)) {
		damage->tail_bytes = file.length;
		goto out;
	}
	while (err == OK && scan_next(&scan, &found) == OK)
		err = each(arg, found.sequence, found.payload);
	*damage = scan.damage;
	if (!whole)
		damage->bytes_skipped += JOURNAL_HEADER_BYTES;
out:
	buf_release(&file);
	return err < 0 ? err : OK;
}

/* --- opening ------------------------------------------------------------- */

static void header_print(char *header, uint64_t salt)
{
	memcpy(header, magic, sizeof(magic));
	store64(header + 8, salt);
}

/* Keep what is about to be cut off, for whoever wants to look. Not worth failing for. */
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
	err = env_open_append(path, &journal->fd, &size);
	if (err < 0)
		goto out;
	if (size > file.length)
		err = env_truncate(journal->fd, file.length);
	if (err < 0) {
		env_close(journal->fd);
		goto out;
	}
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
	buf_release(&journal->buffer);
	free(journal);
}

int journal_mend(const char *path)
{
	struct buf file = { 0 }, mended = { 0 };
	struct scan scan;
	struct found found;
	bool whole;
	int err = env_read_file(path, &file);

	if (err == OK) {
		bool readable = scan_start(&scan, buf_slice(&file), &whole);

		header_print(buf_reserve(&mended, JOURNAL_HEADER_BYTES),
			     readable ? scan.salt : salt_twice((uint32_t)env_random()));
		mended.length = JOURNAL_HEADER_BYTES;
		while (readable && scan_next(&scan, &found) == OK)
			buf_append(&mended, found.payload.data - RECORD_HEADER_BYTES,
				   RECORD_HEADER_BYTES + found.payload.length);
		err = env_write_file(path, buf_slice(&mended));
	}
	buf_release(&file);
	buf_release(&mended);
	return err;
}

/* --- writing ------------------------------------------------------------- */

static int buffer_record(struct journal *journal, const struct journal_record *record)
{
	size_t length = record->payload.length;
	char *place;

	if (length > JOURNAL_PAYLOAD_BYTES_MAX)
		return ERR_TOO_LONG;
	place = buf_reserve(&journal->buffer, RECORD_HEADER_BYTES + length);
	store32(place + 4, (uint32_t)length);
	store64(place + 8, record->sequence);
	if (length)
		memcpy(place + RECORD_HEADER_BYTES, record->payload.data, length);
	store32(place, record_checksum(place, (uint32_t)length, journal->salt));
	journal->buffer.length += RECORD_HEADER_BYTES + length;
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

int journal_sync(struct journal *journal)
{
	uint64_t bytes = journal->bytes;

	if (journal->poisoned)
		return ERR_IO;
	if (journal->bytes_synced >= bytes)
		return OK;
	if (env_sync(journal->fd) < 0) {
		journal->poisoned = true;
		return ERR_IO;
	}
	journal->bytes_synced = bytes;
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
