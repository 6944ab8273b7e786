-- Redeeming an invite: by one task, in which a guess is counted and compared, and an invite used up, under one lock.

-- What a code can be meant for. Long codes are found by their hash.
CREATE FUNCTION warden.short_invites_meant(invite_id uuid, email text) RETURNS uuid[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(array_agg(i.id), '{}') FROM warden.invites i
    WHERE i.short AND warden.invite_status(i) = 'pending'
      AND CASE WHEN short_invites_meant.invite_id IS NOT NULL THEN i.id = short_invites_meant.invite_id
               ELSE i.email = warden.normalise_email(short_invites_meant.email)
                    OR i.user_id IN (SELECT warden.users_with_email(warden.normalise_email(short_invites_meant.email))) END;
END;

COMMENT ON FUNCTION warden.short_invites_meant(uuid, text) IS
    'The pending invites that a code of eight digits is tried on: the one with this id, or without that those that are bound to this email. Not callable by clients.';

CREATE FUNCTION warden.obstacle_of_invite(invite warden.invites, redeemer uuid, credential jsonb, email text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person warden.users;
    address text;
    held text[];
BEGIN
    IF obstacle_of_invite.redeemer IS NOT NULL THEN
        SELECT u.* INTO person FROM warden.users u WHERE u.id = obstacle_of_invite.redeemer;
        IF NOT warden.is_credential_good(person.id, obstacle_of_invite.credential) THEN
            RETURN 'signed_out';
        ELSIF person.kind <> 'human' THEN
            RETURN 'not_human';
        END IF;
        address := person.email;
    END IF;
    IF (obstacle_of_invite.invite).user_id IS NOT NULL THEN
        SELECT u.* INTO person FROM warden.users u WHERE u.id = (obstacle_of_invite.invite).user_id;
        address := person.email;
        IF obstacle_of_invite.redeemer IS NOT NULL THEN
            RETURN 'somebody_is_signed_in';
        ELSIF person.status IS DISTINCT FROM 'pending' THEN
            RETURN 'user_not_pending';
        END IF;
    ELSIF obstacle_of_invite.redeemer IS NULL THEN
        address := coalesce((obstacle_of_invite.invite).email, warden.normalise_email(obstacle_of_invite.email));
    END IF;
    IF (obstacle_of_invite.invite).email <> coalesce(address, '')
        OR warden.normalise_email(obstacle_of_invite.email) <> coalesce(address, '') THEN
        RETURN 'another_email';
    END IF;
    -- What whoever invites held, he holds still.
    IF (obstacle_of_invite.invite).invited_by IS NOT NULL AND NOT (CASE
        WHEN (obstacle_of_invite.invite).user_id IS NOT NULL
            THEN warden.user_may_grant((obstacle_of_invite.invite).invited_by, person.scopes, warden.roles_anywhere(person.id))
        ELSE warden.user_may_grant((obstacle_of_invite.invite).invited_by,
            CASE WHEN (obstacle_of_invite.invite).administered OR (obstacle_of_invite.invite).tenant_id IS NOT NULL
                 THEN '{}' ELSE '{users:invite}' END::text[],
            (obstacle_of_invite.invite).role || CASE WHEN (obstacle_of_invite.invite).administered
                 THEN (obstacle_of_invite.invite).tenant_roles ELSE '{}' END, giving => true) END) THEN
        RETURN 'inviter_may_not';
    END IF;
    IF (obstacle_of_invite.invite).tenant_id IS NOT NULL THEN
        PERFORM FROM warden.tenants n WHERE n.id = (obstacle_of_invite.invite).tenant_id AND n.status = 'active';
        IF NOT FOUND THEN
            RETURN 'tenant_not_active';
        ELSIF NOT (obstacle_of_invite.invite).administered THEN
            SELECT m.roles INTO held FROM warden.tenant_members m
            WHERE m.tenant_id = (obstacle_of_invite.invite).tenant_id
              AND m.user_id = (obstacle_of_invite.invite).invited_by AND m.roles && '{owner,admin}';
            IF NOT FOUND OR NOT warden.holds_roles(held, (obstacle_of_invite.invite).tenant_roles) THEN
                RETURN 'inviter_may_not';
            END IF;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.obstacle_of_invite(warden.invites, uuid, jsonb, text) IS
    'What stands against redeeming an invite whose code is right: by redeemer, who is signed in by credential, or by somebody who states this email; NULL for nothing. Not callable by clients.';

-- Creates, changes or brings back the user, and answers it; raises UE001 with a reason where that cannot be.
CREATE FUNCTION warden.apply_invite(invite warden.invites, arguments jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    redeemer uuid := arguments ->> 'redeemer_id';
    address text := coalesce((apply_invite.invite).email, warden.normalise_email(arguments ->> 'email'));
    guest uuid := coalesce((apply_invite.invite).user_id, redeemer);
    answer jsonb;
BEGIN
    IF (apply_invite.invite).user_id IS NOT NULL THEN
        UPDATE warden.users u SET status = 'active', updated_at = clock_timestamp() WHERE u.id = guest;
    ELSIF redeemer IS NULL THEN
        IF arguments ->> 'password_hash' IS NOT NULL AND num_nonnulls(address, arguments ->> 'name') = 0 THEN
            RAISE EXCEPTION 'nothing_to_sign_in_by' USING ERRCODE = 'UE001';
        END IF;
        guest := warden.insert_user(NULL, arguments ->> 'name', address, 'human', NULL,
            arguments ->> 'full_name', arguments ->> 'display_name');
        IF guest IS NULL THEN
            RAISE EXCEPTION '%', CASE WHEN EXISTS (SELECT FROM warden.users_with_email(address))
                THEN 'email_taken' ELSE 'name_taken' END USING ERRCODE = 'UE001';
        END IF;
        PERFORM warden.change_roles(guest, ARRAY[(apply_invite.invite).role],
            array_remove('{user}', (apply_invite.invite).role), 'assign_role');
    ELSIF (apply_invite.invite).tenant_id IS NULL THEN
        PERFORM warden.change_roles(guest, ARRAY[(apply_invite.invite).role], '{}', 'assign_role');
    END IF;
    IF arguments ->> 'password_hash' IS NOT NULL THEN
        answer := warden.store_password(jsonb_build_object('user_id', guest, 'hash', arguments ->> 'password_hash'));
        IF answer ? 'error' THEN
            RAISE EXCEPTION '%', answer ->> 'error' USING ERRCODE = 'UE001';
        END IF;
    END IF;
    IF (apply_invite.invite).tenant_id IS NOT NULL THEN
        -- Beside what a member is already.
        answer := warden.change_member(jsonb_build_object('tenant_id', (apply_invite.invite).tenant_id, 'user_id', guest,
            'roles', array(SELECT r.role FROM unnest((apply_invite.invite).tenant_roles) AS r (role)
                           UNION SELECT unnest(m.roles) FROM warden.tenant_members m
                           WHERE m.tenant_id = (apply_invite.invite).tenant_id AND m.user_id = guest ORDER BY 1)));
        IF answer ? 'error' THEN
            RAISE EXCEPTION '%', answer ->> 'error' USING ERRCODE = 'UE001';
        END IF;
    END IF;
    RETURN guest;
END
$$;

COMMENT ON FUNCTION warden.apply_invite(warden.invites, jsonb) IS
    'What an invite does once nothing stands against it; arguments as of use_invite(). Returns the user. Errors: UE001, whose message is the reason; what it has done is undone by whoever catches it. Not callable by clients.';

CREATE FUNCTION warden.use_invite(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    redeemer uuid := arguments ->> 'redeemer_id';
    meant uuid[] := array(SELECT (g.guess ->> 'id')::uuid FROM jsonb_array_elements(arguments -> 'guesses') AS g (guess));
    invite warden.invites;
    reason text;
    guest uuid;
    creating text;
    counted jsonb;
BEGIN
    -- Users before invites, and those before tenants, as everybody does who wants several.
    PERFORM FROM warden.users u
    WHERE u.id = redeemer OR u.id IN (SELECT i.user_id FROM warden.invites i WHERE i.id = ANY (meant))
    ORDER BY u.id FOR NO KEY UPDATE;
    -- Locked: of many that redeem one at once, or guess, each finds what the one before has done.
    PERFORM FROM warden.invites i WHERE i.id = ANY (meant) ORDER BY i.id FOR UPDATE;
    SELECT i.* INTO invite
    FROM jsonb_to_recordset(arguments -> 'guesses') AS g (id uuid, hash text)
    JOIN warden.invites i ON i.id = g.id AND i.code_hash = decode(g.hash, 'hex')
    ORDER BY warden.invite_status(i) = 'pending' DESC LIMIT 1;
    reason := CASE WHEN meant = '{}' THEN 'unknown_invite'
                   WHEN NOT FOUND THEN 'wrong_code'
                   WHEN warden.invite_status(invite) <> 'pending' THEN warden.invite_status(invite) || '_invite' END;
    IF reason IS NULL THEN
        IF invite.tenant_id IS NOT NULL THEN
            -- Held, so that what is found of its admins stays so.
            PERFORM FROM warden.tenants n WHERE n.id = invite.tenant_id FOR NO KEY UPDATE;
        END IF;
        reason := warden.obstacle_of_invite(invite, redeemer, arguments -> 'credential', arguments ->> 'email');
    END IF;
    IF reason IN ('wrong_code', 'another_email') THEN
        -- Long ones are not guessed.
        FOR invite IN
            UPDATE warden.invites i SET failed_attempts = i.failed_attempts + 1
            WHERE i.id = ANY (meant) AND i.short AND warden.invite_status(i) = 'pending' RETURNING i.*
        LOOP
            PERFORM warden.write_audit('redeem_invite_failed', invite.id::text, jsonb_strip_nulls(jsonb_build_object(
                'failed_attempts', invite.failed_attempts, 'client_ip', arguments -> 'client_ip')));
        END LOOP;
    END IF;
    IF reason IS NOT NULL THEN
        RETURN jsonb_build_object('error', reason);
    END IF;
    -- Whoever has an invite does not ask by it, one after the other, who is a user here.
    IF redeemer IS NULL AND invite.user_id IS NULL THEN
        creating := 'invite:' || invite.id;
        counted := warden.count_attempt(jsonb_build_object('keys', jsonb_build_array(creating)));
        IF counted ->> 'retry_after' IS NOT NULL THEN
            RETURN counted || jsonb_build_object('error', 'throttled');
        END IF;
    END IF;
    BEGIN
        guest := warden.apply_invite(invite, arguments);
    EXCEPTION
        WHEN SQLSTATE 'UE001' THEN
            reason := SQLERRM;
        WHEN configuration_limit_exceeded THEN
            reason := 'quota';
    END;
    IF reason IS NOT NULL THEN
        RETURN jsonb_build_object('error', reason);
    END IF;
    UPDATE warden.invites i SET redeemed_at = clock_timestamp(), redeemed_by = guest WHERE i.id = invite.id;
    PERFORM warden.forgive_attempts(array_remove(creating || array(SELECT jsonb_array_elements_text(arguments -> 'keys')), NULL));
    PERFORM warden.write_audit('redeem_invite', invite.id::text, jsonb_strip_nulls(jsonb_build_object(
        'user_id', guest, 'tenant_id', invite.tenant_id, 'invited_by', invite.invited_by, 'client_ip', arguments -> 'client_ip',
        'is_new', redeemer IS NULL AND invite.user_id IS NULL)));
    RETURN jsonb_build_object('user_id', guest, 'tenant_id', invite.tenant_id,
        'is_new', redeemer IS NULL AND invite.user_id IS NULL);
END
$$;

COMMENT ON FUNCTION warden.use_invite(jsonb) IS
    'Task: redeems the pending invite that one of the guesses (id, and hash in hexadecimal) is right for; a wrong guess counts against each that it is short of. redeemer_id: who is signed in, by credential; email, name, full_name, display_name, password_hash: of the user that is created, or the password of the one that comes back; keys: the attempts that are forgiven; client_ip: for the record. Answers user_id, tenant_id and is_new, or an error, and for throttled the seconds retry_after.';

COMMENT ON FUNCTION warden.redeem_invite(text, text, text, text, text, text, uuid, inet) IS
    'Redeems an invite: one row. For nobody it creates a user, with the role of the invite and what is stated here, or brings the user back that the invite is for; whoever is signed in gets the role, or of an invite to a tenant the membership, beside what he has. Any of them is signed in afterwards as usual. code: as create_invite() returned it, of eight digits also with spaces and hyphens; email: the address that the invite is bound to, or of the new user, kept unverified; password: of a new user or one who comes back, 8 characters to 1024 bytes; name: what a new user signs in by besides; invite_id: which invite eight digits are for, where email does not say it; client_ip: where a trusted role states it, attempts at eight digits are counted by it too. Returns user_id, the tenant_id joined, and is_new: whether the user was created. error instead: invalid_grant, for whatever is wrong with the invite or its code, the same for an unknown, wrong, expired, used, revoked or dead one (the server log says what); user_exists, where email or name is another user''s, who may sign in and redeem then; slow_down, after five of those, or twenty attempts of an address, with the seconds to wait in retry_after; invalid_request; access_denied, where the tenant has no room, or for who acts for another. Committed at once, whatever becomes of the transaction; of any number of calls at once, one redeems. Errors: 22023 for an unusable email, name or password, 28000 where the identity has expired, 42501 for a banned address, 55000 on a standby, or where no background worker is free.';
