/*
 * seriesfs: mount a data directory as a time series database.
 *
 *	parent ── fork ──► child: lock, replay, mount, give rights away, serve
 *	   │                  └─ fork ──► helper: unmounts when the child says so
 *	   └─ waits for "the mount answers" or for the child's end
 *
 * Everything happens in the child, so that locks, threads and messages belong
 * to the process that stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/when.h"
#include "fs/answers/answer.h"
#include "fs/answers/exec.h"
#include "fs/answers/stream.h"
#include "fs/nodes/handle.h"
#include "fs/nodes/place.h"
#include "fs/points/scratch.h"
#include "fs/requests/clock.h"
#include "fs/requests/expire.h"
#include "fs/requests/kinds.h"
#include "fs/requests/loop.h"
#include "fs/requests/ops.h"
#include "fs/service/pages.h"
#include "fs/settings/continuous.h"
#include "fs/snapshots/frozen_engine.h"
#include "fs/start/helper.h"
#include "fs/start/sandbox.h"
#include "query/base/crew.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* The parent waits at its other end; -1 in the foreground. */
static int ready_pipe = -1;

/* --- words ------------------------------------------------------------------------- */

static int complain(const char *why, int code)
{
	fprintf(stderr, "seriesfs: %s\n", why);
	return code;
}

static int print_version(void)
{
	printf("seriesfs %s\nfuse %s\n", SERIESFS_VERSION, fuse_pkgversion());
	return EXIT_FINE;
}

static int print_help(void)
{
	struct buf rows = { 0 };

	options_print_help(&rows);
	printf("usage: seriesfs [options] DATADIR MOUNTPOINT\n\n"
	       "Mounts the time series database in DATADIR; DATADIR is made when it is missing.\n"
	       "fusermount3 -u MOUNTPOINT stops it.\n\n"
	       "    -f                     stay in the foreground\n"
	       "    -d                     the same, and print every request\n"
	       "    -h, --help             this text\n"
	       "    -V, --version          the version\n"
	       "    -o ro                  read only\n"
	       "    -o sync                every write is on disk before it returns\n"
	       "    -o clock=TIME          for tests: the wall clock starts at TIME, and `clock "
	       "TIME`\n"
	       "                           in .seriesfs/ctl moves it\n"
	       "    -o crash_at=POINT      for tests: it ends as by kill -9 at a point of "
	       "engine/base/crash.def\n"
	       "    -o allow_other         others than the mounting user may enter\n"
	       "    -o setuid=NAME         started by root: serve as this user\n%s\n"
	       "FUSE's own options (man fuse) are taken as well.\n",
	       buf_text(&rows));
	buf_release(&rows);
	return EXIT_FINE;
}

/* --- the session ----------------------------------------------------------------------- */

/* A value of -o may hold commas and backslashes, when they are escaped. */
static void append_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == ',' || *text == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, *text);
	}
}

static int add_arguments(const struct options *options, struct fuse_args *args)
{
	struct buf text = { 0 };
	int result;

	buf_append_text(&text, "-odefault_permissions,subtype=seriesfs,fsname=");
	append_escaped(&text, options->data_path);
	if (getuid() == 0 && !options->allow_other_given)
		buf_append_text(&text, ",allow_other");
	result = fuse_opt_add_arg(args, buf_text(&text));
	buf_release(&text);
	return result == 0 ? OK : ERR_MEMORY;
}

static int open_session(struct mount *mount, struct fuse_args *args)
{
	TRY(add_arguments(&mount->options, args));
	mount->session = fuse_session_new(args, &ops, sizeof(ops), mount);
	if (!mount->session)
		return ERR_INVALID;
	if (fuse_set_signal_handlers(mount->session) != 0)
		return ERR_IO;
	/* libfuse has told why on stderr. */
	return fuse_session_mount(mount->session, mount->options.mount_path) == 0 ? OK : ERR_IO;
}

static bool is_unmounted(const struct mount *mount)
{
	struct pollfd device = { .fd = fuse_session_fd(mount->session) };

	return poll(&device, 1, 0) == 1 && device.revents & POLLERR;
}

/* The helper first: libfuse has no rights to unmount any more (helper.h). */
static void close_session(struct mount *mount, bool is_mounted)
{
	if (!mount->session)
		return;
	/* Where mount.fuse3 has mounted, it alone knows where. */
	bool wanted = is_mounted && !mount->options.mounts_descriptor && !is_unmounted(mount);
	if (!wanted || !helper_unmount())
		fuse_session_unmount(mount->session);
	fuse_remove_signal_handlers(mount->session);
	fuse_session_destroy(mount->session);
}

/* --- the parts ---------------------------------------------------------------------------- */

static int open_engine(struct mount *mount, struct diag *diag)
{
	const struct options *options = &mount->options;

	TRY(env_want_descriptors(DESCRIPTORS_LEAST, diag));
	struct engine_options engine = {
		.path = options->data_path,
		.read_only = options->read_only,
		.sync_writes = options->sync_writes || options->commit_seconds == 0,
		.commit_seconds = (uint32_t)options->commit_seconds,
		.memtable_bytes_max = options->memtable_mb << 20,
		.shards_open_max = (uint32_t)options->shards_open,
		.series_max = (uint32_t)options->series_max,
		.trust_clock = options->clock_ns != 0,
		.cold_seconds = (uint32_t)options->cold_seconds,
		.cold_period_seconds = (uint32_t)options->cold_period_seconds,
	};

	/* What it makes is the user's, and what the user cannot open is not opened. */
	if (identity_become(&options->identity) < 0)
		return diag_set(diag, ERR_ACCESS, "cannot become %s", options->identity.name);
	int err = engine_open(&engine, &mount->engine, diag);
	if (identity_return(&options->identity) < 0)
		abort(); /* neither root nor the user: no state to go on from */
	TRY(err);
	mount->catalog = engine_catalog(mount->engine);
	return OK;
}

static int start_parts(struct mount *mount)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t threads = cpus > 2 ? (size_t)cpus : 2;
	size_t write_threads = mount->options.write_threads;
	size_t query_threads = mount->options.query_threads;

	mount->kinds = kinds;
	mount->nodes = node_table_new(&place_root);
	mount->errors = errors_log_new();
	errors_log_hear(mount->errors);
	mount->held.bytes_max = mount->options.scratch_mb << 20;
	mount->scratches = scratch_table_new(&mount->held);
	mount->answers = answer_table_new(mount->options.answers_mb << 20);
	mount->frozen = frozen_table_new(mount);
	TRY(engine_start(mount->engine));
	mount->workers = pool_start("worker", write_threads ? write_threads : threads);
	mount->queries = pool_start("query", query_threads ? query_threads : threads + 2);
	mount->notifier = pool_start("notifier", 1);
	crew_set_size((unsigned)mount->options.scan_threads);
	if (!mount->workers || !mount->queries || !mount->notifier)
		return ERR_MEMORY;
	if (!mount->options.read_only) {
		mount->continuous = continuous_start(mount);
		if (!mount->continuous)
			return ERR_MEMORY;
	}
	mount->clock = clock_start(mount);
	return mount->clock ? OK : ERR_MEMORY;
}

/* Queries hear that nobody waits any more; what was accepted is finished. */
static void stop_parts(struct mount *mount)
{
	if (mount->clock)
		clock_stop(mount->clock);
	continuous_cancel(mount->continuous);
	if (mount->queries) {
		exec_cancel_all(mount);
		answer_cancel_all(mount);
		stream_cancel_all(mount);
		pool_stop(mount->queries);
		crew_stop();
	}
	if (mount->workers)
		pool_stop(mount->workers);
	handle_release_all();
	continuous_stop(mount->continuous);
	mount->continuous = NULL;
	if (mount->notifier)
		pool_stop(mount->notifier);
}

static void free_tables(struct mount *mount)
{
	if (!mount->nodes)
		return;
	node_table_free(mount->nodes);
	frozen_table_free(mount->frozen);
	answer_table_free(mount->answers);
	scratch_table_free(mount->scratches);
	errors_log_free(mount->errors);
}

/*
 * What a daemon that was killed left behind: nobody else could unmount it for the
 * user. stat(2) would not do: the kernel may answer it from what it remembers.
 */
static void clear_dead_mount(const char *path)
{
	struct statvfs disk;

	if (statvfs(path, &disk) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
		return;
	if (umount2(path, MNT_DETACH) == 0)
		return;
	if (fork() == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "--", path, (char *)NULL);
		_exit(EXIT_FAILED);
	}
	wait(NULL);
}

/* --- serving --------------------------------------------------------------------------------- */

/*
 * The mount answers: the parent may return, and nobody reads our messages any more.
 *
 * Until here we are in the process group that started us: under autofs it alone may enter the
 * directory, and every other process that looks at it waits for us, as we would.
 */
static void tell_ready(void)
{
	if (ready_pipe < 0)
		return;
	setsid();
	if (chdir("/") < 0)
		log_error("cannot leave the directory it was started in: %s", strerror(errno));
	if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout) ||
	    write(ready_pipe, "", 1) != 1)
		log_error("cannot tell that the mount is ready: %s", strerror(errno));
	close(ready_pipe);
	ready_pipe = -1;
	log_to_syslog("seriesfs");
	if (!freopen("/dev/null", "w", stderr))
		log_error("cannot leave the terminal: %s", strerror(errno));
}

/* Mounted: what is needed no more is given away. */
static int give_rights_away(struct mount *mount)
{
	const struct options *options = &mount->options;

	if (identity_drop(&options->identity) < 0) {
		log_error("cannot become %s", options->identity.name);
		return ERR_ACCESS;
	}
	mount->confined =
		sandbox_enter(options->data_path,
			      env_is_read_only(options->data_path) ? env_temporary_place() : NULL,
			      options->landlock != 0);
	return OK;
}

static int serve(struct mount *mount, struct fuse_args *args)
{
	struct diag diag = { 0 };
	bool is_mounted;
	int err = open_engine(mount, &diag);

	if (err < 0)
		return complain(diag.text[0] ? diag.text : err_text(err), EXIT_FAILED);
	err = open_session(mount, args);
	is_mounted = err >= 0;
	if (err >= 0)
		err = give_rights_away(mount);
	if (err >= 0)
		err = start_parts(mount);
	if (err >= 0) {
		loop_on_ready(tell_ready);
		catalog_watch(mount->catalog, expire_changed, mount);
		err = loop_run(mount);
		catalog_watch(mount->catalog, NULL, NULL);
	}
	engine_stopping(mount->engine);
	stop_parts(mount);
	close_session(mount, is_mounted);
	free_tables(mount);
	int closed = engine_close(mount->engine);
	if (err >= 0)
		err = closed;
	if (!mount->session) /* libfuse has told on stderr which option it does not know */
		return EXIT_USAGE;
	if (err < 0 && is_mounted)
		log_error("ended with an error: %s", err_text(err));
	else if (err < 0)
		log_error("cannot mount at %s", mount->options.mount_path);
	return err < 0 ? EXIT_FAILED : EXIT_FINE;
}

/* SIGPIPE: a reader went away. SIGUSR1: means nothing, and would end the mount. SIGXFSZ: a file is
 * at `ulimit -f`, and write(2) says so itself. */
static void ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
}

static int run_child(struct mount *mount, struct fuse_args *args)
{
	mount->uid = mount->options.identity.uid;
	mount->gid = mount->options.identity.gid;
	if (mount->options.clock_ns)
		env_move_clock(mount->options.clock_ns);
	mount->started_ns = env_now_ns();
	/* Mapped, not used: it costs nothing before the system has no more. */
	if (memory_reserve(mount->options.reserve_mb << 20) < 0)
		return complain(err_text(ERR_MEMORY), EXIT_FAILED);
	mount->query_limits = options_query_limits(&mount->options);
	ignore_signals();
	/* Before the first file and the first thread: it has neither. */
	if (!helper_start(mount->options.mount_path))
		log_warning("no second process: %s", strerror(errno));
	int code = serve(mount, args);
	helper_stop();
	return code;
}

/* Gives the child's exit code, or 0 as soon as the mount answers. */
static int wait_for(pid_t child, int pipe)
{
	char byte;
	int status = 0;

	if (read(pipe, &byte, 1) == 1)
		return EXIT_FINE;
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
	return EXIT_FAILED;
}

static int start(struct mount *mount, struct fuse_args *args)
{
	int ends[2];
	pid_t child;

	if (mount->options.foreground)
		return run_child(mount, args);
	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0)
		return complain(strerror(errno), EXIT_FAILED);
	if (child > 0) {
		close(ends[1]);
		return wait_for(child, ends[0]);
	}
	close(ends[0]);
	ready_pipe = ends[1];
	return run_child(mount, args);
}

static int check_and_start(struct mount *mount, struct fuse_args *args, struct buf *why)
{
	clear_dead_mount(mount->options.mount_path);
	if (options_check_paths(&mount->options, why) < 0)
		return complain(buf_text(why), EXIT_FAILED);
	return start(mount, args);
}

/*
 * Buffers of some hundred kilobytes come and go. In the heaps of threads malloc
 * gives them back to the kernel at once, and gets them zeroed again: a count
 * over 1.5 million chunks took 6.9 s so and 2.5 s with one heap that is kept up
 * to 64 MiB. What is larger, the memtable's blocks, goes back when it is free.
 */
static void set_malloc(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 512 << 10);
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	static struct mount mount;
	struct buf why = { 0 };
	int code;

	if (env_open_standard() < 0 || env_settle_stacks("seriesfs") < 0)
		return EXIT_FAILED;
	helper_note_arguments(argc, argv);
	set_malloc();
	if (options_parse(&mount.options, &args, &why) < 0)
		code = complain(buf_text(&why), EXIT_USAGE);
	else if (mount.options.show_help)
		code = print_help();
	else if (mount.options.show_version)
		code = print_version();
	else
		code = check_and_start(&mount, &args, &why);
	buf_release(&why);
	options_release(&mount.options);
	fuse_opt_free_args(&args);
	return code;
}
