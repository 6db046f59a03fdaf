/*
 * Packs words by how often they come; bins.h draws it. Why: columns that are written once and read
 * often may take the time that this takes.
 */
#include "engine/codec/bins.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/bytes.h"
#include "engine/base/clones.h"
#include "engine/base/err.h"
#include "engine/base/limits.h"

/* --- classes: where bins begin from ---------------------------------------------------------- */

/*
 * Eight to an octave on either side of zero, one for each of the smallest: neighbours are joined
 * where that costs nothing.
 */
#define CLASS_STEPS_LOG	 3
#define CLASS_STEPS	 (1u << CLASS_STEPS_LOG)
#define CLASS_OCTAVES	 32u
#define CLASS_SIDE	 (CLASS_STEPS * (CLASS_OCTAVES - CLASS_STEPS_LOG + 1))
#define CLASSES		 (2 * CLASS_SIDE)
#define WORDS_MIN	 512u
#define STATE_BITS	 (BINS_STATES * BINS_SLOTS_LOG)
#define STREAM_BYTES_MAX ((VECTOR_ROWS * (BINS_OFFSET_BITS + BINS_SLOTS_LOG) + STATE_BITS) / 8 + 1)
/* What a bin costs in the table. */
#define BIN_TABLE_BITS 20.0

struct class
{
	uint32_t count;
	int64_t least, most;
};

/* CLASSES: too far from zero. */
static unsigned class_of(uint64_t word)
{
	bool below = (int64_t)word < 0;
	uint64_t size = below ? ~word : word;
	unsigned octave, class;

	if (size >> CLASS_OCTAVES)
		return CLASSES;
	if (size < CLASS_STEPS) {
		class = (unsigned)size;
	} else {
		octave = 63 - (unsigned)__builtin_clzll(size);
		class = (octave - CLASS_STEPS_LOG + 1) * CLASS_STEPS +
			(unsigned)(size >> (octave - CLASS_STEPS_LOG) & (CLASS_STEPS - 1));
	}
	return below ? CLASS_SIDE - 1 - class : CLASS_SIDE + class;
}

static size_t classes_fill(struct class *classes, const uint64_t *words, size_t count)
{
	struct class *all = calloc(CLASSES, sizeof(*all));
	size_t found = 0;

	for (size_t i = 0; all && i < count; i++) {
		unsigned class = class_of(words[i]);
		int64_t word = (int64_t)words[i];

		if (class == CLASSES) {
			free(all);
			return 0;
		}
		if (all[class].count++ == 0)
			all[class].least = all[class].most = word;
		all[class].least = word < all[class].least ? word : all[class].least;
		all[class].most = word > all[class].most ? word : all[class].most;
	}
	for (size_t i = 0; all && i < CLASSES; i++)
		if (all[i].count)
			classes[found++] = all[i];
	free(all);
	return found;
}

static unsigned offset_bits(int64_t least, int64_t most)
{
	uint64_t range = (uint64_t)most - (uint64_t)least;

	return range ? 64 - (unsigned)__builtin_clzll(range) : 0;
}

static double cost_of(const struct class *class, double total)
{
	return class->count *
		       (log2(total / class->count) + offset_bits(class->least, class->most)) +
	       BIN_TABLE_BITS;
}

static struct class joined(const struct class *a, const struct class *b)
{
	return (struct class){ a->count + b->count, a->least, b->most };
}

/* Join neighbours until no pair is cheaper as one. Gives how many are left. */
static size_t classes_join(struct class *classes, size_t count, double total)
{
	for (bool changed = true; changed;) {
		size_t kept = 0;

		changed = false;
		for (size_t i = 0; i < count; i++) {
			struct class both =
				kept ? joined(&classes[kept - 1], &classes[i]) : classes[i];

			if (kept && offset_bits(both.least, both.most) <= BINS_OFFSET_BITS &&
			    cost_of(&both, total) <= cost_of(&classes[kept - 1], total) +
							     cost_of(&classes[i], total)) {
				classes[kept - 1] = both;
				changed = true;
			} else {
				classes[kept++] = classes[i];
			}
		}
		count = kept;
	}
	return count;
}

/* --- bins ------------------------------------------------------------------------------------- */

/* Shares of BINS_SLOTS that add up to it, at least one each. */
static void share_slots(struct bins *bins, const struct class *classes, size_t total)
{
	size_t given = 0, largest = 0;

	for (size_t i = 0; i < bins->count; i++) {
		size_t slots = (classes[i].count * BINS_SLOTS + total / 2) / total;

		bins->items[i].slots = (uint16_t)(slots ? slots : 1);
		given += bins->items[i].slots;
	}
	while (given != BINS_SLOTS) {
		for (size_t i = 0; i < bins->count; i++)
			if (bins->items[i].slots > bins->items[largest].slots)
				largest = i;
		if (given > BINS_SLOTS) {
			bins->items[largest].slots--;
			given--;
		} else {
			bins->items[largest].slots += (uint16_t)(BINS_SLOTS - given);
			given = BINS_SLOTS;
		}
	}
}

bool bins_train(struct bins *bins, const uint64_t *words, size_t count)
{
	struct class classes[CLASSES];
	size_t class_count;

	if (count < WORDS_MIN)
		return false;
	class_count = classes_fill(classes, words, count);
	bins->count = classes_join(classes, class_count, (double)count);
	if (bins->count == 0 || bins->count > BINS_MAX)
		return false;
	for (size_t i = 0; i < bins->count; i++)
		bins->items[i] = (struct bin){
			.lower = (uint64_t)classes[i].least,
			.bits = (uint8_t)offset_bits(classes[i].least, classes[i].most),
		};
	share_slots(bins, classes, count);
	return true;
}

enum { BIN_APART = 0x80 };

static uint64_t end_of(const struct bin *bin)
{
	return bin->lower + (UINT64_C(1) << bin->bits);
}

void bins_write(const struct bins *bins, struct buf *out)
{
	uint64_t before = 0;

	buf_append_byte(out, (char)bins->count);
	for (size_t i = 0; i < bins->count; i++) {
		const struct bin *bin = &bins->items[i];

		bool is_apart = i == 0 || bin->lower != end_of(bin - 1);

		buf_append_byte(out, (char)(bin->bits | (is_apart ? BIN_APART : 0)));
		if (is_apart)
			buf_append_varint(out, zigzag((int64_t)(bin->lower - before)));
		buf_append_varint(out, bin->slots);
		before = bin->lower;
	}
}

static void bin_read(struct reader *reader, const struct bin *before, struct bin *bin)
{
	uint64_t lower = before ? before->lower : 0;

	bin->lower = lower + (uint64_t)unzigzag(reader_varint(reader));
	bin->bits = reader_u8(reader);
}

static void bin_read_short(struct reader *reader, const struct bin *before, struct bin *bin)
{
	uint64_t lower = before ? before->lower : 0;
	uint8_t head = reader_u8(reader);

	bin->bits = head & (uint8_t)~BIN_APART;
	bin->lower = head & BIN_APART ? lower + (uint64_t)unzigzag(reader_varint(reader))
		     : before	      ? end_of(before)
				      : 0;
}

int bins_read(struct reader *reader, bool is_short, struct bins *out)
{
	size_t slots = 0;

	out->count = reader_u8(reader);
	if (out->count == 0 || out->count > BINS_MAX)
		return ERR_CORRUPT;
	for (size_t i = 0; i < out->count; i++) {
		struct bin *bin = &out->items[i];
		uint64_t share;

		(is_short ? bin_read_short : bin_read)(reader, i ? bin - 1 : NULL, bin);
		share = reader_varint(reader);
		if (reader->failed || bin->bits > BINS_OFFSET_BITS || share == 0 ||
		    share > BINS_SLOTS - slots)
			return ERR_CORRUPT;
		bin->slots = (uint16_t)share;
		slots += share;
	}
	return slots == BINS_SLOTS ? OK : ERR_CORRUPT;
}

/* Which bin each state stands for: spread so that a bin's states lie evenly. */
static void spread(const struct bins *bins, uint8_t bin_of[BINS_SLOTS])
{
	unsigned at = 0;

	for (size_t i = 0; i < bins->count; i++)
		for (unsigned k = 0; k < bins->items[i].slots; k++) {
			bin_of[at] = (uint8_t)i;
			at = (at + BINS_SLOTS / 2 + BINS_SLOTS / 8 + 3) & (BINS_SLOTS - 1);
		}
}

static unsigned log2_of(unsigned n)
{
	return 31 - (unsigned)__builtin_clz(n);
}

/* --- encoding ----------------------------------------------------------------------------------
 */

void bins_encoder_init(struct bins_encoder *encoder, const struct bins *bins)
{
	uint8_t bin_of[BINS_SLOTS];
	uint16_t next[BINS_MAX], first = 0;

	encoder->bins = *bins;
	spread(bins, bin_of);
	for (size_t i = 0; i < bins->count; i++) {
		encoder->first_state[i] = next[i] = first;
		first += bins->items[i].slots;
	}
	for (unsigned state = 0; state < BINS_SLOTS; state++)
		encoder->states[next[bin_of[state]]++] = (uint16_t)state;
}

/* The last bin that begins at the word or before; BINS_MAX: it does not hold it. */
static size_t bin_find(const struct bins *bins, uint64_t word)
{
	size_t first = 0, count = bins->count;

	while (count > 1) {
		size_t half = count / 2;

		if ((int64_t)bins->items[first + half].lower <= (int64_t)word)
			first += half;
		count -= half;
	}
	return (int64_t)bins->items[first].lower <= (int64_t)word &&
			       (word - bins->items[first].lower) >> bins->items[first].bits == 0
		       ? first
		       : BINS_MAX;
}

/* What one word adds to the stream. */
struct piece {
	uint64_t bits;
	uint8_t count;
};

/* From the last word to the first, as tANS must; `pieces` are in the order of reading. */
static bool make_pieces(const struct bins_encoder *encoder, const uint64_t *words, size_t count,
			struct piece *pieces, uint16_t states[BINS_STATES])
{
	for (size_t i = count; i-- > 0;) {
		size_t found = bin_find(&encoder->bins, words[i]);
		const struct bin *bin = &encoder->bins.items[found];
		const uint16_t *own;
		unsigned bits = 0, next, left;

		if (found == BINS_MAX)
			return false;
		own = &encoder->states[encoder->first_state[found]];
		pieces[i] = (struct piece){ words[i] - bin->lower, bin->bits };
		if (i + BINS_STATES >= count) { /* nothing follows: any of its states will do */
			states[i % BINS_STATES] = own[0];
			continue;
		}
		next = states[i % BINS_STATES] + BINS_SLOTS;
		bits = BINS_SLOTS_LOG - log2_of(bin->slots);
		bits -= next >> bits < bin->slots;
		left = next & ((1u << bits) - 1);
		pieces[i].bits |= (uint64_t)left << bin->bits;
		pieces[i].count = (uint8_t)(bin->bits + bits);
		states[i % BINS_STATES] = own[(next >> bits) - bin->slots];
	}
	return true;
}

static void put_pieces(const struct piece *pieces, size_t count, const uint16_t states[BINS_STATES],
		       struct buf *out)
{
	char *p = buf_reserve(out, STREAM_BYTES_MAX + 16), *start = p;
	uint64_t filled = 0;
	unsigned used = 0;

	for (size_t i = 0; i < BINS_STATES; i++, used += BINS_SLOTS_LOG)
		filled |= (uint64_t)states[i] << used;
	for (size_t i = 0; i < count; i++) {
		/* At most 7 bits wait, and 42 come. */
		store64(p, filled);
		p += used / 8;
		filled >>= used & ~7u;
		used &= 7;
		filled |= pieces[i].bits << used;
		used += pieces[i].count;
	}
	store64(p, filled);
	p += (used + 7) / 8;
	out->length += (size_t)(p - start);
}

bool bins_encode(const struct bins_encoder *encoder, const uint64_t *words, size_t count,
		 struct buf *out)
{
	struct piece pieces[VECTOR_ROWS];
	uint16_t states[BINS_STATES] = { 0 };

	if (!make_pieces(encoder, words + 1, count - 1, pieces, states))
		return false;
	buf_append_varint(out, zigzag((int64_t)words[0]));
	put_pieces(pieces, count - 1, states, out);
	return true;
}

/* --- decoding -----------------------------------------------------------------------------------
 */

void bins_decoder_init(struct bins_decoder *decoder, const struct bins *bins)
{
	uint8_t bin_of[BINS_SLOTS];
	unsigned next[BINS_MAX];

	decoder->bins = *bins;
	spread(bins, bin_of);
	for (size_t i = 0; i < bins->count; i++)
		next[i] = bins->items[i].slots;
	for (unsigned state = 0; state < BINS_SLOTS; state++) {
		unsigned x = next[bin_of[state]]++;
		unsigned bits = BINS_SLOTS_LOG - log2_of(x);

		decoder->slots[state] =
			(struct bins_slot){ (uint16_t)((x << bits) - BINS_SLOTS), bin_of[state],
					    bins->items[bin_of[state]].bits, (uint8_t)bits };
	}
}

/*
 * One load a word: at most 7 bits are over, 32 and 10 are asked for. `mask` is 0 where no word of
 * the state follows.
 */
static inline __attribute__((always_inline)) uint64_t next_word(const struct bins_decoder *decoder,
								const char *stream, size_t *at,
								unsigned *state, unsigned mask)
{
	const struct bins_slot *slot = &decoder->slots[*state];
	uint64_t bits = load64(stream + *at / 8) >> *at % 8;
	unsigned state_bits = slot->state_bits & mask;

	*state = (slot->next + (unsigned)(bits >> slot->offset_bits & ((1u << state_bits) - 1))) &
		 (BINS_SLOTS - 1);
	*at += slot->offset_bits + state_bits;
	return decoder->bins.items[slot->bin].lower +
	       (bits & ((UINT64_C(1) << slot->offset_bits) - 1));
}

/*
 * Gives the bits that were read. Four states in registers: 1.2 ns a word, two in memory 2.9. Two
 * vectors side by side, or a slot of fewer instructions, gained nothing.
 */
CLONES static size_t read_stream(const struct bins_decoder *decoder, const char *stream,
				 size_t count, uint64_t *words)
{
	unsigned states[BINS_STATES];
	size_t at = STATE_BITS, i = 0;

	for (unsigned k = 0; k < BINS_STATES; k++)
		states[k] = load64(stream) >> (k * BINS_SLOTS_LOG) & (BINS_SLOTS - 1);
	unsigned a = states[0], b = states[1], c = states[2], d = states[3];
	for (; i + 2 * BINS_STATES <= count; i += BINS_STATES) {
		words[i] = next_word(decoder, stream, &at, &a, UINT_MAX);
		words[i + 1] = next_word(decoder, stream, &at, &b, UINT_MAX);
		words[i + 2] = next_word(decoder, stream, &at, &c, UINT_MAX);
		words[i + 3] = next_word(decoder, stream, &at, &d, UINT_MAX);
	}
	memcpy(states, (unsigned[]){ a, b, c, d }, sizeof(states));
	for (; i < count; i++)
		words[i] = next_word(decoder, stream, &at, &states[i % BINS_STATES],
				     i + BINS_STATES < count ? UINT_MAX : 0);
	return at;
}

int bins_decode(const struct bins_decoder *decoder, struct reader *reader, size_t count,
		uint64_t *words)
{
	char stream[STREAM_BYTES_MAX + 8];
	uint64_t first = (uint64_t)unzigzag(reader_varint(reader));
	struct slice bits = reader_take(reader, reader_left(reader));

	if (reader->failed || bits.length > STREAM_BYTES_MAX)
		return ERR_CORRUPT;
	memcpy(stream, bits.data, bits.length);
	memset(stream + bits.length, 0, 8);
	words[0] = first;
	return (read_stream(decoder, stream, count - 1, words + 1) + 7) / 8 == bits.length
		       ? OK
		       : ERR_CORRUPT;
}
