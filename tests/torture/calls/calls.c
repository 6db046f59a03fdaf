/*
 * Every call of the engine on its files fails once, at its n-th time, or from there on for good.
 *
 *	calls DIR WAY FIRST STEP once|always	every STEP-th n
 *	calls DIR all COUNT SEED SECONDS	COUNT random ones of all
 *
 * A run is a process that does a fixed work while the call fails (fail.h) and notes in shared
 * memory what was acknowledged, and a second one that opens what is left without a fault.
 * Judged by a model of a page: each point is a number that is written once, with its sevenfold
 * beside it; what was acknowledged is there, what was deleted is not, nothing is there in half, and
 * what could not be known is never wrong.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/engine.h"
#include "query/query.h"
#include "tests/torture/calls/fail.h"

#define POINTS_MAX  4096u
#define DATABASES   3u
#define SERIES	    3u
#define GROUPS	    2u
#define WEEK_S	    (7 * 86400)
#define START_S	    INT64_C(1699833600) /* a Monday */
#define RUN_SECONDS 60

static const char *const way_names[FAIL_WAYS] = { "EIO",    "ENOSPC", "EDQUOT", "EMFILE",
						  "ENOMEM", "SHORT",  "LOST" };
static const char *const database_names[DATABASES] = { "a", "b", "c" };

/* --- the model ------------------------------------------------------------------------- */

enum state {
	NEVER,	 /* was not written */
	MAYBE,	 /* was written and refused, or deleted and refused: there or not */
	TAKEN,	 /* acknowledged: there, unless a failed sync has lost it since */
	SYNCED,	 /* and synced: there, whatever came after */
	GONE,	 /* deleted: not there */
	DROPPED, /* with its group or database, which is durable when it returns: not there */
};

static struct model {
	_Atomic uint8_t state[POINTS_MAX];
	uint8_t database[POINTS_MAX], series[POINTS_MAX], group[POINTS_MAX];
	_Atomic uint32_t count;
	_Atomic uint32_t wrong; /* sentences about what was not so */
	char words[8][300];
	_Atomic uint32_t step;	/* of the work */
	_Atomic uint32_t stuck; /* operations refused after the fault was over */
	char doing[100];
} * model;

static struct fail_page *page;
static bool is_sync;   /* every third run: what is acknowledged is synced */
static uint64_t phase; /* shifts which runs are those, and which end as by kill -9 */
static char data_path[3000];
static struct engine *engine;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	uint32_t at = atomic_fetch_add(&model->wrong, 1);
	va_list args;

	if (at >= 8)
		return;
	size_t length = (size_t)snprintf(model->words[at], 300, "%.90s: ", model->doing);
	va_start(args, format);
	vsnprintf(model->words[at] + length, 300 - length, format, args);
	va_end(args);
}

/* May what is done now be refused? While the fault lasts; after that once is over. */
static bool faults_may_show(uint64_t failed_before)
{
	return atomic_load(&page->failed) > failed_before ||
	       (atomic_load(&page->failed) && atomic_load(&page->always));
}

static uint64_t failed_before;

static void begin(const char *what)
{
	snprintf(model->doing, sizeof(model->doing), "step %u, %s",
		 atomic_fetch_add(&model->step, 1), what);
	failed_before = atomic_load(&page->failed);
}

/* Judges how an operation ended. True: it is done. */
static bool end(int err)
{
	if (err >= 0)
		return true;
	if (err != ERR_IO && err != ERR_FILES && err != ERR_SPACE && err != ERR_MEMORY &&
	    err != ERR_LIMIT && err != ERR_CORRUPT)
		wrong("%s", err_text(err));
	if (atomic_load(&page->failed) == 0)
		wrong("refused without a fault: %s", err_text(err));
	else if (!faults_may_show(failed_before))
		atomic_fetch_add(&model->stuck, 1);
	return false;
}

static void mark(uint32_t point, bool done, enum state state)
{
	atomic_store(&model->state[point], done ? state : MAYBE);
}

static void mark_where(int database, int series, int group, bool done, enum state state)
{
	for (uint32_t i = 0; i < atomic_load(&model->count); i++) {
		enum state was = atomic_load(&model->state[i]);

		if (model->database[i] != database || (series >= 0 && model->series[i] != series) ||
		    (group >= 0 && model->group[i] != group) || was == NEVER)
			continue;
		if (was != GONE && was != DROPPED)
			mark(i, done, state);
	}
}

/* --- what is done ---------------------------------------------------------------------- */

static int open_engine(void)
{
	struct engine_options options = { .path = data_path,
					  .shards_open_max = 4,
					  .sync_writes = is_sync,
					  .commit_seconds = 100000,
					  .cold_period_seconds = 100000 };
	struct diag diag = { 0 };
	int err = engine_open(&options, &engine, &diag);

	if (err < 0) {
		engine = NULL;
		return err;
	}
	return engine_start(engine);
}

/* The first one may have been renamed and not renamed back. */
static uint32_t database_id(unsigned database)
{
	struct catalog *catalog = engine_catalog(engine);
	struct object found;

	if (catalog_find(catalog, OBJECT_ROOT_ID, slice_of_text(database_names[database]), &found) <
		    0 &&
	    (database > 0 || catalog_find(catalog, OBJECT_ROOT_ID, SLICE("elsewhere"), &found) < 0))
		return 0;
	return found.id;
}

static uint32_t policy_of(unsigned database)
{
	struct object policy;

	return catalog_default_policy(engine_catalog(engine), database_id(database), &policy) == OK
		       ? policy.id
		       : 0;
}

static uint32_t group_of(unsigned database, int group)
{
	struct object found;

	return catalog_find_group(engine_catalog(engine), policy_of(database),
				  START_S + group * WEEK_S, &found) == OK
		       ? found.id
		       : 0;
}

static void make(unsigned database)
{
	struct attrs attrs = { .mode = 0755 };
	uint32_t id;

	begin("mkdir");
	if (!database_id(database))
		end(engine_create_database(engine, slice_of_text(database_names[database]), &attrs,
					   &id));
}

static uint32_t new_point(unsigned database, unsigned series, unsigned group)
{
	uint32_t point = atomic_load(&model->count);

	if (point == POINTS_MAX)
		abort();
	model->database[point] = (uint8_t)database;
	model->series[point] = (uint8_t)series;
	model->group[point] = (uint8_t)group;
	atomic_store(&model->state[point], MAYBE);
	atomic_store(&model->count, point + 1);
	return point;
}

static void print_point(struct buf *text, uint32_t point)
{
	buf_printf(text, "m,s=%u a=%ui,b=%ui,c=\"word %u\" %lld000000000\n", model->series[point],
		   point, point * 7, point,
		   (long long)(START_S + model->group[point] * (int64_t)WEEK_S + 1000 + point));
}

static int write_text(unsigned database, struct slice text, size_t *consumed)
{
	struct writer_options options = { .database_id = database_id(database),
					  .attrs = { .mode = 0755 },
					  .series_id = ID_NONE };
	struct diag diag = { 0 };
	struct writer *writer;
	uint64_t lines;

	*consumed = 0;
	TRY(writer_open(engine, &options, &writer));
	int err = writer_write(writer, text, true, consumed, &lines, &diag);
	writer_close(writer);
	return err;
}

/* Points of all groups and series of a database. */
static void put(unsigned database, unsigned count)
{
	struct buf text = { 0 };
	uint32_t first = atomic_load(&model->count);
	size_t ends[64], consumed;

	begin("write");
	if (!database_id(database))
		return;
	for (unsigned i = 0; i < count; i++) {
		print_point(&text, new_point(database, i % SERIES, database == 0 ? i % GROUPS : 0));
		ends[i] = text.length;
	}
	end(write_text(database, buf_slice(&text), &consumed));
	/* The last one needs no newline. */
	for (unsigned i = 0; i < count; i++)
		mark(first + i, consumed + 1 >= ends[i], is_sync ? SYNCED : TAKEN);
	buf_release(&text);
}

static void note_synced(void)
{
	for (uint32_t i = 0; i < atomic_load(&model->count); i++)
		if (atomic_load(&model->state[i]) == TAKEN)
			atomic_store(&model->state[i], SYNCED);
}

static void sync_all(void)
{
	begin("fsync");
	if (end(engine_sync(engine)))
		note_synced();
}

static void flush(void)
{
	begin("flush");
	if (end(engine_flush(engine)))
		note_synced();
}

static void compact(void)
{
	begin("compact");
	end(engine_compact(engine, 0));
}

static void remove_series(unsigned database, int series, int group)
{
	uint32_t group_id = group_of(database, group), series_id = ID_NONE;
	char key[16];

	begin("rm of a series");
	if (!group_id)
		return;
	snprintf(key, sizeof(key), "m,s=%d", series);
	index_series(engine_index(engine, database_id(database)), slice_of_text(key), false,
		     &series_id, NULL);
	if (series_id == ID_NONE)
		return;
	int err = engine_series_remove(engine, policy_of(database), group_id, series_id, INT64_MIN,
				       INT64_MAX);
	if (err != ERR_NOT_FOUND) {
		bool done = end(err);

		mark_where((int)database, series, group, done, GONE);
	}
}

/* As rsync does it: a file beside, and a rename over the series. */
static void replace_series(unsigned database, unsigned series, unsigned group)
{
	struct writer_options options = { .database_id = database_id(database),
					  .policy_id = policy_of(database),
					  .group_id = group_of(database, (int)group),
					  .scope = WRITE_ONE_SERIES,
					  .series_id = ID_NONE,
					  .attrs = { .mode = 0755 } };
	struct buf text = { 0 };
	struct diag diag = { 0 };
	char key[16];

	begin("rename of a scratch file");
	if (!options.group_id)
		return;
	snprintf(key, sizeof(key), "m,s=%u", series);
	options.series_key = slice_of_text(key);
	uint64_t cut = engine_cut(engine, options.group_id);
	uint32_t first = atomic_load(&model->count);
	for (unsigned i = 0; i < 3; i++)
		print_point(&text, new_point(database, series, group));
	bool done = end(engine_series_replace(engine, &options, cut, buf_slice(&text), &diag));
	engine_cut_release(engine, options.group_id, cut);
	mark_where((int)database, (int)series, (int)group, done, GONE);
	for (unsigned i = 0; i < 3; i++)
		mark(first + i, done, TAKEN);
	buf_release(&text);
}

static void drop_group(unsigned database, int group)
{
	uint32_t id = group_of(database, group);

	begin("drop of a group");
	if (id)
		mark_where((int)database, -1, group, end(engine_drop(engine, id)), DROPPED);
}

static void drop_database(unsigned database)
{
	uint32_t id = database_id(database);

	begin("drop of a database");
	if (id)
		mark_where((int)database, -1, -1, end(engine_drop(engine, id)), DROPPED);
}

static void set_policy(unsigned database, uint32_t shards)
{
	struct object policy;

	begin("change of .policy");
	if (catalog_default_policy(engine_catalog(engine), database_id(database), &policy) < 0)
		return;
	policy.policy.shards = shards;
	end(engine_set_policy(engine, policy.id, &policy.policy));
}

static void rename_there_and_back(unsigned database)
{
	uint32_t id = database_id(database);

	begin("rename");
	if (id && end(catalog_rename(engine_catalog(engine), id, SLICE("elsewhere"), false)))
		while (!end(catalog_rename(engine_catalog(engine), id,
					   slice_of_text(database_names[database]), false)) &&
		       !atomic_load(&page->always))
			;
}

/*
 * A sync that failed has lost what it was to write: after a start that is there or not. So is what
 * a removal said that no sync came behind: where names are lost, the log ends before their first
 * use.
 */
static void forget_lost(void)
{
	if (atomic_load(&page->way) != FAIL_LOST || !atomic_load(&page->failed))
		return;
	for (uint32_t i = 0; i < atomic_load(&model->count); i++)
		if (atomic_load(&model->state[i]) == TAKEN || atomic_load(&model->state[i]) == GONE)
			atomic_store(&model->state[i], MAYBE);
}

static bool restart(void)
{
	begin("stop");
	end(engine_close(engine));
	begin("start");
	int err = open_engine();
	if (err < 0)
		end(err);
	if (err < 0 && !atomic_load(&page->always))
		err = open_engine();
	return err == OK;
}

/* --- what is there --------------------------------------------------------------------- */

static int append(void *arg, struct slice bytes)
{
	buf_append_slice(arg, bytes);
	return OK;
}

static int ask(struct engine *from, uint32_t id, struct buf *out)
{
	struct query_env env = { .engine = from,
				 .limits = &query_limits_default,
				 .database_id = id,
				 .read_only = true };
	struct query_sink sink = { .write = append, .arg = out };
	struct query_options options = { .format = QUERY_CSV, .epoch_unit_ns = 1 };
	struct diag diag = { 0 };

	return query_run(&env, SLICE("select a, b, c from m"), &options, &sink, NULL, &diag);
}

static void judge_row(unsigned database, const char *row, bool *seen)
{
	unsigned a, b, c;
	long long time;

	if (sscanf(row, "m,%lld,%u,%u,word %u", &time, &a, &b, &c) != 4) {
		wrong("half a point: %.60s", row);
		return;
	}
	if (a >= atomic_load(&model->count) || b != a * 7 || c != a ||
	    model->database[a] != database ||
	    time != (START_S + model->group[a] * (int64_t)WEEK_S + 1000 + a) * 1000000000)
		wrong("nobody wrote this: %.60s", row);
	else if (seen[a])
		wrong("twice there: point %u", a);
	else if (atomic_load(&model->state[a]) == GONE || atomic_load(&model->state[a]) == DROPPED)
		wrong("point %u of %s came back", a, database_names[database]);
	if (a < POINTS_MAX)
		seen[a] = true;
}

/* `least`: points from this state on must be there. */
static void judge_database(struct engine *from, unsigned database, uint32_t id, enum state least,
			   uint32_t until)
{
	static bool seen[POINTS_MAX];
	struct buf out = { 0 };
	char *save = NULL;

	memset(seen, 0, sizeof(seen));
	if (id) {
		int err = ask(from, id, &out);

		/* Of a measurement that nobody wrote yet there is nothing, which is no error. */
		if (!end(err)) {
			if (!faults_may_show(failed_before))
				wrong("a query was refused after the fault: %s", err_text(err));
			buf_release(&out);
			return;
		}
		for (char *row = strtok_r((char *)buf_text(&out), "\n", &save); row;
		     row = strtok_r(NULL, "\n", &save))
			if (strncmp(row, "name,", 5) != 0)
				judge_row(database, row, seen);
	}
	for (uint32_t i = 0; i < until; i++) {
		enum state state = atomic_load(&model->state[i]);

		if (model->database[i] == database && !seen[i] && state >= least && state != GONE &&
		    state != DROPPED)
			wrong("point %u of %s is not there (%s%s)", i, database_names[database],
			      state == SYNCED ? "synced" : "taken",
			      id ? "" : ", nor is the database");
	}
	buf_release(&out);
}

static void judge(enum state least)
{
	for (unsigned i = 0; i < DATABASES; i++) {
		begin("a query");
		judge_database(engine, i, database_id(i), least, atomic_load(&model->count));
	}
}

static void keep_and_look(unsigned database)
{
	uint32_t id = database_id(database), until = atomic_load(&model->count);
	struct engine *frozen;

	begin("mkdir of a snapshot");
	if (!id)
		return;
	int err = engine_freeze(engine, id, "kept");
	if (err != ERR_EXISTS && !end(err))
		return;
	begin("a query of a snapshot");
	err = engine_open_frozen(engine, id, "kept", &frozen);
	if (end(err)) {
		judge_database(frozen, database, id, TAKEN, until);
		engine_close_frozen(frozen);
	}
	begin("rmdir of a snapshot");
	end(engine_thaw(engine, id, "kept"));
}

/* --- the work -------------------------------------------------------------------------- */

static bool work(void)
{
	begin("the first start");
	int err = open_engine();
	if (err < 0)
		end(err);
	if (err < 0 && (atomic_load(&page->always) || open_engine() < 0))
		return true; /* nothing was promised */
	for (unsigned i = 0; i < DATABASES; i++)
		make(i);
	for (unsigned i = 0; i < DATABASES; i++)
		put(i, 9);
	sync_all();
	flush();
	set_policy(1, 2);
	put(0, 12);
	put(1, 12);
	remove_series(0, 1, 0);
	flush();
	keep_and_look(0);
	replace_series(0, 2, 1);
	judge(TAKEN);
	compact();
	drop_group(0, 0);
	drop_database(2);
	make(2);
	put(2, 9);
	put(1, 9);
	rename_there_and_back(0);
	if (!restart())
		return false;
	forget_lost();
	judge(TAKEN);
	put(1, 6);
	sync_all();
	put(0, 9);
	flush();
	drop_database(2);
	put(0, 3);
	judge(TAKEN);
	return true;
}

/* What a start without a fault finds, and whether work goes on there. */
static void look_after(void)
{
	begin("the start after it");
	int err = open_engine();
	if (err < 0) {
		wrong("it does not start: %s", err_text(err));
		return;
	}
	forget_lost();
	judge(TAKEN);
	for (unsigned i = 0; i < DATABASES; i++) {
		make(i);
		put(i, 3);
	}
	flush();
	begin("the stop after it");
	err = engine_close(engine);
	if (err < 0)
		wrong("%s", err_text(err));
	begin("the second start after it");
	err = open_engine();
	if (err < 0) {
		wrong("it does not start: %s", err_text(err));
		return;
	}
	judge(TAKEN);
	engine_close(engine);
}

/* --- runs ------------------------------------------------------------------------------ */

struct run {
	uint64_t at;
	enum fail_way way;
	bool always;
};

static void quiet(void)
{
	char path[3100];

	if (getenv("CALLS_LOUD"))
		return;
	snprintf(path, sizeof(path), "%s.log", data_path);
	if (!freopen(path, "w", stderr))
		_exit(3);
}

/* 0: it ended by itself. */
static int in_child(void (*body)(const struct run *run), const struct run *run)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		quiet();
		alarm(RUN_SECONDS);
		body(run);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status;
}

static void do_work(const struct run *run)
{
	atomic_store(&page->way, run->way);
	atomic_store(&page->always, run->always);
	atomic_store(&page->failed, 0);
	atomic_store(&page->count, 0);
	atomic_store(&page->at, run->at);
	is_sync = (run->at + phase) % 3 == 1;
	bool is_open = work();
	/* Every second one ends as by kill -9. */
	begin("the stop");
	if (is_open && engine && (run->at + phase) % 2 == 0)
		end(engine_close(engine));
}

static void do_look(const struct run *run)
{
	look_after();
}

static uint64_t runs_failed, runs_stuck, runs_done;

static void report(const struct run *run, const char *why)
{
	printf("FAILED: %s at call %llu (%s)%s: %s\n	repeat: CALLS_PHASE=%llu calls DIR %s %llu "
	       "0 %s\n",
	       way_names[run->way], (unsigned long long)run->at, page->what,
	       run->always ? " for good" : "", why, (unsigned long long)phase, way_names[run->way],
	       (unsigned long long)run->at, run->always ? "always" : "once");
	for (uint32_t i = 0; i < atomic_load(&model->wrong) && i < 8; i++)
		printf("	%s\n", model->words[i]);
	fflush(stdout);
}

static void remove_data(void)
{
	atomic_store(&page->at, 0);
	env_remove_tree(data_path);
}

/* False: there is no such call. */
static bool run_one(const struct run *run)
{
	char why[200] = "";
	int status;

	memset(model, 0, sizeof(*model));
	remove_data();
	page->what[0] = '\0';
	status = in_child(do_work, run);
	uint64_t failed = atomic_load(&page->failed);
	uint32_t stuck = atomic_load(&model->stuck);
	if (status)
		snprintf(why, sizeof(why), "%s while it works (%.90s)",
			 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hangs"
									    : "it dies",
			 model->doing);
	atomic_store(&page->at, 0);
	atomic_store(&page->always, 0);
	bool was_wrong = atomic_load(&model->wrong) > 0;
	status = in_child(do_look, run);
	if (status && !why[0])
		snprintf(why, sizeof(why), "%s afterwards (%.90s)",
			 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hangs"
									    : "it dies",
			 model->doing);
	if (!why[0] && atomic_load(&model->wrong))
		snprintf(why, sizeof(why), "%s",
			 was_wrong ? "wrong while it works" : "wrong afterwards");
	if (failed == 0 && !why[0])
		return false;
	runs_done++;
	runs_failed += why[0] != '\0';
	runs_stuck += stuck > 0 && !run->always;
	if (why[0])
		report(run, why);
	else if (stuck && !run->always && getenv("CALLS_STUCK"))
		printf("stuck: %s at call %llu (%s): %u operations refused later\n",
		       way_names[run->way], (unsigned long long)run->at, page->what, stuck);
	return true;
}

static enum fail_call kinds[1u << 16]; /* of the calls of the work */
static uint64_t random_state;

static uint64_t random_u64(void)
{
	uint64_t z = (random_state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static uint64_t count_calls(void)
{
	struct run none = { 0 };

	memset((void *)page->kinds, 0, sizeof(page->kinds));
	memset(model, 0, sizeof(*model));
	remove_data();
	int status = in_child(do_work, &none);

	if (status || atomic_load(&model->wrong)) {
		printf("status %x, %s\n", (unsigned)status, model->doing);
		report(&none, "the work itself");
		exit(1);
	}
	for (size_t i = 1; i <= atomic_load(&page->count) && i < sizeof(page->kinds); i++)
		kinds[i] = (enum fail_call)(atomic_load(&page->kinds[i]) - 1);
	return atomic_load(&page->count);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_random(uint64_t calls, uint64_t count, double seconds_max)
{
	double begun = seconds();

	while (runs_done < count && seconds() - begun < seconds_max) {
		uint64_t random = random_u64();
		struct run run = { 1 + random % calls, (enum fail_way)(random >> 32) % FAIL_WAYS,
				   random >> 60 & 1 };

		if (fail_fits(kinds[run.at], run.way))
			run_one(&run);
	}
}

static enum fail_way way_of(const char *name)
{
	for (unsigned i = 0; i < FAIL_WAYS; i++)
		if (strcmp(way_names[i], name) == 0)
			return (enum fail_way)i;
	fprintf(stderr, "calls: %s is no way to fail\n", name);
	exit(2);
}

static void attach(void)
{
	page = fail_page_attach();
	model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (model == MAP_FAILED)
		abort();
}

int main(int argc, char **argv)
{
	uint64_t calls;

	if (argc != 6) {
		fprintf(stderr, "usage: calls DIR WAY FIRST STEP once|always\n"
				"       calls DIR all COUNT SEED SECONDS\n");
		return 2;
	}
	if (!getenv("FAIL_PAGE"))
		fail_page_begin(argv, argv[1]);
	attach();
	phase = getenv("CALLS_PHASE") ? strtoull(getenv("CALLS_PHASE"), NULL, 0) : 0;
	snprintf(data_path, sizeof(data_path), "%s/data", argv[1]);
	calls = count_calls();
	if (strcmp(argv[2], "all") == 0) {
		random_state = strtoull(argv[4], NULL, 0);
		phase = random_u64() % 6;
		run_random(calls, strtoull(argv[3], NULL, 0), strtod(argv[5], NULL));
	} else {
		struct run run = { strtoull(argv[3], NULL, 0), way_of(argv[2]),
				   strcmp(argv[5], "always") == 0 };
		uint64_t step = strtoull(argv[4], NULL, 0);

		do
			if (fail_fits(kinds[run.at], run.way))
				run_one(&run);
		while (step && (run.at += step) <= calls);
	}
	remove_data();
	printf("%llu calls, %llu runs, %llu failed, %llu stuck\n", (unsigned long long)calls,
	       (unsigned long long)runs_done, (unsigned long long)runs_failed,
	       (unsigned long long)runs_stuck);
	return runs_failed > 0;
}
