/* What a fuzz target is for libFuzzer, and for replay.c, which feeds it the kept corpus. */
#ifndef TESTS_LIB_FUZZ_H
#define TESTS_LIB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when the bytes do what no bytes may do; gives 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
