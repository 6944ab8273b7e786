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
