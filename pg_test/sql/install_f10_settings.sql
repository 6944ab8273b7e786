-- F10: whoever installs the extension with standard_conforming_strings off, in a database of an old application say, has the same
-- one: conditions of tables and bodies in BEGIN ATOMIC are read when they are made.
SELECT format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET escape_string_warning = off', current_database()) \gexec
\connect - postgres
CREATE EXTENSION pg_warden;
SELECT t.is(warden.normalise_email(E' \u00a0\tsally.s@example.com\u2003 '), 'sally.s@example.com', 'what is white space is, and the letter s is none');
SELECT t.is(warden.without_settings('current_setting(''app.current_user_id''::text, true)'), '(warden.current_user_id())::text', 'a policy that reads a setting is known');
SELECT t.succeeds($$ SELECT warden.create_user(name => 'sss', email => 's@example.com') $$, 'a user is made');
SELECT t.refused($$ SELECT warden.create_user(name => E' \t ') $$, '22023', 'with a name that is one');
SELECT t.done();
