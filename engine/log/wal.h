/*
 * The write-ahead log: what was accepted and is in no shard yet.
 *
 *	DATADIR/wal/00000001 00000002 …   segments, each a journal (journal.h)
 *
 * A record is what one write brought for one shard group. All integers are
 * varints, signed ones zigzag, unless a width is told:
 *
 *	record = database | policy | group | arrival: 8
 *	         | masks:   count { series | first | last | sequence (0 = this record's) }
 *	         | mtimes:  count { series | mtime | ctime }
 *	         | layouts: count { fields: count { field | type: 1 } }
 *	         | rows:    count { series | layout | time less that before | value per field }
 *	value  = float: 8 | integer: zigzag | unsigned | boolean: 1 | string: length, bytes
 *
 *
 * or the names of what later records have numbers for (additions: index_tables.h), which the index
 * has as well, and may lose to a power cut:
 *
 *	record = 0 | database | additions
 *
 * A record is whole or not there, so masks and rows of one record take effect
 * together. Sequences count over the life of the data directory.
 */
#ifndef ENGINE_LOG_WAL_H
#define ENGINE_LOG_WAL_H

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/point/row.h"

/* --- a record ---------------------------------------------------------------- */

struct wal_mtime {
	uint32_t series_id;
	int64_t mtime_ns, ctime_ns;
};
struct wal_record {
	uint32_t database_id, policy_id, group_id;
	int64_t arrival_ns;
	const struct mask *masks; /* `since` is the record's own sequence */
	size_t mask_count;
	const struct wal_mtime *mtimes;
	size_t mtime_count;
	const struct layout *const *layouts;
	size_t layout_count;
	const struct memtable_row *rows;
	size_t row_count;
	uint64_t types_epoch; /* of the group, when its types were asked; not in the log */
};
void wal_record_encode(const struct wal_record *record, struct buf *out);
/* Everything it points at lies in `arena` or borrows `payload`. ERR_CORRUPT, ERR_LIMIT. */
int wal_record_decode(struct slice payload, uint64_t sequence, struct arena *arena,
		      struct wal_record *out);

void wal_names_encode(uint32_t database_id, struct slice additions, struct buf *out);
/* False: it is a record of the other kind. `additions` borrows `payload`. */
bool wal_names_decode(struct slice payload, uint32_t *database_id, struct slice *additions);

/* --- the log ------------------------------------------------------------------- */

struct wal;

/*
 * Give every record of every segment to `each` in order (an error from it ends
 * the replay), then open a new segment for appending. Damage is logged and
 * passed over. What `each` gives END for was not taken: it leaves the log for `segment`.torn, so
 * that no later replay meets it. New records come after `sequence`, if the log does not hold later
 * ones. The segments that were there are synced. `dir` is made when absent; it is left alone when
 * `read_only`.
 */
int wal_open(const char *dir, bool read_only, uint64_t sequence,
	     int (*each)(void *arg, uint64_t sequence, struct slice payload), void *arg,
	     struct wal **out);
void wal_close(struct wal *wal);
/* The additions to the index of a database that a log holds, one behind the other. */
int wal_names(const char *dir, uint32_t database_id, struct buf *out);
/* The next sequence, and the record in the file. Any thread; ERR_SPACE, ERR_IO, ERR_READ_ONLY. */
int wal_append(struct wal *wal, struct slice payload, uint64_t *sequence);
/* The last sequence that was given. */
uint64_t wal_sequence(struct wal *wal);
/* What comes next comes after `sequence`, too. */
void wal_pass(struct wal *wal, uint64_t sequence);
/* Everything appended before is durable; callers that come while another syncs share the next one.
 */
int wal_sync(struct wal *wal);
/* Sync, and go on in a new segment, whose number is given. */
int wal_rotate(struct wal *wal, uint64_t *segment);
/*
 * The same in two steps, for a caller that keeps writers out: the first syncs nothing. Once it
 * succeeded, the same thread ends it; in between it takes no lock that is held over a sync.
 */
struct wal_rotation {
	struct journal *full;
	uint64_t segment, sequence;
};
int wal_rotate_begin(struct wal *wal, struct wal_rotation *rotation);
int wal_rotate_end(struct wal *wal, struct wal_rotation *rotation);
/* Links in `dir` to the segments before `segment`; the caller holds trims off. Not synced. */
int wal_link(struct wal *wal, uint64_t segment, const char *dir);
/* Delete the segments before `segment`: everything in them is elsewhere. */
int wal_trim(struct wal *wal, uint64_t segment);
uint64_t wal_bytes(struct wal *wal);
/* A start replays all of it, and opens all of its segments, in no time that a user notices. */
bool wal_is_short(struct wal *wal);

#endif
