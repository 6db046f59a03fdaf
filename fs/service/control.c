/*
 * Does the words that an operator writes to .seriesfs/ctl: a row each, with its arguments and
 * its function.
 */
#include "fs/service/control.h"

#include "engine/base/when.h"
#include "fs/answers/exec.h"
#include "fs/settings/continuous.h"

#define ARGUMENTS_MAX 4

struct arguments {
	struct slice word[ARGUMENTS_MAX];
	size_t count;
};

/* The carriage return is that of a CRLF. */
static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* word := '"' anything but '"' '"' | anything but blanks */
static int take_word(const char **p, const char *end, struct slice *out)
{
	const char *start = *p, *stop = start;

	if (*start == '"') {
		stop = memchr(++start, '"', (size_t)(end - *p - 1));
		if (!stop)
			return ERR_INVALID;
		*p = stop + 1;
	} else {
		while (stop < end && !is_blank(*stop))
			stop++;
		*p = stop;
	}
	*out = slice_of(start, (size_t)(stop - start));
	return OK;
}

static int split(struct slice line, struct arguments *out, struct diag *diag)
{
	const char *p = line.data, *end = line.data + line.length;

	out->count = 0;
	for (;;) {
		const char *start;

		while (p < end && is_blank(*p))
			p++;
		if (p == end)
			return OK;
		if (out->count == ARGUMENTS_MAX)
			return diag_set_at(diag, ERR_INVALID, 1, (uint32_t)(p - line.data) + 1,
					   "expected the end of the line");
		start = p;
		if (take_word(&p, end, &out->word[out->count++]) < 0)
			return diag_set_at(diag, ERR_INVALID, 1, (uint32_t)(start - line.data) + 1,
					   "expected a closing \"");
	}
}

static int find(struct mount *mount, uint32_t parent_id, enum object_kind kind, struct slice name,
		const char *what, struct object *out, struct diag *diag)
{
	if (catalog_find(mount->catalog, parent_id, name, out) < 0 || out->kind != kind)
		return diag_set(diag, ERR_INVALID, "%s not found: %.*s", what, (int)name.length,
				name.data);
	return OK;
}

/* Follow the names as far as they go; `*depth` objects of `path` are set. */
static int find_path(struct mount *mount, const struct arguments *args, struct object path[3],
		     size_t *depth, struct diag *diag)
{
	static const struct {
		enum object_kind kind;
		const char *what;
	} level[3] = { { OBJECT_DATABASE, "database" },
		       { OBJECT_POLICY, "retention policy" },
		       { OBJECT_GROUP, "shard group" } };
	uint32_t parent_id = OBJECT_ROOT_ID;

	*depth = args->count - 1;
	for (size_t i = 0; i < *depth; i++) {
		TRY(find(mount, parent_id, level[i].kind, args->word[i + 1], level[i].what,
			 &path[i], diag));
		parent_id = path[i].id;
	}
	return OK;
}

static int run_flush(struct mount *mount, const struct arguments *args, struct diag *diag)
{
	return engine_flush(mount->engine);
}

static int run_retention(struct mount *mount, const struct arguments *args, struct diag *diag)
{
	size_t dropped;

	return engine_retention(mount->engine, &dropped);
}

static int run_compact(struct mount *mount, const struct arguments *args, struct diag *diag)
{
	struct object path[3];
	size_t depth;

	TRY(find_path(mount, args, path, &depth, diag));
	return engine_compact(mount->engine, depth ? path[depth - 1].id : 0);
}

static int run_drop(struct mount *mount, const struct arguments *args, struct diag *diag)
{
	struct object path[3];
	size_t depth;

	TRY(find_path(mount, args, path, &depth, diag));
	return engine_drop(mount->engine, path[depth - 1].id);
}

/* `clock ok`: it is right. To move it is for mounts that were started to be tested. */
static int run_clock(struct mount *mount, const struct arguments *args, struct diag *diag)
{
	int64_t time_ns;

	if (slice_equal(args->word[1], SLICE("ok")))
		return engine_trust_clock(mount->engine);
	if (!mount->options.clock_ns)
		return diag_set(diag, ERR_NOT_PERMITTED, "the clock moves only with -o clock=TIME");
	if (when_parse_rfc3339(args->word[1], &time_ns) < 0)
		return diag_set(diag, ERR_INVALID, "expected a time as 2026-11-22T10:00:00Z");
	env_move_clock(time_ns);
	return OK;
}

static int run_continuous(struct mount *mount, const struct arguments *args, struct diag *diag)
{
	continuous_run_now(mount->continuous);
	return OK;
}

static const struct word {
	const char *name;
	size_t arguments_min, arguments_max;
	int (*run)(struct mount *mount, const struct arguments *args, struct diag *diag);
	const char *usage;
} words[] = {
	{ "flush", 0, 0, run_flush, "flush" },
	{ "compact", 0, 3, run_compact, "compact [db [policy [group]]]" },
	{ "retention", 0, 0, run_retention, "retention" },
	{ "drop", 3, 3, run_drop, "drop db policy group" },
	{ "continuous", 0, 0, run_continuous, "continuous" },
	{ "clock", 1, 1, run_clock, "clock ok" },
};

/* One line. ERR_INVALID with diag: not a word, or not its arguments. */
static int run(struct exec_handle *handle, struct slice line, struct diag *diag)
{
	struct mount *mount = exec_mount(handle);
	struct arguments args;

	TRY(split(line, &args, diag));
	if (args.count == 0)
		return OK;
	if (mount->options.read_only)
		return ERR_READ_ONLY;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct word *word = &words[i];

		if (!slice_equal(args.word[0], slice_of_text(word->name)))
			continue;
		if (args.count - 1 < word->arguments_min || args.count - 1 > word->arguments_max)
			return diag_set(diag, ERR_INVALID, "usage: %s", word->usage);
		return word->run(mount, &args, diag);
	}
	return diag_set_at(diag, ERR_INVALID, 1, 1,
			   "unknown word (expected flush, compact, retention, continuous or drop)");
}

static int control_open(fuse_req_t req, struct mount *mount, struct node *node,
			struct fuse_file_info *info, struct handle **out)
{
	return exec_open_with(req, mount, node, info, run, true, out);
}

const struct kind_ops control_kind = {
	.lookup = kind_lookup_idle,
	.attr_seconds = KIND_SECONDS_FIXED,
	.open = control_open,
};
