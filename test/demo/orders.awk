# A thousand orders as CSV, always the same ones:
#
#	awk -f orders.awk > orders.csv
#
# All numbers are fictional: 555-01xx of North America, 07700 900xxx of the
# United Kingdom and 06 39 98 xx xx of France are set aside for stories.  French
# numbers that end in 003, 005 or 006 are the ones the test gateway reports as
# undelivered.

# A pseudo-random whole number from 0 to n - 1; the same sequence every time.
function chance(n)
{
	seed = (seed * 1664525 + 1013904223) % 4294967296
	return int(seed / 65536) % n
}

BEGIN {
	n_first = split("Ana José Zoë Noah Chloé Maya Søren Grace Łukasz Ruth Élodie Omar Inês Jack Björn Priya Hélène Tom Nuño Aisha Renée Liam Jürgen Mei Siân Leo Małgorzata Eve Raúl Ivy", first, " ")
	n_last = split("Okafor García Smith Müller Dubois Patel Núñez Brown Lindqvist Rossi Novák O'Neill Lefèvre Kowalski Jones Ferreira Haddad Nguyen Ibáñez Clarke", last, " ")
	n_item = split("walnut desk|linen sofa|reading lamp|oak shelf|café table|wool rug|garden bench|brass mirror", item, "|")
	n_area = split("415 213 312 303 602 808 206 212", area, " ")
	split("America/Los_Angeles America/Los_Angeles America/Chicago America/Denver America/Phoenix Pacific/Honolulu America/Los_Angeles America/New_York", us_zone, " ")
	seed = 20240229

	print "order_id,first_name,last_name,phone,country,time_zone,item,days_ago,sms"
	for (i = 1; i <= 1000; i++)
	{
		if (i % 25 < 15)
		{
			country = "US"
			a = us % n_area + 1
			phone = sprintf("+1%s55501%02d", area[a], int(us / n_area))
			zone = us_zone[a]
			us++
		}
		else if (i % 25 < 22)
		{
			country = "GB"
			phone = sprintf("+447700900%03d", 10 + gb++)
			zone = "Europe/London"
		}
		else
		{
			country = "FR"
			phone = fr % 4 < 3 ? sprintf("+33639981%03d", 100 + fr) : sprintf("+3363998%d00%s", int(fr / 4) % 10, substr("356", int(fr / 40) + 1, 1))
			zone = "Europe/Paris"
			fr++
		}

		# What customers said about texts: yes at checkout, nothing, or yes and STOP later.
		c = chance(100)
		sms = c < 84 ? "yes" : c < 93 ? "no" : "stopped"

		# Most were delivered days ago; some arrive tomorrow.
		days = 3 + chance(4)
		if (chance(40) == 0)
			days = -1

		# Two kinds of holes that real tables have.
		name = first[chance(n_first) + 1]
		if (chance(60) == 0)
			name = ""
		thing = item[chance(n_item) + 1]
		if (chance(150) == 0)
			thing = ""

		printf "%d,%s,%s,%s,%s,%s,%s,%d,%s\n", 5000 + i, name, last[chance(n_last) + 1], phone, country, zone, thing, days, sms
	}
}
