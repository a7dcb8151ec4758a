/*-------------------------------------------------------------------------
 *
 * reply.c
 *		Collects an answer and says how far a transfer came.
 *
 * How far it came decides whether a text may be sent again, so every doubt
 * here falls on the side of "sent".  curl calls an answer complete that ends
 * within its header lines; we do not.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "transport/internal.h"

/* curl hands over a piece of the body; taking less than all of it ends the transfer. */
size_t
sf_reply_body(char *data, size_t size, size_t count, void *context)
{
	sf_transfer *transfer = context;
	size_t		len = size * count;

	if (len > transfer->max_response - transfer->reply.used)
	{
		transfer->reply_too_large = true;
		return 0;
	}
	if (!sf_buffer_reserve(&transfer->reply, transfer->reply.used + len + 1))
	{
		transfer->no_memory = true;
		return 0;
	}
	memcpy(transfer->reply.data + transfer->reply.used, data, len);
	transfer->reply.used += len;
	return len;
}

/*
 * Copies a part of a header line to the capture area, NUL-terminated; what is
 * not printable ASCII becomes '?'.  NULL when the area is full.
 */
static char *
capture(sf_transfer *transfer, const char *text, size_t len, bool lower)
{
	char	   *to = transfer->captured + transfer->captured_used;
	size_t		i;

	if (len >= SF_CAPTURED_SIZE - transfer->captured_used)
		return NULL;
	for (i = 0; i < len; i++)
	{
		char		c = text[i];

		if (c < 0x20 || c > 0x7e)
			c = '?';
		else if (lower && c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		to[i] = c;
	}
	to[len] = '\0';
	transfer->captured_used += len + 1;
	return to;
}

/* Keeps a header the caller may want: Retry-After and X-*, as far as there is room. */
static void
capture_header(sf_transfer *transfer, const char *line, size_t len)
{
	static const char retry_after[] = "retry-after";
	const char *colon = memchr(line, ':', len);
	const char *value;
	size_t		name_len;
	size_t		value_len;
	size_t		used = transfer->captured_used;
	sf_http_header *header = &transfer->headers[transfer->ncaptured];
	bool		is_retry_after;

	if (colon == NULL || transfer->ncaptured >= SF_MAX_CAPTURED)
		return;
	name_len = (size_t) (colon - line);
	is_retry_after = name_len == sizeof(retry_after) - 1 &&
		strncasecmp(line, retry_after, name_len) == 0;
	if (!is_retry_after && (name_len < 3 || strncasecmp(line, "x-", 2) != 0))
		return;

	value = colon + 1;
	value_len = len - name_len - 1;
	while (value_len > 0 && (*value == ' ' || *value == '\t'))
	{
		value++;
		value_len--;
	}
	while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t' ||
							 value[value_len - 1] == '\r' || value[value_len - 1] == '\n'))
		value_len--;

	header->name = capture(transfer, line, name_len, true);
	header->value = header->name == NULL ? NULL : capture(transfer, value, value_len, false);
	if (header->value == NULL)
	{
		transfer->captured_used = used;
		return;
	}
	if (is_retry_after && transfer->retry_after == NULL)
		transfer->retry_after = header->value;
	transfer->ncaptured++;
}

/*
 * curl hands over one header line: a status line, a header, the blank line,
 * or a trailer.  A status line begins anew, since interim answers (1xx) come
 * before the final one.
 */
size_t
sf_reply_header(char *data, size_t size, size_t count, void *context)
{
	sf_transfer *transfer = context;
	size_t		len = size * count;

	if (len > SF_MAX_REPLY_HEAD - transfer->head_bytes)
	{
		transfer->head_too_large = true;
		return 0;
	}
	transfer->head_bytes += len;

	if (transfer->head_complete)
		return len;				/* trailers are of no interest */
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
	{
		transfer->ncaptured = 0;
		transfer->captured_used = 0;
		transfer->retry_after = NULL;
	}
	else if (len > 0 && (data[0] == '\r' || data[0] == '\n'))
	{
		long		status = 0;

		(void) curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
		transfer->head_complete = status >= 200;
	}
	else
		capture_header(transfer, data, len);
	return len;
}

/* Forgets the reply, so that the transfer can take another. */
void
sf_reply_reset(sf_transfer *transfer)
{
	sf_buffer_wipe(&transfer->reply);
	sf_wipe(transfer->captured, transfer->captured_used);
	transfer->captured_used = 0;
	transfer->ncaptured = 0;
	transfer->retry_after = NULL;
	transfer->head_bytes = 0;
	transfer->head_complete = false;
	transfer->reply_too_large = false;
	transfer->head_too_large = false;
	transfer->no_memory = false;
	transfer->curl_error[0] = '\0';
}

/* A phase's end as curl knows it, in microseconds from the start. */
static int64_t
phase(CURL *easy, CURLINFO info)
{
	curl_off_t	us = 0;

	(void) curl_easy_getinfo(easy, info, &us);
	return (int64_t) us;
}

/*
 * True when not a byte of the request itself can have left.  With the
 * callback we know; without it, an https request cannot have been written
 * before the handshake of its connection was over.
 */
static bool
never_begun(const sf_transfer *transfer, long connections)
{
	if (transfer->begun)
		return false;
#ifdef SF_CURL_HAS_PREREQ
	(void) connections;
	return true;
#else
	return !transfer->plain && connections > 0 && transfer->response.tls_us == 0;
#endif
}

/*
 * Request bytes written.  Of curl's two figures the second holds the body.
 * The first holds the headers, and with them: from 8.7 on the body too; before,
 * a body that went out in one piece with them, which a small one does over
 * HTTP/1.  Where we cannot tell (no answer, so the version is not known) we
 * take the lower value.  8.7 itself leaves the first figure at 0.
 */
static uint64_t
bytes_written(const sf_transfer *transfer)
{
	long		request = 0;
	curl_off_t	uploaded = 0;
	bool		whole = curl_version_info(CURLVERSION_NOW)->version_num >= 0x080700;

	(void) curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &request);
	(void) curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	request -= transfer->tunnel_bytes;
#ifdef SF_CURL_HAS_PREREQ
	if (transfer->response.http_version < 2 && transfer->body_len < SF_CURL_ONE_PIECE)
		whole = true;
#endif
	if (whole)
		return (uint64_t) (uploaded > request ? uploaded : request);
	return (uint64_t) request + (uint64_t) uploaded;
}

/*
 * How far the transfer came.  A request that was begun counts as sent even
 * if curl counted no byte: a TLS record that went to the socket in part, or
 * frames of HTTP/2, are not in its figures.
 */
static sf_http_stage
stage_of(const sf_transfer *transfer, CURLcode code)
{
	if (code == CURLE_OK)
		return SF_STAGE_ANSWERED;
	return transfer->begun || transfer->response.bytes_out > 0 ? SF_STAGE_SENT : SF_STAGE_NOT_SENT;
}

/* The reason of a failure in words; what an other side may have put in is made printable. */
static void
explain(sf_transfer *transfer, CURLcode code)
{
	char	   *error = transfer->response.error;
	const char *text;
	char	   *c;

	if (transfer->reply_too_large)
		text = "response too large";
	else if (transfer->head_too_large)
		text = "response headers too large";
	else if (transfer->no_memory)
		text = "out of memory for the response";
	else if (transfer->repeated)
		text = "connection closed before an answer came; the request was not repeated";
	else if (code == CURLE_GOT_NOTHING && transfer->head_bytes > 0)
		text = "response ended within its headers";
	else
		text = transfer->curl_error[0] != '\0' ? transfer->curl_error : curl_easy_strerror(code);
	snprintf(error, SF_TRANSPORT_ERROR_SIZE, "%s", text);
	for (c = error; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

/*
 * Fills the response of a transfer that ended with code.  To be called before
 * the handle leaves the multi handle, which forgets some of this.
 */
void
sf_reply_finish(sf_transfer *transfer, CURLcode code)
{
	sf_http_response *response = &transfer->response;
	CURL	   *easy = transfer->easy;
	long		connections = 0;
	long		version = 0;
	long		status = 0;

	memset(response, 0, offsetof(sf_http_response, error));
	response->error[0] = '\0';
	(void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void) curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
	(void) curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);

	if (transfer->repeated || (code == CURLE_OK && !transfer->head_complete))
		code = CURLE_GOT_NOTHING;
	response->tag = transfer->tag;
	response->curl_code = (int) code;
	response->status = status >= 200 ? status : 0;
	response->dns_us = phase(easy, CURLINFO_NAMELOOKUP_TIME_T);
	response->connect_us = phase(easy, CURLINFO_CONNECT_TIME_T);
	response->tls_us = phase(easy, CURLINFO_APPCONNECT_TIME_T);
	response->first_byte_us = phase(easy, CURLINFO_STARTTRANSFER_TIME_T);
	response->total_us = sf_now_us() - transfer->started_us;
	response->reused = connections == 0;
	response->http_version = version == CURL_HTTP_VERSION_2_0 ? 2 : 1;
	response->bytes_out = never_begun(transfer, connections) ? 0 : bytes_written(transfer);
	response->stage = stage_of(transfer, code);
	if (code != CURLE_OK)
		explain(transfer, code);

	if (transfer->reply.data != NULL)
	{
		transfer->reply.data[transfer->reply.used] = '\0';
		response->body = transfer->reply.data;
	}
	else
		response->body = "";
	response->body_len = transfer->reply.used;
	response->retry_after = transfer->retry_after;
	response->headers = transfer->headers;
	response->nheaders = transfer->ncaptured;
}
