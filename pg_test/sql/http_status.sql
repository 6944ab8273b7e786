-- The HTTP status for each SQLSTATE that the extension raises, and that a gateway may meet.
SELECT t.is(warden.http_status(state), status, coalesce(state, 'NULL'))
FROM (VALUES ('28000', 401), ('28P01', 401), ('42501', 403), ('P0002', 404), ('23505', 409), ('55000', 409), ('22023', 400), ('22P02', 400),
    ('22001', 400), ('53400', 429), ('XX000', 500), ('57014', 500), ('40001', 500), ('42883', 500), ('', 500), ('22', 500), ('28000 ', 500),
    ('p0002', 500), (NULL, NULL)) AS s (state, status);
\connect - mallory_login
SELECT t.is(warden.http_status('28000'), 401, 'anybody may ask');
SELECT t.done();
