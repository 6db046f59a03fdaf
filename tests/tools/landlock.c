/*
 * Does the kernel have Landlock, and which version? `landlock version` prints it, and fails where
 * it is too old for the daemon (fs/start/sandbox.c).
 */
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	printf("%ld\n", version);
	return version < 2;
}
