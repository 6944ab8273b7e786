-- U16: when a user was last active, and how much it has: real counts, of every protected table.
\ir lib/people.sql
\ir lib/belongings.sql
\connect - postgres
SELECT clock_timestamp() - interval '2 hours' AS then \gset
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at, last_active_at, ended_at, end_reason) VALUES
    (:alice, 'login', '{}', now() + interval '1 hour', :'then', NULL, NULL),
    (:alice, 'login', '{}', now() + interval '1 hour', :'then'::timestamptz - interval '1 hour', now(), 'logout');
\connect - boss
SELECT * FROM warden.user_activity(:alice) \gset
SELECT t.is(:'last_active'::timestamptz, :'then'::timestamptz, 'U16: last_active');
SELECT t.is(:'session_count' || '/' || :'active_sessions', '2/1', 'U16: sessions');
SELECT t.is(:'total_rows', '25', 'U16: rows in all');
SELECT t.is(:'rows_by_table'::jsonb, '{"public.notes": 3, "public.letters": 2, "public.codes": 1, "public.points": 1, "public.invoices": 1,
    "public.orders": 2, "public.conversations": 1, "public.messages": 2, "public.replies": 1, "public.events": 2, "public.visits": 4, "public.files": 2,
    "shop.carts": 1, "shop.items": 2}'::jsonb, 'U16: and by table: the messages of conversations are counted');
SELECT warden.create_user('9') AS carol \gset
SELECT t.is(concat_ws('/', coalesce(last_active::text, 'never'), session_count, total_rows, (SELECT count(*) FROM jsonb_object_keys(rows_by_table))), 'never/0/0/14',
    'U16: who has nothing has 0 of everything') FROM warden.user_activity(:'carol');
SELECT t.refused('SELECT warden.user_activity(gen_random_uuid())', 'P0002', 'U16: an unknown user');
SELECT warden.delete_user(:'carol');
SELECT t.refused(format('SELECT warden.user_activity(%L)', :'carol'), 'P0002', 'U16: a deleted one');

-- With sessions: bob's latest is older than alice's; carol is deleted, dave and erin have none, a visitor is none of them.
\connect - postgres
SELECT warden.create_user(name => 'dave') AS dave, warden.create_user(name => 'erin') AS erin, warden.create_anonymous_user('browser') AS visitor \gset
UPDATE warden.users SET created_at = '2026-01-01' WHERE id = :'dave';
UPDATE warden.users SET name = 'alice' WHERE id = :alice;
UPDATE warden.users SET name = 'bob' WHERE id = :bob;
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at, started_at)
SELECT u, 'login', '{}', now() + e, :'then'::timestamptz - s FROM (VALUES (:bob::uuid, interval '1 day', interval '1 day'), (:bob, '-1 minute', '1 hour'),
    (:'visitor', '1 day', '0'), (:'carol', '1 day', '0'), (:alice, '1 day', '9 days'), (:alice, '1 day', '8 days')) AS v (u, e, s);
UPDATE warden.sessions SET idle_expires_at = now() WHERE started_at = :'then'::timestamptz - interval '9 days';
\connect - boss
SELECT t.is(string_agg(concat_ws(' ', name, active_sessions, last_session_at IS NOT NULL), ', '), 'alice 2 t, bob 1 t, erin 0 f, dave 0 f',
    'U16: that of the latest session first, those without last; only live ones count') FROM warden.list_users_with_sessions();
SELECT t.is(last_session_at, :'then'::timestamptz - interval '1 hour', 'U16: when the latest began, over or not') FROM warden.list_users_with_sessions() WHERE name = 'bob';
SELECT t.is((SELECT string_agg(name, ' ') FROM warden.list_users_with_sessions(page_size, skip)), names, format('U16: %s after %s', page_size, skip))
FROM (VALUES (1, 0, 'alice'), (2, 1, 'bob erin'), (2, 2, 'erin dave'), (100, 3, 'dave'), (9, 4, NULL)) AS p (page_size, skip, names);
SELECT t.refused('SELECT * FROM warden.list_users_with_sessions(' || a || ')', '22023', 'U16: refused: ' || a) FROM (VALUES ('0'), ('101'), ('-1'), ('NULL'), ('1, -1'), ('1, NULL')) AS b (a);
SELECT t.is((SELECT string_agg(concat_ws(' ', status, active_sessions, last_session_at IS NULL), ', ') FROM warden.find_user_with_sessions(id::uuid)), found, 'U16: one user: ' || who)
FROM (VALUES ('bob', :bob, 'active 1 f'), ('erin', :'erin', 'active 0 t'), ('a visitor', :'visitor', 'active 1 f'), ('a deleted one', :'carol', NULL), ('nobody', NULL, NULL)) AS f (who, id, found);
SELECT warden.set_user_status(:alice, 'suspended');
SELECT t.is(active_sessions || ' ' || status, '0 suspended', 'U16: none of a suspended user is live') FROM warden.find_user_with_sessions(:alice);
SELECT t.is(count(*), 4, 'U16: who is listed all the same') FROM warden.list_users_with_sessions();
SELECT warden.set_user_status(:alice, 'active');
\connect - app
SELECT t.refused(format(c, :alice), '42501', 'U16: not for clients: ' || c)
FROM (VALUES ('SELECT warden.user_activity(%L)'), ('SELECT warden.find_user_with_sessions(%L)'), ('SELECT warden.list_users_with_sessions() -- %L')) AS r (c);
\connect - gateway
SELECT t.refused(format(c, :alice), '42501', 'U16: nor for gateways: ' || c)
FROM (VALUES ('SELECT warden.user_activity(%L)'), ('SELECT warden.find_user_with_sessions(%L)'), ('SELECT warden.list_users_with_sessions() -- %L')) AS r (c);
SELECT t.done();
