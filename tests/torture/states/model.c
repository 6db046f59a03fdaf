/* The model of a recording's workload; model.h tells its rule. */
#include "tests/torture/states/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER	   SIZE_MAX
#define FAULTS_MAX 12

/* --- what was found --------------------------------------------------------------------- */

void found_add(struct found *found, const char *key, const char *value)
{
	found->items = grown(found->items, found->count, sizeof(*found->items));
	found->items[found->count++] = (struct item){ strdup(key), strdup(value) };
}

void found_fault(struct found *found, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	buf_printf(&found->faults, "%s\n", text);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->value, y->value);
}

void found_sort(struct found *found)
{
	if (found->count)
		qsort(found->items, found->count, sizeof(*found->items), compare_items);
	for (size_t i = 1; i < found->count; i++)
		if (strcmp(found->items[i - 1].key, found->items[i].key) == 0)
			found_fault(found, "twice: %s = %s and %s", found->items[i].key,
				    found->items[i - 1].value, found->items[i].value);
}

void found_release(struct found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		free(found->items[i].key);
		free(found->items[i].value);
	}
	free(found->items);
	buf_release(&found->faults);
	*found = (struct found){ 0 };
}

static const char *found_value(const struct found *found, const char *key)
{
	struct item wanted = { (char *)key, "" };
	size_t low = 0, high = found->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(found->items[middle].key, wanted.key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < found->count && strcmp(found->items[low].key, key) == 0
		       ? found->items[low].value
		       : NULL;
}

void found_compare(const struct found *expected, struct found *now, const char *when)
{
	size_t i = 0, j = 0, faults = 0;

	while (i < expected->count || j < now->count) {
		int order = i == expected->count ? 1
			    : j == now->count	 ? -1
					      : strcmp(expected->items[i].key, now->items[j].key);

		if (order == 0 && strcmp(expected->items[i].value, now->items[j].value) == 0) {
			i++;
			j++;
			continue;
		}
		if (++faults > FAULTS_MAX)
			break;
		if (order < 0)
			found_fault(now, "%s: gone: %s = %s", when, expected->items[i].key,
				    expected->items[i].value);
		else if (order > 0)
			found_fault(now, "%s: come from nowhere: %s = %s", when, now->items[j].key,
				    now->items[j].value);
		else
			found_fault(now, "%s: changed: %s was %s and is %s", when,
				    now->items[j].key, expected->items[i].value,
				    now->items[j].value);
		i += order <= 0;
		j += order >= 0;
	}
}

/* --- calls ------------------------------------------------------------------------------------ */

struct call {
	size_t begin, end; /* records; NEVER: it did not return, or failed */
	size_t durable;	   /* the record by which a sync had ended that began after it */
	unsigned thread;
	bool is_ordered; /* its order among those of the thread counts */
	bool is_drop;	 /* durable when it returns */
	bool is_whole;	 /* all of it or nothing, too */
	bool syncs;	 /* what came before it is durable when it ends */
	bool is_sync_write;
	bool is_freeze, is_settled; /* durable when it returns */
	uint64_t number;
	char what[200];
};

struct version {
	size_t call;
	char *value; /* NULL: not there */
};

struct key {
	char *key;
	struct version *versions;
	size_t count;
};

struct model {
	struct call *calls;
	size_t call_count;
	struct key *keys; /* sorted once it is made */
	size_t key_count;
	size_t *slots; /* hash of keys while it is made: key index + 1 */
	size_t slot_count;
	bool is_sync;
};

static size_t hash_of(const char *text)
{
	size_t hash = 5381;

	while (*text)
		hash = hash * 33 + (unsigned char)*text++;
	return hash ^ hash >> 17;
}

static struct key *key_of(struct model *model, const char *text)
{
	size_t slot = hash_of(text) % model->slot_count;

	while (model->slots[slot]) {
		struct key *key = &model->keys[model->slots[slot] - 1];

		if (strcmp(key->key, text) == 0)
			return key;
		slot = (slot + 1) % model->slot_count;
	}
	model->keys = grown(model->keys, model->key_count, sizeof(*model->keys));
	model->keys[model->key_count++] = (struct key){ .key = strdup(text) };
	model->slots[slot] = model->key_count;
	if (model->key_count * 2 > model->slot_count)
		abort();
	return &model->keys[model->key_count - 1];
}

static void set(struct model *model, const char *text, const char *value)
{
	struct key *key = key_of(model, text);

	key->versions = grown(key->versions, key->count, sizeof(*key->versions));
	key->versions[key->count++] =
		(struct version){ model->call_count - 1, value ? strdup(value) : NULL };
}

static void unset_below(struct model *model, const char *prefix)
{
	size_t length = strlen(prefix);

	for (size_t i = 0; i < model->key_count; i++) {
		struct key *key = &model->keys[i];
		bool is_below = strncmp(key->key, prefix, length) == 0 &&
				(key->key[length] == ' ' || key->key[length] == '\0');

		if (is_below && key->count && key->versions[key->count - 1].value)
			set(model, key->key, NULL);
	}
}

/* Points of an object or series within a window, but for those that the last call has set. */
static void unset_within(struct model *model, const char *prefix, const char *window)
{
	size_t length = strlen(prefix);
	long long start_s, end_s, time_s;

	if (sscanf(window, "%lld %lld", &start_s, &end_s) != 2)
		abort();
	for (size_t i = 0; i < model->key_count; i++) {
		struct key *key = &model->keys[i];
		const char *time = strrchr(key->key, ' ');
		size_t digits = time ? strlen(time + 1) : 0;

		/* Nanoseconds, of a time in the century. */
		if (digits != 19 || strncmp(key->key, prefix, length) != 0 ||
		    key->key[length] != ' ' || !key->count ||
		    !key->versions[key->count - 1].value ||
		    key->versions[key->count - 1].call == model->call_count - 1)
			continue;
		time_s = strtoll(time + 1, NULL, 10) / 1000000000;
		if (time_s >= start_s && time_s < end_s)
			set(model, key->key, NULL);
	}
}

/* --- marks --------------------------------------------------------------------------------------
 */

/* d4 and d4r1 are D4, p0 and p0r2 are P0. */
static const char *object_of(const char *database, const char *policy, char out[80])
{
	int length = snprintf(out, 80, "D%lu", strtoul(database + 1, NULL, 10));

	if (policy)
		snprintf(out + length, 80 - (size_t)length, " P%lu", strtoul(policy + 1, NULL, 10));
	return out;
}

/* SERIES FIELD=VALUE,… TIME: values of the workload hold neither blanks nor commas. */
static void take_line(struct model *model, const char *object, char *line)
{
	char *fields = strchr(line, ' '), *time, *next;
	char text[512];

	if (!fields)
		return;
	*fields++ = '\0';
	time = strchr(fields, ' ');
	*time++ = '\0';
	for (char *field = strtok_r(fields, ",", &next); field;
	     field = strtok_r(NULL, ",", &next)) {
		char *value = strchr(field, '=');

		*value++ = '\0';
		snprintf(text, sizeof(text), "%s %s %s %s", object, line, field, time);
		set(model, text, value);
	}
}

static void take_call(struct model *model, size_t index, char *text)
{
	char what[32] = "", one[128] = "", two[128] = "", three[128] = "", object[80], key[300];
	char window[80] = "";
	struct call call = { .begin = index, .end = NEVER, .durable = NEVER };
	unsigned long long number;
	char *body = strchr(text, '\n'), *next;

	*body++ = '\0';
	sscanf(text, "+ %llu %u %31s %127s %127s %127s %79[0-9 ]", &number, &call.thread, what, one,
	       two, three, window);
	call.number = number;
	snprintf(call.what, sizeof(call.what), "%s", text);
	bool is_replace = strcmp(what, "replace") == 0;
	call.is_drop = strcmp(what, "drop") == 0 || strcmp(what, "dropgroup") == 0;
	call.is_whole = call.is_drop || is_replace;
	call.is_ordered = strcmp(what, "write") == 0 || strcmp(what, "delete") == 0 || is_replace;
	call.is_sync_write = model->is_sync && (strcmp(what, "write") == 0 || is_replace);
	call.is_settled =
		call.is_drop ||
		(model->is_sync && (strcmp(what, "database") == 0 || strcmp(what, "policy") == 0 ||
				    strcmp(what, "rename") == 0 || strcmp(what, "settings") == 0));
	call.is_freeze = strcmp(what, "freeze") == 0;
	call.syncs = call.is_sync_write || strcmp(what, "sync") == 0 || strcmp(what, "close") == 0;
	model->calls = grown(model->calls, model->call_count, sizeof(*model->calls));
	model->calls[model->call_count++] = call;
	if (strcmp(what, "write") == 0) {
		object_of(one, two, object);
		for (char *line = strtok_r(body, "\n", &next); line;
		     line = strtok_r(NULL, "\n", &next))
			take_line(model, object, line);
	} else if (strcmp(what, "database") == 0) {
		set(model, object_of(one, NULL, object), one);
	} else if (strcmp(what, "policy") == 0) {
		set(model, object_of(one, two, object), two);
		snprintf(key, sizeof(key), "%s .policy", object);
		/* A mount makes a directory, and writes a file in it then. */
		set(model, key, "1/168h");
		set(model, key, three);
	} else if (strcmp(what, "settings") == 0) {
		snprintf(key, sizeof(key), "%s .policy", object_of(one, two, object));
		set(model, key, three);
	} else if (strcmp(what, "rename") == 0) {
		set(model, object_of(one, two[0] == '-' ? NULL : two, object), three);
	} else if (strcmp(what, "drop") == 0) {
		unset_below(model, object_of(one, two[0] == '-' ? NULL : two, object));
	} else if (strcmp(what, "dropgroup") == 0) {
		unset_within(model, object_of(one, two, object), window);
	} else if (strcmp(what, "replace") == 0) {
		object_of(one, two, object);
		for (char *line = strtok_r(body, "\n", &next); line;
		     line = strtok_r(NULL, "\n", &next))
			take_line(model, object, line);
		snprintf(key, sizeof(key), "%s %s", object, three);
		unset_within(model, key, window);
	} else if (strcmp(what, "delete") == 0) {
		snprintf(key, sizeof(key), "%s %s", object_of(one, two, object), three);
		unset_below(model, key);
	} else if (strcmp(what, "freeze") == 0 || strcmp(what, "thaw") == 0) {
		snprintf(key, sizeof(key), "%s snapshot %s", object_of(one, NULL, object), two);
		set(model, key, what[0] == 'f' ? "there" : NULL);
	}
}

static void take_mark(struct model *model, size_t index, const struct record *record)
{
	char *text = strndup(record_payload(record), record->bytes);
	unsigned long long number;
	int err;

	if (text[0] == '=')
		model->is_sync = strncmp(text, "= sync", 6) == 0;
	else if (text[0] == '+')
		take_call(model, index, text);
	else if (sscanf(text, "- %llu %d", &number, &err) == 2 && err >= 0)
		for (size_t i = model->call_count; i-- > 0;)
			if (model->calls[i].number == number) {
				model->calls[i].end = index;
				break;
			}
	free(text);
}

/* Durable by the first sync that began after it had returned. */
static void find_durable(struct model *model)
{
	for (size_t i = 0; i < model->call_count; i++) {
		struct call *call = &model->calls[i];

		if (call->end == NEVER)
			continue;
		if (call->is_sync_write || call->is_freeze || call->is_settled)
			call->durable = call->end;
		for (size_t s = 0; s < model->call_count; s++) {
			const struct call *sync = &model->calls[s];

			if (sync->syncs && sync->end != NEVER && sync->begin > call->end &&
			    sync->end < call->durable)
				call->durable = sync->end;
		}
	}
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct key *)a)->key, ((const struct key *)b)->key);
}

struct model *model_of(const struct recording *recording)
{
	struct model *model = calloc(1, sizeof(*model));

	model->slot_count = 1 << 18;
	model->slots = calloc(model->slot_count, sizeof(*model->slots));
	for (size_t i = 0; i < recording_count(recording); i++)
		if (recording_at(recording, i)->kind == RECORD_MARK)
			take_mark(model, i, recording_at(recording, i));
	find_durable(model);
	free(model->slots);
	model->slots = NULL;
	qsort(model->keys, model->key_count, sizeof(*model->keys), compare_keys);
	return model;
}

void model_free(struct model *model)
{
	for (size_t i = 0; i < model->key_count; i++) {
		for (size_t v = 0; v < model->keys[i].count; v++)
			free(model->keys[i].versions[v].value);
		free(model->keys[i].versions);
		free(model->keys[i].key);
	}
	free(model->keys);
	free(model->calls);
	free(model);
}

/* --- judging ---------------------------------------------------------------------------------- */

/* Which versions there must be at least, and may be at most. */
struct moment {
	size_t at;    /* of the crash: what was durable by then must be, what had begun may be */
	size_t asked; /* or of a snapshot: what had ended when it was asked for, or NEVER */
};

static bool must_be(const struct moment *moment, const struct call *call)
{
	if (moment->asked != NEVER)
		return call->end < moment->asked;
	return call->durable < moment->at;
}

static bool may_be(const struct moment *moment, const struct call *call)
{
	return call->begin < moment->at;
}

/* Of one thread in one database: the newest call of which something is there, the oldest of which
 * something is not.
 */
struct order {
	size_t newest_there, oldest_missing;
	const char *there, *missing;
};
#define ORDERS_MAX 4096

/* Of one call that is whole or not there: a key by which it was done, and one by which it was not.
 */
struct half {
	const char *done, *not_done;
};

struct judging {
	const struct model *model;
	struct moment moment;
	struct found *found;
	struct order *orders; /* ORDERS_MAX */
	struct half *halves;  /* of each call */
	size_t faults;
	bool is_damaged; /* names that were lost in the middle of a file are told as recovered */
};

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void fault(struct judging *judging, const char *what, const struct key *key,
		  const char *value, const struct version *durable)
{
	const struct call *call = durable ? &judging->model->calls[durable->call] : NULL;

	if (++judging->faults <= FAULTS_MAX)
		found_fault(judging->found, "%s: %s is %s, durable was %s by [%s]", what, key->key,
			    value ? value : "not there",
			    durable && durable->value ? durable->value : "nothing",
			    call ? call->what : "");
}

/* As through one handle: databases have numbers below 200, or 1000 more in a second run. */
static struct order *order_of(struct judging *judging, const struct call *call,
			      const struct key *key)
{
	unsigned long database = strtoul(key->key + 1, NULL, 10);

	return &judging->orders[(database % 1000 * 8 + call->thread) % ORDERS_MAX];
}

static void note_order(struct judging *judging, const struct key *key, size_t seen, size_t last)
{
	const struct model *model = judging->model;

	if (seen != NEVER && key->versions[seen].value) {
		const struct call *call = &model->calls[key->versions[seen].call];
		struct order *order = order_of(judging, call, key);

		if (call->is_ordered && (!order->there || call->begin > order->newest_there)) {
			order->newest_there = call->begin;
			order->there = key->key;
		}
	}
	for (size_t v = seen == NEVER ? 0 : seen + 1; v < last; v++) {
		const struct call *call = &model->calls[key->versions[v].call];
		struct order *order = order_of(judging, call, key);

		if (call->is_ordered && call->end < judging->moment.at &&
		    (!order->missing || call->begin < order->oldest_missing)) {
			order->oldest_missing = call->begin;
			order->missing = key->key;
		}
		if (call->is_drop)
			return;
	}
}

/*
 * Does the key tell that version `v` came to be (1), that it did not (0), or neither (-1)? Values
 * are written once, so one that is there tells. What is not there was taken by this version only if
 * it was durable and nothing took it before.
 */
static int was_done(const struct key *key, size_t v, size_t durable, size_t seen)
{
	if (seen != NEVER && key->versions[seen].value)
		return seen >= v;
	if (key->versions[v].value)
		return seen == NEVER || seen < v ? 0 : -1;
	if (durable == NEVER)
		return -1;
	for (size_t i = durable; i < v; i++)
		if (!key->versions[i].value)
			return -1;
	return 1;
}

/* What had begun and is durable as one is there as one. */
static void note_half(struct judging *judging, const struct key *key, size_t durable, size_t seen,
		      size_t last)
{
	for (size_t v = durable == NEVER ? 0 : durable + 1; v < last; v++) {
		size_t call = key->versions[v].call;
		int done =
			judging->model->calls[call].is_whole ? was_done(key, v, durable, seen) : -1;

		if (done == 1)
			judging->halves[call].done = key->key;
		if (done == 0)
			judging->halves[call].not_done = key->key;
	}
}

static void judge_key(struct judging *judging, const struct key *key)
{
	const struct model *model = judging->model;
	const char *value = found_value(judging->found, key->key);
	size_t last = 0, durable = NEVER, seen = NEVER;

	while (last < key->count &&
	       may_be(&judging->moment, &model->calls[key->versions[last].call]))
		last++;
	for (size_t v = 0; v < last; v++)
		if (must_be(&judging->moment, &model->calls[key->versions[v].call]))
			durable = v;
	for (size_t v = durable == NEVER ? 0 : durable; v < last; v++)
		if (is_same(key->versions[v].value, value))
			seen = v;
	if (seen != NEVER || (durable == NEVER && !value)) {
		note_order(judging, key, seen, last);
		note_half(judging, key, durable, seen, last);
		return;
	}
	const struct version *version = durable == NEVER ? NULL : &key->versions[durable];
	bool is_old = false;
	for (size_t v = 0; v < last; v++)
		is_old |= is_same(key->versions[v].value, value);
	if (!value)
		fault(judging, "LOST", key, value, version);
	else if (is_old)
		fault(judging, "an OLD value", key, value, version);
	else
		fault(judging, "a value that NOBODY wrote", key, value, version);
}

static bool is_settings(const char *key)
{
	size_t length = strlen(key), end = strlen(" .policy");

	return length > end && strcmp(key + length - end, " .policy") == 0;
}

static bool is_known(const struct model *model, const char *key)
{
	struct key wanted = { .key = (char *)key };

	return bsearch(&wanted, model->keys, model->key_count, sizeof(*model->keys),
		       compare_keys) != NULL;
}

static void judge(struct judging *judging)
{
	const struct model *model = judging->model;

	judging->orders = calloc(ORDERS_MAX, sizeof(*judging->orders));
	judging->halves = calloc(model->call_count + 1, sizeof(*judging->halves));
	for (size_t i = 0; i < model->key_count; i++)
		if (!judging->found->lacks_settings || !is_settings(model->keys[i].key))
			judge_key(judging, &model->keys[i]);
	for (size_t i = 0; i < judging->found->count; i++)
		if (!is_known(model, judging->found->items[i].key) &&
		    !(judging->is_damaged && strstr(judging->found->items[i].key, "recovered.")) &&
		    ++judging->faults <= FAULTS_MAX)
			found_fault(judging->found, "a name that NOBODY made: %s = %s",
				    judging->found->items[i].key, judging->found->items[i].value);
}

void model_judge(const struct model *model, size_t at, bool in_order, struct found *found)
{
	struct judging judging = {
		.model = model, .moment = { at, NEVER }, .found = found, .is_damaged = !in_order
	};

	judge(&judging);
	for (size_t i = 0; i < ORDERS_MAX && in_order; i++) {
		const struct order *order = &judging.orders[i];

		if (order->there && order->missing && order->oldest_missing < order->newest_there)
			found_fault(found,
				    "no PREFIX: thread %zu has %s (record %zu) and lacks the "
				    "earlier %s (record %zu)",
				    i % 8, order->there, order->newest_there, order->missing,
				    order->oldest_missing);
	}
	for (size_t i = 0; i < model->call_count; i++)
		if (judging.halves[i].done && judging.halves[i].not_done)
			found_fault(found, "HALF done by [%s]: it was by %s, and was not by %s",
				    model->calls[i].what, judging.halves[i].done,
				    judging.halves[i].not_done);
	free(judging.halves);
	free(judging.orders);
}

static const struct call *freeze_of(const struct model *model, const char *name)
{
	char ending[80];

	snprintf(ending, sizeof(ending), " freeze d0 %s", name);
	for (size_t i = 0; i < model->call_count; i++) {
		const char *what = strchr(model->calls[i].what + 2, ' ');

		what = what ? strchr(what + 1, ' ') : NULL;
		if (what && strcmp(what, ending) == 0)
			return &model->calls[i];
	}
	return NULL;
}

void model_judge_snapshot(const struct model *model, const char *name, struct found *found)
{
	const struct call *freeze = freeze_of(model, name);
	struct judging judging = { .model = model, .found = found };
	struct model only = *model;

	if (!freeze) {
		found_fault(found, "a snapshot that NOBODY made: %s", name);
		return;
	}
	/* It holds its own database, and no snapshots of it. */
	only.keys = calloc(model->key_count + 1, sizeof(*only.keys));
	only.key_count = 0;
	for (size_t i = 0; i < model->key_count; i++) {
		const char *key = model->keys[i].key;

		if ((strncmp(key, "D0 ", 3) == 0 || strcmp(key, "D0") == 0) &&
		    strncmp(key, "D0 snapshot ", 12) != 0)
			only.keys[only.key_count++] = model->keys[i];
	}
	judging.model = &only;
	judging.moment =
		(struct moment){ freeze->end == NEVER ? NEVER : freeze->end, freeze->begin };
	judge(&judging);
	free(judging.halves);
	free(judging.orders);
	free(only.keys);
}
