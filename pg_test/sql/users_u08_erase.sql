-- U8, G9: deletion for good: with a rule for the rows, no orphan, and the record of it.
\ir lib/people.sql
\ir lib/belongings.sql
SELECT belongings() AS before \gset
SELECT warden.update_user(:alice, name => 'alice', email => 'alice@example.com');
SELECT warden.link_identity(:alice, 'https://id.example.com', 'alice');
\connect - postgres
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at) VALUES (:alice, 'login', '{}', now() + interval '1 hour');
INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes) VALUES (:alice, 'key', 'prefix', 'hash', '{}');
\connect - gateway
SELECT t.refused(format('SELECT warden.erase_user(%L)', :alice), '42501', 'G9: a gateway erases nobody');
\connect - app
SELECT t.refused(format('SELECT warden.erase_user(%L)', :alice), '42501', 'G9: nor does a client');
\connect - boss
SELECT t.refused(format('SELECT warden.erase_user(%L)', :alice), '55000', 'U8: refused while there are rows, unless it is said what becomes of them', 'owns rows');
SELECT t.is(t.error(format('SELECT warden.erase_user(%L)', :alice))->>'detail', E'public.codes: 1 rows\npublic.conversations: 1 rows\npublic.events: 2 rows\n'
    || E'public.files: 2 rows\npublic.invoices: 1 rows\npublic.letters: 2 rows\npublic.messages: 2 rows\npublic.notes: 3 rows\npublic.orders: 2 rows\n'
    || E'public.points: 1 rows\npublic.replies: 1 rows\npublic.visits: 4 rows\nshop.carts: 1 rows\nshop.items: 2 rows', 'U8: with the tables, children too');
SELECT t.refused(format('SELECT warden.erase_user(%s)', replace(replace(a, '$', :alice), '#', :bob)), state, 'U8: ' || a)
FROM (VALUES ('''$'', ''keep''', '22023'), ('''$'', NULL', '22023'), ('''$'', ''transfer''', '22023'), ('''$'', ''cascade'', ''#''', '22023'),
    ('''$'', ''transfer'', ''$''', '22023'), ('''$'', ''transfer'', gen_random_uuid()', 'P0002'), ('gen_random_uuid()', 'P0002'), ('NULL', 'P0002')) AS v (a, state);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT t.refused(format('SELECT warden.erase_user(%L, ''cascade'')', :alice), '55000', 'U8: not by an old snapshot', 'isolation');
COMMIT;

-- Transferred.
BEGIN;
SELECT t.is(concat_ws('/', sessions, tables, total_rows), '1/12/22', 'U8: transfer') FROM warden.erase_user(:alice, 'transfer', :bob);
SELECT t.is(belongings(), 'public.codes: bob/2; public.conversations: bob/2; public.events: bob/3; public.files: bob/3; '
    || 'public.invoices: bob/2; public.letters: bob/3; public.notes: bob/5; public.orders: bob/3; public.points: bob/2; public.visits: bob/5; '
    || 'shop.carts: bob/2; shop.items: bob/3', 'U8: gives every row to the other user');
ROLLBACK;
-- Erased with everything.
SELECT * FROM warden.erase_user(:alice, 'cascade') \gset
SELECT t.is(concat_ws('/', :'sessions', :'tables', :'total_rows'), '1/14/25', 'U8: cascade');
SELECT t.is(:'rows_by_table'::jsonb ->> 'public.replies', '1', 'U8: children first, whatever their foreign keys say');
SELECT t.is(belongings(), 'public.codes: bob/1; public.conversations: bob/1; public.events: bob/1; public.files: bob/1; '
    || 'public.invoices: bob/1; public.letters: bob/1; public.notes: bob/2; public.orders: bob/1; public.points: bob/1; public.visits: bob/1; '
    || 'shop.carts: bob/1; shop.items: bob/1', 'U8: the rows of others stay');
SELECT t.refused(format('SELECT warden.erase_user(%L, ''cascade'')', :alice), 'P0002', 'U8: a second time there is nobody');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :alice), 'P0002', 'U8: and nobody to restore');
SELECT t.is(detail, jsonb_build_object('data', 'cascade', 'sessions', 1, 'total_rows', 25, 'rows_by_table', :'rows_by_table'::jsonb), 'G9: recorded')
FROM warden.audit_log WHERE action = 'erase_user' AND object = :alice;
SELECT t.ok(count(*) > 1, 'U8: what was recorded of the user is kept, with its id') FROM warden.audit_log WHERE object = :alice AND action <> 'erase_user';
\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.users WHERE id = :alice) + (SELECT count(*) FROM warden.identities WHERE user_id = :alice)
    + (SELECT count(*) FROM warden.sessions WHERE user_id = :alice) + (SELECT count(*) FROM warden.api_keys WHERE user_id = :alice),
    0, 'G9: no user, identity, session or key is left');
\connect - boss
SELECT t.succeeds($$ SELECT warden.create_user('7', name => 'alice', email => 'alice@example.com') $$, 'U8: external id, name and email are free');
-- One that was deleted softly before, and one without rows.
SELECT warden.create_user('9') AS carol \gset
SELECT warden.delete_user(:'carol');
SELECT t.is(concat_ws('/', sessions, tables, total_rows), '0/0/0', 'U8: who owns nothing is erased by the default') FROM warden.erase_user(:'carol');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'carol'), 'P0002', 'U8: for good');

-- Somebody else's table refers to a row: nothing happens by halves.
SELECT belongings() AS before \gset
\connect - postgres
CREATE TABLE audit_of_orders (order_id int REFERENCES orders);
INSERT INTO audit_of_orders SELECT id FROM orders;
\connect - boss
SELECT t.refused(format('SELECT warden.erase_user(%L, ''cascade'')', :bob), '23503', 'U8: a row that others refer to is not deleted');
SELECT t.is(belongings(), :'before', 'U8: nor is any other then');
-- What was taken out of tables for a user goes with it.
SELECT warden.create_user('10') AS dave \gset
SELECT warden.create_user('11') AS erin \gset
\connect - owner
CREATE TABLE settings (user_id uuid PRIMARY KEY, theme text);
INSERT INTO settings VALUES (:'dave', 'secret'), (:'erin', 'light');
SELECT warden.protect('settings');
\connect - boss
SELECT t.is(taken_out, 1, 'a row is taken out') FROM warden.merge_users(:'dave', :'erin', 'keep_target');
\connect - postgres
SELECT t.is(count(*), 1, 'and kept') FROM warden.merged_rows;
\connect - boss
SELECT t.is(total_rows, 1, 'its new owner is erased') FROM warden.erase_user(:'erin', 'cascade');
\connect - postgres
SELECT t.is(count(*), 0, 'U8: with it') FROM warden.merged_rows;

-- The external id of an erased user is free: what the next one to have it writes is not what the first left open.
\connect - boss
SELECT warden.create_user('21') AS fred \gset
SELECT warden.create_user('22') AS gina \gset
SELECT warden.create_user('23') AS hana \gset
SELECT warden.erase_user(:'fred', 'cascade');
SELECT warden.erase_user(:'gina', 'transfer', :'hana');
SELECT warden.create_user('21') AS new_fred \gset
SELECT warden.create_user('22') AS new_gina \gset
\connect - postgres
INSERT INTO letters VALUES (21, '21', 'of the new one'), (22, '22', 'of the new one'), (23, :'fred', 'late');
INSERT INTO conversations VALUES (21, :'fred'), (22, :'gina');
\connect - boss
SELECT t.is(warden.settle_departures(), 3, 'U8: what the first ones wrote late is settled');
SELECT t.is(warden.settle_departures(), 0, 'U8: once');
\connect - postgres
SELECT t.is(string_agg(id || ' ' || owner, ', ' ORDER BY id), '21 21, 22 22', 'U8: rows of new users with the same external ids stay theirs') FROM letters WHERE id > 20;
SELECT t.is(string_agg(id || ' ' || (user_id = :'hana'), ', '), '22 true', 'U8: those by id went where they had to') FROM conversations WHERE id > 20;
-- Nor when the new one has gone by then.
\connect - boss
SELECT t.is(warden.erase_user(:'new_gina', 'transfer', :'hana') IS NOT NULL, true, 'the second is transferred');
\connect - postgres
INSERT INTO letters VALUES (24, '22', 'late, of the second');
\connect - boss
SELECT t.is(warden.settle_departures(), 1, 'U8: what the second wrote late goes');
\connect - postgres
SELECT t.is(owner, '23', 'U8: to whom the second one''s went') FROM letters WHERE id = 24;
SELECT t.done();
