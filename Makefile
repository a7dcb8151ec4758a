EXTENSION = smsfollow
EXTVERSION = 0.1.0

MODULE_big = smsfollow
# The phone number library has its own module (C++), see src/phone.
SRCS = $(sort $(wildcard src/*.c src/*/*.c))
OBJS = $(SRCS:.c=.o)

SQL_PARTS = $(sort $(wildcard sql/[0-9]*.sql))
DATA_built = smsfollow--$(EXTVERSION).sql
DATA = $(wildcard sql/upgrade/smsfollow--*--*.sql)

PG_CPPFLAGS = -Isrc -DSF_VERSION='"$(EXTVERSION)"'
SHLIB_LINK = -lcurl -lcrypto

TESTS = $(sort $(wildcard test/sql/*.sql))
REGRESS = $(patsubst test/sql/%.sql,%,$(TESTS))
REGRESS_OPTS = --inputdir=test --load-extension=smsfollow
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
# PostgreSQL 15 looks for expected/ in the output directory
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=smsfollow

EXTRA_CLEAN = $(DATA_built) build tmp_check log

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs $(if $(filter demo test,$(MAKECMDGOALS)),2>/dev/null))
include $(PGXS)
include src/phone/phone.mk

$(DATA_built): $(SQL_PARTS) Makefile
	cat $(SQL_PARTS) > $@

$(OBJS): $(wildcard src/*.h src/*/*.h)

.PHONY: test
# Installs what is missing, builds in a copy of the tree and runs every test.
test:
	@test/run

# Measures speed, WAL and memory; BENCH_ONLY="drain idle" does some sections alone, see test/bench.
.PHONY: fuzz
# Looks for inputs that break the parsers, longer than "make test" does; needs clang.
fuzz:
	@FUZZ_SECONDS='$(or $(SECONDS),300)' test/run fuzz

.PHONY: bench
bench:
	@test/run bench

# From nothing to a thousand texts, see test/demo/demo.sh; KEEP=1 leaves it running.
.PHONY: demo
demo:
	@PG_CONFIG='$(PG_CONFIG)' KEEP='$(KEEP)' test/demo/demo.sh
