/* One value of an answer. */
#ifndef QUERY_CELL_H
#define QUERY_CELL_H

#include <stdint.h>

#include "engine/base/slice.h"

enum cell_type {
	CELL_NULL,
	CELL_TIME, /* i: ns; printed as RFC 3339 or by epoch. Only ever the first column. */
	CELL_FLOAT,
	CELL_INTEGER,
	CELL_UNSIGNED,
	CELL_STRING,
	CELL_BOOLEAN,
};

struct cell {
	enum cell_type type;
	union {
		double f;
		int64_t i;
		uint64_t u;
		bool b;
		struct slice s;
	};
};

#endif
