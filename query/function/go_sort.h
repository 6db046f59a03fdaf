/*
 * The order of samples by value, ties included: InfluxDB sorts them unstably,
 * and which of several equal ones it then takes can be seen.
 */
#ifndef QUERY_GO_SORT_H
#define QUERY_GO_SORT_H

#include "query/function/function.h"

/* By value alone, as `sort.Sort` of Go 1.19 leaves them. */
void go_sort_by_value(enum data_type type, struct sample *samples, size_t count);

#endif
