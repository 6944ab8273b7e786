-- Passwords of users. They never reach SQL: src/passwords.rs hashes and compares them, this keeps the hashes.

CREATE TABLE warden.passwords (
    user_id uuid PRIMARY KEY,
    -- A PHC string, which names its parameters; of another program that writes argon2id, too.
    hash text NOT NULL CHECK (hash LIKE '$argon2id$%'),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE warden.passwords IS
    'The password of a user who has one, as an argon2id hash (RFC 9106). Readable by superusers only.';

SELECT pg_extension_config_dump('warden.passwords', '');

CREATE FUNCTION warden.forget_password() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.passwords p WHERE p.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_password() IS
    'Trigger of the users: the password of a user that is deleted for good goes with it.';

CREATE TRIGGER forget_password AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_password();

CREATE FUNCTION warden.store_password(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner warden.users;
    ended bigint;
BEGIN
    SELECT u.* INTO owner FROM warden.users u
    WHERE u.id = (arguments ->> 'user_id')::uuid AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'unknown_user');
    ELSIF owner.kind <> 'human' THEN
        RETURN jsonb_build_object('error', 'not_human');
    ELSIF arguments ->> 'verified_hash' IS NOT NULL THEN
        -- What was compared is still the password: of two changes at once the second has compared an old one.
        IF NOT EXISTS (SELECT FROM warden.passwords p
                       WHERE p.user_id = owner.id AND p.hash = arguments ->> 'verified_hash') THEN
            RETURN jsonb_build_object('error', 'password_changed');
        ELSIF owner.status <> 'active' THEN
            RETURN jsonb_build_object('error', 'user_not_active');
        END IF;
    END IF;
    INSERT INTO warden.passwords AS p (user_id, hash) VALUES (owner.id, arguments ->> 'hash')
    ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = clock_timestamp();
    ended := warden.end_sessions_of(owner.id, 'set_password', NULL, (arguments ->> 'kept_session')::uuid);
    -- Who has a new password has not yet failed to type it. What is counted under another's email is not forgiven, though
    -- a table of the application keeps the same one, or a name that looks like it.
    PERFORM warden.forget_attempts(array_remove(ARRAY[
        CASE WHEN ARRAY[owner.id] = array(SELECT warden.users_with_email(owner.email)) THEN warden.attempts_of_account(owner.email) END,
        CASE WHEN strpos(owner.name, '@') = 0 THEN warden.attempts_of_account(owner.name) END,
        'login:' || owner.id, 'user:' || owner.id], NULL));
    PERFORM warden.write_audit('set_password', owner.id::text, jsonb_build_object('sessions', ended));
    RETURN jsonb_build_object('ended', ended);
END
$$;

COMMENT ON FUNCTION warden.store_password(jsonb) IS
    'Task, and for administrators a function: keeps the hash of the password of user_id, which must still have verified_hash where that is given, and ends the sessions of the user but kept_session. Answers how many were ended, or an error: unknown_user, not_human, password_changed, user_not_active.';

CREATE FUNCTION warden.password_of(user_id uuid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.hash FROM warden.passwords p WHERE p.user_id = password_of.user_id;
END;

COMMENT ON FUNCTION warden.password_of(uuid) IS 'The hash of a user''s password. Not callable by clients.';

CREATE FUNCTION warden.set_up_owner(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    created uuid;
BEGIN
    IF EXISTS (SELECT FROM warden.users) THEN
        RETURN jsonb_build_object('error', 'there_are_users');
    END IF;
    -- Of two setups at once the second waits, and then finds the user of the first; so does one beside a create_user().
    LOCK TABLE warden.users IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM warden.users) THEN
        RETURN jsonb_build_object('error', 'there_are_users');
    END IF;
    created := warden.insert_user(NULL, arguments ->> 'name', arguments ->> 'email', 'human', NULL, NULL, NULL);
    PERFORM warden.change_roles(created, '{owner}', '{}', 'setup_owner');
    PERFORM warden.store_password(jsonb_build_object('user_id', created, 'hash', arguments ->> 'hash'));
    RETURN jsonb_build_object('user_id', created);
END
$$;

COMMENT ON FUNCTION warden.set_up_owner(jsonb) IS
    'Task: creates the first user, with email, optionally name, and the hash of a password, in role owner. Answers its user_id, or the error there_are_users.';

COMMENT ON FUNCTION warden.set_password(uuid, text, text) IS
    'Sets the password of a user; returns true. password: 8 characters to 1024 bytes of any kind (NIST SP 800-63B). Superusers and admin roles set anybody''s, as part of their transaction: all sessions of the user end. A signed-in user sets his own and passes current_password: his other sessions end, at once, whatever becomes of the transaction. Errors: 22023 for a password that is too short or too long; for administrators 42501 where a person acts who holds less than the user, P0002 for an unknown or deleted user, 55000 for one who is not human; for users 42501 for anybody but themselves, 28000 for a wrong current password or nobody signed in, 53400 with the seconds to wait after too many of them.';
COMMENT ON FUNCTION warden.setup_owner(text, text, text) IS
    'Creates the first user of a database, in role owner, and returns its id: only while there is no user at all, committed at once, and of any number of calls together one succeeds. email: unverified; password: 8 characters to 1024 bytes; name: what it may sign in by besides. For superusers, admin and trusted roles. Errors: 42501; 22023 for an unusable argument, 55000 once there is a user.';
