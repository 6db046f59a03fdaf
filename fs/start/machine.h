/* How large the machine is that defaults are made for. */
#ifndef FS_START_MACHINE_H
#define FS_START_MACHINE_H

#include <stdint.h>

/*
 * The memory of the machine, in bytes, or what its control groups (versions 1 and 2, and those
 * above) and the limits of the process (RLIMIT_AS, RLIMIT_DATA) leave of it.
 */
uint64_t machine_memory_bytes(void);

#endif
