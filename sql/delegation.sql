-- Acting as another user: act_as(), in src/act_as.rs, and as whom nobody acts.

COMMENT ON FUNCTION warden.act_as(uuid, text) IS
    'Acts as another user for the rest of the transaction, but no longer than warden.max_act_as_age, nor than the identity of whoever calls: that user''s rows, under that user''s policies, with the scopes that both hold. Needs the scope users:act_as, held everywhere and not in a tenant alone. user_id: an active user, in a tenant a member of it, who holds nothing that the caller does not; reason: why, kept in the audit log. Returns the id. From there on current_user_id() is the user, current_actor_id() whoever acts, and there is no session. The record names both and is committed before any of it takes effect (on a standby: one line in the server log). Follows savepoints: ROLLBACK TO gives the caller back. Errors, after each of which the transaction has nobody: 28000 where nobody is signed in, or the credential has been revoked since; 22023 without a reason, and for oneself; 42501 without the scope, for an owner, an agent, a private user and one who holds more, where one acts for another already, and within a trigger; P0002 for a user who is unknown or not active, or no member; 55000 where the transaction has acted as a third user, and where nothing could be recorded; warning 25P01 outside a transaction block.';

CREATE FUNCTION warden.set_user_private(user_id uuid, private boolean DEFAULT true) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    IF set_user_private.private IS NULL THEN
        RAISE EXCEPTION 'private is missing' USING ERRCODE = '22023', HINT = 'Pass true or false.';
    END IF;
    PERFORM warden.require_may_manage(set_user_private.user_id);
    -- It keeps admins out, so an admin does not take it off.
    PERFORM warden.require_may_grant('{}', CASE WHEN set_user_private.private THEN '{}'::text[] ELSE '{owner}' END);
    UPDATE warden.users u SET is_private = set_user_private.private, updated_at = clock_timestamp()
    WHERE u.id = set_user_private.user_id AND u.status <> 'deleted' AND u.is_private <> set_user_private.private;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM warden.known_users u WHERE u.id = set_user_private.user_id) THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        END IF;
        RETURN false;
    END IF;
    PERFORM warden.write_audit('set_user_private', set_user_private.user_id::text,
        jsonb_build_object('private', set_user_private.private));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_user_private(uuid, boolean) IS
    'Declares that nobody acts as this user (act_as), or takes that back; felt by the next act_as(). Returns false where it was so already. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold all that the user does, and where one who is no owner takes it back; 22023 for a null, P0002 for an unknown or deleted user.';
