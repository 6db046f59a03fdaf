/* A pass over all series of a group, by as many threads as have time. */
#ifndef QUERY_SHARE_H
#define QUERY_SHARE_H

#include "query/run/aggregate.h"

/* May several threads read for it, each a series or a group? */
bool share_is_safe(const struct plan *plan);
/* aggregate_close() is needed after errors too. */
int share_run(const struct aggregate_spec *spec, struct aggregate **out);

#endif
