-- A9 and F10: every function a client may call, under a search_path in which the attacker's own operators, functions, types
-- and namesakes of ours come before pg_catalog. Each of them notes as whom it ran.
\ir lib/cast.sql
\ir lib/passwords.sql
SELECT warden.ban_ip('203.0.113.7', 'permanent', 'test');
\set tenant 7e000000-0000-4000-8000-000000000001
SELECT warden.declare_entity('agent', '1', true), warden.declare_entity('agent', '2');
\set carol ca401000-0000-4000-8000-000000000004
SELECT warden.create_user(id => :'carol'), warden.assign_role(:'carol', 'admin');
\set carol_token `lib/tokens mint :'carol' 600`
SELECT warden.create_tenant('Acme', features => '{sso}', id => :'tenant');
SELECT warden.add_member(:'tenant', :'alice', '{admin}');
SELECT id AS invite, code AS invite_code FROM warden.create_invite(short => true) \gset
SELECT id AS other_invite, lpad(((code::bigint + 1) % 100000000)::text, 8, '0') AS wrong_code FROM warden.create_invite(short => true) \gset
SELECT format('GRANT CREATE ON DATABASE %I TO app', current_database()) \gexec
SET ROLE owner;
CREATE TABLE boards (id uuid PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE tickets (id bigint PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE words (id text PRIMARY KEY, user_id uuid NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON boards, tickets, words TO app;
INSERT INTO boards VALUES ('b0a4d000-0000-4000-8000-000000000001', :'bob');
INSERT INTO tickets VALUES (7, :'bob');
INSERT INTO words VALUES ('seven', :'bob');
SELECT count(*) FROM unnest('{boards,tickets,words}'::regclass[]) name, warden.protect(name, shareable => true);
CREATE TABLE estates (id uuid PRIMARY KEY, user_id uuid NOT NULL, open boolean);
CREATE TABLE lists (id uuid PRIMARY KEY);
RESET ROLE;
CREATE SCHEMA land AUTHORIZATION owner;
CREATE TABLE land.plots (id uuid PRIMARY KEY, user_id uuid NOT NULL);
ALTER TABLE land.plots OWNER TO owner;
\ir lib/as_attacker.sql

CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.ran_as (who text, what text);
GRANT INSERT, SELECT ON evil.ran_as TO PUBLIC;

-- A function of every signature that the extension's statements could mean, if they did not say which they mean.
DO $$
DECLARE
    signature record;
BEGIN
    FOR signature IN
        SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
        FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
          AND p.proname IN ('now', 'clock_timestamp', 'gen_random_uuid', 'lower', 'btrim', 'format', 'concat', 'length',
              'current_setting', 'set_config', 'jsonb_build_object', 'jsonb_typeof', 'pg_has_role', 'to_regclass', 'coalesce',
              'make_interval', 'extract', 'date_part', 'array_position', 'cardinality', 'quote_ident', 'quote_literal',
              'uuid_eq', 'texteq', 'oideq', 'sha256', 'convert_to', 'current_user', 'session_user', 'pg_backend_pid')
          AND pg_get_function_identity_arguments(p.oid) !~ 'VARIADIC|anyelement|"any"|internal'
    LOOP
        EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS
            $f$BEGIN INSERT INTO evil.ran_as VALUES (current_user, %L); RETURN NULL; END$f$',
            signature.name, signature.arguments, signature.result, signature.name);
    END LOOP;
    -- The operators, always true, between every two of the types that the extension compares.
    FOR signature IN
        SELECT o.oprname AS name, o.oprleft::regtype AS l, o.oprright::regtype AS r
        FROM pg_operator o
        WHERE o.oprname IN ('=', '<>', '<', '<=', '>', '>=', '~', '!~', '||', '->', '->>', '-', '+', '?', '@>')
          AND o.oprleft IN ('text'::regtype, 'uuid'::regtype, 'oid'::regtype, 'boolean'::regtype, 'int4'::regtype, 'int8'::regtype,
              'timestamptz'::regtype, 'jsonb'::regtype, 'name'::regtype, 'inet'::regtype, 'interval'::regtype, 'text[]'::regtype)
          AND o.oprresult IN ('boolean'::regtype, 'text'::regtype, 'jsonb'::regtype, 'interval'::regtype)
    LOOP
        EXECUTE format('CREATE FUNCTION evil.op_%s(a %s, b %s) RETURNS %s LANGUAGE plpgsql AS
            $f$BEGIN INSERT INTO evil.ran_as VALUES (current_user, %L); RETURN %s; END$f$',
            md5(signature.name || signature.l || signature.r), signature.l, signature.r,
            CASE WHEN signature.name IN ('=', '<>', '<', '<=', '>', '>=', '~', '!~', '?', '@>') THEN 'boolean' ELSE 'text' END,
            'operator ' || signature.name,
            CASE WHEN signature.name IN ('=', '<>', '<', '<=', '>', '>=', '~', '!~', '?', '@>') THEN 'true' ELSE '''evil''' END);
        EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.op_%s, LEFTARG = %s, RIGHTARG = %s)',
            signature.name, md5(signature.name || signature.l || signature.r), signature.l, signature.r);
    END LOOP;
END $$;
CREATE FUNCTION evil.note(what text) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN INSERT INTO evil.ran_as VALUES (current_user, what); RETURN true; END';
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.note('type text'));
CREATE DOMAIN evil.uuid AS pg_catalog.uuid CHECK (evil.note('type uuid'));
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.note('type jsonb'));
CREATE DOMAIN evil.bool AS pg_catalog.bool CHECK (evil.note('type bool'));
CREATE DOMAIN evil.regrole AS pg_catalog.regrole CHECK (evil.note('type regrole'));
CREATE FUNCTION evil.current_user_id() RETURNS pg_catalog.uuid LANGUAGE sql AS
    $$SELECT pg_catalog.uuid_in('a11ce000-0000-4000-8000-000000000001')$$;
CREATE FUNCTION evil.authenticate(pg_catalog.text) RETURNS pg_catalog.uuid LANGUAGE sql AS
    $$SELECT pg_catalog.uuid_in('a11ce000-0000-4000-8000-000000000001')$$;
SELECT t.ok(count(*) > 80, 'the schema is full of traps') FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace;

SET search_path = evil, pg_catalog, public;
SELECT t.ok('a'::pg_catalog.text = 'b'::pg_catalog.text, 'which are sprung');

-- Everything that PUBLIC and the client may call. t.* and the arguments are spelled out, so that nothing else springs them.
TRUNCATE evil.ran_as;
BEGIN;
SELECT warden.authenticate(:'bob_token') AS id \gset
SELECT warden.verify_token(:'bob_token') AS claims \gset
SELECT warden.current_user_id() AS me, warden.current_external_id(), warden.current_external_number(), warden.current_tenant_id(),
    warden.current_session_id(), warden.current_actor_id(), warden.current_roles(), warden.current_scopes(), warden.identity(),
    warden.caller_administers() AS administers, warden.http_status('28000'), warden.version() \gset
SELECT warden.require_user(:'bob'::pg_catalog.text), warden.require_user(:'bob'::pg_catalog.uuid);
SELECT warden.record_event('under an evil path', NULL, '{"a": 1}', false);
SELECT t.is(pg_catalog.concat(warden.has_scope('agents:read'), warden.has_scope('admin'), warden.require_scope('user'), warden.scope_admits('user')), 'tftt'::pg_catalog.text, 'with his scopes');
SELECT t.is(pg_catalog.concat(warden.entity_allowed('agent', '1'), warden.entity_allowed('agent', '2'), (SELECT reason FROM warden.explain_entity('agent', '2'))), 'tfnot_assigned'::pg_catalog.text, 'with what is assigned to him');
SELECT t.is(:'me', :'bob'::pg_catalog.text, 'bob is bob');
SELECT t.is(:'administers', 'f', 'and no administrator');
SELECT public.seen() AS seen \gset
SELECT t.rows('SELECT FROM public.documents', 2, 'bob sees his rows');
SELECT t.rows($$SELECT FROM warden.audit_log WHERE action OPERATOR(pg_catalog.=) 'under an evil path'$$, 1, 'and his record');
SELECT t.refused(pg_catalog.concat('SELECT warden.authenticate(', pg_catalog.quote_literal(:'alice_token'), ')'), '55000', 'alice is refused');
SELECT t.refused(pg_catalog.concat('SELECT warden.require_user(', pg_catalog.quote_literal(:'alice'), ')'), '42501', 'require_user is not fooled');
SELECT pg_catalog.count(*) FROM warden.list_sessions();
SELECT pg_catalog.count(*) FROM warden.find_session(pg_catalog.gen_random_uuid());
SELECT warden.revoke_session(pg_catalog.gen_random_uuid());
SELECT id AS key_id, key FROM warden.create_api_key('under an evil path', '{}') \gset
SELECT pg_catalog.count(*) FROM warden.list_api_keys();
SELECT t.ok(warden.revoke_api_key(:'key_id'), 'a key is revoked');
SELECT pg_catalog.count(*) FROM warden.list_device_certificates();
SELECT warden.revoke_device_certificate(pg_catalog.gen_random_uuid());
SELECT warden.register_agent('under an evil path', scopes => '{agents:read}') AS agent \gset
SELECT pg_catalog.concat(warden.set_agent_capability(:'agent'::pg_catalog.uuid, 'can_read_user_memory', true), warden.set_agent_scopes(:'agent'::pg_catalog.uuid, '{}'),
    warden.set_agent_status(:'agent'::pg_catalog.uuid, 'suspended')) AS changed \gset
SELECT t.is(:'changed', 'ttt', 'bob manages his agent');
SELECT t.is(pg_catalog.concat(status, ' ', scopes, ' ', capabilities, ' ', is_active), 'suspended {} {can_read_user_memory} f'::pg_catalog.text, 'and lists it') FROM warden.list_agents();
SELECT t.refused(pg_catalog.concat('SELECT warden.set_agent_status(', pg_catalog.quote_literal(:'alice'), ', ''active'')'), 'P0002', 'nobody else''s');
SELECT t.is(pg_catalog.concat(warden.lending_user_id('can_read_user_memory'), warden.lending_external_id('can_read_user_memory'), warden.lending_external_number('can_read_user_memory')),
    ''::pg_catalog.text, 'nobody lends to him');
SELECT warden.sign_out();
COMMIT;

-- What is shared, by each type of keys.
\set relation public.boards
\set key '\'b0a4d000-0000-4000-8000-000000000001\'::pg_catalog.uuid'
\ir lib/evil_sharing.sql
\set relation public.tickets
\set key 7::pg_catalog.int8
\ir lib/evil_sharing.sql
\set relation public.words
\set key '\'seven\'::pg_catalog.text'
\ir lib/evil_sharing.sql

-- What is for the owners of tables, and for administrators.
SELECT t.refused(pg_catalog.concat('SELECT ', call), '42501', pg_catalog.concat('refused to a client: ', call))
FROM (VALUES ('warden.protect(''public.estates'')'), ('warden.unprotect(''public.boards'')'), ('warden.protect_schema(''land'')'),
    ('warden.allow(''public.boards'', ''SELECT'', ''true'', ''all'')'), ('warden.disallow(''public.boards'', ''SELECT'')'), ('warden.exempt(''public.lists'', ''all'')'),
    ('warden.unexempt(''public.lists'')'), ('warden.watch_schema(''land'')'), ('warden.unwatch_schema(''land'')'), ('warden.begin_admin(''curious'')'),
    ('warden.doctor()'), ('warden.prove(''public.boards'')'), ('warden.setup_owner(''o@example.com'', ''long enough'')'),
    ('warden.set_current_external_user(''7'')'), ('warden.create_anonymous_user(''a browser'')'), ('warden.is_banned(''203.0.113.7'')')) AS v (call);
SELECT t.is(pg_catalog.concat(warden.admin_is_open(), warden.admin_open(), warden.is_intact('public.boards'), pg_catalog.jsonb_typeof(warden.jwks()), warden.pre_request()),
    'fftobject'::pg_catalog.text, 'what it may ask is answered');

BEGIN;
SELECT warden.authenticate(:'alice_token', tenant_id => :'tenant'::pg_catalog.uuid) AS id \gset
SELECT warden.has_feature('sso') AS sso, (SELECT name FROM warden.deployment()) AS deployment, (SELECT name FROM warden.list_tenants()) AS tenant_name,
    (SELECT plan FROM warden.find_tenant(:'tenant'::pg_catalog.uuid)) AS plan, (SELECT user_id FROM warden.list_members(:'tenant'::pg_catalog.uuid)) AS member,
    warden.add_member(:'tenant'::pg_catalog.uuid, :'mallory'::pg_catalog.uuid, '{user}') AS added,
    warden.remove_member(:'tenant'::pg_catalog.uuid, :'mallory'::pg_catalog.uuid) AS removed \gset
SELECT t.is(pg_catalog.concat_ws(' ', :'sso', :'tenant_name', :'plan', :'member', :'added', :'removed'),
    pg_catalog.concat('t Acme default ', :'alice', ' t t'), 'alice manages her tenant');
SELECT t.refused(pg_catalog.concat('SELECT warden.add_member(', pg_catalog.quote_literal(:'tenant'), ', ', pg_catalog.quote_literal(:'mallory'), ', ''{owner}'')'), '42501',
    'and makes no owner');
SELECT id AS made_invite, code AS made_code FROM warden.create_invite(' Erin@example.com', tenant_id => :'tenant'::pg_catalog.uuid, short => true) \gset
SELECT t.refused('SELECT warden.create_invite()', '42501', 'and invites to her tenant alone');
SELECT pg_catalog.count(*) FROM warden.list_invites(:'tenant'::pg_catalog.uuid, 'pending');
SELECT t.ok(warden.revoke_invite(id), 'and revokes that') FROM warden.create_invite(tenant_id => :'tenant'::pg_catalog.uuid);
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token') AS id \gset
SELECT warden.act_as(:'bob'::pg_catalog.uuid, 'under an evil path') AS id \gset
SELECT t.rows('SELECT FROM public.documents', 2, 'an admin acts as bob');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'carol_token') AS id \gset
SELECT t.refused(pg_catalog.concat('SELECT warden.act_as(', pg_catalog.quote_literal(:'carol'), ', ''x'')'), '22023', 'and is herself already');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token') AS id \gset
SELECT t.refused(pg_catalog.concat('SELECT warden.list_members(', pg_catalog.quote_literal(:'tenant'), ')'), 'P0002', 'which is nobody else''s');
COMMIT;
BEGIN;
SELECT t.refused(pg_catalog.concat('SELECT warden.authenticate(', pg_catalog.quote_literal(:'tampered_token'), ')'), '28000', 'a bad token is bad');
COMMIT;
BEGIN;
SELECT t.refused(pg_catalog.concat('SELECT warden.authenticate(', pg_catalog.quote_literal(:'bob_token'), ', ''203.0.113.7'')'), '42501', 'a banned address is banned');
COMMIT;
SELECT t.is(warden.authenticate(:'bob_token', '203.0.113.8'), :'bob'::pg_catalog.uuid, 'and another is not');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.revoke_all_sessions();
COMMIT;
SELECT t.refused(pg_catalog.concat('SELECT warden.authenticate(', pg_catalog.quote_literal(:'bob_token'), ')'), '28000', 'a revoked token is revoked');
-- Bob has just ended all of his.
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.8'), :'alice'::pg_catalog.uuid, 'and another is not');
SELECT t.refused(pg_catalog.concat('SELECT warden.set_current_user(', pg_catalog.quote_literal(:'alice'), ')'), '42501', 'nor is the caller taken for another');

-- Credentials.
SELECT access_token, refresh_token FROM warden.login(' BOB@example.com ', :'bob_password', '192.0.2.1', 'psql', 'laptop', '{user,agents:read}') \gset
SELECT access_token, refresh_token FROM warden.refresh(:'refresh_token', '{user}') \gset
SELECT access_token AS exchanged FROM warden.exchange_token(:'access_token', '{user}', '1 hour') \gset
BEGIN;
SELECT t.is(warden.authenticate(:'exchanged'), :'bob'::pg_catalog.uuid, 'bob''s tokens are bob''s');
SELECT warden.set_password(:'bob', :'bob_password', :'bob_password');
COMMIT;
SELECT t.is(error, 'invalid_grant', 'a wrong password is wrong') FROM warden.login('bob', 'wrong');
SELECT t.is(error, 'invalid_grant', 'an unknown token unknown') FROM warden.refresh(pg_catalog.concat('wr_', pg_catalog.repeat('A', 43)));
SELECT warden.logout(:'refresh_token'), warden.logout();
SELECT t.is(error, 'invalid_grant', 'a wrong code is wrong') FROM warden.redeem_invite(:'wrong_code', invite_id => :'other_invite'::pg_catalog.uuid);
SELECT t.is(error, NULL, 'and a right one right') FROM warden.redeem_invite(:'invite_code', 'dora@example.com', 'a long password', 'dora', 'Dora', 'D', :'invite'::pg_catalog.uuid, '192.0.2.1');
SELECT t.is(error, NULL, 'also of a tenant') FROM warden.redeem_invite(:'made_code', 'ERIN@example.com');

\connect - gateway
SET search_path = evil, pg_catalog, public;
SELECT t.is(error, 'invalid_grant', 'a guess through the gateway') FROM warden.login('bob', 'wrong', '192.0.2.1');
SELECT t.refused($$SELECT warden.setup_owner('o@example.com', 'long enough')$$, '55000', 'no second setup');
BEGIN;
SELECT warden.set_current_user(:'bob'::pg_catalog.uuid) AS id \gset
SELECT t.rows('SELECT FROM public.documents', 2, 'the gateway sees what bob sees');
SELECT warden.record_event('outlives', NULL, '{}', true);
SELECT warden.enroll_device_certificate(pg_catalog.repeat('0A', 32), 'under an evil path') AS device \gset
SELECT t.ok(warden.create_anonymous_user('browser') OPERATOR(pg_catalog.=) warden.create_anonymous_user('browser'), 'and finds a visitor');
SELECT t.is(warden.is_banned('203.0.113.7'), true, 'the gateway asks who is banned'), t.is(warden.is_banned('203.0.113.8'), false, 'and who is not');
COMMIT;
BEGIN;
SELECT t.is(warden.set_current_device(pg_catalog.repeat('0A:', 31) OPERATOR(pg_catalog.||) '0a'), :'bob'::pg_catalog.uuid, 'and bob''s device is bob''s');
COMMIT;

-- The owner of tables has such a path. The assertions, which spring traps themselves, wait until it has none.
\connect - owner
SET search_path = evil, pg_catalog, public;
SELECT pg_catalog.count(*) AS steps FROM warden.protect('public.estates', public_column => 'open') \gset
SELECT warden.is_intact('public.estates') AS protected, warden.allow('public.estates', 'SELECT', 'pg_catalog.bool(1)', 'all') AS allowed,
    warden.disallow('public.estates', 'SELECT') AS disallowed, warden.exempt('public.lists', 'all') AS exempt, warden.unexempt('public.lists') AS unexempt \gset
BEGIN;
SELECT warden.begin_admin('under an evil path') AS opened \gset
SELECT pg_catalog.concat(warden.admin_open(), warden.admin_is_open()) AS open \gset
COMMIT;
SELECT pg_catalog.count(*) AS steps FROM warden.unprotect('public.estates') \gset
SELECT pg_catalog.count(*) AS steps FROM warden.protect_schema('land') \gset
SELECT warden.watch_schema('land') AS watched \gset
CREATE TABLE land.pastures (id pg_catalog.uuid PRIMARY KEY, user_id pg_catalog.uuid NOT NULL);
SELECT warden.unwatch_schema('land') AS unwatched \gset
SELECT pg_catalog.concat(warden.is_intact('land.plots'), warden.is_intact('land.pastures')) AS schema \gset
SET search_path = pg_catalog, public;
SELECT t.is(concat(:'protected', :'allowed', :'disallowed', :'exempt', :'unexempt'), 'tbool(1)1tt', 'the owner protects, and declares'), t.is(:'open', 'tt', 'comes in'),
    t.is(:'schema', 'tt', 'and watches a schema');
SELECT t.is(count(*), 0, 'what she unprotects is unprotected') FROM pg_policy WHERE polrelid = 'public.estates'::regclass;

-- An administrator has.
\connect - boss
SET search_path = evil, pg_catalog, public;
SELECT pg_catalog.count(*) AS findings FROM warden.doctor() \gset
SET search_path = pg_catalog, public;
SELECT t.is(:findings, (SELECT count(*) FROM warden.doctor()), 'doctor() is not fooled');

-- What an administrator calls in such a session acts as clients.
\connect - postgres
CREATE TABLE public.proven (id pg_catalog.int4 PRIMARY KEY, user_id pg_catalog.uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.proven TO app, gateway;
SELECT pg_catalog.count(*) FROM warden.protect('public.proven');
SET search_path = evil, pg_catalog, public;
SELECT pg_catalog.count(*) AS passed FROM warden.prove('public.proven') WHERE passed \gset
SET search_path = pg_catalog, public;
SELECT t.is(:passed, 15, 'prove() is not fooled either');
\connect - gateway
SET search_path = evil, pg_catalog, public;
SELECT t.is(pg_catalog.string_agg(DISTINCT pg_catalog.concat(who, ': ', what), ', '), NULL::pg_catalog.text,
    'no function of ours ran anything of the attacker''s as anybody else')
FROM evil.ran_as WHERE who OPERATOR(pg_catalog.<>) 'app' AND who OPERATOR(pg_catalog.<>) 'gateway';

-- Under the path: what follows where it is set, and what is included there.
\set tried `sed '1,/^SET search_path = evil/d' attack_f10_evil_search_path.sql | cat - lib/evil_sharing.sql | grep -oE 'warden\.[a-z_0-9]+\(' | tr '\n' ' '`
\connect - postgres
SELECT t.is(string_agg(DISTINCT f.proname, ' '), NULL, 'every function granted to PUBLIC, to clients or to trusted roles is tried here')
FROM pg_proc f
WHERE f.pronamespace = 'warden'::regnamespace AND f.prorettype <> 'trigger'::regtype AND 'record'::regtype <> ALL (f.proargtypes)
  AND (has_function_privilege('app', f.oid, 'EXECUTE') OR has_function_privilege('gateway', f.oid, 'EXECUTE'))
  AND position('warden.' || f.proname || '(' IN :'tried') = 0;
SELECT t.is(string_agg(DISTINCT f.proargtypes[1]::regtype::text, ' ' ORDER BY f.proargtypes[1]::regtype::text), 'bigint text uuid', 'by each type of keys that there is')
FROM pg_proc f WHERE f.pronamespace = 'warden'::regnamespace AND f.proargtypes[0] = 'regclass'::regtype AND f.proargnames[2] = 'id';
SELECT t.done();
