/*-------------------------------------------------------------------------
 *
 * answer.c
 *		Turning a reply into bytes, or into the failure that a fault rule wants.
 *
 * Everything goes through libmicrohttpd, so faults work over TLS as well; only
 * the TCP reset touches the socket itself.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Sets the reply to the JSON that reply holds already. */
void
reply_json(request *r, int status)
{
	r->status = status;
	r->content_type = "application/json";
}

static ssize_t
half_reader(void *cls, uint64_t position, char *out, size_t max)
{
	request    *r = cls;
	size_t		half = r->reply.len / 2;

	if (position >= half)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > half - position)
		max = half - position;
	memcpy(out, r->reply.data + position, max);
	return (ssize_t) max;
}

/* The reply, then spaces up to the chosen size: still JSON, only far too long. */
static ssize_t
big_reader(void *cls, uint64_t position, char *out, size_t max)
{
	request    *r = cls;

	if (position < r->reply.len)
	{
		if (max > r->reply.len - position)
			max = r->reply.len - position;
		memcpy(out, r->reply.data + position, max);
	}
	else
		memset(out, ' ', max);
	return (ssize_t) max;
}

/* One byte, then sleep for the interval. */
static ssize_t
drip_reader(void *cls, uint64_t position, char *out, size_t max)
{
	request    *r = cls;
	int64_t		at_us = now_us();

	if (at_us < r->due_us)
	{
		server_sleep(r);
		return 0;
	}
	*out = r->reply.data[position];
	r->due_us = at_us + r->fault.interval_ms * 1000;
	return max > 0 ? 1 : 0;
}

/* Makes the close that follows a TCP reset. */
static void
reset_on_close(request *r)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info != NULL)
		setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Gives the library the answer, as the fault wants it.  MHD_NO closes the connection. */
enum MHD_Result
answer_send(request *r)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	switch (r->fault.kind)
	{
		case FAULT_RESET:
			reset_on_close(r);
			return MHD_NO;
		case FAULT_CLOSE:
		case FAULT_STALL:
			return MHD_NO;
		case FAULT_HALF:
			response = MHD_create_response_from_callback(r->reply.len, 4096, half_reader, r, NULL);
			break;
		case FAULT_BIG:
			response = MHD_create_response_from_callback(r->reply.len + (uint64_t) r->fault.size,
														 65536, big_reader, r, NULL);
			break;
		case FAULT_DRIP:
			response = MHD_create_response_from_callback(r->reply.len, 64, drip_reader, r, NULL);
			break;
		default:
			response = MHD_create_response_from_buffer(r->reply.len, r->reply.data,
													   MHD_RESPMEM_PERSISTENT);
			break;
	}
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
	if (r->retry_after[0] != '\0')
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, r->retry_after);
	if (r->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"gateway\"");
	if (r->fault.kind == FAULT_REDIRECT)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, r->path);
	result = MHD_queue_response(r->connection, (unsigned int) r->status, response);
	MHD_destroy_response(response);
	return result;
}

/* Replaces the reply by what the fault wants. */
void
answer_apply_fault(request *r)
{
	fault_rule *fault = &r->fault;

	switch (fault->kind)
	{
		case FAULT_STATUS:
			r->reply.len = 0;
			if (fault->body != NULL)
			{
				buffer_text(&r->reply, fault->body);
				reply_json(r, fault->status);
			}
			else if (r->kind == KIND_GENERIC_SEND)
				generic_error(r, fault->status, "fault");
			else
				twilio_fault_status(r, fault->status, fault->code);
			break;
		case FAULT_GARBAGE:
			r->reply.len = 0;
			buffer_text(&r->reply, fault->body != NULL ? fault->body :
						"<html>\xff\xfe not what you {expected</html>");
			r->status = MHD_HTTP_OK;
			r->content_type = "text/html";
			break;
		case FAULT_REDIRECT:
			r->reply.len = 0;
			reply_json(r, MHD_HTTP_FOUND);
			break;
		case FAULT_RESET:
		case FAULT_CLOSE:
		case FAULT_STALL:
			r->status = 0;
			break;
		default:
			break;
	}
	if (fault->retry_after != NULL)
		snprintf(r->retry_after, sizeof(r->retry_after), "%s", fault->retry_after);
	fault->body = fault->retry_after = fault->to = fault->on = NULL;
}
