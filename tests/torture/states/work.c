/*
 * The workload whose calls are recorded: some writers, and one thread that flushes, compacts,
 * freezes, renames and drops meanwhile.
 *
 *	states_work DATADIR SEED default|sync|long [FIRST [end|kill]]
 *
 * (states_work_mount MOUNTPOINT … does the same through a mount.) It marks in the recording what it
 * asks for and what was acknowledged; model.h says how. Every value is written once, and its name
 * says whose it is, so that any that turns up elsewhere is known. FIRST numbers what is done from
 * there, for a process that goes on where another ended; `kill` ends without closing.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/when.h"
#include "tests/torture/states/record.h"
#include "tests/torture/states/work.h"

#define WRITERS	   3u
#define SHARED	   3u /* databases that all writers write to */
#define STEPS	   28u
#define START_S	   INT64_C(1699833600) /* a Monday */
#define WEEKS	   2u
#define WEEK_S	   (7 * 86400)
#define SERIES_MAX 64u
#define FIELDS_MAX 6u

struct random {
	uint64_t state;
};

static uint64_t roll(struct random *random, uint64_t sides)
{
	uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % sides;
}

static uint64_t seed, first;
static _Atomic uint64_t operations;
static record_mark_function *mark;

/* --- marks ---------------------------------------------------------------------------- */

static uint64_t begin(unsigned thread, const char *what, struct slice body)
{
	uint64_t number = first + ++operations;
	struct buf text = { 0 };

	buf_printf(&text, "+ %llu %u %s\n", (unsigned long long)number, thread, what);
	buf_append_slice(&text, body);
	mark(text.data, text.length);
	buf_release(&text);
	return number;
}

static void end(uint64_t number, int err)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "- %llu %d\n", (unsigned long long)number, err);

	mark(text, (uint64_t)length);
}

/* --- writers ------------------------------------------------------------------------------ */

/* A series that a thread has made, and where. */
struct made {
	unsigned database, policy;
	char key[64];
	int64_t times_s[8];
	unsigned time_count;
};

struct worker {
	unsigned number;
	struct random random;
	struct made made[SERIES_MAX];
	unsigned made_count;
	unsigned names; /* given so far */
};

static const char *const measurements[] = { "cpu", "mem", "net" };

static void database_name(unsigned database, char name[32])
{
	snprintf(name, 32, "d%u", database);
}

/* Policy 0 of every shared database, policy 1 of the first. */
static void policy_name(unsigned policy, char name[32])
{
	snprintf(name, 32, "p%u", policy);
}

static struct made *series_of(struct worker *worker)
{
	struct random *random = &worker->random;

	if (worker->made_count && (worker->made_count == SERIES_MAX || roll(random, 4)))
		return &worker->made[roll(random, worker->made_count)];
	struct made *made = &worker->made[worker->made_count++];
	made->database = (unsigned)roll(random, SHARED);
	made->policy = made->database == 0 && roll(random, 2);
	made->time_count = 0;
	snprintf(made->key, sizeof(made->key), "%s,h=%llu,w=%llu", measurements[roll(random, 3)],
		 (unsigned long long)roll(random, 6), (unsigned long long)(first + worker->number));
	for (struct made *other = worker->made; other < made; other++)
		if (strcmp(other->key, made->key) == 0 && other->database == made->database &&
		    other->policy == made->policy) {
			worker->made_count--;
			return other;
		}
	return made;
}

static int64_t time_of(struct worker *worker, struct made *made)
{
	struct random *random = &worker->random;

	if (made->time_count && roll(random, 5) == 0)
		return made->times_s[roll(random, made->time_count)];
	int64_t time_s =
		START_S + (int64_t)roll(random, WEEKS) * WEEK_S + (int64_t)roll(random, 70000);
	if (made->time_count < 8)
		made->times_s[made->time_count++] = time_s;
	return time_s;
}

/* Names of fields come anew all the time; the first letter tells the type. */
static void field_name(struct worker *worker, char name[32])
{
	struct random *random = &worker->random;

	if (roll(random, 4) == 0)
		snprintf(name, 32, "%c%llu_%u", "ids"[roll(random, 3)],
			 (unsigned long long)(first + worker->number), worker -> names++);
	else
		snprintf(name, 32, "%c%u", "ids"[roll(random, 3)], (unsigned)roll(random, 3));
}

static void print_field(struct worker *worker, struct buf *line, uint64_t value)
{
	char name[32];

	field_name(worker, name);
	buf_printf(line,
		   name[0] == 'i'   ? "%s=%llui"
		   : name[0] == 'd' ? "%s=%llu.5"
				    : "%s=\"v%llu\"",
		   name, (unsigned long long)value);
}

static _Atomic uint64_t values;

static void print_line_at(struct worker *worker, const struct made *made, int64_t time_s,
			  struct buf *text)
{
	char names[FIELDS_MAX][32];
	unsigned fields = 1 + (unsigned)roll(&worker->random, 3), count = 0;

	buf_printf(text, "%s ", made->key);
	for (unsigned i = 0; i < fields; i++) {
		struct buf field = { 0 };
		unsigned before = 0;

		print_field(worker, &field, first * 100 + ++values);
		snprintf(names[count], 32, "%.*s", (int)strcspn(buf_text(&field), "="), field.data);
		while (before < count && strcmp(names[before], names[count]) != 0)
			before++;
		if (before == count) {
			buf_append_text(text, count ? "," : "");
			buf_append_slice(text, buf_slice(&field));
			count++;
		}
		buf_release(&field);
	}
	buf_printf(text, " %lld000000000\n", (long long)time_s);
}

static void print_line(struct worker *worker, struct made *made, struct buf *text)
{
	print_line_at(worker, made, time_of(worker, made), text);
}

static void write_some(struct worker *worker)
{
	struct made *made = series_of(worker);
	unsigned lines = 1 + (unsigned)roll(&worker->random, 4);
	char database[32], policy[32], what[80];
	struct buf text = { 0 };

	for (unsigned i = 0; i < lines; i++) {
		struct made *next = series_of(worker);

		/* One call goes to one policy. */
		if (next->database == made->database && next->policy == made->policy)
			print_line(worker, next, &text);
	}
	if (text.length == 0)
		print_line(worker, made, &text);
	database_name(made->database, database);
	policy_name(made->policy, policy);
	snprintf(what, sizeof(what), "write %s %s", database, policy);
	uint64_t number = begin(worker->number, what, buf_slice(&text));
	end(number, work_write(database, policy, buf_slice(&text)));
	buf_release(&text);
}

/* A series gives way to other points of it, in one group: its own times all lie in it. */
static void replace_some(struct worker *worker)
{
	struct made *made;
	char database[32], policy[32], what[220];
	struct buf text = { 0 };
	int64_t start_s, end_s, time_s;

	if (!worker->made_count)
		return;
	made = &worker->made[roll(&worker->random, worker->made_count)];
	if (!made->time_count)
		return;
	time_s = made->times_s[roll(&worker->random, made->time_count)];
	database_name(made->database, database);
	policy_name(made->policy, policy);
	if (work_find_group(database, policy, time_s, &start_s, &end_s) < 0)
		return;
	for (unsigned i = 0; i < 2; i++)
		print_line_at(worker, made, start_s + (int64_t)roll(&worker->random, 70000), &text);
	snprintf(what, sizeof(what), "replace %s %s %s %lld %lld", database, policy, made->key,
		 (long long)start_s, (long long)end_s);
	uint64_t number = begin(worker->number, what, buf_slice(&text));
	end(number, work_replace(database, policy, start_s, end_s, made->key, buf_slice(&text)));
	buf_release(&text);
}

static void call(struct worker *worker, const char *what, int (*function)(void))
{
	uint64_t number = begin(worker->number, what, SLICE(""));

	end(number, function());
}

static void sync_now(struct worker *worker)
{
	char database[32];
	uint64_t number = begin(worker->number, "sync", SLICE(""));

	database_name((unsigned)roll(&worker->random, SHARED), database);
	end(number, work_sync(database));
}

static void delete_some(struct worker *worker)
{
	struct made *made;
	char database[32], policy[32], what[160];

	if (!worker->made_count)
		return;
	made = &worker->made[roll(&worker->random, worker->made_count)];
	database_name(made->database, database);
	policy_name(made->policy, policy);
	snprintf(what, sizeof(what), "delete %s %s %s", database, policy, made->key);
	uint64_t number = begin(worker->number, what, SLICE(""));
	end(number, work_delete(database, policy, made->key));
}

/* Bursts, and now and then a while as long as a flush, so that some fall into each part of one. */
static void pause_some(struct random *random)
{
	uint64_t us = roll(random, 3) ? roll(random, 400) : roll(random, 60000);

	nanosleep(&(struct timespec){ 0, (long)us * 1000 }, NULL);
}

/* The last of the writers never syncs: what it wrote is durable by others. */
static void *writer(void *arg)
{
	struct worker *worker = arg;
	uint64_t syncs = seed % 5; /* in some workloads hardly anybody asks for a sync */

	for (unsigned step = 0; step < STEPS; step++) {
		uint64_t side = roll(&worker->random, 24);

		if (side < syncs && worker->number + 1 < WRITERS)
			sync_now(worker);
		else if (side == 5)
			delete_some(worker);
		else if (side == 6)
			replace_some(worker);
		else if (side == 7)
			call(worker, "flush", work_flush);
		else
			write_some(worker);
		pause_some(&worker->random);
	}
	return NULL;
}

/* --- the one that keeps house --------------------------------------------------------------- */

/* A database of its own, which it renames and drops. */
struct own {
	uint64_t number;
	char name[32];
	char policy[32];
	unsigned renamed;
	bool is_there;
};

struct keeper {
	struct worker worker;
	struct own own[8];
	unsigned own_count;
	char frozen[8][32]; /* of shared database 0 */
	unsigned frozen_count, freezes;
};

/* Groups from here on are shorter or longer, and of another number of shards. */
static void set_policy(struct keeper *keeper, const struct own *own)
{
	static const unsigned hours[] = { 1, 24, 168 };
	unsigned shards = 1 + (unsigned)roll(&keeper->worker.random, 3);
	unsigned each = hours[roll(&keeper->worker.random, 3)];
	char what[120];

	if (!own)
		return;
	snprintf(what, sizeof(what), "settings %s %s %u/%uh", own->name, own->policy, shards, each);
	uint64_t number = begin(keeper->worker.number, what, SLICE(""));
	end(number, work_set_policy(own->name, own->policy, shards, each));
}

static void make_own(struct keeper *keeper)
{
	struct own *own = &keeper->own[keeper->own_count];
	unsigned thread = keeper->worker.number;
	char what[80];

	if (keeper->own_count == 8)
		return;
	keeper->own_count++;
	*own = (struct own){ .number = first + 100 + keeper->own_count, .is_there = true };
	snprintf(own->name, sizeof(own->name), "d%llu", (unsigned long long)own->number);
	snprintf(own->policy, sizeof(own->policy), "p0");
	snprintf(what, sizeof(what), "database %s", own->name);
	uint64_t number = begin(thread, what, SLICE(""));
	end(number, work_make_database(own->name));
	snprintf(what, sizeof(what), "policy %s p0 1/168h", own->name);
	number = begin(thread, what, SLICE(""));
	end(number, work_make_policy(own->name, "p0", 1, 168));
	if (roll(&keeper->worker.random, 2))
		set_policy(keeper, own);
}

static struct own *some_own(struct keeper *keeper)
{
	struct own *own = keeper->own_count
				  ? &keeper->own[roll(&keeper->worker.random, keeper->own_count)]
				  : NULL;

	return own && own->is_there ? own : NULL;
}

static void write_own(struct keeper *keeper)
{
	struct own *own = some_own(keeper);
	struct made made = { 0 };
	char what[80];
	struct buf text = { 0 };

	if (!own)
		return;
	for (unsigned i = 0; i < 3; i++) {
		made.time_count = 0;
		snprintf(made.key, sizeof(made.key), "%s,h=%llu,w=%llu",
			 measurements[roll(&keeper->worker.random, 3)],
			 (unsigned long long)roll(&keeper->worker.random, 6),
			 (unsigned long long)(first + keeper->worker.number));
		print_line(&keeper->worker, &made, &text);
	}
	snprintf(what, sizeof(what), "write %s %s", own->name, own->policy);
	uint64_t number = begin(keeper->worker.number, what, buf_slice(&text));
	end(number, work_write(own->name, own->policy, buf_slice(&text)));
	buf_release(&text);
}

static void rename_own(struct keeper *keeper)
{
	struct own *own = some_own(keeper);
	char to[32], what[120];

	if (!own)
		return;
	bool of_policy = roll(&keeper->worker.random, 2);
	if (of_policy)
		snprintf(to, sizeof(to), "p0r%u", ++own->renamed);
	else
		snprintf(to, sizeof(to), "d%llur%u", (unsigned long long)own->number,
			 ++own->renamed);
	snprintf(what, sizeof(what), "rename %s %s %s", own->name, of_policy ? own->policy : "-",
		 to);
	uint64_t number = begin(keeper->worker.number, what, SLICE(""));
	int err = work_rename(own->name, of_policy ? own->policy : NULL, to);
	end(number, err);
	if (err >= 0)
		snprintf(of_policy ? own->policy : own->name, 32, "%s", to);
}

static void drop_own(struct keeper *keeper)
{
	struct own *own = some_own(keeper);
	char what[80];

	if (!own)
		return;
	own->is_there = false;
	snprintf(what, sizeof(what), "drop %s -", own->name);
	uint64_t number = begin(keeper->worker.number, what, SLICE(""));
	end(number, work_drop(own->name, NULL));
}

/* Of one of its own databases: nobody else writes there. */
static void drop_group(struct keeper *keeper)
{
	struct own *own = some_own(keeper);
	int64_t time_s = START_S + (int64_t)roll(&keeper->worker.random, WEEKS) * WEEK_S +
			 (int64_t)roll(&keeper->worker.random, 70000);
	int64_t start_s, end_s;
	char what[120];

	if (!own || work_find_group(own->name, own->policy, time_s, &start_s, &end_s) < 0)
		return;
	snprintf(what, sizeof(what), "dropgroup %s %s - %lld %lld", own->name, own->policy,
		 (long long)start_s, (long long)end_s);
	uint64_t number = begin(keeper->worker.number, what, SLICE(""));
	end(number, work_drop_group(own->name, own->policy, start_s, end_s));
}

static void freeze_some(struct keeper *keeper)
{
	char what[80], name[32];

	if (keeper->frozen_count == 8)
		return;
	snprintf(name, sizeof(name), "s%llu_%u", (unsigned long long)first, keeper->freezes++);
	snprintf(what, sizeof(what), "freeze d0 %s", name);
	uint64_t number = begin(keeper->worker.number, what, SLICE(""));
	int err = work_freeze("d0", name);
	end(number, err);
	if (err >= 0)
		memcpy(keeper->frozen[keeper->frozen_count++], name, sizeof(name));
}

static void thaw_some(struct keeper *keeper)
{
	char what[80];

	if (!keeper->frozen_count)
		return;
	const char *name = keeper->frozen[--keeper->frozen_count];
	snprintf(what, sizeof(what), "thaw d0 %s", name);
	uint64_t number = begin(keeper->worker.number, what, SLICE(""));
	end(number, work_thaw("d0", name));
}

static void *keep(void *arg)
{
	struct keeper *keeper = arg;
	struct random *random = &keeper->worker.random;

	for (unsigned step = 0; step < STEPS; step++) {
		switch (roll(random, 24)) {
		case 0: make_own(keeper); break;
		case 1: make_own(keeper); /* fall through */
		case 2:
		case 3: write_own(keeper); break;
		case 4: rename_own(keeper); break;
		case 5: drop_own(keeper); break;
		case 6: freeze_some(keeper); break;
		case 7: thaw_some(keeper); break;
		case 8: call(&keeper->worker, "compact", work_compact); break;
		case 9: sync_now(&keeper->worker); break;
		case 10:
		case 11:
		case 12: drop_group(keeper); break;
		case 13: set_policy(keeper, some_own(keeper)); break;
		case 14:
		case 15:
		case 16: write_own(keeper); break;
		default: call(&keeper->worker, "flush", work_flush); break;
		}
		nanosleep(&(struct timespec){ 0, (long)roll(random, 4000) * 1000 }, NULL);
	}
	return NULL;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void make_shared(unsigned thread)
{
	char database[32], what[80];

	for (unsigned i = 0; i < SHARED; i++) {
		database_name(i, database);
		snprintf(what, sizeof(what), "database %s", database);
		uint64_t number = begin(thread, what, SLICE(""));
		end(number, work_make_database(database));
		snprintf(what, sizeof(what), "policy %s p0 1/168h", database);
		number = begin(thread, what, SLICE(""));
		end(number, work_make_policy(database, "p0", 1, 168));
		if (i > 0)
			continue;
		snprintf(what, sizeof(what), "policy %s p1 2/24h", database);
		number = begin(thread, what, SLICE(""));
		end(number, work_make_policy(database, "p1", 2, 24));
	}
}

static void run_threads(void)
{
	static struct worker workers[WRITERS];
	static struct keeper keeper;
	pthread_t threads[WRITERS + 1];

	for (unsigned i = 0; i < WRITERS; i++) {
		workers[i].number = i;
		workers[i].random.state = seed * 1000 + first + i;
		pthread_create(&threads[i], NULL, writer, &workers[i]);
	}
	keeper.worker.number = WRITERS;
	keeper.worker.random.state = seed * 1000 + first + WRITERS;
	pthread_create(&threads[WRITERS], NULL, keep, &keeper);
	for (unsigned i = 0; i <= WRITERS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: states_work DIR SEED default|sync|long [FIRST [kill]]\n");
		return 2;
	}
	mark = (record_mark_function *)dlsym(RTLD_DEFAULT, "record_mark");
	if (!mark) {
		fprintf(stderr, "states_work: nobody records\n");
		return 2;
	}
	seed = strtoull(argv[2], NULL, 10);
	first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	bool sync_writes = strcmp(argv[3], "sync") == 0;
	mark(sync_writes ? "= sync\n" : "= commit\n", sync_writes ? 7 : 9);
	if (work_open(argv[1], sync_writes, strcmp(argv[3], "long") == 0 ? 3600 : 1) < 0)
		return 1;
	if (first == 0)
		make_shared(WRITERS);
	run_threads();
	if (argc > 5)
		_exit(0);
	uint64_t number = begin(WRITERS, "close", SLICE(""));
	int err = work_close();
	end(number, err);
	return err < 0;
}
