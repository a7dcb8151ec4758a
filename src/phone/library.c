/*-------------------------------------------------------------------------
 *
 * library.c
 *		Loads the module smsfollow_phone on first use and calls it.
 *
 * libphonenumber brings a C++ runtime, ICU and protobuf.  They stay out of
 * every backend that reads E.164 numbers only, and the extension works
 * without them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "phone/library.h"

#define MODULE "$libdir/smsfollow_phone"

/*
 * Returns a function of the module, or NULL when it cannot be loaded; the
 * loader's words are then in *detail.  A failure is not remembered, so a
 * package installed later is found without a new connection.
 */
static void *
load_function(const char *name, char **detail)
{
	void	   *volatile function = NULL;
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		function = load_external_function(MODULE, name, true, NULL);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		*detail = error->message;
	}
	PG_END_TRY();
	return function;
}

/* See library.h. */
bool
sf_phone_lookup(const char *input, size_t len, const char *region,
				bool required, sf_lib_number *out)
{
	static sf_lib_lookup_fn lookup = NULL;
	char	   *detail = NULL;
	char	   *utf8;

	if (lookup == NULL)
		lookup = (sf_lib_lookup_fn) load_function(SF_LIB_LOOKUP, &detail);
	if (lookup == NULL)
	{
		if (!required)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("phone number is not in E.164 form, and the module smsfollow_phone that reads other forms cannot be loaded"),
				 errdetail_internal("%s", detail),
				 errhint("Write the number as +, country code and digits, or install libphonenumber and build smsfollow with it.")));
	}

	/* The module refuses long input unread, so there is no use in converting it. */
	utf8 = unconstify(char *, input);
	if (len <= SF_LIB_MAX_INPUT)
	{
		utf8 = pg_server_to_any(input, len, PG_UTF8);
		if (utf8 != input)
			len = strlen(utf8);
	}
	lookup(utf8, len, region, out);

	if (out->status == SF_LIB_NO_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("libphonenumber could not allocate memory.")));
	if (out->status == SF_LIB_BROKEN)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("libphonenumber failed while it read a phone number")));
	return true;
}

/* See library.h. */
bool
sf_phone_written(const char *e164, const char *region, char out[SF_WRITTEN_SIZE])
{
	static sf_lib_write_fn write = NULL;
	char	   *detail;
	sf_lib_written written;

	if (write == NULL)
		write = (sf_lib_write_fn) load_function(SF_LIB_WRITE, &detail);
	if (write == NULL)
		return false;
	write(e164, &written);
	strlcpy(out, written.text, SF_WRITTEN_SIZE);
	return out[0] != '\0' && strcmp(written.region, region) == 0;
}
