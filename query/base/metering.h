/*
 * The memory of a query: all that its threads allocate, against its own limit and that of all
 * queries together.
 */
#ifndef QUERY_METERING_H
#define QUERY_METERING_H

#include "engine/base/memory.h"
#include "query/base/request.h"

struct metering {
	struct memory_meter meter;
	struct memory_meter *before; /* of the thread */
};

/* ERR_MEMORY: there is too little to begin anything; then nothing is to be ended. */
int metering_begin(struct metering *metering, const struct query_env *env, struct diag *diag);
/* All of it was given back. Gives `err`, or what it really was. */
int metering_end(struct metering *metering, int err, struct diag *diag);
/* OK, ERR_LIMIT or ERR_MEMORY, with words. Cheap: for loops. */
int query_memory(const struct query_env *env, struct diag *diag);
/* What all queries that run now have allocated. */
uint64_t query_memory_bytes(void);

#endif
