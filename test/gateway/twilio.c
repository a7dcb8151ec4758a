/*-------------------------------------------------------------------------
 *
 * twilio.c
 *		The Messages resource of Twilio's API, version 2010-04-01.
 *
 * Create, fetch and list, with the answers and error codes a client meets.
 * Recipients and senders that Twilio publishes for tests (+1500555...) behave
 * as published.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CHARACTERS 1600
#define MAX_MEDIA 10

/* HTTP status and text of the error codes used here. */
static const struct
{
	int			code;
	int			status;
	const char *message;
}			errors[] = {
	{20001, 400, "Invalid parameter"},
	{20003, 401, "Authenticate"},
	{20004, 405, "Method not allowed"},
	{20404, 404, "The requested resource was not found"},
	{20429, 429, "Too Many Requests"},
	{20500, 500, "Internal Server Error"},
	{20503, 503, "Service unavailable"},
	{21211, 400, "Invalid 'To' Phone Number"},
	{21212, 400, "Invalid 'From' Number"},
	{21408, 400, "Permission to send an SMS has not been enabled for the region"},
	{21602, 400, "Message body is required"},
	{21603, 400, "A 'From' phone number is required"},
	{21604, 400, "A 'To' phone number is required"},
	{21606, 400, "The 'From' phone number is not a valid sender for this account"},
	{21609, 400, "Invalid 'StatusCallback' URL"},
	{21610, 400, "Attempt to send to unsubscribed recipient"},
	{21611, 429, "This 'From' number has exceeded the maximum number of queued messages"},
	{21612, 400, "The 'To' phone number cannot be reached by SMS"},
	{21614, 400, "'To' number is not a valid mobile number"},
	{21617, 400, "The message body exceeds the 1600 character limit"},
	{21620, 400, "Invalid media URL(s)"},
	{21623, 400, "Number of media files exceeds allowed limit"},
	{0, 0, NULL}
};

/* Published test numbers and the error they give. */
static const struct
{
	const char *number;
	int			code;
}			magic_to[] = {
	{"+15005550001", 21211},
	{"+15005550002", 21612},
	{"+15005550003", 21408},
	{"+15005550004", 21610},
	{"+15005550009", 21614},
	{NULL, 0}
},			magic_from[] = {
	{"+15005550001", 21212},
	{"+15005550007", 21606},
	{"+15005550008", 21611},
	{NULL, 0}
};

void
twilio_error(request *r, int status, int code, const char *message)
{
	r->reply.len = 0;
	buffer_printf(&r->reply, "{\"code\":%d,\"message\":", code);
	buffer_json_or_null(&r->reply, message);
	buffer_printf(&r->reply, ",\"more_info\":\"https://www.twilio.com/docs/errors/%d\",\"status\":%d}",
				  code, status);
	reply_json(r, status);
	r->acceptable = false;
}

/* The error with that code, as listed above. */
void
twilio_refuse(request *r, int code)
{
	for (int i = 0; errors[i].code != 0; i++)
		if (errors[i].code == code)
			twilio_error(r, errors[i].status, code, errors[i].message);
}

/*
 * A fault's answer: the status as given, and the code as given or the usual
 * one of that status.
 */
void
twilio_fault_status(request *r, int status, int code)
{
	const char *message = "Fault";

	if (code == 0)
		code = status == 401 ? 20003 : status == 404 ? 20404 : status == 429 ? 20429 :
			status == 503 ? 20503 : status < 500 ? 20001 : 20500;
	for (int i = 0; errors[i].code != 0; i++)
		if (errors[i].code == code)
			message = errors[i].message;
	twilio_error(r, status, code, message);
}

/* --- writing messages -------------------------------------------------- */

/* An RFC 2822 date, quoted.  Formatting is kept for as long as the second lasts. */
static void
append_date(buffer *b, int64_t at_us)
{
	static time_t formatted = -1;
	static char text[48];
	time_t		second = (time_t) (at_us / 1000000);

	if (second != formatted)
	{
		struct tm	tm;

		gmtime_r(&second, &tm);
		strftime(text, sizeof(text), "\"%a, %d %b %Y %H:%M:%S +0000\"", &tm);
		formatted = second;
	}
	buffer_text(b, text);
}

static void
append_segments(buffer *b, const record *m, const char *state)
{
	bool		unknown = m->service[0] != '\0' && strcmp(state, "queued") == 0;

	buffer_text(b, "\"");
	buffer_number(b, unknown ? 0 : m->media > 0 ? 1 : segments_of(m->body));
	buffer_text(b, "\"");
}

/*
 * One message as JSON at a point of its life.  A message that was given to a
 * messaging service starts as accepted, without a sender or a segment count.
 */
void
twilio_append_message(buffer *b, const record *m, int64_t at_us)
{
	int			error_code;
	const char *state = store_state(m, at_us, &error_code);
	bool		queued = strcmp(state, "queued") == 0;
	bool		service = m->service[0] != '\0';

	buffer_text(b, "{\"account_sid\":\"");
	buffer_text(b, gateway_options.account);
	buffer_text(b, "\",\"api_version\":\"2010-04-01\",\"body\":");
	buffer_json(b, m->body, strlen(m->body));
	buffer_text(b, ",\"date_created\":");
	append_date(b, m->received_us);
	buffer_text(b, ",\"date_sent\":");
	if (queued)
		buffer_text(b, "null");
	else
		append_date(b, store_sent_us(m));
	buffer_text(b, ",\"date_updated\":");
	append_date(b, queued ? m->received_us : store_sent_us(m));
	buffer_text(b, ",\"direction\":\"outbound-api\",\"error_code\":");
	if (error_code != 0)
		buffer_number(b, error_code);
	else
		buffer_text(b, "null");
	buffer_text(b, ",\"error_message\":");
	buffer_json_or_null(b, error_code == 0 ? NULL :
						error_code == 30006 ? "Landline or unreachable carrier" :
						error_code == 30005 ? "Unknown destination handset" :
						"Unreachable destination handset");
	buffer_text(b, ",\"from\":");
	buffer_json_or_null(b, m->from[0] != '\0' ? m->from : NULL);
	buffer_text(b, ",\"messaging_service_sid\":");
	buffer_json_or_null(b, service ? m->service : NULL);
	buffer_text(b, ",\"num_media\":\"");
	buffer_number(b, m->media);
	buffer_text(b, "\",\"num_segments\":");
	append_segments(b, m, state);
	buffer_text(b, ",\"price\":");
	if (queued)
		buffer_text(b, "null");
	else
		buffer_printf(b, "\"-%.5f\"", 0.0079 * segments_of(m->body));
	buffer_text(b, ",\"price_unit\":\"USD\",\"sid\":\"");
	buffer_text(b, m->sid);
	buffer_text(b, "\",\"status\":\"");
	buffer_text(b, queued && service ? "accepted" : state);
	buffer_text(b, "\",\"subresource_uris\":{\"media\":\"" TWILIO_ACCOUNTS);
	buffer_text(b, gateway_options.account);
	buffer_text(b, "/Messages/");
	buffer_text(b, m->sid);
	buffer_text(b, "/Media.json\"},\"to\":");
	buffer_json(b, m->to, strlen(m->to));
	buffer_text(b, ",\"uri\":\"" TWILIO_ACCOUNTS);
	buffer_text(b, gateway_options.account);
	buffer_text(b, "/Messages/");
	buffer_text(b, m->sid);
	buffer_text(b, ".json\"}");
}

/* --- create ------------------------------------------------------------ */

/* + and 7 to 15 digits, the first not 0 */
static bool
is_e164(const char *text)
{
	size_t		digits;

	if (text[0] != '+' || text[1] == '0')
		return false;
	digits = strspn(text + 1, "0123456789");
	return digits >= 7 && digits <= 15 && text[1 + digits] == '\0';
}

/* A phone number, a short code or up to 11 letters, digits and spaces with a letter. */
static bool
is_sender(const char *text)
{
	size_t		len = strlen(text);

	if (is_e164(text))
		return true;
	if (strspn(text, "0123456789") == len)
		return len >= 3 && len <= 8;
	return len <= 11 &&
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 &-_+") == len;
}

static bool
is_sid(const char *text, const char *prefix)
{
	return strlen(text) == SID_LENGTH && strncmp(text, prefix, 2) == 0 &&
		strspn(text + 2, "0123456789abcdefABCDEF") == SID_LENGTH - 2;
}

/* Code points: bytes that do not continue one. */
static size_t
count_characters(const char *text)
{
	size_t		count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char) *text & 0xC0) != 0x80;
	return count;
}

/* True when sends arrive faster than --rate allows: a bucket of one second's worth. */
static bool
over_rate(int64_t at_us)
{
	static double tokens;
	static int64_t filled_us;
	double		rate = (double) gateway_options.rate;

	if (gateway_options.rate == 0)
		return false;
	tokens += (double) (at_us - filled_us) * rate / 1e6;
	filled_us = at_us;
	if (tokens > rate)
		tokens = rate;
	if (tokens < 1)
		return true;
	tokens -= 1;
	return false;
}

/* The error code a create request deserves, 0: it is good. */
static int
create_error(const request *r)
{
	bool		ok = true;
	int64_t		validity = fields_number(&r->fields, "ValidityPeriod", 36000, &ok);

	if (r->to == NULL || r->to[0] == '\0')
		return 21604;
	for (int i = 0; magic_to[i].number != NULL; i++)
		if (strcmp(r->to, magic_to[i].number) == 0)
			return magic_to[i].code;
	if (!is_e164(r->to))
		return 21211;
	if (r->from == NULL && r->service == NULL)
		return 21603;
	if (r->service != NULL && !is_sid(r->service, "MG"))
		return 20001;
	if (r->from != NULL)
	{
		for (int i = 0; magic_from[i].number != NULL; i++)
			if (strcmp(r->from, magic_from[i].number) == 0)
				return magic_from[i].code;
		if (!is_sender(r->from))
			return 21212;
	}
	if ((r->text == NULL || r->text[0] == '\0') && r->media == 0)
		return 21602;
	if (r->media > MAX_MEDIA)
		return 21623;
	for (int i = 0; i < r->fields.count; i++)
		if (strcmp(r->fields.list[i].name, "MediaUrl") == 0 &&
			strncmp(r->fields.list[i].value, "http://", 7) != 0 &&
			strncmp(r->fields.list[i].value, "https://", 8) != 0)
			return 21620;
	if (count_characters(r->text) > MAX_CHARACTERS)
		return 21617;
	if (r->callback != NULL && strncmp(r->callback, "http://", 7) != 0 &&
		strncmp(r->callback, "https://", 8) != 0)
		return 21609;
	if (!ok || validity < 1 || validity > 36000)
		return 20001;
	if (control_opted_out(r->to))
		return 21610;
	if (over_rate(r->received_us))
		return 20429;
	return 0;
}

static void
created(request *r, const record *m)
{
	/* The answer always shows the message as it was taken in. */
	twilio_append_message(&r->reply, m, INT64_MIN);
	reply_json(r, MHD_HTTP_CREATED);
}

static void
create(request *r)
{
	int			code;

	r->kind = KIND_TWILIO_SEND;
	r->to = fields_get(&r->fields, "To");
	r->from = fields_filled(&r->fields, "From");
	r->service = fields_filled(&r->fields, "MessagingServiceSid");
	r->text = fields_get(&r->fields, "Body");
	r->callback = fields_filled(&r->fields, "StatusCallback");
	r->ref = fields_get(&r->fields, "ref");
	ref_from_callback(r);
	for (int i = 0; i < r->fields.count; i++)
		if (strcmp(r->fields.list[i].name, "MediaUrl") == 0)
			r->media++;
	r->accepted = created;
	code = create_error(r);
	r->acceptable = code == 0;
	if (code != 0)
		twilio_refuse(r, code);
}

static void
fetch(request *r, const char *sid)
{
	const record *m = store_by_sid(sid);

	r->kind = KIND_TWILIO_FETCH;
	if (m == NULL || m->kind != KIND_TWILIO_SEND)
	{
		twilio_refuse(r, 20404);
		return;
	}
	r->to = m->to;
	twilio_append_message(&r->reply, m, r->received_us);
	reply_json(r, MHD_HTTP_OK);
}

/* --- routing ----------------------------------------------------------- */

/* Compares the header with the one a client of our account would send. */
static bool
authenticated(request *r)
{
	static char *expected;
	const char *given;

	if (expected == NULL)
	{
		buffer		plain = {NULL, 0, 0};

		buffer_printf(&plain, "%s:%s", gateway_options.account, gateway_options.token);
		expected = xcalloc(1, 6 + plain.len * 4 / 3 + 4 + 1);
		memcpy(expected, "Basic ", 6);
		EVP_EncodeBlock((unsigned char *) expected + 6, (unsigned char *) plain.data, (int) plain.len);
		buffer_free(&plain);
	}
	given = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	return given != NULL && strcmp(given, expected) == 0;
}

/* Serves the path or refuses it; a refused send is still a send to the log and the store. */
void
twilio_request(request *r)
{
	const char *at = r->path + strlen(TWILIO_ACCOUNTS);
	size_t		account_len = strlen(gateway_options.account);
	bool		post = strcmp(r->method, MHD_HTTP_METHOD_POST) == 0;
	bool		get = strcmp(r->method, MHD_HTTP_METHOD_GET) == 0;

	if (strncmp(r->path, TWILIO_ACCOUNTS, strlen(TWILIO_ACCOUNTS)) != 0)
	{
		twilio_refuse(r, 20404);
		return;
	}
	if (!authenticated(r))
	{
		r->to = fields_get(&r->fields, "To");
		twilio_refuse(r, 20003);
		return;
	}
	if (strncmp(at, gateway_options.account, account_len) != 0 ||
		strncmp(at + account_len, "/Messages", 9) != 0)
	{
		twilio_refuse(r, 20404);
		return;
	}
	at += account_len + 9;
	if (strcmp(at, ".json") == 0 && post)
		create(r);
	else if (strcmp(at, ".json") == 0 && get)
		twilio_list(r);
	else if (at[0] == '/' && strlen(at) == 1 + SID_LENGTH + 5 && strcmp(at + 1 + SID_LENGTH, ".json") == 0)
	{
		char		sid[SID_LENGTH + 1];

		memcpy(sid, at + 1, SID_LENGTH);
		sid[SID_LENGTH] = '\0';
		if (get)
			fetch(r, sid);
		else
			twilio_refuse(r, 20004);
	}
	else
		twilio_refuse(r, strcmp(at, ".json") == 0 ? 20004 : 20404);
}
