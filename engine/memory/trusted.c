/*
 * The clock that retention goes by, which no jump of the wall clock moves.
 *
 *	now = the wall clock, but at most the newest of
 *	        what it was at the end of the last run + the time that went by since
 *	        the newest time of a point that was written in this run, and not made of others
 *
 * A wall clock that is ahead (a bad battery, a year typed wrong) would drop everything at once. How
 * long a rest was is known until the machine boots; over a boot the time of it counts as none, and
 * nothing is dropped before a point of today has come. While the clock stands years beyond all that
 * is stored (arrivals.c) retention rests. When the wall clock jumps, times of points tell nothing,
 * since some were its own. Where it has stood for an hour it was put right, as it is at each start
 * of a machine without a clock of its own.
 */
#include "engine/memory/trusted.h"

#include <stdatomic.h>
#include <stdio.h>

#include "engine/base/env.h"
#include "engine/base/when.h"

/* More than what keeps a clock right. */
#define JUMP_NS	     (60 * NS_PER_SECOND)
#define JUMP_REST_NS (3600 * NS_PER_SECOND)

static int64_t wall_offset(void)
{
	return env_now_ns() - env_elapsed_ns();
}

void trusted_print(const struct trusted *trusted, struct buf *out)
{
	buf_printf(out, " %lld %llu %lld", (long long)trusted_now(trusted),
		   (unsigned long long)env_boot_id(), (long long)env_boot_ns());
}

void trusted_read(struct trusted *trusted, const char *text)
{
	long long trusted_ns, boot_ns;
	unsigned long long boot_id;
	int count = sscanf(text, " %lld %llu %lld", &trusted_ns, &boot_id, &boot_ns);

	if (count < 1)
		return; /* of a version that did not keep it */
	trusted->at_ns = trusted_ns;
	if (count == 3 && boot_id != 0 && boot_id == env_boot_id() && boot_ns <= env_boot_ns())
		trusted->at_ns += env_boot_ns() - boot_ns;
}

void trusted_open(struct trusted *trusted, int64_t arrival_ns)
{
	if (!trusted->at_ns) /* a new directory, or one of a version that did not keep it */
		trusted->at_ns = arrival_ns;
	if (!trusted->at_ns)
		trusted->at_ns = env_now_ns();
	trusted->elapsed_ns = env_elapsed_ns();
	trusted->offset_ns = wall_offset();
}

void trusted_set_now(struct trusted *trusted)
{
	/* In this order: between the two a reader finds an earlier time, never a later one. */
	atomic_store(&trusted->elapsed_ns, env_elapsed_ns());
	atomic_store(&trusted->at_ns, env_now_ns());
	atomic_store(&trusted->offset_ns, wall_offset());
}

static bool is_jump(int64_t from_ns, int64_t to_ns)
{
	return to_ns - from_ns > JUMP_NS || to_ns - from_ns < -JUMP_NS;
}

/* Does the wall clock stand where it did, or where it now is for long? */
static bool wall_stands(struct trusted *trusted)
{
	int64_t offset_ns = wall_offset(), now_ns = env_elapsed_ns();

	if (!is_jump(trusted->offset_ns, offset_ns))
		return true;
	if (is_jump(trusted->jumped_offset_ns, offset_ns)) {
		trusted->jumped_offset_ns = offset_ns;
		trusted->jumped_ns = now_ns;
	}
	if (now_ns - trusted->jumped_ns < JUMP_REST_NS)
		return false;
	trusted->offset_ns = trusted->jumped_offset_ns;
	return true;
}

bool trusted_wants(struct trusted *trusted, int64_t time_ns)
{
	return time_ns > atomic_load(&trusted->newest_ns) && wall_stands(trusted);
}

void trusted_note(struct trusted *trusted, int64_t time_ns)
{
	int64_t known_ns = atomic_load(&trusted->newest_ns);

	while (time_ns > known_ns &&
	       !atomic_compare_exchange_weak(&trusted->newest_ns, &known_ns, time_ns))
		;
}

int64_t trusted_now(const struct trusted *trusted)
{
	int64_t trusted_ns = trusted->at_ns + (env_elapsed_ns() - trusted->elapsed_ns);
	int64_t newest_ns = atomic_load(&trusted->newest_ns), wall_ns = env_now_ns();

	trusted_ns = newest_ns > trusted_ns ? newest_ns : trusted_ns;
	return wall_ns < trusted_ns ? wall_ns : trusted_ns;
}
