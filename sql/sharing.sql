-- Sharing: who gives whom which level on a row, takes it back, and gives the row itself away.

CREATE FUNCTION warden.write_share(
    relation regclass, row_id text, grantee text, level text, expires_at timestamptz, under uuid, offer boolean
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    giver uuid := warden.current_user_id();
    earlier warden.shares;
    ids uuid[];
    written uuid;
BEGIN
    -- What the same side has given before: its owners and administrators together, everybody else by himself.
    SELECT array_agg(s.id ORDER BY s.granted_at, s.id) INTO ids
    FROM warden.shares s
    WHERE s.relation = write_share.relation AND s.row_id = write_share.row_id AND s.grantee = write_share.grantee
      AND CASE WHEN write_share.under IS NULL THEN s.under IS NULL ELSE s.under IS NOT NULL AND s.granted_by = giver END
      AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id);
    -- The first of them or none: of two that each kept another one, both would take away what the other keeps.
    SELECT s.* INTO earlier FROM warden.shares s WHERE s.id = ids[1] FOR UPDATE SKIP LOCKED;
    LOOP
        IF earlier.id IS NULL THEN
            INSERT INTO warden.shares AS s (relation, row_id, grantee, level, status, expires_at, under, granted_by)
            VALUES (write_share.relation, write_share.row_id, write_share.grantee, write_share.level,
                    CASE WHEN write_share.offer THEN 'pending' ELSE 'accepted' END, write_share.expires_at, write_share.under, giver)
            RETURNING s.id INTO written;
        ELSE
            -- Who shares no more, or did not until now, has given nothing, also when he may share again.
            IF write_share.level <> 'share' OR warden.share_counts(earlier.id) IS DISTINCT FROM 'share' THEN
                PERFORM warden.remove_shares(array(SELECT s.id FROM warden.shares s WHERE s.under = earlier.id));
            END IF;
            UPDATE warden.shares s
            SET level = write_share.level, expires_at = write_share.expires_at, under = write_share.under, granted_by = giver,
                status = CASE WHEN s.status = 'accepted' OR NOT write_share.offer THEN 'accepted' ELSE 'pending' END
            WHERE s.id = earlier.id RETURNING s.id INTO written;
        END IF;
        PERFORM warden.remove_shares(array_remove(ids, written));
        -- Whoever found it locked meanwhile has written it anew, and revoked this one.
        EXIT WHEN earlier.id IS NULL OR NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = written);
        earlier := NULL;
    END LOOP;
    RETURN written;
END
$$;

COMMENT ON FUNCTION warden.write_share(regclass, text, text, text, timestamptz, uuid, boolean) IS
    'Writes down a share, or changes what the same side gave the same grantee before, which keeps its id; one that another transaction has locked is revoked and written anew. Returns its id.';

CREATE FUNCTION warden.share_with(
    table_name regclass, id text, grantee text, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    entitling uuid;
    held_by text;
    written uuid;
BEGIN
    PERFORM warden.require_level(share_with.level);
    IF share_with.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the share would have expired already'
            USING ERRCODE = '22023', HINT = 'Pass a moment to come, or leave expires_at out.';
    END IF;
    SELECT s.* INTO found FROM warden.sharing_of(share_with.table_name, share_with.id) AS s;
    IF found.access NOT IN ('owner', 'share', 'administrator') THEN
        RAISE EXCEPTION 'sharing this row takes level share'
            USING ERRCODE = '42501', HINT = 'Its owner gives that level by warden.share().';
    ELSIF found.access <> 'administrator' AND NOT warden.may_write(share_with.table_name) THEN
        RAISE EXCEPTION 'who may not write to this table does not share its rows' USING ERRCODE = '42501';
    END IF;
    PERFORM warden.require_good_credential();
    IF found.access = 'administrator' THEN
        PERFORM warden.require_may_manage_row(share_with.table_name, found.owner);
    END IF;
    PERFORM warden.require_grantee(share_with.table_name, share_with.grantee);
    IF share_with.grantee = 'user:' || warden.current_user_id() THEN
        RAISE EXCEPTION 'nobody shares a row with himself' USING ERRCODE = '22023';
    END IF;
    PERFORM warden.refuse_own_gain(share_with.grantee);
    IF share_with.grantee LIKE 'user:%' THEN
        IF found.owner = warden.owner_value(share_with.table_name, substr(share_with.grantee, 6)::uuid) THEN
            RAISE EXCEPTION 'the row is this user''s own' USING ERRCODE = '22023';
        END IF;
    ELSIF share_with.level = 'share' OR share_with.offer THEN
        RAISE EXCEPTION 'many at once get no more than manage, and are offered nothing'
            USING ERRCODE = '22023', HINT = 'Who may share a row, or is to accept it, is named by name: warden.share().';
    END IF;
    IF found.access = 'share' THEN
        entitling := warden.entitling_share(warden.current_user_id(), share_with.table_name, found.row_id);
        IF entitling IS NULL THEN
            RAISE EXCEPTION 'this row has been shared on too often'
                USING ERRCODE = '42501', HINT = 'No more than 16 shares stand under another, one below the other: its owner shares it, or somebody above you.';
        END IF;
    END IF;
    -- Nobody deletes it from now on and makes another one of the same key; who has, until now, is its owner now. What
    -- stands under a share has gone with its row.
    held_by := warden.hold_row(share_with.table_name, found.row_id);
    IF held_by IS NULL OR (entitling IS NULL AND held_by IS DISTINCT FROM found.owner) THEN
        RAISE EXCEPTION 'row not found' USING ERRCODE = 'P0002';
    END IF;
    written := warden.write_share(share_with.table_name, found.row_id, share_with.grantee, share_with.level,
        nullif(share_with.expires_at, 'infinity'), entitling, coalesce(share_with.offer, false));
    PERFORM warden.write_audit('share', share_with.table_name || ' ' || found.row_id, jsonb_build_object('share_id', written,
        'grantee', share_with.grantee, 'level', share_with.level, 'expires_at', share_with.expires_at,
        'offer', share_with.offer, 'under', entitling));
    RETURN written;
END
$$;

COMMENT ON FUNCTION warden.share_with(regclass, text, text, text, timestamptz, boolean) IS
    'Lets others reach a row of a table protected with shareable => true. grantee: user:<id>, role:<name>, tenant:<id> (the current one) or everyone (that is signed in, visitors not); level: view (see it), use (refer to it), edit (change it), manage (delete it), share (share it on), each with those before it, for many at once manage at most; expires_at: from then on it counts for nothing; offer: counts for nothing until the user accepts it. Sharing again changes level and end, and keeps the id. What somebody shares on by his own share ends with that share; no more than 16 stand under another, one below the other. Returns the id of the share. For the owner of the row, whoever holds it at level share, and admin roles. Errors: P0002 for a row that one does not see, and for an unknown user or tenant; 42501 for a level below share, for the last of 16 who have shared it on, for who may not write to the table, and for what somebody who acts for the user would give himself, or many at once, he may be one of whom; where a person acts behind an admin role, also for what he would give himself, his agent, or a role, a tenant or everyone of whom he is one, and for rows of a user who holds more than he does, or is private and he no owner; 22023 for an unknown level or grantee, a moment that is past, oneself and the owner; 28000 where the credential has been revoked meanwhile.';

CREATE FUNCTION warden.share(
    table_name regclass, id text, user_id uuid, level text, expires_at timestamptz DEFAULT NULL, offer boolean DEFAULT false
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF share.user_id IS NULL THEN
        RAISE EXCEPTION 'no user is given' USING ERRCODE = '22023', HINT = 'For many at once there is warden.share_with().';
    END IF;
    RETURN warden.share_with(share.table_name, share.id, 'user:' || share.user_id, share.level, share.expires_at, share.offer);
END
$$;

COMMENT ON FUNCTION warden.share(regclass, text, uuid, text, timestamptz, boolean) IS
    'Lets a user reach a row of a table protected with shareable => true: warden.share_with() with user:<user_id>, and the same level, expires_at and offer. Returns the id of the share. Errors: as share_with(), 22023 where no user is given.';

CREATE FUNCTION warden.unshare_with(table_name regclass, id text, grantee text) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me uuid := warden.current_user_id();
    found record;
    ids uuid[];
    removed int;
BEGIN
    IF unshare_with.grantee = 'user:' || me THEN
        -- Whoever leaves needs nobody's leave, and may not have seen the row yet.
        SELECT array_agg(s.id) INTO ids
        FROM warden.shares s
        WHERE s.relation = unshare_with.table_name AND s.grantee = unshare_with.grantee
          AND s.row_id = warden.key_of(unshare_with.table_name, unshare_with.id)
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id);
        IF ids IS NULL THEN
            RAISE EXCEPTION 'row not found' USING ERRCODE = 'P0002';
        END IF;
    ELSE
        SELECT s.* INTO found FROM warden.sharing_of(unshare_with.table_name, unshare_with.id) AS s;
        IF found.access = 'administrator' THEN
            PERFORM warden.require_may_manage_row(unshare_with.table_name, found.owner);
        END IF;
        IF found.access NOT IN ('owner', 'share', 'administrator') THEN
            RAISE EXCEPTION 'taking a share away takes level share'
                USING ERRCODE = '42501', HINT = 'Its owner may do that, and whoever has shared it on.';
        ELSIF found.access <> 'administrator' AND NOT warden.may_write(unshare_with.table_name) THEN
            RAISE EXCEPTION 'who may not write to this table takes nothing away from others'
                USING ERRCODE = '42501', HINT = 'What is shared with oneself one may leave.';
        END IF;
        SELECT array_agg(s.id) INTO ids
        FROM warden.shares s
        WHERE s.relation = unshare_with.table_name AND s.row_id = found.row_id AND s.grantee = unshare_with.grantee
          AND (found.access <> 'share' OR (s.under IS NOT NULL AND s.granted_by = me))
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id);
        IF ids IS NULL AND found.access = 'share' AND EXISTS (
            SELECT FROM warden.shares s
            WHERE s.relation = unshare_with.table_name AND s.row_id = found.row_id AND s.grantee = unshare_with.grantee) THEN
            RAISE EXCEPTION 'this share was given by somebody else'
                USING ERRCODE = '42501', HINT = 'The owner of the row takes it away, or who gave it.';
        END IF;
    END IF;
    PERFORM warden.require_good_credential();
    removed := warden.remove_shares(coalesce(ids, '{}'));
    IF removed > 0 THEN
        PERFORM warden.write_audit('unshare', unshare_with.table_name || ' ' || warden.key_of(unshare_with.table_name, unshare_with.id),
            jsonb_build_object('grantee', unshare_with.grantee, 'shares', to_jsonb(ids), 'removed', removed));
    END IF;
    RETURN removed;
END
$$;

COMMENT ON FUNCTION warden.unshare_with(regclass, text, text) IS
    'Takes away what share_with() gave this grantee, felt by the next statement of whoever it was, with everything that was shared on under it. Returns how many shares that were, 0 where there was none. For the owner of the row and admin roles; for whoever holds it at level share, what he gave; for a user, what it was given itself (user:<own id>). Errors: P0002 for a row that one does not see, 42501 for a level below share, for what another gave, for who may not write to the table and does not leave, and where a person acts behind an admin role for rows that he may not share (share_with()); 28000 where the credential has been revoked meanwhile.';

CREATE FUNCTION warden.unshare(table_name regclass, id text, user_id uuid) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF unshare.user_id IS NULL THEN
        RAISE EXCEPTION 'no user is given' USING ERRCODE = '22023', HINT = 'For many at once there is warden.unshare_with().';
    END IF;
    RETURN warden.unshare_with(unshare.table_name, unshare.id, 'user:' || unshare.user_id);
END
$$;

COMMENT ON FUNCTION warden.unshare(regclass, text, uuid) IS
    'Takes away what share() gave a user: warden.unshare_with() with user:<user_id>. A user that names itself leaves. Returns how many shares that were, with what was shared on under them, 0 where there was none. Errors: as unshare_with(), 22023 where no user is given.';

CREATE FUNCTION warden.answer_share(share_id uuid, answer text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    offered warden.shares;
BEGIN
    SELECT s.* INTO offered FROM warden.shares s
    WHERE s.id = answer_share.share_id AND s.grantee = 'user:' || warden.current_user_id()
      AND coalesce(s.expires_at, 'infinity') > clock_timestamp()
      AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'share not found' USING ERRCODE = 'P0002';
    ELSIF offered.status <> 'pending' THEN
        RAISE EXCEPTION 'the share has been answered' USING ERRCODE = '55000', HINT = 'It can be offered anew.';
    END IF;
    PERFORM warden.require_good_credential();
    -- Who is taking it away at this moment is not waited for.
    PERFORM FROM warden.shares s WHERE s.id = offered.id FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the share is being changed' USING ERRCODE = '55000', HINT = 'Try again.';
    END IF;
    UPDATE warden.shares s SET status = answer_share.answer WHERE s.id = offered.id AND s.status = 'pending';
    IF FOUND THEN
        PERFORM warden.write_audit(CASE answer_share.answer WHEN 'accepted' THEN 'accept_share' ELSE 'decline_share' END,
            offered.relation || ' ' || offered.row_id, jsonb_build_object('share_id', offered.id));
    END IF;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION warden.answer_share(uuid, text) IS 'What accept_share and decline_share share.';

CREATE FUNCTION warden.accept_share(share_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN warden.answer_share(accept_share.share_id, 'accepted');
END
$$;

COMMENT ON FUNCTION warden.accept_share(uuid) IS
    'Accepts a share that was offered to the current user, by its id (shared_with_me()); it counts from the next statement on. Returns true. Errors: P0002 for one that is not the user''s, or expired, 55000 for one that has been answered, 28000 where the credential has been revoked meanwhile.';

CREATE FUNCTION warden.decline_share(share_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN warden.answer_share(decline_share.share_id, 'declined');
END
$$;

COMMENT ON FUNCTION warden.decline_share(uuid) IS
    'Declines a share that was offered to the current user; it can be offered anew. Returns true. Errors: P0002 for one that is not the user''s, or expired, 55000 for one that has been answered, 28000 where the credential has been revoked meanwhile.';

CREATE FUNCTION warden.transfer(table_name regclass, id text, user_id uuid, keep_level text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    value text;
    former uuid;
    theirs uuid[];
BEGIN
    IF transfer.keep_level IS NOT NULL THEN
        PERFORM warden.require_level(transfer.keep_level);
    END IF;
    SELECT s.* INTO found FROM warden.sharing_of(transfer.table_name, transfer.id) AS s;
    IF found.access NOT IN ('owner', 'administrator') THEN
        RAISE EXCEPTION 'only its owner gives a row away' USING ERRCODE = '42501';
    ELSIF found.access = 'owner' AND NOT warden.may_write(transfer.table_name) THEN
        RAISE EXCEPTION 'who may not write to this table gives none of its rows away' USING ERRCODE = '42501';
    END IF;
    IF found.access = 'administrator' THEN
        PERFORM warden.require_may_manage_row(transfer.table_name, found.owner);
    END IF;
    PERFORM warden.refuse_own_gain('user:' || transfer.user_id);
    PERFORM warden.require_good_credential();
    PERFORM warden.require_grantee(transfer.table_name, 'user:' || transfer.user_id);
    value := warden.owner_value(transfer.table_name, transfer.user_id);
    IF NOT EXISTS (SELECT FROM warden.users u WHERE u.id = transfer.user_id AND u.status = 'active') THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    ELSIF value IS NULL THEN
        RAISE EXCEPTION 'this user owns no rows of this table'
            USING ERRCODE = '22023', HINT = 'Its owner column holds external ids, and the user has none that fits.';
    ELSIF value = found.owner THEN
        RETURN false;
    END IF;
    former := warden.owner_of_value(transfer.table_name, found.owner);
    BEGIN
        IF NOT warden.give_row(transfer.table_name, found.row_id, found.owner, value) THEN
            RAISE EXCEPTION 'row not found' USING ERRCODE = 'P0002';
        END IF;
    EXCEPTION WHEN unique_violation OR exclusion_violation THEN
        -- Without its detail, which shows a row of the other user.
        RAISE EXCEPTION 'the row cannot be given to this user'
            USING ERRCODE = '23505', HINT = 'A unique or exclusion constraint of the table stands against it: change the row first.';
    END;
    -- What the new owner has given, and counts, is now an owner's; what it was given it needs no more.
    SELECT array_agg(s.id) INTO theirs FROM warden.shares s
    WHERE s.relation = transfer.table_name AND s.row_id = found.row_id AND s.grantee = 'user:' || transfer.user_id;
    WITH given AS (
        SELECT s.id FROM warden.shares s WHERE s.under = ANY (theirs) AND warden.share_counts(s.under) = 'share'
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
    ), free AS (
        SELECT s.id FROM warden.shares s WHERE s.id IN (SELECT g.id FROM given g) FOR UPDATE SKIP LOCKED
    ), kept AS (
        UPDATE warden.shares s SET under = NULL FROM free f WHERE s.id = f.id
    )
    -- One that another transaction has locked is written anew, and revoked below.
    INSERT INTO warden.shares (relation, row_id, grantee, level, status, expires_at, granted_by)
    SELECT s.relation, s.row_id, s.grantee, s.level, s.status, s.expires_at, s.granted_by
    FROM warden.shares s JOIN given g ON g.id = s.id
    WHERE NOT EXISTS (SELECT FROM free f WHERE f.id = s.id);
    PERFORM warden.remove_shares(coalesce(theirs, '{}'));
    IF transfer.keep_level IS NOT NULL AND former IS NOT NULL THEN
        PERFORM warden.write_share(transfer.table_name, found.row_id, 'user:' || former, transfer.keep_level, NULL, NULL, false);
    END IF;
    PERFORM warden.write_audit('transfer', transfer.table_name || ' ' || found.row_id,
        jsonb_build_object('from', found.owner, 'to', value, 'keep_level', transfer.keep_level));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.transfer(regclass, text, uuid, text) IS
    'Gives a row of a shareable table to another user, who owns it from then on; what was shared of it stays so. keep_level: the level that the former owner keeps (none, if not given). The write is done as the owner of the table, in a security-restricted operation. Returns whether that changed something. For the owner of the row, and admin roles. Errors: P0002 for a row that one does not see, and for an unknown or inactive user; 42501 for anybody but the owner, and as share_with() for who acts for another or behind an admin role; 22023 for a user that the owner column cannot name; 23505 where a unique or exclusion constraint stands against it; 55000 for a table that a superuser owns; 28000 where the credential has been revoked meanwhile.';

CREATE FUNCTION warden.assign(table_name regclass, id text, user_id uuid, level text, expires_at timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    IF warden.current_user_id() IS NOT NULL THEN
        RAISE EXCEPTION 'a user is signed in' USING ERRCODE = '55000', HINT = 'Users share by warden.share(); call this as the admin role alone.';
    END IF;
    RETURN warden.share(assign.table_name, assign.id, assign.user_id, assign.level, assign.expires_at);
END
$$;

COMMENT ON FUNCTION warden.assign(regclass, text, uuid, text, timestamptz) IS
    'What share() does, for a row of anybody, by an administrator: assigns an agent to a user at a level. Sharing again changes the level, unshare() takes it back. For superusers and admin roles, signed in as nobody. Errors: as share(), 42501 for anybody else, 55000 where a user is signed in.';

CREATE FUNCTION warden.cleanup_shares() RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed int;
BEGIN
    PERFORM warden.require_administrator();
    removed := warden.remove_shares(array(
        SELECT s.id FROM warden.shares s
        WHERE s.expires_at < clock_timestamp() OR EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)));
    DELETE FROM warden.revoked_shares r WHERE NOT EXISTS (SELECT FROM warden.shares s WHERE s.id = r.share_id);
    RETURN removed;
END
$$;

COMMENT ON FUNCTION warden.cleanup_shares() IS
    'Takes out shares that have expired or were revoked, which count for nothing in any case; for a schedule. Returns how many. For superusers and admin roles. Errors: 42501 for anybody else.';
