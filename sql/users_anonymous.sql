-- Anonymous visitors: users of kind anonymous, known by a fingerprint, until they sign up (promote_anonymous) or stay
-- away (cleanup_anonymous_users).

CREATE FUNCTION warden.create_anonymous_user(fingerprint text) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash bytea;
    visitor uuid;
BEGIN
    PERFORM warden.require_trusted_caller();
    IF coalesce(create_anonymous_user.fingerprint, '') = '' OR length(create_anonymous_user.fingerprint) > 1024 THEN
        RAISE EXCEPTION 'fingerprint is not usable' USING ERRCODE = '22023', HINT = 'Pass 1 to 1024 characters.';
    END IF;
    hash := sha256(convert_to(create_anonymous_user.fingerprint, 'UTF8'));
    -- Whoever is found may be gone before it is read: then there is nobody in the way any more.
    FOR attempt IN 1..10 LOOP
        SELECT u.id INTO visitor FROM warden.users u
        WHERE u.fingerprint = hash AND u.kind = 'anonymous' AND u.roles = '{anonymous}' AND u.status <> 'deleted';
        EXIT WHEN FOUND;
        INSERT INTO warden.users AS u (kind, roles, fingerprint) VALUES ('anonymous', '{anonymous}', hash)
        ON CONFLICT DO NOTHING
        RETURNING u.id INTO visitor;
        IF FOUND THEN
            PERFORM warden.write_audit('create_user', visitor::text, jsonb_build_object('kind', 'anonymous'));
            EXIT;
        END IF;
    END LOOP;
    IF visitor IS NULL THEN
        RAISE EXCEPTION 'this visitor is created and deleted all the time'
            USING ERRCODE = '55000', HINT = 'Try again.';
    END IF;
    RETURN visitor;
END
$$;

COMMENT ON FUNCTION warden.create_anonymous_user(text) IS
    'The anonymous user of a visitor, made at the first call; of any number of calls at once for one fingerprint, all return the same. fingerprint: what your application knows the visitor by, of which only a hash is kept; it is not a credential, so whoever calls decides for whom it acts by it. A deleted visitor, or one who has become more than anonymous, is not given back: another one is made. Kind and role are anonymous. Returns the id. For superusers, admin and trusted roles. Errors: 42501; 22023 for an empty fingerprint or one of more than 1024 characters.';
