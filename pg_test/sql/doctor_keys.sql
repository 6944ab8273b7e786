-- N2, A9: doctor() finds unique constraints and foreign keys that tell of others' rows, and owner columns without an
-- index; its remedy mends it.
\ir lib/doctor.sql
ALTER TABLE documents ADD COLUMN slug text;

-- Unique among the rows of all users.
ALTER TABLE documents ADD CONSTRAINT documents_slug_key UNIQUE (slug);
SELECT t.is(found(), 'unique_oracle documents_slug_key of public.documents', 'a global unique constraint');
\ir lib/mend.sql
SELECT t.is(pg_get_constraintdef(oid), 'UNIQUE (user_id, slug)', 'it is unique among the rows of each user now')
FROM pg_constraint WHERE conname = 'documents_slug_key';
CREATE UNIQUE INDEX "Lower" ON documents (lower(slug)) WHERE slug <> '';
SELECT t.is(found(), 'search_not_leakproof "Lower" of public.documents, unique_oracle "Lower" of public.documents', 'a unique index over an expression');
\ir lib/mend.sql
SELECT t.matches(pg_get_indexdef('"Lower"'::regclass), 'UNIQUE INDEX "Lower" .*\(user_id, lower\(slug\)\) WHERE', 'likewise');
CREATE TABLE named (email text PRIMARY KEY, user_id uuid);
SELECT count(*) FROM warden.protect('named');
SELECT t.is(found(), 'unique_oracle named_pkey of public.named', 'a primary key that can be guessed');
\ir lib/mend.sql
-- What cannot be mended without the tables that refer to it is left to the project.
CREATE TABLE codes (code text PRIMARY KEY, user_id uuid);
CREATE TABLE uses (id uuid PRIMARY KEY, code text REFERENCES codes);
SELECT count(*) FROM warden.protect('codes');
SELECT count(*) FROM warden.protect('uses', owner_column => NULL, parent_column => 'code');
SELECT t.is(found(), 'unique_oracle codes_pkey of public.codes', 'a key that others refer to');
SELECT t.matches(remedy, '^-- Add user_id to codes_pkey', 'its remedy is a comment, which says what to do') FROM warden.doctor() WHERE code = 'unique_oracle';
DROP TABLE uses, codes;
ALTER TABLE documents ADD CONSTRAINT one_key UNIQUE (user_id, body), ADD COLUMN token uuid UNIQUE, ADD COLUMN number int GENERATED ALWAYS AS IDENTITY UNIQUE;
SELECT t.is(found(), NULL, 'with the owner, of random values, and counters: no finding');

-- Foreign keys.
CREATE TABLE log (id uuid PRIMARY KEY, document_id bigint REFERENCES documents);
SELECT t.is(found(), NULL, 'nobody may write the table that refers to a protected one: no finding');
GRANT INSERT ON log TO app;
SELECT t.is(found(), 'foreign_key_oracle log_document_id_fkey of public.log, table_undeclared public.log', 'an unprotected table that refers to a protected one');
\ir lib/mend.sql
SELECT t.is(parent_column, 'document_id', 'its rows belong to the document') FROM warden.protected_tables WHERE relation = 'log'::regclass;
CREATE TABLE pages (id uuid PRIMARY KEY, user_id uuid NOT NULL, document_id bigint,
    CONSTRAINT of_document FOREIGN KEY (document_id) REFERENCES documents ON DELETE CASCADE);
SELECT count(*) FROM warden.protect('pages');
SELECT t.is(found(), 'foreign_key_without_owner of_document of public.pages', 'a foreign key without the owner');
\ir lib/mend.sql
SELECT t.is(pg_get_constraintdef(oid), 'FOREIGN KEY (user_id, document_id) REFERENCES documents(user_id, id) ON DELETE CASCADE', 'the owner is in it, and what it did it does')
FROM pg_constraint WHERE conname = 'of_document';

-- D8: a foreign key by which who deletes a shared row deletes what others own below it.
CREATE TABLE agents (id uuid PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE talks (id uuid PRIMARY KEY, user_id uuid NOT NULL, agent_id uuid REFERENCES agents ON DELETE CASCADE);
CREATE TABLE calls (id uuid PRIMARY KEY, user_id uuid NOT NULL, agent_id uuid NOT NULL REFERENCES agents ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE);
CREATE TABLE parts (id uuid PRIMARY KEY, agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE);
SELECT count(*) FROM unnest('{agents,talks,calls}'::regclass[]) name, warden.protect(name, shareable => name = 'agents'::regclass);
SELECT count(*) FROM warden.protect('parts', NULL, parent_column => 'agent_id');
SELECT t.is(found(), 'cascade_into_others calls_agent_id_fkey of public.calls, cascade_into_others talks_agent_id_fkey of public.talks',
    'whoever may delete a shared row deletes the rows of others with it; what belongs to it has no owner, and goes');
SELECT t.matches(remedy, '^-- Whoever has such a row then keeps', 'what RESTRICT does is said first') FROM warden.doctor() WHERE object ~ 'calls';
\ir lib/mend.sql
SELECT t.is(string_agg(pg_get_constraintdef(oid), ', ' ORDER BY conname), 'FOREIGN KEY (agent_id) REFERENCES agents(id) ON UPDATE CASCADE ON DELETE RESTRICT DEFERRABLE, '
    || 'FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE SET NULL', 'the rows stay, or keep the other one, and a key that others are to refer by holds no owner')
FROM pg_constraint WHERE conname IN ('calls_agent_id_fkey', 'talks_agent_id_fkey');
DROP TABLE parts, calls, talks, agents;

-- A9: an owner column that may be NULL.
CREATE TABLE loose (id uuid PRIMARY KEY, user_id uuid, is_public boolean);
SELECT count(*) FROM warden.protect('loose', manage_columns => false);
SELECT t.is(found(), 'owner_nullable public.loose', 'rows may have no owner');
\ir lib/mend.sql
SELECT t.ok(attnotnull, 'they have one now') FROM pg_attribute WHERE attrelid = 'loose'::regclass AND attname = 'user_id';
ALTER TABLE loose ALTER COLUMN user_id DROP NOT NULL;
SELECT warden.allow('loose', 'SELECT', 'user_id IS NULL', 'templates are everybody''s');
SELECT t.is(found(), NULL, 'where they are declared, they may: no finding');
-- A9: an owner column without the foreign key that other owners have.
CREATE TABLE people (id uuid PRIMARY KEY, "number" bigint UNIQUE);
CREATE TABLE letters (id uuid PRIMARY KEY, user_id uuid REFERENCES people ON DELETE CASCADE);
CREATE TABLE parcels (id uuid PRIMARY KEY, user_id uuid REFERENCES people ON DELETE CASCADE);
CREATE TABLE stamps (id uuid PRIMARY KEY, user_id uuid, UNIQUE (user_id, id));
CREATE TABLE prints (id uuid PRIMARY KEY, user_id uuid, stamp_id uuid, FOREIGN KEY (user_id, stamp_id) REFERENCES stamps (user_id, id));
CREATE TABLE numbers (id uuid PRIMARY KEY, user_id bigint);
SELECT t.is(found(), 'table_unprotected public.letters, table_unprotected public.numbers, table_unprotected public.parcels, table_unprotected public.prints, table_unprotected public.stamps', 'all of them open');
SELECT count(*) FROM unnest('{letters,parcels,stamps,prints,numbers}'::regclass[]) AS name, warden.protect(name);
SELECT t.is(found(), 'owner_without_foreign_key public.documents, owner_without_foreign_key public.loose, owner_without_foreign_key public.named, '
    || 'owner_without_foreign_key public.parted, owner_without_foreign_key public.stamps', 'owners of the same type refer to people, these do not');
\ir lib/mend.sql
SELECT t.is(pg_get_constraintdef(oid), 'FOREIGN KEY (user_id) REFERENCES people(id) ON DELETE CASCADE', 'as the others do')
FROM pg_constraint WHERE conrelid = 'stamps'::regclass AND contype = 'f';
DROP TABLE people, letters, parcels, prints, stamps, numbers CASCADE;
SELECT t.is(found(), NULL, 'where no owner refers to users, none is asked to');
-- No index on the owner.
CREATE TABLE plain (id uuid PRIMARY KEY, user_id uuid NOT NULL);
SELECT count(*) FROM warden.protect('plain', create_index => false);
SELECT t.is(found(), 'owner_not_indexed public.plain', 'no index leads with the owner');
\ir lib/mend.sql
DROP INDEX plain_user_id_idx;
CREATE INDEX ON plain (id, user_id);
CREATE INDEX ON plain (user_id) WHERE id IS NOT NULL;
CREATE INDEX ON plain USING hash (user_id);
SELECT t.is(found(), 'owner_not_indexed public.plain', 'one that does not lead with it, a partial one, and one of another kind');
\ir lib/mend.sql
DROP INDEX messages_document_id_idx;
SELECT t.is(found(), 'owner_not_indexed public.messages', 'the column of the parent, in a table that belongs to it');
\ir lib/mend.sql
CREATE TABLE wide (user_id uuid NOT NULL, n int) PARTITION BY LIST (n);
CREATE TABLE wide_1 PARTITION OF wide FOR VALUES IN (1);
SELECT count(*) FROM warden.protect('wide', create_index => false);
SELECT t.is(found(), 'owner_not_indexed public.wide_1', 'a partition');
\ir lib/mend.sql
SELECT t.done();
