/* A list of byte buffers, and the two ways out of it: becoming a series, and rename. */
#include "fs/points/scratch.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "engine/point/name.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/points/series.h"
#include "fs/points/write.h"
#include "fs/settings/setting.h"

#define SCRATCH_COUNT_MAX 65536u
#define SPARE_BYTES_MIN	  (16u << 10)
#define SPARE_BYTES_MAX	  (16u << 20)
/* How long after its last close a file that is still there counts as left behind. */
#define LEFT_BEHIND_NS NS_PER_SECOND

struct scratch {
	uint64_t number;
	struct place dir;
	struct mount *mount;
	bool is_directory;     /* holds other scratch files, and nothing else */
	atomic_int references; /* the table's and the nodes' */

	pthread_mutex_t lock;
	/* protected by lock */
	char *name;
	struct buf bytes;
	struct attrs attrs;
	bool mtime_given;
	bool undecided; /* its first full line will tell whether it is a series of its own */
	bool became;	/* the series `series` with key `series_key`: never undone */
	struct place series;
	struct buf series_key;
	unsigned writer_count;
	int64_t closed_ns; /* monotonic, of the last writer; 0 = never */
	bool told;
	bool has_cut;
	uint64_t cut;

	/* protected by the table's lock */
	bool linked;
	struct scratch *next;
};

struct scratch_table {
	pthread_mutex_t lock;
	struct scratch *first;	    /* protected by lock */
	size_t count;		    /* protected by lock */
	uint64_t number_next;	    /* protected by lock */
	pthread_mutex_t spare_lock; /* the last of all */
	/* protected by spare_lock; what one that is done had: a restore makes file after file, and
	 * the kernel would give and clear pages for each. */
	struct buf spare;
	atomic_ullong bytes; /* of `held`, those of scratch files */
	struct budget *held; /* borrowed */
};

struct scratch_table *scratch_table_new(struct budget *held)
{
	struct scratch_table *table = calloc(1, sizeof(*table));

	if (!table)
		log_out_of_memory(sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
	pthread_mutex_init(&table->spare_lock, NULL);
	table->held = held;
	table->number_next = 1;
	return table;
}

static void drop_cut(struct scratch *scratch)
{
	if (scratch->has_cut)
		engine_cut_release(scratch->mount->engine, scratch->dir.group_id, scratch->cut);
	scratch->has_cut = false;
}

/* False: over what open files may hold. */
static bool count_bytes(struct scratch_table *table, size_t before, size_t bytes)
{
	size_t held = before;

	if (!budget_hold(table->held, &held, bytes))
		return false;
	atomic_fetch_add(&table->bytes, (uint64_t)bytes - before);
	return true;
}

static void drop_bytes(struct scratch *scratch)
{
	struct scratch_table *table = scratch->mount->scratches;
	struct buf unused = scratch->bytes;

	count_bytes(table, unused.length, 0);
	scratch->bytes = (struct buf){ 0 };
	buf_reset(&unused);
	pthread_mutex_lock(&table->spare_lock);
	if (unused.capacity > table->spare.capacity && unused.capacity <= SPARE_BYTES_MAX) {
		struct buf before = table->spare;

		table->spare = unused;
		unused = before;
	}
	pthread_mutex_unlock(&table->spare_lock);
	buf_release(&unused);
}

/* For more than some kilobytes: what another file left. */
static void take_spare(struct scratch *scratch, size_t bytes)
{
	struct scratch_table *table = scratch->mount->scratches;

	if (scratch->bytes.capacity > 0 || bytes < SPARE_BYTES_MIN)
		return;
	pthread_mutex_lock(&table->spare_lock);
	scratch->bytes = table->spare;
	table->spare = (struct buf){ 0 };
	pthread_mutex_unlock(&table->spare_lock);
}

/* Once no file is there. */
static void drop_spare(struct scratch_table *table)
{
	pthread_mutex_lock(&table->spare_lock);
	buf_release(&table->spare);
	pthread_mutex_unlock(&table->spare_lock);
}

static void unref(struct scratch *scratch)
{
	if (atomic_fetch_sub(&scratch->references, 1) != 1)
		return;
	drop_cut(scratch);
	drop_bytes(scratch);
	buf_release(&scratch->series_key);
	pthread_mutex_destroy(&scratch->lock);
	free(scratch->name);
	free(scratch);
}

void scratch_table_free(struct scratch_table *table)
{
	for (struct scratch *scratch = table->first, *next; scratch; scratch = next) {
		next = scratch->next;
		if (scratch->bytes.length)
			log_warning("a scratch file is lost: %s (%zu bytes, never renamed)",
				    scratch->name, scratch->bytes.length);
		unref(scratch);
	}
	drop_spare(table);
	pthread_mutex_destroy(&table->spare_lock);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

uint64_t scratch_table_bytes(struct scratch_table *table)
{
	return atomic_load(&table->bytes);
}

static bool in_dir(const struct scratch *scratch, const struct place *dir)
{
	return scratch->dir.kind == dir->kind && scratch->dir.object_id == dir->object_id &&
	       scratch->dir.unique == dir->unique;
}

static void link_scratch(struct scratch_table *table, struct scratch *scratch)
{
	pthread_mutex_lock(&table->lock);
	scratch->number = table->number_next++;
	scratch->next = table->first;
	scratch->linked = true;
	table->first = scratch;
	table->count++;
	pthread_mutex_unlock(&table->lock);
}

/* Off the list: no name leads to it any more. */
static void unlink_scratch(struct scratch_table *table, struct scratch *scratch)
{
	bool was_linked;

	pthread_mutex_lock(&table->lock);
	was_linked = scratch->linked;
	scratch->linked = false;
	for (struct scratch **link = &table->first; was_linked && *link; link = &(*link)->next)
		if (*link == scratch) {
			*link = scratch->next;
			table->count--;
			break;
		}
	pthread_mutex_unlock(&table->lock);
	if (was_linked)
		unref(scratch);
}

/* With a reference of the caller's; NULL when there is none of that number. */
static struct scratch *take(struct scratch_table *table, uint64_t number)
{
	struct scratch *scratch;

	pthread_mutex_lock(&table->lock);
	scratch = table->first;
	while (scratch && scratch->number != number)
		scratch = scratch->next;
	if (scratch)
		atomic_fetch_add(&scratch->references, 1);
	pthread_mutex_unlock(&table->lock);
	return scratch;
}

static void payload_release(void *payload)
{
	unref(payload);
}

static struct scratch *scratch_of(const struct node *node)
{
	return node->payload;
}

static struct place place_of(const struct scratch *scratch)
{
	struct place place = scratch->dir;

	place.kind = scratch->is_directory ? KIND_SCRATCH_DIR : KIND_SCRATCH;
	if (!scratch->is_directory)
		place.object_id = 0;
	place.unique = scratch->number;
	return place;
}

/* A node for it; takes over a reference. */
static struct node *add_node(struct mount *mount, struct scratch *scratch)
{
	struct place place = place_of(scratch);
	struct node *node = node_add(mount->nodes, &place, slice_of("", 0));

	node->payload = scratch;
	node->payload_release = payload_release;
	node_key(mount->nodes, node);
	return node;
}

static int scratch_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
			  struct slice text, struct node **out)
{
	struct scratch *scratch;

	*out = node_take(mount->nodes, place, slice_of("", 0));
	if (*out)
		return OK;
	scratch = take(mount->scratches, place->unique);
	if (!scratch)
		return ERR_NOT_FOUND;
	*out = add_node(mount, scratch);
	return OK;
}

bool scratch_takes(const struct place *dir, struct slice name, int flags)
{
	bool dotted = name.length && name.data[0] == '.';

	switch ((enum kind)dir->kind) {
	case KIND_CONTINUOUS: return dotted;
	/* sed -i of .policy begins with a name like sedXy12Zz. */
	case KIND_POLICY:
	/* tar puts an empty file where a link will be, until all else is there. */
	case KIND_VIEWS: return dotted || flags & O_EXCL;
	case KIND_GROUP: return dotted || flags & O_EXCL || name_is_cut(name);
	default: return false;
	}
}

/* A cut name that nothing is known of does not tell its key, and need not parse: a line will. */
static bool tells_no_key(struct slice name, const struct place *series)
{
	return name_is_cut(name) && series->series_id == ID_NONE;
}

/* The series that a name in a group stands for; `key` is empty while only a line can tell. */
static int series_of_name(struct mount *mount, const struct place *dir, struct slice name,
			  struct place *out, struct buf *key)
{
	int err = place_of_series(mount, dir, name, out, key, NULL);

	if (err == ERR_INVALID && name_is_cut(name)) {
		*out = *dir;
		out->kind = KIND_SERIES;
		out->object_id = 0;
		out->series_id = ID_NONE;
		err = OK;
	}
	if (err == OK && tells_no_key(name, out))
		buf_reset(key);
	return err;
}

/* A name that a series could have waits for its first full line. */
static void decide_by_name(struct mount *mount, struct scratch *scratch)
{
	struct slice name = slice_of_text(scratch->name);
	enum kind dir = scratch->dir.kind;

	if ((dir != KIND_GROUP && dir != KIND_POLICY) || name.data[0] == '.')
		return;
	scratch->undecided = series_of_name(mount, &scratch->dir, name, &scratch->series,
					    &scratch->series_key) == OK;
}

/* Its name came, went or changed. A directory that is gone itself has no times. */
static void touch_dir(const struct scratch *scratch)
{
	catalog_touch(scratch->mount->catalog, scratch->dir.object_id);
}

static int create(struct mount *mount, const struct place *dir, struct slice name,
		  const struct attrs *attrs, bool is_directory, struct node **out)
{
	struct scratch *scratch;

	if (mount->scratches->count >= SCRATCH_COUNT_MAX)
		return ERR_LIMIT;
	scratch = calloc(1, sizeof(*scratch));
	if (!scratch)
		log_out_of_memory(sizeof(*scratch));
	scratch->dir = *dir;
	scratch->is_directory = is_directory;
	scratch->mount = mount;
	scratch->name = strndup(name.data, name.length);
	scratch->attrs = *attrs;
	scratch->attrs.atime_ns = scratch->attrs.mtime_ns = scratch->attrs.ctime_ns = env_now_ns();
	atomic_init(&scratch->references, 2); /* the table's and the node's */
	pthread_mutex_init(&scratch->lock, NULL);
	if (dir->group_id && !is_directory) {
		scratch->cut = engine_cut(mount->engine, dir->group_id);
		scratch->has_cut = true;
	}
	if (!is_directory)
		decide_by_name(mount, scratch);
	link_scratch(mount->scratches, scratch);
	*out = add_node(mount, scratch);
	touch_dir(scratch);
	return OK;
}

int scratch_create(struct mount *mount, const struct place *dir, struct slice name,
		   const struct attrs *attrs, struct node **out)
{
	return create(mount, dir, name, attrs, false, out);
}

int scratch_mkdir(struct mount *mount, const struct place *dir, struct slice name,
		  const struct attrs *attrs, struct node **out)
{
	struct place other;

	if (scratch_find(mount, dir, name, &other) == OK)
		return ERR_EXISTS;
	return create(mount, dir, name, attrs, true, out);
}

int scratch_find(struct mount *mount, const struct place *dir, struct slice name, struct place *out)
{
	struct scratch_table *table = mount->scratches;
	struct scratch *scratch;

	pthread_mutex_lock(&table->lock);
	scratch = table->first;
	while (scratch &&
	       !(in_dir(scratch, dir) && slice_equal(slice_of_text(scratch->name), name)))
		scratch = scratch->next;
	if (scratch)
		*out = place_of(scratch);
	pthread_mutex_unlock(&table->lock);
	return scratch ? OK : ERR_NOT_FOUND;
}

static void scratch_print(struct mount *mount, const struct place *place, struct slice text,
			  struct buf *out)
{
	struct scratch *scratch = take(mount->scratches, place->unique);

	if (!scratch)
		return;
	if (scratch->dir.kind == KIND_CONTINUOUS || scratch->dir.kind == KIND_VIEWS)
		buf_append_byte(out, '/'), buf_append_text(out, tree_word(scratch->dir.kind));
	buf_append_byte(out, '/');
	buf_append_text(out, scratch->name);
	unref(scratch);
}

int scratch_list(struct mount *mount, const struct place *dir, list_each *each, void *arg)
{
	struct scratch_table *table = mount->scratches;

	pthread_mutex_lock(&table->lock);
	for (struct scratch *scratch = table->first; scratch; scratch = scratch->next)
		if (in_dir(scratch, dir)) {
			struct place place = place_of(scratch);

			each(arg, &place, slice_of_text(scratch->name));
		}
	pthread_mutex_unlock(&table->lock);
	return OK;
}

static void count_one(void *arg, const struct place *place, struct slice name)
{
	++*(size_t *)arg;
}

size_t scratch_count(struct mount *mount, const struct place *dir)
{
	size_t count = 0;

	scratch_list(mount, dir, count_one, &count);
	return count;
}

/* Is it in `dir`, in a scratch directory there, or `dir` one where it is? */
static bool is_near(const struct scratch *scratch, const struct place *dir)
{
	bool is_through = scratch->dir.kind == KIND_SCRATCH_DIR || dir->kind == KIND_SCRATCH_DIR;

	return in_dir(scratch, dir) ||
	       (is_through && scratch->dir.object_id == dir->object_id && !scratch->is_directory);
}

static bool any_linked(struct scratch_table *table)
{
	pthread_mutex_lock(&table->lock);
	bool any = table->first;
	pthread_mutex_unlock(&table->lock);
	return any;
}

/* Has it lines, and has nobody touched it for a while? Then once. */
static bool is_left_behind(struct scratch *scratch)
{
	bool left;

	/* In use: then it is not left behind; and the table's lock is not to wait for it. */
	if (pthread_mutex_trylock(&scratch->lock) != 0)
		return false;
	left = !scratch->told && scratch->closed_ns && scratch->writer_count == 0 &&
	       scratch->bytes.length > 0 &&
	       env_monotonic_ns() - scratch->closed_ns > LEFT_BEHIND_NS;
	scratch->told |= left;
	pthread_mutex_unlock(&scratch->lock);
	return left;
}

/* The first that has something to be said or done about, with a reference; NULL. */
static struct scratch *take_next_due(struct mount *mount, bool *orphan)
{
	struct scratch_table *table = mount->scratches;
	struct scratch *scratch;
	struct object object;

	pthread_mutex_lock(&table->lock);
	for (scratch = table->first; scratch; scratch = scratch->next) {
		*orphan = catalog_get(mount->catalog, scratch->dir.object_id, &object) < 0;
		if (*orphan || is_left_behind(scratch))
			break;
	}
	if (scratch)
		atomic_fetch_add(&scratch->references, 1);
	pthread_mutex_unlock(&table->lock);
	return scratch;
}

void scratch_remind(struct mount *mount)
{
	struct scratch *scratch;
	bool orphan;

	if (!any_linked(mount->scratches))
		drop_spare(mount->scratches);
	while ((scratch = take_next_due(mount, &orphan))) {
		struct diag diag = { 0 };
		struct place place = place_of(scratch);

		if (orphan) {
			unlink_scratch(mount->scratches, scratch);
		} else {
			diag_set(&diag, ERR_INCOMPLETE,
				 "a scratch file was closed with %zu bytes and not renamed onto a "
				 "series: no query sees them",
				 scratch->bytes.length);
			place_tell(mount, &place, slice_of("", 0), ERR_INCOMPLETE, &diag, 0,
				   slice_of("", 0));
		}
		unref(scratch);
	}
}

static void learn_series_number(struct mount *mount, struct scratch *scratch)
{
	struct index *index;

	if (scratch->series.series_id != ID_NONE)
		return;
	index = engine_hold_index(mount->engine, scratch->dir.database_id);
	if (index)
		index_series(index, buf_slice(&scratch->series_key), false,
			     &scratch->series.series_id, NULL);
	index_let_go(index);
}

bool scratch_became(struct mount *mount, const struct node *node, struct place *series)
{
	struct scratch *scratch = scratch_of(node);
	bool became;

	pthread_mutex_lock(&scratch->lock);
	became = scratch->became;
	if (became) {
		learn_series_number(mount, scratch);
		*series = scratch->series;
	}
	pthread_mutex_unlock(&scratch->lock);
	return became;
}

/*
 * A dot file in a group: until it is renamed, only the kernel changes it, which so may remember its
 * name and attributes for a while. After it, the kernel asks for attributes, and an open is
 * ERR_STALE.
 */
static bool scratch_is_steady(struct mount *mount, const struct node *node)
{
	struct scratch *scratch = scratch_of(node);

	pthread_mutex_lock(&scratch->lock);
	bool steady =
		scratch->dir.kind == KIND_GROUP && scratch->name[0] == '.' && !scratch->became;
	pthread_mutex_unlock(&scratch->lock);
	return steady;
}

static int stat_bytes(struct mount *mount, struct node *node, struct stat *out)
{
	struct scratch *scratch = scratch_of(node);

	pthread_mutex_lock(&scratch->lock);
	attr_fill(out, node->place.kind, &scratch->attrs, scratch->bytes.length);
	pthread_mutex_unlock(&scratch->lock);
	out->st_ino = tree_ino(&node->place, slice_of("", 0));
	return OK;
}

/* A scratch file that became a series goes on as that under its old nodeid. */
static int scratch_stat(struct mount *mount, struct node *node, struct stat *out)
{
	struct series_stat series;
	struct place place;
	int err;

	if (!scratch_became(mount, node, &place))
		return stat_bytes(mount, node, out);
	err = place.series_id == ID_NONE
		      ? ERR_NOT_FOUND
		      : engine_series_stat(mount->engine, place.policy_id, place.group_id,
					   place.series_id, &series);
	if (err == ERR_NOT_FOUND && atomic_load(&node->handle_count) == 0)
		return ERR_STALE;
	if (err == ERR_NOT_FOUND) {
		series = (struct series_stat){ .mtime_ns = env_now_ns() };
		series.ctime_ns = series.mtime_ns;
		err = OK;
	}
	return err == OK ? series_fill_stat(mount, &place, &series, out) : err;
}

static int64_t time_given(const struct timespec *time, bool now)
{
	return now ? env_now_ns() : attr_time(time);
}

static int scratch_set(struct mount *mount, struct node *node, const struct stat *to, int what)
{
	struct scratch *scratch = scratch_of(node);
	struct attrs *attrs = &scratch->attrs;
	struct place series;

	if (scratch_became(mount, node, &series))
		return series_set_place(mount, &series, to, what);

	pthread_mutex_lock(&scratch->lock);
	if (what & FUSE_SET_ATTR_MODE)
		attrs->mode = to->st_mode & 07777;
	if (what & FUSE_SET_ATTR_UID)
		attrs->uid = to->st_uid;
	if (what & FUSE_SET_ATTR_GID)
		attrs->gid = to->st_gid;
	if (what & FUSE_SET_ATTR_ATIME)
		attrs->atime_ns = time_given(&to->st_atim, what & FUSE_SET_ATTR_ATIME_NOW);
	if (what & FUSE_SET_ATTR_MTIME) {
		attrs->mtime_ns = time_given(&to->st_mtim, what & FUSE_SET_ATTR_MTIME_NOW);
		scratch->mtime_given = true;
	}
	attrs->ctime_ns = env_now_ns();
	pthread_mutex_unlock(&scratch->lock);
	return OK;
}

/* Room up to `bytes`; what lies in it before `zeros_end` is zero. Called with its lock. */
static int resize(struct scratch *scratch, uint64_t bytes, uint64_t zeros_end)
{
	struct scratch_table *table = scratch->mount->scratches;
	size_t before = scratch->bytes.length;

	if (bytes > SIZE_MAX / 4 || !count_bytes(table, before, (size_t)bytes))
		return ERR_LIMIT;
	if (bytes > before) {
		take_spare(scratch, (size_t)bytes);
		if (!buf_try_reserve(&scratch->bytes, (size_t)bytes - before)) {
			count_bytes(table, (size_t)bytes, before);
			return ERR_MEMORY;
		}
		if (zeros_end > before)
			memset(scratch->bytes.data + before, 0, (size_t)(zeros_end - before));
	}
	scratch->bytes.length = (size_t)bytes;
	return OK;
}

static int scratch_truncate(struct mount *mount, struct node *node, uint64_t bytes)
{
	struct scratch *scratch = scratch_of(node);
	int err = OK;

	pthread_mutex_lock(&scratch->lock);
	if (!scratch->became) {
		err = resize(scratch, bytes, bytes);
		scratch->attrs.mtime_ns = scratch->attrs.ctime_ns = env_now_ns();
	}
	pthread_mutex_unlock(&scratch->lock);
	return err;
}

int scratch_remove(struct mount *mount, const struct place *place)
{
	struct scratch *scratch = take(mount->scratches, place->unique);

	if (!scratch)
		return ERR_NOT_FOUND;
	unlink_scratch(mount->scratches, scratch);
	node_retire_place(mount->nodes, place, slice_of("", 0));
	touch_dir(scratch);
	unref(scratch);
	return OK;
}

/* --- the first full line --------------------------------------------------- */

/* Skips blank lines and comments. OK with the line, END: there is none yet. */
static int first_full_line(struct slice text, bool final, struct slice *out)
{
	while (text.length) {
		size_t length;
		struct slice line;

		TRY(line_measure(text, &length));
		if (length == 0 && !final)
			return END;
		if (length == 0)
			length = text.length;
		line = slice_of(text.data, length);
		while (line.length && strchr(" \t\r\n", line.data[line.length - 1]))
			line.length--;
		if (line.length && line.data[0] != '#') {
			*out = line;
			return OK;
		}
		text = slice_from(text, length);
	}
	return END;
}

/* Does a line carry the key of the series that `name` lists? Its canonical key goes to `key`. */
static bool key_has_name(struct slice raw_key, struct slice name, struct buf *key)
{
	struct arena arena = { .bytes_max = 1u << 20 };
	struct tag tags[TAGS_PER_SERIES_MAX];
	struct buf listed = { 0 };
	struct slice measurement;
	size_t tag_count;
	bool same = false;

	if (line_parse_key(&arena, raw_key, &measurement, tags, &tag_count, NULL) == OK) {
		line_print_key(key, measurement, tags, tag_count);
		name_print(&listed, measurement, tags, tag_count);
		same = slice_equal(buf_slice(&listed), name);
	}
	buf_release(&listed);
	arena_release(&arena);
	return same;
}

/*
 * Whose line is it? A short form is the file's own; so is one that does not
 * parse, since that is refused as any line of a series would be. Where the name
 * does not tell the series, only a full line can. In a policy all is but settings.
 */
static bool line_is_own(struct scratch *scratch, struct slice line)
{
	struct arena arena = { .bytes_max = LINE_BYTES_MAX * 2 };
	struct line_context context = { .arena = &arena,
					.time_unit_ns = 1,
					.forms = LINE_FULL | LINE_SHORT };
	struct slice name = slice_of_text(scratch->name);
	struct policy_settings settings = policy_defaults();
	struct buf key = { 0 };
	struct line parsed;
	bool own = !tells_no_key(name, &scratch->series);

	if (scratch->dir.kind == KIND_POLICY)
		return policy_parse(line, &settings, NULL) < 0;
	if (line_parse(&context, line, &parsed, NULL) == OK && parsed.raw_key.length) {
		own = key_has_name(parsed.raw_key, name, &key) ||
		      slice_equal(buf_slice(&key), buf_slice(&scratch->series_key));
		if (own) {
			/* A cut name says its key only now. */
			buf_reset(&scratch->series_key);
			buf_append_slice(&scratch->series_key, buf_slice(&key));
			scratch->series.series_id = ID_NONE;
		}
	}
	buf_release(&key);
	line_context_release(&context);
	arena_release(&arena);
	return own;
}

/* Called with its lock: after this it is a series, or scratch for good, or still undecided. */
static void decide(struct scratch *scratch, bool final)
{
	struct slice line;
	int err;

	if (!scratch->undecided)
		return;
	err = first_full_line(buf_slice(&scratch->bytes), final, &line);
	if (err == END)
		return;
	scratch->undecided = false;
	scratch->became = err < 0 || line_is_own(scratch, line);
	if (scratch->became)
		drop_cut(scratch);
}

/* --- handles ---------------------------------------------------------------- */

struct scratch_handle {
	struct handle base;
	struct write_stream *stream; /* once the file became a series */
};

static void scratch_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct scratch *scratch = scratch_of(handle->node);

	pthread_mutex_lock(&scratch->lock);
	reply_bytes(req, buf_slice(&scratch->bytes), length, offset);
	pthread_mutex_unlock(&scratch->lock);
}

static int store(struct scratch *scratch, struct slice data, uint64_t offset)
{
	if (offset > INT64_MAX - data.length)
		return ERR_LIMIT;
	if (offset != scratch->bytes.length)
		scratch->undecided = false; /* not written from front to back */
	if (offset + data.length > scratch->bytes.length)
		TRY(resize(scratch, offset + data.length, offset));
	memcpy(scratch->bytes.data + offset, data.data, data.length);
	scratch->attrs.mtime_ns = scratch->attrs.ctime_ns = env_now_ns();
	return OK;
}

static int open_stream(struct scratch_handle *handle, struct scratch *scratch)
{
	if (handle->stream)
		return OK;
	learn_series_number(handle->base.mount, scratch);
	return write_stream_open(handle->base.mount, &scratch->series,
				 buf_slice(&scratch->series_key), &handle->stream);
}

/* It has just become a series: what was kept goes in, and `*taken` tells how much of the last
 * `length` bytes. */
static int pour(struct scratch_handle *handle, struct scratch *scratch, size_t length,
		size_t *taken)
{
	size_t all = scratch->bytes.length, poured = 0;
	int err = open_stream(handle, scratch);

	if (err == OK)
		err = write_stream_write(handle->stream, buf_slice(&scratch->bytes), 0, &poured);
	drop_bytes(scratch);
	*taken = poured > all - length ? poured - (all - length) : 0;
	if (err == OK && *taken == 0 && length > 0)
		err = ERR_INVALID;
	return err;
}

/* The table forgets a file that became a series; the lookup of its name then finds that. */
static void leave_table(struct mount *mount, struct scratch *scratch)
{
	unlink_scratch(mount->scratches, scratch);
}

static int write_locked(struct scratch_handle *handle, struct scratch *scratch, struct slice data,
			uint64_t offset, size_t *taken)
{
	*taken = 0;
	if (scratch->became) {
		TRY(open_stream(handle, scratch));
		return write_stream_write(handle->stream, data, offset, taken);
	}
	TRY(store(scratch, data, offset));
	decide(scratch, false);
	if (scratch->became)
		return pour(handle, scratch, data.length, taken);
	*taken = data.length;
	return OK;
}

static void scratch_write(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset)
{
	struct scratch *scratch = scratch_of(handle->node);
	size_t taken;
	bool became;
	int err;

	pthread_mutex_lock(&scratch->lock);
	err = write_locked((struct scratch_handle *)handle, scratch, data, offset, &taken);
	became = scratch->became;
	pthread_mutex_unlock(&scratch->lock);
	if (became)
		leave_table(handle->mount, scratch);
	if (err < 0)
		reply_err(req, err);
	else
		reply_taken(req, handle, taken);
}

static int flush_locked(struct scratch_handle *handle, struct scratch *scratch)
{
	size_t taken;

	decide(scratch, true);
	if (!scratch->became)
		return OK;
	if (scratch->bytes.length)
		TRY(pour(handle, scratch, 0, &taken));
	return handle->stream ? write_stream_flush(handle->stream) : OK;
}

static void scratch_flush(fuse_req_t req, struct handle *handle)
{
	struct scratch *scratch = scratch_of(handle->node);
	bool became;
	int err = OK;

	pthread_mutex_lock(&scratch->lock);
	if (flags_write(handle->flags))
		err = flush_locked((struct scratch_handle *)handle, scratch);
	became = scratch->became;
	pthread_mutex_unlock(&scratch->lock);
	if (became)
		leave_table(handle->mount, scratch);
	reply_err(req, err);
}

/* A series over all groups that got no line has no name: gives whether it was one. */
static bool close_locked(struct scratch *scratch)
{
	if (--scratch->writer_count > 0)
		return false;
	scratch->closed_ns = env_monotonic_ns();
	return scratch->undecided && scratch->dir.kind == KIND_POLICY;
}

static void scratch_release(struct handle *handle)
{
	struct scratch_handle *mine = (struct scratch_handle *)handle;
	struct scratch *scratch = scratch_of(handle->node);
	bool is_nothing;

	if (mine->stream)
		write_stream_close(mine->stream);
	if (flags_write(handle->flags)) {
		pthread_mutex_lock(&scratch->lock);
		is_nothing = close_locked(scratch);
		pthread_mutex_unlock(&scratch->lock);
		if (is_nothing)
			scratch_remove(handle->mount, &handle->node->place);
	}
	handle_free(handle);
}

static const struct handle_ops scratch_handle_ops = {
	.read = scratch_read,
	.write = scratch_write,
	.flush = scratch_flush,
	.release = scratch_release,
};

static int scratch_open(fuse_req_t req, struct mount *mount, struct node *node,
			struct fuse_file_info *info, struct handle **out)
{
	struct scratch *scratch = scratch_of(node);
	struct scratch_handle *handle;

	pthread_mutex_lock(&scratch->lock);
	if (scratch->became) {
		pthread_mutex_unlock(&scratch->lock);
		return ERR_STALE; /* the kernel looks its name up and opens the series */
	}
	if (flags_write(info->flags)) {
		scratch->writer_count++;
		if (info->flags & O_TRUNC)
			resize(scratch, 0, 0);
	}
	pthread_mutex_unlock(&scratch->lock);
	handle = handle_new(sizeof(*handle), &scratch_handle_ops, mount, node, info->flags);
	info->direct_io = 1;
	info->noflush = !flags_write(info->flags);
	*out = &handle->base;
	return OK;
}

/* --- rename ------------------------------------------------------------------ */

/* The series that the new name stands for; for an unknown cut name, what the first line says. */
static int target_series(struct mount *mount, struct scratch *scratch, const struct place *dir,
			 struct slice name, struct place *out, struct buf *key)
{
	struct line_context context = { 0 };
	struct arena arena = { .bytes_max = LINE_BYTES_MAX * 2 };
	struct line parsed;
	struct slice line;
	int err = series_of_name(mount, dir, name, out, key);

	if (err < 0 || !tells_no_key(name, out))
		return err;
	context = (struct line_context){ .arena = &arena, .time_unit_ns = 1, .forms = LINE_FULL };
	err = ERR_INVALID;
	if (first_full_line(buf_slice(&scratch->bytes), true, &line) == OK &&
	    line_parse(&context, line, &parsed, NULL) == OK) {
		buf_reset(key);
		if (key_has_name(parsed.raw_key, name, key))
			err = OK;
	}
	line_context_release(&context);
	arena_release(&arena);
	return err;
}

static void tell_replace(struct mount *mount, const struct place *series, struct slice key,
			 struct slice text, int err, const struct diag *diag)
{
	uint64_t number = diag->line;
	struct slice line = text;

	for (uint64_t i = 1; i < number; i++) {
		const char *end = slice_find(line, '\n');

		line = slice_from(line, end ? (size_t)(end - line.data) + 1 : line.length);
	}
	if (slice_find(line, '\n'))
		line.length = (size_t)(slice_find(line, '\n') - line.data);
	place_tell(mount, series, key, err, diag, number, line);
}

static bool has_points(struct mount *mount, const struct place *series)
{
	struct series_stat stat;

	return series->series_id != ID_NONE &&
	       engine_series_stat(mount->engine, series->policy_id, series->group_id,
				  series->series_id, &stat) == OK;
}

static int replace_series(struct mount *mount, struct scratch *scratch, const struct place *dir,
			  struct slice name)
{
	struct writer_options options;
	struct diag diag = { 0 };
	struct buf key = { 0 };
	struct place series;
	int err = target_series(mount, scratch, dir, name, &series, &key);

	/* A copy that broke off is empty, too; and only rm deletes. */
	if (err == OK && !scratch->bytes.length && has_points(mount, &series)) {
		err = diag_set(&diag, ERR_INVALID,
			       "an empty file replaces no points: rm deletes a series");
		tell_replace(mount, &series, buf_slice(&key), slice_of("", 0), err, &diag);
	}
	if (err == OK && scratch->bytes.length &&
	    scratch->bytes.data[scratch->bytes.length - 1] != '\n')
		buf_append_byte(&scratch->bytes, '\n'),
			atomic_fetch_add(&mount->scratches->bytes, 1);
	if (err == OK)
		err = write_series_options(mount, &series, buf_slice(&key), &options);
	if (err == OK) {
		err = engine_series_replace(mount->engine, &options, scratch->cut,
					    buf_slice(&scratch->bytes), &diag);
		if (err < 0)
			tell_replace(mount, &series, buf_slice(&key), buf_slice(&scratch->bytes),
				     err, &diag);
	}
	if (err == OK) {
		series_forget_place(mount, &series);
		scratch->series = series;
		buf_reset(&scratch->series_key);
		buf_append_slice(&scratch->series_key, buf_slice(&key));
		scratch->became = true;
		scratch->undecided = false;
		learn_series_number(mount, scratch);
		if (scratch->mtime_given && scratch->series.series_id != ID_NONE)
			engine_series_set_mtime(mount->engine, series.policy_id, series.group_id,
						scratch->series.series_id, scratch->attrs.mtime_ns);
		drop_cut(scratch);
		drop_bytes(scratch);
	}
	buf_release(&key);
	return err;
}

static int rename_only(struct scratch *scratch, const struct place *dir, struct slice name)
{
	struct scratch_table *table = scratch->mount->scratches;
	char *copy = strndup(name.data, name.length);

	pthread_mutex_lock(&table->lock);
	pthread_mutex_lock(&scratch->lock);
	free(scratch->name);
	scratch->name = copy;
	scratch->dir = *dir;
	pthread_mutex_unlock(&scratch->lock);
	pthread_mutex_unlock(&table->lock);
	touch_dir(scratch);
	return OK;
}

static int install_setting(struct mount *mount, struct scratch *scratch, const struct place *dir,
			   struct slice name)
{
	struct place place = setting_place_unborn(dir);

	return setting_install(mount, &place, name, buf_slice(&scratch->bytes), &scratch->attrs,
			       true);
}

/* What the new name makes of it. END: it stays a scratch file. */
static int rename_locked(struct mount *mount, struct scratch *scratch, const struct place *dir,
			 struct slice name)
{
	bool dotted = name.data[0] == '.';

	if (dir->kind == KIND_SCRATCH_DIR)
		return END;
	if (dir->kind == KIND_POLICY && slice_equal(name, SLICE(".policy")))
		return install_setting(mount, scratch, dir, name);
	if (dotted && !slice_equal(name, SLICE(".write")))
		return END;
	if (dir->kind == KIND_CONTINUOUS)
		return install_setting(mount, scratch, dir, name);
	return dir->kind == KIND_GROUP ? replace_series(mount, scratch, dir, name)
				       : ERR_NOT_PERMITTED;
}

int scratch_rename(struct mount *mount, const struct place *place, const struct place *dir,
		   struct slice name, unsigned flags)
{
	struct scratch *scratch = take(mount->scratches, place->unique);
	struct place other;
	int err;

	if (!scratch)
		return ERR_NOT_FOUND;
	if (!is_near(scratch, dir) || name.length == 0) {
		unref(scratch);
		return ERR_NOT_PERMITTED;
	}
	pthread_mutex_lock(&scratch->lock);
	err = rename_locked(mount, scratch, dir, name);
	pthread_mutex_unlock(&scratch->lock);
	if (err >= OK && scratch_find(mount, dir, name, &other) == OK &&
	    other.unique != place->unique)
		scratch_remove(mount, &other);
	if (err == OK)
		scratch_remove(mount, place);
	else if (err == END)
		err = rename_only(scratch, dir, name);
	unref(scratch);
	return err;
}

/* --- the kinds --------------------------------------------------------------- */

static int find_in_dir(struct mount *mount, const struct node *dir, struct slice name,
		       struct place *out, struct buf *text, struct diag *diag)
{
	return scratch_find(mount, &dir->place, name, out);
}

static int create_in_dir(struct mount *mount, struct node *dir, struct slice name,
			 const struct attrs *attrs, int flags, struct node **out)
{
	return scratch_create(mount, &dir->place, name, attrs, out);
}

static int remove_dir(struct mount *mount, const struct place *place)
{
	return scratch_count(mount, place) > 0 ? ERR_NOT_EMPTY : scratch_remove(mount, place);
}

const struct kind_ops scratch_kind = {
	.lookup = scratch_lookup,
	.print = scratch_print,
	.remove = scratch_remove,
	.attr_seconds = KIND_SECONDS_SCRATCH,
	.entry_seconds = KIND_SECONDS_SCRATCH,
	.is_steady = scratch_is_steady,
	.stat = scratch_stat,
	.set = scratch_set,
	.truncate = scratch_truncate,
	.open = scratch_open,
};

const struct kind_ops scratch_dir_kind = {
	.find = find_in_dir,
	.list = scratch_list,
	.create = create_in_dir,
	.lookup = scratch_lookup,
	.print = scratch_print,
	.remove = remove_dir,
	.attr_seconds = KIND_SECONDS_DIRECTORY,
	.stat = scratch_stat,
	.set = scratch_set,
};
