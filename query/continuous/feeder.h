/*
 * An ungrouped continuous query, opened for one thread: rows in, points of its targets out.
 *
 * Belongs to one thread at a time. Remembers series and layouts over calls, so that the next batch
 * of the same series costs a hash and a line a row.
 */
#ifndef QUERY_FEEDER_H
#define QUERY_FEEDER_H

#include "engine/engine.h"
#include "query/continuous/fanout.h"

struct feeder;

/*
 * Borrows both. Below 0, too, `*out` is to be closed, and feeder_diag() tells why: ERR_INVALID, and
 * what the catalog and the rights of the query's owner give.
 */
int feeder_open(const struct fanout_options *options, const struct object *query,
		struct feeder **out);
void feeder_close(struct feeder *feeder);
/* Every row that is of a source and meets WHERE, into the targets. Below 0 it is to be closed. */
int feeder_feed(struct feeder *feeder, const struct stored *stored);

/* Points written so far. */
uint64_t feeder_written(const struct feeder *feeder);
/* Did a target refuse points since the last call? Below 0: why. */
int feeder_refused(struct feeder *feeder, struct diag *diag);
struct diag *feeder_diag(struct feeder *feeder);

#endif
