/*-------------------------------------------------------------------------
 *
 * approval.c
 *		The rule about approved templates.
 *
 * A retired version is not sent whatever its program says; where the program
 * requires approval, only approved ones are.  What answers an opt-out or a call
 * for help always goes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/gate.h"
#include "policy/wording.h"

void
sf_rule_approval(const sf_facts *facts, sf_answer *answer)
{
	const sf_wording *w = sf_wording_find(facts->program_id);
	bool		required = w != NULL && w->requires_approval && strcmp(facts->purpose, "compliance") != 0;
	const char *state = facts->template_state;

	if (facts->message_id != 0 &&
		(state != NULL ? strcmp(state, "retired") == 0 || (required && strcmp(state, "approved") != 0) : required))
		sf_refuse(answer, SF_SUPPRESS, "not_approved", 0);
	if (state != NULL)
		sf_saw(answer, "template version is %s%s", state, required ? ", approval is required" : "");
	else
		sf_saw(answer, required ? "approval is required" : "approval is not required");
}
