/*
 * Does what is due by time, in one thread: it looks around each 50 ms, or 20 ms while a caller
 * waits, since libfuse tells of an interrupted request only when it is asked.
 */
#include "fs/requests/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/when.h"
#include "fs/answers/answer.h"
#include "fs/answers/exec.h"
#include "fs/answers/stream.h"
#include "fs/points/scratch.h"
#include "fs/settings/continuous.h"
#include "fs/snapshots/frozen_engine.h"

#define TICK_WAITING_NS (20 * NS_PER_MS)
#define TICK_IDLE_NS	(50 * NS_PER_MS)

struct clock {
	struct mount *mount;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping; /* protected by lock */
	struct job retention;
	atomic_bool retention_runs;
};

/* Writers wait for memory somewhere below its limit: three quarters is where it gets tight. */
static void watch_memory(struct mount *mount)
{
	struct engine_gauges gauges;

	engine_gauges(mount->engine, &gauges);
	atomic_store(&mount->memory_is_tight,
		     gauges.memtable_bytes > (mount->options.memtable_mb << 20) / 4 * 3);
}

/* In a worker: dropping groups waits for locks and for the disk. */
static void run_retention(struct job *job)
{
	struct clock *clock =
		(struct clock *)(void *)((char *)job - offsetof(struct clock, retention));
	size_t dropped = 0;
	int err = engine_retention(clock->mount->engine, &dropped);

	if (err < 0)
		log_error("retention: %s", err_text(err));
	else if (dropped)
		log_info("retention: %zu shard groups dropped", dropped);
	atomic_store(&clock->retention_runs, false);
}

static void start_retention(struct clock *clock)
{
	if (clock->mount->options.read_only || atomic_exchange(&clock->retention_runs, true))
		return;
	clock->retention.run = run_retention;
	pool_submit(clock->mount->workers, &clock->retention);
}

static bool somebody_waits(struct mount *mount)
{
	return answer_has_waiters(mount->answers) || exec_has_waiters() || stream_any();
}

static void sleep_until_tick(struct clock *clock)
{
	struct timespec until;
	int64_t ns = somebody_waits(clock->mount) ? TICK_WAITING_NS : TICK_IDLE_NS;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns += until.tv_nsec;
	until.tv_sec += ns / NS_PER_SECOND;
	until.tv_nsec = ns % NS_PER_SECOND;
	pthread_cond_timedwait(&clock->wake, &clock->lock, &until);
}

static void *work(void *arg)
{
	struct clock *clock = arg;
	struct mount *mount = clock->mount;
	int64_t retention_ns = env_monotonic_ns(), second_ns = 0;

	pthread_mutex_lock(&clock->lock);
	while (!clock->stopping) {
		int64_t now_ns = env_monotonic_ns();

		pthread_mutex_unlock(&clock->lock);
		answer_tick(mount);
		exec_tick(mount);
		stream_tick(mount);
		watch_memory(mount);
		if (now_ns - second_ns >= NS_PER_SECOND) {
			second_ns = now_ns;
			scratch_remind(mount);
			frozen_tick(mount);
			memory_trim_if_due();
		}
		if (now_ns >= retention_ns &&
		    continuous_looked_ns(mount->continuous) >= retention_ns) {
			retention_ns =
				now_ns + (int64_t)mount->options.retention_seconds * NS_PER_SECOND;
			start_retention(clock);
		}
		pthread_mutex_lock(&clock->lock);
		if (!clock->stopping)
			sleep_until_tick(clock);
	}
	pthread_mutex_unlock(&clock->lock);
	return NULL;
}

struct clock *clock_start(struct mount *mount)
{
	struct clock *clock = calloc(1, sizeof(*clock));
	pthread_condattr_t attributes;
	sigset_t all, before;
	int failed;

	if (!clock)
		log_out_of_memory(sizeof(*clock));
	clock->mount = mount;
	pthread_mutex_init(&clock->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&clock->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&clock->thread, NULL, work, clock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		free(clock);
		return NULL;
	}
	pthread_setname_np(clock->thread, "sfs-clock");
	return clock;
}

void clock_stop(struct clock *clock)
{
	pthread_mutex_lock(&clock->lock);
	clock->stopping = true;
	pthread_cond_signal(&clock->wake);
	pthread_mutex_unlock(&clock->lock);
	pthread_join(clock->thread, NULL);
	while (atomic_load(&clock->retention_runs))
		pool_waiting(clock->mount->workers);
	pthread_cond_destroy(&clock->wake);
	pthread_mutex_destroy(&clock->lock);
	free(clock);
}
