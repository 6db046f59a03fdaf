/*
 * Takes line protocol through `write` and `.write`: options of the name, the rights of its
 * caller, and a stream that ties the lines (ingest.h), the headers of dumps (import.h) and a
 * writer of the engine together.
 */
#include "fs/points/write.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/when.h"
#include "fs/nodes/access.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/points/import.h"
#include "fs/points/ingest.h"

struct write_options {
	int64_t time_unit_ns;
	bool skip;
	uint32_t policy_id;
};

struct write_stream {
	struct ingest ingest;
	struct mount *mount;
	struct import import; /* of `write` and `.write` */
	struct writer *writer;
	struct writer_options options; /* its own */
	bool has_policy;	       /* somebody has named it: a file does not change it */
	bool has_failed;	       /* a line was refused: it makes no policy the default */
	struct buf default_policy;     /* of the import, once all of it is in */
	uint32_t default_before_id;    /* the one that it took the place of; 0 = none */
	struct place place;
	struct buf text; /* of the place */
	bool has_caller; /* opened as `write` or `.write`, by this one */
	struct caller caller;
};

static int set_precision(struct mount *mount, uint32_t database_id, struct slice value,
			 struct write_options *out, struct diag *diag)
{
	out->time_unit_ns = unit_find(value, UNIT_PRECISION);
	if (out->time_unit_ns)
		return OK;
	return diag_set(diag, ERR_INVALID, "invalid precision \"%.*s\" (use ns, u, ms, s, m or h)",
			(int)value.length, value.data);
}

static int set_policy(struct mount *mount, uint32_t database_id, struct slice value,
		      struct write_options *out, struct diag *diag)
{
	struct object object;

	if (catalog_find(mount->catalog, database_id, value, &object) < 0 ||
	    object.kind != OBJECT_POLICY)
		return diag_set(diag, ERR_INVALID, "retention policy not found: \"%.*s\"",
				(int)value.length, value.data);
	out->policy_id = object.id;
	return OK;
}

static int set_skip(struct mount *mount, uint32_t database_id, struct slice value,
		    struct write_options *out, struct diag *diag)
{
	out->skip = slice_equal(value, SLICE("true"));
	if (out->skip || slice_equal(value, SLICE("false")))
		return OK;
	return diag_set(diag, ERR_INVALID, "invalid skip \"%.*s\" (use true or false)",
			(int)value.length, value.data);
}

static const struct write_key {
	const char *word;
	int (*set)(struct mount *mount, uint32_t database_id, struct slice value,
		   struct write_options *out, struct diag *diag);
} write_keys[] = {
	{ "precision", set_precision },
	{ "rp", set_policy },
	{ "skip", set_skip },
};

static int set_option(struct mount *mount, uint32_t database_id, struct slice option,
		      struct write_options *out, struct diag *diag)
{
	const char *equals = slice_find(option, '=');
	struct slice name = slice_of(option.data, equals ? (size_t)(equals - option.data) : 0);

	for (size_t i = 0; equals && i < sizeof(write_keys) / sizeof(write_keys[0]); i++)
		if (slice_equal(name, slice_of_text(write_keys[i].word)))
			return write_keys[i].set(mount, database_id,
						 slice_from(option, name.length + 1), out, diag);
	return diag_set(diag, ERR_INVALID,
			"unknown option \"%.*s\" (expected precision=, rp= or skip=)",
			(int)option.length, option.data);
}

/* rest := "" | "?" option { "&" option } */
static int parse_options(struct mount *mount, uint32_t database_id, struct slice rest,
			 struct write_options *out, struct diag *diag)
{
	*out = (struct write_options){ .time_unit_ns = 1 };
	if (rest.length == 0)
		return OK;
	if (rest.data[0] != '?')
		return ERR_NOT_FOUND;
	rest = slice_from(rest, 1);
	for (;;) {
		const char *end = slice_find(rest, '&');
		size_t length = end ? (size_t)(end - rest.data) : rest.length;

		TRY(set_option(mount, database_id, slice_of(rest.data, length), out, diag));
		if (!end)
			return OK;
		rest = slice_from(rest, length + 1);
	}
}

static int write_check_options(struct mount *mount, uint32_t database_id, struct slice rest,
			       struct diag *diag)
{
	struct write_options options;

	return parse_options(mount, database_id, rest, &options, diag);
}

static int write_points(void *arg, struct slice text, bool final, size_t *consumed, uint64_t *lines,
			struct diag *diag)
{
	struct write_stream *stream = arg;

	return writer_write(stream->writer, text, final, consumed, lines, diag);
}

/* Whoever may write to a database may make policies in it. */
static int allow_own(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	const struct write_stream *stream = arg;

	return database_id == stream->place.database_id ? OK : ERR_ACCESS;
}

/*
 * A policy that a name or a header chooses takes the rights that its .write takes: w, and x to come
 * there. The default one is the database's own to give, unless it is closed to the caller.
 */
static int allow_policy(const struct write_stream *stream, uint32_t policy_id, struct diag *diag)
{
	struct catalog *catalog = stream->mount->catalog;
	struct object policy, chosen;

	if (!stream->has_caller || catalog_get(catalog, policy_id, &policy) < 0)
		return OK; /* who looks for it says that it is gone */
	if (catalog_default_policy(catalog, stream->place.database_id, &chosen) == OK &&
	    chosen.id == policy_id && caller_check(&stream->caller, &policy.attrs, false) == OK)
		return OK;
	/* A bit of w without its x lets nobody in. */
	policy.attrs.mode &= ~0222u | (policy.attrs.mode & 0111) << 1;
	if (caller_check(&stream->caller, &policy.attrs, true) == OK)
		return OK;
	return diag_set(diag, ERR_ACCESS, "not authorized to change this retention policy");
}

/* A header names the policy of the points behind it, unless the name of the file (`?rp=`) has
 * chosen one: then the caller meant that. */
static int go_to_policy(void *arg, struct slice name, struct diag *diag)
{
	struct write_stream *stream = arg;
	struct write_options found = { 0 };
	struct writer *writer;

	if (stream->has_policy || name.length == 0)
		return OK;
	TRY(set_policy(stream->mount, stream->place.database_id, name, &found, diag));
	TRY(allow_policy(stream, found.policy_id, diag));
	stream->options.policy_id = found.policy_id;
	TRY(writer_open(stream->mount->engine, &stream->options, &writer));
	writer_close(stream->writer);
	stream->writer = writer;
	return OK;
}

/* 0: there is none yet. */
static uint32_t target_policy(const struct write_stream *stream)
{
	struct object policy;

	if (stream->options.policy_id)
		return stream->options.policy_id;
	return catalog_default_policy(stream->mount->catalog, stream->place.database_id, &policy) ==
			       OK
		       ? policy.id
		       : 0;
}

/* A refused line is told to readers of the policy it was for: other readers of the database may not
 * see what is in it. */
static void tell(void *arg, int err, const struct diag *diag, uint64_t line_number,
		 struct slice line)
{
	struct write_stream *stream = arg;

	if (stream->has_caller)
		place_tell_line(stream->mount, &stream->place, buf_slice(&stream->text), err, diag,
				line_number, line, target_policy(stream), stream->caller.uid);
	else
		place_tell(stream->mount, &stream->place, buf_slice(&stream->text), err, diag,
			   line_number, line);
}

static void tell_passed_over(struct write_stream *stream, struct slice text, struct slice database)
{
	struct diag diag = { 0 };

	diag_set(&diag, OK, "passed over: the points are of database \"%.*s\"",
		 (int)database.length, database.data);
	tell(stream, ERR_INVALID, &diag, 0, text);
}

static int run_statement(void *arg, struct slice text, struct slice database, struct buf *named,
			 struct diag *diag)
{
	struct write_stream *stream = arg;
	struct query_env env = {
		.engine = stream->mount->engine,
		.database_id = stream->place.database_id,
		.access = { .check = allow_own, .arg = stream, .attrs = stream->options.attrs },
		.limits = &stream->mount->query_limits,
	};
	struct dump_statement dump = { .database = database };
	int err = query_import(&env, text, &dump, diag);

	buf_append_slice(named, buf_slice(&dump.named));
	if (err == OK && dump.is_passed_over)
		tell_passed_over(stream, text, database);
	if (err == OK && dump.default_policy.length) {
		buf_reset(&stream->default_policy);
		buf_append_slice(&stream->default_policy, buf_slice(&dump.default_policy));
		err = go_to_policy(stream, buf_slice(&dump.default_policy), diag);
	}
	buf_release(&dump.named);
	buf_release(&dump.default_policy);
	return err;
}

static int make_default(struct write_stream *stream, uint32_t policy_id)
{
	struct object policy;

	TRY(catalog_get(stream->mount->catalog, policy_id, &policy));
	policy.policy.is_default = true;
	return engine_set_policy(stream->mount->engine, policy.id, &policy.policy);
}

/* The policy that the dump calls the default one is that now. */
static int set_default(struct write_stream *stream)
{
	struct object policy, before;

	if (stream->default_policy.length == 0)
		return OK;
	TRY(catalog_find(stream->mount->catalog, stream->place.database_id,
			 buf_slice(&stream->default_policy), &policy));
	buf_reset(&stream->default_policy);
	if (catalog_default_policy(stream->mount->catalog, stream->place.database_id, &before) ==
	    OK)
		stream->default_before_id = before.id;
	return make_default(stream, policy.id);
}

/*
 * A line is refused. `{ zcat a; zcat b; } > write` closes a duplicate behind each part, so that a
 * part may have changed the default already; it is taken back.
 */
static void fail_import(struct write_stream *stream)
{
	stream->has_failed = true;
	if (stream->default_before_id)
		make_default(stream, stream->default_before_id);
	stream->default_before_id = 0;
}

static int store(void *arg, struct slice text, bool final, size_t *consumed, uint64_t *lines,
		 struct diag *diag)
{
	struct write_stream *stream = arg;
	int err;

	if (stream->options.scope != WRITE_ANY_SERIES)
		return write_points(stream, text, final, consumed, lines, diag);
	err = import_write(&stream->import, text, final, consumed, lines, diag);
	if (err < 0)
		fail_import(stream);
	return err;
}

/* A duplicate was closed, and nothing waits. */
static int finish_import(void *arg)
{
	struct write_stream *stream = arg;
	struct diag diag = { 0 };
	int err;

	if (stream->options.scope != WRITE_ANY_SERIES || stream->has_failed)
		return OK;
	err = import_finish(&stream->import, &diag);
	if (err == OK)
		err = set_default(stream);
	if (err < 0)
		tell(stream, err, &diag, 0, slice_of("", 0));
	return err;
}

/* A line passed over with skip=true; comes from within store(). */
static void tell_skipped(void *arg, int err, const struct diag *diag, struct slice line)
{
	struct write_stream *stream = arg;

	tell(arg, err, diag,
	     ingest_lines_before(&stream->ingest) + stream->import.lines + diag->line, line);
}

/* A policy or group that has to be made looks like what it is made in. */
static int lend_attrs(struct mount *mount, uint32_t object_id, struct attrs *out)
{
	struct object object;

	TRY(catalog_get(mount->catalog, object_id, &object));
	*out = (struct attrs){ .mode = object.attrs.mode,
			       .uid = object.attrs.uid,
			       .gid = object.attrs.gid };
	return OK;
}

int write_series_options(struct mount *mount, const struct place *place, struct slice key,
			 struct writer_options *out)
{
	*out = (struct writer_options){
		.database_id = place->database_id,
		.policy_id = place->policy_id,
		.group_id = place->group_id,
		.scope = WRITE_ONE_SERIES,
		.series_id = place->series_id,
		.series_key = key,
		.time_unit_ns = 1,
	};
	return lend_attrs(mount, place->policy_id, &out->attrs);
}

static int any_series_options(struct mount *mount, const struct place *place, struct slice name,
			      struct writer_options *out, struct diag *diag)
{
	const char *question = slice_find(name, '?');
	struct slice rest =
		question ? slice_from(name, (size_t)(question - name.data)) : slice_of("", 0);
	struct write_options options;

	TRY(parse_options(mount, place->database_id, rest, &options, diag));
	*out = (struct writer_options){
		.database_id = place->database_id,
		.policy_id = options.policy_id ? options.policy_id : place->policy_id,
		.scope = WRITE_ANY_SERIES,
		.series_id = ID_NONE,
		.time_unit_ns = options.time_unit_ns,
		.skip = options.skip,
		.on_bad = tell_skipped,
	};
	return lend_attrs(mount, out->policy_id ? out->policy_id : place->database_id, &out->attrs);
}

int write_stream_open(struct mount *mount, const struct place *place, struct slice text,
		      struct write_stream **out)
{
	struct write_stream *stream = calloc(1, sizeof(*stream));
	struct writer_options *options = &stream->options;
	struct diag diag = { 0 };
	int err;

	if (!stream)
		log_out_of_memory(sizeof(*stream));
	stream->mount = mount;
	stream->place = *place;
	buf_append_slice(&stream->text, text);
	err = tree_is_series(place->kind) ? write_series_options(mount, place, text, options)
					  : any_series_options(mount, place, text, options, &diag);
	options->on_bad_arg = stream;
	options->line_bytes_max = mount->options.line_bytes;
	stream->has_policy = options->policy_id != 0;
	if (err == OK)
		err = writer_open(mount->engine, options, &stream->writer);
	if (err < 0) {
		buf_release(&stream->text);
		free(stream);
		return err == ERR_NOT_FOUND ? ERR_STALE : err;
	}
	import_init(&stream->import,
		    &(struct import_owner){ write_points, run_statement, go_to_policy, stream });
	ingest_init(&stream->ingest, &(struct ingest_owner){ store, tell, stream, finish_import },
		    mount->options.line_bytes);
	stream->ingest.budget = &mount->held;
	*out = stream;
	return OK;
}

int write_stream_write(struct write_stream *stream, struct slice data, uint64_t offset,
		       size_t *taken)
{
	return ingest_write(&stream->ingest, data, offset, taken);
}

int write_stream_flush(struct write_stream *stream)
{
	return ingest_flush(&stream->ingest);
}

void write_stream_close(struct write_stream *stream)
{
	ingest_finish(&stream->ingest);
	writer_close(stream->writer);
	ingest_release(&stream->ingest);
	import_release(&stream->import);
	buf_release(&stream->default_policy);
	buf_release(&stream->text);
	free(stream);
}

struct write_handle {
	struct handle base;
	struct write_stream *stream; /* NULL when opened for reading only */
};

static void handle_write(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset)
{
	struct write_handle *write = (struct write_handle *)handle;
	size_t taken;
	int err = write_stream_write(write->stream, data, offset, &taken);

	if (err < 0)
		reply_err(req, err);
	else
		reply_taken(req, handle, taken);
}

static void handle_flush(fuse_req_t req, struct handle *handle)
{
	struct write_handle *write = (struct write_handle *)handle;

	reply_err(req, write->stream ? write_stream_flush(write->stream) : OK);
}

static void handle_release(struct handle *handle)
{
	struct write_handle *write = (struct write_handle *)handle;

	if (write->stream)
		write_stream_close(write->stream);
	handle_free(handle);
}

static const struct handle_ops write_handle_ops = {
	.write = handle_write,
	.flush = handle_flush,
	.release = handle_release,
};

/* A header may choose any policy later, when the process cannot be asked any more. */
static void learn_groups(fuse_req_t req, struct write_stream *stream)
{
	struct object *policies;
	size_t count;

	if (stream->caller.uid == 0 ||
	    catalog_list(stream->mount->catalog, stream->place.database_id, OBJECT_POLICY,
			 &policies, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (caller_needs_groups(&stream->caller, &policies[i].attrs, false) ||
		    caller_needs_groups(&stream->caller, &policies[i].attrs, true))
			caller_learn_groups(req, &stream->caller);
	free(policies);
}

/* Of `.write` the kernel has checked the policy's modes. */
static int take_caller(fuse_req_t req, struct write_stream *stream)
{
	struct diag diag = { 0 };
	uint32_t policy_id;
	int err = OK;

	caller_of(req, false, &stream->caller);
	stream->has_caller = true;
	if (stream->place.kind != KIND_WRITE)
		return OK;
	learn_groups(req, stream);
	policy_id = target_policy(stream);
	if (policy_id)
		err = allow_policy(stream, policy_id, &diag);
	if (err < 0)
		tell(stream, err, &diag, 0, slice_of("", 0));
	return err;
}

static int write_open(fuse_req_t req, struct mount *mount, struct node *node,
		      struct fuse_file_info *info, struct handle **out)
{
	struct write_stream *stream = NULL;
	struct write_handle *write;

	if (flags_write(info->flags))
		TRY(write_stream_open(mount, &node->place, node_text(node), &stream));
	if (stream) {
		int err = take_caller(req, stream);

		if (err < 0) {
			write_stream_close(stream);
			return err;
		}
	}
	write = handle_new(sizeof(*write), &write_handle_ops, mount, node, info->flags);
	write->stream = stream;
	info->direct_io = 1;
	*out = &write->base;
	return OK;
}

const struct kind_ops write_kind = {
	.check_rest = write_check_options,
	.lookup = kind_lookup_idle,
	.attr_seconds = KIND_SECONDS_FIXED,
	.open = write_open,
};
