/*
 * Loops that gain from wide registers, in plain C: the compiler makes one of each for what the
 * machine may have, and the loader takes the best. Elsewhere than on x86-64 with glibc, under
 * sanitizers (whose start comes too late for the loader) and with NO_CLONES it is nothing.
 */
#ifndef ENGINE_BASE_CLONES_H
#define ENGINE_BASE_CLONES_H

#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&       \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(NO_CLONES)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
/* With its intrinsics, behind __builtin_cpu_supports(), where plain C does not get there. */
#define HAS_AVX512
#else
#define CLONES
#endif

#endif
