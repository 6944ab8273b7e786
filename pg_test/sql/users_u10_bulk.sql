-- U10: many users at once: by a filter, counted first, and never the last who administers. Never who calls: users_g09_self.sql.
SELECT warden.add_admin_role('boss');
INSERT INTO warden.users (name, status, roles, created_at)
SELECT 'user ' || n, CASE WHEN n <= 10 THEN 'pending' WHEN n <= 15 THEN 'deleted' ELSE 'active' END, '{user}', now() - interval '1 day' * (40 - n)
FROM generate_series(1, 30) n;
INSERT INTO warden.users (name, roles, created_at) VALUES ('owner 1', '{owner}', now() - interval '99 days'), ('owner 2', '{owner}', now());
\connect - boss
SELECT t.refused('SELECT warden.bulk_' || call, '22023', 'U10: refused: ' || call)
FROM (VALUES ('delete_users()'), ('delete_users(dry_run => false)'), ('update_users(''inactive'', dry_run => false)'),
    ('update_users(''deleted'', role => ''user'')'), ('update_users(NULL, role => ''user'')'), ('delete_users(status => ''deleted'')'),
    ('delete_users(role => ''user'', max_users => 0)'), ('delete_users(role => ''user'', max_users => NULL)')) AS r (call);
SELECT t.is(warden.bulk_update_users('inactive', status => 'pending'), 10, 'U10: by default only counted');
SELECT t.is(warden.count_users('pending'), 10, 'U10: nothing has changed');
SELECT t.is(warden.bulk_update_users('inactive', status => 'pending', dry_run => NULL), 10, 'U10: nor for an unknown dry_run');
SELECT t.is(warden.bulk_update_users('inactive', status => 'pending', max_users => 4, dry_run => false), 4, 'U10: at most so many');
SELECT t.is(string_agg(name, ', ' ORDER BY created_at), 'user 1, user 2, user 3, user 4', 'U10: the oldest') FROM warden.list_users('inactive');
SELECT t.is(warden.bulk_update_users('inactive', role => 'user', dry_run => true), 21, 'U10: who is inactive already is not counted');
SELECT t.is(warden.bulk_update_users('inactive', role => 'user', dry_run => false), 21, 'U10: as counted');
SELECT t.is(warden.bulk_delete_users(status => 'inactive', older_than => '30 days 12 hours'), 9, 'U10: by age; deleted ones are not counted');
SELECT t.is(warden.bulk_delete_users(status => 'inactive', older_than => '30 days 12 hours', dry_run => false), 9, 'U10: as counted');
SELECT t.is(warden.bulk_delete_users(status => 'inactive', older_than => '30 days 12 hours', dry_run => false), 0, 'U10: once');
SELECT t.is(warden.bulk_delete_users(role => 'owner', dry_run => false), 1, 'U10: of all owners one is left');
SELECT t.rows('SELECT * FROM warden.find_user(''owner 1'')', 1, 'U10: the oldest');
SELECT t.is(warden.bulk_update_users('suspended', role => 'owner', dry_run => false), 0, 'U10: who is not suspended either');
SELECT t.is(count(*), 4, 'each that changed something is recorded') FROM warden.audit_log WHERE action LIKE 'bulk%' AND (detail->>'users')::int > 0;
\connect - postgres
SELECT t.is(string_agg(DISTINCT status_when_deleted, ','), 'active,inactive', 'U10: softly: what they were is kept') FROM warden.users WHERE status = 'deleted' AND status_when_deleted IS NOT NULL;
-- Where nobody is owner, the last admin is the one who stays; an inactive one is no help.
UPDATE warden.users SET roles = '{admin}' WHERE name = 'user 20';
SET session_replication_role = replica;
UPDATE warden.users SET roles = '{user}' WHERE 'owner' = ANY (roles);
RESET session_replication_role;
INSERT INTO warden.users (name, roles) VALUES ('admin', '{admin,user}');
\connect - boss
SELECT t.is(warden.bulk_delete_users(role => 'admin', dry_run => false), 1, 'U10: the last active admin stays');
SELECT t.rows('SELECT * FROM warden.find_user(''admin'')', 1, 'U10: it is this one');
SELECT t.done();
