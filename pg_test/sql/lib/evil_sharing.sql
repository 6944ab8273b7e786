-- For \ir by attack_f10_evil_search_path.sql, under that path, for one type of keys: :relation, and :key of a row of bob's.
-- Every function about shared rows; an answer of the attacker's operators would be another one.
BEGIN;
SELECT warden.authenticate(:'bob_token') AS id \gset
SELECT warden.share(:'relation', :key, :'alice', 'share') AS share_id, warden.share_with(:'relation', :key, 'everyone', 'view') AS of_all \gset
SELECT t.is(pg_catalog.concat_ws(' ', warden.access_level(:'relation', :key), warden.can(:'relation', :key, 'owner'), warden.require_access(:'relation', :key, 'owner'),
        (SELECT pg_catalog.count(*) FROM warden.list_shares(:'relation', :key)), (SELECT pg_catalog.count(*) FROM warden.who_can(:'relation', :key, level => 'view')),
        (SELECT pg_catalog.string_agg(level, ',') FROM warden.explain_access(:'relation', :key, :'alice'))),
    'owner t t 2 3 share,view'::pg_catalog.text, pg_catalog.concat(:'relation', ': bob shares a row, and is told of it'));
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token') AS id \gset
SELECT t.is(pg_catalog.concat_ws(' ', warden.access_level(:'relation', :key), warden.can(:'relation', :key, 'share'), warden.can(:'relation', :key, 'owner'),
        warden.require_access(:'relation', :key, 'share'), warden.shared_level(:'relation'::pg_catalog.regclass, :key), warden.shared(:'relation'::pg_catalog.regclass, :key, 'manage'),
        pg_catalog.array_length(warden.shared_ids(:'relation'::pg_catalog.regclass, 'view', :key, false), 1), (SELECT pg_catalog.count(*) FROM warden.shared_with_me())),
    'share t f t share t 1 2'::pg_catalog.text, pg_catalog.concat(:'relation', ': alice has what she was given'));
SELECT t.refused(pg_catalog.concat('SELECT warden.require_access(', pg_catalog.quote_literal(:'relation'), ', ', :'key', ', ''owner'')'), '42501', 'and no more');
SELECT t.refused(pg_catalog.concat('SELECT warden.transfer(', pg_catalog.quote_literal(:'relation'), ', ', :'key', ', ', pg_catalog.quote_literal(:'alice'), ')'), '42501', 'nor takes it');
SELECT warden.share(:'relation', :key, :'mallory', 'edit') AS shared_on \gset
SELECT t.is(warden.unshare(:'relation', :key, :'mallory'), 1, 'what she shares on she takes back');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token') AS id \gset
SELECT t.is(pg_catalog.concat(warden.unshare_with(:'relation', :key, 'everyone'), warden.unshare(:'relation', :key, :'alice')), '11'::pg_catalog.text, 'as bob does');
SELECT warden.share(:'relation', :key, :'alice', 'view', offer => true) AS offer_id \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token') AS id \gset
SELECT t.is(warden.access_level(:'relation', :key), NULL::pg_catalog.text, 'an offer is one');
SELECT t.ok(warden.decline_share(:'offer_id'), 'declined');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token') AS id \gset
SELECT warden.share(:'relation', :key, :'alice', 'view', offer => true) AS offer_id \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token') AS id \gset
SELECT t.refused(pg_catalog.concat('SELECT warden.accept_share(', pg_catalog.quote_literal(:'offer_id'), ')'), 'P0002', 'not for another');
SELECT t.refused(pg_catalog.concat('SELECT warden.require_access(', pg_catalog.quote_literal(:'relation'), ', ', :'key', ', ''view'')'), 'P0002', 'to whom there is no such row');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token') AS id \gset
SELECT t.ok(warden.accept_share(:'offer_id'), 'accepted');
SELECT t.is(warden.access_level(:'relation', :key), 'view'::pg_catalog.text, 'it is a share');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token') AS id \gset
SELECT t.is(warden.transfer(:'relation', :key, :'alice', 'edit'), true, 'and the row is given away');
SELECT t.is(warden.access_level(:'relation', :key), 'edit'::pg_catalog.text, 'but for what bob keeps');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token') AS id \gset
SELECT warden.unshare(:'relation', :key, :'bob') AS ended \gset
COMMIT;
