-- Users that an issuer has named for the first time.

CREATE FUNCTION warden.provision_user(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id uuid := coalesce((arguments ->> 'id')::uuid, gen_random_uuid());
    new_external_id text := arguments ->> 'external_id';
    address text := warden.normalise_email(arguments ->> 'email');
    detail jsonb := jsonb_build_object('issuer', arguments ->> 'issuer', 'subject', arguments ->> 'subject');
    owners uuid[];
    linked_id uuid;
BEGIN
    IF address !~ '^[^[:space:][:cntrl:]@]+@[^[:space:][:cntrl:]@]+$' THEN
        address := NULL;
    END IF;
    LOOP
        -- Nobody who is there is taken over by a name.
        IF EXISTS (SELECT FROM warden.users u WHERE u.id = new_id OR u.external_id = new_external_id) THEN
            RETURN 'null';
        END IF;
        -- Also of one who may not come in: or a suspended user would come back as another.
        SELECT array_agg(e.id) INTO owners FROM warden.users_with_email(address) AS e (id);
        linked_id := NULL;
        IF (arguments ->> 'link')::boolean AND cardinality(owners) = 1 THEN
            -- Whoever has only claimed an address keeps what he has, and does not get its owner's sign-ins.
            -- Locked, so that nobody deletes the user before the link is there to be deleted with it.
            SELECT u.id INTO linked_id FROM warden.users u
            WHERE u.id = owners[1] AND u.kind = 'human' AND u.status <> 'deleted' AND u.email = address AND u.email_verified FOR KEY SHARE;
        END IF;
        -- The link first: of two transactions that see one subject the second waits for it.
        INSERT INTO warden.identities (issuer, subject, user_id)
        VALUES (arguments ->> 'issuer', arguments ->> 'subject', coalesce(linked_id, new_id))
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN 'null';
        END IF;
        IF linked_id IS NOT NULL THEN
            PERFORM warden.write_audit('link_identity', linked_id::text, detail || jsonb_build_object('by', 'verified_email'));
            RETURN jsonb_build_object('linked', linked_id);
        END IF;
        INSERT INTO warden.users (id, external_id, email, email_verified, linked)
        VALUES (new_id, new_external_id, CASE WHEN owners IS NULL THEN address END,
                owners IS NULL AND address IS NOT NULL, true)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM warden.write_audit('provision_user', new_id::text, detail);
            RETURN jsonb_build_object('created', new_id);
        END IF;
        -- Somebody else has just taken the address, or the id: looked at again.
        DELETE FROM warden.identities i
        WHERE i.issuer = arguments ->> 'issuer' AND i.subject = arguments ->> 'subject' AND i.user_id = new_id;
    END LOOP;
END
$$;

COMMENT ON FUNCTION warden.provision_user(jsonb) IS
    'Task: makes the user that the subject of an issuer names, with id or external_id where the subject is one, and with the email (verified by the issuer) where nobody has it; with link, the only human user who has it, verified here too, gets the subject instead. No role but user, whatever the issuer says. Answers created or linked with the id, or null where somebody else just did, or where the id or external id is there.';
