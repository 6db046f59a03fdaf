/*
 * Why: the extension `.svg` is a name of the language already; what it draws
 * comes with the chart. Until then it says so rather than draw something else.
 */
#include "query/format.h"

static int svg_refuse(struct format *format)
{
	format->problem = "charts are not drawn yet: ask for .csv, .json, .jsonl, .lp or .txt";
	return ERR_INVALID;
}

static int svg_row(struct format *format, const struct cell *cells)
{
	return svg_refuse(format);
}

const struct format_kind format_svg = {
	.format = QUERY_SVG,
	.extension = "svg",
	.request_begin = svg_refuse,
	.row = svg_row,
};
