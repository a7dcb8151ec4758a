/*-------------------------------------------------------------------------
 *
 * optout.c
 *		Does a text tell how to get no more texts?
 *
 * Asked of each marketing text, to add the line where it is missing.  A text
 * that has it twice costs some characters; one that goes without breaks the
 * law.  So only wording that cannot mean anything else counts:
 *
 *	strong words		unsubscribe, opt out ...: in any case, anywhere
 *	words of command	STOP, BAJA ...: after a word that asks for a reply (text,
 *						reply, send); or in capitals, where what follows can only
 *						be what it does (STOP to end, STOP 36111, STOP=end) or where
 *						they are the last word of a text that is not all capitals
 *	other keywords		END, CANCEL ...: after a word that asks for a reply, in
 *						capitals or with what it does behind them
 *
 * The keywords are those that carriers and providers take for an opt-out, and
 * their counterparts in other languages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"
#include "text/text_pg.h"
#include "text/utf8.h"

#define MAX_WORD 32				/* bytes; longer ones are no keyword */
#define MAX_SMALL 3				/* words between "reply" and the keyword */

/* One word of a text, in lower case. */
typedef struct word
{
	char		lower[MAX_WORD];	/* "": too long to matter */
	bool		capitals;		/* it has letters with case, and all are capitals */
	char		after;			/* what stands behind it, spaces and quotes left out; 0: nothing */
} word;

static const char *const strong[] = {
	"unsubscribe", "optout", "désabonner", "desabonner", "désinscrire", "desinscrire",
	"abmelden", "abbestellen", "afmelden", "uitschrijven", "disiscriviti", "descadastrar",
	"leiratkozás", "dezabonare"
};
/* The same, of scripts without spaces between words. */
static const char *const unspaced[] = {"退订", "退訂", "配信停止", "수신거부", "ยกเลิกรับ"};
static const char *const command[] = {
	"stop", "stopall", "stopp", "arrêt", "arret", "baja", "стоп", "отписка", "відписка",
	"στοπ", "διαγραφη", "iptal", "berhenti"
};
static const char *const keyword[] = {
	"end", "quit", "cancel", "revoke", "remove", "out", "alto", "parar", "cancelar", "ende",
	"basta", "annulla", "cancella", "sair", "stoppen", "avsluta", "avmeld", "afmeld", "lopeta",
	"wypisz", "rezygnuje", "odhlasit", "zrusit", "leiratkozas", "ret", "dur", "huy"
};
/* Words that ask for a reply; between them and the keyword some small words may stand. */
static const char *const asking[] = {
	"reply", "text", "txt", "send", "sms", "respond", "answer", "type", "envía", "envia",
	"envie", "responde", "responda", "manda", "répondez", "repondez", "envoyez", "envoyer",
	"antworte", "antworten", "antwort", "sende", "senden", "rispondi", "invia", "stuur",
	"antwoord", "svara", "svar", "skicka", "vastaa", "lähetä", "wyślij", "wyslij", "odpowiedz",
	"odpovězte", "válasz", "ответьте", "отправьте", "yaz", "gönder"
};
static const char *const small[] = {
	"with", "the", "word", "back", "con", "la", "palabra", "avec", "le", "mot", "mit", "das", "wort",
	"com", "a", "med", "us"
};
/* What follows a word of command that is meant as one. */
static const char *const purpose[] = {
	"to", "2", "for", "ends", "stops", "cancels", "quits", "zum", "um", "an", "senden", "schicken", "beendet", "pour", "au",
	"para", "per", "al", "ao", "om", "aan", "för", "till", "til", "voor", "na", "чтобы", "на"
};
/* Before it: another sense. */
static const char *const before_other[] = {
	"don't", "dont", "never", "non", "bus", "full", "one", "pit", "can't", "cant", "cannot", "won't", "wont", "not", "didn't"
};

#define FOUND_IN(list, w) found_in(list, lengthof(list), w)

static bool
found_in(const char *const *list, int n, const word *w)
{
	for (int i = 0; i < n; i++)
		if (list[i][0] == w->lower[0] && strcmp(list[i], w->lower) == 0)
			return true;
	return false;
}

/* A letter or digit; the apostrophe belongs to its word. */
static bool
is_letter(uint32 c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'';
	return c >= 0xC0 && c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x2BFF) &&
		!(c >= 0x3000 && c <= 0x303F) && !(c >= 0xFF00 && c <= 0xFF20) && c < 0x1F000;
}

/*
 * Reads the next word; false at the end.
 */
static bool
next_word(const unsigned char **at, const unsigned char *end, word *w)
{
	const unsigned char *p = *at;
	const unsigned char *next = p;
	int			len = 0;
	bool		any = false;

	while (p < end && !is_letter(sf_utf8_next(p, end, &next)))
		p = next;
	if (p >= end)
		return false;
	w->capitals = true;
	while (p < end)
	{
		uint32		c = sf_utf8_next(p, end, &next);
		unsigned char utf8[4];
		int			n;

		if (!is_letter(c))
			break;
		if (sf_lower(c) != c)
			any = true;
		else if (sf_upper(c) != c)
			w->capitals = false;
		n = sf_utf8_put(sf_lower(c), utf8);
		if (len >= 0 && len + n < MAX_WORD)
		{
			memcpy(w->lower + len, utf8, n);
			len += n;
		}
		else
			len = -1;
		p = next;
	}
	w->lower[Max(len, 0)] = '\0';
	w->capitals = w->capitals && any;
	*at = p;
	while (p < end && (*p == ' ' || *p == '"'))
		p++;
	w->after = p < end ? *p : '\0';
	return true;
}

/* STOP2END, STOP2QUIT and so on: one word that says it all. */
static bool
is_short_form(const word *w)
{
	return strncmp(w->lower, "stop2", 5) == 0;
}

/* A short code that takes the reply. */
static bool
is_number(const word *w)
{
	return w->lower[0] != '\0' && strspn(w->lower, "0123456789") == strlen(w->lower);
}

/*
 * Do capitals stand out, because the text has words without?
 */
static bool
has_small_letters(const unsigned char *p, const unsigned char *end)
{
	word		w;

	while (next_word(&p, end, &w))
		if (!w.capitals && sf_upper(sf_decode_char(w.lower, strlen(w.lower))) != sf_decode_char(w.lower, strlen(w.lower)))
			return true;
	return false;
}

/* See text_pg.h. */
bool
sf_text_has_opt_out(const char *text, size_t text_len)
{
	size_t		len;
	char	   *plain = sf_text_smart(unconstify(char *, text), text_len, SF_SMART_ALWAYS, &len);
	const unsigned char *p = (const unsigned char *) plain;
	const unsigned char *end = p + len;
	bool		mixed = has_small_letters(p, end);
	word		last[MAX_SMALL + 1] = {0};	/* those before w */
	word		w;
	word		next = {0};
	bool		more = next_word(&p, end, &w);

	for (int i = 0; i < lengthof(unspaced); i++)
		if (memmem(plain, len, unspaced[i], strlen(unspaced[i])) != NULL)
			return true;
	while (more)
	{
		more = next_word(&p, end, &next);
		if (!more)
			next.lower[0] = '\0';
		if (FOUND_IN(strong, &w) || is_short_form(&w) ||
			(strcmp(w.lower, "opt") == 0 && strcmp(next.lower, "out") == 0))
			return true;
		if (FOUND_IN(command, &w) || FOUND_IN(keyword, &w))
		{
			bool		commands = FOUND_IN(command, &w);
			int			i = 0;

			while (i < MAX_SMALL && FOUND_IN(small, &last[i]))
				i++;
			if (FOUND_IN(asking, &last[i]) && (commands || w.capitals || FOUND_IN(purpose, &next)))
				return true;
			if (commands && w.capitals && !FOUND_IN(before_other, &last[0]) &&
				(FOUND_IN(purpose, &next) || is_number(&next) || w.after == '=' || (!more && mixed)))
				return true;
		}
		memmove(last + 1, last, sizeof(word) * MAX_SMALL);
		last[0] = w;
		w = next;
	}
	return false;
}
