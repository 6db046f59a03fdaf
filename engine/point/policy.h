/*
 * Retention policies' settings, and their text in `.policy`:
 *
 *	duration 30d
 *	shard_duration 1d
 *	shards 1
 *	replication 1
 *	default true
 */
#ifndef ENGINE_POINT_POLICY_H
#define ENGINE_POINT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define POLICY_SHARDS_MAX 64u

struct policy_settings {
	int64_t duration_ns;	   /* 0 = for ever */
	int64_t shard_duration_ns; /* whole hours */
	uint32_t shards;	   /* LevelDB instances per group */
	uint32_t replication;
	bool is_default;
};

/* Kept for ever, in groups of a week; not the default policy. */
struct policy_settings policy_defaults(void);
/* The defaults that InfluxDB takes: 1h below 2d, 1d below 180d, else 7d. */
int64_t policy_default_shard_duration(int64_t duration_ns);
/*
 * Are these settings possible? ERR_INVALID in InfluxDB's words: a duration
 * under 1h, a shard duration that is not whole hours or longer than the
 * duration, shards or replication 0 or too many.
 */
int policy_check(const struct policy_settings *settings, struct diag *diag);
/* The five lines of `.policy`. */
void policy_print(struct buf *out, const struct policy_settings *settings);
/*
 * Apply lines of `key value` to `settings`: all or nothing. Keys that are not
 * there keep their value, but for a shard duration that is 0 or that a shorter
 * duration leaves too long: it becomes the default. ERR_INVALID with the line and what
 * was expected: unknown key, value that is none, and what policy_check() says.
 */
int policy_parse(struct slice text, struct policy_settings *settings, struct diag *diag);

#endif
