/*
 * Bins: ranges of words by how often they come, for columns that are written once and read often.
 *
 *	word = lower of its bin + offset;  a bin costs log2(1 / its share) bits, an offset its bits
 *
 * The bins of a column stand in front of its vectors; each vector is a stream of its own. Bins are
 * coded by tANS (Duda 2013; the tables are those of FSE), four states in turn, with the offsets
 * among the bits of the states; ranges as bins are pcodec's idea (Loncaric 2024).
 *
 *	bins   = count: 1 { gap of lower: zigzag varint | bits: 1 | slots: varint }
 *	short  = count: 1 { bits, apart << 7: 1 | [gap of lower: zigzag varint] | slots: varint }
 *		 not apart: the bin begins where the one before ends
 *	packed = first word: zigzag varint | state: 10 bits | state: 10 bits
 *	       | for each further word: offset: bits of its bin | next state but one: 0 to 10 bits
 *
 * The first word of a vector is none of the bins': a predictor leaves it as it was.
 */
#ifndef ENGINE_CODEC_BINS_H
#define ENGINE_CODEC_BINS_H

#include "engine/base/buf.h"

#define BINS_MAX	 128
#define BINS_OFFSET_BITS 32 /* at most */
#define BINS_SLOTS_LOG	 10
#define BINS_SLOTS	 (1u << BINS_SLOTS_LOG)
#define BINS_STATES	 4

struct bin {
	uint64_t lower;
	uint8_t bits;	/* of the offset */
	uint16_t slots; /* its share, of BINS_SLOTS */
};

struct bins {
	size_t count;
	struct bin items[BINS_MAX];
};

/*
 * Bins for words of which some are given, as signed numbers. False: they lie too far apart, or are
 * too few to pay for a table.
 */
bool bins_train(struct bins *bins, const uint64_t *words, size_t count);
void bins_write(const struct bins *bins, struct buf *out);
struct reader;
/* ERR_CORRUPT: not bins. Only the short form is written. */
int bins_read(struct reader *reader, bool is_short, struct bins *out);

/* For one column; made of its bins, which it copies what it needs of. */
struct bins_encoder {
	struct bins bins;
	uint16_t first_state[BINS_MAX]; /* of each bin, in `states` */
	uint16_t states[BINS_SLOTS];	/* ascending within a bin */
};
void bins_encoder_init(struct bins_encoder *encoder, const struct bins *bins);
/* False, and nothing appended: a word lies in none of the bins. */
bool bins_encode(const struct bins_encoder *encoder, const uint64_t *words, size_t count,
		 struct buf *out);

/* All that finding the next place and state needs, so that it waits for one load. */
struct bins_slot {
	uint16_t next; /* + the bits that are read = the next state */
	uint8_t bin, offset_bits, state_bits;
};
struct bins_decoder {
	struct bins bins;
	struct bins_slot slots[BINS_SLOTS];
};
void bins_decoder_init(struct bins_decoder *decoder, const struct bins *bins);
/* The rest of the reader. ERR_CORRUPT. */
int bins_decode(const struct bins_decoder *decoder, struct reader *reader, size_t count,
		uint64_t *words);

#endif
