// The manual's configuration for a Prisma whose migration engine is WebAssembly and comes in its package. The engine
// reaches the database through the driver adapter, which was made for the client and lacks three things:
// it does not know all types of the catalogue, it would run the shadow database's script in the database itself
// where that is named by a URL, and it would drop the shadow database before it has left it.

import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { defineConfig } from "prisma/config";
import manual from "./manual.config.js";

// pg_type.oid
const CHAR = 18;
const NAME = 19;
const TEXT = 25;

class Client extends pg.Client {
  query(...parameters) {
    // PostgreSQL 18 has constraints for NOT NULL, and the engine breaks off when it meets one.
    const [statement] = parameters;
    if (statement?.text) statement.text = statement.text.replace("contype NOT IN ('p',", "contype NOT IN ('n', 'p',");
    const withKnownTypes = (result) => {
      for (const field of result?.fields ?? []) {
        if (field.dataTypeID === CHAR || field.dataTypeID === NAME) field.dataTypeID = TEXT;
      }
      return result;
    };
    const callback = parameters.at(-1);
    if (typeof callback !== "function") return super.query(...parameters).then(withKnownTypes);
    return super.query(...parameters.slice(0, -1), (error, result) => callback(error, withKnownTypes(result)));
  }
}

const { searchParams, username: user, pathname } = new URL(process.env.MIGRATIONS_URL);

// One connection, so that a script's BEGIN and COMMIT meet; closed soon, so that the command ends.
const connect = (database) =>
  new PrismaPg({ host: searchParams.get("host"), user, database, Client, max: 1, idleTimeoutMillis: 300 }).connect();

async function connectToShadowDb() {
  const database = `shadow_${process.pid}`;
  const server = await connect("postgres");
  await server.executeScript(`CREATE DATABASE ${database}`);
  const shadow = await connect(database);
  const leave = shadow.dispose.bind(shadow);
  shadow.dispose = async () => {
    await leave();
    await server.executeScript(`DROP DATABASE ${database}`);
    await server.dispose();
  };
  return shadow;
}

const adapter = {
  provider: "postgres",
  adapterName: "@prisma/adapter-pg",
  connect: () => connect(pathname.slice(1)),
  connectToShadowDb,
};

export default defineConfig({
  schema: manual.schema,
  migrations: manual.migrations,
  experimental: { adapter: true, ...manual.experimental },
  engine: "js",
  adapter: async () => adapter,
});
