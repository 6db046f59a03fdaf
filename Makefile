# seriesfs
#
#   make                build into build/ (warnings are errors)
#   make run            install what is missing, build, mount ./mnt over ./data
#   make test           install what is missing, build, run every test
#   make test-all       that, and what takes longer: sanitizers, more random work (half an hour)
#   make torture        searches for what breaks a promise: MINUTES=20 SEED=n
#   make bench          print the figures of the design beside the peers'
#   make format         clang-format over the tree
#   make fuzz           fuzz targets (clang), one minute each
#   make install        PREFIX=/usr/local DESTDIR=
#
# Knobs: SANITIZE=address,undefined | SANITIZE=thread   DEBUG=1   V=1   BUILD=dir

PREFIX ?= /usr/local
CC := gcc
comma := ,
BUILD ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(DEBUG),-debug)
Q := $(if $(V),,@)

CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I.
CFLAGS := -std=c17 -g $(if $(DEBUG),-O0,-O2) -Wall -Wextra -Werror -Wstrict-prototypes \
	-Wmissing-prototypes -Wno-unused-parameter -fno-strict-aliasing -ffp-contract=off
# Every allocation of ours is counted (engine/base/memory.h).
LDFLAGS := $(foreach f,malloc calloc realloc reallocarray free,-Wl$(comma)--wrap=$(f))
ifdef SANITIZE
# gcc 12 believes vsnprintf(NULL, 0, …) to be a mistake once it is instrumented.
CFLAGS += -Wno-format-truncation -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=$(SANITIZE)
endif

FUSE_CFLAGS := $(shell pkg-config --cflags fuse3 2>/dev/null)
LIBS_ENGINE := -lleveldb -lstdc++ -lsnappy -lxxhash -lpthread -lm
LIBS_QUERY := -lpcre2-8 $(LIBS_ENGINE)
LIBS_FS := $(shell pkg-config --libs fuse3 2>/dev/null) $(LIBS_QUERY)

# A layer is its folder and the folders in it; main.c and main_*.c are programs.
below = $(wildcard $(1)/$(2) $(1)/*/$(2) $(1)/*/*/$(2))
sources = $(foreach f,$(call below,$(1),*.c),$(if $(filter main.c main_%.c,$(notdir $(f))),,$(f)))
BASE_SRC := $(call sources,engine/base)
ENGINE_SRC := $(filter-out engine/base/%,$(call sources,engine))
QUERY_SRC := $(call sources,query)
FS_SRC := $(call sources,fs)
object = $(patsubst %.c,$(BUILD)/%.o,$(1))

LIB_BASE := $(BUILD)/libbase.a
LIB_ENGINE := $(BUILD)/libengine.a
LIB_QUERY := $(BUILD)/libquery.a
LIB_FS := $(BUILD)/libfs.a
LIBS_BELOW_FS := $(LIB_QUERY) $(LIB_ENGINE) $(LIB_BASE)

MAIN_ENGINE := $(call below,engine,main_*.c)
MAIN_QUERY := $(call below,query,main_*.c)
program = $(patsubst main_%.c,$(BUILD)/seriesfs-%,$(notdir $(1)))
PROGRAMS := $(BUILD)/seriesfs $(call program,$(MAIN_ENGINE) $(MAIN_QUERY))
# tests/unit has the folders of what it tests; their programs lie side by side.
UNIT_SRC := $(call below,tests/unit,test_*.c)
unit_test = $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(1)))
UNIT_TESTS := $(call unit_test,$(UNIT_SRC))
# A fuzz target is built like a test, too, and fed the corpus that is kept.
REPLAYS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
TOOL_SRC := $(wildcard tests/tools/*.c)
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(TOOL_SRC))

# Searches of tests/torture: programs of several files, and what is preloaded into others.
TORTURE := $(addprefix $(BUILD)/torture/,states states_work states_work_mount record.so calls fail.so damage_look)

.PHONY: all run test test-all torture bench format fuzz install clean deps programs unit-tests tools
all: programs tools compile_commands.json
programs: $(PROGRAMS)
unit-tests: $(UNIT_TESTS) $(REPLAYS)
tools: $(TOOLS) $(TORTURE)

# Loops over vectors are what these are: -O2 of gcc 12 leaves most of them scalar.
VECTOR_SRC := $(filter engine/codec/% engine/chunk/chunk% engine/chunk/row_times.c %/function_fold.c %/tally.c,$(ENGINE_SRC) $(QUERY_SRC))
$(call object,$(VECTOR_SRC)): CFLAGS += $(if $(DEBUG),,-O3)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(FUSE_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define archive
$(1): $(call object,$(2))
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(eval $(call archive,$(LIB_BASE),$(BASE_SRC)))
$(eval $(call archive,$(LIB_ENGINE),$(ENGINE_SRC)))
$(eval $(call archive,$(LIB_QUERY),$(QUERY_SRC)))
$(eval $(call archive,$(LIB_FS),$(FS_SRC)))

$(BUILD)/seriesfs: $(BUILD)/fs/main.o $(LIB_FS) $(LIBS_BELOW_FS)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_FS)
# These link only what lies below them, which proves the layers.
linked = $(filter %.o,$^) $(filter %.a,$^)
$(foreach m,$(MAIN_ENGINE) $(MAIN_QUERY),$(eval $(call program,$(m)): $(call object,$(m))))
$(call program,$(MAIN_ENGINE)): $(LIB_ENGINE) $(LIB_BASE)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(linked) $(LIBS_ENGINE)
$(call program,$(MAIN_QUERY)): $(LIBS_BELOW_FS)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(linked) $(LIBS_QUERY)
$(foreach t,$(UNIT_SRC),$(eval $(call unit_test,$(t)): $(call object,$(t))))
$(UNIT_TESTS): $(BUILD)/tests/lib/test.o $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(linked) $(LIBS_QUERY)
$(BUILD)/tests/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/lib/replay.o $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_QUERY)
$(BUILD)/tests/test_power: LDFLAGS += -Wl,--wrap=env_sync
$(BUILD)/tests/test_power: $(BUILD)/tests/lib/power.o
$(BUILD)/tests/test_catalog $(BUILD)/tests/test_index: $(BUILD)/tests/lib/damage.o
$(BUILD)/tests/test_cold: LDFLAGS += $(foreach f,rename mkdir sync_dir remove_tree,-Wl$(comma)--wrap=env_$(f))
# What one statement passes through, with a call at each basic block: test_work counts them.
COUNTED := $(filter $(addprefix %/,plan_bind.c plan_check.c plan_names.c plan_sources.c plan_values.c plan_wildcards.c \
	show.c show_index.c manage.c manage_points.c query.c select.c groups.c aggregate.c raw.c rows.c scope.c \
	tag_filter.c task.c snapshot.c view.c live.c index.c index_look.c index_tables.c index_additions.c postings.c \
	series.c map.c), \
	$(BASE_SRC) $(ENGINE_SRC) $(QUERY_SRC))
$(BUILD)/counted/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fsanitize=%,$(CFLAGS)) -fsanitize-coverage=trace-pc -MMD -MP -c -o $@ $<
$(BUILD)/tests/test_work: $(patsubst %.c,$(BUILD)/counted/%.o,$(COUNTED))
$(BUILD)/tests/test_work: LDFLAGS += -Wl,--wrap=memcpy -Wl,--wrap=memcmp
$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_QUERY)
$(BUILD)/tools/bare_fuse: LIBS_QUERY := $(LIBS_FS)

states_object = $(patsubst %,$(BUILD)/tests/torture/states/%.o,$(1))
$(BUILD)/torture/states: $(call states_object,states image model look) $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_QUERY)
$(BUILD)/torture/states_work: $(call states_object,work work_engine) $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_QUERY) -ldl
$(BUILD)/torture/states_work_mount: $(call states_object,work work_mount) $(LIB_ENGINE) $(LIB_BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_ENGINE) -ldl
$(BUILD)/torture/damage_look: $(BUILD)/tests/torture/damage/look.o $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_QUERY)
$(BUILD)/torture/calls: $(BUILD)/tests/torture/calls/calls.o $(BUILD)/tests/torture/calls/page.o $(LIBS_BELOW_FS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_QUERY)
# They define open and open64, so they are built without the macro that makes one of the other.
$(BUILD)/torture/fail.so: tests/torture/calls/fail.c tests/torture/calls/fail.h
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -I. $(filter-out -fsanitize%,$(CFLAGS)) -fPIC -shared -o $@ $< -ldl
$(BUILD)/torture/record.so: tests/torture/states/record.c tests/torture/states/record.h
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -I. $(filter-out -fsanitize%,$(CFLAGS)) -fPIC -shared -o $@ $< -ldl

# For clangd and clang-tidy: one entry a source, from the very flags above.
compile_commands.json: Makefile $(foreach d,engine query fs tests/unit,$(call below,$(d),*.c))
	@printf '[' >$@; sep=''; for f in $(filter %.c,$^); do \
		printf '%s\n{"directory":"%s","file":"%s","command":"$(CC) $(CPPFLAGS) $(FUSE_CFLAGS) $(CFLAGS) -c %s"}' \
		"$$sep" "$(CURDIR)" "$$f" "$$f" >>$@; sep=','; done; printf '\n]\n' >>$@

deps:
	@tests/deps.sh build
run: ; @tests/run-demo.sh
test: ; @tests/deps.sh test && tests/run.sh
test-all: ; @tests/deps.sh test && tests/all.sh
torture: ; @tests/deps.sh test && MINUTES=$(or $(MINUTES),20) SEED=$(or $(SEED),1) tests/torture.sh
bench: ; @tests/deps.sh bench && $(MAKE) -s programs tools && tests/bench/bench.py
format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')
fuzz: ; @tests/fuzz/run.sh

install: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)/sbin && ln -sf $(PREFIX)/bin/seriesfs $(DESTDIR)/sbin/mount.fuse.seriesfs

clean:
	rm -rf build build-* compile_commands.json

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
