/*
 * A fuzz target over its kept corpus, once: replay DIRECTORY. Needs no fuzzer, so every build can;
 * the last line is `N passed, 0 failed`. What ends it is the input named last.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/env.h"
#include "tests/lib/fuzz.h"

/* In memory of its own size, so that a read behind it is seen. */
static void replay(const char *path)
{
	struct buf file = { 0 };

	fprintf(stderr, "%s\n", path);
	if (env_read_file(path, &file) != 0)
		abort();
	uint8_t *exact = malloc(file.length);
	if (file.length)
		memcpy(exact, file.data, file.length);
	LLVMFuzzerTestOneInput(exact, file.length);
	free(exact);
	buf_release(&file);
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	char path[1000];
	int count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;

	if (count <= 0) {
		printf("there is no corpus\n0 passed, 1 failed\n");
		return 1;
	}
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		replay(path);
		free(entries[i]);
	}
	free(entries);
	printf("%d passed, 0 failed\n", count);
	return 0;
}
