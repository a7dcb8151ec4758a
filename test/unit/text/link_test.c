/*-------------------------------------------------------------------------
 *
 * link_test.c
 *		Tests of the link finder without a server; prints TAP.
 *
 * Each case is a text and the links that people see in it, separated by
 * blanks.  "!" in front of one marks credentials or a script, "~" a link
 * without a scheme.
 *
 *-------------------------------------------------------------------------
 */
#define _POSIX_C_SOURCE 199309L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/link.h"

#define MAX_LINKS 64
#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

static const struct
{
	const char *body;
	const char *links;
}			cases[] = {
	/* ends of sentences and brackets */
	{"See https://example.com/a.", "https://example.com/a"},
	{"Is it https://example.com/a? Or https://example.com!", "https://example.com/a https://example.com"},
	{"https://example.com/a, https://example.com/b; https://example.com/c:",
	"https://example.com/a https://example.com/b https://example.com/c"},
	{"(https://example.com/a) [https://example.com/b] <https://example.com/c>",
	"https://example.com/a https://example.com/b https://example.com/c"},
	{"\"https://example.com/a\" 'https://example.com/b' “https://example.com/c”",
	"https://example.com/a https://example.com/b https://example.com/c"},
	{"https://example.com/a_(b) (https://example.com/c_(d))", "https://example.com/a_(b) https://example.com/c_(d)"},
	{"https://example.com/a(b https://example.com/?a[]=1&b[0]=2", "https://example.com/a https://example.com/?a[]=1&b[0]=2"},
	{"https://example.com/a... https://example.com/a...b", "https://example.com/a https://example.com/a...b"},
	{"*https://example.com/a* _https://example.com/b_ ~https://example.com/c_d~",
	"https://example.com/a https://example.com/b https://example.com/c_d"},
	{"https://example.com/a's site, https://example.com/it'sok", "https://example.com/a https://example.com/it'sok"},
	{"https://example.com/a,https://example.org/b|https://example.net",
	"https://example.com/a https://example.org/b https://example.net"},
	{"https://example.com/?u=https://example.org/a&b=c#d", "https://example.com/?u=https://example.org/a&b=c#d"},
	{"https://example.com/a;b=1,2/c!d$e&f+g=h@i:j%20", "https://example.com/a;b=1,2/c!d$e&f+g=h@i:j%20"},
	{"https://example.com/ends-with-", "https://example.com/ends-with-"},
	{"HTTPS://EXAMPLE.COM/A Http://example.com", "HTTPS://EXAMPLE.COM/A Http://example.com"},
	{"...https://example.com/a", "https://example.com/a"},
	{"Link:https://example.com/a", "https://example.com/a"},
	/* hosts and ports */
	{"http://localhost:8080/a http://192.0.2.1/b http://[2001:db8::1]:80/c", "http://localhost:8080/a http://192.0.2.1/b http://[2001:db8::1]:80/c"},
	{"https://example.com:8443 https://example.com: https://example.com:99999", "https://example.com:8443 https://example.com https://example.com"},
	{"https://example.com?a=1 https://example.com#b", "https://example.com?a=1 https://example.com#b"},
	{"http:// http://. http://-a.com http:///a http://?", ""},
	/* without a scheme */
	{"www.example.com, example.com. example.com/sale! EXAMPLE.COM", "~www.example.com ~example.com ~example.com/sale ~EXAMPLE.COM"},
	{"shop.example.co.uk:8080/a?b#c www.example.unknown", "~shop.example.co.uk:8080/a?b#c ~www.example.unknown"},
	{"Code:example.com (example.com) 'example.org'", "~example.com ~example.com ~example.org"},
	{"e.g.this i.e. a.m. 3.5 1.2.3.4 $3.50 9.am 3.5.in U.S. etc...and", ""},
	{"Thanks.It works. Done.No worries node.js report.pdf v1.2.3 Mr.Smith Soon.Help", ""},
	{"me@example.com first.last@example.com name.al+x@example.com mailto:me@example.com", ""},
	{"@example.com #example.com url=example.com a/b.com path\\b.com a_b.com x.com_y", ""},
	{"-example.com example-.com example..com .com com. " "a.b", ""},
	{"163.com 12306.cn xn--mnchen-3ya.de", "~163.com ~xn--mnchen-3ya.de"},
	/* other letters */
	{"https://münchen.de/straße?x=ü münchen.de президент.рф", "https://münchen.de/straße?x=ü ~münchen.de ~президент.рф"},
	{"見てhttps://example.comだよ https://example.com/abcです。", "https://example.com https://example.com/abc"},
	{"https://ja.wikipedia.org/wiki/日本 https://例え.jp/a http://exampleこれ.com/b",
	"https://ja.wikipedia.org/wiki/日本 https://例え.jp/a http://exampleこれ.com/b"},
	{"👉https://example.com/a👈 https://example.com/b…", "https://example.com/a https://example.com/b"},
	{"\342\200\217https://example.com/a\342\200\217 https://example.com/b\302\240c", "https://example.com/a https://example.com/b"},
	{"http://✪df.ws/a", ""},
	/* what is not to be followed */
	{"https://user:secret@example.com/a https://example.com@evil.example/",
	"!https://user:secret@example.com/a !https://example.com@evil.example/"},
	{"https://example.com/@user https://example.com?a=b@c", "https://example.com/@user https://example.com?a=b@c"},
	{"javascript:alert(1) JavaScript:x vbscript:y", "!javascript:alert(1) !JavaScript:x !vbscript:y"},
	{"data:text/html,<b> data:;base64,AA data:text/html;x,y", "!data:text/html, !data:;base64,AA !data:text/html;x,y"},
	{"data: 5 GB, data:5GB, javascript: it", ""},
	{"ftp://example.com/a tel:+15550100 sms:+15550100", ""}
};

static int	tests;
static int	failures;

/* Reports one test. */
static void
ok(int good, const char *what, const char *got)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, what);
	if (!good)
	{
		printf("# got: %s\n", got);
		failures++;
	}
}

/* The links of a body as a case writes them. */
static void
describe(const char *body, char *out)
{
	sf_link		list[MAX_LINKS];
	int			n = sf_find_links(body, strlen(body), list, MAX_LINKS);

	out[0] = '\0';
	for (int i = 0; i < n; i++)
		sprintf(out + strlen(out), "%s%s%.*s", i > 0 ? " " : "",
				list[i].kind == SF_LINK_HTTP ? "" : list[i].kind == SF_LINK_BARE ? "~" : "!",
				(int) list[i].len, body + list[i].offset);
}

static void
test_targets(void)
{
	static const sf_link_param params[] = {{"utm_source", "sms"}, {"utm_campaign", "spring%20sale"}};
	static const struct
	{
		const char *url;
		int			bare;
		const char *target;
	}			targets[] = {
		{"https://a.com", 0, "https://a.com?utm_source=sms&utm_campaign=spring%20sale"},
		{"a.com/b", 1, "https://a.com/b?utm_source=sms&utm_campaign=spring%20sale"},
		{"https://a.com/?x=1", 0, "https://a.com/?x=1&utm_source=sms&utm_campaign=spring%20sale"},
		{"https://a.com/?x=1&", 0, "https://a.com/?x=1&utm_source=sms&utm_campaign=spring%20sale"},
		{"https://a.com/?", 0, "https://a.com/?utm_source=sms&utm_campaign=spring%20sale"},
		{"https://a.com/#f", 0, "https://a.com/?utm_source=sms&utm_campaign=spring%20sale#f"},
		{"https://a.com/#f?utm_source=x", 0, "https://a.com/?utm_source=sms&utm_campaign=spring%20sale#f?utm_source=x"},
		{"https://a.com/?utm_source=x#f", 0, "https://a.com/?utm_source=x&utm_campaign=spring%20sale#f"},
		{"https://a.com/?utm_campaign&utm_source=", 0, "https://a.com/?utm_campaign&utm_source="},
		{"https://a.com/?utm_source_x=1", 0, "https://a.com/?utm_source_x=1&utm_source=sms&utm_campaign=spring%20sale"}
	};
	char		out[1024];

	for (size_t i = 0; i < lengthof(targets); i++)
	{
		size_t		len = strlen(targets[i].url);
		size_t		size = sf_link_target_size(len, params, 2);
		size_t		n = sf_link_target(targets[i].url, len, targets[i].bare, params, 2, out);

		out[n] = '\0';
		ok(n <= size && strcmp(out, targets[i].target) == 0, targets[i].target, out);
	}
	out[sf_link_target("https://a.com/?b", 16, 0, NULL, 0, out)] = '\0';
	ok(strcmp(out, "https://a.com/?b") == 0, "nothing to add", out);
}

/* A text of a million bytes of anything takes as long as its length says. */
static void
test_time(void)
{
	static const char *const pieces[] = {"http://a/(", "http://", "a.to+", "a.com ", "((((", "x@y.", "http://a!",
		"http://a,", "ああ.com", "http://aあ", "http://a/'s", "data:a/", "javascript:", "a.b.", "https://a@", "[http://["};
	size_t		size = 1000000;
	char	   *body = malloc(size);
	sf_link    *list = malloc(sizeof(sf_link) * size);
	double		worst = 0;
	const char *what = "";
	char		got[80];

	for (size_t i = 0; i < lengthof(pieces); i++)
	{
		struct timespec start;
		struct timespec end;
		double		seconds;

		for (size_t k = 0; k < size; k++)
			body[k] = pieces[i][k % strlen(pieces[i])];
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		(void) sf_find_links(body, size, list, (int) size);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		seconds = end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
		if (seconds > worst)
		{
			worst = seconds;
			what = pieces[i];
		}
	}
	snprintf(got, sizeof(got), "%.2f s for %s", worst, what);
	ok(worst < 2, "a million bytes of anything take less than two seconds", got);
	free(body);
	free(list);
}

int
main(void)
{
	char		out[4096];
	sf_link		list[2];

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		describe(cases[i].body, out);
		ok(strcmp(out, cases[i].links) == 0, cases[i].body, out);
	}
	ok(sf_find_links("a.com b.com c.com", 17, list, 2) == 2, "no more links than there is room for", "");
	ok(sf_find_links("https://example.com", 11, list, 2) == 1 && list[0].len == 11, "nothing is read behind the end", "");
	test_targets();
	test_time();
	printf("1..%d\n", tests);
	return failures > 0;
}
