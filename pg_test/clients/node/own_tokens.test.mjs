// Feature S5: jose verifies tokens of the database itself with what warden.jwks() publishes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createLocalJWKSet, errors, jwtVerify } from "jose";
import pg from "pg";

const ALICE = "00000000-0000-4000-8000-0000000a11ce";
const DATABASE = "node_own_tokens";
const NAME = "https://db.example.com";

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
  await asSuperuser("postgres", (client) => client.query(`CREATE DATABASE ${DATABASE} TEMPLATE template_warden`));
  await asSuperuser(DATABASE, (client) =>
    client.query(`SELECT warden.create_user(id => '${ALICE}'), warden.rotate_signing_key('${NAME}')`),
  );
});

after(() =>
  asSuperuser("postgres", (client) => client.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`)),
);

const issued = () =>
  asSuperuser(DATABASE, async (client) => {
    const { rows } = await client.query(
      "SELECT warden.issue_access_token($1, 'session-1', '{read,write}', 900) AS token, warden.jwks() AS keys",
      [ALICE],
    );
    return rows[0];
  });

test("jose verifies our token with our key set", async () => {
  const { token, keys } = await issued();
  const rules = { issuer: NAME, audience: NAME, typ: "at+jwt", algorithms: ["EdDSA"] };
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), rules);
  assert.equal(payload.sub, ALICE);
  assert.equal(payload.session_id, "session-1");
  assert.equal(payload.scope, "read write");
  assert.equal(payload.exp - payload.iat, 900);
  await asSuperuser(DATABASE, (client) => client.query("SELECT warden.rotate_signing_key(overlap => '0')"));
  const { keys: newKeys } = await issued();
  await assert.rejects(jwtVerify(token, createLocalJWKSet(newKeys), rules), errors.JWKSNoMatchingKey);
});

test("jose verifies what login and refresh give", async () => {
  await asSuperuser(DATABASE, (client) =>
    client.query(`SELECT warden.update_user('${ALICE}', name => 'alice'), warden.set_password('${ALICE}', 'correct horse')`),
  );
  const [first, next, keys] = await asSuperuser(DATABASE, async (client) => {
    const { rows: [first] } = await client.query("SELECT * FROM warden.login($1, $2)", ["alice", "correct horse"]);
    const { rows: [next] } = await client.query("SELECT * FROM warden.refresh($1)", [first.refresh_token]);
    const { rows: [{ keys }] } = await client.query("SELECT warden.jwks() AS keys");
    return [first, next, keys];
  });
  const rules = { issuer: NAME, audience: NAME, typ: "at+jwt", algorithms: ["EdDSA"] };
  for (const { access_token, scope, expires_in } of [first, next]) {
    const { payload } = await jwtVerify(access_token, createLocalJWKSet(keys), rules);
    assert.equal(payload.sub, ALICE);
    assert.equal(payload.scope, scope);
    assert.equal(payload.exp - payload.iat, expires_in);
  }
});
