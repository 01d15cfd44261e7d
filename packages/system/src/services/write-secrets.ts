import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "@tripline/local-stack/write-whole";
import { z } from "zod";
import { bootstrapClients, bootstrapPeople, TRAINING_CLIENT_ID, trainingClient } from "./plan-services.js";

const KEY_BYTES = 32;

const TRAINING_SECRET = "training/client-secret";

const registered = z.array(z.looseObject({ client_id: z.string() }));

const PASSWORD_BYTES = 24;

const DATABASE_USER = "tripline";

/** A container may read everything in its folder. Files that it must not read are in other folders. */
const MODE = 0o444;

/** A secret's files, in the folders of the programs that read them. Either all of them or none are created. */
interface Secret {
  readonly name: string;
  files(): Readonly<Record<string, string>>;
}

/** @returns the names of the created secrets */
export function makeSecrets(folder: string, database: string): string[] {
  return secretsOf(folder, database).flatMap(({ name, files }) => {
    // The record of a secret is written after its files. Without the record, all files are created again.
    const record = join(folder, `${name}.made`);
    if (existsSync(record)) return [];
    for (const [file, text] of Object.entries(files())) writeWhole(join(folder, file), text, MODE);
    writeWhole(record, "", MODE);
    return [name];
  });
}

/** Name and password of the database's owner. */
export function databaseUserIn(folder: string): { readonly name: string; readonly password: string } {
  return { name: DATABASE_USER, password: readFileSync(join(folder, "postgres/password"), "utf8") };
}

function secretsOf(folder: string, database: string): readonly Secret[] {
  return [
    { name: "card-token-key", files: () => ({ "ingestion/card-token-key": key() }) },
    { name: "audit-signing-key", files: () => ({ "control/audit-signing-key": key() }) },
    {
      name: "personal-master-key",
      files: () => {
        const personal = key();
        return { "ingestion/personal-master-key": personal, "control/personal-master-key": personal };
      },
    },
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
      name: "control-database",
      files: () => ({ "control/postgres-url": readFileSync(join(folder, "auth/postgres-url"), "utf8") }),
    },
    {
      name: "store-collector-database",
      files: () => ({ "store-collector/password": databaseUserIn(folder).password }),
    },
    {
      name: "client-secrets",
      files: () => {
        const password = () => randomBytes(PASSWORD_BYTES).toString("base64url");
        const secrets = { clientSecret: password(), operatorSecret: password(), approverSecret: password() };
        return {
          "client/client-secret": secrets.clientSecret,
          "client/operator-secret": secrets.operatorSecret,
          "client/approver-secret": secrets.approverSecret,
          "auth/bootstrap-clients": JSON.stringify([...bootstrapClients(secrets), ...trainingClients(folder)]),
        };
      },
    },
    {
      // Separate from the other secrets, so that it is also added to existing installations.
      name: "training-client",
      files: () => {
        const secret = randomBytes(PASSWORD_BYTES).toString("base64url");
        const path = join(folder, "auth/bootstrap-clients");
        const known = registered.parse(JSON.parse(readFileSync(path, "utf8")));
        const others = known.filter(({ client_id: id }) => id !== TRAINING_CLIENT_ID);
        return {
          [TRAINING_SECRET]: secret,
          "auth/bootstrap-clients": JSON.stringify([...others, trainingClient(secret)]),
        };
      },
    },
    {
      name: "console-client",
      files: () => {
        const secret = randomBytes(PASSWORD_BYTES).toString("base64url");
        return { "auth/console-client-secret": secret, "console/client-secret": secret };
      },
    },
    { name: "session-key", files: () => ({ "console/session-key": key() }) },
    {
      name: "console-database",
      files: () => ({ "console/postgres-url": readFileSync(join(folder, "auth/postgres-url"), "utf8") }),
    },
    {
      name: "people",
      files: () => {
        const password = () => randomBytes(PASSWORD_BYTES).toString("base64url");
        const passwords = { demoPassword: password(), leadPassword: password() };
        return {
          "client/demo-password": passwords.demoPassword,
          "client/demo-lead-password": passwords.leadPassword,
          "auth/bootstrap-people": JSON.stringify(bootstrapPeople(passwords)),
        };
      },
    },
  ];
}

/** Empty until the training client's secret exists. */
function trainingClients(folder: string): object[] {
  const path = join(folder, TRAINING_SECRET);
  return existsSync(path) ? [trainingClient(readFileSync(path, "utf8"))] : [];
}

const key = (): string => randomBytes(KEY_BYTES).toString("base64");
