/*
 * Shows a series as a file: beside each node lies a view, the text that all its readers share.
 * The engine's text can only grow, and a series can also change; then the next lookup gets
 * another node (series.h).
 */
#include "fs/points/series.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/map.h"
#include "engine/base/when.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/points/write.h"

#define PAGE_BYTES 4096u

struct series_view {
	pthread_mutex_t lock;
	atomic_uint series_id;
	bool cached;	  /* by the kernel, see above; set at birth */
	uint64_t version; /* of a cached one, at birth */

	/* protected by lock */
	struct series_text *text; /* open while there are readers */
	unsigned reader_count;
	unsigned writer_count;
	uint64_t bytes_visible;	 /* as the kernel was told, for a cached one */
	struct series_stat last; /* for a file that was removed while open */
};

static void view_release(void *payload)
{
	struct series_view *view = payload;

	if (view->text)
		series_text_close(view->text);
	pthread_mutex_destroy(&view->lock);
	free(view);
}

static struct node *new_node(struct mount *mount, const struct place *place, struct slice key,
			     bool cached, uint64_t version)
{
	struct series_view *view = calloc(1, sizeof(*view));
	struct node *node;

	if (!view)
		log_out_of_memory(sizeof(*view));
	pthread_mutex_init(&view->lock, NULL);
	atomic_init(&view->series_id, place->series_id);
	view->cached = cached;
	view->version = version;
	view->last.mtime_ns = view->last.ctime_ns = env_now_ns();
	node = node_add(mount->nodes, place, key);
	node->payload = view;
	node->payload_release = view_release;
	node_key(mount->nodes, node);
	return node;
}

static struct series_view *view_of(const struct node *node)
{
	return node->payload;
}

uint32_t series_number(struct mount *mount, const struct node *node)
{
	struct series_view *view = view_of(node);
	uint32_t id = atomic_load(&view->series_id);
	struct index *index;

	if (id != ID_NONE)
		return id;
	index = engine_hold_index(mount->engine, node->place.database_id);
	int err = index ? index_series(index, node_text(node), false, &id, NULL) : ERR_NOT_FOUND;
	index_let_go(index);
	if (err < 0)
		return ID_NONE;
	atomic_store(&view->series_id, id);
	return id;
}

/* Appends nothing where the database was dropped meanwhile. */
static void print_key(struct mount *mount, const struct place *place, struct buf *out)
{
	struct index *index = engine_hold_index(mount->engine, place->database_id);

	if (index)
		index_series_key(index, place->series_id, out);
	index_let_go(index);
}

static int engine_stat(struct mount *mount, const struct place *place, uint32_t series_id,
		       struct series_stat *out)
{
	if (series_id == ID_NONE)
		return ERR_NOT_FOUND;
	return engine_series_stat(mount->engine, place->policy_id, place->group_id, series_id, out);
}

/*
 * Until when a series counts as changing because a writer came, by hash: the
 * kernel may forget the nodeid that a writer is about to open between two
 * lookups, so no node can remember it. A collision only costs another series
 * its cached pages for a moment.
 */
static atomic_llong busy_until_ns[1024];

static atomic_llong *busy_slot(const struct place *place)
{
	const uint32_t key[3] = { place->policy_id, place->group_id, place->series_id };

	return &busy_until_ns[hash_bytes(slice_of(key, sizeof(key))) % 1024];
}

static bool is_quiet(const struct place *place, const struct series_stat *stat)
{
	return env_now_ns() - stat->ctime_ns > SERIES_QUIET_NS &&
	       env_monotonic_ns() > atomic_load(busy_slot(place));
}

/* Can the open text be, or grow to be, what the series is now? */
static bool text_reaches(struct mount *mount, const struct node *node, struct series_view *view)
{
	struct series_stat stat;

	/* A write between the two looks makes them differ: try again before giving the nodeid up,
	 * or `tail -f` would lose its file. */
	for (int attempt = 0; attempt < 3; attempt++) {
		if (engine_stat(mount, &node->place, node->place.series_id, &stat) < 0)
			return false;
		if (series_text_version(view->text) == stat.version)
			return true;
		if (view->cached || series_text_grow(view->text) < 0)
			return false;
		if (series_text_version(view->text) == stat.version)
			return true;
	}
	return false;
}

/* May the node of an earlier lookup be used again? Only while its text is, or can grow to be, what
 * the series is now; else the kernel would show pages of another text. */
static bool view_serves(struct mount *mount, const struct node *node,
			const struct series_stat *stat)
{
	struct series_view *view = view_of(node);
	bool quiet = is_quiet(&node->place, stat), serves;

	if (view->cached && !quiet)
		return false;
	pthread_mutex_lock(&view->lock);
	if (view->text)
		serves = text_reaches(mount, node, view);
	else if (view->cached)
		serves = view->version == stat->version;
	else
		serves = !quiet || view->writer_count > 0;
	pthread_mutex_unlock(&view->lock);
	return serves;
}

/* A series without points here is found while a writer has it open: another process that looks must
 * meet the same node. */
static int lookup_unborn(struct mount *mount, const struct place *place, struct slice key,
			 struct node **out)
{
	struct place unborn = *place;
	struct buf printed = { 0 };
	struct node *node;

	if (place->series_id != ID_NONE) {
		print_key(mount, place, &printed);
		key = buf_slice(&printed);
	}
	unborn.series_id = ID_NONE;
	node = node_take(mount->nodes, &unborn, key);
	buf_release(&printed);
	if (!node)
		return ERR_NOT_FOUND;
	if (atomic_load(&node->handle_count) == 0) {
		node_forget(mount->nodes, node->id, 1);
		return ERR_NOT_FOUND;
	}
	*out = node;
	return OK;
}

static int series_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
			 struct slice key, struct node **out)
{
	struct series_stat stat;
	struct node *node;
	bool cached;
	int err = engine_stat(mount, place, place->series_id, &stat);

	if (err == ERR_NOT_FOUND)
		return lookup_unborn(mount, place, key, out);
	if (err < 0)
		return err;
	cached = is_quiet(place, &stat);
	node = node_take(mount->nodes, place, slice_of("", 0));
	if (node && view_serves(mount, node, &stat)) {
		*out = node;
		return OK;
	}
	if (node)
		node_forget(mount->nodes, node->id, 1);
	*out = new_node(mount, place, slice_of("", 0), cached, stat.version);
	return OK;
}

struct node *series_create(struct mount *mount, const struct place *place, struct slice key)
{
	struct place unborn = *place;
	struct node *node;

	unborn.series_id = ID_NONE;
	node = node_take(mount->nodes, &unborn, key);
	return node ? node : new_node(mount, &unborn, key, false, 0);
}

void series_forget_place(struct mount *mount, const struct place *place)
{
	node_retire_place(mount->nodes, place, slice_of("", 0));
}

/* The text decides the size while it is open; the engine's word is for the rest. */
static int stat_open_text(struct series_view *view, struct series_stat *out)
{
	if (!view->cached) {
		series_text_grow(view->text);
		out->text_bytes = series_text_bytes(view->text);
		return OK;
	}
	/* A text that is longer than what the kernel was told: another caller is about to tell it,
	 * and this one must not answer with the size of before. */
	bool grew = series_text_version(view->text) != out->version ||
		    series_text_bytes(view->text) > view->bytes_visible;

	out->text_bytes = view->bytes_visible;
	return grew && out->points > 0 ? END : OK;
}

int series_stat_node(struct mount *mount, struct node *node, struct series_stat *out)
{
	struct series_view *view = view_of(node);
	int err = engine_stat(mount, &node->place, series_number(mount, node), out);

	pthread_mutex_lock(&view->lock);
	if (err == OK)
		view->last = *out;
	if (err == ERR_NOT_FOUND && atomic_load(&node->handle_count) > 0) {
		*out = view->last;
		out->points = 0;
		out->text_bytes = 0;
		err = OK;
	}
	if (err == OK && view->text)
		err = stat_open_text(view, out);
	pthread_mutex_unlock(&view->lock);
	return err;
}

/* --- stat(2) and what changes it ------------------------------------------------- */

int series_fill_stat(struct mount *mount, const struct place *place,
		     const struct series_stat *series, struct stat *out)
{
	struct attrs attrs;

	TRY(attr_lend(mount, place, &attrs));
	attrs.mtime_ns = attrs.atime_ns = series->mtime_ns;
	attrs.ctime_ns = series->ctime_ns;
	attr_fill(out, place->kind, &attrs, series->text_bytes);
	out->st_blocks = attr_blocks(series->disk_bytes);
	if (series->text_bytes > 0 && out->st_blocks == 0)
		out->st_blocks = 1;
	out->st_ino = tree_ino(place, slice_of("", 0));
	return OK;
}

/* The place with the number that it has by now. */
static struct place numbered(struct mount *mount, struct node *node)
{
	struct place place = node->place;

	place.series_id = series_number(mount, node);
	return place;
}

static int stat_series(struct mount *mount, struct node *node, struct stat *out)
{
	struct place place = numbered(mount, node);
	struct series_stat series;
	int err = series_stat_node(mount, node, &series);

	if (err >= OK)
		TRY(series_fill_stat(mount, &place, &series, out));
	return err;
}

int series_set_place(struct mount *mount, const struct place *place, const struct stat *to,
		     int what)
{
	uint32_t id = place->series_id;
	int64_t mtime_ns = what & FUSE_SET_ATTR_MTIME_NOW ? env_now_ns() : attr_time(&to->st_mtim);
	int err;

	if (!(what & FUSE_SET_ATTR_MTIME) || id == ID_NONE)
		return OK;
	err = engine_series_set_mtime(mount->engine, place->policy_id, place->group_id, id,
				      mtime_ns);
	return err == ERR_NOT_FOUND ? OK : err;
}

static int series_set(struct mount *mount, struct node *node, const struct stat *to, int what)
{
	struct place place = numbered(mount, node);

	return series_set_place(mount, &place, to, what);
}

static void reply_stat(fuse_req_t req, struct mount *mount, struct node *node, int err,
		       const struct series_stat *series)
{
	struct place place = numbered(mount, node);
	struct stat stat;

	if (err == OK)
		err = series_fill_stat(mount, &place, series, &stat);
	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_attr(req, &stat, attr_timeout(mount, node));
}

struct grown_job {
	struct job job;
	fuse_req_t req;
	struct mount *mount;
	struct node *node;
};

/*
 * Tells the kernel the new size, by storing the last byte. The answer to this GETATTR, and to any
 * that is under way, does not: the kernel drops attributes that it asked for before it was told to
 * forget a page. Readers would be told the new size by fstat(2) and end at the old one.
 */
static void tell_size(struct mount *mount, struct node *node, uint64_t bytes, char last)
{
	struct fuse_bufvec byte = FUSE_BUFVEC_INIT(1);

	byte.buf[0].mem = &last;
	fuse_lowlevel_notify_store(mount->session, node->id, (off_t)(bytes - 1), &byte, 0);
}

/* How long the text is now; its last byte goes to `last`. 0: nobody has it open. */
static uint64_t grow_text(struct series_view *view, char *last)
{
	struct buf out = { 0 };
	uint64_t bytes;

	if (!view->text)
		return 0;
	series_text_grow(view->text);
	bytes = series_text_bytes(view->text);
	if (bytes && (series_text_read(view->text, bytes - 1, 1, &out) < 0 || out.length == 0))
		bytes = 0;
	*last = bytes ? out.data[0] : 0;
	buf_release(&out);
	return bytes;
}

/*
 * First the text grows, so that every page filled from now on is right; then
 * the page with the old end goes; then the kernel hears of the new size.
 */
static void grow_cached(struct mount *mount, struct node *node, struct series_stat *stat)
{
	struct series_view *view = view_of(node);
	uint64_t before, after;
	char last = 0;

	pthread_mutex_lock(&view->lock);
	before = view->bytes_visible;
	after = grow_text(view, &last);
	pthread_mutex_unlock(&view->lock);
	if (after > before) {
		fuse_lowlevel_notify_inval_inode(mount->session, node->id,
						 (off_t)(before / PAGE_BYTES * PAGE_BYTES), 0);
		tell_size(mount, node, after, last);
	}
	pthread_mutex_lock(&view->lock);
	if (after > view->bytes_visible)
		view->bytes_visible = after;
	stat->text_bytes = view->bytes_visible;
	pthread_mutex_unlock(&view->lock);
}

static void run_grown(struct job *job)
{
	struct grown_job *grown = (struct grown_job *)job;
	struct series_stat stat;
	int err = series_stat_node(grown->mount, grown->node, &stat);

	if (err == END) {
		grow_cached(grown->mount, grown->node, &stat);
		err = OK;
	}
	reply_stat(grown->req, grown->mount, grown->node, err, &stat);
	free(grown);
}

/* GETATTR of a text that grew under cached pages: the notifier's thread drops the pages first. */
static void answer_grown(fuse_req_t req, struct mount *mount, struct node *node)
{
	struct grown_job *grown = malloc(sizeof(*grown));

	if (!grown)
		log_out_of_memory(sizeof(*grown));
	*grown = (struct grown_job){ { run_grown, NULL }, req, mount, node };
	pool_submit(mount->notifier, &grown->job);
}

struct series_handle {
	struct handle base;
	bool reads;		     /* counted among the view's readers */
	struct write_stream *stream; /* NULL when opened for reading only */
};

/* One more reader of the view's text, which is opened by the first. */
static int add_reader(struct mount *mount, struct node *node)
{
	struct series_view *view = view_of(node);
	uint32_t id = series_number(mount, node);
	int err = OK;

	if (id == ID_NONE)
		return ERR_NOT_FOUND;
	pthread_mutex_lock(&view->lock);
	if (!view->text) {
		err = series_text_open(mount->engine, node->place.policy_id, node->place.group_id,
				       id, &view->text);
		if (err == OK && view->cached && series_text_version(view->text) != view->version) {
			/* It changed since the lookup: ask again. */
			series_text_close(view->text);
			view->text = NULL;
			err = ERR_STALE;
		}
		if (err == OK)
			view->bytes_visible = series_text_bytes(view->text);
		else
			view->text = NULL;
	}
	if (err == OK)
		view->reader_count++;
	pthread_mutex_unlock(&view->lock);
	return err;
}

/* The last reader closes the text: an open one keeps shards and memory in use. */
static void remove_reader(struct node *node)
{
	struct series_view *view = view_of(node);
	struct series_text *text = NULL;

	pthread_mutex_lock(&view->lock);
	if (--view->reader_count == 0) {
		text = view->text;
		view->text = NULL;
	}
	pthread_mutex_unlock(&view->lock);
	if (text)
		series_text_close(text);
}

static void series_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct series_handle *series = (struct series_handle *)handle;
	struct series_view *view = view_of(handle->node);
	struct buf out = { 0 };
	int err = OK;

	/* Opened for reading and writing before the first point came. */
	if (!series->reads && add_reader(handle->mount, handle->node) == OK)
		series->reads = true;
	if (series->reads) {
		if (!view->cached)
			series_text_grow(view->text);
		err = series_text_read(view->text, offset, length, &out);
	}
	if (err < 0)
		reply_err(req, err);
	else
		fuse_reply_buf(req, out.data, out.length);
	buf_release(&out);
}

static void series_write(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset)
{
	struct series_handle *series = (struct series_handle *)handle;
	size_t taken;
	int err = write_stream_write(series->stream, data, offset, &taken);

	if (err < 0)
		reply_err(req, err);
	else
		reply_taken(req, handle, taken);
}

static void series_flush(fuse_req_t req, struct handle *handle)
{
	struct series_handle *series = (struct series_handle *)handle;

	reply_err(req, series->stream ? write_stream_flush(series->stream) : OK);
}

static void count_writer(struct node *node, int change)
{
	struct series_view *view = view_of(node);

	pthread_mutex_lock(&view->lock);
	view->writer_count += (unsigned)change;
	pthread_mutex_unlock(&view->lock);
}

static void series_release(struct handle *handle)
{
	struct series_handle *series = (struct series_handle *)handle;

	if (series->reads)
		remove_reader(handle->node);
	if (series->stream) {
		write_stream_close(series->stream);
		count_writer(handle->node, -1);
	}
	handle_free(handle);
}

static const struct handle_ops series_handle_ops = {
	.read = series_read,
	.write = series_write,
	.flush = series_flush,
	.release = series_release,
};

static int open_stream(struct mount *mount, struct node *node, struct write_stream **out)
{
	struct place place = node->place;
	struct buf key = { 0 };
	int err;

	place.series_id = series_number(mount, node);
	if (node->text_length)
		buf_append_slice(&key, node_text(node));
	else
		print_key(mount, &place, &key);
	err = write_stream_open(mount, &place, buf_slice(&key), out);
	buf_release(&key);
	return err;
}

static int series_open(fuse_req_t req, struct mount *mount, struct node *node,
		       struct fuse_file_info *info, struct handle **out)
{
	struct series_view *view = view_of(node);
	bool writes = flags_write(info->flags), reads = flags_read(info->flags);
	struct write_stream *stream = NULL;
	struct series_handle *series;
	int err;

	if (writes && view->cached) {
		/* A writer may not share cached pages: the kernel looks up once more. */
		atomic_store(busy_slot(&node->place), env_monotonic_ns() + SERIES_QUIET_NS);
		return ERR_STALE;
	}
	if (reads) {
		err = add_reader(mount, node);
		if (err < 0 && !(writes && err == ERR_NOT_FOUND))
			return err == ERR_NOT_FOUND ? ERR_STALE : err;
		reads = err == OK;
	}
	if (writes) {
		err = open_stream(mount, node, &stream);
		if (err < 0) {
			if (reads)
				remove_reader(node);
			return err;
		}
		count_writer(node, 1);
	}
	series = handle_new(sizeof(*series), &series_handle_ops, mount, node, info->flags);
	series->reads = reads;
	series->stream = stream;
	info->direct_io = !view->cached;
	info->keep_cache = view->cached;
	info->noflush = !writes;
	*out = &series->base;
	return OK;
}

/* --- the name ---------------------------------------------------------------------- */

static void series_print(struct mount *mount, const struct place *place, struct slice text,
			 struct buf *out)
{
	struct index *index = NULL;

	if (place->series_id != ID_NONE)
		index = engine_hold_index(mount->engine, place->database_id);
	if (!index) {
		place_print_part(out, text);
		return;
	}
	buf_append_byte(out, '/');
	index_series_name(index, place->series_id, out);
	index_let_go(index);
}

static int series_remove(struct mount *mount, const struct place *place)
{
	int err;

	if (place->series_id == ID_NONE)
		return ERR_NOT_FOUND;
	err = engine_series_remove(mount->engine, place->policy_id, place->group_id,
				   place->series_id, TIME_MIN_NS, TIME_MAX_NS);
	if (err == OK)
		series_forget_place(mount, place);
	return err;
}

const struct kind_ops series_kind = {
	.lookup = series_lookup,
	.print = series_print,
	.remove = series_remove,
	.stat = stat_series,
	.wait = answer_grown,
	.set = series_set,
	.open = series_open,
};
