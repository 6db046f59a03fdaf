/*
 * Why: a chart of the answer, for a browser on the file or a picture in a page.
 * Every numeric column of every series is a line; nulls are gaps. Nothing is
 * drawn before the last row is known, so the points are kept.
 *
 *	title
 *	 y  |      lines, at most four marks a pixel column each
 *	    |______
 *	      time          legend, as many columns as fit
 *
 * Colours follow the reader's light or dark background; behind the tenth line
 * they come again, dashed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/array.h"
#include "engine/base/log.h"
#include "engine/base/when.h"
#include "query/format/format.h"

#define WIDTH	     900
#define HEIGHT	     420
#define LEFT	     70
#define RIGHT	     20
#define VALUE_MAX    1e300 /* of an axis; what is beyond is drawn outside */
#define TOP	     34
#define AXIS	     30 /* below the lines, for times */
#define LEGEND_ROW   18
#define LEGEND_KEY   24 /* the piece of line before a name */
#define LEGEND_WIDTH 210
#define LETTER	     7	/* an average one's width */
#define LEGEND_GROWS 40 /* rows for which a chart of no given height gets taller */
#define LABEL_MAX    32 /* characters of a name in the legend */
#define COLOURS	     10
#define LINES_MAX    1000
#define POINTS_MAX   4000000

struct mark {
	int64_t time_ns;
	double value; /* NaN: a gap */
};

struct chart_line {
	char *label;
	struct mark *marks;
	size_t count, capacity;
	bool has_value;
};

struct svg_state {
	struct chart_line *lines;
	size_t line_count, line_capacity;
	size_t series_first; /* the open series' lines */
	size_t point_count;
	int32_t offset_s; /* east of UTC, of the first row */
	bool has_offset;
};

static struct svg_state *state_of(struct format *format)
{
	return format->state;
}

/* --- taking the rows ------------------------------------------------------------------ */

static void print_label(struct format *format, size_t column, struct buf *out)
{
	const struct result_series *series = &format->series;

	buf_append_slice(out, series->columns[column]);
	for (size_t i = 0; i < series->tag_count; i++)
		buf_printf(out, "%s%.*s", i ? ", " : "  ", (int)series->tags[i].value.length,
			   series->tags[i].value.data);
	if (series->tag_count == 0 && series->name.length)
		buf_printf(out, "  %.*s", (int)series->name.length, series->name.data);
}

static int svg_series_begin(struct format *format)
{
	struct svg_state *state = state_of(format);

	state->series_first = state->line_count;
	if (state->line_count + format->series.column_count > LINES_MAX) {
		format->problem = "a chart takes 1000 lines at most";
		return ERR_LIMIT;
	}
	for (size_t i = 1; i < format->series.column_count; i++) {
		struct buf label = { 0 };

		if (!try_grow(&state->lines, state->line_count, &state->line_capacity))
			return ERR_MEMORY;
		print_label(format, i, &label);
		state->lines[state->line_count] =
			(struct chart_line){ .label = strdup(buf_text(&label)) };
		if (!state->lines[state->line_count++].label)
			log_out_of_memory(label.length);
		buf_release(&label);
	}
	return OK;
}

static double number_of(const struct cell *cell)
{
	switch (cell->type) {
	case CELL_FLOAT: return isfinite(cell->f) ? cell->f : NAN;
	case CELL_INTEGER: return (double)cell->i;
	case CELL_UNSIGNED: return (double)cell->u;
	case CELL_BOOLEAN: return cell->b;
	default: return NAN;
	}
}

static int svg_row(struct format *format, const struct cell *cells)
{
	struct svg_state *state = state_of(format);

	if (cells[0].type != CELL_TIME)
		return OK;
	if (!state->has_offset && format->series.utc_offset)
		state->offset_s = format->series.utc_offset(format->series.zone, cells[0].i);
	state->has_offset = true;
	state->point_count += format->series.column_count - 1;
	if (state->point_count > POINTS_MAX) {
		format->problem = "a chart takes 4000000 values at most: ask for larger windows";
		return ERR_LIMIT;
	}
	for (size_t i = 1; i < format->series.column_count; i++) {
		struct chart_line *line = &state->lines[state->series_first + i - 1];

		if (!try_grow(&line->marks, line->count, &line->capacity))
			return ERR_MEMORY;
		line->marks[line->count] = (struct mark){ cells[0].i, number_of(&cells[i]) };
		line->has_value |= !isnan(line->marks[line->count++].value);
	}
	return OK;
}

/* --- scales ---------------------------------------------------------------------------- */

struct chart {
	struct buf *out;
	const struct svg_state *state;
	double width, height, bottom; /* `bottom`: the time axis */
	int64_t first_ns, last_ns;
	double low, high;
	size_t shown; /* lines with a value */
	size_t legend_columns;
	double legend_width;
};

static double x_of(const struct chart *chart, int64_t time_ns)
{
	double range = (double)chart->last_ns - (double)chart->first_ns;

	return LEFT +
	       ((double)time_ns - (double)chart->first_ns) / range * (chart->width - LEFT - RIGHT);
}

static double y_of(const struct chart *chart, double value)
{
	return chart->bottom -
	       (value - chart->low) / (chart->high - chart->low) * (chart->bottom - TOP);
}

static __int128 time_range(const struct chart *chart)
{
	return (__int128)chart->last_ns - chart->first_ns;
}

/* Ranges that can be cut into ticks: not infinite, and not too narrow for the digits of a double.
 */
static void settle_values(struct chart *chart)
{
	double width;

	chart->low = fmax(chart->low, -VALUE_MAX);
	chart->high = fmin(chart->high, VALUE_MAX);
	width = fmax(fabs(chart->low), fabs(chart->high)) * 1e-9;
	if (chart->low == chart->high) {
		chart->low -= chart->low ? fabs(chart->low) / 10 : 1;
		chart->high += chart->high ? fabs(chart->high) / 10 : 1;
	} else if (chart->high - chart->low < width) {
		chart->low -= width;
		chart->high += width;
	}
}

static void find_ranges(struct chart *chart)
{
	bool has_any = false;

	for (size_t i = 0; i < chart->state->line_count; i++) {
		const struct chart_line *line = &chart->state->lines[i];

		chart->shown += line->has_value;
		for (size_t k = 0; line->has_value && k < line->count; k++) {
			const struct mark *mark = &line->marks[k];

			if (!has_any || mark->time_ns < chart->first_ns)
				chart->first_ns = mark->time_ns;
			if (!has_any || mark->time_ns > chart->last_ns)
				chart->last_ns = mark->time_ns;
			has_any = true;
			if (isnan(mark->value))
				continue;
			chart->low = fmin(chart->low, mark->value);
			chart->high = fmax(chart->high, mark->value);
		}
	}
	if (chart->first_ns == chart->last_ns) {
		chart->first_ns -=
			chart->first_ns > TIME_MIN_NS + NS_PER_SECOND ? NS_PER_SECOND : 0;
		chart->last_ns += chart->last_ns < TIME_MAX_NS - NS_PER_SECOND ? NS_PER_SECOND : 0;
	}
	settle_values(chart);
}

/* 1, 2 or 5 times a power of ten, so that about `count` of them fill the range. */
static double value_step(double range, int count)
{
	double rough = range / count, power = pow(10, floor(log10(rough)));
	double digits = rough / power;

	return power * (digits <= 1 ? 1 : digits <= 2 ? 2 : digits <= 5 ? 5 : 10);
}

/* Months are not alike, so steps are either a length or a number of them. */
struct time_step {
	int64_t ns;
	int months;
};

static struct time_step time_step(__int128 range_ns, int count)
{
	static const int64_t seconds[] = {
		1,    2,    5,	  10,	 15,	30,    60,    120,    300,    600,     900,
		1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600,
	};
	static const int months[] = { 1, 2, 3, 6, 12, 24, 60, 120, 240, 600 };
	int64_t rough = (int64_t)(range_ns / (count < 2 ? 2 : count)), small = 1;

	for (; small < NS_PER_SECOND; small *= 10)
		for (int k = 1; k <= 5; k += k == 1 ? 1 : 3)
			if (small * k >= rough)
				return (struct time_step){ .ns = small * k };
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (seconds[i] * NS_PER_SECOND >= rough)
			return (struct time_step){ .ns = seconds[i] * NS_PER_SECOND };
	for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++)
		if (months[i] * 30 * NS_PER_DAY >= rough)
			return (struct time_step){ .months = months[i] };
	return (struct time_step){ .months = 1200 };
}

/* --- drawing -------------------------------------------------------------------------------- */

static void print_escaped(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.length; i++) {
		char c = text.data[i];

		if (c == '<')
			buf_append_text(out, "&lt;");
		else if (c == '>')
			buf_append_text(out, "&gt;");
		else if (c == '&')
			buf_append_text(out, "&amp;");
		else
			buf_append_byte(out, (unsigned char)c < ' ' ? ' ' : c);
	}
}

/* Of the largest unit that needs no more than three decimals for a step. */
static void print_value(char *text, size_t size, const struct chart *chart, double step,
			double value)
{
	static const struct {
		double unit;
		const char *letter;
	} rows[] = { { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" } };
	double largest = fmax(fabs(chart->low), fabs(chart->high)), unit = 1;
	const char *letter = "";
	int decimals;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && unit == 1; i++)
		if (largest >= rows[i].unit && step >= rows[i].unit / 1000) {
			unit = rows[i].unit;
			letter = rows[i].letter;
		}
	decimals = step < unit ? (int)ceil(-log10(step / unit) - 1e-9) : 0;
	if (largest / unit >= 1e6 || decimals > 9)
		snprintf(text, size, "%.6g", value);
	else if (fabs(value) < step / 2)
		snprintf(text, size, "0");
	else
		snprintf(text, size, "%.*f%s", decimals, value / unit, letter);
}

static void draw_text(struct chart *chart, double x, double y, const char *anchor, const char *text)
{
	buf_printf(chart->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	print_escaped(chart->out, slice_of_text(text));
	buf_append_text(chart->out, "</text>\n");
}

static void draw_values(struct chart *chart)
{
	double step = value_step(chart->high - chart->low, (int)(chart->bottom - TOP) / 50 + 1);

	chart->low = floor(chart->low / step) * step;
	chart->high = ceil(chart->high / step) * step;
	for (int i = 0; chart->low + i * step <= chart->high + step / 2; i++) {
		double value = chart->low + i * step, y = y_of(chart, value);
		char text[64];

		print_value(text, sizeof(text), chart, step, value);
		buf_printf(chart->out, "<path class=\"grid\" d=\"M%d %.1fH%.1f\"/>\n", LEFT, y,
			   chart->width - RIGHT);
		draw_text(chart, LEFT - 8, y + 4, "end", text);
	}
}

static void print_tick(char *text, size_t size, const struct chart *chart, struct time_step step,
		       int64_t local_ns)
{
	struct civil c = civil_of_seconds(floor_div(local_ns, NS_PER_SECOND));
	int64_t rest = floor_mod(local_ns, NS_PER_SECOND);
	long long year = c.year;
	char fraction[16];

	if (step.months % 12 == 0 && step.months)
		snprintf(text, size, "%04lld", year);
	else if (step.months)
		snprintf(text, size, "%04lld-%02d", year, c.month);
	else if (step.ns >= NS_PER_DAY || (floor_mod(local_ns, NS_PER_DAY) == 0))
		snprintf(text, size, "%04lld-%02d-%02d", year, c.month, c.day);
	else if (step.ns >= NS_PER_MINUTE && time_range(chart) > NS_PER_DAY)
		snprintf(text, size, "%02d-%02d %02d:%02d", c.month, c.day, c.hour, c.minute);
	else if (step.ns >= NS_PER_MINUTE)
		snprintf(text, size, "%02d:%02d", c.hour, c.minute);
	else if (step.ns >= NS_PER_SECOND)
		snprintf(text, size, "%02d:%02d:%02d", c.hour, c.minute, c.second);
	else {
		snprintf(fraction, sizeof(fraction), "%09lld", (long long)rest);
		snprintf(text, size, "%02d:%02d.%.*s", c.minute, c.second,
			 step.ns >= NS_PER_MS	? 3
			 : step.ns >= NS_PER_US ? 6
						: 9,
			 fraction);
	}
}

static void draw_tick(struct chart *chart, struct time_step step, __int128 local_ns)
{
	double x = x_of(chart, (int64_t)(local_ns - chart->state->offset_s * NS_PER_SECOND)), half;
	char text[64];

	print_tick(text, sizeof(text), chart, step, (int64_t)local_ns);
	half = (double)strlen(text) * LETTER / 2;
	buf_printf(chart->out, "<path class=\"grid\" d=\"M%.1f %dV%.1f\"/>\n", x, TOP,
		   chart->bottom + 4);
	draw_text(chart, fmin(x, chart->width - 2 - half), chart->bottom + 18, "middle", text);
}

static __int128 next_month(__int128 local_ns, int months, bool is_first)
{
	struct civil c = civil_of_seconds((int64_t)(local_ns / NS_PER_SECOND));
	int64_t month = c.year * 12 + c.month - 1;
	__int128 start;

	month -= floor_mod(month, months);
	for (;; month += months) {
		start = (__int128)days_from_civil(floor_div(month, 12),
						  (int)floor_mod(month, 12) + 1, 1) *
			NS_PER_DAY;
		if (start > local_ns || (is_first && start == local_ns))
			return start;
	}
}

/* Round times of the zone's clock. */
static void draw_times(struct chart *chart)
{
	int64_t offset_ns = chart->state->offset_s * NS_PER_SECOND;
	struct time_step step =
		time_step(time_range(chart), (int)(chart->width - LEFT - RIGHT) / 100 + 1);
	__int128 first = (__int128)chart->first_ns + offset_ns, local;

	if (step.months) {
		local = next_month(first, step.months, true);
	} else {
		local = first / step.ns * step.ns;
		local += local < first ? step.ns : 0;
	}
	while (local - offset_ns <= chart->last_ns) {
		draw_tick(chart, step, local);
		local = step.months ? next_month(local, step.months, false) : local + step.ns;
	}
}

/* What falls on one pixel column: enough of it to draw the same picture. */
struct column {
	long x;
	struct mark first, low, high, last;
	size_t count;
};

static void draw_mark(struct chart *chart, const struct mark *mark, bool *pen_down)
{
	buf_printf(chart->out, "%c%.1f %.1f", *pen_down ? 'L' : 'M', x_of(chart, mark->time_ns),
		   y_of(chart, mark->value));
	*pen_down = true;
}

static void draw_column(struct chart *chart, struct column *column, bool *pen_down)
{
	if (column->count == 0)
		return;
	draw_mark(chart, &column->first, pen_down);
	if (column->count > 2 && column->low.value < column->first.value)
		draw_mark(chart, &column->low, pen_down);
	if (column->count > 2 && column->high.value > column->first.value)
		draw_mark(chart, &column->high, pen_down);
	if (column->count > 1)
		draw_mark(chart, &column->last, pen_down);
	column->count = 0;
}

static void take_mark(struct chart *chart, struct column *column, const struct mark *mark,
		      bool *pen_down)
{
	long x = lround(x_of(chart, mark->time_ns));

	if (column->count && x != column->x)
		draw_column(chart, column, pen_down);
	if (column->count++ == 0)
		*column = (struct column){ x, *mark, *mark, *mark, *mark, 1 };
	if (mark->value < column->low.value)
		column->low = *mark;
	if (mark->value > column->high.value)
		column->high = *mark;
	column->last = *mark;
}

/* A value between two gaps has no line to anybody: it is a dot. */
static void draw_dots(struct chart *chart, const struct chart_line *line, size_t number)
{
	for (size_t i = 0; i < line->count; i++) {
		bool before = i > 0 && !isnan(line->marks[i - 1].value);
		bool after = i + 1 < line->count && !isnan(line->marks[i + 1].value);

		if (!isnan(line->marks[i].value) && !before && !after)
			buf_printf(
				chart->out,
				"<circle class=\"c%zu dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n",
				number % COLOURS, x_of(chart, line->marks[i].time_ns),
				y_of(chart, line->marks[i].value));
	}
}

static void draw_line(struct chart *chart, const struct chart_line *line, size_t number)
{
	struct column column = { 0 };
	bool pen_down = false;

	buf_printf(chart->out, "<path class=\"line c%zu%s\" d=\"", number % COLOURS,
		   number / COLOURS % 2 ? " dash" : "");
	for (size_t i = 0; i < line->count; i++) {
		if (!isnan(line->marks[i].value)) {
			take_mark(chart, &column, &line->marks[i], &pen_down);
			continue;
		}
		draw_column(chart, &column, &pen_down);
		pen_down = false;
	}
	draw_column(chart, &column, &pen_down);
	buf_append_text(chart->out, "\"/>\n");
	draw_dots(chart, line, number);
}

/* Cut at a whole character. */
static void shorten(char *text, size_t characters)
{
	char *p = text;

	for (size_t count = 0; *p; p++)
		if (((unsigned char)*p & 0xc0) != 0x80 && count++ == characters)
			break;
	if (strlen(p) >= 3) /* else the dots would be as long */
		memcpy(p, "\xe2\x80\xa6", 4);
}

static void draw_legend(struct chart *chart, struct chart_line *line, size_t number)
{
	double x = LEFT + (double)(number % chart->legend_columns) * chart->legend_width;
	double y =
		chart->bottom + AXIS + 14 + (double)(number / chart->legend_columns) * LEGEND_ROW;

	buf_printf(chart->out, "<path class=\"line c%zu%s\" d=\"M%.1f %.1fh18\"/>\n",
		   number % COLOURS, number / COLOURS % 2 ? " dash" : "", x, y - 4);
	shorten(line->label, LABEL_MAX);
	draw_text(chart, x + LEGEND_KEY, y, "start", line->label);
}

static void draw_colours(struct chart *chart, const char *const *colours)
{
	for (int i = 0; i < COLOURS; i++)
		buf_printf(chart->out, ".line.c%d{stroke:%s}.dot.c%d{fill:%s}\n", i, colours[i], i,
			   colours[i]);
}

/* A background that is drawn: not everything that shows a picture knows a style of its root. */
static void draw_head(struct chart *chart, const char *title)
{
	static const char *const on_light[COLOURS] = {
		"#1f77b4", "#d95f02", "#2a9d4a", "#c7254e", "#7b5cc4",
		"#8c6d1f", "#d64fa6", "#5f6b76", "#0097a7", "#9aa800",
	};
	static const char *const on_dark[COLOURS] = {
		"#5aa9e6", "#ff9440", "#57c878", "#f2688a", "#a78bfa",
		"#c9a54a", "#f08fcf", "#9aa7b3", "#3ccbd9", "#cddc39",
	};

	buf_printf(chart->out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		   "viewBox=\"0 0 %.0f %.0f\">\n<style>\n"
		   "text{fill:#333;font:12px sans-serif}.title{font-size:15px}\n"
		   ".back{fill:#fff}.grid{stroke:#ddd;fill:none}\n"
		   ".line{fill:none;stroke-width:1.6;stroke-linejoin:round}\n"
		   ".dash{stroke-dasharray:5 3}\n",
		   chart->width, chart->height, chart->width, chart->height);
	draw_colours(chart, on_light);
	buf_append_text(chart->out, "@media(prefers-color-scheme:dark){\n"
				    ".back{fill:#16191d}text{fill:#ddd}.grid{stroke:#3a3f45}\n");
	draw_colours(chart, on_dark);
	buf_append_text(chart->out, "}\n</style>\n<rect class=\"back\" width=\"100%\" "
				    "height=\"100%\"/>\n");
	if (title[0]) {
		buf_printf(chart->out, "<text class=\"title\" x=\"%d\" y=\"20\">", LEFT);
		print_escaped(chart->out, slice_of_text(title));
		buf_append_text(chart->out, "</text>\n");
	}
}

static void draw_lines(struct chart *chart)
{
	size_t number = 0;

	draw_values(chart);
	draw_times(chart);
	for (size_t i = 0; i < chart->state->line_count; i++)
		if (chart->state->lines[i].has_value)
			draw_line(chart, &chart->state->lines[i], number++);
	number = 0;
	for (size_t i = 0; i < chart->state->line_count; i++)
		if (chart->state->lines[i].has_value)
			draw_legend(chart, &chart->state->lines[i], number++);
}

/* As many columns as the longest name leaves room for; gives the height of all rows. */
static double settle_legend(struct chart *chart, size_t *rows)
{
	size_t longest = 0;

	for (size_t i = 0; i < chart->state->line_count; i++) {
		const struct chart_line *line = &chart->state->lines[i];
		size_t length = strlen(line->label);

		if (line->has_value && length > longest)
			longest = length;
	}
	longest = longest > LABEL_MAX ? LABEL_MAX : longest;
	chart->legend_width =
		fmin(LEGEND_WIDTH, LEGEND_KEY + (double)longest * LETTER + LEGEND_KEY);
	chart->legend_columns = (size_t)((chart->width - LEFT) / chart->legend_width);
	if (chart->legend_columns == 0)
		chart->legend_columns = 1;
	*rows = (chart->shown + chart->legend_columns - 1) / chart->legend_columns;
	return (double)*rows * LEGEND_ROW;
}

static void settle_height(struct chart *chart, uint32_t given)
{
	size_t rows;
	double legend = settle_legend(chart, &rows);

	chart->height = given ? given : HEIGHT;
	if (!given && rows > 1)
		chart->height += (double)(rows < LEGEND_GROWS ? rows : LEGEND_GROWS) * LEGEND_ROW;
	chart->bottom = fmax(TOP + 40, chart->height - AXIS - 6 - legend);
	chart->height = fmax(chart->height, chart->bottom + AXIS);
}

static int svg_request_end(struct format *format)
{
	const struct query_options *options = format->options;
	struct chart chart = { .out = &format->out,
			       .state = state_of(format),
			       .width = options->width ? options->width : WIDTH,
			       .low = INFINITY,
			       .high = -INFINITY };

	chart.width = fmax(chart.width, 2 * LEFT + RIGHT);
	find_ranges(&chart);
	settle_height(&chart, options->height);
	draw_head(&chart, options->title);
	if (chart.shown)
		draw_lines(&chart);
	else
		draw_text(&chart, chart.width / 2, chart.height / 2, "middle",
			  "the answer has no numbers");
	buf_append_text(&format->out, "</svg>\n");
	return OK;
}

static void svg_release(struct format *format)
{
	struct svg_state *state = state_of(format);

	for (size_t i = 0; i < state->line_count; i++) {
		free(state->lines[i].label);
		free(state->lines[i].marks);
	}
	free(state->lines);
}

const struct format_kind format_svg = {
	.format = QUERY_SVG,
	.extension = "svg",
	.state_bytes = sizeof(struct svg_state),
	.series_begin = svg_series_begin,
	.row = svg_row,
	.request_end = svg_request_end,
	.release = svg_release,
};
