/*
 * Finds what a name means in a directory: names of tree.def first, which no backup holds and
 * nothing can hide, then what the directory's kind finds.
 */
#include "fs/requests/find.h"

#include "fs/nodes/place.h"
#include "fs/settings/setting.h"

static int find_fixed(struct mount *mount, const struct place *dir, struct slice name,
		      struct place *out, struct buf *text, struct diag *diag)
{
	const struct kind_ops *ops;
	struct slice rest;
	enum kind kind;

	if (!tree_find_name(dir->kind, name, &kind, &rest))
		return ERR_NOT_FOUND;
	ops = mount->kinds[kind];
	if (rest.length > 0 && !ops->check_rest)
		return ERR_NOT_FOUND;
	if (rest.length > 0)
		TRY(ops->check_rest(mount, dir->database_id, rest, diag));
	*out = place_below(dir, kind);
	if (ops->check_rest)
		buf_append_slice(text, name); /* with its options */
	return OK;
}

int find_place(struct mount *mount, const struct node *dir, struct slice name, struct place *out,
	       struct buf *text, struct diag *diag)
{
	const struct kind_ops *ops = kind_ops(mount, &dir->place);
	int err = find_fixed(mount, &dir->place, name, out, text, diag);

	if (err != ERR_NOT_FOUND || !ops->find)
		return err;
	return ops->find(mount, dir, name, out, text, diag);
}

int find_or_tell(fuse_req_t req, struct mount *mount, const struct node *dir, struct slice name,
		 struct place *out, struct buf *text)
{
	struct diag diag = { 0 };
	int err = find_place(mount, dir, name, out, text, &diag);

	if (err < 0 && diag.text[0])
		place_tell_request(mount, &dir->place, node_text(dir), err, &diag, 0, name,
				   fuse_req_ctx(req)->uid);
	return err;
}

/* The nodeid for a place, by the kind's own rule; the lookup is counted. */
static int lookup(fuse_req_t req, struct mount *mount, const struct place *place, struct slice text,
		  struct node **out)
{
	const struct kind_ops *ops = kind_ops(mount, place);
	bool is_new;

	if (ops->lookup)
		return ops->lookup(req, mount, place, text, out);
	*out = node_intern(mount->nodes, place, text, &is_new);
	return OK;
}

int find_node(fuse_req_t req, struct mount *mount, const struct node *dir, struct slice name,
	      struct node **out)
{
	struct buf text = { 0 };
	struct place place;
	int err = find_or_tell(req, mount, dir, name, &place, &text);

	if (err == OK)
		err = lookup(req, mount, &place, buf_slice(&text), out);
	if (err == ERR_NOT_FOUND)
		err = setting_take_unborn(mount, &dir->place, name, out);
	buf_release(&text);
	return err;
}
