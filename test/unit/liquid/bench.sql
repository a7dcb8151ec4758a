-- Microseconds per render of a parsed template.
\ir setup.sql
SELECT round(liquid_unit_bench(template, vars::jsonb, 200000)::numeric, 2) || ' us  ' || template
FROM (VALUES
	('Hi {{ name }}', '{"name": "Jane"}'),
	('Hi {{ first_name | default: ''there'' }}, your order {{ order.id }} ships {{ date | date: ''%b %d'' }}. Reply STOP to opt out.',
	 '{"first_name": "Jane", "last_name": "Doe", "order": {"id": 123456, "total": 12.5}, "date": "2026-01-05T15:00:00Z", "city": "Berlin"}'),
	('{% for i in items %}{{ i.q }}x {{ i.n }}{% unless forloop.last %}, {% endunless %}{% endfor %} = {{ total | money: ''USD'' }}',
	 '{"items": [{"q": 1, "n": "Tea"}, {"q": 2, "n": "Milk"}, {"q": 3, "n": "Honey"}], "total": 1234.5}')
) AS v(template, vars);
