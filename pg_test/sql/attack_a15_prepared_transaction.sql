-- A15: PREPARE TRANSACTION under alice, COMMIT PREPARED by somebody else: what alice wrote is written, and no identity
-- travels.
\ir lib/cast.sql
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO documents VALUES (7, :'alice', 'alice 7');
PREPARE TRANSACTION 'attack_a15';
SELECT t.is(seen(), NULL, 'nobody after PREPARE TRANSACTION');
SELECT t.is(current_setting('app.current_user_id'), '', 'the mirror is empty');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'the connection is bob''s now');
COMMIT;

\connect - app
COMMIT PREPARED 'attack_a15';
SELECT t.is(seen(), NULL, 'nobody after COMMIT PREPARED in another connection');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'bob does not see it');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3, alice 7', 'alice does');
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
DELETE FROM documents WHERE id = 7;
PREPARE TRANSACTION 'attack_a15';
\connect - app
ROLLBACK PREPARED 'attack_a15';
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3, alice 7', 'ROLLBACK PREPARED undoes it');
COMMIT;
SELECT t.done();
