# Fuzzes src/liquid with libFuzzer (clang), inside a PostgreSQL of its own:
#   make -f liquid_fuzz.mk run SECONDS=60
TOP = ../..
CC = clang
SECONDS = 60
PG_CONFIG ?= pg_config
BUILD = $(TOP)/build/fuzz
GUARD = $(TOP)/test/unit/liquid
# its name has the machine in it where the folder does not
RUNTIME = $(shell $(CC) -print-runtime-dir)/libclang_rt.fuzzer_no_main
DRIVER = $(firstword $(wildcard $(RUNTIME)-$(shell uname -m).a $(RUNTIME).a))
ENGINE = $(filter-out %/sql.c %/cache.c,$(wildcard $(TOP)/src/liquid/*.c))
OTHERS = $(TOP)/src/phone/e164.c $(filter-out %/sql.c,$(wildcard $(TOP)/src/text/*.c))
OBJECTS = $(patsubst $(TOP)/src/%.c,$(BUILD)/%.o,$(ENGINE) $(OTHERS))
# undefined behaviour ends the server, and with that the run
FLAGS = -std=gnu99 -g -O1 -fPIC -fno-strict-aliasing -fwrapv -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-sign-compare -Wno-ignored-attributes -D_GNU_SOURCE -I$(TOP)/src -I$(GUARD) -I$(shell $(PG_CONFIG) --includedir-server) \
	-fsanitize=fuzzer-no-link,undefined -fno-sanitize=alignment -fsanitize-undefined-trap-on-error

# New finds go to the build folder, the corpus in the repository stays small.
run: $(BUILD)/liquid_fuzz.so
	PG_CONFIG=$(PG_CONFIG) ./liquid_fuzz.sh $(abspath $(BUILD)) $(SECONDS)

# -Bsymbolic: it calls its own build of the engine
$(BUILD)/liquid_fuzz.so: liquid_fuzz.c $(GUARD)/guard.c $(OBJECTS)
	$(CC) $(FLAGS) -shared -Wl,-Bsymbolic -o $@ liquid_fuzz.c $(GUARD)/guard.c $(OBJECTS) $(DRIVER) -lstdc++ -lm

$(OBJECTS): $(wildcard $(TOP)/src/*/*.h) $(GUARD)/guard.h

# value.c starts strings that the server lets grow, so they are the server's
$(BUILD)/liquid/%.o: $(TOP)/src/liquid/%.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(if $(filter value,$*),,-include guard.h) -c -o $@ $<

$(BUILD)/%.o: $(TOP)/src/%.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -c -o $@ $<

.PHONY: run
