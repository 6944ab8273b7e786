// Rows A1 and A4 with node-postgres and tokens of jose, through PgBouncer.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import pg from "pg";

const ALICE = "00000000-0000-4000-8000-0000000a11ce";
const BOB = "00000000-0000-4000-8000-000000000b0b";
const DATABASE = "node_postgres";
const algorithms = ["EdDSA", "ES256", "RS256"];
const keys = {};
let pool;

/** What the README shows: run `work` in a transaction that acts for the bearer of the token. */
async function actFor(token, work) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT warden.authenticate($1)", [token]);
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

const token = (subject, algorithm = "EdDSA") =>
  new SignJWT()
    .setProtectedHeader({ alg: algorithm, kid: algorithm })
    .setIssuer("https://id.example.com")
    .setAudience("api")
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime("15m")
    .sign(keys[algorithm]);

const owners = async (client) => {
  const { rows } = await client.query("SELECT DISTINCT user_id FROM documents");
  return rows.map((row) => row.user_id);
};

async function asSuperuser(database, work) {
  const client = new pg.Client({
    host: process.env.WARDEN_SOCKET_DIR,
    port: Number(process.env.WARDEN_PORT),
    user: "postgres",
    database,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

before(async () => {
  const published = [];
  for (const algorithm of algorithms) {
    const { publicKey, privateKey } = await generateKeyPair(algorithm);
    keys[algorithm] = privateKey;
    published.push({ ...(await exportJWK(publicKey)), alg: algorithm, kid: algorithm });
  }
  await asSuperuser("postgres", (client) => client.query(`CREATE DATABASE ${DATABASE} TEMPLATE template_warden`));
  await asSuperuser(DATABASE, async (client) => {
    await client.query(`
      CREATE TABLE documents (id serial PRIMARY KEY, user_id uuid NOT NULL, title text);
      GRANT SELECT, INSERT ON documents TO app;
      GRANT USAGE ON SEQUENCE documents_id_seq TO app;
      SELECT warden.add_client_role('app');
      SELECT count(*) FROM warden.protect('documents');
      SELECT warden.create_user(id => '${ALICE}'), warden.create_user(id => '${BOB}');
      INSERT INTO documents (user_id, title) SELECT id, 'one' FROM warden.users;
    `);
    await client.query("SELECT warden.trust_issuer($1, $2, $3)", [
      "https://id.example.com",
      JSON.stringify({ keys: published }),
      ["api"],
    ]);
  });
  pool = new pg.Pool({
    host: process.env.WARDEN_HOST,
    port: Number(process.env.WARDEN_POOLER_PORT),
    user: "app",
    database: DATABASE,
    max: 10,
  });
});

after(async () => {
  await pool?.end();
  await asSuperuser("postgres", (client) => client.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`));
});

for (const algorithm of algorithms) {
  test(`a token signed by jose with ${algorithm} shows its user's rows`, async () => {
    assert.deepEqual(await actFor(await token(ALICE, algorithm), owners), [ALICE]);
    assert.deepEqual(await actFor(await token(BOB, algorithm), owners), [BOB]);
  });
}

test("without a token there are no rows", async () => {
  assert.deepEqual(await owners(pool), []);
});

test("a row is created for the caller, and for nobody else", async () => {
  const insert = (owner) => (client) =>
    client.query("INSERT INTO documents (user_id, title) VALUES ($1, 'two') RETURNING user_id", [owner]);
  const { rows } = await actFor(await token(ALICE), (client) =>
    client.query("INSERT INTO documents (title) VALUES ('two') RETURNING user_id"),
  );
  assert.deepEqual(rows, [{ user_id: ALICE }]);
  await actFor(await token(ALICE), insert(ALICE));
  await assert.rejects(actFor(await token(ALICE), insert(BOB)), { code: "42501" });
});

test("a token that somebody else signed is refused, and the connection serves the next user", async () => {
  const { privateKey } = await generateKeyPair("EdDSA");
  const own = keys.EdDSA;
  keys.EdDSA = privateKey;
  const forged = await token(BOB);
  keys.EdDSA = own;
  await assert.rejects(actFor(forged, owners), { code: "28000" });
  assert.deepEqual(await actFor(await token(ALICE), owners), [ALICE]);
});

test("fifty transactions of two users at once never mix", async () => {
  const users = Array.from({ length: 50 }, (_, index) => (index % 2 ? ALICE : BOB));
  const seen = await Promise.all(users.map(async (user) => actFor(await token(user), owners)));
  assert.deepEqual(seen, users.map((user) => [user]));
});
