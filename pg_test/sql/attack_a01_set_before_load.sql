-- N1, A1: a setting planted in a backend that has not loaded the library yet, where it is a mere placeholder that anybody
-- may set. The first call of ours loads the library, which must believe nothing that is there.
\ir lib/cast.sql
\ir lib/as_attacker.sql

-- What the attacker plants is the real thing: bob's own identity as the library writes it, in alice's name.
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'bob sees his own');
SELECT replace(current_setting('warden.identity'), :'bob', :'alice') AS forged, current_setting('warden.seal') AS seal \gset
COMMIT;
SELECT t.matches(:'forged', :'alice', 'the forged identity names alice');

\connect - app
SET app.current_user_id = :'alice';
SELECT t.is(seen(), NULL, 'SET app.current_user_id before load: nobody');
SELECT t.is(current_setting('app.current_user_id'), '', 'the planted value is gone once the library is loaded');
SELECT t.ok(warden.current_user_id() IS NULL, 'and the function says nobody');

\connect - app
SET warden.identity = :'forged';
SET warden.seal = :'seal';
SELECT t.is(seen(), NULL, 'SET warden.identity and warden.seal before load: nobody');
SELECT t.is(current_setting('warden.identity'), '', 'the planted identity is gone');
SELECT t.is(current_setting('warden.seal'), '0', 'the planted seal is gone');

\connect - app
SELECT set_config('app.current_user_id', :'alice', false), set_config('warden.identity', :'forged', false),
    set_config('warden.seal', :'seal', false);
SELECT t.is(seen(), NULL, 'set_config before load: nobody');

\connect - app
BEGIN;
SET LOCAL app.current_user_id = :'alice';
SET LOCAL warden.identity = :'forged';
SET LOCAL warden.seal = :'seal';
SELECT t.is(seen(), NULL, 'SET LOCAL before load: nobody');
COMMIT;

-- Settings stacked in savepoints, which Postgres restores one after the other.
\connect - app
BEGIN;
SET warden.identity = :'forged';
SET warden.seal = :'seal';
SAVEPOINT a;
SET LOCAL warden.identity = 'x';
SET LOCAL warden.seal = 0;
SAVEPOINT b;
SELECT t.is(seen(), NULL, 'a stack of planted settings: nobody');
ROLLBACK TO b;
SELECT t.is(seen(), NULL, 'nor after ROLLBACK TO the upper one');
ROLLBACK TO a;
SELECT t.is(seen(), NULL, 'nor after ROLLBACK TO the lower one');
COMMIT;
SELECT t.is(seen(), NULL, 'nor after COMMIT');

-- The operator's switches, planted likewise.
\connect - app
SET warden.allow_identity_switch = on;
SET warden.max_identity_age = 86400;
SELECT t.is(warden.version() IS NULL, false, 'the library is loaded');
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'a planted switch is dropped');
SELECT t.is(current_setting('warden.max_identity_age'), '15min', 'a planted age is dropped');

-- In the very statement that loads the library.
\connect - app
SELECT t.refused(
    format('SELECT (SELECT set_config(''app.current_user_id'', %L, true)), (SELECT count(*) FROM documents)', :'alice'), '42501',
    'set_config beside the table that loads the library');
\connect - app
SET app.current_user_id = :'alice';
SELECT t.rows('SELECT * FROM documents', 0, 'the table itself loads the library');

BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'a backend in which somebody planted a setting serves bob as any other');
COMMIT;
SELECT t.done();
