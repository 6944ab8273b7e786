-- For \ir after cast.sql, as superuser: alice and bob have names, addresses and passwords, and the database signs tokens.
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway');
SELECT warden.rotate_signing_key('https://db.example.com') AS kid \gset
SELECT warden.update_user(:'alice', name => 'alice', email => 'alice@example.com');
SELECT warden.update_user(:'bob', name => 'bob', email => 'bob@example.com');
\set alice_password 'correct horse battery'
\set bob_password 'bob has another one'
SELECT warden.set_password(:'alice', :'alice_password'), warden.set_password(:'bob', :'bob_password');
