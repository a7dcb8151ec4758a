# Fuzzes src/text with libFuzzer (clang):
#   make -f text_fuzz.mk run SECONDS=60
TOP = ../..
CC = clang
SECONDS = 60
CORE = $(TOP)/src/text/gsm.c $(TOP)/src/text/smart.c
BUILD = $(TOP)/build/fuzz

# New finds go to the build folder, the corpus in the repository stays small.
run: $(BUILD)/text_fuzz
	mkdir -p $(BUILD)/text_found
	$(BUILD)/text_fuzz -max_total_time=$(SECONDS) -max_len=2048 -artifact_prefix=$(BUILD)/ \
		$(BUILD)/text_found text_corpus

$(BUILD)/text_fuzz: text_fuzz.c $(CORE) $(TOP)/src/text/text.h $(TOP)/src/text/utf8.h
	mkdir -p $(BUILD)
	$(CC) -std=c99 -g -O1 -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -I$(TOP)/src -o $@ text_fuzz.c $(CORE)

.PHONY: run
