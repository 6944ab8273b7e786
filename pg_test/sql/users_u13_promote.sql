-- U13: an anonymous visitor turns out to be somebody: the history goes there, the visitor is gone.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
\connect - owner
CREATE TABLE pages (id int PRIMARY KEY, user_id uuid NOT NULL, path text, UNIQUE (user_id, path));
GRANT SELECT, INSERT ON pages TO gateway;
SELECT warden.protect('pages');
-- R6: what visitors write is declared.
SELECT warden.allow('pages', 'INSERT', 'user_id = warden.current_user_id()', 'visitors begin pages of their own');
\connect - gateway
SELECT warden.create_anonymous_user('browser') AS visitor \gset
BEGIN;
SELECT warden.set_current_user(:'visitor');
INSERT INTO pages (id, path) VALUES (1, '/'), (2, '/about');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:alice);
INSERT INTO pages (id, path) VALUES (3, '/');
COMMIT;
SELECT t.refused(format('SELECT warden.promote_anonymous(%L, %L)', :'visitor', :alice), '42501', 'U13: a gateway promotes nobody');
\connect - boss
SELECT t.refused(format('SELECT warden.promote_anonymous(%L, %L)', :bob, :alice), '22023', 'U13: who is not anonymous is refused', 'anonymous');
SELECT t.refused(format('SELECT warden.promote_anonymous(%L, %L)', :'visitor', :'visitor'), '22023', 'U13: nor with oneself', 'same');
SELECT t.refused(format('SELECT warden.promote_anonymous(gen_random_uuid(), %L)', :alice), 'P0002', 'U13: nor an unknown visitor');
SELECT t.refused(format('SELECT warden.promote_anonymous(%L, gen_random_uuid())', :'visitor'), 'P0002', 'U13: nor to an unknown user');
SELECT t.refused(format('SELECT warden.promote_anonymous(%L, %L, ''refuse'')', :'visitor', :alice), '23505', 'U13: conflicts are refused where that is asked for');
SELECT * FROM warden.promote_anonymous(:'visitor', :alice) \gset
SELECT t.is(:'total_rows' || '/' || :'taken_out', '1/1', 'U13: what the user has already is kept beside');
SELECT t.is(action || ' ' || object, 'promote_anonymous ' || :'visitor', 'U13: recorded') FROM warden.audit_log WHERE action = 'promote_anonymous';
SELECT t.refused(format('SELECT warden.promote_anonymous(%L, %L)', :'visitor', :alice), 'P0002', 'U13: once');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(string_agg(path, ' ' ORDER BY path), '/ /about', 'U13: the user sees the history') FROM pages;
COMMIT;
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'visitor'), '28000', 'U13: the visitor is gone');
SELECT t.isnt(warden.create_anonymous_user('browser'), :'visitor'::uuid, 'U13: the browser is a new visitor');
SELECT t.done();
