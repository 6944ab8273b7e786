-- B1: warden.missing_identity = error makes nobody loud, for the client who asks for it, the database or the role; it is a
-- switch of volume, and opens nothing.
\ir lib/cast.sql
\ir lib/as_attacker.sql

SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SET warden.missing_identity = error;
SELECT t.refused('SELECT * FROM documents', '28000', 'reading', '^nobody is signed in');
SELECT t.refused('UPDATE documents SET title = ''x''', '28000', 'changing');
SELECT t.refused('DELETE FROM documents', '28000', 'deleting');
SELECT t.refused(format('INSERT INTO documents VALUES (9, %L, ''x'')', :'alice'), '28000', 'adding');
SELECT t.refused('SELECT warden.current_user_id()', '28000', 'the function itself');
SELECT t.ok(warden.identity() IS NULL AND warden.current_roles() = '{}', 'what policies do not call stays quiet');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'somebody reads');
SELECT warden.sign_out();
SELECT t.refused('SELECT * FROM documents', '28000', 'after sign_out it is loud again');
COMMIT;
SELECT t.refused('SELECT * FROM documents', '28000', 'after COMMIT, too');
SET warden.missing_identity = none;
SELECT t.rows('SELECT * FROM documents', 0, 'none: quiet');
SELECT t.refused('SET warden.missing_identity = everything', '22023', 'another word is refused');
SELECT t.refused('SET warden.missing_identity = ''''', '22023', 'the empty one, too');
RESET warden.missing_identity;
SELECT t.rows('SELECT * FROM documents', 0, 'quiet by default');

-- By the operator, for everybody, before the library is loaded.
\connect - postgres
ALTER DATABASE attack_b01_loud_when_missing SET warden.missing_identity = error;
\connect - app
SELECT t.refused('SELECT * FROM documents', '28000', 'for the database');
DISCARD ALL;
SELECT t.refused('SELECT * FROM documents', '28000', 'still after DISCARD ALL');
SELECT t.done();
