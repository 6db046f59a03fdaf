/*
 * Per-chunk and per-hour summaries (count, sum, least, greatest …), so that an hourly query reads
 * words, not rows. summary.h draws them.
 */
#include "engine/chunk/summary.h"

#include <assert.h>
#include <math.h>
#include <xxhash.h>

#include "engine/base/err.h"
#include "engine/codec/access.h"
#include "engine/codec/codec.h"
#include "engine/codec/few.h"

_Static_assert(CELLS_MAX <= FEW_MAX, "an array of cells is a row of few words");

/* What cells begin with. */
enum { CELLS_FEW = 0x40, CELLS_WHOLE = 0x7f, CELLS_ROWS = 0xfe, CELLS_PLAIN = 0xff };
#define CELL_DIGITS_MAX 9
#define DECIMAL_MAX	9007199254740992.0 /* 2^53: whole numbers up to it are doubles */
#define SUM_STEPS_MAX	4096		   /* rounding errors of a few thousand additions */
#define TIME_DIGITS_MAX 9

/* --- one ---------------------------------------------------------------------- */

static struct summary summary_of_floats(const union value *values, size_t count)
{
	union value min = values[0], max = values[0], sum = { .f = 0 };

	for (size_t i = 0; i < count; i++) {
		if (values[i].f != values[i].f)
			return (struct summary){ .count = (uint32_t)count };
		min = values[i].f < min.f ? values[i] : min;
		max = values[i].f > max.f ? values[i] : max;
		sum.f += values[i].f;
	}
	return (struct summary){
		(uint32_t)count, true, min, max, sum, values[0], values[count - 1]
	};
}

/* Flipping the top bit makes the order of integers that of unsigned ones. */
static struct summary summary_of_whole(const union value *values, size_t count, uint64_t flip)
{
	union value min = values[0], max = values[0], sum = { .u = 0 };

	for (size_t i = 0; i < count; i++) {
		min = (values[i].u ^ flip) < (min.u ^ flip) ? values[i] : min;
		max = (values[i].u ^ flip) > (max.u ^ flip) ? values[i] : max;
		sum.u += values[i].u;
	}
	return (struct summary){
		(uint32_t)count, true, min, max, sum, values[0], values[count - 1]
	};
}

struct summary summary_of(enum value_type type, const union value *values, size_t count)
{
	if (type == VALUE_FLOAT)
		return summary_of_floats(values, count);
	if (type == VALUE_INTEGER || type == VALUE_UNSIGNED)
		return summary_of_whole(values, count,
					type == VALUE_INTEGER ? UINT64_C(1) << 63 : 0);
	return (struct summary){ .count = (uint32_t)count };
}

enum summary_kind summary_kind(enum value_type type, const struct summary *summary)
{
	if (!summary->has_numbers)
		return SUMMARY_NONE;
	return type == VALUE_FLOAT ? SUMMARY_DOUBLE : SUMMARY_WHOLE;
}

/* Whole numbers are written as what they are above the smallest. */
void summary_encode(struct buf *out, const struct summary *s, enum summary_kind kind)
{
	if (kind == SUMMARY_DOUBLE) {
		buf_append_u64(out, s->min.bits);
		buf_append_u64(out, s->max.bits);
		buf_append_u64(out, s->sum.bits);
		buf_append_u64(out, s->first.bits);
		buf_append_u64(out, s->last.bits);
	} else if (kind == SUMMARY_WHOLE) {
		buf_append_varint(out, zigzag(s->min.i));
		buf_append_varint(out, s->max.u - s->min.u);
		buf_append_varint(out, s->sum.u - s->count * s->min.u);
		buf_append_varint(out, s->first.u - s->min.u);
		buf_append_varint(out, s->last.u - s->min.u);
	}
}

void summary_decode(struct reader *in, struct summary *s, enum summary_kind kind)
{
	s->has_numbers = kind != SUMMARY_NONE;
	if (kind == SUMMARY_DOUBLE) {
		s->min.bits = reader_u64(in);
		s->max.bits = reader_u64(in);
		s->sum.bits = reader_u64(in);
		s->first.bits = reader_u64(in);
		s->last.bits = reader_u64(in);
	} else if (kind == SUMMARY_WHOLE) {
		s->min.i = unzigzag(reader_varint(in));
		s->max.u = s->min.u + reader_varint(in);
		s->sum.u = s->count * s->min.u + reader_varint(in);
		s->first.u = s->min.u + reader_varint(in);
		s->last.u = s->min.u + reader_varint(in);
	}
}

/* --- where cells lie ------------------------------------------------------------ */

const uint32_t cell_widths_s[CELL_WIDTHS] = { 1, 10, 60, 300, 3600, 21600, 86400 };

/* The last time of the slot that `time_ns` lies in. */
static int64_t slot_last(int64_t time_ns, uint32_t width_s)
{
	int64_t width_ns = (int64_t)width_s * 1000000000, rest = time_ns % width_ns, last_ns;

	rest += rest < 0 ? width_ns : 0;
	return __builtin_add_overflow(time_ns, width_ns - 1 - rest, &last_ns) ? INT64_MAX : last_ns;
}

size_t slot_first_row(const int64_t *times_ns, size_t row_count, uint32_t width_s)
{
	int64_t last_ns = slot_last(times_ns[row_count - 1], width_s);
	size_t row = row_count;

	while (row > 0 && slot_last(times_ns[row - 1], width_s) == last_ns)
		row--;
	return row;
}

static int laying_room(struct laying *laying, size_t count, struct arena *arena)
{
	laying->count = 0;
	laying->cells = arena_alloc_raw(arena, count * sizeof(*laying->cells), 8);
	return laying->cells ? OK : ERR_MEMORY;
}

int laying_make(const int64_t *times_ns, size_t row_count, uint32_t width_s, struct arena *arena,
		struct laying *out)
{
	out->width_s = width_s;
	TRY(laying_room(out, CELLS_MAX, arena));
	for (size_t row = 0, end; row < row_count; row = end) {
		int64_t last_ns = slot_last(times_ns[row], width_s);

		if (out->count == CELLS_MAX)
			return ERR_LIMIT;
		for (end = row + 1; end < row_count && times_ns[end] <= last_ns;)
			end++;
		out->cells[out->count++] =
			(struct cell_rows){ row, end - row, times_ns[row], times_ns[end - 1] };
	}
	return OK;
}

/* The same of times that need not be there. */
static int laying_of_steps(const struct time_step *step, size_t row_count, size_t cell_count,
			   struct laying *out)
{
	for (size_t row = 0, end; row < row_count; row = end) {
		int64_t first_ns = (int64_t)((uint64_t)step->first_ns + row * step->step_ns);
		uint64_t reach_ns =
			(uint64_t)slot_last(first_ns, out->width_s) - (uint64_t)first_ns;
		uint64_t rows = step->step_ns ? reach_ns / step->step_ns + 1 : row_count;

		if (out->count == cell_count)
			return ERR_CORRUPT;
		end = rows < row_count - row ? row + (size_t)rows : row_count;
		out->cells[out->count++] = (struct cell_rows){
			row, end - row, first_ns,
			(int64_t)((uint64_t)step->first_ns + (end - 1) * step->step_ns)
		};
	}
	return out->count == cell_count ? OK : ERR_CORRUPT;
}

static void words_encode(struct buf *out, const union value *words, size_t count)
{
	vectors_encode(VALUE_INTEGER, words, count, false, out);
}

static int words_decode(struct reader *in, union value *words, size_t count)
{
	return vectors_decode(in, VALUE_INTEGER, 0, count, VECTORS_ALL, words, NULL);
}

/* What all distances from the first time can be divided by. */
static uint64_t time_unit(const struct laying *laying, uint8_t *digits)
{
	uint64_t unit = 1000000000, first_ns = (uint64_t)laying->cells[0].time_first_ns;

	*digits = TIME_DIGITS_MAX;
	for (size_t i = 0; i < laying->count && *digits; i++)
		while (((uint64_t)laying->cells[i].time_first_ns - first_ns) % unit ||
		       ((uint64_t)laying->cells[i].time_last_ns - first_ns) % unit) {
			unit /= 10;
			--*digits;
		}
	return unit;
}

void laying_encode(struct buf *out, const struct laying *laying, bool is_even)
{
	union value words[CELLS_MAX];
	uint64_t first_ns = (uint64_t)laying->cells[0].time_first_ns, unit;
	uint8_t digits;

	buf_append_varint(out, laying->width_s);
	buf_append_varint(out, laying->count);
	if (is_even)
		return;
	unit = time_unit(laying, &digits);
	buf_append_byte(out, (char)digits);
	for (size_t i = 0; i < laying->count; i++)
		words[i].u = laying->cells[i].row_count;
	words_encode(out, words, laying->count);
	for (size_t i = 0; i < laying->count; i++)
		words[i].u = ((uint64_t)laying->cells[i].time_first_ns - first_ns) / unit;
	words_encode(out, words, laying->count);
	for (size_t i = 0; i < laying->count; i++)
		words[i].u = ((uint64_t)laying->cells[i].time_last_ns - first_ns) / unit;
	words_encode(out, words, laying->count);
}

/* Cells that follow one another, and hold all rows. */
static bool laying_is_sound(const struct laying *laying, size_t row_count)
{
	const struct cell_rows *cells = laying->cells;
	size_t rows = 0;

	for (size_t i = 0; i < laying->count; i++) {
		if (cells[i].row_count == 0 || cells[i].row_count > row_count - rows ||
		    cells[i].time_first_ns > cells[i].time_last_ns ||
		    (i && cells[i].time_first_ns <= cells[i - 1].time_last_ns))
			return false;
		rows += cells[i].row_count;
	}
	return rows == row_count;
}

static int laying_of_vectors(struct reader *in, int64_t start_ns, size_t row_count, size_t count,
			     struct laying *out)
{
	union value words[CELLS_MAX];
	uint64_t unit = 1, first_ns = (uint64_t)start_ns;
	uint8_t digits = reader_u8(in);
	size_t row = 0;

	if (digits > TIME_DIGITS_MAX)
		return ERR_CORRUPT;
	for (; digits; digits--)
		unit *= 10;
	TRY(words_decode(in, words, count));
	for (size_t i = 0; i < count; i++) {
		out->cells[i] = (struct cell_rows){ row, words[i].u, 0, 0 };
		row += words[i].u;
	}
	TRY(words_decode(in, words, count));
	for (size_t i = 0; i < count; i++)
		out->cells[i].time_first_ns = (int64_t)(first_ns + words[i].u * unit);
	TRY(words_decode(in, words, count));
	for (size_t i = 0; i < count; i++)
		out->cells[i].time_last_ns = (int64_t)(first_ns + words[i].u * unit);
	out->count = count;
	return laying_is_sound(out, row_count) ? OK : ERR_CORRUPT;
}

int laying_decode(struct slice bytes, const struct time_step *step, size_t row_count,
		  struct arena *arena, struct laying *out)
{
	struct reader in = reader_of(bytes);
	uint64_t width_s = reader_varint(&in), count = reader_varint(&in);

	if (in.failed || width_s == 0 || width_s > UINT32_MAX || count == 0 || count > CELLS_MAX)
		return ERR_CORRUPT;
	out->width_s = (uint32_t)width_s;
	TRY(laying_room(out, count, arena));
	TRY(step->is_even ? laying_of_steps(step, row_count, count, out)
			  : laying_of_vectors(&in, step->first_ns, row_count, count, out));
	return in.failed || reader_left(&in) ? ERR_CORRUPT : OK;
}

/* --- what is in them ---------------------------------------------------------------- */

static bool is_number(enum value_type type)
{
	return type == VALUE_FLOAT || type == VALUE_INTEGER || type == VALUE_UNSIGNED;
}

/*
 * --- arrays of cells that were written before few.h --------------------------------------
 *
 *	array = width: 1 | zigzag words of so many bits
 *	      = width, 1 << 7: 1 | word 0: zigzag varint | differences as zigzag words
 */

enum { ARRAY_DIFFERENCES = 0x80 };

static void bits_decode(struct reader *in, uint64_t *words, size_t count, unsigned width)
{
	struct slice bytes = reader_take(in, (count * width + 7) / 8);
	size_t bit = 0;

	for (size_t i = 0; i < count; i++) {
		words[i] = 0;
		for (unsigned k = 0; !in->failed && k < width; k++, bit++)
			words[i] |= (uint64_t)((uint8_t)bytes.data[bit / 8] >> bit % 8 & 1) << k;
	}
}

static int array_decode(struct reader *in, uint64_t *words, size_t count)
{
	uint8_t head = reader_u8(in);
	unsigned width = head & ~ARRAY_DIFFERENCES;
	size_t known = head & ARRAY_DIFFERENCES ? 1 : 0;

	if (width > 64)
		return ERR_CORRUPT;
	if (known)
		words[0] = reader_varint(in);
	bits_decode(in, words + known, count - known, width);
	for (size_t i = 0; i < count; i++) {
		words[i] = (uint64_t)unzigzag(words[i]);
		words[i] += known && i ? words[i - 1] : 0;
	}
	return in->failed ? ERR_CORRUPT : OK;
}

static uint64_t middle_of(const struct summary *s)
{
	return s->min.u + (s->max.u - s->min.u) / 2;
}

/* Cells of whole numbers, signed or not: all is modulo 2^64. */
static void whole_encode(struct buf *out, const struct summary *cells, size_t count)
{
	uint64_t words[5][CELLS_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct summary *s = &cells[i];

		words[0][i] = s->min.u;
		words[1][i] = s->max.u - s->min.u;
		words[2][i] = s->first.u - s->min.u;
		words[3][i] = s->last.u - cells[i + 1 < count ? i + 1 : i].first.u;
		words[4][i] = s->sum.u - s->count * middle_of(s);
	}
	for (size_t k = 0; k < 5; k++)
		few_encode(out, words[k], count);
}

/* few_decode(), or what was before it. */
typedef int words_reader(struct reader *in, uint64_t *words, size_t count);

static int whole_decode(struct reader *in, words_reader *read, struct summary *cells, size_t count)
{
	uint64_t words[5][CELLS_MAX];

	for (size_t k = 0; k < 5; k++)
		TRY(read(in, words[k], count));
	for (size_t i = 0; i < count; i++) {
		struct summary *s = &cells[i];

		s->min.u = words[0][i];
		s->max.u = s->min.u + words[1][i];
		s->first.u = s->min.u + words[2][i];
		s->sum.u = s->count * middle_of(s) + words[4][i];
	}
	for (size_t i = 0; i < count; i++)
		cells[i].last.u = words[3][i] + cells[i + 1 < count ? i + 1 : i].first.u;
	return OK;
}

/* --- of doubles ------------------------------------------------------------------------ */

static double power_of_ten(unsigned digits)
{
	double power = 1;

	for (; digits; digits--)
		power *= 10;
	return power;
}

/* The whole number that gives the value, but for `steps` doubles, when it is divided. */
static bool to_decimal(union value value, double power, int64_t steps_max, union value *out,
		       uint64_t *steps)
{
	union value near;

	if (!(fabs(value.f) * power < DECIMAL_MAX))
		return false;
	out->i = llround(value.f * power);
	near.f = (double)out->i / power;
	*steps = value.u - near.u;
	return (int64_t)*steps <= steps_max && (int64_t)*steps >= -steps_max;
}

static bool cells_to_decimals(const struct summary *cells, size_t count, unsigned digits,
			      struct summary *out, uint64_t *steps)
{
	double power = power_of_ten(digits);

	for (size_t i = 0; i < count; i++) {
		const struct summary *s = &cells[i];

		out[i].count = s->count;
		if (!to_decimal(s->min, power, 0, &out[i].min, &steps[i]) ||
		    !to_decimal(s->max, power, 0, &out[i].max, &steps[i]) ||
		    !to_decimal(s->first, power, 0, &out[i].first, &steps[i]) ||
		    !to_decimal(s->last, power, 0, &out[i].last, &steps[i]) ||
		    !to_decimal(s->sum, power, SUM_STEPS_MAX, &out[i].sum, &steps[i]))
			return false;
	}
	return true;
}

/* The members of a summary as they lie in vectors. */
static const size_t members[] = { offsetof(struct summary, min), offsetof(struct summary, max),
				  offsetof(struct summary, first), offsetof(struct summary, last),
				  offsetof(struct summary, sum) };
#define MEMBERS	   (sizeof(members) / sizeof(members[0]))
#define MEMBER_SUM 4

static union value *member_of(struct summary *summary, size_t member)
{
	return (union value *)((char *)summary + members[member]);
}

static void member_encode(struct buf *out, struct summary *cells, size_t count, size_t member)
{
	union value values[CELLS_MAX];

	for (size_t i = 0; i < count; i++)
		values[i] = *member_of(&cells[i], member);
	vectors_encode(VALUE_FLOAT, values, count, false, out);
}

static int member_decode(struct reader *in, struct summary *cells, size_t count, size_t member)
{
	union value values[CELLS_MAX];

	TRY(vectors_decode(in, VALUE_FLOAT, 0, count, VECTORS_ALL, values, NULL));
	for (size_t i = 0; i < count; i++)
		*member_of(&cells[i], member) = values[i];
	return OK;
}

static void plain_encode(struct buf *out, struct summary *cells, size_t count)
{
	buf_append_byte(out, (char)CELLS_PLAIN);
	for (size_t k = 0; k < MEMBERS; k++)
		member_encode(out, cells, count, k);
}

/* --- of doubles that can be read one by one ------------------------------------------------ */

/* What the cells name. */
static uint32_t cells_check(struct summary *cells, size_t count)
{
	union value named[CELLS_MAX][MEMBER_SUM];

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < MEMBER_SUM; k++)
			named[i][k] = *member_of(&cells[i], k);
	return (uint32_t)XXH3_64bits_withSeed(named, count * sizeof(*named), 1);
}

static uint64_t row_of(const union value *values, union value value)
{
	uint64_t row = 0;

	while (values[row].bits != value.bits)
		row++;
	return row;
}

static void rows_encode(struct buf *out, struct summary *cells, const union value *values,
			const struct laying *laying)
{
	uint64_t least[CELLS_MAX], greatest[CELLS_MAX];

	for (size_t i = 0; i < laying->count; i++) {
		const union value *first = values + laying->cells[i].first_row;

		least[i] = row_of(first, cells[i].min);
		greatest[i] = row_of(first, cells[i].max);
	}
	buf_append_byte(out, (char)CELLS_ROWS);
	member_encode(out, cells, laying->count, MEMBER_SUM);
	few_encode(out, least, laying->count);
	few_encode(out, greatest, laying->count);
	buf_append_u32(out, cells_check(cells, laying->count));
}

static int cell_read(const struct access *access, const struct cell_rows *rows, uint64_t least,
		     uint64_t greatest, struct summary *cell)
{
	size_t first = rows->first_row;

	if (least >= rows->row_count || greatest >= rows->row_count)
		return ERR_CORRUPT;
	TRY(access_get(access, first + least, &cell->min));
	TRY(access_get(access, first + greatest, &cell->max));
	TRY(access_get(access, first, &cell->first));
	return access_get(access, first + rows->row_count - 1, &cell->last);
}

static int rows_decode(struct reader *in, const struct laying *laying, const struct access *access,
		       struct summary *cells)
{
	uint64_t least[CELLS_MAX], greatest[CELLS_MAX];
	size_t count = laying->count;
	uint32_t check;

	TRY(member_decode(in, cells, count, MEMBER_SUM));
	TRY(few_decode(in, least, count));
	TRY(few_decode(in, greatest, count));
	check = reader_u32(in);
	if (in->failed || !access)
		return in->failed ? ERR_CORRUPT : OK;
	for (size_t i = 0; i < count; i++)
		TRY(cell_read(access, &laying->cells[i], least[i], greatest[i], &cells[i]));
	return cells_check(cells, count) == check ? OK : ERR_CORRUPT;
}

/* --- of any doubles ------------------------------------------------------------------------ */

static void floats_encode(struct buf *out, struct summary *cells, const union value *values,
			  const struct laying *laying, const struct access *access)
{
	struct summary decimals[CELLS_MAX];
	uint64_t steps[CELLS_MAX];
	size_t count = laying->count;

	for (unsigned digits = 0; digits <= CELL_DIGITS_MAX; digits++) {
		if (!cells_to_decimals(cells, count, digits, decimals, steps))
			continue;
		buf_append_byte(out, (char)(CELLS_FEW | digits));
		whole_encode(out, decimals, count);
		few_encode(out, steps, count);
		return;
	}
	if (access)
		rows_encode(out, cells, values, laying);
	else
		plain_encode(out, cells, count);
}

static int decimals_decode(struct reader *in, words_reader *read, uint8_t digits,
			   struct summary *cells, size_t count)
{
	uint64_t steps[CELLS_MAX];
	double power = power_of_ten(digits);

	TRY(whole_decode(in, read, cells, count));
	TRY(read(in, steps, count));
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < MEMBERS; k++) {
			union value *value = member_of(&cells[i], k);

			value->f = (double)value->i / power;
		}
		cells[i].sum.u += steps[i];
	}
	return OK;
}

static int plain_decode(struct reader *in, struct summary *cells, size_t count)
{
	for (size_t k = 0; k < MEMBERS; k++)
		TRY(member_decode(in, cells, count, k));
	return OK;
}

static int floats_decode(struct reader *in, const struct laying *laying,
			 const struct access *access, struct summary *cells)
{
	size_t count = laying->count;
	uint8_t form = reader_u8(in), digits = form & (uint8_t)~CELLS_FEW;

	if (form == CELLS_PLAIN)
		return plain_decode(in, cells, count);
	if (form == CELLS_ROWS)
		return rows_decode(in, laying, access, cells);
	if (digits > CELL_DIGITS_MAX)
		return ERR_CORRUPT;
	return decimals_decode(in, form & CELLS_FEW ? few_decode : array_decode, digits, cells,
			       count);
}

/* No array began with this byte before. */
static int integers_decode(struct reader *in, struct summary *cells, size_t count)
{
	if (reader_left(in) == 0 || (uint8_t)*in->next != CELLS_WHOLE)
		return whole_decode(in, array_decode, cells, count);
	reader_u8(in);
	return whole_decode(in, few_decode, cells, count);
}

/* --- all types ------------------------------------------------------------------------------ */

bool cells_name_rows(struct slice bytes, enum value_type type)
{
	return type == VALUE_FLOAT && bytes.length && (uint8_t)bytes.data[0] == CELLS_ROWS;
}

bool cells_encode(struct buf *out, enum value_type type, const union value *values,
		  const struct laying *laying, const struct access *access)
{
	struct summary cells[CELLS_MAX];

	assert(laying->count <= CELLS_MAX);
	for (size_t i = 0; i < laying->count; i++) {
		cells[i] = summary_of(type, values + laying->cells[i].first_row,
				      laying->cells[i].row_count);
		if (!cells[i].has_numbers)
			return false;
	}
	if (type == VALUE_FLOAT) {
		floats_encode(out, cells, values, laying, access);
	} else {
		buf_append_byte(out, CELLS_WHOLE);
		whole_encode(out, cells, laying->count);
	}
	return true;
}

static bool is_less(union value a, union value b, enum value_type type)
{
	if (type == VALUE_FLOAT)
		return a.f < b.f;
	return type == VALUE_UNSIGNED ? a.u < b.u : a.i < b.i;
}

struct summary cells_join(const struct summary *cells, size_t count, enum value_type type)
{
	struct summary all = cells[0];

	for (size_t i = 1; i < count; i++) {
		all.count += cells[i].count;
		all.min = is_less(cells[i].min, all.min, type) ? cells[i].min : all.min;
		all.max = is_less(all.max, cells[i].max, type) ? cells[i].max : all.max;
		if (type == VALUE_FLOAT)
			all.sum.f += cells[i].sum.f;
		else
			all.sum.u += cells[i].sum.u;
	}
	all.last = cells[count - 1].last;
	return all;
}

int laying_count(struct slice bytes, size_t *count)
{
	struct reader in = reader_of(bytes);

	reader_varint(&in); /* how wide they are */
	*count = reader_varint(&in);
	return in.failed || *count == 0 || *count > CELLS_MAX ? ERR_CORRUPT : OK;
}

int cells_extremes(struct slice bytes, enum value_type type, size_t count, union value *min,
		   union value *max)
{
	struct reader in = reader_of(bytes);
	bool is_whole = reader_left(&in) && (uint8_t)*in.next == CELLS_WHOLE;
	words_reader *read = is_whole ? few_decode : array_decode;
	uint64_t least[CELLS_MAX], above[CELLS_MAX];

	assert(type != VALUE_FLOAT && count > 0 && count <= CELLS_MAX);
	if (is_whole)
		reader_u8(&in);
	TRY(read(&in, least, count));
	TRY(read(&in, above, count));
	*min = (union value){ .u = least[0] };
	*max = (union value){ .u = least[0] + above[0] };
	for (size_t i = 1; i < count; i++) {
		union value low = { .u = least[i] }, high = { .u = least[i] + above[i] };

		*min = is_less(low, *min, type) ? low : *min;
		*max = is_less(*max, high, type) ? high : *max;
	}
	return in.failed ? ERR_CORRUPT : OK;
}

int cells_decode(struct slice bytes, enum value_type type, const struct laying *laying,
		 const struct access *access, struct arena *arena, struct summary **out)
{
	struct reader in = reader_of(bytes);
	struct summary *cells = arena_alloc(arena, laying->count * sizeof(*cells));

	if (!cells)
		return ERR_MEMORY;
	if (!is_number(type) || laying->count == 0)
		return ERR_CORRUPT;
	for (size_t i = 0; i < laying->count; i++) {
		cells[i].count = (uint32_t)laying->cells[i].row_count;
		cells[i].has_numbers = true;
	}
	TRY(type == VALUE_FLOAT ? floats_decode(&in, laying, access, cells)
				: integers_decode(&in, cells, laying->count));
	*out = cells;
	return in.failed || reader_left(&in) ? ERR_CORRUPT : OK;
}
