/*
 * Streams an answer that is too large to keep: a thread formats into a ring of STREAM_BYTES,
 * and reads take bytes out of it. The thread waits while the ring is full, so that a slow
 * reader costs a megabyte and no more.
 */
#include "fs/answers/stream.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/nodes/access.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/snapshots/frozen_engine.h"

/* A read that waits is answered when this much is there, so that pieces are not tiny. */
#define PIECE_BYTES ((size_t)64 << 10)

/* A read(2) that waits; several processes may have one open file. */
struct stream_wait {
	fuse_req_t req;
	size_t length;
	struct stream_wait *next;
};

struct stream {
	struct mount *mount;
	struct place place;
	struct buf text;
	struct caller caller;  /* who opened it */
	struct notes notes;    /* of the evaluation */
	atomic_bool cancelled; /* read by the query */

	pthread_mutex_t lock;
	pthread_cond_t room;
	/* protected by lock */
	char *ring;
	size_t start, used;
	bool done;
	int err;
	struct stream_wait *waits; /* in the order in which they came */
	int references;		   /* the handle's and the thread's */

	struct stream *next; /* protected by the list's lock */
};

static struct {
	pthread_mutex_t lock;
	struct stream *first;
	atomic_size_t count;   /* open, or not yet ended */
	atomic_size_t running; /* threads */
} streams = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct stream_handle {
	struct handle base;
	struct stream *stream;
};

/* Off the list of streams, so that no tick finds it any more. */
static void unlink_stream(struct stream *stream)
{
	pthread_mutex_lock(&streams.lock);
	for (struct stream **link = &streams.first; *link; link = &(*link)->next)
		if (*link == stream) {
			*link = stream->next;
			break;
		}
	pthread_mutex_unlock(&streams.lock);
}

static void unref(struct stream *stream)
{
	bool last;

	pthread_mutex_lock(&stream->lock);
	last = --stream->references == 0;
	pthread_mutex_unlock(&stream->lock);
	if (!last)
		return;
	unlink_stream(stream);
	buf_release(&stream->text);
	notes_release(&stream->notes);
	free(stream->ring);
	pthread_cond_destroy(&stream->room);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
	atomic_fetch_sub(&streams.count, 1);
}

/* Up to `length` bytes from the ring to the kernel. Called with the lock. */
static void reply_from_ring(struct stream *stream, fuse_req_t req, size_t length)
{
	size_t until_wrap = STREAM_BYTES - stream->start;
	size_t count = stream->used < length ? stream->used : length;
	size_t first = count < until_wrap ? count : until_wrap;
	struct iovec parts[2] = { { stream->ring + stream->start, first },
				  { stream->ring, count - first } };

	fuse_reply_iov(req, parts, count > first ? 2 : 1);
	stream->start = (stream->start + count) % STREAM_BYTES;
	stream->used -= count;
	pthread_cond_signal(&stream->room);
}

static void reply_wait(struct stream *stream, const struct stream_wait *wait)
{
	if (stream->used > 0)
		reply_from_ring(stream, wait->req, wait->length);
	else if (stream->err < 0)
		reply_err(wait->req, stream->err);
	else
		fuse_reply_buf(wait->req, NULL, 0);
}

/* Answer the reads that wait, in order, while the ring has enough for the first. Called with the
 * lock. */
static void serve(struct stream *stream)
{
	struct stream_wait *wait;

	while ((wait = stream->waits)) {
		size_t enough = wait->length < PIECE_BYTES ? wait->length : PIECE_BYTES;

		if (stream->used < enough && !stream->done)
			return;
		stream->waits = wait->next;
		reply_wait(stream, wait);
		free(wait);
	}
}

/* As much of `bytes` as there is room for. Called with the lock. */
static size_t fill(struct stream *stream, struct slice bytes)
{
	size_t room = STREAM_BYTES - stream->used;
	size_t count = bytes.length < room ? bytes.length : room;
	size_t end = (stream->start + stream->used) % STREAM_BYTES;
	size_t first = count < STREAM_BYTES - end ? count : STREAM_BYTES - end;

	memcpy(stream->ring + end, bytes.data, first);
	memcpy(stream->ring, bytes.data + first, count - first);
	stream->used += count;
	return count;
}

static int sink_write(void *arg, struct slice bytes)
{
	struct stream *stream = arg;

	pthread_mutex_lock(&stream->lock);
	while (bytes.length > 0 && !stream->cancelled) {
		bytes = slice_from(bytes, fill(stream, bytes));
		serve(stream);
		if (bytes.length > 0 && stream->used == STREAM_BYTES)
			pthread_cond_wait(&stream->room, &stream->lock);
	}
	pthread_mutex_unlock(&stream->lock);
	return stream->cancelled ? ERR_CANCELLED : OK;
}

struct evaluation {
	struct stream *stream;
	struct catalog *catalog; /* the snapshot's, or the mount's */
};

/* Names may mean other databases by now than when the answer was found to be large. */
static int check_access(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	struct evaluation *evaluation = arg;
	struct stream *stream = evaluation->stream;

	return notes_check(&stream->notes, stream->mount, evaluation->catalog, &stream->caller,
			   database_id, policy_id, write);
}

static int evaluate(struct stream *stream, struct engine *engine, struct diag *diag)
{
	struct query_sink sink = { sink_write, stream };
	struct query_options options = { 0 };
	struct buf buffer = { 0 };
	struct slice statement;
	struct evaluation evaluation = { stream, engine_catalog(engine) };
	struct query_env env = {
		.engine = engine,
		.database_id = stream->place.database_id,
		.access = { .check = check_access,
			    .arg = &evaluation,
			    .attrs = caller_attrs(&stream->caller, 0) },
		.limits = &stream->mount->query_limits,
		.cancelled = &stream->cancelled,
		.read_only = true,
	};
	int err =
		query_options_parse(buf_slice(&stream->text), &options, &buffer, &statement, diag);

	if (err == OK)
		err = query_run(&env, statement, &options, &sink, NULL, diag);
	buf_release(&buffer);
	return err;
}

static void *work(void *arg)
{
	struct stream *stream = arg;
	struct diag diag = { 0 };
	struct frozen *frozen;
	struct engine *engine;
	int err = frozen_take_engine(stream->mount, stream->place.object_id, &frozen, &engine);

	if (err == OK) {
		err = evaluate(stream, engine, &diag);
		frozen_release_engine(frozen);
	}
	if (err < 0 && err != ERR_CANCELLED)
		place_tell_request(stream->mount, &stream->place, buf_slice(&stream->text), err,
				   &diag, 0, buf_slice(&stream->text), stream->caller.uid);
	pthread_mutex_lock(&stream->lock);
	stream->done = true;
	stream->err = err;
	serve(stream);
	pthread_mutex_unlock(&stream->lock);
	unref(stream);
	atomic_fetch_sub(&streams.running, 1);
	return NULL;
}

/* The offset says nothing: the kernel keeps none for a stream. */
static void stream_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct stream *stream = ((struct stream_handle *)handle)->stream;
	struct stream_wait *wait = calloc(1, sizeof(*wait)), **end;

	if (!wait)
		log_out_of_memory(sizeof(*wait));
	*wait = (struct stream_wait){ .req = req, .length = length };
	pthread_mutex_lock(&stream->lock);
	for (end = &stream->waits; *end; end = &(*end)->next)
		;
	*end = wait;
	serve(stream);
	pthread_mutex_unlock(&stream->lock);
}

/* Called with the lock. */
static void cancel(struct stream *stream)
{
	atomic_store_explicit(&stream->cancelled, true, memory_order_relaxed);
	pthread_cond_broadcast(&stream->room);
}

static void stream_release(struct handle *handle)
{
	struct stream *stream = ((struct stream_handle *)handle)->stream;

	pthread_mutex_lock(&stream->lock);
	cancel(stream);
	pthread_mutex_unlock(&stream->lock);
	unref(stream);
	handle_free(handle);
}

static const struct handle_ops stream_handle_ops = {
	.read = stream_read,
	.release = stream_release,
};

/* A thread a stream: it may wait for its reader for hours, which would take a thread from the pool
 * of queries. */
static int start_thread(struct stream *stream)
{
	sigset_t all, before;
	pthread_t thread;
	int failed;

	atomic_fetch_add(&streams.running, 1);
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* lost_page.h: blocked, it ends the process */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread, NULL, work, stream);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		atomic_fetch_sub(&streams.running, 1);
		return ERR_LIMIT;
	}
	pthread_setname_np(thread, "sfs-stream");
	pthread_detach(thread);
	return OK;
}

static struct stream *new_stream(fuse_req_t req, struct mount *mount, struct node *node)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream || !(stream->ring = malloc(STREAM_BYTES)))
		log_out_of_memory(STREAM_BYTES);
	stream->mount = mount;
	stream->place = node->place;
	stream->notes.is_past = node->place.object_id != 0;
	caller_of(req, true, &stream->caller);
	buf_append_slice(&stream->text, node_text(node));
	pthread_mutex_init(&stream->lock, NULL);
	pthread_cond_init(&stream->room, NULL);
	stream->references = 2;
	pthread_mutex_lock(&streams.lock);
	stream->next = streams.first;
	streams.first = stream;
	pthread_mutex_unlock(&streams.lock);
	return stream;
}

int stream_open(fuse_req_t req, struct mount *mount, struct node *node, struct fuse_file_info *info,
		struct handle **out)
{
	struct stream_handle *handle;
	struct stream *stream;
	struct diag diag = { 0 };

	if (atomic_fetch_add(&streams.count, 1) >= mount->options.streams_max) {
		atomic_fetch_sub(&streams.count, 1);
		diag_set(&diag, ERR_LIMIT,
			 "more than %llu answers over query_memory_mb are read at once "
			 "(streams_max)",
			 (unsigned long long)mount->options.streams_max);
		place_tell_request(mount, &node->place, node_text(node), ERR_LIMIT, &diag, 0,
				   node_text(node), fuse_req_ctx(req)->uid);
		return ERR_LIMIT;
	}
	stream = new_stream(req, mount, node);
	if (start_thread(stream) < 0) {
		unref(stream);
		unref(stream);
		return ERR_LIMIT;
	}
	handle = handle_new(sizeof(*handle), &stream_handle_ops, mount, node, info->flags);
	handle->stream = stream;
	info->nonseekable = 1;
	info->direct_io = 1;
	info->noflush = 1;
	*out = &handle->base;
	return OK;
}

static void each_stream(void (*visit)(struct stream *stream))
{
	pthread_mutex_lock(&streams.lock);
	for (struct stream *stream = streams.first; stream; stream = stream->next) {
		pthread_mutex_lock(&stream->lock);
		visit(stream);
		pthread_mutex_unlock(&stream->lock);
	}
	pthread_mutex_unlock(&streams.lock);
}

/* Answers reads whose caller was interrupted, or all, with EINTR. Called with the lock. */
static void end_waits(struct stream *stream, bool all)
{
	for (struct stream_wait **link = &stream->waits; *link;) {
		struct stream_wait *wait = *link;

		if (!all && !fuse_req_interrupted(wait->req)) {
			link = &wait->next;
			continue;
		}
		*link = wait->next;
		fuse_reply_err(wait->req, EINTR);
		free(wait);
	}
}

static void answer_interrupted(struct stream *stream)
{
	end_waits(stream, false);
}

void stream_tick(struct mount *mount)
{
	each_stream(answer_interrupted);
}

bool stream_any(void)
{
	return atomic_load(&streams.count) > 0;
}

static void cancel_and_answer(struct stream *stream)
{
	cancel(stream);
	end_waits(stream, true);
}

void stream_cancel_all(struct mount *mount)
{
	each_stream(cancel_and_answer);
	while (atomic_load(&streams.running) > 0)
		usleep(1000);
}
