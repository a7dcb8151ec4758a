/*
 * Hours and holidays, as windows and jurisdictions use them.
 */
CREATE FUNCTION smsfollow.check_hours(hours text) RETURNS void
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_check_hours';
COMMENT ON FUNCTION smsfollow.check_hours(text) IS
'Internal: raises invalid_parameter_value, with the reason and a hint, for a specification of hours that cannot be read, overlaps itself or leaves no minute of the week; NULL passes';

CREATE FUNCTION smsfollow.hours_in_common(hours text[], legal_hours text[]) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_hours_in_common';
COMMENT ON FUNCTION smsfollow.hours_in_common(text[], text[]) IS
'Internal: is there a minute of the week that is in all of these? legal_hours end smsfollow.window_margin earlier. NULL elements are left out. Error: invalid_parameter_value for what is no specification of hours';

CREATE TABLE smsfollow.holiday (
	calendar text NOT NULL CHECK (calendar <> '' AND length(calendar) <= 50),
	day date NOT NULL CHECK (isfinite(day)),
	builtin boolean NOT NULL DEFAULT false,
	name text,
	observed boolean NOT NULL DEFAULT true,
	PRIMARY KEY (calendar, day, builtin)
);
COMMENT ON TABLE smsfollow.holiday IS 'Days on which the holiday hours of windows and jurisdictions hold. A row of your own wins over a built-in one of the same day';
COMMENT ON COLUMN smsfollow.holiday.calendar IS 'Name that send_window.holidays and jurisdiction.holidays refer to';
COMMENT ON COLUMN smsfollow.holiday.builtin IS 'True for the days that come with the extension, for 2025 to 2045; they follow its version and are not dumped';
COMMENT ON COLUMN smsfollow.holiday.observed IS 'False: not a holiday after all';

CREATE FUNCTION smsfollow.easter(year integer) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	golden integer := year % 19;
	century integer := year / 100;
	epact integer := (19 * golden + century - century / 4 - (century - (century + 8) / 25 + 1) / 3 + 15) % 30;
	weekday integer := (32 + 2 * (century % 4) + 2 * (year % 100 / 4) - epact - year % 100 % 4) % 7;
	late integer := (golden + 11 * epact + 22 * weekday) / 451;
	n integer := epact + weekday - 7 * late + 114;
BEGIN
	RETURN make_date(year, n / 31, n % 31 + 1);
END
$$;
COMMENT ON FUNCTION smsfollow.easter(integer) IS 'Internal: Easter Sunday of a year by the Gregorian calendar (the anonymous algorithm of 1876)';

CREATE FUNCTION smsfollow.weekday_of_month(year integer, month integer, weekday integer, nth integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN nth > 0 THEN f.day + (weekday - extract(isodow FROM f.day)::integer + 7) % 7 + 7 * (nth - 1)
		ELSE l.day - (extract(isodow FROM l.day)::integer - weekday + 7) % 7 END
	FROM (SELECT make_date(year, month, 1) AS day) f,
		LATERAL (SELECT (f.day + interval '1 month')::date - 1 AS day) l
$$;
COMMENT ON FUNCTION smsfollow.weekday_of_month(integer, integer, integer, integer) IS
'Internal: the nth weekday (1 Monday to 7 Sunday) of a month; nth -1: the last';

/*
 * Facts: 5 USC 6103 (us), Code du travail L3133-1 (fr), Public Holidays Act 36
 * of 1994 (za); what Louisiana, Alabama and Rhode Island add to the federal days
 * is general knowledge, to be checked (notes in smsfollow.jurisdiction).
 * A fixed day at a weekend counts beside the day on which it is observed.
 */
INSERT INTO smsfollow.holiday (calendar, day, name, builtin)
SELECT DISTINCT ON (h.calendar, o.day) h.calendar, o.day, h.name, true
FROM generate_series(2025, 2045) AS y(year)
CROSS JOIN LATERAL (SELECT smsfollow.easter(y.year) AS easter) e
CROSS JOIN LATERAL (VALUES
	('us', make_date(y.year, 1, 1), 'New Year''s Day', 'nearest'),
	('us', smsfollow.weekday_of_month(y.year, 1, 1, 3), 'Birthday of Martin Luther King, Jr.', NULL),
	('us', smsfollow.weekday_of_month(y.year, 2, 1, 3), 'Washington''s Birthday', NULL),
	('us', smsfollow.weekday_of_month(y.year, 5, 1, -1), 'Memorial Day', NULL),
	('us', make_date(y.year, 6, 19), 'Juneteenth', 'nearest'),
	('us', make_date(y.year, 7, 4), 'Independence Day', 'nearest'),
	('us', smsfollow.weekday_of_month(y.year, 9, 1, 1), 'Labor Day', NULL),
	('us', smsfollow.weekday_of_month(y.year, 10, 1, 2), 'Columbus Day', NULL),
	('us', make_date(y.year, 11, 11), 'Veterans Day', 'nearest'),
	('us', smsfollow.weekday_of_month(y.year, 11, 4, 4), 'Thanksgiving Day', NULL),
	('us', make_date(y.year, 12, 25), 'Christmas Day', 'nearest'),
	('us-la', e.easter - 47, 'Mardi Gras', NULL),
	('us-la', e.easter - 2, 'Good Friday', NULL),
	('us-la', CASE WHEN y.year % 2 = 0 THEN smsfollow.weekday_of_month(y.year, 11, 1, 1) + 1 END, 'Election Day', NULL),
	('us-al', e.easter - 47, 'Mardi Gras', NULL),
	('us-al', smsfollow.weekday_of_month(y.year, 4, 1, 4), 'Confederate Memorial Day', NULL),
	('us-al', smsfollow.weekday_of_month(y.year, 6, 1, 1), 'Jefferson Davis'' Birthday', NULL),
	('us-ri', smsfollow.weekday_of_month(y.year, 8, 1, 2), 'Victory Day', NULL),
	('us-ri', CASE WHEN y.year % 2 = 0 THEN smsfollow.weekday_of_month(y.year, 11, 1, 1) + 1 END, 'Election Day', NULL),
	('fr', make_date(y.year, 1, 1), 'Jour de l''An', NULL),
	('fr', e.easter + 1, 'Lundi de Pâques', NULL),
	('fr', make_date(y.year, 5, 1), 'Fête du Travail', NULL),
	('fr', make_date(y.year, 5, 8), 'Victoire 1945', NULL),
	('fr', e.easter + 39, 'Ascension', NULL),
	('fr', e.easter + 50, 'Lundi de Pentecôte', NULL),
	('fr', make_date(y.year, 7, 14), 'Fête nationale', NULL),
	('fr', make_date(y.year, 8, 15), 'Assomption', NULL),
	('fr', make_date(y.year, 11, 1), 'Toussaint', NULL),
	('fr', make_date(y.year, 11, 11), 'Armistice 1918', NULL),
	('fr', make_date(y.year, 12, 25), 'Noël', NULL),
	('za', make_date(y.year, 1, 1), 'New Year''s Day', 'monday'),
	('za', make_date(y.year, 3, 21), 'Human Rights Day', 'monday'),
	('za', e.easter - 2, 'Good Friday', NULL),
	('za', e.easter + 1, 'Family Day', NULL),
	('za', make_date(y.year, 4, 27), 'Freedom Day', 'monday'),
	('za', make_date(y.year, 5, 1), 'Workers'' Day', 'monday'),
	('za', make_date(y.year, 6, 16), 'Youth Day', 'monday'),
	('za', make_date(y.year, 8, 9), 'National Women''s Day', 'monday'),
	('za', make_date(y.year, 9, 24), 'Heritage Day', 'monday'),
	('za', make_date(y.year, 12, 16), 'Day of Reconciliation', 'monday'),
	('za', make_date(y.year, 12, 25), 'Christmas Day', 'monday'),
	('za', make_date(y.year, 12, 26), 'Day of Goodwill', 'monday')) AS h(calendar, day, name, moved)
CROSS JOIN LATERAL (SELECT h.day UNION SELECT CASE
		WHEN extract(isodow FROM h.day) = 7 AND h.moved IS NOT NULL THEN h.day + 1
		WHEN extract(isodow FROM h.day) = 6 AND h.moved = 'nearest' THEN h.day - 1
		ELSE h.day END) AS o(day)
WHERE h.day IS NOT NULL
ORDER BY h.calendar, o.day, h.name;

CREATE FUNCTION smsfollow.set_holiday(calendar text, day date, name text DEFAULT NULL, observed boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql
-- definer: callers write holidays through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF calendar IS NULL OR day IS NULL OR observed IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN calendar IS NULL THEN 'calendar' WHEN day IS NULL THEN 'day' ELSE 'observed' END);
	ELSIF calendar = '' OR length(calendar) > 50 THEN
		RAISE EXCEPTION 'calendar must have 1 to 50 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name it for example after the country.';
	ELSIF NOT isfinite(day) THEN
		RAISE EXCEPTION 'day must be a date' USING ERRCODE = 'invalid_parameter_value', HINT = 'Give one row for each year.';
	END IF;
	INSERT INTO smsfollow.holiday AS h (calendar, day, name, observed)
	VALUES (set_holiday.calendar, set_holiday.day, set_holiday.name, set_holiday.observed)
	ON CONFLICT ON CONSTRAINT holiday_pkey DO UPDATE SET name = EXCLUDED.name, observed = EXCLUDED.observed;
END
$$;
COMMENT ON FUNCTION smsfollow.set_holiday(text, date, text, boolean) IS
'Adds a holiday to a calendar (a new name makes a calendar), or with observed false says that a day is none. A day is a local one, midnight to midnight, where the recipient is. Errors: invalid_parameter_value, null_value_not_allowed';
