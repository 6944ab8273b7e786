-- The act claim (RFC 8693): who acts for the user must be an active user as well; the actor sees what the user sees.
\ir lib/cast.sql
\setenv CLAIMS '{"act": {"sub": "b0b00000-0000-4000-8000-000000000002", "act": {"sub": "3a110000-0000-4000-8000-000000000003"}}}'
\set by_bob `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
\setenv CLAIMS '{"act": {"sub": "a11ce000-0000-4000-8000-000000000001"}}'
\set by_herself `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 "$CLAIMS"`
\ir lib/as_attacker.sql
BEGIN;
SELECT t.is(warden.authenticate(:'by_bob'), :'alice'::uuid, 'the user is alice');
SELECT t.is(warden.current_actor_id(), :'bob'::uuid, 'the actor bob, the outermost of those named');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'who sees what alice sees');
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'alice herself, in the same transaction');
SELECT t.is(warden.current_actor_id(), :'alice'::uuid, 'acts herself');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'bob_token'), '55000', 'while the actor is no user of this transaction');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'by_herself');
SELECT t.is(warden.current_actor_id(), :'alice'::uuid, 'who acts for herself acts herself');
COMMIT;
\connect - postgres
SELECT warden.set_user_status(:'bob', 'suspended');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'by_bob'), '28000', 'a suspended actor acts for nobody');
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'alice is not concerned');
SELECT t.done();
