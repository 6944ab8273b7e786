-- U11: an export holds every user, twelve fields of each, and nothing secret.
SELECT warden.add_admin_role('boss');
INSERT INTO warden.users (name, email, status) SELECT 'user ' || n, n || '@example.com', CASE WHEN n > 1500 THEN 'deleted' ELSE 'active' END
FROM generate_series(1, 1510) n;
\connect - boss
SELECT warden.export_users()::jsonb AS export \gset
SELECT t.is(jsonb_array_length(:'export'::jsonb -> 'users') || ' ' || (:'export'::jsonb ->> 'total'), '1500 1500', 'U11: nobody is cut off, total = users');
SELECT t.is(string_agg(k, ' ' ORDER BY k), 'exported_at total users', 'U11: the document') FROM jsonb_object_keys(:'export') k;
SELECT t.is(string_agg(DISTINCT k, ' ' ORDER BY k),
    'created_at display_name email email_verified full_name id is_bot is_scanner name roles status updated_at', 'U11: twelve fields, none of them a secret')
FROM jsonb_array_elements(:'export'::jsonb -> 'users') u, jsonb_object_keys(u) k;
SELECT t.is(count(*), 0, 'U11: deleted users are in no export') FROM jsonb_array_elements(:'export'::jsonb -> 'users') u WHERE u->>'name' = 'user 1501';
SELECT t.is(warden.export_users(status => 'pending')->>'total', '0', 'U11: a filter that nobody passes');
SELECT t.is(warden.export_users(status => 'pending')->>'users', '[]', 'U11: is an empty list');
SELECT t.is(detail->>'users', '1500', 'U11: the export is on the record') FROM warden.audit_log WHERE action = 'export_users' ORDER BY id LIMIT 1;
SELECT t.done();
