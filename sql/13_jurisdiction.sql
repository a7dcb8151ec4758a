/*
 * What countries and states ask for, as data.  Not legal advice: each row is a
 * default with its source, to be confirmed by somebody who knows.  All rows
 * that match a contact apply together; a row of one's own replaces the built-in
 * ones of its name.
 */
CREATE TABLE smsfollow.jurisdiction (
	name text NOT NULL CHECK (name <> '' AND length(name) <= 50),
	builtin boolean NOT NULL DEFAULT false,
	valid_from date NOT NULL DEFAULT '-infinity',
	valid_to date NOT NULL DEFAULT 'infinity',
	regions text[] NOT NULL CHECK (array_position(regions, NULL) IS NULL),
	subdivision text CHECK (subdivision ~ '^([A-Z0-9]{1,3}|\*)$'),
	hours text,
	holidays text[] NOT NULL DEFAULT '{}',
	consent text CHECK (consent IN ('implied', 'soft_opt_in', 'express', 'express_written', 'double_opt_in')),
	consent_lifetime interval CHECK (consent_lifetime > '0'),
	implied_lifetime interval CHECK (implied_lifetime > '0'),
	cap_most integer CHECK (cap_most > 0),
	cap_per interval CHECK (cap_per > '0'),
	cap_same_subject boolean NOT NULL DEFAULT false,
	blocked boolean NOT NULL DEFAULT false,
	optout text,
	source text,
	confidence text,
	note text,
	reviewed_on date,
	PRIMARY KEY (name, builtin, valid_from),
	CHECK (valid_from < valid_to),
	CHECK ((cap_most IS NULL) = (cap_per IS NULL)),
	CHECK (subdivision IS NULL OR cardinality(regions) > 0)
);
COMMENT ON TABLE smsfollow.jurisdiction IS 'Rules of countries and states about marketing texts, as data: hours, consent, caps, with source and review date. Not legal advice. All that match a contact apply together';
COMMENT ON COLUMN smsfollow.jurisdiction.builtin IS 'True for the rows that come with the extension; they follow its version and are not dumped. A row of your own of the same name replaces them';
COMMENT ON COLUMN smsfollow.jurisdiction.valid_to IS 'No longer valid on this day';
COMMENT ON COLUMN smsfollow.jurisdiction.regions IS 'ISO 3166 countries; none: the default, for contacts whom no other row matches';
COMMENT ON COLUMN smsfollow.jurisdiction.subdivision IS 'State or province, second part of its ISO 3166-2 code; * : where the state is not known and smsfollow.unknown_state is strict; NULL: the whole country';
COMMENT ON COLUMN smsfollow.jurisdiction.hours IS 'Hours in which texts may go, in the recipient''s local time; NULL: any';
COMMENT ON COLUMN smsfollow.jurisdiction.holidays IS 'Calendars in smsfollow.holiday on whose days the holiday hours hold';
COMMENT ON COLUMN smsfollow.jurisdiction.consent IS 'Least kind of consent; NULL: says nothing';
COMMENT ON COLUMN smsfollow.jurisdiction.consent_lifetime IS 'Consent of any kind must be renewed after so long; NULL: never';
COMMENT ON COLUMN smsfollow.jurisdiction.implied_lifetime IS 'Implied consent ends after so long at the latest; NULL: never';
COMMENT ON COLUMN smsfollow.jurisdiction.cap_most IS 'Texts that one recipient may get within cap_per (rolling), from all senders';
COMMENT ON COLUMN smsfollow.jurisdiction.cap_same_subject IS 'True: texts of one program count together, those of others apart';
COMMENT ON COLUMN smsfollow.jurisdiction.blocked IS 'True: no marketing texts at all';
COMMENT ON COLUMN smsfollow.jurisdiction.optout IS 'What is asked of opt-outs; smsfollow makes them take effect at once';
COMMENT ON COLUMN smsfollow.jurisdiction.confidence IS 'high: statute or regulator; medium: one good source; low: sources disagree or general knowledge; derived: from other rows';
COMMENT ON COLUMN smsfollow.jurisdiction.reviewed_on IS 'When somebody last looked at the source';

INSERT INTO smsfollow.jurisdiction (name, regions, subdivision, hours, holidays, consent, consent_lifetime, implied_lifetime,
	cap_most, cap_per, cap_same_subject, valid_from, optout, source, confidence, note, builtin, reviewed_on)
SELECT v.name, v.regions, v.subdivision, v.hours, v.holidays, v.consent, v.consent_lifetime, v.implied_lifetime, v.cap_most,
	CASE WHEN v.cap_most IS NOT NULL THEN interval '24 hours' END, v.same_subject, coalesce(v.valid_from, '-infinity'),
	v.optout, v.source, v.confidence, v.note, true, '2026-11-23'
FROM (VALUES
	('us-fed', ARRAY['US', 'PR', 'VI', 'GU', 'AS', 'MP'], NULL::text, '08:00-21:00', '{}'::text[], 'express_written',
		NULL::interval, NULL::interval, NULL::integer, false, NULL::date, '10 business days',
		'47 CFR 64.1200(a)(10)-(12), (c)(1), (d), (e), (f)(9)', 'high', 'Floor for every US number'),
	('us-fl', '{US}', 'FL', '08:00-20:00', '{}', 'express_written', NULL, NULL, 3, true, NULL,
		'15 days after STOP before a suit; federal rules', 'Fla. Stat. 501.059, 501.616(6)(a)-(b); HB 761 (2023)', 'high',
		'An area code lets presume that the recipient lives there'),
	('us-ok', '{US}', 'OK', '08:00-20:00', '{}', 'express_written', NULL, NULL, 3, true, '2022-11-01', '10 business days',
		'Okla. Stat. tit. 15 775C.1-.6 (HB 3168)', 'high', 'An area code lets presume that the recipient lives there'),
	('us-md', '{US}', 'MD', '08:00-20:00', '{}', 'express_written', NULL, NULL, 3, true, '2024-01-01', '10 business days',
		'Md. SB 90, Stop the Spam Calls Act 2023', 'high', 'Names texts'),
	('us-or', '{US}', 'OR', '08:00-20:00', '{}', 'express_written', NULL, NULL, 3, false, '2026-01-01', '10 business days',
		'Or. HB 3865', 'high', 'The cap does not hold after a purchase within 18 months or in reply: give such programs another purpose, or override this row'),
	('us-wa', '{US}', 'WA', '08:00-20:00', '{}', 'express', NULL, NULL, NULL, false, '2022-06-09', 'removal for a year at least',
		'RCW 80.36.390 (HB 1497), 19.190', 'medium', 'Speaks of calls and conversation; in practice applied to texts'),
	('us-ct', '{US}', 'CT', '09:00-20:00', '{}', 'express_written', NULL, NULL, NULL, false, '2023-10-01', '10 business days',
		'Conn. Gen. Stat. 42-288a (PA 23-98)', 'high', NULL),
	('us-tx', '{US}', 'TX', 'Mon-Sat 09:00-21:00; Sun 12:00-21:00', '{}', 'express_written', NULL, NULL, NULL, false, NULL, '10 business days',
		'Tex. Bus. & Com. 301.051; SB 140 (2025-09-01)', 'medium', 'The hours are those for calls, applied to texts in practice'),
	('us-va', '{US}', 'VA', '08:00-21:00', '{}', 'express_written', NULL, NULL, NULL, false, '2026-01-01', 'STOP and UNSUBSCRIBE kept 10 years',
		'Va. Code 59.1-510 to 518 (SB 1339)', 'high', NULL),
	('us-nj', '{US}', 'NJ', '08:00-20:00', '{}', 'express_written', NULL, NULL, NULL, false, '2023-12-01', '10 business days',
		'S921; sources disagree on 20:00 or 21:00', 'low', 'The stricter one is taken'),
	('us-ms', '{US}', 'MS', 'Mon-Sat 08:00-20:00', '{}', 'express_written', NULL, NULL, NULL, false, NULL, '10 business days',
		'Miss. Code 77-3-723 (texts: 77-3-705)', 'medium', 'No Sundays; its ban on holidays was repealed; times are meant in Central time'),
	('us-la', '{US}', 'LA', 'Mon-Sat 08:00-20:00; holidays closed', '{us,us-la}', 'express_written', NULL, NULL, NULL, false, NULL, '10 business days',
		'La. R.S. 45:844.31', 'medium', 'Prior consent may exempt; the state''s own holidays are general knowledge'),
	('us-al', '{US}', 'AL', 'Mon-Sat 08:00-20:00; holidays closed', '{us,us-al}', 'express_written', NULL, NULL, NULL, false, NULL, '10 business days',
		'tables of vendors', 'low', 'One source says that it binds utilities only; the state''s own holidays are general knowledge'),
	('us-ri', '{US}', 'RI', 'Mon-Fri 09:00-18:00; Sat 10:00-17:00; holidays closed', '{us,us-ri}', 'express_written', NULL, NULL, NULL, false, NULL,
		'10 business days', 'R.I. Gen. Laws 5-61-2(9), 5-61-3.6', 'medium', 'Speaks of unsolicited calls; the state''s own holidays are general knowledge'),
	('us-ky', '{US}', 'KY', '10:00-21:00', '{}', 'express_written', NULL, NULL, NULL, false, NULL, '10 business days',
		'KRS 367.46955', 'medium', 'A law on calls, applied to texts in practice'),
	('us-strict', '{US}', '*', 'Mon-Fri 10:00-18:00; Sat 10:00-17:00; holidays closed', '{us,us-la,us-al,us-ri}', 'express_written',
		NULL, NULL, 3, false, NULL, '10 business days', 'all rows of the US together', 'derived', 'For numbers whose state nobody knows'),
	('ca', '{CA}', NULL, '08:00-21:00', '{}', 'implied', NULL, '24 months', NULL, false, NULL, '10 business days; mechanism valid 60 days',
		'CASL s. 6, 10(9)-(10), 11; CRTC guide', 'high (consent), low (hours)',
		'Express or implied; implied: purchase or contract 24 months, inquiry 6 months. CASL has no hours, these are practice'),
	('gb', '{GB,GG,JE,IM}', NULL, '08:00-21:00', '{}', 'soft_opt_in', NULL, NULL, NULL, false, NULL, 'without delay, told in every text',
		'PECR reg. 22-23; DUAA 2025', 'high (consent), low (hours)', 'No hours in law, these are practice'),
	('eu', ARRAY['AT', 'BE', 'BG', 'HR', 'CY', 'CZ', 'DK', 'EE', 'FI', 'AX', 'GR', 'HU', 'IE', 'IT', 'LV', 'LT', 'LU', 'MT', 'NL', 'PL',
		'PT', 'RO', 'SK', 'SI', 'ES', 'SE', 'IS', 'LI', 'NO'], NULL, '08:00-21:00', '{}', 'soft_opt_in', NULL, NULL, NULL, false, NULL,
		'without delay, as easy as consenting', 'ePrivacy directive 2002/58 art. 13; GDPR art. 4(11), 6, 7, 21', 'high (consent), low (hours)',
		'EU and EEA members without a row of their own'),
	('fr', ARRAY['FR', 'GP', 'MQ', 'GF', 'RE', 'YT', 'BL', 'MF'], NULL, 'Mon-Sat 08:00-22:00; holidays closed', '{fr}', 'express',
		NULL, NULL, NULL, false, NULL, 'STOP to 36xxx in the text, without delay', 'CPCE L34-5; rules of the operators', 'high (days), medium (hours)',
		'Stricter readings: Mon-Fri 08:00-20:00, Sat 10:00-18:00'),
	('de', '{DE}', NULL, '08:00-21:00', '{}', 'double_opt_in', NULL, NULL, NULL, false, NULL, 'without delay',
		'UWG s. 7(2)-(3)', 'high (consent), low (hours)', 'Double opt-in is the proof that courts accept; no hours in law'),
	('au', '{AU,CX,CC}', NULL, '08:00-21:00', '{}', 'implied', NULL, NULL, NULL, false, NULL, '5 business days; facility works 30 days',
		'Spam Act 2003 s. 16-18, sch. 2; Spam Regulations 2021', 'high (consent), low (hours)', 'Express or inferred; the hours for calls do not bind texts'),
	('nz', '{NZ}', NULL, '08:00-21:00', '{}', 'implied', NULL, NULL, NULL, false, NULL, '5 working days; facility works 30 days',
		'Unsolicited Electronic Messages Act 2007', 'medium', 'Express, inferred or deemed; general knowledge'),
	('in', '{IN}', NULL, '10:00-21:00', '{}', 'express', NULL, NULL, NULL, false, NULL, 'through DLT and DND',
		'TRAI TCCCPR 2018 as amended 2025-02-12; DLT error 651', 'high', 'Sender, header and template must be registered'),
	('za', '{ZA}', NULL, 'Mon-Fri 08:00-20:00; Sat 09:00-13:00; holidays closed', '{za}', 'express', NULL, NULL, NULL, false, NULL,
		'without delay, free', 'CPA 2008 s. 12 with its regulation; POPIA s. 69', 'high', 'The time of dispatch counts'),
	('ae', '{AE}', NULL, '07:00-21:00', '{}', 'express', NULL, NULL, NULL, false, NULL, 'to 7726 or your own',
		'TDRA, by vendors'' guides', 'high', 'Sender id begins with AD-'),
	('sa', '{SA}', NULL, '08:00-21:00', '{}', 'express', NULL, NULL, NULL, false, NULL, '24 hours',
		'vendors'' guides, which disagree', 'low', 'Sender id ends in -AD'),
	('kr', '{KR}', NULL, '08:00-21:00', '{}', 'express', '2 years', NULL, NULL, false, NULL, 'free number (080) in the text',
		'Network Act art. 50(3), (8); Decree 61, 62-3', 'high (hours), medium (2 years)', 'At night with a consent of its own only; the text begins with the ad label'),
	('default', '{}', NULL, '08:00-20:00', '{}', 'express', NULL, NULL, NULL, false, NULL, 'at once',
		'practice of platforms', 'derived', 'Where no other row matches')
) AS v(name, regions, subdivision, hours, holidays, consent, consent_lifetime, implied_lifetime, cap_most, same_subject, valid_from,
	optout, source, confidence, note);

CREATE VIEW smsfollow.jurisdiction_in_force AS
SELECT j.* FROM smsfollow.jurisdiction j
WHERE NOT (j.builtin AND EXISTS (SELECT FROM smsfollow.jurisdiction x WHERE x.name = j.name AND NOT x.builtin));
COMMENT ON VIEW smsfollow.jurisdiction_in_force IS 'The rows of smsfollow.jurisdiction that count: your own, and the built-in ones that none of yours replaces; of each the validity dates still decide';

CREATE FUNCTION smsfollow.jurisdictions_of(phone text, region text DEFAULT NULL, subdivision text DEFAULT NULL) RETURNS text[]
LANGUAGE c STABLE PARALLEL RESTRICTED
-- definer: reads tables that callers may not read
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'smsfollow_jurisdictions_of';
COMMENT ON FUNCTION smsfollow.jurisdictions_of(text, text, text) IS
'Names of the jurisdictions that apply today to an E.164 number, and to an address if region (ISO 3166) and subdivision (second part of ISO 3166-2) are given. NULL for a NULL phone; error invalid_parameter_value for what is not E.164';
