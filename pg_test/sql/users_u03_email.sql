-- U3: one address is one user, however it is written; another address is not verified.
SELECT warden.add_admin_role('boss');
\connect - boss
SELECT warden.create_user(name => 'ann', email => E' \t\n A@B.c\u00a0\u3000 ') AS ann \gset
SELECT warden.create_user(name => 'ben', email => 'ben@b.c') AS ben \gset
SELECT t.is(email, 'a@b.c', 'U3: trimmed of every white space, lower case') FROM warden.find_user('ann');
SELECT t.is(id, :'ann', 'U3: found by ' || quote_literal(address))
FROM (VALUES ('a@b.c'), ('A@B.C'), (E'\ta@b.C ')) AS a (address) CROSS JOIN LATERAL warden.find_user(address);
SELECT t.refused('SELECT warden.create_user(email => '' A@b.C '')', '23505', 'U3: the address is taken', 'email');
SELECT t.refused('SELECT warden.create_user(name => ''ann'')', '23505', 'U3: the name is taken', 'name');
SELECT t.succeeds('SELECT warden.create_user(name => ''Ann'')', 'U3: names are compared exactly');
SELECT t.refused(format('SELECT * FROM warden.update_user(%L, email => ''A@B.c'')', :'ben'), '23505', 'U3: taken for an update too', 'email');
SELECT t.refused(format('SELECT * FROM warden.update_user(%L, name => ''ann'')', :'ben'), '23505', 'U3: so is the name', 'name');

SELECT t.is(email_verified, true, 'U3: verified') FROM warden.update_user(:'ann', email_verified => true);
SELECT t.is(email_verified, true, 'U3: the same address in another form stays verified') FROM warden.update_user(:'ann', email => ' A@B.C');
SELECT t.is(email || ' ' || email_verified, 'new@b.c false', 'U3: another one is not') FROM warden.update_user(:'ann', email => 'NEW@b.c ');
SELECT t.is(email_verified, true, 'U3: unless it is said to be') FROM warden.update_user(:'ann', email => 'newer@b.c', email_verified => true);
SELECT t.is(coalesce(email, '-') || ' ' || email_verified, '- false', 'U3: no address is none that was verified') FROM warden.update_user(:'ann', email => ' ');
SELECT t.is(email_verified, false, 'U3: nor can be') FROM warden.update_user(:'ann', email_verified => true);
SELECT t.is(email_verified, false, 'U3: a first address is not verified') FROM warden.update_user(:'ann', email => 'x@b.c');

-- Users that a table of the application keeps may share an address; nobody else takes it, and nobody is found by it by chance.
\connect - postgres
CREATE TABLE accounts (id int PRIMARY KEY, email text);
INSERT INTO accounts VALUES (1, 'Team@b.c'), (2, 'team@b.c'), (3, 'one@b.c');
SELECT t.is(shared_emails, 1, 'two of the table share one') FROM warden.sync_users('accounts', 'id', 'email');
\connect - boss
SELECT t.refused('SELECT warden.create_user(email => ''team@b.c'')', '23505', 'a shared address is taken');
SELECT t.refused('SELECT * FROM warden.find_user(''team@b.c'')', '55000', 'whose it is cannot be said', 'several');
SELECT t.is(external_id, '3', 'an address of one of them finds it') FROM warden.find_user('ONE@b.c');
SELECT t.is(external_id, '2', 'each is found by external id') FROM warden.find_user('2');
SELECT t.done();
