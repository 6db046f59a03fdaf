/*
 * Receives requests, does the cheap ones itself and hands those that may take long to the
 * workers. A wake-up of another thread costs more than a lookup; a query done here would stop
 * every other caller.
 */
#include "fs/requests/loop.h"

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"

/* A write that parses longer than the wake-up of a worker takes. */
#define BULK_BYTES	  (32u << 10)
#define FREE_REQUESTS_MAX 8

struct request {
	struct job job;
	struct mount *mount;
	struct fuse_buf buf;
	uint64_t nodeid;
	struct request *next_free;
};

static struct {
	pthread_mutex_t lock;
	struct request *first_free; /* protected by lock */
	size_t free_count;	    /* protected by lock */
	pthread_t thread;
	atomic_bool running;
	void (*on_ready)(void);
} loop = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct request *take_request(struct mount *mount)
{
	struct request *request;

	pthread_mutex_lock(&loop.lock);
	request = loop.first_free;
	if (request) {
		loop.first_free = request->next_free;
		loop.free_count--;
	}
	pthread_mutex_unlock(&loop.lock);
	if (!request)
		request = calloc(1, sizeof(*request));
	if (!request)
		log_out_of_memory(sizeof(*request));
	request->mount = mount;
	return request;
}

static void free_request(struct request *request)
{
	free(request->buf.mem);
	free(request);
}

/* Keeps a few requests for the next ones: each has a buffer of a megabyte, which the kernel would
 * have to clear. */
static void give_request(struct request *request)
{
	bool keep;

	pthread_mutex_lock(&loop.lock);
	keep = loop.free_count < FREE_REQUESTS_MAX;
	if (keep) {
		request->next_free = loop.first_free;
		loop.first_free = request;
		loop.free_count++;
	}
	pthread_mutex_unlock(&loop.lock);
	if (!keep)
		free_request(request);
}

/* At the end; what workers still have is freed as they give it back. */
static void free_kept_requests(void)
{
	pthread_mutex_lock(&loop.lock);
	while (loop.first_free) {
		struct request *request = loop.first_free;

		loop.first_free = request->next_free;
		free_request(request);
	}
	loop.free_count = FREE_REQUESTS_MAX;
	pthread_mutex_unlock(&loop.lock);
}

static void process_in_pool(struct job *job)
{
	struct request *request = (struct request *)job;

	fuse_session_process_buf(request->mount->session, &request->buf);
	node_count_in_pool(request->mount->nodes, request->nodeid, -1);
	give_request(request);
}

static bool reads_much(const struct node *node)
{
	return tree_is_series(node->place.kind) || node->place.kind == KIND_FROZEN_FILE;
}

/* Opening for reading makes the text of a series, which may decode chunks; opening for writing does
 * not. */
static bool open_reads(const struct fuse_in_header *header)
{
	const struct fuse_open_in *in = (const struct fuse_open_in *)(header + 1);

	return (in->flags & O_ACCMODE) == O_RDONLY;
}

/* May it take longer than a loop that serves everyone should? */
static bool takes_long(struct mount *mount, const struct fuse_in_header *header)
{
	const struct node *node;

	switch (header->opcode) {
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR: return true;
	case FUSE_WRITE:
		if (header->len > BULK_BYTES || atomic_load(&mount->memory_is_tight))
			return true;
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_INIT:
	case FUSE_DESTROY: return false;
	default: break;
	}
	node = node_find(mount->nodes, header->nodeid);
	if (!node)
		return false;
	/* A snapshot's engine opens at the first look into it. */
	if (header->opcode == FUSE_LOOKUP || header->opcode == FUSE_RMDIR)
		return node->place.kind == KIND_SNAPSHOTS;
	/* A worker has a request for this file: one that is done here would overtake it, and a read
	 * would miss the write before it. */
	if (node_requests_in_pool(mount->nodes, node) > 0 && tree_type(node->place.kind) == S_IFREG)
		return true;
	switch (header->opcode) {
	case FUSE_OPEN:
		return node->place.kind == KIND_STATUS || node->place.kind == KIND_METRICS ||
		       (reads_much(node) && open_reads(header));
	case FUSE_READ:
	case FUSE_GETXATTR:
		return reads_much(node) || node->place.kind == KIND_GROUP ||
		       node->place.kind == KIND_POLICY;
	case FUSE_GETATTR:
	case FUSE_MKDIR:
		return node->place.kind == KIND_FROZEN_FILE || node->place.kind == KIND_SNAPSHOTS;
	case FUSE_RENAME:
	case FUSE_RENAME2: return node->place.kind == KIND_GROUP;
	default: return false;
	}
}

/*
 * libfuse ends the session when it refuses INIT, with options such as max_read that the two sides
 * see differently. Told before that, the process that started us would report a mount that is none.
 */
static void note_answered(struct mount *mount, uint32_t opcode)
{
	if (opcode != FUSE_INIT || !loop.on_ready || fuse_session_exited(mount->session))
		return;
	loop.on_ready();
	loop.on_ready = NULL;
}

/* Requests that ask for something or add to it. Closing and removing give memory back, and need a
 * LOOKUP first: they are always taken. */
static bool may_be_refused(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_CREATE:
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_WRITE:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_SETATTR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_GETXATTR: return true;
	default: return false;
	}
}

/* Answers ENOMEM without libfuse, which would allocate: while the reserve is half used it is for
 * requests that were begun. */
static bool refuse(struct mount *mount, const struct fuse_in_header *header)
{
	struct fuse_out_header out = { .len = sizeof(out),
				       .error = -ENOMEM,
				       .unique = header->unique };

	return memory_is_scarce() && may_be_refused(header->opcode) &&
	       write(fuse_session_fd(mount->session), &out, sizeof(out)) == sizeof(out);
}

static void dispatch(struct request *request)
{
	struct mount *mount = request->mount;
	const struct fuse_in_header *header = request->buf.mem;

	if (request->buf.size >= sizeof(*header) && refuse(mount, header)) {
		give_request(request);
		return;
	}
	if (request->buf.size < sizeof(*header) || !takes_long(mount, header)) {
		uint32_t opcode = request->buf.size < sizeof(*header) ? 0 : header->opcode;

		fuse_session_process_buf(mount->session, &request->buf);
		note_answered(mount, opcode);
		give_request(request);
		return;
	}
	request->nodeid = header->nodeid;
	request->job.run = process_in_pool;
	node_count_in_pool(mount->nodes, request->nodeid, 1);
	pool_submit(mount->workers, &request->job);
}

int loop_run(struct mount *mount)
{
	int result = 0;

	loop.thread = pthread_self();
	atomic_store(&loop.running, true);
	while (!fuse_session_exited(mount->session)) {
		struct request *request = take_request(mount);

		result = fuse_session_receive_buf(mount->session, &request->buf);
		if (result > 0) {
			dispatch(request);
			continue;
		}
		give_request(request);
		/* libfuse found no memory for a request: wait until a worker gives its buffer back.
		 */
		if (result == -ENOMEM)
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		else if (result != -EINTR && result != -EAGAIN)
			break;
	}
	atomic_store(&loop.running, false);
	free_kept_requests();
	if (loop.on_ready) {
		log_error("the kernel and libfuse do not agree on the mount");
		return ERR_IO;
	}
	return result < 0 && result != -EINTR && result != -EAGAIN ? ERR_IO : OK;
}

bool loop_answers_meanwhile(void)
{
	return atomic_load(&loop.running) && !pthread_equal(pthread_self(), loop.thread);
}

void loop_on_ready(void (*call)(void))
{
	loop.on_ready = call;
}
