/*
 * Which fields lines have had: one writer's memory, so that the next line of a measurement need
 * look for none of its names. Those of a measurement are a list, the last one that was met in
 * front. All are forgotten when they take much memory.
 */
#ifndef ENGINE_WRITE_LAYOUTS_H
#define ENGINE_WRITE_LAYOUTS_H

#include "engine/base/map.h"
#include "engine/names/index.h"
#include "engine/point/line.h"
#include "engine/point/row.h"

struct known_layout {
	struct known_layout *next; /* of the measurement */
	uint32_t measurement_id;
	struct slice measurement;     /* its name, the index's */
	bool is_plain;		      /* the names may be guessed */
	uint32_t typed_group_id;      /* the writer's: group that has agreed to the types */
	uint64_t typed_epoch;	      /* of that group, when it did */
	uint32_t batch, batch_layout; /* the writer's: its number in batch number `batch` */
	struct slice *names;	      /* the index's */
	struct layout layout;	      /* the last: it has no fixed size */
};

struct layouts {
	struct index *index;
	struct idmap list_ids; /* measurement -> index in `lists` */
	struct known_layout **lists;
	size_t list_count, list_capacity;
	size_t bytes;		       /* of all of them */
	struct known_layout *met_last; /* of the last line; the writer sets it */
};

/* Borrows the index. */
void layouts_init(struct layouts *layouts, struct index *index);
void layouts_release(struct layouts *layouts);

/* What a line of the measurement had last; NULL: none came yet, or the measurement is ID_NONE. */
struct known_layout *layouts_last(struct layouts *layouts, uint32_t measurement_id);
/* Tell the parser which names to expect. */
void layouts_guess(struct layouts *layouts, uint32_t measurement_id, struct line_context *lines);
/* The layout that was expected, if the line had just that; else NULL. */
struct known_layout *layouts_guessed(struct layouts *layouts, uint32_t measurement_id,
				     const struct line *line);
/* The one of a line whose fields have these numbers, made when it is new; to the front of its list.
 */
struct known_layout *layouts_of(struct layouts *layouts, uint32_t measurement_id,
				const struct line *line, const uint32_t *ids);

/* The very names in this order? */
bool known_layout_has_names(const struct known_layout *known, const struct line_field *fields,
			    size_t count);
/* As many fields, with these types in turn? */
bool known_layout_has_types(const struct known_layout *known, const struct line *line);

#endif
