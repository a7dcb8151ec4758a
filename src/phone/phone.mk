# The module smsfollow_phone: libphonenumber (C++) apart from the extension.
# Included by the top Makefile after PGXS.  Without the library's headers, or
# with PHONE=no, the module is left out and numbers must come in E.164 form.

PHONE ?= auto

PHONE_DIR = src/phone/lib
PHONE_OBJS = $(PHONE_DIR)/shim.o $(PHONE_DIR)/module.o
PHONE_SO = $(PHONE_DIR)/smsfollow_phone$(DLSUFFIX)
PHONE_PROBE = \#include <phonenumbers/phonenumberutil.h>

ifneq ($(PHONE),no)
PHONE_FOUND := $(shell printf '%s\n' '$(PHONE_PROBE)' | $(CXX) $(CPPFLAGS) -x c++ -M - >/dev/null 2>&1 && echo yes)
endif

.PHONY: all-phone install-phone uninstall-phone clean-phone prefix-table

# Facts about prefixes from the Python package phonenumbers (Debian:
# python3-phonenumbers; PYTHONPATH for a newer one) and tzdata.
prefix-table:
	python3 src/phone/generate_prefixes.py >src/phone/prefix_table.h.new
	mv src/phone/prefix_table.h.new src/phone/prefix_table.h

all: all-phone
install: install-phone
uninstall: uninstall-phone
clean: clean-phone

ifeq ($(PHONE_FOUND),yes)

all-phone: $(PHONE_SO)

$(PHONE_DIR)/shim.o: $(PHONE_DIR)/shim.cpp $(PHONE_DIR)/shim.h
	$(CXX) $(CXXFLAGS) -fvisibility=hidden $(CPPFLAGS) -c -o $@ $<

$(PHONE_DIR)/module.o: $(PHONE_DIR)/module.c
	$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(PHONE_SO): $(PHONE_OBJS)
	$(CXX) $(CXXFLAGS) -shared -o $@ $(PHONE_OBJS) $(LDFLAGS) -lphonenumber

install-phone: all-phone
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_SHLIB) $(PHONE_SO) '$(DESTDIR)$(pkglibdir)/'

else

all-phone:
	@echo "smsfollow_phone is not built: $(if $(filter no,$(PHONE)),PHONE=no,the headers of libphonenumber were not found)"

install-phone:

endif

uninstall-phone:
	rm -f '$(DESTDIR)$(pkglibdir)/smsfollow_phone$(DLSUFFIX)'

clean-phone:
	rm -f $(PHONE_OBJS) $(PHONE_SO)
