-- U14: visitors that have stayed away are deleted: exactly those, after a look at how many, within bounds.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
\connect - owner
CREATE TABLE pages (id int PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE clicks (id int PRIMARY KEY, page_id int REFERENCES pages);
SELECT warden.protect('pages'), warden.protect('clicks', NULL, parent_column => 'page_id');
\connect - postgres
-- Whom it concerns: name, and how old.
CREATE FUNCTION visitor(name text, age interval) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := warden.create_anonymous_user(name);
BEGIN
    UPDATE warden.users u SET created_at = now() - age, display_name = visitor.name WHERE u.id = made;
    RETURN made;
END $$;
CREATE FUNCTION left_over() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT string_agg(display_name, ' ' ORDER BY display_name COLLATE "C") FROM warden.users WHERE display_name IS NOT NULL $$;
SELECT visitor('old', '31 days') AS old, visitor('older', '40 days') AS older, visitor('young', '29 days'), visitor('signed in', '50 days') AS signed_in,
    visitor('ended', '50 days') AS ended, visitor('expired', '50 days') AS expired, visitor('converted', '50 days') AS converted,
    visitor('owner of pages', '50 days') AS owner_of_pages, visitor('deleted softly', '50 days') AS deleted \gset
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at, ended_at, end_reason) VALUES (:'signed_in', 'login', '{}', now() + interval '1 hour', NULL, NULL),
    (:'ended', 'login', '{}', now() + interval '1 hour', now(), 'logout'), (:'expired', 'login', '{}', now() - interval '1 second', NULL, NULL);
SELECT warden.assign_role(:'converted', 'user'), warden.delete_user(:'deleted');
UPDATE warden.users SET display_name = 'alice', created_at = now() - interval '99 days' WHERE id = :alice;
INSERT INTO pages VALUES (1, :'owner_of_pages');
INSERT INTO clicks VALUES (1, 1);

\connect - gateway
SELECT t.refused('SELECT warden.cleanup_anonymous_users()', '42501', 'U14: a gateway cleans nothing up');
\connect - boss
SELECT t.refused(format('SELECT warden.cleanup_anonymous_users(%s)', a), '22023', 'U14: ' || a)
FROM (VALUES ('NULL'), ('''-1 day'''), ('max_users => 0'), ('max_users => NULL'), ('max_users => 1000001'), ('data => ''transfer'''), ('data => NULL')) AS v (a);
SELECT t.is(warden.cleanup_anonymous_users(), 4, 'U14: by default only counted');
SELECT t.is(warden.cleanup_anonymous_users(dry_run => NULL), 4, 'U14: also where nobody says what is meant');
SELECT t.is(warden.cleanup_anonymous_users(data => 'cascade'), 5, 'U14: with those who own rows');
SELECT t.is(warden.cleanup_anonymous_users('45 days'), 2, 'U14: by age');
SELECT t.is(left_over(), 'alice converted deleted softly ended expired old older owner of pages signed in young', 'U14: nothing is gone');

-- To the microsecond: exactly that old is not older.
\connect - postgres
BEGIN;
SELECT visitor('exactly', '30 days'), visitor('a microsecond more', '30 days 0.000001 seconds');
SELECT t.is(warden.cleanup_anonymous_users(), 5, 'U14: the boundary');
SELECT t.is(warden.cleanup_anonymous_users(dry_run => false), 5, 'U14: as many as were counted');
SELECT t.is(left_over(), 'alice converted deleted softly exactly owner of pages signed in young', 'U14: exactly those');
ROLLBACK;

\connect - boss
SELECT t.is(warden.cleanup_anonymous_users(max_users => 1, dry_run => false), 1, 'U14: no more than max_users');
SELECT t.is(left_over() ~ 'ended|expired', true, 'U14: oldest first');
SELECT t.is(warden.cleanup_anonymous_users(dry_run => false), 3, 'U14: the others');
SELECT t.is(left_over(), 'alice converted deleted softly owner of pages signed in young', 'U14: young, converted and signed-in ones stay, and who owns rows');
SELECT t.is(warden.cleanup_anonymous_users(dry_run => false), 0, 'U14: then there is nobody');
SELECT t.is(warden.cleanup_anonymous_users(dry_run => false, data => 'cascade'), 1, 'U14: with its rows, where that is said');
SELECT t.is(string_agg(detail->>'users' || ' ' || (detail->>'rows'), ', ' ORDER BY id), '1 0, 3 0, 1 2', 'U14: recorded')
FROM warden.audit_log WHERE action = 'cleanup_anonymous_users';
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'old'), 'P0002', 'U14: they are gone for good');
\connect - postgres
SELECT t.is(count(*), 0, 'U14: rows and the rows below them') FROM (SELECT FROM pages UNION ALL SELECT FROM clicks) r;
SELECT t.is(count(*), 0, 'U14: no session is left behind') FROM warden.sessions s WHERE NOT EXISTS (SELECT FROM warden.users u WHERE u.id = s.user_id);
-- More than one batch.
INSERT INTO warden.users (kind, roles, created_at) SELECT 'anonymous', '{anonymous}', now() - interval '1 year' FROM generate_series(1, 2500);
SELECT t.is(warden.cleanup_anonymous_users(), 2500, 'U14: many, counted');
SELECT t.is(warden.cleanup_anonymous_users(max_users => 2400, dry_run => false), 2400, 'U14: many, deleted');
SELECT t.is(warden.cleanup_anonymous_users(dry_run => false), 100, 'U14: and the rest');
SELECT t.done();
