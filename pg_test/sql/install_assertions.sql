-- The assertions themselves: each says "not ok" when it should, for any role, whatever stands in the search_path.
SELECT t.ok(t.ok(true, 'x') = 'ok - x', 'ok: true');
SELECT t.ok(t.ok(false, 'x') LIKE 'not ok - x%', 'ok: false fails');
SELECT t.ok(t.ok(NULL, 'x') LIKE 'not ok - x%', 'ok: NULL fails');
SELECT t.ok(t.is(1, 1::bigint, 'x') = 'ok - x', 'is: equal after conversion');
SELECT t.ok(t.is(NULL::int, NULL, 'x') = 'ok - x', 'is: NULL is NULL');
SELECT t.ok(t.is(1, NULL, 'x') LIKE 'not ok - x%', 'is: a value is not NULL');
SELECT t.ok(t.is('a', 'b', 'x') LIKE 'not ok - x%got: a%expected: b', 'is: a difference fails and is shown');
SELECT t.ok(t.isnt('a', 'b', 'x') = 'ok - x', 'isnt: a difference');
SELECT t.ok(t.isnt('a', 'a', 'x') LIKE 'not ok - x%', 'isnt: the same fails');
SELECT t.ok(t.matches('abc', '^a.c$', 'x') = 'ok - x', 'matches: a match');
SELECT t.ok(t.matches('abc', '^b', 'x') LIKE 'not ok - x%', 'matches: no match fails');
SELECT t.ok(t.matches(NULL, '', 'x') LIKE 'not ok - x%', 'matches: NULL fails');
SELECT t.ok(t.refused('SELECT 1/0', '22012', 'x', 'by zero') = 'ok - x', 'refused: as expected');
SELECT t.ok(t.refused('SELECT 1/0', '42501', 'x') LIKE 'not ok - x%22012: division%', 'refused: another state fails');
SELECT t.ok(t.refused('SELECT 1/0', '22012', 'x', 'nothing') LIKE 'not ok - x%', 'refused: another message fails');
SELECT t.ok(t.refused('SELECT 1', '22012', 'x') LIKE 'not ok - x%success%', 'refused: success fails');
SELECT t.is(t.error('SELECT 1/0')->>'message', 'division by zero', 'error: the fields of the error');
SELECT t.ok(t.error('SELECT 1') IS NULL, 'error: NULL for success');
SELECT t.ok(t.rows('SELECT generate_series(1, 3)', 3, 'x') = 'ok - x', 'rows: as many');
SELECT t.ok(t.rows('SELECT 1', 3, 'x') LIKE 'not ok - x%1 rows, expected 3', 'rows: another number fails');
SELECT t.ok(t.rows('SELECT 1/0', 3, 'x') LIKE 'not ok - x%22012%', 'rows: an error fails');
SELECT t.ok(t.succeeds('SELECT 1/0', 'x') LIKE 'not ok - x%22012%', 'succeeds: an error fails');

CREATE TABLE effects (n int);
SELECT t.succeeds('INSERT INTO effects VALUES (1)', 'succeeds: success');
SELECT t.is(count(*), 1, 'succeeds keeps the effects') FROM effects;
SELECT t.rows('INSERT INTO effects VALUES (2), (3)', 2, 'rows counts what a statement changes');
SELECT t.is(t.error('DELETE FROM effects'), NULL, 'error: success is undone');
SELECT t.is(count(*), 3, 'and has no effects') FROM effects;

\connect - mallory_login
SELECT t.is(current_user, 'mallory_login', 'an ordinary login may assert');
SELECT t.refused('CREATE TABLE public.x ()', '42501', 'and is refused what its role is refused');
SELECT t.refused('SELECT * FROM public.effects', '42501', 'in tables too');
BEGIN READ ONLY;
SELECT t.ok(true, 'in a read only transaction');
ROLLBACK;

-- An operator that always agrees, planted by one who may create.
\connect - owner
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR public.= (FUNCTION = public.always, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR public.~ (FUNCTION = public.always, LEFTARG = text, RIGHTARG = text);
SET search_path = public, pg_catalog;
SELECT t.is('a'::text = 'b'::text, true, 'the planted operator is in force');
SELECT t.ok(t.is('a'::text, 'b', 'x') OPERATOR(pg_catalog.~~) 'not ok - x%', 'is does not fall for it');
SELECT t.ok(t.matches('a', 'b', 'x') OPERATOR(pg_catalog.~~) 'not ok - x%', 'nor does matches');
SELECT t.ok(t.refused('SELECT 1/0', '42501', 'x') OPERATOR(pg_catalog.~~) 'not ok - x%', 'nor does refused');

SELECT t.done();
