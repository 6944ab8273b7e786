-- D6, A11: what an error tells of foreign rows. That a value of a global unique constraint is taken cannot be hidden; which
-- row has it, and what else is in it, can. A constraint that leads with the owner tells nothing at all.
\ir lib/people.sql
\connect - owner
CREATE TABLE handles (id int PRIMARY KEY, user_id uuid, handle text UNIQUE, note text CHECK (note <> 'forbidden'));
CREATE TABLE names (id serial PRIMARY KEY, user_id uuid, name text, UNIQUE (user_id, name));
INSERT INTO handles VALUES (1, :alice, 'ally', 'alice''s'), (2, :bob, 'bobby', 'bob''s');
INSERT INTO names (user_id, name) VALUES (:bob, 'agent');
SELECT count(*) FROM warden.protect('handles');
SELECT count(*) FROM warden.protect('names');
GRANT SELECT, INSERT, UPDATE ON handles, names TO gateway;
GRANT USAGE ON SEQUENCE names_id_seq TO gateway;

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(t.error($$ INSERT INTO handles VALUES (3, NULL, 'bobby') $$) ->> 'detail', '', 'A11: a unique violation shows no value');
SELECT t.is(t.error($$ UPDATE handles SET handle = 'bobby' WHERE id = 1 $$) ->> 'detail', '', 'A11: nor does one by UPDATE');
SELECT t.ok(t.error($$ INSERT INTO handles VALUES (3, NULL, 'bobby') $$)::text !~ 'bob''s|bbbbbbbb', 'A11: nor anything else of the row');
SELECT t.rows($$ INSERT INTO names (name) VALUES ('agent') $$, 1, 'a constraint that leads with the owner lets both have the name');
SELECT t.refused($$ INSERT INTO names (name) VALUES ('agent') $$, '23505', 'and one of them have it once');
SELECT t.is(t.error(format('INSERT INTO handles VALUES (4, %L, ''new'')', :bob)) ->> 'detail', '', 'A11: a refused row is not shown');
SELECT t.is(t.error($$ INSERT INTO handles VALUES (5, NULL, 'x', 'forbidden') $$) ->> 'detail', '', 'A11: nor the row a CHECK refuses');
SELECT t.rows('SELECT * FROM names', 1, 'she sees her own name');
ROLLBACK;
SELECT t.done();
