/*
 * Crash states of a recording, tried one after the other:
 *
 *	states RECORDING DATADIR WORKDIR [seed=N] [count=N] [seconds=N] [jobs=N] [only=N] [strict=1]
 *	       [keep=DIR] [mounted=DIR] [stop=N]
 *
 * DATADIR is what the recorded workload left: first it must be what the recording comes to, or the
 * recorder missed something. `only` tries state N alone, `keep` leaves it there as the crash left
 * it, `mounted` judges a mount of what was kept. Prints each fault, and at the end how many states
 * there were and how many failed.
 *
 * Each state is tried in a process of its own: one that ends badly, or never, is a fault of it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/env.h"
#include "tests/torture/states/look.h"

#define STATE_SECONDS_MAX 60u

struct options {
	const char *recording, *datadir, *workdir, *keep, *mounted;
	uint64_t seed, count, seconds, jobs, only, stop;
	bool strict, has_only, verbose;
};

struct counts {
	uint64_t tried, repeated, failed;
};

static uint64_t number_in(const char *argument, const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	return strncmp(argument, name, length) == 0 && argument[length] == '='
		       ? strtoull(argument + length + 1, NULL, 10)
		       : otherwise;
}

static bool read_options(int argc, char **argv, struct options *options)
{
	if (argc < 4)
		return false;
	*options = (struct options){ .recording = argv[1],
				     .datadir = argv[2],
				     .workdir = argv[3],
				     .seed = 1,
				     .count = 100,
				     .seconds = 3600,
				     .jobs = 1,
				     .stop = 10 };
	for (int i = 4; i < argc; i++) {
		options->seed = number_in(argv[i], "seed", options->seed);
		options->count = number_in(argv[i], "count", options->count);
		options->seconds = number_in(argv[i], "seconds", options->seconds);
		options->jobs = number_in(argv[i], "jobs", options->jobs);
		options->stop = number_in(argv[i], "stop", options->stop);
		options->strict = number_in(argv[i], "strict", options->strict);
		options->verbose = number_in(argv[i], "verbose", options->verbose);
		if (strncmp(argv[i], "only=", 5) == 0) {
			options->has_only = true;
			options->only = number_in(argv[i], "only", 0);
		}
		if (strncmp(argv[i], "keep=", 5) == 0)
			options->keep = argv[i] + 5;
		if (strncmp(argv[i], "mounted=", 8) == 0)
			options->mounted = argv[i] + 8;
	}
	return true;
}

/* --- one state ------------------------------------------------------------------------------ */

/* Stderr and stdout of what is tried go to a file, which is shown when it failed. */
static pid_t try_in_child(const struct model *model, const char *path, const struct choice *choice,
			  const char *faults_path, const char *output_path)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	int output = open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	alarm(STATE_SECONDS_MAX);
	struct buf faults = { 0 };
	look(model, path, choice, &faults);
	env_write_file(faults_path, buf_slice(&faults));
	fflush(NULL);
	_exit(faults.length != 0);
}

static void show_file(const char *path, size_t lines_max)
{
	char line[1000];
	FILE *file = fopen(path, "r");

	while (file && lines_max-- > 0 && fgets(line, sizeof(line), file))
		printf("	%s%s", line, strchr(line, '\n') ? "" : "\n");
	if (file)
		fclose(file);
}

static void show_moment(struct recording *recording, size_t at)
{
	for (size_t i = at > 4 ? at - 4 : 0; i < at && i < recording_count(recording); i++) {
		struct buf line = { 0 };

		recording_print(recording, i, &line);
		printf("	record %.150s\n", buf_text(&line));
		buf_release(&line);
	}
}

struct trying {
	const struct options *options;
	struct recording *recording;
	struct model *model;
	char dir[2000], state[2100], faults[2100], output[2100];
	uint64_t *hashes; /* of what was tried: a table, 0 = free */
	size_t hash_count;
	struct counts counts;
};

static bool is_repeated(struct trying *trying, uint64_t hash, size_t at)
{
	/* The later of two moments with one state asks for more. */
	uint64_t wanted = (hash ^ at / 8 * UINT64_C(0x9e3779b97f4a7c15)) | 1;
	size_t slot = wanted % trying->hash_count;

	while (trying->hashes[slot] && trying->hashes[slot] != wanted)
		slot = (slot + 1) % trying->hash_count;
	bool is_known = trying->hashes[slot] == wanted;
	trying->hashes[slot] = wanted;
	return is_known;
}

static void try_mounted(struct trying *trying, struct choice *choice)
{
	struct buf faults = { 0 };

	look_mounted(trying->model, trying->options->mounted, choice, &faults);
	trying->counts.tried++;
	trying->counts.failed += faults.length != 0;
	if (faults.length)
		printf("FAILED: through a mount, %s, before record %zu\n%s", choice->text,
		       choice->at, buf_text(&faults));
	buf_release(&faults);
}

static void try_state(struct trying *trying, uint64_t number)
{
	const struct options *options = trying->options;
	struct choice choice;
	uint64_t hash;
	int status;

	choice_make(trying->recording, options->seed * 1000003 + number, options->strict, &choice);
	const char *path = options->keep ? options->keep : trying->state;
	env_remove_tree(path);
	env_mkdir(path);
	if (choice_build(trying->recording, &choice, path, &hash) < 0) {
		printf("FAILED: state %llu could not be written\n", (unsigned long long)number);
		trying->counts.failed++;
		return;
	}
	if (options->mounted) {
		try_mounted(trying, &choice);
		return;
	}
	if (options->keep) {
		printf("state %llu, %s, before record %zu: %s\n", (unsigned long long)number,
		       choice.text, choice.at, path);
		show_moment(trying->recording, choice.at);
		return;
	}
	if (is_repeated(trying, hash, choice.at)) {
		trying->counts.repeated++;
		return;
	}
	trying->counts.tried++;
	env_unlink(trying->faults);
	pid_t pid = try_in_child(trying->model, path, &choice, trying->faults, trying->output);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	trying->counts.failed++;
	printf("FAILED: state %llu, %s, before record %zu\n", (unsigned long long)number,
	       choice.text, choice.at);
	if (WIFSIGNALED(status))
		printf("	it ENDED by signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 1)
		printf("	it ENDED with code %d\n", WEXITSTATUS(status));
	show_moment(trying->recording, choice.at);
	show_file(trying->faults, 16);
	show_file(trying->output, 8);
	fflush(stdout);
}

/* --- all of them -------------------------------------------------------------------------------
 */

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static struct counts try_share(const struct options *options, struct recording *recording,
			       struct model *model, uint64_t job)
{
	struct trying *trying = calloc(1, sizeof(*trying));
	time_t until = now_s() + (time_t)options->seconds;

	*trying = (struct trying){ .options = options, .recording = recording, .model = model };
	trying->hash_count = (options->count + 1024) * 2;
	trying->hashes = calloc(trying->hash_count, sizeof(*trying->hashes));
	snprintf(trying->dir, sizeof(trying->dir), "%s/%llu", options->workdir,
		 (unsigned long long)job);
	snprintf(trying->state, sizeof(trying->state), "%s/state", trying->dir);
	snprintf(trying->faults, sizeof(trying->faults), "%s/faults", trying->dir);
	snprintf(trying->output, sizeof(trying->output), "%s/output", trying->dir);
	env_mkdir(trying->dir);
	if (options->has_only)
		try_state(trying, options->only);
	else
		for (uint64_t i = job;
		     i < options->count && now_s() < until && trying->counts.failed < options->stop;
		     i += options->jobs)
			try_state(trying, i);
	struct counts counts = trying->counts;
	free(trying->hashes);
	free(trying);
	return counts;
}

static struct counts try_all(const struct options *options, struct recording *recording,
			     struct model *model)
{
	struct counts sum = { 0 };
	int pipe_fds[2];

	if (options->jobs <= 1 || options->has_only)
		return try_share(options, recording, model, 0);
	if (pipe(pipe_fds) < 0)
		abort();
	for (uint64_t job = 0; job < options->jobs; job++)
		if (fork() == 0) {
			struct counts counts = try_share(options, recording, model, job);

			fflush(stdout);
			_exit(write(pipe_fds[1], &counts, sizeof(counts)) != sizeof(counts));
		}
	close(pipe_fds[1]);
	for (uint64_t job = 0; job < options->jobs; job++) {
		struct counts counts;

		if (read(pipe_fds[0], &counts, sizeof(counts)) != sizeof(counts)) {
			printf("FAILED: a job of the search ended\n");
			sum.failed++;
			continue;
		}
		sum.tried += counts.tried;
		sum.repeated += counts.repeated;
		sum.failed += counts.failed;
	}
	while (wait(NULL) > 0)
		;
	return sum;
}

static bool is_whole(const struct options *options, struct recording *recording)
{
	char made[2100];
	struct buf why = { 0 };

	snprintf(made, sizeof(made), "%s/whole", options->workdir);
	env_remove_tree(made);
	env_mkdir(made);
	bool whole = recording_is_whole(recording, options->datadir, made, &why);
	if (!whole)
		printf("FAILED: the recording is not what was done: %s\n", buf_text(&why));
	buf_release(&why);
	env_remove_tree(made);
	return whole;
}

int main(int argc, char **argv)
{
	struct options options;

	if (!read_options(argc, argv, &options)) {
		fprintf(stderr, "usage: states RECORDING DATADIR WORKDIR [NAME=VALUE…]\n");
		return 2;
	}
	struct recording *recording = recording_open(options.recording);
	if (!recording || !is_whole(&options, recording))
		return 2;
	struct model *model = model_of(recording);
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	struct counts counts = try_all(&options, recording, model);
	printf("%llu states, %llu met again, %llu failed\n", (unsigned long long)counts.tried,
	       (unsigned long long)counts.repeated, (unsigned long long)counts.failed);
	model_free(model);
	recording_close(recording);
	return counts.failed != 0;
}
