/*
 * SHOW and LIST: what exists, as tables. Two families: what the catalog knows
 * (show.c) and what the index knows (show_index.c).
 */
#ifndef QUERY_SHOW_H
#define QUERY_SHOW_H

#include "query/statement/task.h"

/* Runs any SHOW or LIST statement. ERR_INVALID and ERR_NOT_FOUND in InfluxDB's words. */
int show_run(struct task *task);
/* Is it one of them? */
bool show_is(enum statement_kind kind);

/* --- show_index.c: rows of show_run()'s table ------------------------------ */

int show_measurements(struct task *task);
int show_series(struct task *task);
int show_tag_keys(struct task *task);
int show_tag_values(struct task *task);
int show_field_keys(struct task *task);
int show_series_cardinality(struct task *task);
int show_measurement_cardinality(struct task *task);
int show_tag_key_cardinality(struct task *task);
int show_tag_values_cardinality(struct task *task);
int show_field_key_cardinality(struct task *task);
int show_series_old(struct task *task);

#endif
