/* Lines and points to rows of groups. */
#ifndef ENGINE_WRITE_WRITER_H
#define ENGINE_WRITE_WRITER_H

#include <stdbool.h>

#include "engine/base/err.h"
#include "engine/names/catalog.h"
#include "engine/names/index.h"
#include "engine/point/line.h"
#include "engine/point/row.h"

struct engine;
struct writer;

enum write_scope {
	WRITE_ANY_SERIES, /* mydb/write, RP/.write */
	WRITE_ONE_SERIES, /* a series file: its key only; short forms are taken */
};

struct writer_options {
	uint32_t database_id;
	uint32_t policy_id; /* 0 = the default policy, autogen made when there is none */
	uint32_t group_id;  /* 0 = any window; else points outside it are ERR_RANGE */
	enum write_scope scope;
	uint32_t series_id; /* of WRITE_ONE_SERIES, when it exists already; else ID_NONE and: */
	struct slice series_key; /* canonical key (line_print_key); copied */
	int64_t time_unit_ns;	 /* of bare timestamps; 0 = 1 */
	size_t line_bytes_max;	 /* of a line that writer_write takes; 0 = LINE_BYTES_MAX */
	bool skip;		 /* bad lines are told to on_bad and passed over */
	bool feeds_nothing;	 /* engine_set_feed's function does not see the points */
	bool is_derived;	 /* made of other points: their times tell retention nothing */
	struct attrs attrs;	 /* for a policy or group that has to be made: mode, uid, gid */
	/* Called for each line passed over with `skip`. */
	void (*on_bad)(void *arg, int err, const struct diag *diag, struct slice line);
	void *on_bad_arg;
};

int writer_open(struct engine *engine, const struct writer_options *options, struct writer **out);
void writer_close(struct writer *writer);
/*
 * Store the complete lines at the start of `text`; belongs to one thread at a
 * time. `*consumed` tells the bytes of them (blank and comment lines count),
 * which are in the log and visible to every later open when this returns.
 * OK: all complete lines were stored; what is left, if anything, is the
 * unfinished last line. With `final` the last line needs no newline.
 * Below 0: the line at `*consumed` was refused and nothing from it on was
 * taken; diag tells line (counted from 1 within `text`), column, reason.
 *   ERR_INVALID bad line, ERR_TYPE, ERR_RANGE, ERR_TOO_LONG, ERR_LIMIT,
 *   ERR_SPACE, ERR_IO, ERR_STALE (the database or policy was dropped)
 */
int writer_write(struct writer *writer, struct slice text, bool final, size_t *consumed,
		 uint64_t *lines, struct diag *diag);
/*
 * The same from points that are no text: stores all of them, or those before the
 * one that is refused (with `skip`, on_bad gets its key). Everything is borrowed
 * for the call; strings lie anywhere. A field stands once in a point.
 */
struct new_point {
	struct slice key; /* as line protocol spells it */
	struct line_field *fields;
	size_t field_count; /* at least 1 */
	int64_t time_ns;
};
int writer_put(struct writer *writer, const struct new_point *points, size_t count,
	       struct diag *diag);

/*
 * Rows that a writer has just stored, and that are visible: for those who make
 * other points of them. Alive during the call.
 */
struct stored {
	uint32_t database_id, policy_id;
	struct index *index;
	const struct memtable_row *rows;
	size_t row_count;
	const struct layout *const *layouts; /* each of one measurement */
	size_t layout_count;
};
/*
 * Called without a lock, in order, before writer_write() returns, though not always in its thread;
 * may write to the engine itself, with `feeds_nothing`. False: nobody is fed at all. Set while
 * nobody writes.
 */
typedef bool engine_feed(void *arg, const struct stored *stored);
void engine_set_feed(struct engine *engine, engine_feed *feed, void *arg);

/*
 * Replace what a series had in a group up to sequence `cut` (engine_cut) with
 * the points of `text` (complete lines of that series only), atomically.
 */
int engine_series_replace(struct engine *engine, const struct writer_options *options, uint64_t cut,
			  struct slice text, struct diag *diag);

#endif
