/*
 * Continuous queries of the mount: the grouped ones run when they are due
 * (query/continuous/runner.h), writes feed the others (fanout.h). Each may do
 * what the owner of its file may, and what it was refused is told in `errors`.
 */
#ifndef FS_SETTINGS_CONTINUOUS_H
#define FS_SETTINGS_CONTINUOUS_H

#include "fs/nodes/mount.h"
#include "fs/nodes/page_words.h"

struct continuous;

/* Read-only mounts have none. NULL: no thread could be made. */
struct continuous *continuous_start(struct mount *mount);
/* No run is under way, and none begins, when it returns; feeding goes on. NULL is fine. */
void continuous_cancel(struct continuous *continuous);
/* After continuous_cancel(), and when all writes have ended. NULL is fine. */
void continuous_stop(struct continuous *continuous);

/* Everything that is due, and all backfill, done when it returns: for ctl. */
void continuous_run_now(struct continuous *continuous);

/*
 * When (monotonic) the last look began at whose end everything due was run, or met an error.
 * Retention waits for one: after a rest it must not drop what results are still to be made of.
 * NULL: always.
 */
int64_t continuous_looked_ns(const struct continuous *continuous);

/* A line each, for `status` and `metrics`. NULL prints nothing. */
void continuous_print_status(struct continuous *continuous, const struct page_reader *reader,
			     struct buf *out);
void continuous_print_metrics(struct continuous *continuous, const struct page_reader *reader,
			      struct buf *out);

#endif
