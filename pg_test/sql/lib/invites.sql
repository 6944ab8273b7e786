-- For \ir after cast.sql and passwords.sql (or tenants.sql), as superuser: the roles that invite, and calls of redeem_invite().
SELECT becomes FROM (VALUES ('alice', :'alice', '{admin,user}'), ('bob', :'bob', '{owner}')) AS r (who, id, roles)
CROSS JOIN LATERAL (SELECT warden.change_roles(r.id::uuid, r.roles::text[], array_remove('{user}', CASE WHEN 'user' = ANY (r.roles::text[]) THEN 'user' END), 'test')) AS c (becomes);

-- What becomes of a call, in a word: new, old, or the error and the seconds to wait.
CREATE FUNCTION redeemed(code text, email text DEFAULT NULL, password text DEFAULT NULL, name text DEFAULT NULL, invite_id uuid DEFAULT NULL,
    client_ip inet DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(concat_ws(' ', r.error, r.retry_after), '') || CASE r.is_new WHEN true THEN 'new' WHEN false THEN 'old' ELSE '' END
    FROM warden.redeem_invite(redeemed.code, redeemed.email, redeemed.password, redeemed.name, invite_id => redeemed.invite_id,
        client_ip => redeemed.client_ip) AS r
$$;
-- The next code of eight digits: never the same.
CREATE FUNCTION wrong(code text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lpad(((code::bigint + 1) % 100000000)::text, 8, '0') $$;

-- What is kept, past what clients may see.
CREATE FUNCTION kept(id uuid) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT warden.invite_status(i) || CASE WHEN i.failed_attempts > 0 THEN ' ' || i.failed_attempts ELSE '' END FROM warden.invites i WHERE i.id = kept.id
$$;
CREATE FUNCTION user_named(name text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT concat_ws(' ', u.status, u.roles, u.email, u.email_verified) FROM warden.users u WHERE u.name = user_named.name
$$;
