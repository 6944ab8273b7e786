-- U5: an anonymous visitor is one user by its fingerprint, never resurrected, and never somebody who is more than that.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
\connect - gateway
SELECT warden.create_anonymous_user('browser 1') AS visitor \gset
SELECT t.is(warden.create_anonymous_user('browser 1'), :'visitor'::uuid, 'U5: the same visitor by the same fingerprint');
SELECT t.isnt(warden.create_anonymous_user('browser 2'), :'visitor'::uuid, 'U5: another one by another');
SELECT t.refused(format('SELECT warden.create_anonymous_user(%s)', f), '22023', 'U5: no fingerprint: ' || left(f, 20))
FROM (VALUES ('NULL'), (''''''), ('repeat(''x'', 1025)')) AS v (f);
BEGIN;
SELECT t.is(warden.set_current_user(:'visitor'), :'visitor'::uuid, 'U5: the gateway acts for the visitor');
SELECT t.is(warden.current_roles()::text, '{anonymous}', 'U5: in role anonymous');
COMMIT;
\connect - boss
SELECT t.is(warden.create_anonymous_user('browser 1'), :'visitor'::uuid, 'U5: an administrator may, too');
SELECT t.is(kind || ' ' || status || ' ' || roles::text || coalesce(name, email, full_name, ''), 'anonymous active {anonymous}', 'U5: what it is')
FROM warden.find_user(:'visitor');
SELECT t.is(count(*), 2, 'U5: each is recorded once') FROM warden.audit_log WHERE action = 'create_user' AND detail->>'kind' = 'anonymous';
\connect - postgres
SELECT t.is(count(*), 0, 'U5: the fingerprint itself is nowhere') FROM warden.users u WHERE u::text ~ 'browser' OR convert_from(u.fingerprint, 'LATIN1') ~ 'browser';
SELECT t.is(count(*), 0, 'U5: nor in the record') FROM warden.audit_records r WHERE r::text ~ 'browser';

-- Those who may not.
\connect - app
SELECT t.refused($$ SELECT warden.create_anonymous_user('browser 1') $$, '42501', 'U5: a client makes no users');
\connect - postgres
CREATE SCHEMA lent AUTHORIZATION gateway;
SET ROLE gateway;
CREATE FUNCTION lent.visitor() RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT warden.create_anonymous_user('browser 1') $$;
GRANT USAGE ON SCHEMA lent TO app;
\connect - app
SELECT t.refused('SELECT lent.visitor()', '42501', 'F12: nor by a definer function of the gateway', 'trusted');
\connect - postgres
SELECT warden.remove_database_role('gateway');
GRANT EXECUTE ON FUNCTION warden.create_anonymous_user(text) TO gateway;
\connect - gateway
SELECT t.refused($$ SELECT warden.create_anonymous_user('browser 1') $$, '42501', 'F12: EXECUTE alone is not enough');
\connect - postgres
SELECT warden.add_trusted_role('gateway');

-- Never resurrected, never promoted by accident.
\connect - boss
SELECT warden.set_user_status(:'visitor', 'suspended');
SELECT t.is(warden.create_anonymous_user('browser 1'), :'visitor'::uuid, 'U5: a suspended visitor is no other one');
SELECT warden.set_user_status(:'visitor', 'active'), warden.delete_user(:'visitor');
SELECT warden.create_anonymous_user('browser 1') AS next \gset
SELECT t.ok(:'next' <> :'visitor', 'U5: a deleted one is not given back');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'visitor'), '23505', 'U5: nor restored beside its successor');
SELECT warden.delete_user(:'next');
SELECT t.is(warden.restore_user(:'visitor'), true, 'U5: without one it is');
SELECT t.is(warden.create_anonymous_user('browser 1'), :'visitor'::uuid, 'U5: and found by its fingerprint');
SELECT warden.assign_role(:'visitor', 'user');
SELECT t.isnt(warden.create_anonymous_user('browser 1'), :'visitor'::uuid, 'U5: whoever has become more than anonymous is not had by a fingerprint');
SELECT t.done();
