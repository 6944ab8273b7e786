-- API keys: credentials of programs, which authenticate() takes in place of a token.

CREATE TABLE warden.api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 100 AND name !~ '[[:cntrl:]]'),
    -- What finds the key; it is no secret.
    prefix text COLLATE "C" NOT NULL UNIQUE,
    -- SHA-256 of a secret of 256 bits.
    secret_hash bytea NOT NULL,
    scopes text[] NOT NULL CHECK (array_position(scopes, NULL) IS NULL),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE INDEX api_keys_user_id_idx ON warden.api_keys (user_id);

COMMENT ON TABLE warden.api_keys IS
    'API keys of users: a prefix that finds the key, and a hash of its secret, which was shown once.';
COMMENT ON COLUMN warden.api_keys.last_used_at IS 'When the key was last seen in use, to the hour.';

SELECT pg_extension_config_dump('warden.api_keys', '');

CREATE FUNCTION warden.forget_api_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.api_keys k WHERE k.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_api_keys() IS
    'Trigger of the users: the keys of a user that is deleted for good go with it.';

CREATE TRIGGER forget_api_keys AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_api_keys();

CREATE FUNCTION warden.touch_key(arguments jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    UPDATE warden.api_keys k SET last_used_at = clock_timestamp() WHERE k.id = (touch_key.arguments ->> 'id')::uuid
    RETURNING 'true'::jsonb;
END;

COMMENT ON FUNCTION warden.touch_key(jsonb) IS 'Task: notes that the key with this id is in use.';
COMMENT ON FUNCTION warden.generate_api_key() IS
    'A new API key: the prefix that finds it, the hash of its secret, and the whole key, to be shown once. Not callable by clients.';

-- As many as may be live at a time: a client that makes them in a loop is stopped.
CREATE FUNCTION warden.store_key(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := arguments ->> 'user_id';
    -- Of an agent's key, its owner.
    maker_id uuid := coalesce((arguments ->> 'maker_id')::uuid, owner_id);
    credential jsonb := arguments -> 'credential';
    -- What was exchanged for a job makes nothing that outlives it.
    ends_at timestamptz := least((arguments ->> 'expires_at')::timestamptz, (
        SELECT s.expires_at FROM warden.sessions s WHERE s.id::text = credential ->> 'session' AND s.kind = 'exchange'));
    stored warden.api_keys;
BEGIN
    -- Of two that are made at once as the last that may, the second waits for the first; and for who ends the sessions.
    PERFORM FROM warden.users u WHERE u.id = owner_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND OR (maker_id <> owner_id AND NOT EXISTS (
            SELECT FROM warden.agents a
            WHERE a.user_id = (arguments ->> 'user_id')::uuid AND a.owner_id = maker_id AND a.status <> 'revoked')) THEN
        RETURN jsonb_build_object('error', 'unknown_user');
    ELSIF credential IS NOT NULL AND NOT warden.is_credential_good(maker_id, credential) THEN
        RETURN jsonb_build_object('error', 'signed_out');
    END IF;
    IF (SELECT count(*) FROM warden.api_keys k
        WHERE k.user_id = owner_id AND warden.is_in_force(k.revoked_at, k.expires_at)) >= 100 THEN
        RETURN jsonb_build_object('error', 'too_many_keys');
    END IF;
    INSERT INTO warden.api_keys AS k (user_id, name, prefix, secret_hash, scopes, expires_at)
    VALUES (owner_id, arguments ->> 'name', arguments ->> 'prefix', decode(arguments ->> 'secret_hash', 'hex'),
            array(SELECT jsonb_array_elements_text(arguments -> 'scopes')), ends_at)
    RETURNING k.* INTO stored;
    PERFORM warden.write_audit('create_api_key', owner_id::text, jsonb_build_object('key_id', stored.id,
        'name', stored.name, 'prefix', stored.prefix, 'scopes', stored.scopes, 'expires_at', stored.expires_at));
    RETURN jsonb_build_object('id', stored.id);
END
$$;

COMMENT ON FUNCTION warden.store_key(jsonb) IS
    'Task: keeps a key of user_id, with name, prefix, secret_hash (hexadecimal), scopes and expires_at; credential: of the client that makes it, absent for an administrator; maker_id: of an agent''s key, the owner who makes it; from a session of an exchange it has the end of that. Answers its id, or an error: unknown_user, signed_out, too_many_keys.';

CREATE FUNCTION warden.revoke_key(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    revoked_prefix text;
BEGIN
    UPDATE warden.api_keys k SET revoked_at = clock_timestamp()
    WHERE k.id = (arguments ->> 'id')::uuid AND k.user_id = (arguments ->> 'user_id')::uuid
      AND warden.is_in_force(k.revoked_at, k.expires_at)
    RETURNING k.prefix INTO revoked_prefix;
    IF FOUND THEN
        PERFORM warden.write_audit('revoke_api_key', arguments ->> 'user_id',
            jsonb_build_object('key_id', arguments -> 'id', 'prefix', revoked_prefix));
    END IF;
    RETURN jsonb_build_object('revoked', revoked_prefix IS NOT NULL);
END
$$;

COMMENT ON FUNCTION warden.revoke_key(jsonb) IS
    'Task: revokes the key of user_id with this id. Answers whether it did: not one that is over, or another user''s.';

CREATE FUNCTION warden.is_label(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(is_label.value, '') ~ '[^[:space:]]' AND length(is_label.value) <= 100 AND is_label.value !~ '[[:cntrl:]]';
END;

COMMENT ON FUNCTION warden.is_label(text) IS
    'Whether a text tells people a key, a device or an agent from another: 1 to 100 characters, not all of them white space, and none a control character.';

CREATE FUNCTION warden.create_api_key(
    name text, scopes text[] DEFAULT NULL, expires_at timestamptz DEFAULT NULL, user_id uuid DEFAULT NULL,
    OUT id uuid, OUT prefix text, OUT key text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    of_agent boolean := NOT administers AND warden.is_own_agent(create_api_key.user_id);
    owner_id uuid := CASE WHEN of_agent THEN create_api_key.user_id ELSE warden.require_user_meant(create_api_key.user_id) END;
    allowed text[];
    granted text[];
    generated record;
    arguments jsonb;
    answer jsonb;
BEGIN
    IF NOT warden.is_label(create_api_key.name) THEN
        RAISE EXCEPTION 'name of the key is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 100 characters that say what the key is for.';
    END IF;
    IF create_api_key.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the key would have expired already'
            USING ERRCODE = '22023', HINT = 'Pass a moment to come, or leave expires_at out.';
    END IF;
    -- A key that ends does not live on in one that it makes.
    IF NOT administers AND coalesce(create_api_key.expires_at, 'infinity') > warden.shown_key_ends_at() THEN
        RAISE EXCEPTION 'a key or certificate makes no key that outlives it'
            USING ERRCODE = '42501', HINT = 'Pass an earlier expires_at, or sign in by a token.';
    END IF;
    -- Whoever acts for a user for a while does not stay by way of a key.
    IF NOT administers AND warden.current_actor_id() <> warden.current_user_id() THEN
        RAISE EXCEPTION 'who acts for another makes no keys'
            USING ERRCODE = '42501', HINT = 'The user makes the key, or an administrator.';
    ELSIF NOT administers AND EXISTS (SELECT FROM warden.users u WHERE u.id = warden.current_user_id() AND u.kind = 'agent') THEN
        RAISE EXCEPTION 'an agent makes no keys'
            USING ERRCODE = '42501', HINT = 'Its owner makes them: user_id => the id of the agent.';
    END IF;
    IF administers THEN
        PERFORM warden.require_may_manage(owner_id);
        allowed := warden.scopes_of_user(owner_id);
    ELSIF of_agent THEN
        -- What both hold; a template is each one's own.
        allowed := array(
            SELECT s.scope FROM unnest(warden.current_scopes()) AS s (scope)
            WHERE warden.scope_beyond(owner_id, ARRAY[s.scope]) IS NULL
            UNION
            SELECT s.scope FROM warden.users u CROSS JOIN LATERAL unnest(u.scopes) AS s (scope)
            WHERE u.id = owner_id AND CASE WHEN s.scope ~ '[}]$' THEN warden.has_scope(s.scope) ELSE false END);
    ELSE
        allowed := warden.current_scopes();
    END IF;
    -- Those that name the user or the tenant of the moment are no key's: whoever has the id has the scope.
    granted := array(SELECT DISTINCT s.scope COLLATE "C" FROM unnest(coalesce(create_api_key.scopes, allowed)) AS s (scope)
                     WHERE create_api_key.scopes IS NOT NULL OR s.scope !~ '^(user|tenant):[0-9a-f-]{36}$' ORDER BY 1);
    IF array_position(granted, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'scopes contains a null' USING ERRCODE = '22023', HINT = 'Leave it out.';
    ELSIF NOT granted <@ warden.covered_scopes(granted, allowed) THEN
        RAISE EXCEPTION 'a key has no scope that its maker or its user lacks'
            USING ERRCODE = '42501', HINT = 'Ask for fewer scopes; without any the key gets all that it may have.';
    END IF;

    SELECT g.prefix, g.secret_hash, g.key INTO generated FROM warden.generate_api_key() AS g;
    arguments := jsonb_build_object('user_id', owner_id, 'maker_id', CASE WHEN of_agent THEN warden.current_user_id() END,
        'name', create_api_key.name, 'prefix', generated.prefix,
        'secret_hash', encode(generated.secret_hash, 'hex'), 'scopes', to_jsonb(granted),
        'expires_at', create_api_key.expires_at);
    IF administers THEN
        answer := warden.store_key(arguments);
    ELSE
        answer := warden.autonomously_signed_in('store_key', arguments);
    END IF;
    IF answer ->> 'error' = 'too_many_keys' THEN
        RAISE EXCEPTION 'too many keys'
            USING ERRCODE = '53400', HINT = 'A user has at most 100 at a time: revoke those that are not in use.';
    ELSIF answer ? 'error' THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    id := answer ->> 'id';
    prefix := generated.prefix;
    -- No statement has it as a parameter, which could be logged.
    key := generated.key;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION warden.create_api_key(text, text[], timestamptz, uuid) IS
    'Makes an API key and returns its id, the prefix by which it is listed, and the key, which is shown this once: only a hash is kept. authenticate() takes it in place of a token. name: what it is for; scopes: NULL for all that its maker has (for an administrator: that the user has), else some of them; expires_at: NULL for never; user_id: NULL for oneself, or an agent of one''s own, whose key has what both have; an administrator names anybody, service accounts too. A client''s key is there whatever becomes of the transaction, and made by a token of exchange_token() it ends with that session at the latest. Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began; 22023 for an unusable argument, 42501 for a scope that one does not have, where a person administers who holds less than the user, for a key that would outlive the key or device certificate by which one is signed in, for who acts for another, and for an agent, P0002 for an unknown user and for another than oneself and one''s agents, 53400 for more than 100 live keys.';

CREATE FUNCTION warden.list_api_keys(user_id uuid DEFAULT NULL) RETURNS TABLE (
    id uuid, name text, prefix text, scopes text[], created_at timestamptz, last_used_at timestamptz,
    expires_at timestamptz, is_active boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant uuid := CASE WHEN warden.is_own_agent(list_api_keys.user_id) THEN list_api_keys.user_id
                       ELSE warden.user_meant(list_api_keys.user_id) END;
BEGIN
    IF meant IS NULL AND warden.client_administers() THEN
        RAISE EXCEPTION 'no user given' USING ERRCODE = '22023', HINT = 'Pass the id of a user.';
    END IF;
    RETURN QUERY
    SELECT k.id, k.name, k.prefix, k.scopes, k.created_at, k.last_used_at, k.expires_at,
           warden.is_in_force(k.revoked_at, k.expires_at) AND warden.may_act(u.id)
    FROM warden.api_keys k JOIN warden.users u ON u.id = k.user_id
    WHERE k.user_id = meant
    ORDER BY k.created_at DESC, k.id DESC
    -- More than the live ones: those that are over are kept for a while.
    LIMIT 1000;
END
$$;

COMMENT ON FUNCTION warden.list_api_keys(uuid) IS
    'The API keys of oneself, or of an agent of one''s own, or as an administrator of anybody, the newest first and at most 1000; never the keys themselves. last_used_at: to the hour; is_active: neither revoked nor expired, and the user active. No rows for nobody, and for another user as for an unknown one. Errors: 22023 for an administrator who names nobody.';

CREATE FUNCTION warden.revoke_api_key(id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid;
    answer jsonb;
BEGIN
    IF warden.client_administers() THEN
        SELECT k.user_id INTO owner_id FROM warden.api_keys k WHERE k.id = revoke_api_key.id;
        PERFORM warden.require_may_manage(owner_id);
        answer := warden.revoke_key(jsonb_build_object('user_id', owner_id, 'id', revoke_api_key.id));
    ELSE
        owner_id := warden.require_user_meant(NULL);
        SELECT k.user_id INTO owner_id FROM warden.api_keys k
        WHERE k.id = revoke_api_key.id AND warden.is_own_agent(k.user_id)
        UNION ALL SELECT owner_id LIMIT 1;
        answer := warden.autonomously('revoke_key', jsonb_build_object('user_id', owner_id, 'id', revoke_api_key.id));
    END IF;
    RETURN (answer ->> 'revoked')::boolean;
END
$$;

COMMENT ON FUNCTION warden.revoke_api_key(uuid) IS
    'Revokes an API key of one''s own or of one''s agents, or as an administrator anybody''s: it is refused in the next transaction. Returns false where it is unknown, over already, or another user''s. A client''s call is not undone by a rollback. Errors: 28000 for nobody; 42501 where a person administers who holds less than the user.';
