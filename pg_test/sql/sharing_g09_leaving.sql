-- G9, U8, U12, U13: what becomes of shares when users are merged, erased, or deleted and restored.
\ir lib/cast.sql
\ir lib/agents.sql
SELECT warden.add_admin_role('boss');
SELECT warden.create_user('carol@example.com') AS carol \gset
SELECT warden.create_user('dave@example.com') AS dave \gset
-- Everything there is, by name: who has which of alice's rows under whose share.
CREATE TABLE names AS SELECT * FROM (VALUES (:'alice', 'alice'), (:'bob', 'bob'), (:'carol', 'carol'), (:'dave', 'dave'), (:'mallory', 'mallory')) AS n (id, name);
CREATE FUNCTION named(id text) RETURNS text LANGUAGE sql STABLE SET search_path = public AS
    $$ SELECT n.name FROM names n WHERE n.id = named.id $$;
CREATE FUNCTION shared_now() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    RETURN (
        SELECT string_agg(format('%s %s: %s %s by %s%s', s.relation, left(s.row_id, 1) || right(s.row_id, 1), named(substr(s.grantee, 6)), s.level,
                   coalesce(named(s.granted_by::text), 'admin'), CASE WHEN s.under IS NOT NULL THEN ' under ' || named((SELECT substr(a.grantee, 6) FROM warden.shares a WHERE a.id = s.under)) END),
               '; ' ORDER BY s.relation::text, s.row_id, named(substr(s.grantee, 6)), s.level)
        FROM warden.shares s WHERE warden.share_counts(s.id) IS NOT NULL);
END
$$;
GRANT USAGE ON SCHEMA t TO boss;
CREATE FUNCTION give(giver uuid, relation regclass, id text, grantee uuid, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    given uuid;
BEGIN
    given := warden.write_share(relation, id, 'user:' || grantee, level, expires_at,
        (SELECT s.id FROM warden.shares s WHERE s.relation = give.relation AND s.row_id = give.id AND s.grantee = 'user:' || giver AND s.level = 'share' LIMIT 1), offer);
    UPDATE warden.shares s SET granted_by = giver WHERE s.id = given;
    RETURN given;
END
$$;

-- U12: bob is carol too. Of alice's researcher both have a level; of her writer bob alone; bob has carol's plan; each has shared on.
BEGIN;
SELECT give(:'alice', 'agents', :'researcher', :'bob', 'share'), give(:'alice', 'agents', :'researcher', :'carol', 'view'),
    give(:'bob', 'agents', :'researcher', :'mallory', 'edit'),
    give(:'alice', 'agents', :'writer', :'bob', 'edit'), give(:'alice', 'tools', 'search', :'bob', 'view', offer => true);
INSERT INTO projects (id, user_id, name) VALUES (7, :'carol', 'plan');
SELECT give(:'carol', 'projects', '7', :'bob', 'share'), give(:'bob', 'projects', '7', :'dave', 'edit');
SELECT give(:'bob', 'projects', '3', :'carol', 'share'), give(:'carol', 'projects', '3', :'dave', 'view');
SELECT t.is(shared_now(), 'agents a1: bob share by alice; agents a1: carol view by alice; agents a1: mallory edit by bob under bob; agents a2: bob edit by alice; projects 33: carol share by bob; projects 33: dave view by carol under carol; projects 77: bob share by carol; projects 77: dave edit by bob under bob', 'before');
COMMIT;
\connect - boss
BEGIN;
SELECT count(*) FROM warden.merge_users(:'bob', :'carol');
SELECT t.is(shared_now(), 'agents a1: carol share by alice; agents a1: mallory edit by carol under carol; agents a2: carol edit by alice; projects 33: dave view by carol; projects 77: dave edit by carol',
    'U12: what was shared with the source is the target''s, at the higher level, and what it gave; nothing is shared with itself');
SELECT t.is(detail -> 'shares', '7', 'U12: how many moved is on the record') FROM warden.audit_log WHERE action = 'merge_users';
ROLLBACK;
BEGIN;
SELECT count(*) FROM warden.merge_users(:'carol', :'bob');
SELECT t.is(shared_now(), 'agents a1: bob share by alice; agents a1: mallory edit by bob under bob; agents a2: bob edit by alice; projects 33: dave view by bob; projects 77: dave edit by bob',
    'U12: and the other way round the same');
ROLLBACK;
\connect - postgres
SELECT t.is(count(*), 1, 'an offer is there') FROM warden.shares WHERE status = 'pending';
BEGIN;
SELECT count(*) FROM warden.merge_users(:'bob', :'carol');
SELECT t.is(grantee, 'user:' || :'carol', 'U12: an offer is the target''s to answer') FROM warden.shares WHERE status = 'pending';
SELECT t.is(count(*), 0, 'U12: nothing is left with the source') FROM warden.shares WHERE grantee = 'user:' || :'bob' OR granted_by = :'bob';
ROLLBACK;

-- One gave the other: mallory has bob's share on, and is bob.
BEGIN;
SELECT give(:'alice', 'tools', 'mail', :'bob', 'share'), give(:'bob', 'tools', 'mail', :'mallory', 'share', now() + interval '1 day'), give(:'mallory', 'tools', 'mail', :'dave', 'use');
SELECT count(*) FROM warden.merge_users(:'mallory', :'bob');
SELECT t.is(string_agg(named(substr(s.grantee, 6)) || ' ' || s.level || ' ' || (s.expires_at IS NOT NULL), ', ' ORDER BY s.level), 'bob share false, dave use true',
    'U12: what one gave the other is gone, and what was given under it lasts no longer than before') FROM warden.shares s WHERE s.row_id = 'mail';
ROLLBACK;
-- A level that is higher and ends, and a lower one that stays: both.
BEGIN;
SELECT give(:'alice', 'tools', 'mail', :'bob', 'edit', now() + interval '1 day'), give(:'alice', 'tools', 'mail', :'carol', 'view');
SELECT count(*) FROM warden.merge_users(:'carol', :'bob');
SELECT t.is(string_agg(s.level, ', ' ORDER BY s.level), 'edit, view', 'U12: the one that lasts longer stays besides') FROM warden.shares s WHERE s.row_id = 'mail';
ROLLBACK;

-- U13: a visitor that was given something.
BEGIN;
INSERT INTO warden.users (kind, roles, external_id) VALUES ('anonymous', '{anonymous}', 'visitor') RETURNING id AS visitor \gset
SELECT give(:'alice', 'tools', 'mail', :'visitor', 'edit');
SELECT count(*) FROM warden.promote_anonymous(:'visitor', :'dave');
SELECT t.is(named(substr(s.grantee, 6)), 'dave', 'U13: the user has what the visitor was given') FROM warden.shares s WHERE s.row_id = 'mail';
ROLLBACK;

-- U8: erased, with rows transferred, deleted, and merely the account.
\connect - boss
BEGIN;
SELECT count(*) FROM warden.erase_user(:'bob', 'cascade');
SELECT t.is(shared_now(), 'agents a1: carol view by alice', 'U8: what was shared with an erased user is gone, with what it shared on, and its rows');
ROLLBACK;
BEGIN;
SELECT count(*) FROM warden.erase_user(:'bob', 'transfer', :'dave');
SELECT t.is(shared_now(), 'agents a1: carol view by alice; projects 33: carol share by bob', 'U8: its rows stay shared, but not with their new owner');
ROLLBACK;
BEGIN;
SELECT count(*) FROM warden.erase_user(:'bob', 'transfer', :'carol');
SELECT t.is(shared_now(), 'agents a1: carol view by alice; projects 33: dave view by carol', 'U8: what the new owner had shared on is an owner''s now');
ROLLBACK;

-- U8: deleted and restored, everything is as it was.
SELECT shared_now() AS before \gset
SELECT warden.delete_user(:'bob');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '28000', 'U8: a deleted user does not come in');
\connect - boss
SELECT warden.restore_user(:'bob');
SELECT t.is(shared_now(), :'before', 'U8: restored, it has what it had');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(name, ', ' ORDER BY name) FROM agents WHERE user_id = :'alice'), 'researcher, writer', 'U8: and sees it');
COMMIT;
SELECT t.done();
