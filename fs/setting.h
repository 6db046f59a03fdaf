/*
 * Small texts that the catalog keeps: `.policy` and continuous queries. What is
 * written is checked as a whole and installed inside write(2), or refused with
 * the old one left as it was.
 *
 * Until it is first installed such a file has no object in the catalog: its
 * place then carries the parent's id in `unique`, and its name is the text.
 */
#ifndef FS_SETTING_H
#define FS_SETTING_H

#include "fs/handle.h"

/* The object behind a node. ERR_NOT_FOUND: not written yet, or removed. */
int setting_object(struct mount *mount, const struct node *node, struct object *out);
/* Its text, appended. */
int setting_text(struct catalog *catalog, const struct object *object, struct buf *out);
/* The place for a name that is about to be written. */
struct place setting_place_unborn(const struct place *dir);
/*
 * Check and install. `attrs` is for an object that has to be made; with
 * `replace_attrs` an old one takes them as well (a scratch file renamed onto it).
 */
int setting_install(struct mount *mount, const struct place *place, struct slice name,
		    struct slice text, const struct attrs *attrs, bool replace_attrs);
/* rm of `.policy`: the defaults again. */
int setting_remove_policy(struct mount *mount, const struct place *place);

/* A handle that setting_open() has just given: its file is made with these. */
void setting_created(struct handle *handle, const struct attrs *attrs);
int setting_open(fuse_req_t req, struct mount *mount, struct node *node,
		 struct fuse_file_info *info, struct handle **out);

#endif
