/* Why: one thread in one order, so that 1h reads what 1m has just written. */
#include "fs/settings/continuous.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clean.h"
#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/base/when.h"
#include "fs/nodes/access.h"
#include "fs/nodes/page_words.h"
#include "query/continuous/fanout.h"
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

struct continuous {
	struct mount *mount;
	struct fanout *fanout;
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

/* --- errors -------------------------------------------------------------------------- */

static void tell_query(struct mount *mount, uint32_t database_id, struct slice database,
		       const struct object *query, int err, const struct diag *diag)
{
	struct buf file = { 0 };
	struct error_entry entry = {
		.err = err,
		.diag = diag,
		.text = query->payload,
		.rights = { .has_uid = true, .uid = query->attrs.uid, .object_id = query->id }
	};
	const char *end = slice_find(query->payload, '\n');

	buf_append_slice(&file, database);
	buf_append_text(&file, "/continuous/");
	buf_append_slice(&file, query->name);
	entry.file = buf_slice(&file);
	if (end)
		entry.text.length = (size_t)(end - query->payload.data);
	errors_log_tell(mount->errors, database_id, &entry);
	buf_release(&file);
}

static void tell_entry(struct continuous *continuous, struct entry *entry, int err,
		       const struct diag *diag)
{
	pthread_mutex_lock(&continuous->lock);
	entry->err = err;
	entry->diag = *diag;
	pthread_mutex_unlock(&continuous->lock);
	tell_query(continuous->mount, entry->database_id, entry->database, &entry->object, err,
		   diag);
}

static int database_of(struct mount *mount, const struct object *query, struct object *out)
{
	TRY(catalog_get(mount->catalog, query->parent_id, out));
	return catalog_get(mount->catalog, out->parent_id, out);
}

static void tell_fed(void *arg, const struct object *query, int err, const struct diag *diag)
{
	struct continuous *continuous = arg;
	struct object database;

	if (database_of(continuous->mount, query, &database) == OK)
		tell_query(continuous->mount, database.id, database.name, query, err, diag);
}

/* --- who asks -------------------------------------------------------------------------- */

/* A query may do in other databases, and read of policies, what the owner of its file may. */
static int check_owner(struct mount *mount, const struct object *query, uint32_t object_id,
		       bool write)
{
	struct caller caller = { .uid = query->attrs.uid, .gid = query->attrs.gid };

	if (object_id == QUERY_ALL_DATABASES)
		return ERR_ACCESS;
	return caller_check_object(mount->catalog, &caller, object_id, write);
}

static int check_fed(void *arg, const struct object *query, uint32_t object_id, bool write)
{
	return check_owner(((struct continuous *)arg)->mount, query, object_id, write);
}

struct asker {
	struct mount *mount;
	const struct entry *entry;
};

static int check_entry(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	const struct asker *asker = arg;

	if (database_id == asker->entry->database_id && !policy_id)
		return OK;
	return check_owner(asker->mount, &asker->entry->object, policy_id ? policy_id : database_id,
			   write);
}

static struct query_env env_of(struct continuous *continuous, const struct asker *asker)
{
	struct mount *mount = continuous->mount;
	struct query_env env = { .engine = mount->engine,
				 .database_id = asker->entry->database_id,
				 .access = { check_entry, (void *)asker },
				 .limits = &mount->query_limits,
				 .cancelled = &continuous->cancelled };
	struct object database;

	if (catalog_get(mount->catalog, env.database_id, &database) == OK)
		env.access.attrs = (struct attrs){ .mode = database.attrs.mode,
						   .uid = database.attrs.uid,
						   .gid = database.attrs.gid };
	return env;
}

/* --- what has run ------------------------------------------------------------------------ */

/* ID HASH LAST_RUN BACKFILL_START BACKFILL_END WRITTEN, a line each. */
static void read_kept(struct continuous *continuous)
{
	struct buf text = { 0 };
	const char *p;
	unsigned long long hash, written;
	long long last, start, end;
	unsigned id;
	int length;

	if (engine_kept(continuous->mount->engine, KEPT_NAME, &text) < 0)
		return;
	for (p = buf_text(&text); sscanf(p, "%u %llu %lld %lld %lld %llu\n%n", &id, &hash, &last,
					 &start, &end, &written, &length) == 6;
	     p += length) {
		continuous->kept = reallocarray(continuous->kept, continuous->kept_count + 1,
						sizeof(*continuous->kept));
		if (!continuous->kept)
			log_out_of_memory(sizeof(*continuous->kept));
		continuous->kept[continuous->kept_count++] =
			(struct progress){ id, hash, last, start, end, written };
	}
	buf_release(&text);
}

/* The points come first: what is kept must not be ahead of them after a power loss. */
static void keep(struct continuous *continuous)
{
	struct buf text = { 0 };
	int err = engine_sync(continuous->mount->engine);

	for (size_t i = 0; i < continuous->entry_count; i++) {
		const struct progress *progress = &continuous->entries[i]->progress;

		if (!continuous->entries[i]->seen_ns)
			buf_printf(&text, "%u %llu %lld %lld %lld %llu\n", progress->id,
				   (unsigned long long)progress->text_hash,
				   (long long)progress->last_run_ns,
				   (long long)progress->backfill_start_ns,
				   (long long)progress->backfill_end_ns,
				   (unsigned long long)progress->written);
	}
	if (err >= 0)
		err = engine_keep(continuous->mount->engine, KEPT_NAME, buf_slice(&text));
	if (err < 0)
		log_error("continuous queries: what has run could not be kept: %s", err_text(err));
	buf_release(&text);
	continuous->kept_ns = env_monotonic_ns();
	continuous->is_changed = err < 0;
}

static void keep_sometimes(struct continuous *continuous)
{
	if (continuous->is_changed && env_monotonic_ns() - continuous->kept_ns >= KEEP_NS)
		keep(continuous);
}

/* --- the list ------------------------------------------------------------------------------ */

static bool is_same_text(const struct object *a, const struct object *b)
{
	return a->id == b->id && slice_equal(a->payload, b->payload);
}

static void entry_free(struct entry *entry)
{
	rollup_close(entry->rollup);
	free(entry);
}

static void restore_progress(struct continuous *continuous, struct entry *entry)
{
	struct progress *progress = &entry->progress;

	progress->id = entry->object.id;
	progress->text_hash = hash_bytes(entry->object.payload);
	for (size_t i = 0; i < continuous->kept_count; i++)
		if (continuous->kept[i].id == progress->id &&
		    continuous->kept[i].text_hash == progress->text_hash) {
			*progress = continuous->kept[i];
			entry->seen_ns = 0;
		}
	entry->tried_ns = progress->last_run_ns;
}

static struct entry *entry_new(struct continuous *continuous, const struct object *object,
			       const struct object *database)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	struct asker asker = { continuous->mount, entry };
	struct query_env env;

	if (!entry)
		log_out_of_memory(sizeof(*entry));
	entry->object = *object;
	entry->database = database->name;
	entry->database_id = database->id;
	entry->seen_ns = env_monotonic_ns();
	restore_progress(continuous, entry);
	env = env_of(continuous, &asker);
	entry->err = rollup_open(&env, object->payload, &entry->rollup, &entry->diag);
	if (entry->err < 0)
		tell_query(continuous->mount, database->id, database->name, object, entry->err,
			   &entry->diag);
	return entry;
}

static struct entry *take_known(struct continuous *continuous, const struct object *object,
				const struct object *database)
{
	for (size_t i = 0; i < continuous->entry_count; i++) {
		struct entry *entry = continuous->entries[i];

		if (!entry || !is_same_text(&entry->object, object))
			continue;
		continuous->entries[i] = NULL;
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

static void list_queries(struct continuous *continuous, const struct object *database,
			 struct entry_list *list)
{
	struct catalog *catalog = continuous->mount->catalog;
	struct object directory, *objects;
	size_t count;

	if (catalog_find(catalog, database->id, SLICE("continuous"), &directory) < 0 ||
	    catalog_list(catalog, directory.id, OBJECT_CONTINUOUS_QUERY, &objects, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = take_known(continuous, &objects[i], database);

		list->entries =
			reallocarray(list->entries, list->count + 1, sizeof(*list->entries));
		if (!list->entries)
			log_out_of_memory(list->count * sizeof(*list->entries));
		list->entries[list->count++] =
			entry ? entry : entry_new(continuous, &objects[i], database);
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

static void replace_list(struct continuous *continuous, struct entry_list *list)
{
	for (size_t i = 0; i < continuous->entry_count; i++)
		if (continuous->entries[i]) {
			entry_free(continuous->entries[i]);
			continuous->is_changed = true;
		}
	free(continuous->entries);
	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), compare_entries);
	continuous->entries = list->entries;
	continuous->entry_count = list->count;
}

static void refresh(struct continuous *continuous)
{
	struct catalog *catalog = continuous->mount->catalog;
	uint64_t version = catalog_version(catalog);
	struct entry_list list = { 0 };
	struct object *databases;
	size_t count;

	if (version == continuous->catalog_version ||
	    catalog_list(catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count) < 0)
		return;
	pthread_mutex_lock(&continuous->lock);
	for (size_t i = 0; i < count; i++)
		list_queries(continuous, &databases[i], &list);
	replace_list(continuous, &list);
	pthread_mutex_unlock(&continuous->lock);
	continuous->catalog_version = version;
	/* Of the queries that the start found. A later one is new, though a text of before comes
	 * back. */
	continuous->kept_count = 0;
	free(databases);
}

/* --- running ---------------------------------------------------------------------------------- */

/* A part of a range, which becomes smaller where it is too much for one statement. */
static int run_part(struct continuous *continuous, struct entry *entry, struct window *part,
		    bool gaps_only)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	struct asker asker = { continuous->mount, entry };
	struct query_env env = env_of(continuous, &asker);
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
		pthread_mutex_lock(&continuous->lock);
		entry->err = OK;
		pthread_mutex_unlock(&continuous->lock);
	} else if (err != ERR_CANCELLED) {
		tell_entry(continuous, entry, err < 0 ? err : outcome.refused, &diag);
	}
	pthread_mutex_lock(&continuous->lock);
	entry->ran_ns = env_now_ns();
	entry->progress.written += outcome.written;
	pthread_mutex_unlock(&continuous->lock);
	return err;
}

static int run_range(struct continuous *continuous, struct entry *entry, struct window range)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	struct asker asker = { continuous->mount, entry };
	struct query_env env = env_of(continuous, &asker);
	int64_t first_ns = schedule_advance(schedule, range.end_ns, -CATCH_UP_WINDOWS);

	if (range.start_ns < first_ns)
		range.start_ns = first_ns;
	while (range.start_ns < range.end_ns) {
		struct window part = rollup_part(entry->rollup, &env, range);

		if (part.start_ns < part.end_ns)
			TRY(run_part(continuous, entry, &part, false));
		range.start_ns = part.end_ns;
	}
	return OK;
}

/* The run that comes for the boundary `next_ns`. */
static void run(struct continuous *continuous, struct entry *entry, int64_t next_ns, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int64_t boundary_ns = schedule_boundary(schedule, now_ns);
	int err = run_range(continuous, entry, schedule_range(schedule, next_ns, now_ns));

	if (err == ERR_CANCELLED)
		return;
	pthread_mutex_lock(&continuous->lock);
	/* What failed is made up for by the next run. */
	if (err >= 0)
		entry->progress.last_run_ns = boundary_ns;
	entry->tried_ns = boundary_ns;
	pthread_mutex_unlock(&continuous->lock);
	continuous->is_changed = true;
}

static void run_when_due(struct continuous *continuous, struct entry *entry, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int64_t boundary_ns = schedule_boundary(schedule, now_ns);

	/* The clock went back by more than a step: go on from where it is. */
	if (entry->tried_ns > schedule_next(schedule, boundary_ns)) {
		entry->tried_ns = boundary_ns;
		entry->progress.last_run_ns = boundary_ns;
		continuous->is_changed = true;
	}
	if (schedule_next(schedule, entry->tried_ns) <= now_ns)
		run(continuous, entry, schedule_next(schedule, entry->progress.last_run_ns),
		    now_ns);
}

/* --- new queries --------------------------------------------------------------------------------
 */

static bool is_restored(const struct object *object)
{
	return object->attrs.mtime_ns < object->attrs.ctime_ns - NS_PER_SECOND;
}

static void plan_backfill(struct continuous *continuous, struct entry *entry, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	struct asker asker = { continuous->mount, entry };
	struct query_env env = env_of(continuous, &asker);
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
static void settle(struct continuous *continuous, struct entry *entry, int64_t now_ns)
{
	const struct schedule *schedule = rollup_schedule(entry->rollup);
	int64_t made_ns = entry->object.attrs.ctime_ns;

	if (made_ns > now_ns)
		made_ns = now_ns;
	entry->seen_ns = 0;
	plan_backfill(continuous, entry, made_ns);
	continuous->is_changed = true;
	if (!schedule)
		return;
	entry->progress.last_run_ns = entry->tried_ns = schedule_boundary(schedule, made_ns);
	if (!is_restored(&entry->object))
		run(continuous, entry, made_ns, made_ns);
}

/* --- backfill ------------------------------------------------------------------------------------
 */

static bool has_backfill(const struct entry *entry)
{
	return !entry->seen_ns && entry->rollup &&
	       entry->progress.backfill_start_ns < entry->progress.backfill_end_ns;
}

/* What may go well later: the policy is made, the disk has room. */
static bool is_passing(int err)
{
	return err == ERR_NOT_FOUND || err == ERR_SPACE || err == ERR_FILE_SIZE || err == ERR_IO ||
	       err == ERR_MEMORY || err == ERR_BUSY || err == ERR_STALE || err == ERR_ACCESS;
}

static void backfill_step(struct continuous *continuous, struct entry *entry)
{
	struct asker asker = { continuous->mount, entry };
	struct query_env env = env_of(continuous, &asker);
	struct window part = rollup_part(entry->rollup, &env,
					 (struct window){ entry->progress.backfill_start_ns,
							  entry->progress.backfill_end_ns });

	entry->backfill_rests_ns = 0;
	if (part.start_ns < part.end_ns) {
		if (run_part(continuous, entry, &part, true) == ERR_CANCELLED)
			return;
		if (is_passing(entry->err)) {
			entry->backfill_rests_ns = env_monotonic_ns() + BACKFILL_REST_NS;
			return;
		}
	}
	pthread_mutex_lock(&continuous->lock);
	entry->progress.backfill_start_ns = part.end_ns;
	pthread_mutex_unlock(&continuous->lock);
	continuous->is_changed = true;
	/* Once more after a crash it would bring back what was deleted since. */
	if (!has_backfill(entry))
		keep(continuous);
}

/* In the order of the list, one after the other: 1h begins when 1m is whole. */
static bool backfill(struct continuous *continuous)
{
	for (size_t i = 0; i < continuous->entry_count; i++) {
		struct entry *entry = continuous->entries[i];

		if (has_backfill(entry) && entry->backfill_rests_ns <= env_monotonic_ns()) {
			backfill_step(continuous, entry);
			return true;
		}
	}
	return false;
}

/* --- the thread
 * ------------------------------------------------------------------------------------- */

/* One look at everything. With `settle_now` new queries do not wait. */
static void look(struct continuous *continuous, bool settle_now)
{
	int64_t now_ns = env_now_ns(), monotonic_ns = env_monotonic_ns(), expected_ns;
	bool settled = false;

	refresh(continuous);
	/* Years of windows that nobody wrote to would be run for, and taken for done. */
	if (engine_clock(continuous->mount->engine, &expected_ns) == CLOCK_AHEAD) {
		atomic_store(&continuous->looked_ns, monotonic_ns);
		return;
	}
	for (size_t i = 0; i < continuous->entry_count; i++) {
		struct entry *entry = continuous->entries[i];

		if (!entry->rollup)
			continue;
		if (entry->seen_ns) {
			if (!settle_now && monotonic_ns - entry->seen_ns < SETTLE_NS)
				continue;
			settle(continuous, entry, now_ns);
			settled = true;
		}
		if (rollup_schedule(entry->rollup))
			run_when_due(continuous, entry, now_ns);
	}
	if (settled)
		keep(continuous);
	atomic_store(&continuous->looked_ns, monotonic_ns);
}

int64_t continuous_looked_ns(const struct continuous *continuous)
{
	return continuous ? atomic_load(&continuous->looked_ns) : INT64_MAX;
}

void continuous_run_now(struct continuous *continuous)
{
	if (!continuous)
		return;
	pthread_mutex_lock(&continuous->run_lock);
	for (size_t i = 0; i < continuous->entry_count; i++)
		continuous->entries[i]->backfill_rests_ns = 0;
	do
		look(continuous, true);
	while (!atomic_load_explicit(&continuous->cancelled, memory_order_relaxed) &&
	       backfill(continuous));
	if (continuous->is_changed)
		keep(continuous);
	pthread_mutex_unlock(&continuous->run_lock);
}

static void sleep_until_tick(struct continuous *continuous)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	until.tv_sec += until.tv_nsec / NS_PER_SECOND;
	until.tv_nsec %= NS_PER_SECOND;
	pthread_cond_timedwait(&continuous->wake, &continuous->lock, &until);
}

static void *work(void *arg)
{
	struct continuous *continuous = arg;
	bool has_more;

	pthread_mutex_lock(&continuous->lock);
	while (!continuous->stopping) {
		pthread_mutex_unlock(&continuous->lock);
		pthread_mutex_lock(&continuous->run_lock);
		look(continuous, false);
		has_more = backfill(continuous);
		keep_sometimes(continuous);
		pthread_mutex_unlock(&continuous->run_lock);
		pthread_mutex_lock(&continuous->lock);
		if (!has_more && !continuous->stopping)
			sleep_until_tick(continuous);
	}
	pthread_mutex_unlock(&continuous->lock);
	return NULL;
}

static int start_thread(struct continuous *continuous)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int failed;

	pthread_mutex_init(&continuous->lock, NULL);
	pthread_mutex_init(&continuous->run_lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&continuous->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&continuous->thread, NULL, work, continuous);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return ERR_MEMORY;
	pthread_setname_np(continuous->thread, "sfs-continuous");
	return OK;
}

struct continuous *continuous_start(struct mount *mount)
{
	struct continuous *continuous = calloc(1, sizeof(*continuous));
	struct fanout_options options = { .engine = mount->engine,
					  .limits = &mount->query_limits,
					  .check = check_fed,
					  .tell = tell_fed,
					  .arg = continuous };

	if (!continuous)
		log_out_of_memory(sizeof(*continuous));
	continuous->mount = mount;
	continuous->catalog_version = UINT64_MAX;
	read_kept(continuous);
	continuous->fanout = fanout_open(&options);
	if (start_thread(continuous) < 0) {
		fanout_close(continuous->fanout);
		free(continuous->kept);
		free(continuous);
		return NULL;
	}
	return continuous;
}

void continuous_cancel(struct continuous *continuous)
{
	if (!continuous)
		return;
	atomic_store_explicit(&continuous->cancelled, true, memory_order_relaxed);
	pthread_mutex_lock(&continuous->lock);
	continuous->stopping = true;
	pthread_cond_signal(&continuous->wake);
	pthread_mutex_unlock(&continuous->lock);
	pthread_join(continuous->thread, NULL);
}

void continuous_stop(struct continuous *continuous)
{
	if (!continuous)
		return;
	if (continuous->is_changed)
		keep(continuous);
	fanout_close(continuous->fanout);
	for (size_t i = 0; i < continuous->entry_count; i++)
		entry_free(continuous->entries[i]);
	free(continuous->entries);
	free(continuous->kept);
	pthread_cond_destroy(&continuous->wake);
	pthread_mutex_destroy(&continuous->lock);
	pthread_mutex_destroy(&continuous->run_lock);
	free(continuous);
}

/* --- seen from outside
 * ---------------------------------------------------------------------------------- */

struct seen {
	int64_t last_ns; /* a run, or a point that was fed; 0 = none */
	int64_t lag_ns;	 /* what is due for so long and has not run */
	uint64_t written;
	int err;
};

static struct seen see(struct continuous *continuous, const struct entry *entry)
{
	const struct schedule *schedule = entry->rollup ? rollup_schedule(entry->rollup) : NULL;
	struct seen seen = { entry->ran_ns, 0, entry->progress.written, entry->err };
	struct fanout_stat fed;

	if (schedule && !entry->seen_ns) {
		seen.last_ns = entry->progress.last_run_ns;
		seen.lag_ns = env_now_ns() - schedule_next(schedule, seen.last_ns);
		seen.lag_ns = seen.lag_ns > 0 ? seen.lag_ns : 0;
	} else if (!schedule) {
		fanout_stat(continuous->fanout, entry->object.id, &fed);
		seen.last_ns = fed.fed_ns ? fed.fed_ns : seen.last_ns;
		seen.written += fed.points;
		seen.err = fed.err < 0 ? fed.err : seen.err;
	}
	return seen;
}

static void print_time(struct buf *out, const char *word, int64_t time_ns)
{
	char text[WHEN_BYTES_MAX];

	buf_append_text(out, word);
	if (time_ns == 0)
		buf_append_text(out, "never");
	else
		buf_append(out, text, when_print(text, time_ns));
}

static void print_entry(struct continuous *continuous, const struct entry *entry, struct buf *out)
{
	struct seen seen = see(continuous, entry);

	buf_append_text(out, "continuous ");
	print_word(out, entry->database);
	buf_append_byte(out, ' ');
	print_word(out, entry->object.name);
	print_time(out, " last_run ", seen.last_ns);
	buf_printf(out, " lag %llds points %llu", (long long)(seen.lag_ns / NS_PER_SECOND),
		   (unsigned long long)seen.written);
	if (has_backfill(entry)) {
		if (entry->progress.backfill_start_ns > TIME_MIN_NS)
			print_time(out, " backfill ", entry->progress.backfill_start_ns);
		else
			buf_append_text(out, " backfill begins");
		if (entry->progress.backfill_end_ns < TIME_MAX_NS)
			print_time(out, " of ", entry->progress.backfill_end_ns);
	}
	buf_append_text(out, " error ");
	clean_append(out,
		     slice_of_text(seen.err == OK	 ? "none"
				   : entry->diag.text[0] ? entry->diag.text
							 : err_text(seen.err)),
		     false);
	buf_append_byte(out, '\n');
}

static bool is_told(const struct page_reader *reader, const struct entry *entry)
{
	return page_tells(reader, entry->database_id, entry->object.id);
}

void continuous_print_status(struct continuous *continuous, const struct page_reader *reader,
			     struct buf *out)
{
	if (!continuous)
		return;
	pthread_mutex_lock(&continuous->lock);
	for (size_t i = 0; i < continuous->entry_count; i++)
		if (is_told(reader, continuous->entries[i]))
			print_entry(continuous, continuous->entries[i], out);
	pthread_mutex_unlock(&continuous->lock);
}

enum measure { LAST_RUN, LAG, POINTS, FAILING };

static double measured(const struct seen *seen, enum measure measure)
{
	switch (measure) {
	case LAST_RUN: return (double)seen->last_ns / 1e9;
	case LAG: return (double)seen->lag_ns / 1e9;
	case POINTS: return (double)seen->written;
	default: return seen->err < 0;
	}
}

static const struct {
	enum measure measure;
	const char *name, *type, *help;
} measures[] = {
	{ LAST_RUN, "continuous_last_run_seconds", "gauge", "up to when a continuous query ran" },
	{ LAG, "continuous_lag_seconds", "gauge", "how long a run is due" },
	{ POINTS, "continuous_points_total", "counter", "points that it wrote" },
	{ FAILING, "continuous_failing", "gauge", "1: its last run met an error" },
};

void continuous_print_metrics(struct continuous *continuous, const struct page_reader *reader,
			      struct buf *out)
{
	size_t told_count = 0;

	if (!continuous)
		return;
	pthread_mutex_lock(&continuous->lock);
	for (size_t i = 0; i < continuous->entry_count; i++)
		told_count += is_told(reader, continuous->entries[i]);
	for (size_t k = 0; told_count && k < sizeof(measures) / sizeof(measures[0]); k++) {
		buf_printf(out, "# HELP seriesfs_%s %s\n# TYPE seriesfs_%s %s\n", measures[k].name,
			   measures[k].help, measures[k].name, measures[k].type);
		for (size_t i = 0; i < continuous->entry_count; i++) {
			const struct entry *entry = continuous->entries[i];
			struct seen seen = see(continuous, entry);

			if (!is_told(reader, entry))
				continue;
			buf_printf(out, "seriesfs_%s{database=\"", measures[k].name);
			print_label(out, entry->database);
			buf_append_text(out, "\",query=\"");
			print_label(out, entry->object.name);
			buf_printf(out, "\"} %.15g\n", measured(&seen, measures[k].measure));
		}
	}
	pthread_mutex_unlock(&continuous->lock);
}
