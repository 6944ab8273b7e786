-- What current_user_id() and current_tenant_id() have answered stays what it was, also where the transaction that asked is
-- over and somebody else is there: in variables, and in arguments, which nobody copies.
\ir lib/cast.sql
CREATE PROCEDURE keep(alice_token text, bob_token text, INOUT kept jsonb) LANGUAGE plpgsql AS $$
DECLARE
    plain uuid;
    row record;
    list uuid[];
BEGIN
    PERFORM warden.authenticate(alice_token);
    plain := warden.current_user_id();
    SELECT warden.current_user_id() AS id INTO row;
    list := ARRAY[warden.current_user_id()];
    COMMIT;
    PERFORM warden.authenticate(bob_token);
    kept := jsonb_build_object('plain', plain, 'row', row.id, 'list', list[1], 'now', warden.current_user_id());
END $$;
CREATE PROCEDURE change_hands(user_id uuid, tenant_id uuid, token text, INOUT kept jsonb) LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
    PERFORM warden.authenticate(token);
    kept := jsonb_build_object('user', user_id, 'tenant', tenant_id, 'now', warden.current_user_id());
END $$;
CREATE PROCEDURE pass_on(token text, next_token text, INOUT kept jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token);
    CALL change_hands(warden.current_user_id(), warden.current_tenant_id(), next_token, kept);
END $$;
\set bob_in_a_tenant `lib/tokens mint b0b00000-0000-4000-8000-000000000002 300 '{"tenant_id": "7e000000-0000-4000-8000-00000000000b"}'`
\ir lib/as_attacker.sql

SET client_min_messages = error;
CALL keep(:'alice_token', :'bob_token', NULL) \gset variables_
SELECT t.is(:'variables_kept'::jsonb, jsonb_build_object('plain', :'alice', 'row', :'alice', 'list', :'alice', 'now', :'bob'), 'variables of alice, when bob is there');
CALL pass_on(:'full_token', :'bob_in_a_tenant', NULL) \gset arguments_
SELECT t.is(:'arguments_kept'::jsonb, jsonb_build_object('user', :'alice', 'tenant', '7e000000-0000-4000-8000-00000000000a', 'now', :'bob'), 'arguments of alice, when bob is there');
SELECT t.done();
