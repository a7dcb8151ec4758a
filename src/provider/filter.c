/*-------------------------------------------------------------------------
 *
 * filter.c
 *		The values a template can name, and the filters that change them.
 *
 * A value is a NUL-terminated UTF-8 text plus a type; "" means that there is
 * none.  Filters never change a text in place: what they return is either
 * their input, an argument of the description, or palloc'd in the current
 * context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "provider/internal.h"

#include "pgtime.h"

static const struct
{
	const char *name;
	sf_filter_kind kind;
	bool		takes_arg;
}			filter_table[] =
{
	{"plus", SF_FILTER_PLUS, false},
	{"digits", SF_FILTER_DIGITS, false},
	{"nanp10", SF_FILTER_NANP10, false},
	{"digits_if_phone", SF_FILTER_DIGITS_IF_PHONE, false},
	{"plus_if_phone", SF_FILTER_PLUS_IF_PHONE, false},
	{"iso", SF_FILTER_ISO, false},
	{"strftime", SF_FILTER_STRFTIME, true},
	{"epoch", SF_FILTER_EPOCH, false},
	{"date", SF_FILTER_DATE, false},
	{"const", SF_FILTER_CONST, true},
	{"default", SF_FILTER_DEFAULT, true},
	{"if", SF_FILTER_IF, true},
	{"first", SF_FILTER_FIRST, false},
	{"upper", SF_FILTER_UPPER, false},
	{"urlencode", SF_FILTER_URLENCODE, false},
	{"if_prefix", SF_FILTER_IF_PREFIX, true},
	{"unless_prefix", SF_FILTER_UNLESS_PREFIX, true},
	{"or", SF_FILTER_OR, true},
	{"max", SF_FILTER_MAX, true}
};

/* Seconds since 1970 in the given pattern, UTC.  "" when it does not fit. */
static const char *
format_time(const char *epoch, const char *pattern)
{
	pg_time_t	t = (pg_time_t) strtoll(epoch, NULL, 10);
	struct pg_tm *tm = pg_gmtime(&t);
	char		out[128];

	if (tm == NULL || pg_strftime(out, sizeof(out), pattern, tm) == 0)
		return "";
	return pstrdup(out);
}

/*
 * Finds the filter called name.  arg is NULL when none was written.  Returns
 * NULL, or what is wrong.  The operand of "or" is left to the caller, who
 * knows the names.
 */
const char *
sf_filter_compile(const char *name, const char *arg, sf_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	for (int i = 0; i < lengthof(filter_table); i++)
	{
		if (strcmp(filter_table[i].name, name) != 0)
			continue;
		filter->kind = filter_table[i].kind;
		filter->arg = arg;
		if (filter_table[i].takes_arg != (arg != NULL))
			return arg ? "takes no argument" : "needs an argument after a colon";
		if (filter->kind == SF_FILTER_IF)
		{
			const char *colon = strchr(arg, ':');

			if (colon == NULL)
				return "needs two arguments, as in if:yes:no";
			filter->arg = pnstrdup(arg, colon - arg);
			filter->arg2 = colon + 1;
		}
		if (filter->kind == SF_FILTER_MAX &&
			(arg[0] == '\0' || strlen(arg) > 15 || strspn(arg, "0123456789") != strlen(arg)))
			return "needs a whole number";
		if (filter->kind == SF_FILTER_STRFTIME && format_time("0", arg)[0] == '\0')
			return "has a pattern that gives nothing, or more than 127 bytes";
		return NULL;
	}
	return "is not a filter";
}

/*
 * What an operand stands for.  scratch (SF_SCRATCH_SIZE bytes) may hold the
 * result.  values is NULL while constants are folded; then only constants
 * are asked for.
 */
const char *
sf_operand_value(const sf_operand *operand, const sf_values *values, char *scratch, sf_type *type)
{
	const sf_outgoing *m = values ? values->message : NULL;
	int64		number = 0;

	*type = SF_TYPE_TEXT;
	switch (operand->var)
	{
		case SF_VAR_NONE:
			return "";
		case SF_VAR_CONST:
			*type = operand->type;
			return operand->constant;
		case SF_VAR_TO:
			return m->to ? m->to : "";
		case SF_VAR_FROM:
			return m->from ? m->from : "";
		case SF_VAR_BODY:
			return m->body ? m->body : "";
		case SF_VAR_REF:
			return m->ref ? m->ref : "";
		case SF_VAR_ID:
			return values->id ? values->id : "";
		case SF_VAR_CALLBACK:
			return values->callback ? sf_template_text(values->callback, values) : "";
		case SF_VAR_MEDIA:
			return values->media_index < m->nmedia ? m->media[values->media_index] : "";
		case SF_VAR_IS_UNICODE:
			*type = SF_TYPE_BOOL;
			return m->is_unicode ? "true" : "false";
		case SF_VAR_REF_INT:
			*type = SF_TYPE_NUMBER;
			if (m->ref && m->ref[0] != '\0' && strlen(m->ref) <= 18 &&
				strspn(m->ref, "0123456789") == strlen(m->ref) && m->ref[0] != '0')
				return m->ref;
			number = m->message_id;
			break;
		case SF_VAR_MESSAGE_ID:
			*type = SF_TYPE_NUMBER;
			number = m->message_id;
			break;
		case SF_VAR_TTL_S:
			*type = SF_TYPE_NUMBER;
			number = m->ttl_s;
			break;
		case SF_VAR_TTL_MIN:
			*type = SF_TYPE_NUMBER;
			number = m->ttl_s > 0 ? Max(m->ttl_s / 60, 1) : 0;	/* not longer than it may */
			break;
		case SF_VAR_TTL_MS:
			*type = SF_TYPE_NUMBER;
			number = (int64) m->ttl_s * 1000;
			break;
		case SF_VAR_EXPIRES_AT:
			*type = SF_TYPE_TIME;
			if (m->ttl_s > 0)
				number = (int64) time(NULL) + m->ttl_s;
			break;
		case SF_VAR_SENT_AT:
			*type = SF_TYPE_TIME;
			number = values->sent_at;
			break;
	}
	if (number <= 0)
		return "";
	snprintf(scratch, SF_SCRATCH_SIZE, INT64_FORMAT, number);
	return scratch;
}

/* The digits of value, after prefix.  Gives value itself when it is that already. */
static const char *
only_digits(const char *value, const char *prefix)
{
	size_t		prefix_len = strlen(prefix);
	char	   *out;
	char	   *p;

	if (strncmp(value, prefix, prefix_len) == 0 && value[prefix_len] != '\0' &&
		strspn(value + prefix_len, "0123456789") == strlen(value + prefix_len))
		return value;
	out = palloc(prefix_len + strlen(value) + 1);
	memcpy(out, prefix, prefix_len);
	p = out + prefix_len;
	for (const char *v = value; *v != '\0'; v++)
	{
		if (*v >= '0' && *v <= '9')
			*p++ = *v;
	}
	*p = '\0';
	return p == out + prefix_len ? "" : out;
}

/* A number to text back to, rather than a name: digits, perhaps after a plus. */
static bool
looks_like_phone(const char *value)
{
	if (*value == '+')
		value++;
	return *value != '\0' && strspn(value, "0123456789") == strlen(value);
}

/* Ten digits of a number of the North American plan; anything else is an error. */
static const char *
nanp10(const char *value)
{
	const char *digits = only_digits(value, "");

	if (strlen(digits) == 11 && digits[0] == '1')
		digits++;
	else if (value[0] == '+' || strlen(digits) != 10)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this provider takes only phone numbers of the United States and Canada"),
				 errhint("Send to other countries from a sender of another provider.")));
	return digits;
}

/* A, or B when value is empty, "false" or "0". */
static const char *
choose(const char *value, const char *a, const char *b)
{
	if (value[0] == '\0' || strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		return b;
	return a;
}

/* value without lower-case ASCII letters. */
static const char *
upper(const char *value)
{
	char	   *out = pstrdup(value);

	for (char *p = out; *p != '\0'; p++)
		*p = pg_ascii_toupper((unsigned char) *p);
	return out;
}

/* value, percent-encoded. */
static const char *
urlencode(const char *value)
{
	StringInfoData buf;

	initStringInfo(&buf);
	sf_escape_append(&buf, value, strlen(value), SF_ESC_PERCENT);
	return buf.data;
}

/*
 * Runs the filters of part over value, which has the given type; the type of
 * the result replaces it.  values is NULL while constants are folded.
 */
const char *
sf_filters_apply(const sf_part *part, const char *value, sf_type *type, const sf_values *values)
{
	for (int i = 0; i < part->nfilters; i++)
	{
		const sf_filter *f = &part->filters[i];
		sf_type		in = *type;

		/* Three filters make something of nothing; two keep the type. */
		if (f->kind == SF_FILTER_OR)
		{
			if (value[0] == '\0')
				value = sf_operand_value(&f->operand, values, palloc(SF_SCRATCH_SIZE), type);
			continue;
		}
		if (f->kind == SF_FILTER_DEFAULT)
		{
			if (value[0] == '\0')
			{
				value = f->arg;
				*type = SF_TYPE_TEXT;
			}
			continue;
		}
		if (f->kind == SF_FILTER_IF)
		{
			value = choose(value, f->arg, f->arg2);
			*type = SF_TYPE_TEXT;
			continue;
		}
		if (value[0] == '\0' || f->kind == SF_FILTER_FIRST)
			continue;
		if (f->kind == SF_FILTER_MAX)
		{
			if (strtoll(value, NULL, 10) > strtoll(f->arg, NULL, 10))
				value = f->arg;
			continue;
		}

		*type = SF_TYPE_TEXT;
		switch (f->kind)
		{
			case SF_FILTER_PLUS:
				value = only_digits(value, "+");
				break;
			case SF_FILTER_DIGITS:
				value = only_digits(value, "");
				break;
			case SF_FILTER_NANP10:
				value = nanp10(value);
				break;
			case SF_FILTER_DIGITS_IF_PHONE:
				if (looks_like_phone(value))
					value = only_digits(value, "");
				break;
			case SF_FILTER_PLUS_IF_PHONE:
				if (looks_like_phone(value))
					value = only_digits(value, "+");
				break;
			case SF_FILTER_ISO:
			case SF_FILTER_STRFTIME:
			case SF_FILTER_DATE:
				if (in != SF_TYPE_TIME)
					break;
				value = format_time(value,
									f->kind == SF_FILTER_ISO ? "%Y-%m-%dT%H:%M:%SZ" :
									f->kind == SF_FILTER_DATE ? "%Y-%m-%d" : f->arg);
				break;
			case SF_FILTER_EPOCH:
				*type = SF_TYPE_NUMBER;
				break;
			case SF_FILTER_CONST:
				value = f->arg;
				break;
			case SF_FILTER_UPPER:
				value = upper(value);
				break;
			case SF_FILTER_URLENCODE:
				value = urlencode(value);
				break;
			case SF_FILTER_IF_PREFIX:
				value = strncmp(value, f->arg, strlen(f->arg)) == 0 ? value : "";
				break;
			case SF_FILTER_UNLESS_PREFIX:
				value = strncmp(value, f->arg, strlen(f->arg)) == 0 ? "" : value;
				break;
			case SF_FILTER_FIRST:
			case SF_FILTER_DEFAULT:
			case SF_FILTER_IF:
			case SF_FILTER_OR:
			case SF_FILTER_MAX:
				break;			/* dealt with above */
		}
	}
	return value;
}
