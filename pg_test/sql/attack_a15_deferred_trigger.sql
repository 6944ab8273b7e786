-- A15: deferred triggers and constraints run at COMMIT under the identity that queued them, or under nobody where it was
-- signed out meanwhile; never under somebody else, never under the next client.
\ir lib/cast.sql
SET ROLE owner;
CREATE TABLE trace (moment text, who uuid, seen text);
GRANT INSERT, SELECT ON trace TO app;
CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trace VALUES (TG_ARGV[0], warden.current_user_id(), seen());
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note_who('commit');
RESET ROLE;
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO documents VALUES (7, :'alice', 'alice 7');
COMMIT;
SELECT t.is(who, :'alice'::uuid, 'at COMMIT alice is still there') FROM trace;
SELECT t.is(seen, 'alice 1, alice 2, alice 3, alice 7', 'and sees what she sees') FROM trace;
\connect - postgres
TRUNCATE trace;
\connect - app

BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO documents VALUES (8, :'alice', 'alice 8');
SELECT warden.sign_out();
COMMIT;
SELECT t.ok(who IS NULL AND seen IS NULL, 'after sign_out the trigger runs as nobody') FROM trace;
SELECT t.is(count(*), 1, 'it ran') FROM trace;

-- Made immediate in the transaction: at once, as alice.
BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO documents VALUES (9, :'alice', 'alice 9');
SET CONSTRAINTS at_commit IMMEDIATE;
SELECT t.is(count(*), 1, 'SET CONSTRAINTS IMMEDIATE runs it as alice') FROM trace WHERE who = :'alice'::uuid;
COMMIT;

-- Expired between the statement and COMMIT: the trigger's reading is refused, and so is the COMMIT.
\connect - postgres
ALTER DATABASE attack_a15_deferred_trigger SET warden.max_identity_age = '2 s';
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO documents VALUES (10, :'alice', 'alice 10');
SELECT wait_until_expired();
\set ON_ERROR_STOP off
COMMIT;
\set state :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'state', '28000', 'an identity that has expired refuses the COMMIT whose trigger needs it');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3, alice 7, alice 8, alice 9', 'nothing of it was committed');
COMMIT;
SELECT t.done();
