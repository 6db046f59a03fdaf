/*
 * A recording: every call that changed something below a data directory, in one order over all
 * threads and processes, with its data; and between them the marks of the workload, so that it is
 * known what was acknowledged before which call.
 *
 *	RECORD_LOG=file RECORD_DIR=datadir LD_PRELOAD=record.so program
 *
 *	file = struct record_head | (struct record | payload | padding to 8)*
 *
 * The file is mapped and shared: processes that are started with the same RECORD_LOG, one after
 * the other or together, go on in it. A call is carried out and noted under one lock; a sync is
 * noted when it begins and when it has ended, since what is written meanwhile may not be in it.
 */
#ifndef TESTS_TORTURE_RECORD_H
#define TESTS_TORTURE_RECORD_H

#include <pthread.h>
#include <stdint.h>

#define RECORD_MAGIC UINT64_C(0x31647263736673)
/* Of the file, which is sparse. */
#define RECORD_BYTES_MAX ((uint64_t)256 << 20)

struct record_head {
	uint64_t magic;
	uint64_t bytes; /* used, this head too; protected by lock */
	uint64_t count; /* protected by lock */
	uint64_t syncs; /* protected by lock; numbers syncs */
	uint64_t overflow;
	uint64_t root; /* st_ino of the data directory */
	pthread_mutex_t lock;
};

enum record_kind {
	RECORD_OPEN = 1,   /* path; a = 1 made, 2 cut to nothing */
	RECORD_WRITE,	   /* bytes; a = offset */
	RECORD_TRUNCATE,   /* a = size */
	RECORD_RENAME,	   /* path NUL path */
	RECORD_LINK,	   /* path NUL path */
	RECORD_UNLINK,	   /* path */
	RECORD_MKDIR,	   /* path */
	RECORD_RMDIR,	   /* path */
	RECORD_SYNC_BEGIN, /* a = its number */
	RECORD_SYNC_END,   /* a = its number, b = 1 when it succeeded */
	RECORD_MARK,	   /* text of the workload */
	RECORD_STRANGE,	   /* text: something was done that the recorder cannot follow */
};

/* Paths are relative to the data directory, "" being itself. */
struct record {
	uint32_t bytes; /* of the payload */
	uint32_t kind;
	uint64_t file; /* st_ino of the file or directory, 0 = by path */
	uint64_t a, b;
};

/* What record.so gives a workload (dlsym). */
typedef void record_mark_function(const char *text, uint64_t bytes);

#endif
