/*-------------------------------------------------------------------------
 *
 * text_probe.c
 *		Asks src/text about bodies from standard input, for vectors.pl; with
 *		the argument "bench" measures how many bodies a second it counts.
 *
 * A line in: the body in hexadecimal.  A line out: encoding, units, segments
 * and the smart-encoded body in hexadecimal, separated by tabs.
 *
 *-------------------------------------------------------------------------
 */
#define _POSIX_C_SOURCE 199309L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/text.h"

#define MAX_BODY 65536

/* Counts one body for about a second and prints the rate. */
static void
bench(const char *name, const char *body)
{
	size_t		len = strlen(body);
	struct timespec start;
	struct timespec now;
	double		seconds;
	long		n = 0;
	long		sum = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
	{
		for (int i = 0; i < 100000; i++)
		{
			sf_segments counted;

			sf_count_segments(body, len, &counted);
			sum += counted.segments;
		}
		n += 100000;
		clock_gettime(CLOCK_MONOTONIC, &now);
		seconds = now.tv_sec - start.tv_sec +
			(now.tv_nsec - start.tv_nsec) / 1e9;
	} while (seconds < 1);
	printf("%-28s %3d bytes %ld segment(s) %8.2f million bodies/s\n", name,
		   (int) len, sum / n, n / seconds / 1e6);
}

/* Answers every line of standard input. */
static void
answer(void)
{
	static char line[2 * MAX_BODY + 2];
	static char body[MAX_BODY];
	static char smart[SF_SMART_SIZE(MAX_BODY)];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		size_t		len = strcspn(line, "\n") / 2;
		size_t		smart_len;
		sf_segments counted;

		for (size_t i = 0; i < len; i++)
		{
			unsigned int byte;

			if (sscanf(line + 2 * i, "%2x", &byte) != 1)
				exit(2);
			body[i] = (char) byte;
		}
		sf_count_segments(body, len, &counted);
		printf("%s\t%d\t%d\t", sf_encoding_name(counted.encoding),
			   counted.units, counted.segments);
		smart_len = sf_smart_encode(body, len, smart);
		for (size_t i = 0; i < smart_len; i++)
			printf("%02x", (unsigned char) smart[i]);
		printf("\n");
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bench") == 0)
	{
		bench("ASCII", "Hi Dana, your table for 4 is booked for 19:45. Reply C to confirm or X to cancel.");
		bench("GSM-7 with accents", "Hola José, señor Lopez: su pedido de 12,50 €. Venga mañana a las 9, gracias.");
		bench("one curly quote at the end", "Your order is ready, come and get it before nine tomorrow. It’s paid");
		bench("Cyrillic", "Ваш заказ готов к выдаче, ждём вас до конца недели. СТОП");
		bench("long, with extension", "[1/3] Hi Dana, your table for 4 is booked for 19:45. Reply C to confirm or X to cancel. {T&Cs apply} See https://example.com/b/8821 for the menu ~ the team. Last line here.");
	}
	else
		answer();
	return 0;
}
