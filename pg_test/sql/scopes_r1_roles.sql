-- R1: the five roles and the scopes they hold by default, as data.
SELECT t.is(warden.scopes_of_roles(ARRAY[role]), scopes::text[], 'R1: ' || role)
FROM (VALUES ('anonymous', '{anonymous}'), ('viewer', '{agents:read,user}'), ('user', '{agents:read,tools:execute,user}'),
    ('admin', '{admin,agents:read,tools:execute,user}'),
    ('owner', '{admin,agents:read,billing,tools:execute,user,users:manage}'), ('nonesuch', '{}')) AS r (role, scopes);
SELECT warden.create_user(name => 'ann') AS ann \gset
SELECT t.is(warden.scopes_of_user(:'ann'), '{agents:read,tools:execute,user}', 'R1: of a user');
SELECT t.is(warden.scopes_of_user(gen_random_uuid()), '{}', 'R1: none of nobody');
SELECT t.done();
