/*-------------------------------------------------------------------------
 *
 * recipient.c
 *		The rule of the gate about numbers that no text should go to.
 *
 * What kind of number it is, libphonenumber told when the contact was made; a
 * number of unknown kind passes.  Which kinds are refused is a setting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/gate.h"
#include "settings.h"

/* Is a name in a list separated by commas and blanks? */
static bool
is_listed(const char *list, const char *name)
{
	size_t		len = strlen(name);

	while (*list != '\0')
	{
		size_t		n = strcspn(list, ", ");

		if (n == len && pg_strncasecmp(list, name, n) == 0)
			return true;
		list += n;
		list += strspn(list, ", ");
	}
	return false;
}

void
sf_rule_recipient(const sf_facts *facts, sf_answer *answer)
{
	if (facts->number_type != NULL && is_listed(sf_refused_number_types, facts->number_type))
		sf_refuse(answer, SF_SUPPRESS, "not_mobile", 0);
	sf_saw(answer, "%s", facts->number_type ? facts->number_type : "kind of number not known");
}
