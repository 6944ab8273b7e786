-- What clients call. The functions are in src/authenticate.rs.

COMMENT ON FUNCTION warden.authenticate(text, inet, uuid) IS
    'Acts for the user of the token until the transaction ends, and returns the user''s id. client_ip: the address of the client behind the pooler, as far as the caller knows it, refused where it is banned; tenant_id: the tenant to act in, of which the user is a member, and the same that the token names where it names one; in a database without tenants, the token must name it. Call it after BEGIN. Errors: 28000 for every token that is not accepted, with one message (the reason is in the server log), after which the transaction has nobody; 55000 where the transaction acts for another user or in another tenant, where an authentication failed in it, and where row-level security does not bind the role; 42501 for a banned address, whatever the token, and for a token whose issuer states one (trust_issuer, address_claim).';
COMMENT ON FUNCTION warden.set_current_user(uuid, uuid, inet) IS
    'Acts for a user that a trusted role has verified itself, until the transaction ends or warden.max_identity_age has passed. tenant_id, client_ip: as authenticate(). Returns the user''s id. Errors: 42501 for a role that was not added by add_trusted_role, and for a banned address; 28000 for a user who is unknown or not active, and where there are tenants for one that is unknown or not active or that the user is no member of; 55000 as authenticate().';
COMMENT ON FUNCTION warden.set_current_external_user(text, uuid, inet) IS
    'As set_current_user(), for the user with this external id.';
COMMENT ON FUNCTION warden.set_current_device(text, uuid, inet) IS
    'As set_current_user(), for the user of an enrolled certificate that a device has shown to the caller, who ended its TLS. fingerprint: as enroll_device_certificate(). Errors: 28000 also for a certificate that is unknown, revoked or expired, with one message; the reason is in the server log.';
COMMENT ON FUNCTION warden.sign_out() IS
    'Ends the identity for the rest of the transaction; returns whether there was one. The transaction stays that user''s: nobody else can be authenticated in it. Like every setting of a transaction it follows savepoints.';
COMMENT ON FUNCTION warden.require_user(uuid) IS
    'Returns true where the transaction acts for this user. Errors: 42501 for everybody else, for an unknown id and for NULL alike, and where nobody is signed in.';
COMMENT ON FUNCTION warden.require_user(text) IS
    'As require_user(uuid), for an id in text form (the user''s id or its external id), say from a URL; an empty or malformed one is refused like any other.';
COMMENT ON FUNCTION warden.verify_token(text) IS
    'The claims of a token that a trusted issuer signed and that is valid now. Looks up no user and changes no identity. Errors: 28000 for every token that is not, with one message; the reason is in the server log.';
COMMENT ON FUNCTION warden.explain_token(text) IS
    'Every check that a token or an API key goes through, in order, up to the first it fails: check, its name; passed; detail, what was found or why it fails, with nothing of a signature or a secret. Changes nothing. Errors: 42501 for who is no administrator; a token that is not accepted is none.';
COMMENT ON FUNCTION warden.http_status(text) IS
    'The HTTP status for a SQLSTATE of the extension: 28000 is 401, 42501 403, P0002 404, 23505 409, 22023 400, 53400 429, 55000 409, and PT401 and the like what they say; 500 for what the application did not cause.';
COMMENT ON FUNCTION warden.version() IS 'The version of the loaded library.';
