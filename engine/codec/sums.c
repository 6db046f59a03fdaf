/*
 * Sums over spans of rows, without handing the rows out.
 *
 * A vector is decoded into eight KiB that stay in the first cache, and summed there: columns that
 * were decoded whole before they were summed went through the second cache and back.
 */
#include "engine/base/bytes.h"
#include "engine/base/clones.h"
#include "engine/codec/column.h"

/* By way of integers: what lies in a union is not vectorized. */
CLONES static void add_words(const uint64_t *words, const struct sum_piece *pieces, size_t count,
			     uint64_t *sums)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t sum = 0;

		for (size_t row = pieces[i].first; row < pieces[i].end; row++)
			sum += words[row];
		sums[pieces[i].span] += sum;
	}
}

static double add_run(const double *values, size_t count, double sum)
{
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return sum;
}

static size_t shortest(const struct sum_piece pieces[4])
{
	size_t rows = SIZE_MAX;

	for (unsigned i = 0; i < 4; i++)
		if ((size_t)(pieces[i].end - pieces[i].first) < rows)
			rows = pieces[i].end - pieces[i].first;
	return rows;
}

/* One addition waits for the one before it, but not for those of other spans. */
static void add_four(const double *values, const struct sum_piece pieces[4], double *sums)
{
	const double *a = values + pieces[0].first, *b = values + pieces[1].first;
	const double *c = values + pieces[2].first, *d = values + pieces[3].first;
	double of_a = sums[pieces[0].span], of_b = sums[pieces[1].span];
	double of_c = sums[pieces[2].span], of_d = sums[pieces[3].span];
	size_t rows = shortest(pieces), all[4];

	for (size_t i = 0; i < rows; i++) {
		of_a += a[i];
		of_b += b[i];
		of_c += c[i];
		of_d += d[i];
	}
	for (unsigned i = 0; i < 4; i++)
		all[i] = pieces[i].end - pieces[i].first;
	sums[pieces[0].span] = add_run(a + rows, all[0] - rows, of_a);
	sums[pieces[1].span] = add_run(b + rows, all[1] - rows, of_b);
	sums[pieces[2].span] = add_run(c + rows, all[2] - rows, of_c);
	sums[pieces[3].span] = add_run(d + rows, all[3] - rows, of_d);
}

static void add_one(const double *values, const struct sum_piece *piece, double *sums)
{
	sums[piece->span] = add_run(values + piece->first, (size_t)(piece->end - piece->first),
				    sums[piece->span]);
}

/* The first piece is mostly the rest of a span that began in the vector before. */
static void add_doubles(const double *values, const struct sum_piece *pieces, size_t count,
			double *sums)
{
	size_t i = 1;

	add_one(values, &pieces[0], sums);
	for (; i + 4 <= count; i += 4)
		add_four(values, &pieces[i], sums);
	for (; i < count; i++)
		add_one(values, &pieces[i], sums);
}

/* --- narrow words --------------------------------------------------------------------- */

/*
 * Of differences d a span of n rows behind the value v sums to n v + n d0 + (n - 1) d1 + ..: a
 * product with a ramp, which the processor adds up by pairs, and nothing waits for the row before.
 * So many rows at once that products of sixteen bits stay within 32.
 */
#define RAMP_ROWS 256
#define R4(n)	  (n), (n)-1, (n)-2, (n)-3
#define R16(n)	  R4(n), R4((n)-4), R4((n)-8), R4((n)-12)
#define R64(n)	  R16(n), R16((n)-16), R16((n)-32), R16((n)-48)
#define ONES4	  1, 1, 1, 1
#define ONES16	  ONES4, ONES4, ONES4, ONES4
#define ONES64	  ONES16, ONES16, ONES16, ONES16
static const int16_t ramp[RAMP_ROWS + NARROW_BLOCK] = { R64(256), R64(192), R64(128), R64(64) };
static const int16_t ones[RAMP_ROWS + NARROW_BLOCK] = { ONES64, ONES64, ONES64, ONES64 };

/* Jump into the unrolled loop so that exactly `count` steps remain. */
static inline __attribute__((always_inline)) int32_t dot(const int16_t *words, size_t count,
							 const int16_t *table)
{
	size_t whole = (count + NARROW_BLOCK - 1) & ~(size_t)(NARROW_BLOCK - 1);
	int32_t sum = 0;

	table += RAMP_ROWS - count;
	for (size_t i = 0; i < whole; i++)
		sum += words[i] * table[i];
	return sum;
}

/* Goes from row to row; `value` is that of the row before. */
struct walk {
	const struct narrow *narrow;
	size_t row, fix;
	uint64_t value;
};

static inline __attribute__((always_inline)) uint64_t walk_deltas(struct walk *walk, size_t end)
{
	const struct narrow *narrow = walk->narrow;
	uint64_t sum = 0;

	while (walk->row < end) {
		size_t count = end - walk->row < RAMP_ROWS ? end - walk->row : RAMP_ROWS;
		uint64_t rise = (uint64_t)dot(narrow->words + walk->row, count, ones);

		sum += count * walk->value + narrow->base * (count * (count + 1) / 2) +
		       (uint64_t)dot(narrow->words + walk->row, count, ramp);
		walk->row += count;
		for (; walk->fix < narrow->fix_count && narrow->fix_rows[walk->fix] < walk->row;
		     walk->fix++) {
			sum += (walk->row - narrow->fix_rows[walk->fix]) * narrow->fixes[walk->fix];
			rise += narrow->fixes[walk->fix];
		}
		walk->value += rise + count * narrow->base;
	}
	return sum;
}

static inline __attribute__((always_inline)) uint64_t walk_words(struct walk *walk, size_t end)
{
	const struct narrow *narrow = walk->narrow;
	uint64_t sum = (end - walk->row) * narrow->base;

	while (walk->row < end) {
		size_t count = end - walk->row < RAMP_ROWS ? end - walk->row : RAMP_ROWS;

		sum += (uint64_t)dot(narrow->words + walk->row, count, ones);
		walk->row += count;
	}
	for (; walk->fix < narrow->fix_count && narrow->fix_rows[walk->fix] < end; walk->fix++)
		sum += narrow->fixes[walk->fix];
	return sum;
}

CLONES static void add_narrow(const struct narrow *narrow, bool is_delta,
			      const struct sum_piece *pieces, size_t count, uint64_t *sums)
{
	struct walk walk = { .narrow = narrow };

	for (size_t i = 0; i < count; i++) {
		if (is_delta) {
			walk_deltas(&walk, pieces[i].first);
			sums[pieces[i].span] += walk_deltas(&walk, pieces[i].end);
		} else {
			walk_words(&walk, pieces[i].first);
			sums[pieces[i].span] += walk_words(&walk, pieces[i].end);
		}
	}
}

/* 1, or 0: not narrow. */
static int narrow_sum(struct reader *vector, const struct vectors_shared *shared, bool own,
		      size_t rows, const struct sum_piece *pieces, size_t count, union value *sums)
{
	struct narrow narrow;
	bool is_delta;
	int is_narrow = vector_read_narrow(vector, shared, own, rows, &narrow, &is_delta);

	if (is_narrow == 1)
		add_narrow(&narrow, is_delta, pieces, count, &sums->u);
	return is_narrow;
}

/* --- columns -------------------------------------------------------------------------- */

static int vector_sum(struct reader *vector, const struct vectors_shared *shared, bool own,
		      size_t rows, const struct sum_piece *pieces, size_t count, union value *sums)
{
	union value values[VECTOR_ROWS];

	if (shared->type != VALUE_FLOAT) {
		int is_narrow = narrow_sum(vector, shared, own, rows, pieces, count, sums);

		if (is_narrow != 0)
			return is_narrow < 0 ? is_narrow : OK;
	}
	TRY(vector_read(vector, shared, own, rows, values, NULL));
	if (shared->type == VALUE_FLOAT)
		add_doubles(&values->f, pieces, count, &sums->f);
	else
		add_words(&values->u, pieces, count, &sums->u);
	return OK;
}

int vectors_sum(struct reader *reader, enum value_type type, uint8_t form, size_t count,
		const struct sum_plan *plan, union value *sums)
{
	struct vectors_walk walk;

	TRY(vectors_open(reader, type, form, count, &walk));
	for (size_t i = 0; i < walk.vector_count; i++) {
		bool own;
		struct reader vector = vectors_next(&walk, reader, &own);
		size_t left = count - i * VECTOR_ROWS, first = plan->starts[i];
		size_t pieces = plan->starts[i + 1] - first;

		if (pieces == 0)
			continue;
		TRY(vector_sum(&vector, &walk.shared, own, left < VECTOR_ROWS ? left : VECTOR_ROWS,
			       plan->pieces + first, pieces, sums));
	}
	return reader->failed ? ERR_CORRUPT : OK;
}
