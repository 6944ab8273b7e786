-- Device certificates: what a device has shown to the proxy that ended its mutual TLS, by which that proxy, a trusted role,
-- finds the user.

CREATE TABLE warden.device_certificates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    -- SHA-256 of the certificate (its DER); it is no secret.
    fingerprint text COLLATE "C" NOT NULL UNIQUE CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    label text NOT NULL CHECK (label <> '' AND length(label) <= 100 AND label !~ '[[:cntrl:]]'),
    enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE INDEX device_certificates_user_id_idx ON warden.device_certificates (user_id);

COMMENT ON TABLE warden.device_certificates IS
    'Certificates of users'' devices. Those that are over stay, so that none is enrolled again, until their user is deleted for good.';

SELECT pg_extension_config_dump('warden.device_certificates', '');

CREATE FUNCTION warden.forget_device_certificates() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.device_certificates d WHERE d.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_device_certificates() IS
    'Trigger of the users: the device certificates of a user that is deleted for good go with it.';

CREATE TRIGGER forget_device_certificates AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_device_certificates();

COMMENT ON FUNCTION warden.normalise_fingerprint(text) IS
    'A SHA-256 fingerprint as it is kept: 64 hexadecimal digits in lower case; NULL for what is none. Colons between the pairs, as openssl writes them, and capitals are accepted.';

-- As many as may be live at a time, as of keys.
CREATE FUNCTION warden.store_certificate(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := arguments ->> 'user_id';
    credential jsonb := arguments -> 'credential';
    stored warden.device_certificates;
BEGIN
    -- Of two that are enrolled at once as the last that may, the second waits for the first; and for who ends the sessions.
    PERFORM FROM warden.users u WHERE u.id = owner_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'unknown_user');
    ELSIF credential IS NOT NULL AND NOT warden.is_credential_good(owner_id, credential) THEN
        RETURN jsonb_build_object('error', 'signed_out');
    ELSIF (SELECT count(*) FROM warden.device_certificates d
           WHERE d.user_id = owner_id AND warden.is_in_force(d.revoked_at, d.expires_at)) >= 100 THEN
        RETURN jsonb_build_object('error', 'too_many_certificates');
    END IF;
    INSERT INTO warden.device_certificates AS d (user_id, fingerprint, label, expires_at)
    VALUES (owner_id, arguments ->> 'fingerprint', arguments ->> 'label', (arguments ->> 'expires_at')::timestamptz)
    ON CONFLICT DO NOTHING
    RETURNING d.* INTO stored;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'taken');
    END IF;
    PERFORM warden.write_audit('enroll_device_certificate', owner_id::text, jsonb_build_object('certificate_id', stored.id,
        'label', stored.label, 'fingerprint', stored.fingerprint, 'expires_at', stored.expires_at));
    RETURN jsonb_build_object('id', stored.id);
END
$$;

COMMENT ON FUNCTION warden.store_certificate(jsonb) IS
    'Task: enrolls a certificate of user_id, with fingerprint, label and expires_at; credential: of the client that does it, absent for an administrator. Answers its id, or an error: unknown_user, signed_out, too_many_certificates, taken.';

CREATE FUNCTION warden.revoke_certificate(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    revoked_fingerprint text;
BEGIN
    UPDATE warden.device_certificates d SET revoked_at = clock_timestamp()
    WHERE d.id = (arguments ->> 'id')::uuid AND d.user_id = (arguments ->> 'user_id')::uuid
      AND warden.is_in_force(d.revoked_at, d.expires_at)
    RETURNING d.fingerprint INTO revoked_fingerprint;
    IF FOUND THEN
        PERFORM warden.write_audit('revoke_device_certificate', arguments ->> 'user_id',
            jsonb_build_object('certificate_id', arguments -> 'id', 'fingerprint', revoked_fingerprint));
    END IF;
    RETURN jsonb_build_object('revoked', revoked_fingerprint IS NOT NULL);
END
$$;

COMMENT ON FUNCTION warden.revoke_certificate(jsonb) IS
    'Task: revokes the certificate of user_id with this id. Answers whether it did: not one that is over, or another user''s.';

-- Not for ordinary clients: what they say of a certificate nobody has seen, and whoever enrolled a stranger's would have
-- the stranger's device act for himself.
CREATE FUNCTION warden.enroll_device_certificate(
    fingerprint text, label text, expires_in interval DEFAULT NULL, user_id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    owner_id uuid;
    normal text := warden.normalise_fingerprint(enroll_device_certificate.fingerprint);
    ends_at timestamptz;
    arguments jsonb;
    answer jsonb;
BEGIN
    PERFORM warden.require_trusted_caller();
    owner_id := warden.require_user_meant(enroll_device_certificate.user_id);
    IF normal IS NULL THEN
        RAISE EXCEPTION 'this is not the fingerprint of a certificate'
            USING ERRCODE = '22023', HINT = 'Pass its SHA-256: 64 hexadecimal digits, with colons between the pairs or without.';
    ELSIF NOT warden.is_label(enroll_device_certificate.label) THEN
        RAISE EXCEPTION 'label of the device is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 100 characters that say which device it is.';
    ELSIF enroll_device_certificate.expires_in <= '0' THEN
        RAISE EXCEPTION 'the certificate would have expired already'
            USING ERRCODE = '22023', HINT = 'Pass a length of time, or leave expires_in out.';
    ELSIF enroll_device_certificate.expires_in > '100 years' THEN
        RAISE EXCEPTION 'expires_in is more than 100 years'
            USING ERRCODE = '22023', HINT = 'Leave it out for a certificate that is good until it is revoked.';
    END IF;
    ends_at := warden.end_after(enroll_device_certificate.expires_in);
    IF administers THEN
        PERFORM warden.require_may_manage(owner_id);
    -- Whoever acts for a user for a while does not stay by way of a device, nor what ends by one that does not.
    ELSIF warden.current_actor_id() <> warden.current_user_id() THEN
        RAISE EXCEPTION 'who acts for another enrolls no device'
            USING ERRCODE = '42501', HINT = 'The user enrolls it, or an administrator.';
    ELSIF EXISTS (SELECT FROM warden.users u WHERE u.id = owner_id AND u.kind = 'agent') THEN
        RAISE EXCEPTION 'an agent enrolls no device' USING ERRCODE = '42501', HINT = 'An administrator enrolls it.';
    ELSIF coalesce(ends_at, 'infinity') > warden.shown_key_ends_at() THEN
        RAISE EXCEPTION 'a key or certificate enrolls no device that outlives it'
            USING ERRCODE = '42501', HINT = 'Pass a shorter expires_in, or sign in by a token.';
    END IF;

    arguments := jsonb_build_object('user_id', owner_id, 'fingerprint', normal, 'label', enroll_device_certificate.label,
        'expires_at', ends_at);
    IF administers THEN
        answer := warden.store_certificate(arguments);
    ELSE
        answer := warden.autonomously_signed_in('store_certificate', arguments);
    END IF;
    CASE answer ->> 'error'
        WHEN 'taken' THEN
            RAISE EXCEPTION 'this certificate was enrolled before'
                USING ERRCODE = '23505', HINT = 'A certificate is enrolled once; the next one of the device has another fingerprint.';
        WHEN 'too_many_certificates' THEN
            RAISE EXCEPTION 'too many certificates'
                USING ERRCODE = '53400', HINT = 'A user has at most 100 at a time: revoke those that are not in use.';
        WHEN 'unknown_user' THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        ELSE
            RETURN answer ->> 'id';
    END CASE;
END
$$;

COMMENT ON FUNCTION warden.enroll_device_certificate(text, text, interval, uuid) IS
    'Enrolls the certificate of a device, for set_current_device(), and returns the id of the enrolment. fingerprint: SHA-256 of the certificate in hexadecimal digits, in any case, with or without colons, as the caller has seen it in a TLS handshake; label: which device it is; expires_in: up to 100 years, NULL for as long as it is not revoked; user_id: NULL for the signed-in user, anybody for an administrator. A certificate is enrolled once, also after it was revoked. A gateway''s enrolment is there whatever becomes of the transaction. For trusted roles, superusers and admin roles: ordinary clients have seen no handshake. Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began; 22023 for an unusable argument, 42501 for other roles, where a person administers who holds less than the user, for a certificate that would outlive the key or certificate by which one is signed in, for who acts for another, and for an agent, P0002 for an unknown user, and for another than oneself, 23505 for a certificate that was enrolled before, 53400 for more than 100 live ones.';

CREATE FUNCTION warden.list_device_certificates(user_id uuid DEFAULT NULL) RETURNS TABLE (
    id uuid, label text, fingerprint text, enrolled_at timestamptz, expires_at timestamptz, is_active boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant uuid := warden.user_meant(list_device_certificates.user_id);
BEGIN
    IF meant IS NULL AND warden.client_administers() THEN
        RAISE EXCEPTION 'no user given' USING ERRCODE = '22023', HINT = 'Pass the id of a user.';
    END IF;
    RETURN QUERY
    SELECT d.id, d.label, d.fingerprint, d.enrolled_at, d.expires_at,
           warden.is_in_force(d.revoked_at, d.expires_at) AND warden.may_act(u.id)
    FROM warden.device_certificates d JOIN warden.users u ON u.id = d.user_id
    WHERE d.user_id = meant
    ORDER BY d.enrolled_at DESC, d.id DESC
    -- More than the live ones.
    LIMIT 1000;
END
$$;

COMMENT ON FUNCTION warden.list_device_certificates(uuid) IS
    'The device certificates of oneself, or as an administrator of anybody, the newest first and at most 1000. is_active: neither revoked nor expired, and the user active. No rows for nobody, and for another user as for an unknown one. Errors: 22023 for an administrator who names nobody.';

CREATE FUNCTION warden.revoke_device_certificate(id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid;
    answer jsonb;
BEGIN
    IF warden.client_administers() THEN
        SELECT d.user_id INTO owner_id FROM warden.device_certificates d WHERE d.id = revoke_device_certificate.id;
        PERFORM warden.require_may_manage(owner_id);
        answer := warden.revoke_certificate(jsonb_build_object('user_id', owner_id, 'id', revoke_device_certificate.id));
    ELSE
        owner_id := warden.require_user_meant(NULL);
        answer := warden.autonomously('revoke_certificate',
            jsonb_build_object('user_id', owner_id, 'id', revoke_device_certificate.id));
    END IF;
    RETURN (answer ->> 'revoked')::boolean;
END
$$;

COMMENT ON FUNCTION warden.revoke_device_certificate(uuid) IS
    'Revokes a device certificate of one''s own, or as an administrator anybody''s: it is refused in the next transaction, and never enrolled again. Returns false where it is unknown, over already, or another user''s. A client''s call is not undone by a rollback. Errors: 28000 for nobody; 42501 where a person administers who holds less than the user.';
