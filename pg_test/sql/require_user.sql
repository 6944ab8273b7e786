-- A6 of the features: require_user(id) passes one's own id and refuses every other, NULL, the empty text, what is no id at
-- all and nobody alike, to the letter.
\ir lib/cast.sql
SELECT warden.create_user(external_id => 'auth0|carol', id => '0ca40100-0000-4000-8000-000000000004');
\set carol_token `lib/tokens mint 0ca40100-0000-4000-8000-000000000004 600`
CREATE FUNCTION answer(call text) RETURNS text LANGUAGE sql AS $$SELECT t.error('SELECT warden.' || call) - 'context'$$;
\ir lib/as_attacker.sql

SELECT answer(format('require_user(%L::uuid)', :'bob')) AS refusal \gset
SELECT t.is(:'refusal'::jsonb->>'sqlstate', '42501', 'nobody is refused with 42501');
BEGIN;
SELECT warden.authenticate(:'carol_token');
SELECT t.is(warden.require_user('0ca40100-0000-4000-8000-000000000004'::uuid), true, 'one''s own id');
SELECT t.is(warden.require_user('0ca40100-0000-4000-8000-000000000004'::text), true, 'as text');
SELECT t.is(warden.require_user('0ca40100-0000-4000-8000-000000000004'), true, 'as a literal of no type, from a URL');
SELECT t.is(warden.require_user('auth0|carol'), true, 'one''s external id');
SELECT t.is(answer(format('require_user(%s)', id)), :'refusal', id)
FROM (VALUES (quote_literal(:'bob') || '::uuid'), (quote_literal(:'bob')), ('NULL'), ('NULL::uuid'), ('NULL::text'), (''''''), (''' '''),
    ('''99999999-0000-4000-8000-000000000009'''), ('''99999999-0000-4000-8000-000000000009''::uuid'), ('''not an id'''), ('''AUTH0|CAROL'''),
    ('''auth0|carol '''), ('''0CA40100-0000-4000-8000-000000000004'''), ('''0ca40100000040008000000000000004'''),
    ('''{0ca40100-0000-4000-8000-000000000004}'''), ('repeat(''x'', 100000)'), ('''0'''), ('''%''')) AS i (id);
ROLLBACK;
SELECT t.is(answer(format('require_user(%s)', id)), :'refusal', 'nobody: ' || id) FROM (VALUES ('NULL'), (''''''), (quote_literal(:'bob'))) AS i (id);
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.sign_out();
SELECT t.is(answer(format('require_user(%L)', :'alice')), :'refusal', 'signed out: one''s former id');
ROLLBACK;

-- A13 of the features: an id of another kind is answered as an unknown one, or is no id at all.
BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.is(answer('require_user(''sess-1'')'), :'refusal', 'a session is no user');
SELECT t.is(answer('require_user(''7e000000-0000-4000-8000-00000000000a'')'), :'refusal', 'a tenant is no user');
SELECT t.is(answer(format('require_user(%L)', :'bob')), :'refusal', 'the actor is not the user');
SELECT t.refused('SELECT warden.require_user(42)', '42883', 'a number is not taken for an id');
ROLLBACK;
SELECT t.done();
