/*
 * Places of names, and places as text for people. Runs nothing, decodes nothing;
 * whether a series has points is for series.h to say. What a name means in a
 * directory is find.h.
 *
 * Some kinds carry a text beside the place: the name as typed for `exec`,
 * `write`, `.write` (their options), the query for PREFIX and ANSWER, the
 * canonical key for a series without a number yet, the name for a continuous
 * query that is not written yet.
 */
#ifndef FS_NODES_PLACE_H
#define FS_NODES_PLACE_H

#include "fs/nodes/mount.h"

extern const struct place place_root;

/* What a name below `dir` inherits of it, as a place of a kind. */
struct place place_below(const struct place *dir, enum kind kind);
/* The place of an object of the catalog. */
struct place place_of_object(const struct place *dir, const struct object *object);
/*
 * A series by its file name: with its number when it has one, else with
 * ID_NONE; its canonical key is appended to `key`. ERR_INVALID: not a series' name.
 */
int place_of_series(struct mount *mount, const struct place *dir, struct slice name,
		    struct place *out, struct buf *key, struct diag *diag);
/* Appends a part of a path for people, behind a slash unless it is the first. */
void place_print_part(struct buf *out, struct slice part);
/*
 * Tell `errors` of the place's database. What is about a policy is for readers of that policy,
 * what is about the service as a whole for its owner.
 */
void place_tell(struct mount *mount, const struct place *place, struct slice text, int err,
		const struct diag *diag, uint64_t line_number, struct slice line);
/* Of a line for a policy that the place does not say (0: none): for its readers, and for its
 * writer. */
void place_tell_line(struct mount *mount, const struct place *place, struct slice text, int err,
		     const struct diag *diag, uint64_t line_number, struct slice line,
		     uint32_t policy_id, uint32_t uid);
/*
 * A request or a continuous query was refused there. Its text may name anything, also what no check
 * of rights has seen (it does not parse, a rule refused it first, a statement before it failed): it
 * is for the user that gave it, and for the owner of the mount.
 */
void place_tell_request(struct mount *mount, const struct place *place, struct slice text, int err,
			const struct diag *diag, uint64_t line_number, struct slice request,
			uint32_t uid);

#endif
