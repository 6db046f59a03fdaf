/*
 * Prints the pages of .seriesfs/: help and version as constant text, status and metrics anew
 * at each open and for who opens, since they name databases that not everybody may see.
 */
#include "fs/service/pages.h"

#include <stdlib.h>

#include "engine/base/clean.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/when.h"
#include "fs/answers/answer.h"
#include "fs/nodes/attr.h"
#include "fs/nodes/page_words.h"
#include "fs/nodes/reply.h"
#include "fs/points/scratch.h"
#include "fs/settings/continuous.h"
#include "query/base/metering.h"

static const char help_text[] =
	"SERIESFS, a time series database that you mount\n"
	"\n"
	"  mkdir mydb                                       a database; rm -r drops it\n"
	"  echo 'cpu,host=a usage=0.64' > mydb/write        a point (line protocol)\n"
	"  echo 0.64 >> mydb/autogen/events                 a point of one series\n"
	"  cat \"mydb/query/select mean(usage) from cpu\"     an answer\n"
	"  ls -R mydb                                       policies, shard groups, series\n"
	"\n"
	"What ls shows\n"
	"  mydb/POLICY/                                     a retention policy: mkdir makes one\n"
	"  mydb/POLICY/.policy                              its settings, `key value` lines:\n"
	"                duration 30d | shard_duration 1d | shards 1 | replication 1 | default "
	"true\n"
	"  mydb/POLICY/2026-11-16--2026-11-23/              a shard group: rm -r drops it\n"
	"  mydb/POLICY/2026-11-16--2026-11-23/cpu,host=a    a series, as line protocol\n"
	"  mydb/continuous/NAME                             a continuous query (mkdir continuous)\n"
	"  mydb/views/NAME                                  a saved query: ln -s "
	"'../query/…;.csv'\n"
	"\n"
	"What resolves and is not listed\n"
	"  mydb/query/SELECT …[;][.csv|.json|.jsonl|.lp|.txt|.svg][?epoch=s&rp=NAME&pretty=true]\n"
	"  mydb/exec[.FORMAT]        exec 3<>mydb/exec; echo 'show tag keys' >&3; cat <&3\n"
	"  mydb/write[?precision=s&rp=NAME&skip=true]       line protocol for any series\n"
	"  mydb/POLICY/.write                               the same, into this policy\n"
	"  mydb/POLICY/cpu,host=a                           a series over all its groups\n"
	"  mydb/errors                                      why something was refused\n"
	"  mydb/.snapshot/NAME/                             mkdir freezes the database, rmdir "
	"thaws\n"
	"  .seriesfs/{help,version,status,metrics,errors,exec}\n"
	"  .seriesfs/ctl             flush | compact [db [policy [group]]] | retention |\n"
	"                            continuous | drop db policy group | clock ok\n"
	"\n"
	"  echo 'select mean(v) from cpu group by time(5m) into 5m.cpu' > mydb/continuous/cpu_5m\n"
	"                            runs every 5 minutes; without group by, every write feeds it\n"
	"\n"
	"A `/` in a query is fine; end with `;` where the text could go on, write %2F for //, /./\n"
	"and /../. What changes data goes through exec. A refused write says EINVAL (not\n"
	"understood), ERANGE (outside retention), EDQUOT (a limit), and `errors` says why.\n"
	"\n"
	"  rsync -a MNT/ backup/     copies everything; rsync -a backup/ MNT/ brings it back\n"
	"  sync FILE                 makes what was written before durable\n"
	"  fusermount3 -u MNT        stops\n";

struct page {
	struct buf text;
	int64_t made_ns;
};

struct page_handle {
	struct handle base;
	struct buf text;
};

static void print_help(const struct page_reader *reader, struct buf *out)
{
	buf_append_text(out, help_text);
}

static void print_version(const struct page_reader *reader, struct buf *out)
{
	buf_append_text(out, "seriesfs " SERIESFS_VERSION "\n");
}

/* --- databases and policies ---------------------------------------------------------------- */

/* A policy and what it holds. */
struct held {
	struct object database, policy;
	struct policy_stat stat;
	int64_t drop_ns; /* when its oldest group is due; 0 = never */
};

static void add_held(struct mount *mount, const struct object *database,
		     const struct object *policy, bool load, struct buf *out)
{
	struct held held = { .database = *database, .policy = *policy };
	int64_t duration_ns = policy->policy.duration_ns;

	if (engine_policy_stat(mount->engine, policy->id, load, &held.stat) < 0)
		return;
	if (duration_ns && held.stat.groups)
		held.drop_ns = held.stat.first_end_s * NS_PER_SECOND + duration_ns;
	buf_append(out, &held, sizeof(held));
}

/* Every policy that the reader may read, as an array of struct held. */
static void list_held(const struct page_reader *reader, bool load, struct buf *out)
{
	struct mount *mount = reader->mount;
	struct object *databases, *policies;
	size_t database_count, policy_count;

	if (catalog_list(mount->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases,
			 &database_count) < 0)
		return;
	for (size_t i = 0; i < database_count; i++) {
		if (catalog_list(mount->catalog, databases[i].id, OBJECT_POLICY, &policies,
				 &policy_count) < 0)
			continue;
		for (size_t k = 0; k < policy_count; k++)
			if (page_tells(reader, databases[i].id, policies[k].id))
				add_held(mount, &databases[i], &policies[k], load, out);
		free(policies);
	}
	free(databases);
}

static const struct held *held_of(const struct buf *list, size_t *count)
{
	*count = list->length / sizeof(struct held);
	return (const struct held *)(const void *)list->data;
}

static void print_held_line(const struct held *held, struct buf *out)
{
	char due[WHEN_BYTES_MAX];

	buf_append_text(out, "policy ");
	print_word(out, held->database.name);
	buf_append_byte(out, ' ');
	print_word(out, held->policy.name);
	buf_printf(out, " groups %llu points %llu bytes %llu next_retention ",
		   (unsigned long long)held->stat.groups, (unsigned long long)held->stat.points,
		   (unsigned long long)held->stat.disk_bytes);
	if (held->drop_ns)
		buf_append(out, due, when_print(due, held->drop_ns));
	else
		buf_append_text(out, "never");
	buf_append_byte(out, '\n');
}

static void print_held_lines(const struct page_reader *reader, struct buf *out)
{
	struct buf list = { 0 };
	const struct held *held;
	size_t count;

	list_held(reader, true, &list);
	held = held_of(&list, &count);
	for (size_t i = 0; i < count; i++)
		print_held_line(&held[i], out);
	buf_release(&list);
}

/* A line for each database that the reader may read. */
static void print_databases(const struct page_reader *reader, struct buf *out)
{
	struct mount *mount = reader->mount;
	struct object *databases;
	size_t count;

	if (catalog_list(mount->catalog, OBJECT_ROOT_ID, OBJECT_DATABASE, &databases, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct index *index;

		if (!page_tells(reader, databases[i].id, 0))
			continue;
		/* Held: another worker may drop the database meanwhile. */
		index = engine_hold_index(mount->engine, databases[i].id);
		buf_append_text(out, "database ");
		print_word(out, databases[i].name);
		buf_printf(out, " series %u\n", index ? index_series_count(index) : 0);
		index_let_go(index);
	}
	free(databases);
}

static bool measure_groups(const struct held *held, double *value)
{
	*value = (double)held->stat.groups;
	return true;
}

static bool measure_bytes(const struct held *held, double *value)
{
	*value = (double)held->stat.disk_bytes;
	return true;
}

/* Points of shards that nobody asked since the start are not known, and then not told. */
static bool measure_points(const struct held *held, double *value)
{
	*value = (double)held->stat.points;
	return held->stat.has_points;
}

static bool measure_retention(const struct held *held, double *value)
{
	*value = (double)(held->drop_ns / NS_PER_SECOND);
	return held->drop_ns != 0;
}

static const struct {
	const char *name, *help;
	bool (*measure)(const struct held *held, double *value); /* false: there is none */
} held_measures[] = {
	{ "policy_groups", "shard groups of a policy", measure_groups },
	{ "policy_bytes", "bytes on disk of a policy", measure_bytes },
	{ "policy_points", "points of a policy, where they were counted", measure_points },
	{ "policy_next_retention_seconds", "when the oldest group of a policy is dropped",
	  measure_retention },
};

/* Samples of one metric stand together, behind what it is: a scrape is refused otherwise. */
static void print_held_metrics(const struct page_reader *reader, struct buf *out)
{
	struct buf list = { 0 };
	const struct held *held;
	size_t count;

	list_held(reader, false, &list);
	held = held_of(&list, &count);
	for (size_t k = 0; count && k < sizeof(held_measures) / sizeof(held_measures[0]); k++) {
		const char *name = held_measures[k].name;
		double value;

		buf_printf(out, "# HELP seriesfs_%s %s\n# TYPE seriesfs_%s gauge\n", name,
			   held_measures[k].help, name);
		for (size_t i = 0; i < count; i++) {
			if (!held_measures[k].measure(&held[i], &value))
				continue;
			buf_printf(out, "seriesfs_%s{database=\"", name);
			print_label(out, held[i].database.name);
			buf_append_text(out, "\",policy=\"");
			print_label(out, held[i].policy.name);
			buf_printf(out, "\"} %.15g\n", value);
		}
	}
	buf_release(&list);
}

/* `fine`; or `ahead` or `behind`, and the time that goes on from what is stored. */
static void print_clock(struct mount *mount, struct buf *out)
{
	char expected[WHEN_BYTES_MAX];
	int64_t expected_ns;
	enum clock_state state = engine_clock(mount->engine, &expected_ns);

	buf_printf(out, "clock %s", clock_state_name(state));
	if (state != CLOCK_FINE)
		buf_printf(out, " %.*s", (int)when_print(expected, expected_ns), expected);
	buf_append_byte(out, '\n');
}

static void print_status(const struct page_reader *reader, struct buf *out)
{
	struct mount *mount = reader->mount;
	struct engine_gauges gauges;
	char uptime[DURATION_BYTES_MAX];
	size_t length = duration_print(uptime, (env_now_ns() - mount->started_ns) / NS_PER_SECOND *
						       NS_PER_SECOND);

	engine_gauges(mount->engine, &gauges);
	buf_printf(out, "version %s\n", SERIESFS_VERSION);
	buf_append_text(out, "data ");
	clean_append(out, slice_of_text(mount->options.data_path), true);
	buf_append_byte(out, '\n');
	buf_printf(out, "up %.*s\n", (int)length, uptime);
	buf_printf(out, "series %llu\n", (unsigned long long)gauges.series);
	buf_printf(out, "groups %llu\n", (unsigned long long)gauges.groups);
	buf_printf(out, "shards_open_now %llu\n", (unsigned long long)gauges.shards_open);
	buf_printf(out, "memtable_bytes %llu\n", (unsigned long long)gauges.memtable_bytes);
	buf_printf(out, "index_bytes %llu\n", (unsigned long long)gauges.index_bytes);
	buf_printf(out, "wal_bytes %llu\n", (unsigned long long)gauges.wal_bytes);
	buf_printf(out, "answer_bytes %llu\n",
		   (unsigned long long)answer_table_bytes(mount->answers));
	buf_printf(out, "scratch_bytes %llu\n",
		   (unsigned long long)scratch_table_bytes(mount->scratches));
	buf_printf(out, "nodes %zu\n", node_count(mount->nodes));
	buf_printf(out, "requests_waiting %zu\n", pool_waiting(mount->workers));
	buf_printf(out, "queries_waiting %zu\n", pool_waiting(mount->queries));
	buf_printf(out, "read_only %s\n", mount->options.read_only ? "true" : "false");
	buf_printf(out, "sync %s\n", mount->options.sync_writes ? "true" : "false");
	print_clock(mount, out);
	buf_printf(out, "confined %s\n", mount->confined ? "true" : "false");
	options_print(&mount->options, out);
	print_databases(reader, out);
	print_held_lines(reader, out);
	continuous_print_status(mount->continuous, reader, out);
}

static void print_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP seriesfs_%s %s\n# TYPE seriesfs_%s gauge\nseriesfs_%s %llu\n", name,
		   help, name, name, (unsigned long long)value);
}

/* Memory by owner. */
static void print_memory(struct mount *mount, const struct engine_gauges *gauges, struct buf *out)
{
	print_gauge(out, "memtable_bytes", "memory of points that no shard has yet",
		    gauges->memtable_bytes);
	print_gauge(out, "memtable_peak_bytes", "the most that was", gauges->memtable_peak_bytes);
	print_gauge(out, "index_bytes", "memory of names, series and postings",
		    gauges->index_bytes);
	print_gauge(out, "directory_bytes", "memory of where the chunks of shards are",
		    gauges->directory_bytes);
	print_gauge(out, "series_text_bytes", "memory of what is known of series as text",
		    gauges->series_text_bytes);
	print_gauge(out, "query_bytes", "memory of queries that run", query_memory_bytes());
	print_gauge(out, "reserve_used_bytes",
		    "memory out of the reserve, since there was no other", memory_reserve_used());
	print_gauge(out, "answer_bytes", "memory of answers kept",
		    answer_table_bytes(mount->answers));
	print_gauge(out, "scratch_bytes", "memory of scratch files",
		    scratch_table_bytes(mount->scratches));
}

static void print_process(struct buf *out)
{
	uint64_t taken = counter_get(COUNTER_TEXT_BYTES_TAKEN);
	struct env_process process;

	env_process(&process);
	print_gauge(out, "resident_bytes", "memory of the process", process.resident_bytes);
	print_gauge(out, "resident_peak_bytes", "the most that was", process.resident_peak_bytes);
	print_gauge(out, "disk_bytes_written", "bytes written to disk: log, shards and names",
		    process.disk_bytes_written);
	buf_append_text(out, "# HELP seriesfs_write_amplification bytes written to disk for each "
			     "byte of line protocol accepted\n"
			     "# TYPE seriesfs_write_amplification gauge\n");
	buf_printf(out, "seriesfs_write_amplification %.4f\n",
		   taken ? (double)process.disk_bytes_written / (double)taken : 0.0);
}

static void print_metrics(const struct page_reader *reader, struct buf *out)
{
	struct mount *mount = reader->mount;
	struct engine_gauges gauges;
	int64_t expected_ns;

	for (int i = 0; i < COUNTER_COUNT; i++)
		buf_printf(out,
			   "# HELP seriesfs_%s_total %s\n# TYPE seriesfs_%s_total counter\n"
			   "seriesfs_%s_total %llu\n",
			   counter_name(i), counter_help(i), counter_name(i), counter_name(i),
			   (unsigned long long)counter_get(i));
	engine_gauges(mount->engine, &gauges);
	print_gauge(out, "clock_doubted", "1: the clock is years from what is stored, see status",
		    engine_clock(mount->engine, &expected_ns) != CLOCK_FINE);
	print_gauge(out, "series", "series over all databases", gauges.series);
	print_gauge(out, "groups", "shard groups", gauges.groups);
	print_gauge(out, "shards_open", "shards open", gauges.shards_open);
	print_gauge(out, "wal_bytes", "the write-ahead log", gauges.wal_bytes);
	print_memory(mount, &gauges, out);
	print_process(out);
	print_gauge(out, "nodes", "names the kernel knows", node_count(mount->nodes));
	print_held_metrics(reader, out);
	continuous_print_metrics(mount->continuous, reader, out);
}

static const struct {
	enum kind kind;
	bool is_kept;
	void (*print)(const struct page_reader *reader, struct buf *out);
} pages[] = {
	{ KIND_HELP, true, print_help },
	{ KIND_VERSION, true, print_version },
	{ KIND_STATUS, false, print_status },
	{ KIND_METRICS, false, print_metrics },
};

static size_t page_index(enum kind kind)
{
	size_t i = 0;

	while (pages[i].kind != kind)
		i++;
	return i;
}

/* Is it made at lookup? */
static bool page_is_kept(enum kind kind)
{
	return pages[page_index(kind)].is_kept;
}

static void page_release(void *payload)
{
	struct page *page = payload;

	buf_release(&page->text);
	free(page);
}

static int page_lookup(fuse_req_t req, struct mount *mount, const struct place *place,
		       struct slice text, struct node **out)
{
	struct page_reader nobody = { .mount = mount };
	struct page *page;
	struct node *node;
	bool is_new;

	if (!page_is_kept(place->kind)) {
		*out = node_intern(mount->nodes, place, slice_of("", 0), &is_new);
		return OK;
	}
	page = calloc(1, sizeof(*page));
	if (!page)
		log_out_of_memory(sizeof(*page));
	node = node_add(mount->nodes, place, slice_of("", 0));
	page->made_ns = env_now_ns();
	pages[page_index(place->kind)].print(&nobody, &page->text);
	node->payload = page;
	node->payload_release = page_release;
	*out = node;
	return OK;
}

static struct slice page_text(const struct node *node)
{
	return buf_slice(&((const struct page *)node->payload)->text);
}

static int page_stat(struct mount *mount, struct node *node, struct stat *out)
{
	bool kept = page_is_kept(node->place.kind);
	struct attrs attrs;

	TRY(attr_lend(mount, &node->place, &attrs));
	attrs.mtime_ns = kept ? ((const struct page *)node->payload)->made_ns : env_now_ns();
	attrs.ctime_ns = attrs.mtime_ns;
	attr_fill(out, node->place.kind, &attrs, kept ? page_text(node).length : 0);
	out->st_ino = tree_ino(&node->place, node_text(node));
	return OK;
}

static void page_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	const struct node *node = handle->node;

	reply_bytes(req,
		    page_is_kept(node->place.kind)
			    ? page_text(node)
			    : buf_slice(&((struct page_handle *)handle)->text),
		    length, offset);
}

static void page_close(struct handle *handle)
{
	buf_release(&((struct page_handle *)handle)->text);
	handle_free(handle);
}

static const struct handle_ops page_handle_ops = {
	.read = page_read,
	.release = page_close,
};

static int page_open(fuse_req_t req, struct mount *mount, struct node *node,
		     struct fuse_file_info *info, struct handle **out)
{
	struct page_handle *handle =
		handle_new(sizeof(*handle), &page_handle_ops, mount, node, info->flags);
	struct caller caller;
	struct page_reader reader = { mount, &caller };

	if (page_is_kept(node->place.kind)) {
		info->keep_cache = 1;
	} else {
		caller_of(req, true, &caller);
		pages[page_index(node->place.kind)].print(&reader, &handle->text);
		info->direct_io = 1;
	}
	info->noflush = 1;
	*out = &handle->base;
	return OK;
}

const struct kind_ops page_kind = {
	.lookup = page_lookup,
	.attr_seconds = KIND_SECONDS_FIXED,
	.stat = page_stat,
	.open = page_open,
};

/* .seriesfs itself: what is in it are names of tree.def. */
const struct kind_ops service_kind = {
	.attr_seconds = KIND_SECONDS_DIRECTORY,
	.entry_seconds = KIND_SECONDS_DIRECTORY,
};
