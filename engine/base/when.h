/*
 * Times and durations: int64 nanoseconds since 1970-01-01T00:00:00Z, proleptic
 * Gregorian, no leap seconds.
 */
#ifndef ENGINE_BASE_WHEN_H
#define ENGINE_BASE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/slice.h"

#define NS_PER_US     INT64_C(1000)
#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MINUTE (60 * NS_PER_SECOND)
#define NS_PER_HOUR   (60 * NS_PER_MINUTE)
#define NS_PER_DAY    (24 * NS_PER_HOUR)
#define NS_PER_WEEK   (7 * NS_PER_DAY)

/* The ends of valid time, as InfluxDB's. */
#define TIME_MIN_NS (-INT64_C(9223372036854775806))
#define TIME_MAX_NS INT64_C(9223372036854775806)

struct civil {
	int64_t year;
	int month, day, hour, minute, second; /* month and day from 1 */
	int nanosecond;
};

int64_t days_from_civil(int64_t year, int month, int day);
int days_in_month(int64_t year, int month);
/* Seconds may be far outside the ns range (group windows). */
struct civil civil_of_seconds(int64_t seconds);

/* Floor division and its remainder (never negative). `step` > 0. */
int64_t floor_div(int64_t a, int64_t step);
int64_t floor_mod(int64_t a, int64_t step);

/* RFC 3339, UTC, nanoseconds trimmed as Go does: 2016-01-01T00:00:00.5Z. At most 35 bytes. */
size_t when_print(char *out, int64_t time_ns);
#define WHEN_BYTES_MAX 40
/* The same with an offset from UTC in seconds, 0 printing as Z. */
size_t when_print_offset(char *out, int64_t time_ns, int32_t offset_seconds);

/*
 * RFC 3339 (2026-11-22T10:00:00[.frac](Z|+hh:mm)). ERR_INVALID when it is not
 * one, ERR_RANGE when the ns do not fit.
 */
int when_parse_rfc3339(struct slice text, int64_t *time_ns);

/* Units of time by name. Which of them is taken where is as in InfluxDB. */
enum unit_user {
	UNIT_DURATION = 1,  /* 5m in a query or a policy: w d h m s ms u µ ns */
	UNIT_LINE = 2,	    /* behind the time of a line: h m s ms us u ns */
	UNIT_PRECISION = 4, /* of a write: h m s ms us u µ ns n */
	UNIT_EPOCH = 8,	    /* of an answer: h m s ms u ns */
	UNIT_ALL = UNIT_DURATION | UNIT_LINE | UNIT_PRECISION | UNIT_EPOCH,
};
/* Its nanoseconds; 0: there is none of that name here. */
int64_t unit_find(struct slice name, enum unit_user user);
/* The longest unit that the text begins with, and its length; 0: it begins with none. */
int64_t unit_begins(struct slice text, enum unit_user user, size_t *length);

/*
 * A duration in InfluxQL's spelling: 90s prints as 90s, 120s as 2m, 7d as 1w
 * (the largest of w d h m s ms u ns that divides exactly), 0 as 0s.
 */
size_t duration_print(char *out, int64_t ns);
/* Go's spelling, for SHOW RETENTION POLICIES: 168h0m0s, 0s, 1.5s, 1h0m0s. */
size_t duration_print_go(char *out, int64_t ns);
#define DURATION_BYTES_MAX 40
/* 1h30m, 5s, 10ms, 1u, 1µ, 1ns, 0s. ERR_INVALID / ERR_RANGE. Without a sign. */
int duration_parse(struct slice text, int64_t *ns);

#endif
