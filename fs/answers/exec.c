/*
 * Runs the requests that are written into an open file, and hands the last answer back. A
 * request takes as long as a query may, so it is a job of the pool, which carries the kernel's
 * write or read along and answers it at its end.
 */
#include "fs/answers/exec.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "fs/nodes/access.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"

#define ANSWER_BYTES_KEPT ((size_t)64 << 10)

struct exec_handle {
	struct handle base;
	struct caller caller;
	struct notes notes; /* of the request that runs; protected by lock */
	struct query_options options;
	exec_run run;
	bool ends_with_write; /* a request ends with its write(2), with a newline or without */
	uint32_t umask;
	atomic_bool is_pending; /* a request waits for its end */
	atomic_int references;	/* the open file's and one of each job: who replied may be late */

	pthread_mutex_t lock; /* held while a request runs */
	/* protected by lock */
	struct buf request; /* unfinished */
	struct buf answer;  /* of the last one */
	size_t held;	    /* of these, as the mount's budget counts them */
	bool is_too_large;  /* more than query_memory_mb */
	uint64_t answer_at; /* the file offset where it begins */
	struct buf owed;    /* a request that failed behind others of its write(2) */
	int owed_err;
	atomic_bool *cancelled; /* of the job that runs */
};

enum exec_call { EXEC_WRITE, EXEC_READ, EXEC_FLUSH };

struct exec_job {
	struct job job;
	enum exec_call call;
	fuse_req_t req;
	struct exec_handle *handle;
	struct buf data; /* of a write */
	size_t length;	 /* of a read; what was taken of a write */
	uint64_t offset;
	int err;
	atomic_bool cancelled; /* read by the query */
	struct exec_job *next;
};

/* What is queued or runs. */
static struct {
	pthread_mutex_t lock;
	struct exec_job *first; /* protected by lock */
	atomic_int count;
} jobs = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* rest := [ "." format ] [ "?" key "=" value { "&" … } ] */
static int parse_options(struct slice rest, struct query_options *out, struct diag *diag)
{
	const char *question = slice_find(rest, '?');
	struct slice format = rest;
	bool has_format = false;
	enum query_format chosen = QUERY_CSV;

	*out = (struct query_options){ 0 };
	if (question)
		format.length = (size_t)(question - rest.data);
	if (format.length) {
		has_format =
			format.data[0] == '.' && query_format_of(slice_from(format, 1), &chosen);
		if (!has_format)
			return ERR_NOT_FOUND;
	}
	if (question)
		TRY(query_options_parse_list(slice_from(rest, format.length + 1), out, diag));
	out->format = chosen;
	out->has_format = has_format;
	return OK;
}

static int exec_check_options(struct mount *mount, uint32_t database_id, struct slice rest,
			      struct diag *diag)
{
	struct query_options options;

	return parse_options(rest, &options, diag);
}

static int check(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	struct exec_handle *handle = arg;
	struct mount *mount = handle->base.mount;

	return notes_check(&handle->notes, mount, mount->catalog, &handle->caller, database_id,
			   policy_id, write);
}

struct mount *exec_mount(const struct exec_handle *handle)
{
	return handle->base.mount;
}

/* False: open files hold as much as they may. */
static bool hold(struct exec_handle *handle, size_t answer_bytes)
{
	return budget_hold(&handle->base.mount->held, &handle->held,
			   handle->request.length + answer_bytes);
}

/* What an answer took goes with it: a handle may stay open for long. */
static void drop_answer(struct exec_handle *handle)
{
	if (handle->answer.capacity > ANSWER_BYTES_KEPT)
		buf_release(&handle->answer);
	buf_reset(&handle->answer);
	hold(handle, 0);
}

static int sink_write(void *arg, struct slice bytes)
{
	struct exec_handle *handle = arg;

	if (handle->answer.length + bytes.length > handle->base.mount->options.query_memory_mb
							   << 20) {
		handle->is_too_large = true;
		return ERR_LIMIT;
	}
	if (!hold(handle, handle->answer.length + bytes.length))
		return ERR_LIMIT;
	if (!buf_try_reserve(&handle->answer, bytes.length))
		return ERR_MEMORY;
	buf_append_slice(&handle->answer, bytes);
	return OK;
}

/* The statements of a request, with the rights of the caller that opened the file. The answer goes
 * to memory, since a write(2) has nowhere to stream it to. */
static int run_statements(struct exec_handle *handle, struct slice text, struct diag *diag)
{
	struct mount *mount = handle->base.mount;
	struct query_sink sink = { sink_write, handle };
	struct query_env env = {
		.engine = mount->engine,
		.database_id = handle->base.node->place.database_id,
		.access = { .check = check,
			    .arg = handle,
			    .attrs = caller_attrs(&handle->caller, 0777 & ~handle->umask) },
		.limits = &mount->query_limits,
		.cancelled = handle->cancelled,
		.read_only = mount->options.read_only,
	};

	int err;

	handle->is_too_large = false;
	err = query_run(&env, text, &handle->options, &sink, NULL, diag);
	if (!handle->is_too_large)
		return err;
	drop_answer(handle);
	*diag = (struct diag){ 0 };
	return diag_set(diag, ERR_LIMIT,
			"an answer of more than %llu MiB (query_memory_mb): read it from a name "
			"below query/, where it streams",
			(unsigned long long)mount->options.query_memory_mb);
}

static bool is_blank(struct slice text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!strchr(" \t\r\n", text.data[i]))
			return false;
	return true;
}

/* One request, whole. Its answer replaces the last one. */
static int run_request(struct exec_handle *handle, struct slice text)
{
	struct node *node = handle->base.node;
	struct diag diag = { 0 };
	int err;

	text = slice_without_mark(text);
	if (is_blank(text))
		return OK;
	drop_answer(handle);
	notes_release(&handle->notes);
	err = handle->run(handle, text, &diag);
	if (err < 0 && err != ERR_CANCELLED)
		place_tell_request(handle->base.mount, &node->place, node_text(node), err, &diag, 0,
				   text, handle->caller.uid);
	return err;
}

/* What waited, and `end` behind it. */
static int run_waiting(struct exec_handle *handle, struct slice end)
{
	int err;

	buf_append_slice(&handle->request, end);
	err = run_request(handle, buf_slice(&handle->request));
	buf_reset(&handle->request);
	hold(handle, handle->answer.length);
	atomic_store(&handle->is_pending, false);
	return err;
}

static int keep_unfinished(struct exec_handle *handle, struct slice text)
{
	if (handle->request.length + text.length > handle->base.mount->options.query_bytes) {
		buf_reset(&handle->request);
		atomic_store(&handle->is_pending, false);
		return ERR_TOO_LONG;
	}
	if (!budget_hold(&handle->base.mount->held, &handle->held, handle->held + text.length))
		return ERR_LIMIT;
	buf_append_slice(&handle->request, text);
	atomic_store(&handle->is_pending, handle->request.length > 0);
	return OK;
}

/* The request that failed comes again, as the rest of a short write: then it gets its error. */
static int pay_owed(struct exec_handle *handle, struct slice data)
{
	int err = OK;

	if (handle->owed.length && slice_starts_with(data, buf_slice(&handle->owed)))
		err = handle->owed_err;
	buf_reset(&handle->owed);
	return err;
}

/*
 * Run the requests that `data` ends, in order. A request that fails ends the loop: as the first
 * it fails the write(2); behind others it makes the write short, and its error is given to the
 * next write(2), which brings the same bytes again.
 */
static int take_requests(struct exec_handle *handle, struct slice data, size_t *taken)
{
	int err = pay_owed(handle, data);

	*taken = 0;
	while (err == OK && *taken < data.length) {
		struct slice rest = slice_from(data, *taken);
		const char *newline = slice_find(rest, '\n');
		size_t length = newline ? (size_t)(newline - rest.data) : rest.length;

		if (newline || handle->ends_with_write)
			err = run_waiting(handle, slice_of(rest.data, length));
		else
			err = keep_unfinished(handle, rest);
		if (err < 0 && *taken > 0) {
			buf_append(&handle->owed, rest.data, newline ? length + 1 : length);
			handle->owed_err = err;
			return OK;
		}
		*taken += newline ? length + 1 : length;
	}
	if (err < 0)
		*taken = 0;
	return err;
}

static void run_write(struct exec_job *job)
{
	struct exec_handle *handle = job->handle;

	job->err = take_requests(handle, buf_slice(&job->data), &job->length);
	handle->answer_at = job->offset + job->length;
}

static void run_read(struct exec_job *job)
{
	struct exec_handle *handle = job->handle;

	if (handle->request.length)
		job->err = run_waiting(handle, slice_of("", 0));
	/* A reader that seeks back before reading wants the answer from its start. */
	if (job->offset < handle->answer_at)
		handle->answer_at = job->offset;
}

static void run_flush(struct exec_job *job)
{
	if (job->handle->request.length)
		job->err = run_waiting(job->handle, slice_of("", 0));
}

static void reply_job(struct exec_job *job)
{
	struct exec_handle *handle = job->handle;

	if (job->err < 0 || job->call == EXEC_FLUSH)
		reply_err(job->req, job->err);
	else if (job->call == EXEC_WRITE)
		reply_taken(job->req, &handle->base, job->length);
	else
		reply_bytes(job->req, buf_slice(&handle->answer), job->length,
			    job->offset - handle->answer_at);
}

static void unref(struct exec_handle *handle)
{
	if (atomic_fetch_sub(&handle->references, 1) != 1)
		return;
	buf_release(&handle->request);
	buf_release(&handle->answer);
	budget_hold(&handle->base.mount->held, &handle->held, 0);
	buf_release(&handle->owed);
	notes_release(&handle->notes);
	pthread_mutex_destroy(&handle->lock);
	handle_free(&handle->base);
}

static void free_job(struct exec_job *job)
{
	unref(job->handle);
	buf_release(&job->data);
	free(job);
}

/* Off the list of what can be interrupted. */
static void unlink_job(struct exec_job *job)
{
	pthread_mutex_lock(&jobs.lock);
	for (struct exec_job **link = &jobs.first; *link; link = &(*link)->next)
		if (*link == job) {
			*link = job->next;
			atomic_fetch_sub(&jobs.count, 1);
			break;
		}
	pthread_mutex_unlock(&jobs.lock);
}

static void run_job(struct job *generic)
{
	static void (*const run[])(struct exec_job * job) = {
		[EXEC_WRITE] = run_write,
		[EXEC_READ] = run_read,
		[EXEC_FLUSH] = run_flush,
	};
	struct exec_job *job = (struct exec_job *)generic;
	struct exec_handle *handle = job->handle;

	pthread_mutex_lock(&handle->lock);
	handle->cancelled = &job->cancelled;
	run[job->call](job);
	handle->cancelled = NULL;
	/* Off the list before the answer: exec_tick() would ask libfuse whether a request was
	 * interrupted that libfuse has freed. */
	unlink_job(job);
	reply_job(job);
	pthread_mutex_unlock(&handle->lock);
	free_job(job);
}

/* Hands a request of the kernel to the pool for queries, which answers it. */
static void submit(fuse_req_t req, struct handle *handle, enum exec_call call, struct slice data,
		   size_t length, uint64_t offset)
{
	struct exec_job *job = calloc(1, sizeof(*job));

	if (!job)
		log_out_of_memory(sizeof(*job));
	job->job.run = run_job;
	job->call = call;
	job->req = req;
	job->handle = (struct exec_handle *)handle;
	atomic_fetch_add(&job->handle->references, 1);
	job->length = length;
	job->offset = offset;
	buf_append_slice(&job->data, data);
	pthread_mutex_lock(&jobs.lock);
	job->next = jobs.first;
	jobs.first = job;
	atomic_fetch_add(&jobs.count, 1);
	pthread_mutex_unlock(&jobs.lock);
	pool_submit(handle->mount->queries, &job->job);
}

static void exec_write(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset)
{
	submit(req, handle, EXEC_WRITE, data, 0, offset);
}

static void exec_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	submit(req, handle, EXEC_READ, slice_of("", 0), length, offset);
}

static void exec_flush(fuse_req_t req, struct handle *handle)
{
	struct exec_handle *exec = (struct exec_handle *)handle;

	if (flags_read(handle->flags) || !atomic_load(&exec->is_pending))
		reply_err(req, OK);
	else
		submit(req, handle, EXEC_FLUSH, slice_of("", 0), 0, 0);
}

static void exec_release(struct handle *handle)
{
	struct exec_handle *exec = (struct exec_handle *)handle;

	pthread_mutex_lock(&exec->lock);
	if (exec->request.length) {
		struct diag diag = { 0 };

		diag_set(&diag, ERR_INCOMPLETE, "closed before a newline or a read ended it");
		place_tell_request(handle->mount, &handle->node->place, node_text(handle->node),
				   ERR_INCOMPLETE, &diag, 0, buf_slice(&exec->request),
				   exec->caller.uid);
	}
	pthread_mutex_unlock(&exec->lock);
	unref(exec);
}

static const struct handle_ops exec_handle_ops = {
	.read = exec_read,
	.write = exec_write,
	.flush = exec_flush,
	.release = exec_release,
};

int exec_open_with(fuse_req_t req, struct mount *mount, struct node *node,
		   struct fuse_file_info *info, exec_run run, bool ends_with_write,
		   struct handle **out)
{
	struct slice rest = node_text(node);
	struct query_options options;
	struct exec_handle *exec;

	if (rest.length)
		rest = slice_from(rest, strlen("exec"));
	TRY(parse_options(rest, &options, NULL));
	exec = handle_new(sizeof(*exec), &exec_handle_ops, mount, node, info->flags);
	caller_of(req, true, &exec->caller);
	exec->umask = caller_umask(req);
	exec->options = options;
	exec->run = run;
	exec->ends_with_write = ends_with_write;
	pthread_mutex_init(&exec->lock, NULL);
	atomic_init(&exec->references, 1);
	info->direct_io = 1;
	*out = &exec->base;
	return OK;
}

static int exec_open(fuse_req_t req, struct mount *mount, struct node *node,
		     struct fuse_file_info *info, struct handle **out)
{
	return exec_open_with(req, mount, node, info, run_statements, false, out);
}

/* The queue gives a job back, or the query hears of it. Called with the list's lock. */
static bool give_up(struct mount *mount, struct exec_job *job)
{
	atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
	return pool_take_back(mount->queries, &job->job);
}

static void look_after(struct mount *mount, bool all)
{
	pthread_mutex_lock(&jobs.lock);
	for (struct exec_job **link = &jobs.first; *link;) {
		struct exec_job *job = *link;

		if (!(all || fuse_req_interrupted(job->req)) || !give_up(mount, job)) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		atomic_fetch_sub(&jobs.count, 1);
		fuse_reply_err(job->req, EINTR);
		free_job(job);
	}
	pthread_mutex_unlock(&jobs.lock);
}

void exec_tick(struct mount *mount)
{
	look_after(mount, false);
}

bool exec_has_waiters(void)
{
	return atomic_load(&jobs.count) > 0;
}

void exec_cancel_all(struct mount *mount)
{
	look_after(mount, true);
}

const struct kind_ops exec_kind = {
	.check_rest = exec_check_options,
	.lookup = kind_lookup_idle,
	.attr_seconds = KIND_SECONDS_FIXED,
	.open = exec_open,
};
