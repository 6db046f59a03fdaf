/*
 * An append-only file of checksummed records: the framing under the
 * write-ahead log and the catalog.
 *
 *	file   = header: 16 record*
 *	header = magic: 8 "sfsjrnl1" | salt: 4, random | the salt again: 4
 *	record = checksum: 4 | length: 4 | sequence: 8 | payload: length bytes
 *
 * The checksum is the low half of XXH3-64 over length, sequence and payload,
 * seeded with the 8 bytes of the salts, so that zeros are never a record and
 * an old file's bytes in a reused block are not one either. The salt stands
 * there twice since without it no record could be told from noise: when the
 * two differ, the one under which records fit is right. Integers are
 * little-endian.
 * Sequences increase within a file. The first record that does not match is
 * the torn tail of a crash when nothing valid follows it; when something does,
 * it is damage: the reader resynchronises on the next record whose checksum
 * fits and whose sequence is larger, and tells.
 *
 * What must not be lost has a copy beside it, `PATH.copy`: the same bytes, as far as they were
 * synced. It is behind, never ahead: a journal that ends before its copy does was cut. Nothing
 * waits for the copy, no sync covers it, and a crash may leave it in any state: it is judged record
 * by record, and counts only where the journal itself is damaged.
 */
#ifndef ENGINE_LOG_JOURNAL_H
#define ENGINE_LOG_JOURNAL_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define JOURNAL_PAYLOAD_BYTES_MAX (64u << 20)
#define JOURNAL_HEADER_BYTES	  16u

struct journal;

/* Creates it when absent (header synced, directory synced). Appends go behind the last whole
 * record. */
int journal_open(const char *path, struct journal **out);
/*
 * The same, with a copy. What a damaged journal lost and the copy has is put back; the damaged file
 * is kept as PATH.damaged.
 */
int journal_open_copied(const char *path, struct journal **out);
/* `copy_path` is the copy from now on; it is made anew if it is not the begin of the journal. */
int journal_keep_copy(struct journal *journal, const char *path, const char *copy_path);
void journal_close(struct journal *journal);
/*
 * Append `count` payloads with one write(2); sequences are given by the caller.
 * On failure the file is cut back to what it was (or, when even that fails,
 * every later append fails): nothing is half there. Copies. Not for several
 * threads at once. ERR_SPACE, ERR_IO; ERR_TOO_LONG: a payload over
 * JOURNAL_PAYLOAD_BYTES_MAX.
 */
struct journal_record {
	uint64_t sequence;
	struct slice payload;
};
int journal_append(struct journal *journal, const struct journal_record *records, size_t count);
/*
 * Everything appended before is durable. A failure poisons the file: it is never
 * retried as if it had worked, and every later append and sync is ERR_IO. May
 * run beside an append of another thread.
 */
int journal_sync(struct journal *journal);
/*
 * Until the next append it has no descriptor, if all of it is durable. Not beside another call.
 * For those of which there are many: a process has a thousand descriptors where nobody raised that.
 */
void journal_rest(struct journal *journal);
/* Of the last whole record, 0 when there is none. */
uint64_t journal_sequence(const struct journal *journal);
uint64_t journal_bytes(const struct journal *journal);

struct journal_damage {
	uint64_t records_lost_min; /* gaps that were jumped over */
	uint64_t bytes_skipped;	   /* in the middle */
	uint64_t tail_bytes;	   /* after the last whole record */
	bool is_short;		   /* no whole header, or it ends before its copy does */
	bool is_mended;		   /* all that is missing came from the copy */
};
/* Is something wrong with it that no crash leaves? */
bool journal_is_damaged(const struct journal_damage *damage);

/*
 * Give every whole record to `each` in order, until it fails. Damage is
 * counted, never an error; a missing file is ERR_NOT_FOUND, if it has no copy either. A torn tail
 * is copied to `path`.torn before journal_open() cuts it off.
 */
int journal_replay(const char *path,
		   int (*each)(void *arg, uint64_t sequence, struct slice payload), void *arg,
		   struct journal_damage *damage);
/*
 * Move the whole records that `leaves` names out of a file that nobody has open: they come to
 * `to`, synced, before the file is written anew without them. `*left` counts them. ERR_NOT_FOUND,
 * ERR_SPACE, ERR_IO: they are where they were.
 */
int journal_divide(const char *path, const char *to, bool (*leaves)(void *arg, uint64_t sequence),
		   void *arg, uint64_t *left);
/* Write it anew with its whole records alone, and those that its copy has. ERR_NOT_FOUND,
 * ERR_SPACE, ERR_IO. */
int journal_mend(const char *path);

#endif
