import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_CLIENT_ID, DEMO_SCOPES, DEMO_TENANT } from "./plan-services.js";

const KEY_BYTES = 32;

const PASSWORD_BYTES = 24;

const DATABASE_USER = "tripline";

/** A container may read everything in its folder; one that must not gets another folder, or none. */
const MODE = 0o444;

/** A secret's files, in the folders of their readers. They are created together or not at all. */
interface Secret {
  readonly name: string;
  files(): Readonly<Record<string, string>>;
}

/** @returns the names of what was made */
export function makeSecrets(folder: string, database: string): string[] {
  return secretsOf(database).flatMap(({ name, files }) => {
    // The record of a secret is written after its files: without it all of them are made again.
    const record = join(folder, `${name}.made`);
    if (existsSync(record)) return [];
    for (const [file, text] of Object.entries(files())) write(join(folder, file), text);
    write(record, "");
    return [name];
  });
}

function secretsOf(database: string): readonly Secret[] {
  return [
    { name: "card-token-key", files: () => ({ "ingestion/card-token-key": key() }) },
    { name: "key-encryption-key", files: () => ({ "auth/key-encryption-key": key() }) },
    {
      name: "database-password",
      files: () => {
        const password = randomBytes(PASSWORD_BYTES).toString("base64url");
        return {
          "postgres/password": password,
          "auth/postgres-url": `postgres://${DATABASE_USER}:${password}@${database}`,
        };
      },
    },
    {
      name: "client-secret",
      files: () => {
        const secret = randomBytes(PASSWORD_BYTES).toString("base64url");
        const client = {
          client_id: DEMO_CLIENT_ID,
          tenant: DEMO_TENANT,
          client_secret: secret,
          scopes: DEMO_SCOPES.split(" "),
        };
        return { "client/client-secret": secret, "auth/bootstrap-clients": JSON.stringify([client]) };
      },
    },
  ];
}

function write(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(`${path}.new`, text, { mode: MODE });
  renameSync(`${path}.new`, path);
}

const key = (): string => randomBytes(KEY_BYTES).toString("base64");
