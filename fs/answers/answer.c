/*
 * Keeps answers: LOOKUP of a text below query/ begins its evaluation in the pool, and GETATTR,
 * OPEN and further LOOKUPs wait for the end of it. A caller that waits is an entry of a list,
 * not a thread: a thousand slow queries would else be a thousand threads.
 */
#include "fs/answers/answer.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/answers/answer_inner.h"
#include "fs/answers/query_dir.h"
#include "fs/answers/stream.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/reply.h"
#include "fs/snapshots/frozen_engine.h"

/* How long a LOOKUP waits, so that most have the exact size at once; it holds up its directory. */
#define LOOKUP_WAIT_NS (50 * NS_PER_MS)

/* --- the evaluation is over ------------------------------------------------------- */

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

/* Replies come after the lock: a reply to OPEN takes it again. */
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
		answer_unlink(table, answer);
	answer_table_make_room(table);
	if (answer->notes.is_personal)
		answer_learn_groups(answer);
	waits = answer->waits;
	answer->waits = NULL;
	pthread_mutex_unlock(&table->lock);
	reply_all(waits, answer->mount);
}

/* The job of an answer, in the pool; gives up its reference at the end. */
static void run(struct job *job)
{
	struct answer *answer = (struct answer *)job;
	struct diag diag = { 0 };
	struct frozen *frozen;
	struct engine *engine;
	int err = frozen_take_engine(answer->mount, answer->place.object_id, &frozen, &engine);

	if (err == OK) {
		err = answer_evaluate(answer, engine, &diag);
		frozen_release_engine(frozen);
	}
	if (err < 0 && !answer->too_large && err != ERR_CANCELLED)
		place_tell_request(answer->mount, &answer->place, buf_slice(&answer->text), err,
				   &diag, 0, buf_slice(&answer->text), answer->caller.uid);
	finish(answer, err);
	answer_unref(answer);
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
	answer_unref(answer);
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

/* With the lock; the request is replied to once, by reply_waiting() or reply_over(). */
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
	answer = answer_find(table, place, text, req, &caller);
	is_new = !answer;
	if (is_new)
		answer = answer_add(mount, place, text, &caller);
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
	answer_unref(answer);
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

/* Requests of callers that went away, and LOOKUPs that waited enough; `all`: every request. */
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
