/* Recordings, and the directories that a crash in them may leave; image.h tells the rules. */
#include "tests/torture/states/image.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/map.h"
#include "engine/base/number.h"

#define SECTOR	 512u
#define DEPS_MAX 6u
#define NO_OP	 UINT32_MAX

/* --- vectors ---------------------------------------------------------------------------- */

void *grown(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	items = realloc(items, (count ? count * 2 : 1) * size);
	if (!items)
		abort();
	return items;
}
#define PUSH(items, count)                                                                         \
	(*((items) = grown((items), (count), sizeof(*(items))), &(items)[(count)++]))

/* --- what is recorded ----------------------------------------------------------------------- */

struct data_op {
	size_t index;
	bool is_write; /* else the size becomes `offset` */
	uint64_t offset;
	const char *bytes;
	size_t length;
};

struct sync_span {
	size_t begin, end;
};

struct node {
	uint64_t file; /* st_ino */
	bool is_dir;
	char *path; /* where it was made */
	struct data_op *data;
	size_t data_count;
	struct sync_span *syncs;
	size_t sync_count;
	uint32_t *ops; /* on its names, or (a directory) in it */
	size_t op_count;
};

struct name_op {
	size_t index;
	uint32_t node;
	uint32_t from, to; /* directories; NO_OP: none */
	const char *from_name, *to_name;
	uint32_t deps[DEPS_MAX];
	unsigned dep_count;
};

struct entry {
	const char *name;
	uint32_t node;
};

/* Which names are where: an array of entries a directory. */
struct tree {
	struct entry **entries;
	size_t *counts;
};

enum moment_kind {
	MOMENT_SHARD_SYNCED, /* LevelDB's log: chunks were committed */
	MOMENT_LOG_SYNCED,
	MOMENT_NAMES_SYNCED, /* catalog, index */
	MOMENT_ANY_SYNCED,
	MOMENT_LOG_GONE,
	MOMENT_RENAMED, /* or gone */
	MOMENT_KINDS,
};

struct recording {
	char *map;
	const struct record_head *head;
	const struct record **records;
	size_t count;
	struct node *nodes; /* 0 is the root */
	size_t node_count;
	struct name_op *ops;
	size_t op_count;
	struct sync_span *commits; /* syncs that take all names with them (RULE_JOURNAL) */
	size_t commit_count;
	/* After which records something has become durable, or went: of each kind of moments. */
	struct moments {
		size_t *at;
		size_t count;
	} moments[MOMENT_KINDS];
};

size_t recording_count(const struct recording *recording)
{
	return recording->count;
}

const struct record *recording_at(const struct recording *recording, size_t index)
{
	return recording->records[index];
}

/* --- trees --------------------------------------------------------------------------------- */

static void tree_init(struct tree *tree, size_t nodes)
{
	tree->entries = calloc(nodes + 1, sizeof(*tree->entries));
	tree->counts = calloc(nodes + 1, sizeof(*tree->counts));
	if (!tree->entries || !tree->counts)
		abort();
}

static void tree_release(struct tree *tree, size_t nodes)
{
	for (size_t i = 0; i < nodes; i++)
		free(tree->entries[i]);
	free(tree->entries);
	free(tree->counts);
}

static struct entry *tree_find(const struct tree *tree, uint32_t dir, const char *name)
{
	for (size_t i = 0; i < tree->counts[dir]; i++)
		if (strcmp(tree->entries[dir][i].name, name) == 0)
			return &tree->entries[dir][i];
	return NULL;
}

static void tree_remove(struct tree *tree, uint32_t dir, const char *name)
{
	struct entry *entry = tree_find(tree, dir, name);

	if (entry)
		*entry = tree->entries[dir][--tree->counts[dir]];
}

static void tree_set(struct tree *tree, uint32_t dir, const char *name, uint32_t node)
{
	struct entry *entry = tree_find(tree, dir, name);

	if (entry)
		entry->node = node;
	else
		PUSH(tree->entries[dir], tree->counts[dir]) = (struct entry){ name, node };
}

static void tree_apply(struct tree *tree, const struct name_op *op)
{
	if (op->from != NO_OP)
		tree_remove(tree, op->from, op->from_name);
	if (op->to != NO_OP)
		tree_set(tree, op->to, op->to_name, op->node);
}

/* --- reading a recording ---------------------------------------------------------------------- */

struct reading {
	struct recording *recording;
	struct tree tree;
	size_t room;	    /* of tree */
	struct idmap files; /* low half of st_ino -> node */
};

static uint32_t node_add(struct reading *reading, uint64_t file, bool is_dir, const char *path)
{
	struct recording *recording = reading->recording;

	if (recording->node_count + 1 >= reading->room)
		abort();
	PUSH(recording->nodes, recording->node_count) =
		(struct node){ .file = file, .is_dir = is_dir, .path = strdup(path) };
	idmap_set(&reading->files, (uint32_t)file, (uint32_t)recording->node_count - 1);
	return (uint32_t)recording->node_count - 1;
}

static uint32_t node_of(struct reading *reading, uint64_t file)
{
	uint32_t node = idmap_find(&reading->files, (uint32_t)file);

	return node == MAP_NONE ? NO_OP : node;
}

/* The directory of a path and the name in it, which is copied. False: it is not known. */
static bool locate(struct reading *reading, const char *path, uint32_t *dir, const char **name)
{
	char part[NAME_MAX + 1];
	const char *slash;

	*dir = 0;
	while ((slash = strchr(path, '/'))) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		struct entry *entry = tree_find(&reading->tree, *dir, part);
		if (!entry)
			return false;
		*dir = entry->node;
		path = slash + 1;
	}
	*name = strdup(path);
	return true;
}

static void rest_on(struct name_op *op, uint32_t other)
{
	for (unsigned i = 0; i < op->dep_count; i++)
		if (op->deps[i] == other)
			return;
	if (other != NO_OP && op->dep_count < DEPS_MAX)
		op->deps[op->dep_count++] = other;
}

/* The last operation on a name; what is done to it now rests on that. */
static uint32_t last_on_name(const struct recording *recording, uint32_t dir, const char *name)
{
	for (size_t i = recording->op_count; i-- > 0;) {
		const struct name_op *op = &recording->ops[i];

		if ((op->from == dir && strcmp(op->from_name, name) == 0) ||
		    (op->to == dir && strcmp(op->to_name, name) == 0))
			return (uint32_t)i;
	}
	return NO_OP;
}

static uint32_t last_of_node(const struct recording *recording, uint32_t node)
{
	for (size_t i = recording->op_count; i-- > 0;)
		if (recording->ops[i].node == node)
			return (uint32_t)i;
	return NO_OP;
}

/* The one that made a directory's present name. */
static void rest_on_dir(const struct recording *recording, struct name_op *op, uint32_t dir)
{
	if (dir != NO_OP && dir != 0)
		rest_on(op, last_of_node(recording, dir));
}

static void op_add(struct reading *reading, struct name_op op)
{
	struct recording *recording = reading->recording;

	if (op.from != NO_OP)
		rest_on(&op, last_on_name(recording, op.from, op.from_name));
	if (op.to != NO_OP)
		rest_on(&op, last_on_name(recording, op.to, op.to_name));
	rest_on(&op, last_of_node(recording, op.node));
	rest_on_dir(recording, &op, op.from);
	rest_on_dir(recording, &op, op.to);
	uint32_t number = (uint32_t)recording->op_count;
	PUSH(recording->ops, recording->op_count) = op;
	tree_apply(&reading->tree, &op);
	uint32_t nodes[3] = { op.node, op.from, op.to };
	for (int i = 0; i < 3; i++)
		if (nodes[i] != NO_OP && !(i == 2 && nodes[2] == nodes[1])) {
			struct node *node = &recording->nodes[nodes[i]];

			PUSH(node->ops, node->op_count) = number;
		}
}

static void read_new(struct reading *reading, size_t index, const char *path, bool is_dir)
{
	struct name_op op = { .index = index, .from = NO_OP };

	if (!locate(reading, path, &op.to, &op.to_name))
		return;
	op.node = node_add(reading, reading->recording->records[index]->file, is_dir, path);
	op_add(reading, op);
}

static void read_gone(struct reading *reading, size_t index, const char *path)
{
	struct name_op op = { .index = index, .to = NO_OP };
	struct entry *entry;

	if (!locate(reading, path, &op.from, &op.from_name))
		return;
	entry = tree_find(&reading->tree, op.from, op.from_name);
	if (!entry)
		return;
	op.node = entry->node;
	/* A directory goes after all that was in it. */
	if (reading->recording->nodes[op.node].is_dir) {
		struct node *node = &reading->recording->nodes[op.node];

		for (size_t i = node->op_count; i-- > 0 && op.dep_count < DEPS_MAX - 4;)
			rest_on(&op, node->ops[i]);
	}
	op_add(reading, op);
}

static void read_move(struct reading *reading, size_t index, const char *paths, bool is_link)
{
	struct name_op op = { .index = index };
	uint32_t from;
	const char *from_name;
	struct entry *entry;

	if (!locate(reading, paths, &from, &from_name) ||
	    !locate(reading, paths + strlen(paths) + 1, &op.to, &op.to_name))
		return;
	entry = tree_find(&reading->tree, from, from_name);
	if (!entry)
		return;
	op.node = entry->node;
	op.from = is_link ? NO_OP : from;
	op.from_name = from_name;
	op_add(reading, op);
}

static void read_data(struct reading *reading, size_t index)
{
	const struct record *record = reading->recording->records[index];
	uint32_t node = node_of(reading, record->file);

	if (node == NO_OP)
		return;
	struct node *to = &reading->recording->nodes[node];
	struct data_op op = { .index = index, .is_write = record->kind == RECORD_WRITE };
	if (op.is_write) {
		op.offset = record->a;
		op.bytes = record_payload(record);
		op.length = record->bytes;
	} else if (record->kind == RECORD_TRUNCATE) {
		op.offset = record->a;
	}
	PUSH(to->data, to->data_count) = op;
}

/* Did anything of it change since it was last synced? Else a sync of it writes no journal. */
static bool is_changed(const struct recording *recording, const struct node *node, size_t begin)
{
	size_t since = 0;

	for (size_t i = 0; i < node->sync_count; i++)
		if (node->syncs[i].begin > since)
			since = node->syncs[i].begin;
	for (size_t i = node->data_count; i-- > 0;)
		if (node->data[i].index < begin)
			return node->data[i].index >= since || node->op_count == 0;
	for (size_t i = node->op_count; i-- > 0;)
		if (recording->ops[node->ops[i]].index < begin)
			return recording->ops[node->ops[i]].index >= since;
	return false;
}

static void note_moment(struct recording *recording, enum moment_kind kind, size_t index)
{
	struct moments *moments = &recording->moments[kind];

	PUSH(moments->at, moments->count) = index + 1;
}

static enum moment_kind synced_kind(const struct node *node)
{
	size_t length = strlen(node->path);

	if (node->is_dir)
		return MOMENT_ANY_SYNCED;
	if (strncmp(node->path, "shard/", 6) == 0 && strcmp(node->path + length - 4, ".log") == 0)
		return MOMENT_SHARD_SYNCED;
	if (strncmp(node->path, "wal/", 4) == 0)
		return MOMENT_LOG_SYNCED;
	if (strncmp(node->path, "db/", 3) == 0 || strncmp(node->path, "catalog", 7) == 0)
		return MOMENT_NAMES_SYNCED;
	return MOMENT_ANY_SYNCED;
}

static void read_sync(struct reading *reading, size_t index, const size_t *begins)
{
	struct recording *recording = reading->recording;
	const struct record *record = recording->records[index];
	size_t begin = begins[record->a];
	uint32_t number = node_of(reading, record->file);

	if (!record->b)
		return;
	struct sync_span span = { begin, index };
	if (record->file == 0) {
		for (size_t i = 0; i < recording->node_count; i++)
			PUSH(recording->nodes[i].syncs, recording->nodes[i].sync_count) = span;
		PUSH(recording->commits, recording->commit_count) = span;
		return;
	}
	if (number == NO_OP)
		return;
	struct node *node = &recording->nodes[number];
	if (is_changed(recording, node, begin))
		PUSH(recording->commits, recording->commit_count) = span;
	PUSH(node->syncs, node->sync_count) = span;
	note_moment(recording, synced_kind(node), index);
}

static bool read_one(struct reading *reading, size_t index, size_t *begins)
{
	const struct record *record = reading->recording->records[index];
	char *path = strndup(record_payload(record), record->bytes);

	switch (record->kind) {
	case RECORD_OPEN:
		if (record->a == 1)
			read_new(reading, index, path, false);
		else
			read_data(reading, index);
		break;
	case RECORD_WRITE:
	case RECORD_TRUNCATE: read_data(reading, index); break;
	case RECORD_RENAME:
	case RECORD_LINK: {
		char *paths = calloc(1, record->bytes + 2);

		memcpy(paths, record_payload(record), record->bytes);
		read_move(reading, index, paths, record->kind == RECORD_LINK);
		free(paths);
		note_moment(reading->recording, MOMENT_RENAMED, index);
		break;
	}
	case RECORD_UNLINK:
	case RECORD_RMDIR:
		read_gone(reading, index, path);
		note_moment(reading->recording,
			    strncmp(path, "wal/", 4) == 0 ? MOMENT_LOG_GONE : MOMENT_RENAMED,
			    index);
		break;
	case RECORD_MKDIR: read_new(reading, index, path, true); break;
	case RECORD_SYNC_BEGIN: begins[record->a] = index; break;
	case RECORD_SYNC_END: read_sync(reading, index, begins); break;
	case RECORD_STRANGE:
		fprintf(stderr, "states: the recording has %s, which it cannot follow\n", path);
		free(path);
		return false;
	}
	free(path);
	return true;
}

static bool read_all(struct recording *recording)
{
	struct reading reading = { .recording = recording, .room = recording->count + 2 };
	size_t *begins = calloc(recording->head->syncs + 2, sizeof(*begins));
	bool is_good = true;

	tree_init(&reading.tree, reading.room);
	node_add(&reading, recording->head->root, true, "");
	for (size_t i = 0; i < recording->count && is_good; i++)
		is_good = read_one(&reading, i, begins);
	tree_release(&reading.tree, reading.room);
	idmap_release(&reading.files);
	free(begins);
	return is_good;
}

struct recording *recording_open(const char *path)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t at = sizeof(struct record_head);

	if (fd < 0 || !recording) {
		perror(path);
		free(recording);
		return NULL;
	}
	recording->map = mmap(NULL, RECORD_BYTES_MAX, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	recording->head = (const struct record_head *)recording->map;
	if (recording->map == MAP_FAILED || recording->head->magic != RECORD_MAGIC ||
	    recording->head->overflow) {
		fprintf(stderr, "states: %s is no recording, or it was too long\n", path);
		free(recording);
		return NULL;
	}
	while (at < recording->head->bytes) {
		const struct record *record = (const struct record *)(recording->map + at);

		PUSH(recording->records, recording->count) = record;
		at += (sizeof(*record) + record->bytes + 7) & ~(uint64_t)7;
	}
	if (!read_all(recording)) {
		recording_close(recording);
		return NULL;
	}
	return recording;
}

void recording_close(struct recording *recording)
{
	for (size_t i = 0; i < recording->node_count; i++) {
		free(recording->nodes[i].path);
		free(recording->nodes[i].data);
		free(recording->nodes[i].syncs);
		free(recording->nodes[i].ops);
	}
	for (size_t i = 0; i < recording->op_count; i++) {
		free((char *)recording->ops[i].from_name);
		free((char *)recording->ops[i].to_name);
	}
	free(recording->nodes);
	free(recording->ops);
	free(recording->commits);
	for (size_t i = 0; i < MOMENT_KINDS; i++)
		free(recording->moments[i].at);
	free(recording->records);
	munmap(recording->map, RECORD_BYTES_MAX);
	free(recording);
}

void recording_print(const struct recording *recording, size_t index, struct buf *out)
{
	static const char *const kinds[] = { "?",      "open",	      "write",	   "truncate",
					     "rename", "link",	      "unlink",	   "mkdir",
					     "rmdir",  "sync begins", "sync ends", "mark",
					     "strange" };
	const struct record *record = recording->records[index];
	const char *payload = record_payload(record);
	const char *path = "";

	for (size_t i = 0; i < recording->node_count; i++)
		if (record->file && recording->nodes[i].file == record->file)
			path = recording->nodes[i].path;
	buf_printf(out, "%zu %s %s ", index,
		   kinds[record->kind <= RECORD_STRANGE ? record->kind : 0], path);
	if (record->kind == RECORD_WRITE)
		buf_printf(out, "%u bytes at %llu", record->bytes, (unsigned long long)record->a);
	else
		for (uint32_t i = 0; i < record->bytes; i++)
			buf_append_byte(out, payload[i] == '\n'	  ? '|'
					     : payload[i] == '\0' ? ' '
								  : payload[i]);
}

/* --- chance -------------------------------------------------------------------------------------
 */

struct random {
	uint64_t state;
};

static uint64_t roll(struct random *random, uint64_t sides)
{
	uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return sides ? (x ^ x >> 31) % sides : 0;
}

/* --- choosing
 * --------------------------------------------------------------------------------------- */

/* A row each: which of the data and of the names that need not be there are. */
enum variant {
	LEFT_NOTHING,
	LEFT_ALL,
	LEFT_ALL_BUT, /* the data of one file, or of one kind of files */
	LEFT_ONLY,    /* that alone */
	LEFT_SOME,    /* of each file a part from its start */
	LEFT_NAMES,   /* all names, no data */
	LEFT_DATA,    /* all data, no names */
	LEFT_TORN,    /* all, one file ends in the middle of a write, at a sector */
	LEFT_HOLES,   /* all, sectors of one file are zeros */
	LEFT_ZEROS,   /* all, what was not synced of one file is zeros */
	VARIANTS,
};
static const char *const variant_names[VARIANTS] = {
	"nothing but what was synced", "everything",
	"everything but the data of",  "nothing but the data of",
	"of each file a part",	       "names without data",
	"data without names",	       "a torn write at the end of",
	"zeroed sectors in",	       "zeros instead of the data of",
};

void choice_make(const struct recording *recording, uint64_t seed, bool strict,
		 struct choice *choice)
{
	static const unsigned weights[VARIANTS] = { 6, 3, 9, 9, 6, 3, 3, 3, 2, 2 };
	struct random random = { seed };
	uint64_t side;

	*choice = (struct choice){ .seed = seed };
	const struct moments *moments = &recording->moments[roll(&random, MOMENT_KINDS)];
	if (roll(&random, 6) && moments->count)
		choice->at = moments->at[roll(&random, moments->count)] + roll(&random, 3);
	else
		choice->at = roll(&random, recording->count) + 1;
	if (choice->at > recording->count)
		choice->at = recording->count;
	side = roll(&random, 10);
	choice->rule = strict || side == 9 ? RULE_STRICT : side < 6 ? RULE_JOURNAL : RULE_OWN;
	side = roll(&random, 46);
	while (side >= weights[choice->variant])
		side -= weights[choice->variant++];
}

struct chosen {
	struct recording *recording;
	struct choice *choice;
	struct random random;
	size_t *durable, *possible, *taken; /* data operations of each node */
	bool *is_picked;		    /* nodes that the variant is about */
	bool *keeps;			    /* name operations */
};

/* The last sync of it that had ended began there. */
static size_t synced_until(const struct node *node, size_t at)
{
	size_t until = 0;

	for (size_t i = 0; i < node->sync_count; i++)
		if (node->syncs[i].end < at && node->syncs[i].begin > until)
			until = node->syncs[i].begin;
	return until;
}

static size_t data_before(const struct node *node, size_t index)
{
	size_t count = 0;

	while (count < node->data_count && node->data[count].index < index)
		count++;
	return count;
}

static const char *kind_of(const struct node *node)
{
	static const char *const kinds[] = { "wal/",  "db/",	   "catalog", "shard/",
					     "clock", "snapshot/", "trash/" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strncmp(node->path, kinds[i], strlen(kinds[i])) == 0)
			return kinds[i];
	return "another file";
}

static bool is_own_journal(const struct node *node)
{
	const char *kind = kind_of(node);

	return strcmp(kind, "wal/") == 0 || strcmp(kind, "db/") == 0 ||
	       strcmp(kind, "catalog") == 0;
}

/* Pick files with data in doubt: all of one kind, or one of them (the newest more often). */
static void pick(struct chosen *chosen)
{
	struct recording *recording = chosen->recording;
	size_t count = 0;
	uint32_t *pending = calloc(recording->node_count, sizeof(*pending));

	for (size_t i = 0; i < recording->node_count; i++)
		if (chosen->possible[i] > chosen->durable[i])
			pending[count++] = (uint32_t)i;
	if (count) {
		uint32_t one = pending[roll(&chosen->random, count)];
		/* The log, the indexes and the catalog are few among many files of shards. */
		for (int i = 0; i < 4 && !is_own_journal(&recording->nodes[one]); i++)
			one = pending[roll(&chosen->random, count)];
		const char *kind = kind_of(&recording->nodes[one]);
		uint64_t side = roll(&chosen->random, 3);

		for (size_t i = 0; i < count; i++) {
			bool is_same = kind_of(&recording->nodes[pending[i]]) == kind;

			if (side == 0 && is_same) /* the newest of its kind */
				one = pending[i];
			chosen->is_picked[pending[i]] = side == 1 && is_same;
		}
		chosen->is_picked[one] = true;
		snprintf(chosen->choice->text, sizeof(chosen->choice->text), "%s%s",
			 side == 1 ? "all of " : "", side == 1 ? kind : recording->nodes[one].path);
	}
	free(pending);
}

static void choose_data(struct chosen *chosen)
{
	struct recording *recording = chosen->recording;
	size_t at = chosen->choice->at;

	for (size_t i = 0; i < recording->node_count; i++) {
		const struct node *node = &recording->nodes[i];

		chosen->possible[i] = data_before(node, at);
		chosen->durable[i] = data_before(node, synced_until(node, at));
	}
	pick(chosen);
	for (size_t i = 0; i < recording->node_count; i++) {
		size_t all = chosen->possible[i], none = chosen->durable[i];
		size_t taken = all;

		switch (chosen->choice->variant) {
		case LEFT_NOTHING:
		case LEFT_NAMES: taken = none; break;
		case LEFT_ALL_BUT: taken = chosen->is_picked[i] ? none : all; break;
		case LEFT_ONLY: taken = chosen->is_picked[i] ? all : none; break;
		case LEFT_SOME: taken = none + roll(&chosen->random, all - none + 1); break;
		}
		chosen->taken[i] = taken;
	}
}

/* --- names -------------------------------------------------------------------------------------
 */

static size_t synced_until_by_any(const struct recording *recording, size_t at)
{
	size_t until = 0;

	for (size_t i = 0; i < recording->commit_count; i++) {
		const struct sync_span *span = &recording->commits[i];

		if (span->end < at && span->begin > until)
			until = span->begin;
	}
	return until;
}

/* LevelDB syncs its directories less often than our own code does. */
static bool is_in_shard(const struct node *dir)
{
	return strncmp(dir->path, "shard/", 6) == 0 || strstr(dir->path, "/shard/") ||
	       strncmp(dir->path, "trash/", 6) == 0;
}

static bool is_durable(const struct chosen *chosen, const struct name_op *op)
{
	const struct recording *recording = chosen->recording;
	size_t at = chosen->choice->at;

	if (op->from != NO_OP && synced_until(&recording->nodes[op->from], at) > op->index)
		return true;
	if (op->to != NO_OP && synced_until(&recording->nodes[op->to], at) > op->index)
		return true;
	if (op->to == NO_OP)
		return false;
	const struct node *node = &recording->nodes[op->node];
	if (chosen->choice->rule == RULE_STRICT && !is_in_shard(&recording->nodes[op->to]))
		return false;
	if (synced_until(node, at) > op->index)
		return true;
	/* A new name of a file that was synced before comes with the next sync of anything. */
	return op->from != NO_OP && !node->is_dir && synced_until(node, op->index) > 0 &&
	       synced_until_by_any(recording, at) > op->index;
}

static void choose_in_order(struct chosen *chosen, size_t count, uint64_t how)
{
	size_t cut = synced_until_by_any(chosen->recording, chosen->choice->at), done = 0;

	while (done < count && chosen->recording->ops[done].index < cut)
		done++;
	size_t until = how == 0	  ? done
		       : how == 1 ? count
				  : done + roll(&chosen->random, count - done + 1);
	for (size_t i = 0; i < count; i++)
		chosen->keeps[i] = i < until;
}

/* What is durable brings what it rests on; the rest goes with what it rests on. */
static void close_over(struct chosen *chosen, size_t count, bool *durable)
{
	const struct name_op *ops = chosen->recording->ops;
	bool strict = chosen->choice->rule == RULE_STRICT;

	for (size_t i = count; i-- > 0;)
		for (unsigned d = 0; durable[i] && d < ops[i].dep_count; d++) {
			uint32_t rests_on = ops[i].deps[d], node = ops[rests_on].node;

			/* A name that is durable says nothing of the directory's own. */
			if (strict && (node == ops[i].from || node == ops[i].to))
				continue;
			chosen->keeps[rests_on] = true;
			durable[rests_on] = true;
		}
	/* A durable name stands without the file's other names; not without its directory. */
	for (size_t i = 0; i < count; i++)
		for (unsigned d = 0; d < ops[i].dep_count; d++)
			if (!chosen->keeps[ops[i].deps[d]] &&
			    (!durable[i] || ops[ops[i].deps[d]].node == ops[i].to))
				chosen->keeps[i] = false;
}

/* An operation on LevelDB's names, which counts on their order. */
static bool is_levels(const struct recording *recording, const struct name_op *op)
{
	return is_in_shard(&recording->nodes[op->to == NO_OP ? op->from : op->to]);
}

static void choose_freely(struct chosen *chosen, size_t count, uint64_t how)
{
	bool *durable = calloc(count + 1, sizeof(*durable));
	size_t doubtful = 0, one;

	for (size_t i = 0; i < count; i++) {
		durable[i] = is_durable(chosen, &chosen->recording->ops[i]);
		doubtful += !durable[i];
	}
	one = roll(&chosen->random, doubtful ? doubtful : 1);
	for (size_t i = 0; i < count; i++) {
		bool keeps = how == 0	? false
			     : how == 1 ? true
			     : how == 2 ? one <= doubtful /* up to one of them */
			     : how == 3 ? one != 0
			     : how == 4 ? one == 0
					: roll(&chosen->random, 2);

		if (how > 2 && is_levels(chosen->recording, &chosen->recording->ops[i]))
			keeps = one <= doubtful;
		if (!durable[i])
			one--;
		chosen->keeps[i] = durable[i] || keeps;
	}
	close_over(chosen, count, durable);
	free(durable);
}

static void choose_names(struct chosen *chosen)
{
	size_t count = 0;
	uint64_t how = roll(&chosen->random, chosen->choice->rule == RULE_STRICT ? 6 : 3);

	while (count < chosen->recording->op_count &&
	       chosen->recording->ops[count].index < chosen->choice->at)
		count++;
	switch (chosen->choice->variant) {
	case LEFT_NOTHING:
	case LEFT_DATA: how = 0; break;
	case LEFT_ALL:
	case LEFT_NAMES: how = 1; break;
	}
	if (chosen->choice->rule == RULE_JOURNAL)
		choose_in_order(chosen, count, how);
	else
		choose_freely(chosen, count, how);
}

/* --- writing it
 * ----------------------------------------------------------------------------------- */

static void content_of(const struct node *node, size_t count, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < count; i++) {
		const struct data_op *op = &node->data[i];
		size_t end = op->offset + (op->is_write ? op->length : 0);

		if (end > out->length || !op->is_write) {
			if (end > out->length)
				memset(buf_reserve(out, end - out->length), 0, end - out->length);
			out->length = end;
		}
		if (op->is_write)
			memcpy(out->data + op->offset, op->bytes, op->length);
	}
}

/* What was not synced, from `synced` bytes on, is torn as the variant says. */
static void damage(struct chosen *chosen, uint32_t number, struct buf *content)
{
	struct buf before = { 0 };

	if (!chosen->is_picked[number])
		return;
	content_of(&chosen->recording->nodes[number], chosen->durable[number], &before);
	size_t synced = before.length < content->length ? before.length : content->length;
	size_t doubtful = content->length - synced;
	buf_release(&before);
	if (doubtful == 0)
		return;
	switch (chosen->choice->variant) {
	case LEFT_TORN: {
		size_t cut = synced + roll(&chosen->random, doubtful);

		cut -= cut % SECTOR;
		content->length = cut < synced ? synced : cut;
		break;
	}
	case LEFT_HOLES:
		chosen->choice->has_holes = true;
		for (size_t at = synced; at < content->length;) {
			size_t next = (at / SECTOR + 1) * SECTOR;

			if (next > content->length)
				next = content->length;
			if (roll(&chosen->random, 2))
				memset(content->data + at, 0, next - at);
			at = next;
		}
		break;
	case LEFT_ZEROS:
		chosen->choice->has_holes = true;
		memset(content->data + synced, 0, doubtful);
		break;
	}
}

static int write_file(const char *path, const struct buf *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool is_whole =
		fd >= 0 && (content->length == 0 ||
			    write(fd, content->data, content->length) == (ssize_t)content->length);

	if (fd >= 0)
		close(fd);
	return is_whole ? 0 : -1;
}

struct writing {
	struct chosen *chosen;
	struct tree tree;
	char **written; /* path of each node that was written: other names are links */
	uint64_t hash;
	struct buf content;
};

static void hash_in(struct writing *writing, const void *data, size_t length)
{
	writing->hash = writing->hash * 31 + hash_bytes(slice_of(data, length));
}

static int write_entry(struct writing *writing, const struct entry *entry, const char *path);

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int write_dir(struct writing *writing, uint32_t dir, const char *path)
{
	struct entry *entries = writing->tree.entries[dir];
	size_t count = writing->tree.counts[dir];
	int err = 0;

	if (count)
		qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0; err == 0 && i < count; i++) {
		char below[PATH_MAX];

		snprintf(below, sizeof(below), "%s/%s", path, entries[i].name);
		hash_in(writing, entries[i].name, strlen(entries[i].name));
		err = write_entry(writing, &entries[i], below);
	}
	return err;
}

static int write_entry(struct writing *writing, const struct entry *entry, const char *path)
{
	struct chosen *chosen = writing->chosen;
	const struct node *node = &chosen->recording->nodes[entry->node];

	if (node->is_dir)
		return mkdir(path, 0700) < 0 ? -1 : write_dir(writing, entry->node, path);
	if (writing->written[entry->node])
		return link(writing->written[entry->node], path);
	content_of(node, chosen->taken[entry->node], &writing->content);
	damage(chosen, entry->node, &writing->content);
	hash_in(writing, writing->content.data, writing->content.length);
	writing->written[entry->node] = strdup(path);
	return write_file(path, &writing->content);
}

static int write_chosen(struct chosen *chosen, const char *path, uint64_t *hash)
{
	struct recording *recording = chosen->recording;
	struct writing writing = { .chosen = chosen };

	tree_init(&writing.tree, recording->node_count);
	writing.written = calloc(recording->node_count, sizeof(*writing.written));
	for (size_t i = 0; i < recording->op_count; i++)
		if (chosen->keeps[i])
			tree_apply(&writing.tree, &recording->ops[i]);
	int err = write_dir(&writing, 0, path);
	*hash = writing.hash;
	for (size_t i = 0; i < recording->node_count; i++)
		free(writing.written[i]);
	free(writing.written);
	tree_release(&writing.tree, recording->node_count);
	buf_release(&writing.content);
	return err;
}

int choice_build(struct recording *recording, struct choice *choice, const char *path,
		 uint64_t *hash)
{
	size_t nodes = recording->node_count;
	struct chosen chosen = { .recording = recording,
				 .choice = choice,
				 .random = { choice->seed ^ 0x5151 },
				 .durable = calloc(nodes, sizeof(size_t)),
				 .possible = calloc(nodes, sizeof(size_t)),
				 .taken = calloc(nodes, sizeof(size_t)),
				 .is_picked = calloc(nodes, sizeof(bool)),
				 .keeps = calloc(recording->op_count + 1, sizeof(bool)) };
	static const char *const rules[] = { "journal", "own names", "strict" };
	char about[sizeof(choice->text)];

	choose_data(&chosen);
	choose_names(&chosen);
	int err = write_chosen(&chosen, path, hash);
	memcpy(about, choice->text, sizeof(about));
	snprintf(choice->text, sizeof(choice->text), "%.20s, %.50s %.110s", rules[choice->rule],
		 variant_names[choice->variant], about);
	free(chosen.durable);
	free(chosen.possible);
	free(chosen.taken);
	free(chosen.is_picked);
	free(chosen.keeps);
	return err;
}

bool recording_is_whole(struct recording *recording, const char *path, const char *made,
			struct buf *why)
{
	struct choice all = { .at = recording->count, .rule = RULE_JOURNAL, .variant = LEFT_ALL };
	struct buf command = { 0 };
	char line[400];
	uint64_t hash;

	if (choice_build(recording, &all, made, &hash) < 0)
		return false;
	/* LevelDB opens its own log through stdio; nobody reads it. */
	buf_printf(&command, "diff -rq --no-dereference -x LOG -x LOG.old '%s' '%s' 2>&1", path,
		   made);
	FILE *output = popen(buf_text(&command), "r");
	while (output && fgets(line, sizeof(line), output))
		buf_append_text(why, line);
	bool is_same = output && pclose(output) == 0;
	buf_release(&command);
	return is_same;
}
