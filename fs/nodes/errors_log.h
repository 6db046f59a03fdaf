/*
 * `errors`: what was refused, and why, newest last; one log for each database
 * and one for the mount itself.
 *
 *	2026-11-22T10:00:00Z mydb/write line 3: missing fields
 *		cpu,host=a
 *		          ^
 *
 * A log grows to ERRORS_BYTES_MAX, then starts anew; the same text comes at
 * most once a second, and the next entry of it says how many were left out.
 * Not kept over a remount.
 */
#ifndef FS_NODES_ERRORS_LOG_H
#define FS_NODES_ERRORS_LOG_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define ERRORS_BYTES_MAX      ((size_t)1 << 20)
#define ERRORS_LINE_BYTES_MAX 200

struct errors_log;

struct errors_log *errors_log_new(void);
void errors_log_free(struct errors_log *log);

/*
 * Which readers of the file see an entry: the caller that it is about, and unless it is private
 * every reader that may read the object.
 */
struct error_rights {
	bool is_private; /* for the caller and the owner of the mount */
	bool has_uid;	 /* the caller is known */
	uint32_t uid;
	uint32_t object_id; /* a policy or a continuous query; 0 = none */
};
typedef bool errors_may(void *arg, const struct error_rights *rights);

struct error_entry {
	struct slice file;    /* as a path below the mount point */
	uint64_t line_number; /* in this open file, from 1; 0 = none */
	int err;
	const struct diag *diag;
	struct slice text; /* the line or query; may be empty */
	struct error_rights rights;
};
/*
 * What the engine tells the operator as an error, damage above all, is told in the mount's own log,
 * too: also what it told before. errors_log_free() ends it.
 */
void errors_log_hear(struct errors_log *log);
/* database_id 0 = the mount's own. */
void errors_log_tell(struct errors_log *log, uint32_t database_id, const struct error_entry *entry);

/* How much of it a reader sees, and when the last entry of that came (0 = never). */
struct errors_stat {
	uint64_t bytes;
	int64_t time_ns;
};
struct errors_stat errors_log_stat(struct errors_log *log, uint32_t database_id, errors_may *may,
				   void *arg);
/* What is hidden from the reader has no bytes: offsets are those of what it sees. */
void errors_log_read(struct errors_log *log, uint32_t database_id, errors_may *may, void *arg,
		     uint64_t offset, size_t length, struct buf *out);
void errors_log_clear(struct errors_log *log, uint32_t database_id);

#endif
