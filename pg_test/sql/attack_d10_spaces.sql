-- D10: a policy that differs from ours only by spaces within quotes lets through other rows, and is not ours. Spaces and
-- line breaks beside them are nothing.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
\connect - owner
CREATE TABLE notes (id int, user_id uuid, "a  b" text, "a b" text);
GRANT SELECT ON notes TO app;
SELECT t.ok(count(*) > 0, 'a protected table') FROM warden.protect('notes');
BEGIN;
SELECT warden.begin_admin('rows');
INSERT INTO notes VALUES (1, :alice, 'one  two', 'x'), (2, :alice, 'one two', 'one  two');
COMMIT;
SELECT t.ok(warden.allow('notes', 'SELECT', $$"a  b" = 'one  two'$$, 'two spaces, twice') IS NOT NULL, 'an allowance with spaces in it');
SELECT t.ok(intact, 'is in force') FROM warden.protected_tables;

SELECT t.refused(format('ALTER POLICY warden_select ON notes USING ((user_id = warden.current_user_id()) OR (%s))', predicate), '55000',
    'another policy: ' || predicate)
FROM (VALUES ($$"a  b" = 'one two'$$), ($$"a b" = 'one  two'$$), ($$"a  b" = 'one   two'$$), ($$"a  b" = E'one\n two'$$),
    ($$"a  b" = E'one\t two'$$)) AS p (predicate);
SELECT t.succeeds($$ALTER POLICY warden_select
    ON notes USING ((user_id    =
        warden.current_user_id())   OR ("a  b"  =  'one  two'))$$, 'the same, written with other spaces');
SELECT t.ok(intact, 'is the same') FROM warden.protected_tables;
-- Past the event trigger, as a superuser can.
\connect - postgres
SET session_replication_role = replica;
ALTER POLICY warden_select ON notes USING ((user_id = warden.current_user_id()) OR ("a  b" = 'one two'));
RESET session_replication_role;
SELECT t.ok(NOT intact, 'what has got there is told') FROM warden.protected_tables;

\connect - app
SELECT t.is(string_agg(id::text, ' '), '2', 'and shows another row') FROM notes;
\connect - owner
SELECT t.ok(count(*) > 0, 'protect mends it') FROM warden.protect('notes');
SELECT t.ok(intact, 'is intact again') FROM warden.protected_tables;
\connect - app
SELECT t.is(string_agg(id::text, ' '), '1', 'the row that was allowed') FROM notes;
\connect - owner

-- Quotes within quotes do not end them.
SELECT t.ok(warden.allow('notes', 'SELECT', $$"a b" = 'it''s  "one'$$, 'quotes') IS NOT NULL, 'quotes of both kinds');
SELECT t.ok(intact, 'are in force') FROM warden.protected_tables;
SELECT t.refused($$ALTER POLICY warden_select ON notes
    USING ((user_id = warden.current_user_id()) OR ("a  b" = 'one  two') OR ("a b" = 'it''s "one'))$$, '55000', 'and keep their spaces');
SELECT t.done();
