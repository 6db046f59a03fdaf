/* A time that groups may be dropped by: at most what the wall clock shows (trusted.c). */
#ifndef ENGINE_MEMORY_TRUSTED_H
#define ENGINE_MEMORY_TRUSTED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"

struct trusted {
	_Atomic int64_t at_ns, elapsed_ns;	     /* what it was, and when */
	_Atomic int64_t offset_ns;		     /* of the wall clock then */
	_Atomic int64_t jumped_offset_ns, jumped_ns; /* where the wall clock jumped to, and when */
	_Atomic int64_t newest_ns;		     /* time of a point of this run */
};

int64_t trusted_now(const struct trusted *trusted);
/* What of it is kept: appended to the first line of the text `clock`. */
void trusted_print(const struct trusted *trusted, struct buf *out);
/* Before trusted_open(). */
void trusted_read(struct trusted *trusted, const char *text);
/* Where nothing was kept it begins with the last arrival. */
void trusted_open(struct trusted *trusted, int64_t arrival_ns);
/* A person says that the wall clock is right. */
void trusted_set_now(struct trusted *trusted);
/* Would a point of that time move it? Not while the wall clock has jumped: it may be its own. */
bool trusted_wants(struct trusted *trusted, int64_t time_ns);
/* A point of that time was written, and not made of others. */
void trusted_note(struct trusted *trusted, int64_t time_ns);

#endif
