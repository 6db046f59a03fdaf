/*
 * What a removal leaves of types: nothing. DROP MEASUREMENT, DROP SERIES, DELETE and `rm` are
 * masks, and a field whose rows are all masked may come again with another type.
 */
#ifndef ENGINE_WRITE_RETYPE_H
#define ENGINE_WRITE_RETYPE_H

#include <stdbool.h>

#include "engine/memory/live_group.h"

/*
 * Forget the type of a field, unless a row of the group has it. Without the group's lock; rows that
 * the caller has not stored yet are not seen. ERR_CORRUPT, ERR_IO, ERR_MEMORY: not known.
 */
int retype_forget(struct live_group *group, uint32_t measurement_id, uint32_t field_id,
		  bool *forgotten);

#endif
