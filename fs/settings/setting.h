/*
 * Small texts that the catalog keeps: `.policy` and continuous queries. What is
 * written is checked as a whole and installed inside write(2), or refused with
 * the old one left as it was.
 *
 * Until it is first installed such a file has no object in the catalog: its
 * place then carries the parent's id in `unique`, and its name is the text.
 */
#ifndef FS_SETTINGS_SETTING_H
#define FS_SETTINGS_SETTING_H

#include "fs/nodes/kind.h"

extern const struct kind_ops policy_file_kind, continuous_query_kind, view_kind;

/* The place for a name that is about to be written. */
struct place setting_place_unborn(const struct place *dir);
/* CREATE in a policy or in continuous/: a node without an object. */
int setting_create(struct mount *mount, struct node *dir, struct slice name, struct node **out);
/* The node of a file that is created and not written yet, while somebody has it open; one more
 * lookup. ERR_NOT_FOUND. */
int setting_take_unborn(struct mount *mount, const struct place *dir, struct slice name,
			struct node **out);
/*
 * Check and install. `attrs` is for an object that has to be made; with
 * `replace_attrs` an old one takes them as well (a scratch file renamed onto it).
 */
int setting_install(struct mount *mount, const struct place *place, struct slice name,
		    struct slice text, const struct attrs *attrs, bool replace_attrs);

#endif
