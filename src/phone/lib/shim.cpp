/*-------------------------------------------------------------------------
 *
 * shim.cpp
 *		libphonenumber behind a plain C function.
 *
 * No PostgreSQL header and no call into PostgreSQL: a longjmp over C++ frames
 * would skip destructors.  No exception leaves this file.
 *
 *-------------------------------------------------------------------------
 */
#include "shim.h"

#include <cstring>
#include <new>
#include <string>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/* Copies s into a fixed buffer, cut to fit. */
template <size_t size>
static void
put(char (&to)[size], const std::string &s)
{
	size_t		len = s.size() < size ? s.size() : size - 1;

	memcpy(to, s.data(), len);
	to[len] = '\0';
}

/* libphonenumber's own name of a number type. */
static const char *
type_name(PhoneNumberUtil::PhoneNumberType type)
{
	switch (type)
	{
		case PhoneNumberUtil::FIXED_LINE:
			return "FIXED_LINE";
		case PhoneNumberUtil::MOBILE:
			return "MOBILE";
		case PhoneNumberUtil::FIXED_LINE_OR_MOBILE:
			return "FIXED_LINE_OR_MOBILE";
		case PhoneNumberUtil::TOLL_FREE:
			return "TOLL_FREE";
		case PhoneNumberUtil::PREMIUM_RATE:
			return "PREMIUM_RATE";
		case PhoneNumberUtil::SHARED_COST:
			return "SHARED_COST";
		case PhoneNumberUtil::VOIP:
			return "VOIP";
		case PhoneNumberUtil::PERSONAL_NUMBER:
			return "PERSONAL_NUMBER";
		case PhoneNumberUtil::PAGER:
			return "PAGER";
		case PhoneNumberUtil::UAN:
			return "UAN";
		case PhoneNumberUtil::VOICEMAIL:
			return "VOICEMAIL";
		default:
			return "UNKNOWN";
	}
}

/* Why a text could not be read as a number. */
static const char *
parse_reason(PhoneNumberUtil::ErrorType error, bool region_known)
{
	switch (error)
	{
		case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
			return region_known ? "it has no known country code" :
				"it has no known country code, and no known region is given";
		case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
		case PhoneNumberUtil::TOO_SHORT_NSN:
			return "it is too short";
		case PhoneNumberUtil::TOO_LONG_NSN:
			return "it is too long";
		default:
			return "it does not look like a phone number";
	}
}

/* Why a number that could be read cannot exist. */
static const char *
invalid_reason(PhoneNumberUtil::ValidationResult result)
{
	switch (result)
	{
		case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
			return "its area code is missing";
		case PhoneNumberUtil::INVALID_COUNTRY_CODE:
			return "it has no known country code";
		case PhoneNumberUtil::TOO_SHORT:
			return "it is too short for its country";
		case PhoneNumberUtil::TOO_LONG:
			return "it is too long for its country";
		case PhoneNumberUtil::INVALID_LENGTH:
			return "its length does not exist in its country";
		default:
			return "its country has not assigned this range of numbers";
	}
}

/* The work; may throw. */
static void
lookup(const std::string &input, const char *region, sf_lib_number *out)
{
	const PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
	PhoneNumber number;
	PhoneNumberUtil::ErrorType error;
	PhoneNumberUtil::PhoneNumberType type;
	std::string text;

	error = util->Parse(input, region != NULL ? region : "ZZ", &number);
	if (error != PhoneNumberUtil::NO_PARSING_ERROR)
	{
		out->status = SF_LIB_UNPARSEABLE;
		out->reason = parse_reason(error, region != NULL &&
								   util->GetCountryCodeForRegion(region) != 0);
		return;
	}

	if (number.has_extension())
		put(out->extension, number.extension());
	/* a number is valid when it is of some type: asking for both would look twice */
	type = util->GetNumberType(number);
	if (type == PhoneNumberUtil::UNKNOWN)
	{
		out->status = SF_LIB_INVALID;
		out->reason = invalid_reason(util->IsPossibleNumberWithReason(number));
		return;
	}

	util->GetRegionCodeForNumber(number, &text);
	put(out->region, text);
	util->Format(number, PhoneNumberUtil::E164, &text);
	put(out->e164, text);
	put(out->type, type_name(type));
	out->status = SF_LIB_VALID;
}

/* The door to C; see shim.h. */
extern "C" __attribute__((visibility("default"))) void
sf_phone_lib_lookup_v1(const char *input, size_t len, const char *region,
					   sf_lib_number *out) noexcept
{
	memset(out, 0, sizeof(*out));
	if (len > SF_LIB_MAX_INPUT)
	{
		out->status = SF_LIB_UNPARSEABLE;
		out->reason = "it is too long";
		return;
	}

	try
	{
		lookup(std::string(input, len), region, out);
	}
	catch (const std::bad_alloc &)
	{
		memset(out, 0, sizeof(*out));
		out->status = SF_LIB_NO_MEMORY;
	}
	catch (...)
	{
		memset(out, 0, sizeof(*out));
		out->status = SF_LIB_BROKEN;
	}
}

/* The other door; see shim.h. */
extern "C" __attribute__((visibility("default"))) void
sf_phone_lib_write_v1(const char *e164, sf_lib_written *out) noexcept
{
	memset(out, 0, sizeof(*out));
	try
	{
		const PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
		PhoneNumber number;
		std::string region;
		std::string text;

		if (util->Parse(e164, "ZZ", &number) != PhoneNumberUtil::NO_PARSING_ERROR ||
			!util->IsValidNumber(number))
			return;
		util->GetRegionCodeForNumber(number, &region);
		util->Format(number, PhoneNumberUtil::NATIONAL, &text);
		if (text.size() >= sizeof(out->text))
			return;
		put(out->region, region);
		put(out->text, text);
	}
	catch (...)
	{
		memset(out, 0, sizeof(*out));
	}
}
