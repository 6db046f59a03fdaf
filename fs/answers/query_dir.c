/*
 * Tells answers from beginnings of answers below query/. The kernel looks a path up name by
 * name, so a query with a slash in it comes in pieces: what is no whole query yet is a
 * directory.
 */
#include "fs/answers/query_dir.h"

#include "fs/nodes/place.h"

static int find_query(struct mount *mount, const struct node *dir, struct slice name,
		      struct place *out, struct buf *text, struct diag *diag)
{
	size_t start = text->length;

	if (dir->place.kind == KIND_PREFIX) {
		buf_append_slice(text, node_text(dir));
		buf_append_byte(text, '/');
	}
	buf_append_slice(text, name);
	*out = place_below(&dir->place, KIND_ANSWER);
	out->object_id = dir->place.object_id;
	if (query_shape(slice_from(buf_slice(text), start), NULL) == QUERY_SHAPE_PREFIX)
		out->kind = KIND_PREFIX;
	return OK;
}

void query_dir_print(struct mount *mount, const struct place *place, struct slice text,
		     struct buf *out)
{
	place_print_part(out, SLICE("query"));
	place_print_part(out, text);
}

/* A query that is not finished was opened as if it were: say what is missing. */
static int refuse_prefix(fuse_req_t req, struct mount *mount, struct node *node)
{
	struct diag diag = { 0 };

	query_shape(node_text(node), &diag);
	diag_set(&diag, ERR_INVALID, "the query is not complete");
	place_tell_request(mount, &node->place, node_text(node), ERR_INVALID, &diag, 0,
			   node_text(node), fuse_req_ctx(req)->uid);
	return ERR_INVALID;
}

const struct kind_ops query_kind = {
	.find = find_query,
	.attr_seconds = KIND_SECONDS_DIRECTORY,
	.entry_seconds = KIND_SECONDS_DIRECTORY,
};

/* The kernel remembers no name of a prefix: these come and go unseen. */
const struct kind_ops prefix_kind = {
	.find = find_query,
	.open_list = refuse_prefix,
	.print = query_dir_print,
	.attr_seconds = KIND_SECONDS_DIRECTORY,
};
