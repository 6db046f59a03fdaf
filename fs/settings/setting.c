/*
 * Shows `.policy`, continuous queries and views as files. What is written is checked as a
 * whole and installed before write(2) returns, so that `echo … > .policy` either holds or
 * tells why not.
 */
#include "fs/settings/setting.h"

#include "fs/nodes/place.h"
#include "fs/nodes/reply.h"
#include "fs/settings/object.h"

#define SETTING_BYTES_MAX ((size_t)1 << 20)

struct place setting_place_unborn(const struct place *dir)
{
	return (struct place){
		.kind = dir->kind == KIND_POLICY ? KIND_POLICY_FILE : KIND_CONTINUOUS_QUERY,
		.database_id = dir->database_id,
		.policy_id = dir->policy_id,
		.unique = dir->object_id,
	};
}

int setting_create(struct mount *mount, struct node *dir, struct slice name, struct node **out)
{
	struct place place = setting_place_unborn(&dir->place);
	bool is_new;

	*out = node_intern(mount->nodes, &place, name, &is_new);
	return OK;
}

int setting_take_unborn(struct mount *mount, const struct place *dir, struct slice name,
			struct node **out)
{
	struct place place;

	if (dir->kind != KIND_POLICY && dir->kind != KIND_CONTINUOUS)
		return ERR_NOT_FOUND;
	place = setting_place_unborn(dir);
	*out = node_take(mount->nodes, &place, name);
	if (!*out)
		return ERR_NOT_FOUND;
	if (atomic_load(&(*out)->handle_count) > 0)
		return OK;
	node_forget(mount->nodes, (*out)->id, 1);
	return ERR_NOT_FOUND;
}

/* Gives the object of that name in `out`; makes it when there is none. */
static int add_object(struct mount *mount, uint32_t parent_id, enum object_kind kind,
		      struct slice name, struct slice payload, const struct attrs *attrs,
		      struct object *out)
{
	int err = catalog_find(mount->catalog, parent_id, name, out);

	if (err != ERR_NOT_FOUND)
		return err;
	*out = (struct object){ .parent_id = parent_id,
				.kind = kind,
				.name = name,
				.payload = payload,
				.attrs = *attrs };
	return catalog_add(mount->catalog, out);
}

/* As mkdir or the first line made it: nobody has chosen a shard duration. */
static bool is_untouched(struct mount *mount, const struct object *policy)
{
	struct policy_settings defaults = policy_defaults();
	struct object file;

	return policy->policy.duration_ns == defaults.duration_ns &&
	       policy->policy.shard_duration_ns == defaults.shard_duration_ns &&
	       catalog_find(mount->catalog, policy->id, SLICE(".policy"), &file) == ERR_NOT_FOUND;
}

/* Settings that the text does not name stay as they are. */
static int install_policy(struct mount *mount, uint32_t policy_id, struct slice text,
			  const struct attrs *attrs, struct object *file, struct diag *diag)
{
	struct object policy;

	TRY(catalog_get(mount->catalog, policy_id, &policy));
	if (is_untouched(mount, &policy))
		policy.policy.shard_duration_ns = 0;
	TRY(policy_parse(text, &policy.policy, diag));
	TRY(engine_set_policy(mount->engine, policy_id, &policy.policy));
	return add_object(mount, policy_id, OBJECT_POLICY_FILE, SLICE(".policy"), slice_of("", 0),
			  attrs, file);
}

/* The newline that `echo` adds is no part of a query. */
static struct slice without_end(struct slice text)
{
	while (text.length && (text.data[text.length - 1] == '\n'))
		text.length--;
	return text;
}

static int allow_all(void *arg, uint32_t database_id, uint32_t policy_id, bool write)
{
	return OK;
}

/* Checked by the parser and by what a continuous query may be, then put into the catalog under its
 * name. */
static int install_continuous(struct mount *mount, uint32_t database_id, uint32_t dir_id,
			      struct slice name, struct slice text, const struct attrs *attrs,
			      struct object *file, struct diag *diag)
{
	struct query_env env = {
		.engine = mount->engine,
		.database_id = database_id,
		.access = { .check = allow_all, .attrs = *attrs },
		.limits = &mount->query_limits,
	};

	TRY(query_check_continuous(&env, without_end(text), diag));
	TRY(add_object(mount, dir_id, OBJECT_CONTINUOUS_QUERY, name, text, attrs, file));
	if (slice_equal(file->payload, text))
		return OK;
	return catalog_set_payload(mount->catalog, file->id, text);
}

/* The parent and the name of a place, whether it has an object yet or not. */
static int parent_of(struct mount *mount, const struct place *place, struct slice *name,
		     uint32_t *parent_id)
{
	struct object object;

	*parent_id = (uint32_t)place->unique;
	if (!place->object_id)
		return OK;
	TRY(catalog_get(mount->catalog, place->object_id, &object));
	*parent_id = object.parent_id;
	*name = object.name;
	return OK;
}

/* The line that a message is about; the whole text when it does not say. */
static struct slice line_of(struct slice text, uint64_t number)
{
	for (; number > 0; number--) {
		const char *end = slice_find(text, '\n');
		size_t length = end ? (size_t)(end - text.data) : text.length;

		if (number == 1)
			return slice_of(text.data, length);
		text = slice_from(text, end ? length + 1 : length);
	}
	return text;
}

/* A query that was not installed is no more than what its writer typed. */
static void tell(struct mount *mount, const struct place *place, struct slice name,
		 struct slice text, int err, const struct diag *diag, uint32_t uid)
{
	struct slice line = line_of(without_end(text), diag->line);

	if (place->kind == KIND_POLICY_FILE)
		place_tell(mount, place, name, err, diag, diag->line, line);
	else
		place_tell_request(mount, place, name, err, diag, diag->line, line, uid);
}

int setting_install(struct mount *mount, const struct place *place, struct slice name,
		    struct slice text, const struct attrs *attrs, bool replace_attrs)
{
	struct diag diag = { 0 };
	struct object file;
	uint32_t parent_id;
	int err;

	if (mount->options.read_only)
		return ERR_READ_ONLY;
	TRY(parent_of(mount, place, &name, &parent_id));
	if (place->kind == KIND_POLICY_FILE)
		err = install_policy(mount, parent_id, text, attrs, &file, &diag);
	else
		err = install_continuous(mount, place->database_id, parent_id, name, text, attrs,
					 &file, &diag);
	if (err < 0) {
		tell(mount, place, place->object_id ? slice_of("", 0) : name, text, err, &diag,
		     attrs->uid);
		return err;
	}
	if (replace_attrs) {
		err = catalog_set_attrs(mount->catalog, file.id, attrs);
	} else if (place->kind == KIND_POLICY_FILE) {
		file.attrs.mtime_ns = file.attrs.ctime_ns = env_now_ns();
		err = catalog_set_attrs(mount->catalog, file.id, &file.attrs);
	}
	return engine_settle(mount->engine, err);
}

/* rm of `.policy`: the defaults again. */
static int remove_policy(struct mount *mount, const struct place *place)
{
	struct policy_settings settings = policy_defaults();
	struct object policy;

	TRY(catalog_get(mount->catalog, place->policy_id, &policy));
	settings.is_default = policy.policy.is_default;
	TRY(engine_set_policy(mount->engine, policy.id, &settings));
	return catalog_remove(mount->catalog, place->object_id);
}

struct setting_handle {
	struct handle base;
	struct attrs attrs; /* of a file that has to be made */
	struct buf text;    /* as it was at open, then what was written */
	struct buf written; /* through this handle, as long as it is good */
};

static void setting_read(fuse_req_t req, struct handle *handle, size_t length, uint64_t offset)
{
	struct setting_handle *setting = (struct setting_handle *)handle;

	reply_bytes(req, buf_slice(&setting->text), length, offset);
}

/* All that was written through this handle so far is one text, and must be good after each
 * write(2): else the write fails and the text begins anew. */
static void setting_write(fuse_req_t req, struct handle *handle, struct slice data, uint64_t offset)
{
	struct setting_handle *setting = (struct setting_handle *)handle;
	struct mount *mount = handle->mount;
	struct node *node = handle->node;
	int err;

	if (setting->written.length + data.length > SETTING_BYTES_MAX) {
		reply_err(req, ERR_TOO_LONG);
		return;
	}
	buf_append_slice(&setting->written, data);
	err = setting_install(mount, &node->place, node_text(node), buf_slice(&setting->written),
			      &setting->attrs, false);
	if (err < 0) {
		buf_reset(&setting->written);
		reply_err(req, err);
		return;
	}
	reply_taken(req, handle, data.length);
}

static void setting_release(struct handle *handle)
{
	struct setting_handle *setting = (struct setting_handle *)handle;

	buf_release(&setting->text);
	buf_release(&setting->written);
	handle_free(handle);
}

static const struct handle_ops setting_handle_ops = {
	.read = setting_read,
	.write = setting_write,
	.release = setting_release,
};

static void setting_created(struct handle *handle, const struct attrs *attrs)
{
	((struct setting_handle *)handle)->attrs = *attrs;
}

static int setting_open(fuse_req_t req, struct mount *mount, struct node *node,
			struct fuse_file_info *info, struct handle **out)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);
	struct setting_handle *setting;
	struct object object;

	setting = handle_new(sizeof(*setting), &setting_handle_ops, mount, node, info->flags);
	setting->attrs = (struct attrs){ .mode = 0666 & ~context->umask,
					 .uid = context->uid,
					 .gid = context->gid };
	if (object_of_node(mount, node, &object) == OK)
		object_text(mount->catalog, &object, &setting->text);
	/* O_APPEND goes on with what is there. */
	if (info->flags & O_APPEND && node->place.kind == KIND_CONTINUOUS_QUERY)
		buf_append_slice(&setting->written, buf_slice(&setting->text));
	info->direct_io = 1;
	*out = &setting->base;
	return OK;
}

/* A view: its text is the target of a link. */
static int view_readlink(struct mount *mount, struct node *node, struct buf *out)
{
	struct object object;

	TRY(catalog_get(mount->catalog, node->place.object_id, &object));
	buf_append_slice(out, object.payload);
	return OK;
}

const struct kind_ops policy_file_kind = {
	.stat = object_stat,
	.set = object_set,
	.remove = remove_policy,
	.open = setting_open,
	.created = setting_created,
};

const struct kind_ops continuous_query_kind = {
	.stat = object_stat,
	.set = object_set,
	.remove = object_remove,
	.open = setting_open,
	.created = setting_created,
};

const struct kind_ops view_kind = {
	.stat = object_stat,
	.set = object_set,
	.remove = object_remove,
	.readlink = view_readlink,
};
