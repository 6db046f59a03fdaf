/*
 * The statements that change what exists: databases, policies, continuous
 * queries, series and points. Users, grants and subscriptions are refused with
 * what a file system has instead.
 */
#ifndef QUERY_MANAGE_H
#define QUERY_MANAGE_H

#include "query/statement/task.h"

/*
 * Runs it; the answer is empty. Dropping what is not there succeeds, making
 * what is there already does if nothing about it would differ. ERR_INVALID,
 * ERR_NOT_FOUND, ERR_EXISTS in InfluxDB's words; ERR_ACCESS, ERR_NOT_PERMITTED,
 * ERR_SPACE, ERR_IO.
 */
int manage_run(struct task *task);
/* For query_import(). */
int manage_import(struct task *task, struct dump_statement *dump);

/* --- manage_points.c: rows of manage_run()'s table ------------------------- */

int manage_delete(struct task *task);
int manage_drop_series(struct task *task);
int manage_drop_measurement(struct task *task);
int manage_drop_shard(struct task *task);

#endif
