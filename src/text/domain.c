/*-------------------------------------------------------------------------
 *
 * domain.c
 *		Tells example.com from "e.g.this", "3.5" and "See you.Soon".
 *
 * Without http:// only the top-level domain says that a word is meant as an
 * address: all country codes, and of the others those in common use.  Words
 * that begin sentences so often that a forgotten blank would make a link of
 * them (today, help, call) are left out; their owners write www. or https://.
 * Sources: ISO 3166 and the root zone of IANA.
 *
 *-------------------------------------------------------------------------
 */
#include "text/domain.h"

#include <string.h>

#define MAX_HOST 253			/* RFC 1035: bytes of a whole name */
#define MAX_LABEL 63			/* and of a part of it */

/* Country codes in use, two letters each. */
static const char countries[] =
"acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjbmbnbobrbsbtbwbybz"
"cacccdcfcgchcickclcmcncocrcucvcwcxcyczdedjdkdmdodzeceeegereseteu"
"fifjfkfmfofrgagdgegfggghgiglgmgngpgqgrgsgtgugwgyhkhmhnhrhthu"
"idieiliminioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalblclilklrlsltlulvly"
"mamcmdmemgmhmkmlmmmnmompmqmrmsmtmumvmwmxmymznancnenfngninlnonpnrnunz"
"ompapepfpgphpkplpmpnprpsptpwpyqarerorsrurw"
"sasbscsdsesgshsiskslsmsnsosrssstsusvsxsysztctdtftgthtjtktltmtntotrtttvtwtz"
"uaugukusuyuzvavcvevgvivnvuwfwsyeytzazmzw";

/* The others. */
static const char *const generic[] = {
	"academy", "aero", "agency", "app", "art", "asia", "auto", "bank", "bar",
	"beauty", "berlin", "bet", "bike", "bio", "biz", "blog", "boutique", "cafe", "capital",
	"cars", "cat", "center", "chat", "city", "click", "clinic", "clothing", "cloud", "club",
	"coach", "codes", "coffee", "com", "community", "company", "coop", "dance", "deals",
	"delivery", "dental", "design", "dev", "digital", "direct", "doctor", "eco", "edu",
	"education", "email", "energy", "events", "exchange", "expert", "express", "family",
	"fashion", "film", "finance", "fit", "fitness", "florist", "flowers", "fun", "fund",
	"gallery", "games", "gift", "gifts", "global", "gmbh", "gov", "group", "guide", "guru",
	"health", "holiday", "hospital", "host", "hotel", "icu", "immo", "info", "insurance",
	"int", "jewelry", "jobs", "law", "lawyer", "legal", "life", "link", "live", "loan",
	"london", "ltd", "market", "marketing", "media", "mil", "mobi", "moda", "money",
	"museum", "name", "net", "network", "news", "nyc", "one", "online", "ooo", "org",
	"paris", "parts", "party", "pet", "pharmacy", "photo", "photos", "pics", "pizza", "plus",
	"post", "press", "pro", "promo", "properties", "pub", "realty", "recipes", "rent",
	"rentals", "restaurant", "reviews", "sale", "salon", "school", "services", "shoes",
	"shop", "shopping", "site", "social", "software", "solar", "solutions", "space", "spa",
	"sport", "store", "studio", "style", "supply", "systems", "tax", "taxi", "team", "tech",
	"technology", "tel", "tickets", "tips", "tokyo", "tools", "top", "tours", "town", "toys",
	"trade", "training", "travel", "university", "vet", "video", "vip", "wiki", "wine",
	"work", "world", "wtf", "xxx", "xyz", "yoga", "zone",
	/* in other letters: Cyrillic and Greek, which put blanks between words */
	"\316\265\317\205", "\316\265\316\273",
	"\320\261\320\263", "\320\261\320\265\320\273", "\320\264\320\265\321\202\320\270",
	"\320\265\321\216", "\320\272\320\276\320\274", "\320\274\320\272\320\264",
	"\320\274\320\276\320\275", "\320\274\320\276\321\201\320\272\320\262\320\260",
	"\320\276\320\275\320\273\320\260\320\271\320\275", "\320\276\321\200\320\263",
	"\321\200\321\203\321\201", "\321\200\321\204", "\321\201\320\260\320\271\321\202",
	"\321\201\321\200\320\261", "\321\203\320\272\321\200", "\322\233\320\260\320\267"
};

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is it a top-level domain by which an address is known? */
static bool
is_known(const char *label, size_t len)
{
	char		lower[MAX_LABEL + 1];

	for (size_t i = 0; i < len; i++)
		lower[i] = is_upper(label[i]) ? label[i] + ('a' - 'A') : label[i];
	lower[len] = '\0';
	if (len > 4 && strncmp(lower, "xn--", 4) == 0)
		return true;
	for (size_t i = 0; len == 2 && i < sizeof(countries) - 1; i += 2)
		if (countries[i] == lower[0] && countries[i + 1] == lower[1])
			return true;
	for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++)
		if (strcmp(generic[i], lower) == 0)
			return true;
	return false;
}

/* Each part has 1 to 63 bytes and no hyphen at its ends, and no underscore. */
static bool
labels_are_good(const char *host, size_t len)
{
	size_t		start = 0;

	if (memchr(host, '_', len) != NULL)
		return false;
	for (size_t i = 0; i <= len; i++)
	{
		if (i < len && host[i] != '.')
			continue;
		if (i == start || i - start > MAX_LABEL || host[start] == '-' || host[i - 1] == '-')
			return false;
		start = i + 1;
	}
	return true;
}

/*
 * The top-level domain must be known (after www. any word will do), written
 * in small letters or the whole name in capitals ("Thanks.It is" is not), and
 * before a country not everything may be a number ("at 9.am", "3.5.in").
 */
bool
sf_is_bare_domain(const char *host, size_t len)
{
	size_t		tld = len;
	bool		numeric = true;
	bool		small = false;
	bool		capital = false;

	if (len > MAX_HOST)
		return false;
	while (tld > 0 && host[tld - 1] != '.')
		tld--;
	if (tld < 2 || !labels_are_good(host, len))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (i < tld && !is_digit(host[i]) && host[i] != '.')
			numeric = false;
		if (i >= tld && is_upper(host[i]))
			capital = true;
		if (is_lower(host[i]))
			small = true;
	}
	if ((numeric && len - tld == 2) || is_digit(host[tld]))
		return false;
	if (tld > 4 && (memcmp(host, "www.", 4) == 0 || memcmp(host, "WWW.", 4) == 0 || memcmp(host, "Www.", 4) == 0))
		return len - tld >= 2;
	return !(capital && small) && is_known(host + tld, len - tld);
}
