/*
 * One thread runs all continuous queries, shorter intervals first: so 1h reads what 1m has just
 * written, and two runs never meet in one target.
 */
#include "query/continuous/runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "query/continuous/rollup.h"

#define TICK_NS (100 * NS_PER_MS)
/* A new query is looked at after this: a restore sets the mtime right behind the text. */
#define SETTLE_NS (300 * NS_PER_MS)
/* What has run is kept at most so often. */
#define KEEP_NS		 (2 * NS_PER_SECOND)
#define BACKFILL_REST_NS (60 * NS_PER_SECOND)
/* Windows that a run makes up for. */
#define CATCH_UP_WINDOWS INT64_C(100000)
#define KEPT_NAME	 "continuous"

/* What outlives the mount. */
struct progress {
	uint32_t id; /* of the object */
	uint64_t text_hash;
	int64_t last_run_ns;			    /* everything up to this boundary was run */
	int64_t backfill_start_ns, backfill_end_ns; /* what is left; empty = nothing */
	uint64_t written;
};

struct entry {
	struct object object;
	struct slice database; /* its name */
	uint32_t database_id;
	struct rollup *rollup; /* NULL: the text cannot be run */
	int64_t seen_ns;       /* monotonic; 0 once it is settled */
	struct progress progress;
	int64_t tried_ns;	   /* last_run_ns, or a later boundary whose run failed */
	int64_t ran_ns;		   /* when the last run ended; 0 = none did */
	int64_t backfill_rests_ns; /* monotonic: a part failed, which is tried again then */
	int err;
	struct diag diag;
};

struct runner {
	struct runner_options options;
	struct catalog *catalog;
	pthread_t thread;
	pthread_cond_t wake;
	pthread_mutex_t run_lock; /* one runner at a time; before `lock` */
	pthread_mutex_t lock;
	bool stopping;		/* protected by lock */
	struct entry **entries; /* changed under both locks; by interval, then age */
	size_t entry_count;
	struct progress *kept; /* of the last mount */
	size_t kept_count;
	uint64_t catalog_version;
	_Atomic int64_t looked_ns; /* monotonic */
	bool is_changed;	   /* since it was kept */
	int64_t kept_ns;	   /* monotonic */
	atomic_bool cancelled;
};

static void tell_entry(struct runner *runner, struct entry *entry, int err, const struct diag *diag)
{
	pthread_mutex_lock(&runner->lock);
	entry->err = err;
	entry->diag = *diag;
	pthread_mutex_unlock(&runner->lock);
	runner->options.tell(runner->options.arg, &entry->object, err, diag);
}

/* --- who asks ---------------------------------------------------------------- */

struct asker {
	struct runner *runner;
	const struct entry *entry;
};

/* A query may do in other databases, and read of policies, what the owner of its file may. */
static int check_entry(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	const struct asker *asker = arg;
	const struct runner_options *options = &asker->runner->options;

	if (database_id == asker->entry->database_id && !policy_id)
		return OK;
	return options->check(options->arg, &asker->entry->object,
			      policy_id ? policy_id : database_id, write);
}

static struct query_env env_of(struct runner *runner, const struct asker *asker)
{
	struct query_env env = { .engine = runner->options.engine,
				 .database_id = asker->entry->database_id,
				 .access = { check_entry, (void *)asker },
				 .limits = runner->options.limits,
				 .cancelled = &runner->cancelled };
	struct object database;

	if (catalog_get(runner->catalog, env.database_id, &database) == OK)
		env.access.attrs = (struct attrs){ .mode = database.attrs.mode,
						   .uid = database.attrs.uid,
						   .gid = database.attrs.gid };
	return env;
}

/* --- what has run -------------------------------------------------------------- */

/* ID HASH LAST_RUN BACKFILL_START BACKFILL_END WRITTEN, a line each. */
static void read_kept(struct runner *runner)
{
	struct buf text = { 0 };
	const char *p;
	unsigned long long hash, written;
	long long last, start, end;
	unsigned id;
	int length;

	if (engine_kept(runner->options.engine, KEPT_NAME, &text) < 0)
		return;
	for (p = buf_text(&text); sscanf(p, "%u %llu %lld %lld %lld %llu\n%n", &id, &hash, &last,
					 &start, &end, &written, &length) == 6;
	     p += length) {
		runner->kept =
			reallocarray(runner->kept, runner->kept_count + 1, sizeof(*runner->kept));
		if (!runner->kept)
			log_out_of_memory(sizeof(*runner->kept));
		runner->kept[runner->kept_count++] =
			(struct progress){ id, hash, last, start, end, written };
	}
	buf_release(&text);
}

/* The points come first: what is kept must not be ahead of them after a power loss. */
static void keep(struct runner *runner)
{
	struct buf text = { 0 };
	int err = engine_sync(runner->options.engine);

	for (size_t i = 0; i < runner->entry_count; i++) {
		const struct progress *progress = &runner->entries[i]->progress;

		if (!runner->entries[i]->seen_ns)
			buf_printf(&text, "%u %llu %lld %lld %lld %llu\n", progress->id,
				   (unsigned long long)progress->text_hash,
				   (long long)progress->last_run_ns,
				   (long long)progress->backfill_start_ns,
				   (long long)progress->backfill_end_ns,
				   (unsigned long long)progress->written);
	}
	if (err >= 0)
		err = engine_keep(runner->options.engine, KEPT_NAME, buf_slice(&text));
	if (err < 0)
		log_error("continuous queries: what has run could not be kept: %s", err_text(err));
	buf_release(&text);
	runner->kept_ns = env_monotonic_ns();
	runner->is_changed = err < 0;
}

static void keep_sometimes(struct runner *runner)
{
	if (runner->is_changed && env_monotonic_ns() - runner->kept_ns >= KEEP_NS)
		keep(runner);
}

/* --- the list ------------------------------------------------------------------ */

static bool is_same_text(const struct object *a, const struct object *b)
{
	return a->id == b->id && slice_equal(a->payload, b->payload);
}

static void entry_free(struct entry *entry)
{
	rollup_close(entry->rollup);
	free(entry);
}

static void restore_progress(struct runner *runner, struct entry *entry)
{
	struct progress *progress = &entry->progress;

	progress->id = entry->object.id;
	progress->text_hash = hash_bytes(entry->object.payload);
	for (size_t i = 0; i < runner->kept_count; i++)
		if (runner->kept[i].id == progress->id &&
		    runner->kept[i].text_hash == progress->text_hash) {
			*progress = runner->kept[i];
			entry->seen_ns = 0;
		}
	entry->tried_ns = progress->last_run_ns;
}

static struct entry *entry_new(struct runner *runner, const struct object *object,
			       const struct object *database)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	struct asker asker = { runner, entry };
	struct query_env env;

	if (!entry)
		log_out_of_memory(sizeof(*entry));
	entry->object = *object;
	entry->database = database->name;
	entry->database_id = database->id;
	entry->seen_ns = env_monotonic_ns();
	restore_progress(runner, entry);
	env = env_of(runner, &asker);
	entry->err = rollup_open(&env, object->payload, &entry->rollup, &entry->diag);
	if (entry->err < 0)
		runner->options.tell(runner->options.arg, object, entry->err, &entry->diag);
	return entry;
}

static struct entry *take_known(struct runner *runner, const struct object *object,
				const struct object *database)
{
	for (size_t i = 0; i < runner->entry_count; i++) {
		struct entry *entry = runner->entries[i];

		if (!entry || !is_same_text(&entry->object, object))
			continue;
		runner->entries[i] = NULL;
		entry->object = *object;
		entry->database = database->name;
		return entry;
	}
	return NULL;
}

struct entry_list {
	struct entry **entries;
	size_t count;
};

static void list_queries(struct runner *runner, const struct object *database,
			 struct entry_list *list)
{
	struct catalog *catalog = runner->catalog;
	struct object directory, *objects;
	size_t count;

	if (catalog_find(catalog, database->id, SLICE("continuous"), &directory) < 0 ||
	    catalog_list(catalog, directory.id, OBJECT_CONTINUOUS_QUERY, &objects, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = take_known(runner, &objects[i], database);

		list->entries =
			reallocarray(list->entries, list->count + 1, sizeof(*list->entries));
		if (!list->entries)
			log_out_of_memory(list->count * sizeof(*list->entries));
		list->entries[list->count++] =
			entry ? entry : entry_new(runner, &objects[i], database);
	}
	free(objects);
}

static int64_t interval_of(const struct entry *entry)
{
	const struct schedule *schedule = entry->rollup ? rollup_schedule(entry->rollup) : NULL;

	return schedule ? window_length_ns(&schedule->window) : 0;
}

/* Shorter intervals first: the longer ones may read what they write. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = *(struct entry *const *)a, *right = *(struct entry *const *)b;
	int64_t left_ns = interval_of(left), right_ns = interval_of(right);

	if (left_ns != right_ns)
		return left_ns < right_ns ? -1 : 1;
	return left->object.id < right->object.id ? -1 : left->object.id > right->object.id;
}

static void replace_list(struct runner *runner, struct entry_list *list)
{
	for (size_t i = 0; i < runner->entry_count; i++)
		if (runner->entries[i]) {
			entry_free(runner->entries[i]);
			runner->is_changed = true;
		}
	free(runner->entries);
	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), compare_entries);
	runner->entries = list->entries;
	runner->entry_count = list->count;
}

static void refresh(struct runner *runner)
{
	struct catalog *catalog = runner->catalog;
	uint64_t version = catalog_version(catalog);
	struct entry_list list = { 0 };
	struct object *databases;
	size_t count;

	if (version == runner->catalog_version ||
	    catalog_list(catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count) < 0)
		return;
	pthread_mutex_lock(&runner->lock);
	for (size_t i = 0; i < count; i++)
		list_queries(runner, &databases[i], &list);
	replace_list(runner, &list);
	pthread_mutex_unlock(&runner->lock);
	runner->catalog_version = version;
	/* Of the queries that the start found. A later one is new, though a text of before comes
	 * back. */
	runner->kept_count = 0;
	free(databases);
}

/* --- running ------------------------------------------------------------------- */

/* A part of a range, which becomes smaller where it is too much for one statement. */
static int run_part(struct runner *runner, struct entry *entry, struct window *part, bool gaps_only)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	struct asker asker = { runner, entry };
	struct query_env env = env_of(runner, &asker);
	struct rollup_outcome outcome;
	struct diag diag = { 0 };
	int err;

	while ((err = rollup_run(entry->rollup, &env, *part, gaps_only, &outcome, &diag)) ==
		       ERR_LIMIT &&
	       schedule) {
		int64_t length_ns = window_length_ns(&schedule->window);
		int64_t half_ns = (part->end_ns - part->start_ns) / 2;

		if (half_ns < length_ns)
			break;
		part->end_ns = window_of(&schedule->window, part->start_ns + half_ns).start_ns;
		diag = (struct diag){ 0 };
	}
	if (err >= 0 && outcome.refused >= 0) {
		pthread_mutex_lock(&runner->lock);
		entry->err = OK;
		pthread_mutex_unlock(&runner->lock);
	} else if (err != ERR_CANCELLED) {
		tell_entry(runner, entry, err < 0 ? err : outcome.refused, &diag);
	}
	pthread_mutex_lock(&runner->lock);
	entry->ran_ns = env_now_ns();
	entry->progress.written += outcome.written;
	pthread_mutex_unlock(&runner->lock);
	return err;
}

static int run_range(struct runner *runner, struct entry *entry, struct window range)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	struct asker asker = { runner, entry };
	struct query_env env = env_of(runner, &asker);
	int64_t first_ns = schedule_advance(schedule, range.end_ns, -CATCH_UP_WINDOWS);

	if (range.start_ns < first_ns)
		range.start_ns = first_ns;
	while (range.start_ns < range.end_ns) {
		struct window part = rollup_is_stepwise(entry->rollup)
					     ? range
					     : rollup_part(entry->rollup, &env, range);

		if (part.start_ns < part.end_ns)
			TRY(run_part(runner, entry, &part, false));
		range.start_ns = part.end_ns;
	}
	return OK;
}

static void note_run(struct runner *runner, struct entry *entry, int64_t boundary_ns, int err)
{
	pthread_mutex_lock(&runner->lock);
	/* What failed is made up for by the next run. */
	if (err >= 0)
		entry->progress.last_run_ns = boundary_ns;
	entry->tried_ns = boundary_ns;
	pthread_mutex_unlock(&runner->lock);
	runner->is_changed = true;
}

/*
 * Each boundary up to now by itself, as it would have been run in its time: a restart, or a
 * long look at another query, changes no row.
 */
static int run_steps(struct runner *runner, struct entry *entry, int64_t next_ns, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int64_t first_ns = schedule_advance(schedule, now_ns, -CATCH_UP_WINDOWS);

	if (next_ns < first_ns)
		next_ns = schedule_next(schedule, schedule_boundary(schedule, first_ns));
	for (;;) {
		int64_t boundary_ns = schedule_boundary(schedule, next_ns);
		int64_t after_ns = schedule_next(schedule, boundary_ns);

		/* The last one comes for now, as ever. */
		if (after_ns > now_ns || after_ns <= next_ns)
			return run_range(runner, entry, schedule_range(schedule, next_ns, now_ns));
		TRY(run_range(runner, entry, schedule_range(schedule, next_ns, next_ns)));
		note_run(runner, entry, boundary_ns, OK);
		keep_sometimes(runner);
		next_ns = after_ns;
	}
}

/* The run that comes for the boundary `next_ns`. */
static void run(struct runner *runner, struct entry *entry, int64_t next_ns, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int err = rollup_is_stepwise(entry->rollup)
			  ? run_steps(runner, entry, next_ns, now_ns)
			  : run_range(runner, entry, schedule_range(schedule, next_ns, now_ns));

	if (err != ERR_CANCELLED)
		note_run(runner, entry, schedule_boundary(schedule, now_ns), err);
}

static void run_when_due(struct runner *runner, struct entry *entry, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int64_t boundary_ns = schedule_boundary(schedule, now_ns);

	/* The clock went back by more than a step: go on from where it is. */
	if (entry->tried_ns > schedule_next(schedule, boundary_ns)) {
		entry->tried_ns = boundary_ns;
		entry->progress.last_run_ns = boundary_ns;
		runner->is_changed = true;
	}
	if (schedule_next(schedule, entry->tried_ns) <= now_ns)
		run(runner, entry, schedule_next(schedule, entry->progress.last_run_ns), now_ns);
}

/* --- new queries ----------------------------------------------------------------- */

static bool is_restored(const struct object *object)
{
	return object->attrs.mtime_ns < object->attrs.ctime_ns - NS_PER_SECOND;
}

static void plan_backfill(struct runner *runner, struct entry *entry, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	struct asker asker = { runner, entry };
	struct query_env env = env_of(runner, &asker);
	int64_t kept_ns = rollup_target_duration_ns(entry->rollup, &env), from_ns;

	if (is_restored(&entry->object) || !rollup_backfills(entry->rollup, &from_ns))
		return;
	if (kept_ns && from_ns < now_ns - kept_ns)
		from_ns = now_ns - kept_ns;
	entry->progress.backfill_start_ns = from_ns;
	/* What is written later is fed; what is whole later is run. */
	entry->progress.backfill_end_ns =
		schedule ? window_of(&schedule->window, now_ns).start_ns : TIME_MAX_NS;
	if (schedule && from_ns > TIME_MIN_NS)
		entry->progress.backfill_start_ns = window_of(&schedule->window, from_ns).start_ns;
}

/*
 * It counts from when its file was made. The first run is InfluxDB's, for what
 * RESAMPLE reaches back to.
 */
static void settle(struct runner *runner, struct entry *entry, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int64_t made_ns = entry->object.attrs.ctime_ns;

	if (made_ns > now_ns)
		made_ns = now_ns;
	entry->seen_ns = 0;
	plan_backfill(runner, entry, made_ns);
	runner->is_changed = true;
	if (!schedule)
		return;
	entry->progress.last_run_ns = entry->tried_ns = schedule_boundary(schedule, made_ns);
	if (!is_restored(&entry->object))
		run(runner, entry, made_ns, made_ns);
}

/* --- backfill -------------------------------------------------------------------- */

static bool has_backfill(const struct entry *entry)
{
	return !entry->seen_ns && entry->rollup &&
	       entry->progress.backfill_start_ns < entry->progress.backfill_end_ns;
}

/* What may go well later: the policy is made, the disk has room. */
static bool is_passing(int err)
{
	return err == ERR_NOT_FOUND || err == ERR_SPACE || err == ERR_FILE_SIZE || err == ERR_IO ||
	       err == ERR_FILES || err == ERR_MEMORY || err == ERR_BUSY || err == ERR_STALE ||
	       err == ERR_ACCESS;
}

static void backfill_step(struct runner *runner, struct entry *entry)
{
	struct asker asker = { runner, entry };
	struct query_env env = env_of(runner, &asker);
	struct window part = rollup_part(entry->rollup, &env,
					 (struct window){ entry->progress.backfill_start_ns,
							  entry->progress.backfill_end_ns });

	entry->backfill_rests_ns = 0;
	if (part.start_ns < part.end_ns) {
		if (run_part(runner, entry, &part, true) == ERR_CANCELLED)
			return;
		if (is_passing(entry->err)) {
			entry->backfill_rests_ns = env_monotonic_ns() + BACKFILL_REST_NS;
			return;
		}
	}
	pthread_mutex_lock(&runner->lock);
	entry->progress.backfill_start_ns = part.end_ns;
	pthread_mutex_unlock(&runner->lock);
	runner->is_changed = true;
	/* Once more after a crash it would bring back what was deleted since. */
	if (!has_backfill(entry))
		keep(runner);
}

/* In the order of the list, one after the other: 1h begins when 1m is whole. */
static bool backfill(struct runner *runner)
{
	for (size_t i = 0; i < runner->entry_count; i++) {
		struct entry *entry = runner->entries[i];

		if (has_backfill(entry) && entry->backfill_rests_ns <= env_monotonic_ns()) {
			backfill_step(runner, entry);
			return true;
		}
	}
	return false;
}

/* --- the thread ------------------------------------------------------------------ */

/* One look at everything. With `settle_now` new queries do not wait. */
static void look(struct runner *runner, bool settle_now)
{
	int64_t now_ns = env_now_ns(), monotonic_ns = env_monotonic_ns(), expected_ns;
	bool settled = false;

	refresh(runner);
	/* Years of windows that nobody wrote to would be run for, and taken for done. */
	if (engine_clock(runner->options.engine, &expected_ns) == CLOCK_AHEAD) {
		atomic_store(&runner->looked_ns, monotonic_ns);
		return;
	}
	for (size_t i = 0; i < runner->entry_count; i++) {
		struct entry *entry = runner->entries[i];

		if (!entry->rollup)
			continue;
		if (entry->seen_ns) {
			if (!settle_now && monotonic_ns - entry->seen_ns < SETTLE_NS)
				continue;
			settle(runner, entry, now_ns);
			settled = true;
		}
		if (rollup_schedule(entry->rollup))
			run_when_due(runner, entry, now_ns);
	}
	if (settled)
		keep(runner);
	atomic_store(&runner->looked_ns, monotonic_ns);
}

int64_t runner_looked_ns(const struct runner *runner)
{
	return atomic_load(&runner->looked_ns);
}

void runner_run_now(struct runner *runner)
{
	pthread_mutex_lock(&runner->run_lock);
	for (size_t i = 0; i < runner->entry_count; i++)
		runner->entries[i]->backfill_rests_ns = 0;
	do
		look(runner, true);
	while (!atomic_load_explicit(&runner->cancelled, memory_order_relaxed) && backfill(runner));
	if (runner->is_changed)
		keep(runner);
	pthread_mutex_unlock(&runner->run_lock);
}

static void sleep_until_tick(struct runner *runner)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	until.tv_sec += until.tv_nsec / NS_PER_SECOND;
	until.tv_nsec %= NS_PER_SECOND;
	pthread_cond_timedwait(&runner->wake, &runner->lock, &until);
}

static void *work(void *arg)
{
	struct runner *runner = arg;
	bool has_more;

	pthread_mutex_lock(&runner->lock);
	while (!runner->stopping) {
		pthread_mutex_unlock(&runner->lock);
		pthread_mutex_lock(&runner->run_lock);
		look(runner, false);
		has_more = backfill(runner);
		keep_sometimes(runner);
		pthread_mutex_unlock(&runner->run_lock);
		pthread_mutex_lock(&runner->lock);
		if (!has_more && !runner->stopping)
			sleep_until_tick(runner);
	}
	pthread_mutex_unlock(&runner->lock);
	return NULL;
}

static int start_thread(struct runner *runner)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int failed;

	pthread_mutex_init(&runner->lock, NULL);
	pthread_mutex_init(&runner->run_lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&runner->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&runner->thread, NULL, work, runner);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return ERR_MEMORY;
	pthread_setname_np(runner->thread, "sfs-continuous");
	return OK;
}

struct runner *runner_open(const struct runner_options *options)
{
	struct runner *runner = calloc(1, sizeof(*runner));

	if (!runner)
		log_out_of_memory(sizeof(*runner));
	runner->options = *options;
	runner->catalog = engine_catalog(options->engine);
	runner->catalog_version = UINT64_MAX;
	read_kept(runner);
	if (start_thread(runner) < 0) {
		free(runner->kept);
		free(runner);
		return NULL;
	}
	return runner;
}

void runner_cancel(struct runner *runner)
{
	atomic_store_explicit(&runner->cancelled, true, memory_order_relaxed);
	pthread_mutex_lock(&runner->lock);
	runner->stopping = true;
	pthread_cond_signal(&runner->wake);
	pthread_mutex_unlock(&runner->lock);
	pthread_join(runner->thread, NULL);
}

void runner_close(struct runner *runner)
{
	if (runner->is_changed)
		keep(runner);
	for (size_t i = 0; i < runner->entry_count; i++)
		entry_free(runner->entries[i]);
	free(runner->entries);
	free(runner->kept);
	pthread_cond_destroy(&runner->wake);
	pthread_mutex_destroy(&runner->lock);
	pthread_mutex_destroy(&runner->run_lock);
	free(runner);
}

/* --- seen from outside ------------------------------------------------------------ */

static struct runner_query see(const struct entry *entry)
{
	const struct schedule *schedule = entry->rollup ? rollup_schedule(entry->rollup) : NULL;
	struct runner_query query = { .object = &entry->object,
				      .database = entry->database,
				      .database_id = entry->database_id,
				      .is_grouped = schedule != NULL,
				      .has_backfill = has_backfill(entry),
				      .backfill = { entry->progress.backfill_start_ns,
						    entry->progress.backfill_end_ns },
				      .ran_ns = entry->ran_ns,
				      .written = entry->progress.written,
				      .err = entry->err,
				      .why = entry->diag.text };

	if (schedule && !entry->seen_ns) {
		query.ran_ns = entry->progress.last_run_ns;
		query.lag_ns = env_now_ns() - schedule_next(schedule, query.ran_ns);
		query.lag_ns = query.lag_ns > 0 ? query.lag_ns : 0;
	}
	return query;
}

void runner_each(struct runner *runner, void (*each)(void *arg, const struct runner_query *query),
		 void *arg)
{
	pthread_mutex_lock(&runner->lock);
	for (size_t i = 0; i < runner->entry_count; i++) {
		struct runner_query query = see(runner->entries[i]);

		each(arg, &query);
	}
	pthread_mutex_unlock(&runner->lock);
}
