-- U8: a deleted user cannot come in and is found nowhere; email and name are free; restore brings back what was.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
SELECT warden.update_user(:'alice', name => 'alice', email => 'alice@example.com');
\connect - boss
SELECT t.is(warden.delete_user(:'alice'), true, 'U8: deleted');
SELECT t.refused(format('SELECT warden.delete_user(%L)', :'alice'), 'P0002', 'U8: a second time there is nobody');
SELECT t.refused('SELECT warden.delete_user(gen_random_uuid())', 'P0002', 'U8: nor an unknown user');
SELECT t.rows(format('SELECT * FROM warden.find_user(%L)', i), 0, 'U8: not found by ' || i) FROM (VALUES (:'alice'), ('alice'), ('alice@example.com')) AS f (i);
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'alice_token'), '28000', 'U8: cannot sign in');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'alice'), '42501', 'a client restores nobody');
\connect - postgres
SELECT t.is(count(*), 3, 'U8: the rows are still there') FROM documents WHERE user_id = :'alice';
\connect - boss
SELECT t.is(count(*), 1, 'U8: the record names the id') FROM warden.audit_log WHERE action = 'delete_user' AND object = :'alice';
SELECT warden.create_user(name => 'alice', email => 'Alice@example.com') AS other \gset
SELECT t.ok(:'other' <> :'alice', 'U8: email and name are free');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'alice'), '23505', 'U8: not while another has the email', 'email');
SELECT t.succeeds(format('SELECT warden.update_user(%L, email => '''')', :'other'), 'the email is given back');
SELECT t.refused(format('SELECT warden.restore_user(%L)', :'alice'), '23505', 'U8: nor the name', 'name');
SELECT t.is(warden.delete_user(:'other'), true, 'the other goes');
SELECT t.is(warden.restore_user(:'alice'), true, 'U8: restored');
SELECT t.is(warden.restore_user(:'alice'), false, 'U8: once');
SELECT t.is(email || ' ' || status, 'alice@example.com active', 'U8: as before') FROM warden.find_user('alice');
SELECT t.refused('SELECT warden.restore_user(gen_random_uuid())', 'P0002', 'U8: an unknown user is not restored');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'U8: alice is back');
COMMIT;
\connect - boss
SELECT warden.set_user_status(:'alice', 'suspended'), warden.delete_user(:'alice'), warden.restore_user(:'alice');
SELECT t.is(status, 'suspended', 'U8: who was suspended comes back suspended') FROM warden.find_user('alice');
SELECT t.done();
