-- N4: doctor() finds the indexes that a search under a policy cannot use, and its remedy makes them serve.
\ir lib/doctor.sql
CREATE TABLE texts (id uuid, user_id uuid NOT NULL, body text, words tsvector, tags jsonb, price numeric, at timestamptz);
-- Without an index on the owner, so that a plan says whether it may use the other one.
SELECT count(*) FROM warden.protect('texts', create_index => false);
GRANT SELECT ON texts TO app;

CREATE FUNCTION plan(condition text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT FROM texts WHERE ' || condition LOOP
        plan := plan || line || ' ';
    END LOOP;
    RETURN plan;
END $$;
GRANT EXECUTE ON FUNCTION plan(text) TO app;
CREATE FUNCTION searches() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(object, ', ' ORDER BY object) FROM warden.doctor() WHERE code = 'search_not_leakproof'
$$;

CREATE INDEX by_time ON texts (at);
CREATE INDEX by_id ON texts USING hash (id);
CREATE INDEX by_body ON texts (body);
CREATE INDEX of_owner ON texts (user_id, price);
SELECT t.is(searches(), NULL, 'what is leakproof, and what leads with the owner: no finding');
CREATE INDEX by_words ON texts USING gin (words);
CREATE INDEX by_text ON texts USING gin (to_tsvector('english', body));
CREATE INDEX by_tags ON texts USING gin (tags jsonb_path_ops);
CREATE INDEX by_like ON texts (body text_pattern_ops);
CREATE INDEX by_price ON texts (price);
DROP INDEX of_owner;
SELECT t.is(searches(), 'by_like of public.texts, by_price of public.texts, by_tags of public.texts, by_text of public.texts, by_words of public.texts',
    'full text, jsonb, LIKE, and numbers');
SELECT t.ok(bool_and(remedy LIKE '%A risk:%'), 'each says its risk') FROM warden.doctor() WHERE code = 'search_not_leakproof';

CREATE TABLE conditions (index text, condition text);
INSERT INTO conditions VALUES ('by_words', 'words @@ ''a''::tsquery'), ('by_text', 'to_tsvector(''english'', body) @@ ''a''::tsquery'),
    ('by_tags', 'tags @> ''{"a": 1}'''), ('by_like', 'body LIKE ''abc%'''), ('by_price', 'price = 7');
GRANT SELECT ON conditions TO app;
\connect - app
SELECT t.ok(plan('at = now()') LIKE '%by_time%', 'an index that can be used is used');
SELECT t.ok(plan(condition) NOT LIKE '%Index Cond%', index || ' is not used under the policy', plan(condition)) FROM conditions;
\connect - postgres
SELECT remedy FROM warden.doctor() WHERE code = 'search_not_leakproof' \gexec
SELECT t.is(searches(), NULL, 'mended by their remedies');
\connect - app
SELECT t.ok(plan(condition) LIKE '%Index Cond%', index || ' is used', plan(condition)) FROM conditions;
\connect - postgres
SELECT t.done();
