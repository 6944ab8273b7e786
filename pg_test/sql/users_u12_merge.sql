-- U12: two users become one, in every protected table and in one transaction; what let anybody in as the source is gone.
\ir lib/people.sql
\ir lib/belongings.sql
SELECT warden.update_user(:alice, name => 'alice', email => 'alice@example.com');
SELECT warden.link_identity(:alice, 'https://id.example.com', 'alice');
\connect - postgres
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at) VALUES (:alice, 'login', '{}', now() + interval '1 hour'), (:alice, 'login', '{}', now() + interval '1 hour'), (:bob, 'login', '{}', now() + interval '1 hour');
INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes) VALUES (:alice, 'key', 'prefix', 'hash', '{}');

\connect - gateway
BEGIN;
SELECT t.is(seen_by(:alice), '1 2 2 1 4 2', 'alice sees her rows');
COMMIT;
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), '42501', 'U12: a gateway merges nobody');
\connect - app
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), '42501', 'U12: nor does a client');

\connect - boss
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :alice), '22023', 'U12, F4: not with oneself', 'same user');
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, gen_random_uuid())', :alice), 'P0002', 'U12, F4: not into nobody');
SELECT t.refused(format('SELECT * FROM warden.merge_users(gen_random_uuid(), %L)', :alice), 'P0002', 'U12, F4: nor nobody into somebody');
SELECT t.refused(format('SELECT * FROM warden.merge_users(NULL, %L)', :alice), 'P0002', 'U12: NULL is nobody');
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, NULL)', :alice), 'P0002', 'U12: NULL is nobody, either way');
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L, %L)', :alice, :bob, 'newest'), '22023', 'U12: an unknown rule');
SELECT warden.create_user('9') AS carol \gset
SELECT warden.delete_user(:'carol');
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :'carol', :bob), 'P0002', 'U12, F4: nor a deleted user');
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :bob, :'carol'), 'P0002', 'U12, F4: nor into one');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), '55000', 'U12: not by an old snapshot', 'isolation');
COMMIT;

SELECT belongings() AS before \gset
BEGIN;
SELECT * FROM warden.merge_users(:alice, :bob) \gset
SELECT t.is(belongings(), 'public.codes: bob/2; public.conversations: bob/2; public.events: bob/3; public.files: bob/3; '
    || 'public.invoices: bob/2; public.letters: bob/3; public.notes: bob/5; public.orders: bob/3; public.points: bob/2; public.visits: bob/5; '
    || 'shop.carts: bob/2; shop.items: bob/3',
    'U12: not a row of the source is left in any protected table, none is lost');
ROLLBACK;
SELECT t.is(belongings(), :'before', 'all of it is one transaction');
SELECT warden.merge_users(:alice, :bob);
SELECT t.is(:'sessions', '2', 'U12: sessions');
SELECT t.is(:'tables', '12', 'U12: tables');
SELECT t.is(:'total_rows', '22', 'U12: total_rows');
SELECT t.is(:'taken_out', '0', 'U12: nothing taken out');
SELECT t.is(:'rows_by_table'::jsonb, '{"public.notes": 3, "public.letters": 2, "public.codes": 1, "public.points": 1, "public.invoices": 1,
    "public.orders": 2, "public.conversations": 1, "public.events": 2, "public.visits": 4, "public.files": 2, "shop.carts": 1, "shop.items": 2}'::jsonb,
    'U12: partitions and children are counted once, with their table');
SELECT t.is(detail - '{merge_id}'::text[], jsonb_build_object('source', :alice, 'target', :bob, 'sessions', 2, 'total_rows', 22, 'taken_out', 0,
    'rows_by_table', :'rows_by_table'::jsonb), 'U12: the record') FROM warden.audit_log WHERE action = 'merge_users';
SELECT t.is(object, :alice, 'U12: the records of the source name it still') FROM warden.audit_log WHERE action = 'link_identity';
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), 'P0002', 'U12: a second time there is nobody to merge');
SELECT t.rows(format('SELECT * FROM warden.find_user(%L)', i), 0, 'U12: the source is not found by ' || i)
FROM (VALUES (:alice), ('7'), ('alice'), ('alice@example.com')) AS f (i);
SELECT t.succeeds($$ SELECT warden.create_user(name => 'alice', email => 'alice@example.com') $$, 'U12: its name and email are free');
SELECT t.refused($$ SELECT warden.create_user('7') $$, '23505', 'its external id is not: it may stand in what others have written down');
SELECT t.is(roles::text || status, '{user}active', 'U12: the target is as before') FROM warden.find_user(:bob);

\connect - gateway
SELECT t.refused(format('SELECT seen_by(%L)', :alice), '28000', 'U12: nobody comes in as the source');
BEGIN;
SELECT t.is(seen_by(:bob), '3 3 3 2 5 3', 'U12: the target sees what both had, children too');
COMMIT;
\connect - postgres
SELECT t.is(count(*), 0, 'U12: the federated identity is gone, not moved') FROM warden.identities;
SELECT t.is(count(*), 0, 'U12: so are its keys') FROM warden.api_keys;
SELECT t.is(count(*), 1, 'U12: and its sessions, and those of the target are not touched') FROM warden.sessions WHERE ended_at IS NULL;
SELECT t.is(count(*), 5, 'U12: the tenant stays') FROM notes WHERE tenant_id = 'ccccffff-0000-4000-8000-00000000000c';
SELECT t.is(count(*), 3, 'rows have moved to the partition of their owner') FROM shop.items WHERE user_id = :bob;
SELECT t.is(count(*), 14, 'and protection stands') FROM warden.protected_tables WHERE intact AND follows IS NULL;

-- What is restored is empty, and stays so.
\connect - boss
SELECT t.is(warden.restore_user(:alice), true, 'who was merged can be restored');
SELECT t.is(roles::text || '/' || status || '/' || coalesce(name, 'no name'), '{}/inactive/no name', 'as an empty account') FROM warden.find_user(:alice);
SELECT t.is(sum(r.value::int), 0, 'without rows') FROM warden.user_activity(:alice) a CROSS JOIN LATERAL jsonb_each_text(a.rows_by_table) r;
SELECT t.done();
