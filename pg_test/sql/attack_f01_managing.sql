-- F1, R7: an admin, acting as a person, does not become an owner by the owner's credentials, nor takes an owner away.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
SELECT warden.create_user('owner', id => 'eeeeeeee-0000-4000-8000-000000000005') AS chief \gset
SELECT warden.create_user('other', id => 'eeeeeeee-0000-4000-8000-000000000006') AS other \gset
UPDATE warden.users SET roles = '{owner}' WHERE id IN (:'chief', :'bob');
UPDATE warden.users SET roles = '{admin,user}' WHERE id = :'alice';
UPDATE warden.users SET roles = '{user}' WHERE id IN (:'other', :'mallory');
INSERT INTO warden.sessions (id, user_id, kind, scopes, expires_at)
SELECT ('eeeeeeee-0000-4000-8000-0000000000' || n)::uuid, u::uuid, 'login', '{}', now() + interval '1 hour'
FROM (VALUES (51, :'chief'), (61, :'other')) AS v (n, u);
-- What tokens of the issuer were exchanged for: by their jti it is known whose they are.
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at, subject_issuer, subject_jti)
SELECT u::uuid, 'exchange', '{}', now() + interval '1 hour', 'https://id.example.com', jti
FROM (VALUES ('chief-1', :'chief'), ('other-1', :'other')) AS v (jti, u);
SELECT warden.rotate_signing_key('https://db.example.com');
CREATE TABLE calls (call text);
GRANT SELECT ON calls TO PUBLIC;
INSERT INTO calls VALUES
    ('warden.create_api_key(''k'', NULL, NULL, %1$L)'), ('warden.enroll_device_certificate(repeat(''0a'', 32), ''d'', NULL, %1$L)'), ('warden.set_password(%1$L, ''correct horse'')'),
    ('warden.link_identity(%1$L, ''https://id.example.com'', ''me too'')'), ('warden.delete_user(%1$L)'), ('warden.erase_user(%1$L)'),
    ('warden.set_user_status(%1$L, ''suspended'')'), ('warden.merge_users(%1$L, %2$L)'), ('warden.merge_users(%2$L, %1$L)'),
    ('warden.update_user(%1$L, email => ''mine@example.com'')'), ('warden.revoke_all_sessions(%1$L)'),
    ('warden.revoke_session((''eeeeeeee-0000-4000-8000-0000000000'' || right(%1$L, 1) || ''1'')::uuid)');
CREATE TABLE keys (call text);
GRANT SELECT ON keys TO PUBLIC;
INSERT INTO keys VALUES
    (format('SELECT warden.trust_issuer(''https://evil.example'', %L, ''{api}'')', :'jwks')), ('SELECT warden.rotate_signing_key()'),
    (format('SELECT warden.set_issuer_keys(''https://id.example.com'', %L)', :'jwks')),
    ('SELECT warden.distrust_issuer(''https://db.example.com'')'), ('SELECT warden.distrust_issuer(''https://id.example.com'')'),
    ('SELECT warden.revoke_token(''chief-1'', ''https://id.example.com'')'), ('SELECT warden.revoke_token(''nobody-knows'', ''https://id.example.com'')'),
    ('SELECT warden.revoke_token(''other-1'')');

\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused('SELECT ' || format(call, :'chief', :'mallory'), '42501', 'R7: an admin is refused ' || call, 'more than the acting user holds') FROM calls;
SELECT t.refused(call, '42501', 'R7: an admin is refused ' || left(call, 40), 'more than the acting user holds') FROM keys;
SELECT t.is(warden.bulk_update_users('suspended', role => 'owner'), 0, 'R7: of many he is shown none whom he may not manage');
SELECT t.is(warden.bulk_update_users('suspended', role => 'owner', dry_run => false), 0, 'R7: nor suspends');
SELECT t.is(warden.bulk_delete_users(role => 'owner', dry_run => false), 0, 'R7: nor deletes');
SELECT t.is(warden.bulk_update_users('suspended', role => 'user', dry_run => false) > 0, true, 'R7: but those whom he may');
SELECT t.is(warden.bulk_update_users('active', role => 'user', dry_run => false) > 0, true, 'R7: and back');
SELECT t.is(t.error('SELECT warden.revoke_token(''other-1'', ''https://id.example.com'')'), NULL, 'R7: he revokes a token that was exchanged by a user whom he may manage');
SAVEPOINT s;
SELECT t.is(t.error('SELECT ' || format(call, :'other', :'mallory')), NULL, 'R7: an admin does to a user: ' || call) FROM calls;
ROLLBACK;
SELECT warden.delete_user(:'chief');
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'chief'), '42501', 'R7: nor is an owner brought back', 'more than the acting');
ROLLBACK;
SELECT t.is(warden.restore_user(:'chief'), true, 'the operator brings it back');

-- An owner may, and so may the operator, who is no person.
BEGIN;
SELECT warden.begin_admin('R7', :'bob_token');
SELECT t.is(t.error('SELECT ' || format(call, :'chief', :'mallory')), NULL, 'R7: an owner does ' || call) FROM calls;
SELECT t.is(t.error(call), NULL, 'R7: an owner does ' || left(call, 40)) FROM keys;
SELECT t.is(warden.bulk_update_users('suspended', role => 'owner') > 0, true, 'R7: an owner suspends owners');
ROLLBACK;
SELECT t.is(t.error('SELECT ' || format(call, :'chief', :'mallory')), NULL, 'the operator does ' || call) FROM calls;
SELECT t.is(t.error(call), NULL, 'the operator does ' || left(call, 40)) FROM keys;
SELECT t.done();
