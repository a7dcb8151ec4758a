/*-------------------------------------------------------------------------
 *
 * pace.c
 *		Whether provider and sender can take a text now.
 *
 * Pacing is no rule about a text: it writes no verdict, and it works on the
 * wall clock, so that moving the clock of the rules moves no pacing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "worker/claim.h"

#define SF_PARKED_AT_PROVIDER 16	/* texts kept at hand for a provider that is full, at least */
#define SF_IDLE_US (10 * (double) USECS_PER_SEC)	/* nobody waits for a sender that is free that long */
#define SF_BUSY_US (500 * 1000.0)	/* a request, while nothing is known of the provider */

/*
 * Has the provider room for one more request?
 */
bool
sf_has_room(const sf_account *account, int more)
{
	return account->max_in_flight == 0 || account->in_flight + account->claimed + more < account->max_in_flight;
}

/*
 * The provider has as many requests under way as it may have.  Some texts are
 * kept at hand for the moment when one ends; the others get a place in the
 * future, by how long its requests take, so that a long backlog stands in
 * nobody's way.
 */
static void
wait_for_room(const sf_claimer *claimer, sf_text *text, double us, TimestampTz now)
{
	sf_account *account = text->account;
	double		takes = account->busy_us > 0 ? account->busy_us : SF_BUSY_US;
	double	   *reserved = &account->reserved[text->lane];
	int			parked = 0;

	for (int i = 0; i < claimer->nparked; i++)
		if (claimer->parked[i].provider_id == account->provider_id &&
			claimer->parked[i].lane <= text->lane)
			parked++;
	if (parked < account->max_in_flight + SF_PARKED_AT_PROVIDER)
	{
		text->fate = SF_FATE_PARK;
		text->full = true;
		text->next_at = DT_NOEND;
		return;
	}
	text->fate = SF_FATE_DEFER;
	text->pacing = true;
	text->code = "sender_unavailable";
	*reserved = Max(*reserved, us + takes) + takes / account->max_in_flight;
	text->next_at = now + (TimestampTz) (*reserved - us);
}

/*
 * Holds of provider and sender, and the sender's rate.  A text over the rate
 * gets a slot of its own in the future, so that a long backlog is moved once
 * and never blocks texts of other senders.  Each lane has its own row of slots:
 * an urgent text waits for the sender, not for the end of a bulk campaign.
 * Where two lanes promised one slot, the text that comes second gets a later
 * one.
 */
void
sf_pace(const sf_claimer *claimer, sf_text *text, TimestampTz wall, TimestampTz now)
{
	sf_account *account = text->account;
	sf_sending *sending = text->sending;
	double		cost;
	double		tolerance;
	double		earliest;
	double		us = (double) wall;

	if (account == NULL || account->provider == NULL || account->paused ||
		account->hold_until > wall)
	{
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "provider_down";
		text->next_at = now + 60 * USECS_PER_SEC;
		if (account != NULL && account->hold_until > wall)
			text->next_at = now + (account->hold_until - wall);
		return;
	}
	if (sending->hold_until > wall)
	{
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "sender_unavailable";
		text->next_at = now + (sending->hold_until - wall);
		return;
	}
	if (!sf_has_room(account, 0))
	{
		wait_for_room(claimer, text, us, now);
		return;
	}
	cost = text->segments.segments * (double) USECS_PER_SEC / sending->rate;
	tolerance = sending->burst * (double) USECS_PER_SEC / sending->rate;
	/* those to whom slots were promised are gone: cancelled, suppressed, expired */
	if (us - sending->tat > SF_IDLE_US)
		memset(sending->reserved, 0, sizeof(sending->reserved));
	sending->tat = Max(sending->tat, us);
	/* when it fits into the burst; one longer than that goes when nothing else did */
	earliest = Min(sending->tat, sending->tat + cost - tolerance);
	if (earliest > us)
	{
		double		slot = Max(sending->reserved[text->lane], earliest);

		sending->reserved[text->lane] = slot + cost;
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "sender_unavailable";
		text->next_at = now + (TimestampTz) (slot - us) + 1;
		return;
	}
	sending->tat += cost;
	account->claimed++;
}
