/*
 * Names that the catalog keeps, directories and small texts alike: their
 * attributes, and how they go.
 */
#ifndef FS_SETTINGS_OBJECT_H
#define FS_SETTINGS_OBJECT_H

#include "fs/nodes/kind.h"

/* The object behind a node. ERR_NOT_FOUND: not written yet (setting.h), or removed. */
int object_of_node(struct mount *mount, const struct node *node, struct object *out);
/* The text of a file or link, appended: for `.policy` it is printed from its policy. */
int object_text(struct catalog *catalog, const struct object *object, struct buf *out);

/* Verbs of kind.h. */
int object_stat(struct mount *mount, struct node *node, struct stat *out);
int object_set(struct mount *mount, struct node *node, const struct stat *to, int what);
int object_remove(struct mount *mount, const struct place *place);

#endif
