-- D4, D6: ON CONFLICT and constraints tell and change nothing of another user's row.
\ir lib/people.sql
\connect - owner
CREATE TABLE documents (user_id uuid, name text, body text, PRIMARY KEY (user_id, name));
CREATE TABLE global (id int PRIMARY KEY, user_id uuid, body text CHECK (body <> 'bad'));
INSERT INTO documents VALUES (:bob, 'diary', 'secret');
INSERT INTO global VALUES (1, :bob, 'secret');
SELECT count(*) FROM warden.protect('documents');
SELECT count(*) FROM warden.protect('global');
-- CVE-2026-120154, CVE-2026-16237: through views that can be written.
CREATE VIEW by_invoker WITH (security_invoker) AS SELECT * FROM global;
CREATE VIEW by_owner AS SELECT * FROM global;
CREATE VIEW some_of_it WITH (security_barrier) AS SELECT * FROM global WHERE id > 0 WITH CHECK OPTION;
GRANT SELECT, INSERT, UPDATE, DELETE ON documents, global, by_invoker, by_owner, some_of_it TO gateway;

\connect - postgres
GRANT CREATE ON SCHEMA public TO gateway;
CREATE TABLE public.leaked (what text);
GRANT ALL ON public.leaked TO gateway;
\connect - gateway
CREATE FUNCTION leak(what anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE NOTICE 'leaked %', what; INSERT INTO leaked VALUES (what::text); RETURN true; END $$;
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows($$ INSERT INTO documents (name, body) VALUES ('diary', 'mine') $$, 1, 'a key that leads with the owner is no oracle');
SELECT t.refused($$ INSERT INTO global (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = 'taken' WHERE leak(global.body) $$, '42501', 'ON CONFLICT DO UPDATE with a leaky condition');
SELECT t.refused($$ INSERT INTO global (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = global.body || excluded.body $$, '42501', 'ON CONFLICT DO UPDATE');
SELECT t.rows($$ INSERT INTO global (id) VALUES (1) ON CONFLICT DO NOTHING RETURNING leak(body) $$, 0, 'ON CONFLICT DO NOTHING returns nothing');
SELECT t.rows($$ SELECT * FROM documents WHERE leak(body) $$, 1, 'a leaky condition is asked about her own row only');
SELECT t.rows($$ DELETE FROM global WHERE leak(body) $$, 0, 'also by DELETE');
SELECT t.refused(format($$ INSERT INTO %I (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = 'taken' WHERE leak(%1$I.body) $$, name), '42501', 'ON CONFLICT DO UPDATE through ' || name)
FROM unnest('{by_invoker,by_owner,some_of_it}'::text[]) AS name;
SELECT t.refused(format($$ INSERT INTO %I (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING leak(body) $$, name), '42501', 'with RETURNING through ' || name)
FROM unnest('{by_invoker,by_owner,some_of_it}'::text[]) AS name;
SELECT t.rows(format($$ INSERT INTO %I (id) VALUES (1) ON CONFLICT DO NOTHING RETURNING leak(body) $$, name), 0, 'ON CONFLICT DO NOTHING through ' || name)
FROM unnest('{by_invoker,by_owner,some_of_it}'::text[]) AS name;
SELECT t.rows(format($$ UPDATE %I SET body = 'taken' WHERE leak(body) $$, name), 0, 'UPDATE through ' || name)
FROM unnest('{by_invoker,by_owner,some_of_it}'::text[]) AS name;
SELECT t.refused(format($$ INSERT INTO %I (id, user_id) VALUES (7, %L) $$, name, :bob), '42501', 'INSERT for bob through ' || name)
FROM unnest('{by_invoker,by_owner,some_of_it}'::text[]) AS name;
SELECT t.rows(format($$ WITH mine AS (INSERT INTO %I (id, body) VALUES (8, 'mine') ON CONFLICT (id) DO UPDATE SET body = 'mine' RETURNING *) SELECT FROM mine $$, name), 1, 'her own through ' || name)
FROM unnest('{by_invoker,by_owner,some_of_it}'::text[]) AS name;
DELETE FROM global WHERE id = 8;
SELECT t.is(string_agg(what, ' '), 'mine', 'and has seen nothing else') FROM leaked;

-- What an error says.
SELECT t.ok(t.error($$ INSERT INTO global VALUES (1, NULL, 'x') $$)::text !~ 'secret', 'a unique violation shows no value of bob''s row');
SELECT t.ok(t.error(format($$ INSERT INTO global VALUES (5, %L, 'bad') $$, :bob)) ->> 'sqlstate' = '42501', 'the policy answers before a CHECK of the row');
SELECT t.ok(t.error($$ INSERT INTO global VALUES (1, 'bbbbbbbb-0000-4000-8000-000000000002', 'x') $$) ->> 'sqlstate' = '42501', 'and before the key is looked for');
COMMIT;
\connect - postgres
SELECT t.is(string_agg(body, ' '), 'secret', 'bob''s row is as it was') FROM global;
SELECT t.done();
