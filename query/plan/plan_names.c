/*
 * Why: a column without an alias is called after what it reads, and two of one
 * name are told apart by numbers (`mean`, `mean_1`), aliases first.
 */
#include "engine/base/map.h"
#include "query/plan/plan.h"

/* `v + w` is v_w, `mean(v) + max(v)` is mean_max. */
struct naming {
	struct buf text;
};

static bool add_part(void *arg, struct expr *expr)
{
	struct naming *naming = arg;
	struct slice part;

	switch (expr->kind) {
	case EXPR_VARREF: part = expr->varref.name; break;
	case EXPR_CALL: part = expr->call.name; break;
	case EXPR_DISTINCT: part = SLICE("distinct"); break;
	default: return true;
	}
	if (naming->text.length)
		buf_append_byte(&naming->text, '_');
	buf_append_slice(&naming->text, part);
	return false;
}

static struct slice name_of(struct arena *arena, struct expr *expr)
{
	struct naming naming = { 0 };
	struct slice name;

	expr = expr_unwrap(expr);
	expr_walk(expr, add_part, &naming);
	name = arena_copy(arena, buf_slice(&naming.text));
	buf_release(&naming.text);
	return name;
}

struct name_use {
	struct slice name;
	size_t next; /* the number for the next one of that name */
};

struct names {
	struct name_use *items;
	size_t count;
	struct map by_name; /* a statement may have 100,000 columns */
};

static struct slice name_at(const void *owner, uint32_t number)
{
	const struct names *names = owner;

	return names->items[number].name;
}

static struct name_use *find(struct names *names, struct slice name)
{
	uint32_t number = map_find(&names->by_name, name, hash_bytes(name));

	return number == MAP_NONE ? NULL : &names->items[number];
}

static void add(struct names *names, struct slice name, size_t next)
{
	names->items[names->count] = (struct name_use){ name, next };
	map_add(&names->by_name, hash_bytes(name), (uint32_t)names->count++);
}

/* Gives a name that nobody has, and marks it. */
static struct slice unused_name(struct arena *arena, struct names *names, struct slice name)
{
	struct name_use *use = find(names, name);
	struct slice made;

	if (!use) {
		add(names, name, 1);
		return name;
	}
	do {
		const char *text =
			arena_printf(arena, "%.*s_%zu", (int)name.length, name.data, use->next);

		if (!text)
			return slice_of(NULL, 0);
		made = slice_of_text(text);
		use->next++;
	} while (find(names, made));
	add(names, made, 1);
	return made;
}

static int name_columns(struct plan *plan, struct names *names)
{
	struct arena *arena = plan->context->arena;

	if (slice_equal(plan->time_name, SLICE("time")))
		add(names, plan->time_name, 1);
	for (size_t i = 0; i < plan->field_count; i++)
		if (plan->fields[i].alias.length && !find(names, plan->fields[i].alias))
			add(names, plan->fields[i].alias, 1);
	for (size_t i = 0; i < plan->field_count; i++) {
		struct plan_column *column = &plan->columns[i];

		column->name = plan->fields[i].alias;
		if (column->name.length)
			continue;
		column->name = name_of(arena, plan->fields[i].expr);
		if (column->name.data)
			column->name = unused_name(arena, names, column->name);
		if (!column->name.data)
			return ERR_LIMIT;
	}
	return OK;
}

int plan_name_columns(struct plan *plan)
{
	struct names names = { 0 };
	int err = ERR_LIMIT;

	names.items = arena_alloc(plan->context->arena,
				  (plan->field_count * 2 + 2) * sizeof(*names.items));
	map_init(&names.by_name, name_at, &names);
	if (names.items)
		err = name_columns(plan, &names);
	map_release(&names.by_name);
	return err;
}
