-- Users and their rows. Every protected table has a plain twin with the same rows in the same order.

CREATE EXTENSION pg_warden;

CREATE ROLE app LOGIN;
SELECT warden.add_client_role('app');

CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO app;

-- The n-th user. Ids spread like random ones, yet every run has the same.
CREATE FUNCTION bench.user_id(n int) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.md5(n::text)::uuid;

INSERT INTO warden.users (id) SELECT bench.user_id(n) FROM generate_series(1, 10000) AS n;

-- P1, P2: 1,000,000 rows of 10,000 users, a hundred each, scattered as time scatters them.
CREATE TABLE documents (
    id bigint PRIMARY KEY,
    user_id uuid NOT NULL,
    amount int NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO documents
SELECT n, bench.user_id(1 + (n::bigint * 7919 % 10000)::int), n % 1000, 'title of ' || n, repeat('lorem ipsum ', 6),
       timestamptz '2026-01-01' + n * interval '10 seconds'
FROM generate_series(1, 1000000) AS n;
CREATE INDEX ON documents (user_id, created_at);

-- P7: one user with 300,000 rows beside 10,000 with ten each. Two indexes of one column each: whether to walk the
-- newest rows or to sort the user's own depends on knowing whose rows are asked for.
CREATE TABLE notes (id bigint PRIMARY KEY, user_id uuid NOT NULL, body text NOT NULL, created_at timestamptz NOT NULL);
INSERT INTO warden.users (id) VALUES (bench.user_id(0));
INSERT INTO notes
SELECT n, bench.user_id(CASE WHEN n % 4 = 0 THEN 1 + (n / 4 * 7919 % 10000)::int ELSE 0 END), 'note ' || n,
       timestamptz '2026-01-01' + n * interval '10 seconds'
FROM generate_series(1, 400000) AS n;
CREATE INDEX ON notes (user_id);
CREATE INDEX ON notes (created_at);

-- P8: 64 partitions by owner.
CREATE TABLE events (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (user_id, id)
) PARTITION BY HASH (user_id);
DO $$
BEGIN
    FOR n IN 0..63 LOOP
        EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER %s)', n, n);
    END LOOP;
END
$$;
INSERT INTO events SELECT n, bench.user_id(1 + n % 10000), 'opened' FROM generate_series(1, 100000) AS n;

CREATE TABLE plain_documents (LIKE documents INCLUDING ALL);
INSERT INTO plain_documents SELECT * FROM documents ORDER BY id;
CREATE TABLE plain_notes (LIKE notes INCLUDING ALL);
INSERT INTO plain_notes SELECT * FROM notes ORDER BY id;

GRANT SELECT, INSERT, UPDATE, DELETE ON documents, notes, events TO app;
GRANT SELECT ON plain_documents, plain_notes TO app;
SELECT warden.protect('documents');
SELECT warden.protect('notes');
SELECT warden.protect('events');

-- P5: tokens to authenticate with, in the server.
CREATE TABLE bench.tokens (token text NOT NULL, seen boolean NOT NULL);
GRANT SELECT ON bench.tokens TO app;
