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
\connect - app
SELECT t.refused(format('SELECT warden.user_activity(%L)', :alice), '42501', 'U16: not for clients');
\connect - gateway
SELECT t.refused(format('SELECT warden.user_activity(%L)', :alice), '42501', 'U16: nor for gateways');
SELECT t.done();
