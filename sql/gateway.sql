-- What gateways call. The function is in src/gateway.rs.

COMMENT ON FUNCTION warden.pre_request() IS
    'For PostgREST''s db-pre-request: acts for the user whose bearer token the request carries (the header Authorization in the setting request.headers), until the transaction ends, and returns the user''s id; NULL for a request without that header, which is nobody''s. Where warden.address_header names the header in which the proxy states the client''s address (x-real-ip, x-forwarded-for), a request from a banned one is refused, with a token or without. Nothing else of the request is believed, request.jwt.claims least of all. Errors: 28000 for a header that holds no bearer token, or no address where it should, and as authenticate().';
