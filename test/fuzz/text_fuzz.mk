# Fuzzes src/text with libFuzzer (clang):
#   make -f text_fuzz.mk run SECONDS=60
TOP = ../..
CC = clang
SECONDS = 60
CORE = $(addprefix $(TOP)/src/text/,gsm.c smart.c clean.c link.c link_target.c domain.c)
BUILD = $(TOP)/build/fuzz

# New finds go to the build folder, the corpus in the repository stays small.
run: $(BUILD)/text_fuzz
	mkdir -p $(BUILD)/text_found
	$(BUILD)/text_fuzz -max_total_time=$(SECONDS) -max_len=2048 -artifact_prefix=$(BUILD)/ \
		$(BUILD)/text_found text_corpus

$(BUILD)/text_fuzz: text_fuzz.c $(CORE) $(addprefix $(TOP)/src/text/,text.h utf8.h link.h domain.h)
	mkdir -p $(BUILD)
	$(CC) -std=c99 -g -O1 -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -I$(TOP)/src -o $@ text_fuzz.c $(CORE)

.PHONY: run
