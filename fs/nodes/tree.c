/*
 * Expands the tables of tree.def, and computes st_ino: a number that stays over remounts,
 * since find, rsync and du remember files by it.
 */
#include "fs/nodes/tree.h"

#include <assert.h>
#include <errno.h>

#include "engine/base/map.h"
#include "engine/names/index.h"

static const struct {
	const char *word;
	mode_t type;
	enum tree_mode mode;
} rows[KIND_COUNT] = {
#define KIND(kind, word, type, mode, ops) [KIND_##kind] = { word, type, mode },
#define NAME(...)
#define CALLS(...)
#include "fs/nodes/tree.def"
#undef KIND
#undef NAME
#undef CALLS
};

static const struct fixed_name {
	enum kind dir;
	const char *name;
	enum kind kind;
} fixed_names[] = {
#define KIND(...)
#define NAME(dir, name, kind) { KIND_##dir, name, KIND_##kind },
#define CALLS(...)
#include "fs/nodes/tree.def"
#undef KIND
#undef NAME
#undef CALLS
};
#define FIXED_COUNT (sizeof(fixed_names) / sizeof(fixed_names[0]))

static const int calls[KIND_COUNT][CALL_COUNT] = {
#define KIND(...)
#define NAME(...)
#define CALLS(kind, ...) [KIND_##kind] = { __VA_ARGS__ },
#include "fs/nodes/tree.def"
#undef KIND
#undef NAME
#undef CALLS
};

const char *tree_word(enum kind kind)
{
	assert(kind < KIND_COUNT);
	return rows[kind].word;
}

mode_t tree_type(enum kind kind)
{
	assert(kind < KIND_COUNT);
	return rows[kind].type;
}

enum tree_mode tree_mode(enum kind kind)
{
	assert(kind < KIND_COUNT);
	return rows[kind].mode;
}

uint32_t tree_bits(enum tree_mode mode, uint32_t lender)
{
	uint32_t r = lender & 0444;

	switch (mode) {
	case MODE_OWN:
	case MODE_SCRATCH: return lender & 07777;
	case MODE_FROZEN: return lender & 07777;
	case MODE_PUBLIC_DIR: return 0555;
	case MODE_PUBLIC: return 0444;
	case MODE_PUBLIC_CLEAR: return 0644;
	case MODE_PRIVATE: return 0600;
	case MODE_DATABASE: return lender & 0777;
	case MODE_DATABASE_DATA:
	case MODE_POLICY_DATA: return lender & 0666;
	case MODE_DATABASE_ASK: return r;
	case MODE_DATABASE_ASK_DIR: return r | r >> 2;
	case MODE_DATABASE_EXEC: return r | r >> 1;
	case MODE_DATABASE_WRITE:
	case MODE_POLICY_WRITE: return lender & 0222;
	}
	return 0;
}

int tree_call(enum kind kind, enum call call)
{
	assert(kind < KIND_COUNT && call < CALL_COUNT);
	return calls[kind][call];
}

bool tree_find_name(enum kind dir, struct slice name, enum kind *kind, struct slice *rest)
{
	for (size_t i = 0; i < FIXED_COUNT; i++) {
		struct slice word = slice_of_text(fixed_names[i].name);

		if (fixed_names[i].dir != dir || !slice_starts_with(name, word))
			continue;
		*kind = fixed_names[i].kind;
		*rest = slice_from(name, word.length);
		return true;
	}
	return false;
}

const char *tree_name(enum kind kind)
{
	for (size_t i = 0; i < FIXED_COUNT; i++)
		if (fixed_names[i].kind == kind)
			return fixed_names[i].name;
	return "";
}

bool tree_is_series(enum kind kind)
{
	return kind == KIND_SERIES || kind == KIND_SERIES_ALL;
}

enum { INO_OBJECT = 1, INO_SERIES, INO_FIXED, INO_TEXT, INO_SCRATCH, INO_FROZEN };

static uint64_t ino(uint64_t class, uint64_t container, uint64_t number)
{
	return class << 60 | (container & 0xfffffff) << 32 | (number & UINT32_MAX);
}

uint64_t tree_ino(const struct place *place, struct slice text)
{
	uint32_t container = place->group_id ? place->group_id : place->policy_id;

	switch ((enum kind)place->kind) {
	case KIND_SERIES:
	case KIND_SERIES_ALL: return ino(INO_SERIES, container, place->series_id);
	case KIND_SCRATCH:
	case KIND_SCRATCH_DIR: return ino(INO_SCRATCH, place->unique >> 32, place->unique);
	case KIND_PREFIX:
	case KIND_ANSWER:
		return ino(INO_TEXT, 0, 0) |
		       (hash_bytes(text) + ((uint64_t)place->object_id << 32 | place->database_id) *
						   UINT64_C(0x9e3779b97f4a7c15)) >>
			       4;
	case KIND_QUERY:
		if (!place->object_id)
			return ino(INO_FIXED, place->kind, place->database_id);
		/* fall through */
	case KIND_FROZEN_DIR:
	case KIND_FROZEN_FILE:
	case KIND_FROZEN_LINK:
		return ino(INO_FROZEN, 0, 0) | hash_bytes(slice_of(place, sizeof(*place))) >> 4;
	default:
		if (place->object_id)
			return ino(INO_OBJECT, 0, place->object_id);
		return ino(INO_FIXED, place->kind,
			   place->policy_id ? place->policy_id : place->database_id);
	}
}
