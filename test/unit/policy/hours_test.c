/*-------------------------------------------------------------------------
 *
 * hours_test.c
 *		Specifications of hours: what is read, what is refused, what is cut.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/window.h"

static int	tests = 0;
static int	failed = 0;

static void
ok(bool passed, const char *name, const char *detail)
{
	printf("%sok %d - %s%s%s\n", passed ? "" : "not ", ++tests, name, detail ? ": " : "", detail ? detail : "");
	failed += !passed;
}

/* How many minutes of a day are open. */
static int
count(const sf_day *day)
{
	int			n = 0;

	for (int i = 0; i < SF_DAY_WORDS; i++)
		n += __builtin_popcountll(day->word[i]);
	return n;
}

/* Reads a specification; minutes: Sunday to Saturday, then holidays. */
static void
reads(const char *spec, const int minutes[8])
{
	sf_hours	hours;
	const char *why;
	bool		same = sf_hours_parse(spec, strlen(spec), &hours, &why);

	for (int day = 0; same && day < 8; day++)
		same = count(day < 7 ? &hours.week[day] : &hours.holiday) == minutes[day];
	ok(same, spec, why);
}

static void
refuses(const char *spec, const char *reason)
{
	/* exactly as long as it is, so that a read past its end is noticed */
	size_t		len = strlen(spec);
	char	   *copy = malloc(len + (len == 0));
	sf_hours	hours;
	const char *why = NULL;

	memcpy(copy, spec, len);
	ok(!sf_hours_parse(copy, len, &hours, &why) && strstr(why, reason) != NULL, spec[0] ? spec : "(empty)", why);
	free(copy);
}

static void
shortens(const char *spec, int by, const int minutes[8])
{
	sf_hours	hours;
	const char *why;
	bool		same = sf_hours_parse(spec, strlen(spec), &hours, &why);

	sf_hours_shorten(&hours, by);
	for (int day = 0; same && day < 8; day++)
		same = count(day < 7 ? &hours.week[day] : &hours.holiday) == minutes[day];
	ok(same, "shortened", spec);
}

static bool
common(const char *a, const char *b)
{
	sf_hours	hours[2];
	const sf_hours *both[2] = {&hours[0], &hours[1]};
	const char *why;

	return sf_hours_parse(a, strlen(a), &hours[0], &why) && sf_hours_parse(b, strlen(b), &hours[1], &why) &&
		sf_hours_common(both, 2);
}

#define ALL 1440

/* Noise made of what specifications are made of: never a bit past the day, never a minute too many. */
static void
survives_noise(void)
{
	static const char *const pieces[] = {
		"Mon", "sunday", "daily", "holidays", "closed", "always", "08:00", "24:00", "7:5", "-", ",", ";", " ", "x", "\t", "99999999999", ":"
	};
	int			read = 0;
	bool		good = true;

	srand(1);
	for (int i = 0; i < 200000; i++)
	{
		char		noise[200] = "";
		char	   *copy;
		size_t		len;
		sf_hours	hours;
		const char *why;

		for (int n = rand() % 12; n >= 0; n--)
			strcat(noise, pieces[rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		len = strlen(noise);
		copy = malloc(len + 1);	/* what is read past len is not the end of a string */
		memcpy(copy, noise, len);
		copy[len] = '5';
		if (sf_hours_parse(copy, len, &hours, &why))
		{
			read++;
			for (int day = 0; day < 7; day++)
				good &= hours.week[day].word[SF_DAY_WORDS - 1] >> (SF_DAY_MINUTES % 64) == 0;
		}
		else
			good &= why != NULL;
		free(copy);
	}
	ok(good && read > 100, "noise", NULL);
}

int
main(void)
{
	char		longest[SF_HOURS_MAX_TEXT + 2];

	reads("always", (const int[]) {ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL});
	reads(" Always ", (const int[]) {ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL});
	reads("08:00-21:00", (const int[]) {780, 780, 780, 780, 780, 780, 780, ALL});
	reads("8:00 - 21:00", (const int[]) {780, 780, 780, 780, 780, 780, 780, ALL});
	reads("daily 08:00-09:00; holidays closed", (const int[]) {60, 60, 60, 60, 60, 60, 60, 0});
	reads("Mon-Fri 08:00-20:00; Sat 09:00-13:00", (const int[]) {0, 720, 720, 720, 720, 720, 240, ALL});
	reads("Fri-Mon 00:00-24:00", (const int[]) {ALL, ALL, 0, 0, 0, ALL, ALL, ALL});
	reads("Sat 20:00-02:00", (const int[]) {120, 0, 0, 0, 0, 0, 240, ALL});
	reads("daily 20:00-02:00", (const int[]) {360, 360, 360, 360, 360, 360, 360, ALL});
	reads("Tue,Thursday 10:00-11:00,12:00-12:01; Holidays 00:00-00:30", (const int[]) {0, 0, 61, 0, 61, 0, 0, 30});
	reads("Mon 10:00-11:00; Tue closed;", (const int[]) {0, 60, 0, 0, 0, 0, 0, ALL});
	reads("Mon,holidays 10:00-11:00", (const int[]) {0, 60, 0, 0, 0, 0, 0, 60});
	reads("Mon 22:00-24:00; Tue 00:00-06:00", (const int[]) {0, 120, 360, 0, 0, 0, 0, ALL});

	refuses("", "no minute");
	refuses(";", "days are");
	refuses("Mon closed", "no minute");
	refuses("holidays 08:00-20:00", "no minute");
	refuses("closed", "days are");
	refuses("08:00-08:00", "no minute");
	refuses("24:00-02:00", "no minute");
	refuses("08:00-20:00,19:59-22:00", "overlap");
	refuses("Sat 20:00-02:00; Sun 01:00-03:00", "overlap");
	refuses("daily 12:00-11:59,11:59-12:00; Mon 10:00-11:00", "twice");
	refuses("Mon 08:00-09:00; Mon 10:00-11:00", "twice");
	refuses("Mon,Mon 08:00-09:00", "twice");
	refuses("Mon-Wed,Tue 08:00-09:00", "twice");
	refuses("holidays,holidays 08:00-09:00", "twice");
	refuses("Sun-Sat,daily 08:00-09:00", "twice");
	refuses("08:00-25:00", "between");
	refuses("08:60-09:00", "between");
	refuses("24:01-09:00", "between");
	refuses("8-9", "HH:MM");
	refuses("08:0-09:00", "HH:MM");
	refuses("08:00:00-09:00", "HH:MM-HH:MM");
	refuses("008:00-09:00", "HH:MM");
	refuses("-08:00-09:00", "days are");
	refuses("08:00", "HH:MM-HH:MM");
	refuses("08:00-", "HH:MM");
	refuses("08:00-09", "HH:MM");
	refuses("08:00-09:00,", "HH:MM");
	refuses("Mon", "HH:MM");
	refuses("Mon-", "days are");
	refuses("Mo 08:00-09:00", "days are");
	refuses("Mondayyyyyyyyyyyyyyyyyyyyyyyyyyyyyy 08:00-09:00", "days are");
	refuses("Mon shut", "HH:MM");
	refuses("Mon clos", "closed");
	refuses("holidays 20:00-02:00", "midnight");
	refuses("08:00-09:00 Mon", "separated");
	refuses("always; Mon 08:00-09:00", "days are");
	refuses("00:00-00:01,00:02-00:03,00:04-00:05,00:06-00:07,00:08-00:09,00:10-00:11,00:12-00:13,"
			"00:14-00:15,00:16-00:17,00:18-00:19,00:20-00:21,00:22-00:23,00:24-00:25", "12 intervals");
	memset(longest, ' ', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	refuses(longest, "too long");

	shortens("08:00-21:00", 15, (const int[]) {765, 765, 765, 765, 765, 765, 765, ALL});
	shortens("always", 15, (const int[]) {ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL});
	shortens("Sat 20:00-02:00", 150, (const int[]) {0, 0, 0, 0, 0, 0, 210, ALL});
	shortens("Sat 20:00-24:00; Sun 00:00-06:00", 30, (const int[]) {330, 0, 0, 0, 0, 0, 240, ALL});
	shortens("daily 08:00-08:10,10:00-11:00; holidays 10:00-10:30", 15, (const int[]) {45, 45, 45, 45, 45, 45, 45, 15});

	ok(common("08:00-12:00", "11:59-13:00"), "a common minute", NULL);
	ok(!common("08:00-12:00", "12:00-13:00"), "no common minute", NULL);
	ok(!common("Mon 08:00-12:00", "Tue 08:00-12:00"), "no common day", NULL);
	ok(common("Sat 23:00-01:00", "Sun 00:00-00:01"), "past the end of the week", NULL);
	survives_noise();
	printf("1..%d\n", tests);
	return failed != 0;
}
