/*
 * One file being written: whole lines go on, the unfinished one waits for its
 * rest. Pure: where lines go and who is told is the owner's business.
 *
 *	request 1   cpu v=1⏎cpu v=        stored: 1 line, waits: `cpu v=`
 *	request 2   2⏎garbage⏎cpu v=3⏎    stored: 1 line, answer: 2 bytes taken
 *	request 3   garbage⏎cpu v=3⏎      answer: EINVAL, nothing waits
 *
 * The offset of a write means nothing (two appenders start at the same one):
 * a handle is a stream. It is used only to see that the kernel cut one
 * write(2) into several requests.
 */
#ifndef FS_POINTS_INGEST_H
#define FS_POINTS_INGEST_H

#include <pthread.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "fs/nodes/budget.h"

struct ingest_owner {
	/* As writer_write() (engine.h). */
	int (*store)(void *arg, struct slice text, bool final, size_t *consumed, uint64_t *lines,
		     struct diag *diag);
	/* A line that was refused, or at the end one that never was whole. */
	void (*tell)(void *arg, int err, const struct diag *diag, uint64_t line_number,
		     struct slice line);
	void *arg;
	/* A duplicate was closed and no line waits. NULL: nothing is to be done then. */
	int (*whole)(void *arg);
};

struct ingest {
	struct ingest_owner owner;
	size_t line_bytes_max;
	struct budget *budget; /* of the unfinished line; may be NULL */
	pthread_mutex_t lock;
	/* protected by lock */
	struct buf tail;       /* the unfinished line */
	size_t held;	       /* as the budget counts it */
	uint64_t line_count;   /* whole lines that went before the tail */
	bool has_begun;	       /* a line was stored or refused: no byte order mark comes any more */
	int failure;	       /* what the next write answers; 0 = nothing */
	uint64_t request_end;  /* offset behind the last request */
	size_t request_length; /* of the last request */
};

void ingest_init(struct ingest *ingest, const struct ingest_owner *owner, size_t line_bytes_max);
void ingest_release(struct ingest *ingest);

/*
 * Take `text`. OK: `*taken` bytes of it are stored or wait (fewer than all when
 * a bad line stands behind them: the next call fails). Below 0: nothing of it
 * was taken and nothing waits.
 */
int ingest_write(struct ingest *ingest, struct slice text, uint64_t offset, size_t *taken);
/* A duplicate was closed: store the unfinished line if it parses, else keep it and say why not. */
int ingest_flush(struct ingest *ingest);
/* Closed for good: tell of a line that never became whole. */
void ingest_finish(struct ingest *ingest);
/* Number of whole lines before the ones being stored, for a message from within store(). */
uint64_t ingest_lines_before(const struct ingest *ingest);

#endif
