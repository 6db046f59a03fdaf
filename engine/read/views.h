/* The views of a snapshot, for the files that read it. */
#ifndef ENGINE_READ_VIEWS_H
#define ENGINE_READ_VIEWS_H

#include "engine/read/view.h"

struct snapshot {
	struct engine *engine;
	uint32_t database_id;
	struct index *index; /* held */
	uint64_t sequence;
	struct view *views; /* by policy, then start */
	size_t view_count;
};

#endif
