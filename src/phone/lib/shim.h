/*-------------------------------------------------------------------------
 *
 * shim.h
 *		What the module smsfollow_phone offers to the extension.
 *
 * The only header that both sides include: plain C types, buffers owned by
 * the caller, no PostgreSQL and no C++ header.  The symbol's name carries the
 * version of this interface, so that a module left over from another build is
 * refused instead of misread; raise it with every change here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PHONE_SHIM_H
#define SF_PHONE_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C"
{
#define SF_NOEXCEPT noexcept
#else
#define SF_NOEXCEPT
#endif

#define SF_LIB_MAX_INPUT	250 /* bytes; longer input is no phone number */
#define SF_LIB_LOOKUP		"sf_phone_lib_lookup_v1"

typedef enum sf_lib_status
{
	SF_LIB_VALID,				/* all fields are set */
	SF_LIB_INVALID,				/* understood, but no such number can exist */
	SF_LIB_UNPARSEABLE,			/* not understood as a phone number */
	SF_LIB_NO_MEMORY,
	SF_LIB_BROKEN				/* the library failed inside */
} sf_lib_status;

typedef struct sf_lib_number
{
	sf_lib_status status;
	char		e164[17];		/* "" unless valid */
	char		region[4];		/* ISO 3166, or 001 for none; "" if unknown */
	char		type[24];		/* MOBILE, FIXED_LINE ...; "" unless valid */
	char		extension[41];	/* digits dialled after the connection; "" mostly */
	const char *reason;			/* static; NULL if valid */
} sf_lib_number;

/*
 * Reads input (len bytes, UTF-8, at most SF_LIB_MAX_INPUT) as dialled in
 * region (two capital letters, or NULL for international form only).  Never
 * throws; says everything in *out.
 */
typedef void (*sf_lib_lookup_fn) (const char *input, size_t len,
								  const char *region, sf_lib_number *out);
extern void sf_phone_lib_lookup_v1(const char *input, size_t len,
								   const char *region,
								   sf_lib_number *out) SF_NOEXCEPT;

/* A valid number as people of its own region write it. */
typedef struct sf_lib_written
{
	char		region[4];		/* as above; "" when there is no such number */
	char		text[32];		/* "" when that does not fit, too */
} sf_lib_written;

#define SF_LIB_WRITE		"sf_phone_lib_write_v1"

/* Reads a number in E.164 form; never throws, leaves out empty when it fails. */
typedef void (*sf_lib_write_fn) (const char *e164, sf_lib_written *out);
extern void sf_phone_lib_write_v1(const char *e164, sf_lib_written *out) SF_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif							/* SF_PHONE_SHIM_H */
