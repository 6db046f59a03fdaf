/*
 * A handful of words in a row: lengths of vectors, what cells hold. Of six ways the smallest.
 *
 *	few    = way: 1 | [first: zigzag varint] | bits
 *	way    = source × 64 + width			each word in so many bits, 63 meaning 64
 *	       | 192 + source × 21 + k			Rice's code: word >> k zeros, a one, k bits
 *	source = 0 words as they are, 1 as zigzag, 2 differences as zigzag behind the first
 *
 * Rice's code takes half a bit less than a width for all where a few words are much longer than
 * the others; the bits of such a row end at a byte.
 */
#ifndef ENGINE_CODEC_FEW_H
#define ENGINE_CODEC_FEW_H

#include "engine/base/buf.h"

#define FEW_MAX 512

/* `count` of 1 to FEW_MAX. */
void few_encode(struct buf *out, const uint64_t *words, size_t count);
/* Exactly so many. ERR_CORRUPT: not what few_encode makes. */
struct reader;
int few_decode(struct reader *reader, uint64_t *words, size_t count);

#endif
