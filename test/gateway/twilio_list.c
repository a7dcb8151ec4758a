/*-------------------------------------------------------------------------
 *
 * twilio_list.c
 *		Twilio's list of messages: filters and pages.
 *
 * The filters are To, From and DateSent (also DateSent> and DateSent<, both
 * inclusive, as Twilio has them); a page ends with the URI of the next.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <string.h>
#include <time.h>

/*
 * A date filter: a day (2026-11-23) or an instant (2026-11-23T10:00:00Z).
 * Gives the first microsecond of it and the first behind it.
 */
static bool
parse_date(const char *text, int64_t *from_us, int64_t *to_us)
{
	struct tm	tm = {.tm_isdst = 0};
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	bool		day = rest != NULL && *rest == '\0';

	if (rest == NULL)
		return false;
	if (!day)
	{
		if (*rest != 'T' && *rest != ' ')
			return false;
		rest = strptime(rest + 1, "%H:%M:%S", &tm);
		if (rest == NULL || (*rest != '\0' && strcmp(rest, "Z") != 0))
			return false;
	}
	*from_us = (int64_t) timegm(&tm) * 1000000;
	*to_us = *from_us + (day ? INT64_C(86400) : 1) * 1000000;
	return true;
}

typedef struct list_filter
{
	const char *to;
	const char *from;
	int64_t		from_us;		/* date_sent within [from_us, to_us) */
	int64_t		to_us;
	int64_t		page_size;
	int64_t		page;
	const char *token;			/* sid of the last message of the page before */
} list_filter;

static bool
read_filter(const request *r, list_filter *filter)
{
	static const char *const names[] = {"DateSent", "DateSent>", "DateSent<"};
	const char *token = fields_get(&r->fields, "PageToken");
	bool		ok = true;

	filter->to = fields_filled(&r->fields, "To");
	filter->from = fields_filled(&r->fields, "From");
	filter->from_us = INT64_MIN;
	filter->to_us = INT64_MAX;
	for (int i = 0; i < 3; i++)
	{
		const char *text = fields_filled(&r->fields, names[i]);
		int64_t		from_us;
		int64_t		to_us;

		if (text == NULL)
			continue;
		if (!parse_date(text, &from_us, &to_us))
			return false;
		if (i != 2 && from_us > filter->from_us)
			filter->from_us = from_us;
		if (i != 1 && to_us < filter->to_us)
			filter->to_us = to_us;
	}
	filter->page_size = fields_number(&r->fields, "PageSize", 50, &ok);
	filter->page = fields_number(&r->fields, "Page", 0, &ok);
	filter->token = token != NULL && strncmp(token, "PA", 2) == 0 ? token + 2 : NULL;
	return ok && filter->page_size >= 1 && filter->page_size <= 1000 && filter->page >= 0;
}

/* A message still queued has no date of sending; its date of creation stands in. */
static bool
filter_matches(const list_filter *filter, const record *m, int64_t at_us)
{
	int64_t		date_us = store_sent_us(m);

	if (date_us > at_us)
		date_us = m->received_us;
	return m->accepted && m->kind == KIND_TWILIO_SEND &&
		(filter->from == NULL || strcmp(filter->from, m->from) == 0) &&
		date_us >= filter->from_us && date_us < filter->to_us;
}

static const record *
next_listed(const list_filter *filter, const record *m)
{
	return filter->to != NULL ? store_by_to_older(m) : store_older(m);
}

/* The URI of a page with the filters of this request; sid NULL: without a token. */
static void
append_page_uri(buffer *b, const request *r, const list_filter *filter, int64_t page, const char *sid)
{
	static const char *const kept[] = {"To", "From", "DateSent", "DateSent>", "DateSent<"};

	buffer_text(b, "\"" TWILIO_ACCOUNTS);
	buffer_text(b, gateway_options.account);
	buffer_text(b, "/Messages.json?");
	for (int i = 0; i < 5; i++)
	{
		const char *value = fields_filled(&r->fields, kept[i]);

		if (value == NULL)
			continue;
		buffer_urlencode(b, kept[i]);
		buffer_text(b, "=");
		buffer_urlencode(b, value);
		buffer_text(b, "&");
	}
	buffer_printf(b, "PageSize=%lld&Page=%lld", (long long) filter->page_size, (long long) page);
	if (sid != NULL)
		buffer_printf(b, "&PageToken=PA%s", sid);
	buffer_text(b, "\"");
}

/* Newest first.  By recipient it reads only that recipient's messages. */
void
twilio_list(request *r)
{
	list_filter filter;
	buffer	   *b = &r->reply;
	const record *m;
	const record *last = NULL;
	int64_t		count = 0;
	int64_t		start;

	r->kind = KIND_TWILIO_LIST;
	r->to = fields_get(&r->fields, "To");
	if (!read_filter(r, &filter))
	{
		twilio_refuse(r, 20001);
		return;
	}
	if (filter.token != NULL)
	{
		m = store_by_sid(filter.token);
		if (m != NULL)
			m = next_listed(&filter, m);
	}
	else
		m = filter.to != NULL ? store_by_to(filter.to) : store_newest();

	buffer_text(b, "{\"messages\":[");
	for (; m != NULL; m = next_listed(&filter, m))
	{
		if (!filter_matches(&filter, m, r->received_us))
			continue;
		if (count == filter.page_size)
			break;
		if (count > 0)
			buffer_text(b, ",");
		twilio_append_message(b, m, r->received_us);
		last = m;
		count++;
	}
	start = filter.page * filter.page_size;
	buffer_printf(b, "],\"page\":%lld,\"page_size\":%lld,\"start\":%lld,\"end\":%lld,\"uri\":",
				  (long long) filter.page, (long long) filter.page_size, (long long) start,
				  (long long) (count > 0 ? start + count - 1 : start));
	append_page_uri(b, r, &filter, filter.page, NULL);
	buffer_text(b, ",\"first_page_uri\":");
	append_page_uri(b, r, &filter, 0, NULL);
	buffer_text(b, ",\"previous_page_uri\":null,\"next_page_uri\":");
	if (m != NULL)
		append_page_uri(b, r, &filter, filter.page + 1, last->sid);
	else
		buffer_text(b, "null");
	buffer_text(b, "}");
	reply_json(r, MHD_HTTP_OK);
}
