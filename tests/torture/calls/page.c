/* The test's end of the page (fail.h): made, and put in front of the program. */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/torture/calls/fail.h"

void fail_page_begin(char **argv, const char *dir)
{
	char path[3200], library[3200], self[3000];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fd;

	self[length > 0 ? length : 0] = '\0';
	snprintf(path, sizeof(path), "%s/page", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(struct fail_page)) < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
	setenv("FAIL_PAGE", path, 1);
	snprintf(path, sizeof(path), "%s/data", dir);
	setenv("FAIL_DIR", path, 1);
	snprintf(library, sizeof(library), "%s/fail.so", dirname(self));
	setenv("LD_PRELOAD", library, 1);
	execv("/proc/self/exe", argv);
	perror("exec");
	exit(2);
}

struct fail_page *fail_page_attach(void)
{
	int fd = open(getenv("FAIL_PAGE"), O_RDWR);
	void *at = mmap(NULL, sizeof(struct fail_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		perror("calls");
		exit(2);
	}
	close(fd);
	return at;
}
