/* Rows of a subquery, kept: to the statement around it they are series. */
#ifndef QUERY_INNER_H
#define QUERY_INNER_H

#include "query/run/emit.h"
#include "query/run/feed.h"

struct inner_result;

/*
 * Room for the rows of a subquery: whoever runs its plan gives them to `sink`, then says that they
 * are all there. inner_close() is needed after errors too.
 */
int inner_open(struct plan *plan, struct run *run, struct inner_result **out,
	       struct row_sink *sink);
void inner_finish(struct inner_result *inner);
void inner_close(struct inner_result *inner);
size_t inner_series_count(const struct inner_result *inner);
const struct inner_series *inner_series_at(const struct inner_result *inner, size_t number);

#endif
