/* Rows as they are accepted: which fields they have, in one order, and their values. */
#ifndef ENGINE_POINT_ROW_H
#define ENGINE_POINT_ROW_H

#include "engine/point/value.h"

struct layout_field {
	uint32_t field_id;
	uint32_t type; /* enum value_type */
};
struct layout {
	uint32_t field_count;
	struct layout_field fields[];
};

struct memtable_row {
	uint32_t series_id;
	uint32_t layout; /* index in `layouts` */
	int64_t time_ns;
	const union value *values; /* as many as the layout has fields */
};

/* A deletion: rows of a series in a closed range of times are gone. */
struct mask {
	uint32_t series_id;
	int64_t time_first_ns, time_last_ns;
	uint64_t sequence; /* hides rows at or before it */
	uint64_t since;	   /* the record that asked for it */
};

#endif
