/* Times as InfluxQL writes them in quotes. */
#ifndef QUERY_TIME_TEXT_H
#define QUERY_TIME_TEXT_H

#include "engine/base/err.h"
#include "query/base/zone.h"

/* Does it begin like a date? Then it is a time to InfluxDB, or a mistake. */
bool time_text_is(struct slice text);
/* False: it is none. Wide: a date of the year 2300 is told as that date when it is refused. */
bool time_text_read(struct slice text, const struct zone *zone, __int128 *ns);
/* ERR_INVALID `invalid timestamp string`; ERR_RANGE: it does not fit. */
int time_text_parse(struct slice text, const struct zone *zone, int64_t *time_ns,
		    struct diag *diag);

#endif
