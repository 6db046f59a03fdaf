/*
 * Keeps answers: LOOKUP of a text below query/ begins its evaluation in the pool, and GETATTR,
 * OPEN and further LOOKUPs wait for the end of it. A caller that waits is an entry of a list,
 * not a thread: a thousand slow queries would else be a thousand threads.
 */
#include "fs/answers/answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/answers/query_dir.h"
#include "fs/answers/stream.h"
#include "fs/nodes/access.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/snapshots/frozen_engine.h"

/* Looking up again so soon after it was ready runs nothing, whatever changed. */
#define REUSE_NS NS_PER_SECOND
/* How long a LOOKUP waits, so that most have the exact size at once; it holds up its directory. */
#define LOOKUP_WAIT_NS (50 * NS_PER_MS)
#define ANSWERS_MAX    1024u
#define DATABASES_MAX  16u

enum answer_state {
	ANSWER_RUNNING,
	ANSWER_READY,
	ANSWER_FAILED,
	ANSWER_LARGE, /* over the budget: streamed */
	ANSWER_GONE,  /* cancelled, or its memory was needed: look up again */
};

enum wait_kind { WAIT_LOOKUP, WAIT_ATTR, WAIT_OPEN };

struct wait {
	enum wait_kind kind;
	fuse_req_t req;
	struct node *node;
	struct fuse_file_info info; /* WAIT_OPEN */
	int64_t deadline_ns;	    /* WAIT_LOOKUP, monotonic */
	struct wait *next;
};

/* A database that the query reads, and its state when it did. */
struct used_database {
	uint32_t id;
	uint64_t version;
};

struct answer {
	struct job job;
	struct mount *mount;
	uint64_t number;
	struct place place;
	struct buf text; /* as below query/ */
	/* Whose LOOKUP began it: what it may is what the query may. Its groups are read when they
	 * are asked for, at the latest when that LOOKUP is answered; protected by the table's lock.
	 */
	struct caller caller;
	atomic_int references; /* the table's, the job's, the nodes' */
	atomic_bool cancelled; /* read by the query */

	/* set by the evaluation, read when it is over */
	struct buf bytes;
	struct used_database databases[DATABASES_MAX];
	size_t database_count;
	bool databases_overflow;
	uint64_t catalog_version;
	struct notes notes; /* for whom else it holds */
	bool keeps;	    /* holds as long as nothing changes */
	bool too_large;
	int64_t time_ns;  /* wall clock, its mtime */
	int64_t ready_ns; /* monotonic */
	int err;

	/* protected by the table's lock */
	enum answer_state state;
	struct wait *waits;
	unsigned open_count;
	bool linked;
	struct answer *next; /* newest first */
};

struct answer_table {
	pthread_mutex_t lock;
	struct answer *first; /* protected by lock */
	size_t count;	      /* protected by lock */
	uint64_t number_next; /* protected by lock */
	uint64_t bytes;	      /* of ready answers; protected by lock */
	uint64_t bytes_max;
	atomic_int wait_count;
};

struct answer_table *answer_table_new(uint64_t bytes_max)
{
	struct answer_table *table = calloc(1, sizeof(*table));

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	table->bytes_max = bytes_max;
	table->number_next = 1;
	return table;
}

static void unref(struct answer *answer)
{
	if (atomic_fetch_sub(&answer->references, 1) != 1)
		return;
	buf_release(&answer->bytes);
	buf_release(&answer->text);
	notes_release(&answer->notes);
	free(answer);
}

void answer_table_free(struct answer_table *table)
{
	for (struct answer *answer = table->first, *next; answer; answer = next) {
		next = answer->next;
		unref(answer);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

uint64_t answer_table_bytes(struct answer_table *table)
{
	uint64_t bytes;

	pthread_mutex_lock(&table->lock);
	bytes = table->bytes;
	pthread_mutex_unlock(&table->lock);
	return bytes;
}

bool answer_has_waiters(struct answer_table *table)
{
	return atomic_load(&table->wait_count) > 0;
}

/* --- the list; all of these are called with its lock -------------------------- */

/* Out of the list, and its bytes out of the sum. Whoever holds a reference still reads it. */
static void unlink_answer(struct answer_table *table, struct answer *answer)
{
	struct answer **link = &table->first;

	if (!answer->linked)
		return;
	while (*link != answer)
		link = &(*link)->next;
	*link = answer->next;
	answer->linked = false;
	table->count--;
	if (answer->state == ANSWER_READY)
		table->bytes -= answer->bytes.length;
	unref(answer);
}

/* For an answer that no file has open: frees its memory. A caller that still has its nodeid gets
 * ESTALE, and the kernel looks the name up again. */
static void evict(struct answer_table *table, struct answer *answer)
{
	atomic_fetch_add(&answer->references, 1);
	unlink_answer(table, answer);
	answer->state = ANSWER_GONE;
	buf_release(&answer->bytes);
	unref(answer);
}

/* The list is newest first, so the last one that fits is the oldest. */
static struct answer *oldest_evictable(struct answer_table *table)
{
	struct answer *oldest = NULL;

	for (struct answer *answer = table->first; answer; answer = answer->next)
		if (answer->state != ANSWER_RUNNING && answer->open_count == 0)
			oldest = answer;
	return oldest;
}

/* Drops the oldest answers until bytes and count are within their limits. */
static void make_room(struct answer_table *table)
{
	while (table->bytes > table->bytes_max || table->count > ANSWERS_MAX) {
		struct answer *oldest = oldest_evictable(table);

		/* Keep the newest, however large: its caller is about to open it, and would else
		 * evaluate it again and again. */
		if (!oldest || oldest == table->first)
			return;
		evict(table, oldest);
	}
}

/* Would the query give the same now? It would when neither names nor any database that it read were
 * changed since it began. */
static bool is_unchanged(const struct answer *answer)
{
	struct mount *mount = answer->mount;

	if (answer->place.object_id)
		return answer->keeps; /* a snapshot's */
	if (!answer->keeps || answer->databases_overflow ||
	    catalog_version(mount->catalog) != answer->catalog_version)
		return false;
	for (size_t i = 0; i < answer->database_count; i++)
		if (engine_database_version(mount->engine, answer->databases[i].id) !=
		    answer->databases[i].version)
			return false;
	return true;
}

static bool still_holds(struct answer *answer)
{
	switch (answer->state) {
	case ANSWER_RUNNING: return !atomic_load_explicit(&answer->cancelled, memory_order_relaxed);
	case ANSWER_GONE: return false;
	default:
		return env_monotonic_ns() - answer->ready_ns < REUSE_NS ||
		       (answer->state != ANSWER_FAILED && is_unchanged(answer));
	}
}

/*
 * While a LOOKUP waits its caller is there, and all that wait for what runs are of one caller
 * (is_for). Read at once, the groups would cost a small query a quarter more.
 */
static void learn_groups(struct answer *answer)
{
	for (struct wait *wait = answer->waits; wait; wait = wait->next)
		if (wait->kind == WAIT_LOOKUP)
			caller_learn_groups(wait->req, &answer->caller);
}

/* An answer that another caller's LOOKUP began is shared only when it is known which rights it
 * took: then it is for every caller that has them. */
static bool is_for(struct answer *answer, fuse_req_t req, struct caller *caller)
{
	/* Of a refusal `errors` told the asker alone: another one asks, and is told. */
	if (answer->state == ANSWER_FAILED && caller->uid != answer->caller.uid)
		return false;
	if (answer->state != ANSWER_RUNNING && !answer->notes.is_personal)
		return notes_hold_for(&answer->notes, answer->mount, req, caller);
	learn_groups(answer);
	caller_learn_groups(req, caller);
	return caller_equal(&answer->caller, caller) &&
	       (answer->state == ANSWER_RUNNING ||
		notes_hold_for(&answer->notes, answer->mount, req, caller));
}

static struct answer *find(struct answer_table *table, const struct place *place, struct slice text,
			   fuse_req_t req, struct caller *caller)
{
	for (struct answer *answer = table->first; answer; answer = answer->next)
		if (answer->place.database_id == place->database_id &&
		    answer->place.object_id == place->object_id &&
		    slice_equal(buf_slice(&answer->text), text) && still_holds(answer) &&
		    is_for(answer, req, caller))
			return answer;
	return NULL;
}

static struct answer *add(struct mount *mount, const struct place *place, struct slice text,
			  const struct caller *caller)
{
	struct answer_table *table = mount->answers;
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		log_out_of_memory(sizeof(*answer));
	answer->mount = mount;
	answer->number = table->number_next++;
	answer->place = *place;
	answer->place.unique = answer->number;
	answer->caller = *caller;
	answer->notes.is_past = place->object_id != 0;
	buf_append_slice(&answer->text, text);
	atomic_init(&answer->references, 2); /* the table's and the job's */
	answer->time_ns = env_now_ns();
	answer->linked = true;
	answer->next = table->first;
	table->first = answer;
	table->count++;
	make_room(table);
	return answer;
}

/* --- evaluation ---------------------------------------------------------------- */

/* Takes the next piece of the answer. Over the budget the evaluation ends, and each open file
 * streams its own (stream.h). */
static int sink_write(void *arg, struct slice bytes)
{
	struct answer *answer = arg;

	if (answer->bytes.length + bytes.length > answer->mount->options.query_memory_mb << 20) {
		answer->too_large = true;
		return ERR_LIMIT;
	}
	if (!buf_try_reserve(&answer->bytes, bytes.length))
		return ERR_MEMORY;
	buf_append_slice(&answer->bytes, bytes);
	return OK;
}

/* Notes a database that the query reads, with its version before the first read: a write that comes
 * later makes the answer old. */
static void add_database(struct answer *answer, uint32_t id)
{
	for (size_t i = 0; i < answer->database_count; i++)
		if (answer->databases[i].id == id)
			return;
	if (answer->database_count == DATABASES_MAX) {
		answer->databases_overflow = true;
		return;
	}
	answer->databases[answer->database_count++] =
		(struct used_database){ id, id ? engine_database_version(answer->mount->engine, id)
					       : 0 };
}

struct evaluation {
	struct answer *answer;
	struct catalog *catalog; /* the snapshot's, or the mount's */
	struct caller caller;	 /* the answer's, with what is known of its groups */
};

static void need_groups(struct evaluation *evaluation, uint32_t id, bool write)
{
	struct answer_table *table = evaluation->answer->mount->answers;
	struct object object;

	if (catalog_get(evaluation->catalog, id ? id : OBJECT_ROOT_ID, &object) < 0 ||
	    !caller_needs_groups(&evaluation->caller, &object.attrs, write))
		return;
	pthread_mutex_lock(&table->lock);
	learn_groups(evaluation->answer);
	evaluation->caller = evaluation->answer->caller;
	pthread_mutex_unlock(&table->lock);
}

static int check_access(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	struct evaluation *evaluation = arg;
	struct answer *answer = evaluation->answer;

	if (!evaluation->caller.has_groups && evaluation->caller.uid != 0)
		need_groups(evaluation, policy_id ? policy_id : database_id, write);
	TRY(notes_check(&answer->notes, answer->mount, evaluation->catalog, &evaluation->caller,
			database_id, policy_id, write));
	if (!policy_id && database_id != QUERY_ALL_DATABASES)
		add_database(answer, database_id);
	return OK;
}

/* SHOW answers about the running server too, which no version counts. */
static bool is_select(struct slice statement)
{
	while (statement.length && strchr(" \t\r\n", statement.data[0]))
		statement = slice_from(statement, 1);
	return statement.length >= 6 && strncasecmp(statement.data, "select", 6) == 0;
}

static int evaluate(struct answer *answer, struct engine *engine, struct diag *diag)
{
	struct mount *mount = answer->mount;
	struct query_sink sink = { sink_write, answer };
	struct query_options options = { 0 };
	struct buf buffer = { 0 };
	struct slice statement;
	struct evaluation evaluation = { .answer = answer, .catalog = engine_catalog(engine) };
	struct query_env env = {
		.engine = engine,
		.database_id = answer->place.database_id,
		.access = { .check = check_access,
			    .arg = &evaluation,
			    .attrs = caller_attrs(&answer->caller, 0) },
		.limits = &mount->query_limits,
		.cancelled = &answer->cancelled,
		.read_only = true,
	};
	int err =
		query_options_parse(buf_slice(&answer->text), &options, &buffer, &statement, diag);

	pthread_mutex_lock(&mount->answers->lock);
	evaluation.caller = answer->caller;
	pthread_mutex_unlock(&mount->answers->lock);

	if (err == OK) {
		answer->catalog_version = catalog_version(mount->catalog);
		add_database(answer, answer->place.database_id);
		answer->keeps =
			is_select(statement) && !options.fresh && !query_uses_now(statement);
		err = query_run(&env, statement, &options, &sink, diag);
	}
	buf_release(&buffer);
	return err;
}

static void reply_open_waiting(struct wait *wait, struct mount *mount)
{
	struct handle *handle;
	int err = answer_kind.open(wait->req, mount, wait->node, &wait->info, &handle);

	if (err == OK)
		reply_open(wait->req, &wait->info, handle);
	else if (err < 0)
		reply_err(wait->req, err);
}

/* The evaluation is over: answers one request that waited for it, with the answer or its error. */
static void reply_waiting(struct wait *wait, struct mount *mount)
{
	switch (wait->kind) {
	case WAIT_LOOKUP: reply_entry(wait->req, mount, wait->node); break;
	case WAIT_ATTR: reply_attr(wait->req, mount, wait->node); break;
	case WAIT_OPEN: reply_open_waiting(wait, mount); break;
	}
	atomic_fetch_sub(&mount->answers->wait_count, 1);
	free(wait);
}

static void reply_all(struct wait *waits, struct mount *mount)
{
	for (struct wait *wait = waits, *next; wait; wait = next) {
		next = wait->next;
		reply_waiting(wait, mount);
	}
}

/* What an evaluation that ended with `err` leaves. */
static enum answer_state state_after(const struct answer *answer, int err)
{
	if (answer->too_large)
		return ANSWER_LARGE;
	if (err == OK)
		return ANSWER_READY;
	return err == ERR_CANCELLED && answer->cancelled ? ANSWER_GONE : ANSWER_FAILED;
}

static void finish(struct answer *answer, int err)
{
	struct answer_table *table = answer->mount->answers;
	struct wait *waits;

	pthread_mutex_lock(&table->lock);
	answer->err = err;
	answer->ready_ns = env_monotonic_ns();
	answer->state = state_after(answer, err);
	if (answer->state != ANSWER_READY)
		buf_release(&answer->bytes);
	else if (answer->linked)
		table->bytes += answer->bytes.length;
	if (answer->state == ANSWER_GONE)
		unlink_answer(table, answer);
	make_room(table);
	if (answer->notes.is_personal)
		learn_groups(answer);
	waits = answer->waits;
	answer->waits = NULL;
	pthread_mutex_unlock(&table->lock);
	reply_all(waits, answer->mount);
}

static void run(struct job *job)
{
	struct answer *answer = (struct answer *)job;
	struct diag diag = { 0 };
	struct frozen *frozen;
	struct engine *engine;
	int err = frozen_take_engine(answer->mount, answer->place.object_id, &frozen, &engine);

	if (err == OK) {
		err = evaluate(answer, engine, &diag);
		frozen_release_engine(frozen);
	}
	if (err < 0 && !answer->too_large && err != ERR_CANCELLED)
		place_tell_request(answer->mount, &answer->place, buf_slice(&answer->text), err,
				   &diag, 0, buf_slice(&answer->text), answer->caller.uid);
	finish(answer, err);
	unref(answer);
}

/* --- nodes ----------------------------------------------------------------------- */

static struct answer *answer_of(const struct node *node)
{
	return node->payload;
}

/* The kernel forgot the nodeid: nobody can come for what still runs. */
static void payload_release(void *payload)
{
	struct answer *answer = payload;
	struct answer_table *table = answer->mount->answers;

	pthread_mutex_lock(&table->lock);
	if (answer->state == ANSWER_RUNNING && !answer->waits)
		atomic_store_explicit(&answer->cancelled, true, memory_order_relaxed);
	pthread_mutex_unlock(&table->lock);
	unref(answer);
}

static struct node *node_of(struct mount *mount, struct answer *answer)
{
	struct slice text = buf_slice(&answer->text);
	struct node *node = node_take(mount->nodes, &answer->place, text);

	if (node)
		return node;
	node = node_add(mount->nodes, &answer->place, text);
	atomic_fetch_add(&answer->references, 1);
	node->payload = answer;
	node->payload_release = payload_release;
	node_key(mount->nodes, node);
	return node;
}

static void add_wait(struct answer *answer, enum wait_kind kind, fuse_req_t req, struct node *node,
		     const struct fuse_file_info *info)
{
	struct wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		log_out_of_memory(sizeof(*wait));
	wait->kind = kind;
	wait->req = req;
	wait->node = node;
	if (info)
		wait->info = *info;
	wait->deadline_ns = env_monotonic_ns() + LOOKUP_WAIT_NS;
	wait->next = answer->waits;
	answer->waits = wait;
	atomic_fetch_add(&answer->mount->answers->wait_count, 1);
}

/* Waits when it runs; false: it is over, and the caller answers at once. */
static bool wait_for(struct mount *mount, struct answer *answer, enum wait_kind kind,
		     fuse_req_t req, struct node *node, const struct fuse_file_info *info)
{
	bool waits;

	pthread_mutex_lock(&mount->answers->lock);
	waits = answer->state == ANSWER_RUNNING &&
		!atomic_load_explicit(&answer->cancelled, memory_order_relaxed);
	if (waits)
		add_wait(answer, kind, req, node, info);
	pthread_mutex_unlock(&mount->answers->lock);
	return waits;
}

/* END always: LOOKUP is answered here, at once or when the evaluation is over. */
static int answer_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
			 struct slice text, struct node **out)
{
	struct answer_table *table = mount->answers;
	struct answer *answer;
	struct caller caller;
	struct node *node;
	bool is_new;

	caller_of(req, false, &caller);
	pthread_mutex_lock(&table->lock);
	answer = find(table, place, text, req, &caller);
	is_new = !answer;
	if (is_new)
		answer = add(mount, place, text, &caller);
	else
		counter_add(COUNTER_ANSWERS_REUSED, 1);
	atomic_fetch_add(&answer->references, 1);
	pthread_mutex_unlock(&table->lock);
	node = node_of(mount, answer);
	/* Before pool_submit(): an evaluation that ended first would find nobody to answer. */
	if (!wait_for(mount, answer, WAIT_LOOKUP, req, node, NULL))
		reply_entry(req, mount, node);
	if (is_new) {
		answer->job.run = run;
		pool_submit(mount->queries, &answer->job);
	}
	unref(answer);
	return END;
}

/* What a caller is told now. END: it has to wait. */
static int outcome(const struct answer *answer)
{
	switch (answer->state) {
	case ANSWER_RUNNING: return answer->cancelled ? ERR_STALE : END;
	case ANSWER_FAILED: return answer->err;
	case ANSWER_GONE: return ERR_STALE;
	default: return OK;
	}
}

static int answer_stat(struct mount *mount, struct node *node, struct stat *out)
{
	struct answer *answer = answer_of(node);
	struct object database;
	struct attrs attrs;
	uint64_t size;
	int err;

	TRY(catalog_get(mount->catalog, node->place.database_id, &database));
	attrs = database.attrs;
	pthread_mutex_lock(&mount->answers->lock);
	err = outcome(answer);
	size = answer->state == ANSWER_READY ? answer->bytes.length : 0;
	attrs.atime_ns = attrs.mtime_ns = attrs.ctime_ns = answer->time_ns;
	pthread_mutex_unlock(&mount->answers->lock);
	attr_fill(out, KIND_ANSWER, &attrs, size);
	out->st_ino = tree_ino(&node->place, node_text(node));
	return err;
}

/* May the kernel keep the attributes? Only of an answer that is ready, and that no mode hides from
 * another caller on the same path. */
static bool answer_is_settled(struct mount *mount, const struct node *node)
{
	bool settled;

	pthread_mutex_lock(&mount->answers->lock);
	/* Where rights differ by caller, the kernel asks for each: it would tell one of another. */
	settled = answer_of(node)->state == ANSWER_READY &&
		  notes_are_open(&answer_of(node)->notes, node->place.database_id);
	pthread_mutex_unlock(&mount->answers->lock);
	return settled;
}

static void answer_wait(fuse_req_t req, struct mount *mount, struct node *node)
{
	if (!wait_for(mount, answer_of(node), WAIT_ATTR, req, node, NULL))
		reply_attr(req, mount, node);
}

/* --- open files -------------------------------------------------------------------- */

static void answer_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	reply_bytes(req, buf_slice(&answer_of(handle->node)->bytes), length, offset);
}

static void answer_release(struct handle *handle)
{
	struct answer *answer = answer_of(handle->node);

	pthread_mutex_lock(&handle->mount->answers->lock);
	answer->open_count--;
	pthread_mutex_unlock(&handle->mount->answers->lock);
	handle_free(handle);
}

static const struct handle_ops answer_handle_ops = {
	.read = answer_read,
	.release = answer_release,
};

/*
 * May this caller have the answer? LOOKUP has checked it, but a nodeid can also be reached by a
 * descriptor that was passed on, and modes can have been changed since.
 */
static int check_rights(fuse_req_t req, struct mount *mount, const struct answer *answer)
{
	struct caller caller;

	caller_of(req, false, &caller);
	if (answer->notes.is_personal && caller.uid != answer->caller.uid && caller.uid != 0)
		return ERR_ACCESS;
	return notes_allow(&answer->notes, mount, req, &caller);
}

static int answer_check(fuse_req_t req, struct mount *mount, struct node *node)
{
	struct answer *answer = answer_of(node);
	bool runs;

	/* fstat(2) of an open file: the process that opened it may have passed it on to one with
	 * fewer rights, which may read it and so may know its size. */
	if (atomic_load(&node->handle_count) > 0)
		return OK;
	pthread_mutex_lock(&mount->answers->lock);
	runs = answer->state == ANSWER_RUNNING;
	pthread_mutex_unlock(&mount->answers->lock);
	return runs ? OK : check_rights(req, mount, answer);
}

static int answer_open(fuse_req_t req, struct mount *mount, struct node *node,
		       struct fuse_file_info *info, struct handle **out)
{
	struct answer *answer = answer_of(node);
	bool large;
	int err;

	if (wait_for(mount, answer, WAIT_OPEN, req, node, info))
		return END;
	pthread_mutex_lock(&mount->answers->lock);
	err = outcome(answer);
	large = answer->state == ANSWER_LARGE;
	if (err == OK)
		answer->open_count++;
	pthread_mutex_unlock(&mount->answers->lock);
	if (err != OK)
		return err == END ? ERR_STALE : err;
	err = check_rights(req, mount, answer);
	if (err == OK && large)
		err = stream_open(req, mount, node, info, out);
	if (err < 0 || large) {
		pthread_mutex_lock(&mount->answers->lock);
		answer->open_count--;
		pthread_mutex_unlock(&mount->answers->lock);
		return err;
	}
	*out = handle_new(sizeof(**out), &answer_handle_ops, mount, node, info->flags);
	info->keep_cache = 1;
	info->noflush = 1;
	return OK;
}

/* --- callers that went away -------------------------------------------------------------- */

/* Take the waits that are over out of an answer's list; called with the lock. */
static struct wait *take_over(struct answer *answer, bool all, bool *interrupted)
{
	int64_t now_ns = env_monotonic_ns();
	struct wait *taken = NULL;

	for (struct wait **link = &answer->waits; *link;) {
		struct wait *wait = *link;
		bool gone = all || fuse_req_interrupted(wait->req);

		if (!gone && !(wait->kind == WAIT_LOOKUP && now_ns > wait->deadline_ns)) {
			link = &wait->next;
			continue;
		}
		*interrupted |= gone;
		/* The query goes on, its caller perhaps not. */
		if (wait->kind == WAIT_LOOKUP)
			caller_learn_groups(wait->req, &answer->caller);
		*link = wait->next;
		wait->deadline_ns = gone ? 0 : wait->deadline_ns;
		wait->next = taken;
		taken = wait;
	}
	return taken;
}

/* A deadline of 0: it was interrupted. */
static void reply_over(struct wait *waits, struct mount *mount)
{
	for (struct wait *wait = waits, *next; wait; wait = next) {
		next = wait->next;
		if (wait->deadline_ns != 0) {
			reply_waiting(wait, mount);
			continue;
		}
		fuse_reply_err(wait->req, EINTR);
		if (wait->kind == WAIT_LOOKUP)
			node_forget(mount->nodes, wait->node->id, 1);
		atomic_fetch_sub(&mount->answers->wait_count, 1);
		free(wait);
	}
}

static void look_after(struct mount *mount, bool all)
{
	struct answer_table *table = mount->answers;
	struct wait *over = NULL;

	pthread_mutex_lock(&table->lock);
	for (struct answer *answer = table->first; answer; answer = answer->next) {
		bool interrupted = all;
		struct wait *taken;

		if (answer->state != ANSWER_RUNNING)
			continue;
		taken = take_over(answer, all, &interrupted);
		if (interrupted && !answer->waits)
			atomic_store_explicit(&answer->cancelled, true, memory_order_relaxed);
		while (taken) {
			struct wait *next = taken->next;

			taken->next = over;
			over = taken;
			taken = next;
		}
	}
	pthread_mutex_unlock(&table->lock);
	reply_over(over, mount);
}

void answer_tick(struct mount *mount)
{
	look_after(mount, false);
}

void answer_cancel_all(struct mount *mount)
{
	look_after(mount, true);
}

const struct kind_ops answer_kind = {
	.lookup = answer_lookup,
	.print = query_dir_print,
	.attr_seconds = KIND_SECONDS_FOR_EVER,
	.is_steady = answer_is_settled,
	.stat = answer_stat,
	.check = answer_check,
	.wait = answer_wait,
	.open = answer_open,
};
