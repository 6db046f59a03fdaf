/*
 * How packed words lie (codec.h has the picture), for those who write them (pack.c), read them
 * (unpack.c), or read them as sixteen bits each (narrow.c).
 */
#ifndef ENGINE_CODEC_PACKED_H
#define ENGINE_CODEC_PACKED_H

#include "engine/base/bytes.h"
#include "engine/base/clones.h"
#include "engine/base/limits.h"
#include "engine/codec/codec.h"
#ifdef HAS_AVX512
#include <immintrin.h>
#endif

/* Beside PACK_BITS. */
enum { PACK_CONST = 0, PACK_SPARSE = 2, PACK_RUNS = 3 };
enum { WIDTH_FOLDED = 0x80 };

static inline uint64_t mask_of(unsigned width)
{
	return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static inline size_t map_bytes(size_t count)
{
	return (count + 7) / 8;
}

/* A word that does not fit its width, and what is above that. */
struct exception {
	size_t row;
	uint64_t high;
};
/* `exceptions` has room for what the reader says there are, `count` at most. ERR_CORRUPT. */
int packed_exceptions_read(struct reader *reader, size_t count, unsigned width,
			   struct exception *exceptions, size_t *found);
/* Words from `i` on, which cannot be loaded whole any more. */
void packed_last_bits(const char *bytes, size_t length, size_t i, size_t count, unsigned width,
		      uint64_t base, uint64_t *words);
size_t packed_map_count(struct slice map);
/* No bit behind the last word? */
bool packed_map_fits(const struct reader *reader, struct slice map, size_t count);

#ifdef HAS_AVX512
/* A number in each eight bytes, to all of these; `more` is added to each byte. */
__attribute__((target("avx512bw,avx512dq,avx512vbmi"))) static inline __m512i
each_byte(__m512i numbers, uint64_t more)
{
	const __m512i first = _mm512_set_epi64(0x0808080808080808, 0, 0x0808080808080808, 0,
					       0x0808080808080808, 0, 0x0808080808080808, 0);

	return _mm512_add_epi8(_mm512_shuffle_epi8(numbers, first),
			       _mm512_set1_epi64((int64_t)more));
}

/* What cannot be loaded whole any more is loaded from a copy with zeros behind it. */
static inline void keep_inside(const char **next, const char **end, char last[128])
{
	if (*end - *next >= 64)
		return;
	memcpy(last, *next, (size_t)(*end - *next));
	*next = last;
	*end = last + 128;
}
#endif

#endif
