import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LocalAuthority } from "@tripline/local-stack/security/local-authority";
import { writeWhole } from "@tripline/local-stack/write-whole";
import type { AccessRules } from "./access-rules.js";
import { COLLECTOR_USER, OPERATOR_USER, SETUP_USER } from "./access-rules.js";
import type { Passwords } from "./apply-access.js";
import { passwordOf } from "./apply-access.js";
import { databaseRoles, firstRedisUsers } from "./plan-access.js";

const PASSWORD_BYTES = 24;
const SERVERS = ["kafka", "valkey", "postgres"] as const;

/** In the credentials folder: one file per Redis user and database role, as `tripline topics --access` reads it. */
export const PASSWORD_FOLDER = join(SETUP_USER, "passwords");

/**
 * Creates the credentials for TLS and per-service access on one machine: passwords, and a folder with a certificate for
 * each service, the servers, the operator and the setup job. Keeps existing credentials, except certificates that
 * expire soon.
 *
 * @returns the names of those with a new certificate
 */
export async function makeCredentials(
  folder: string,
  rules: AccessRules,
  authority: LocalAuthority,
): Promise<readonly string[]> {
  const issued: string[] = [];
  for (const name of [...Object.keys(rules.services), OPERATOR_USER, SETUP_USER, COLLECTOR_USER, ...SERVERS]) {
    if (await authority.issueWhereNeeded(name)) issued.push(name);
  }
  for (const user of [SETUP_USER, COLLECTOR_USER, ...Object.keys(rules.cache_rights), ...databaseRoles(rules)]) {
    const file = join(folder, PASSWORD_FOLDER, user);
    if (!existsSync(file)) write(file, randomBytes(PASSWORD_BYTES).toString("base64url"), authority.secretMode);
  }
  return issued;
}

export interface ServerAddresses {
  /** host:port */
  readonly redis: string;
  /** host:port/name */
  readonly database: string;
  /** The role that may create roles in the database. */
  readonly databaseUser: { readonly name: string; readonly password: string };
  /** Host names for every program's certificate, with `*` for its own name. */
  readonly hosts?: readonly string[];
}

/**
 * Creates the credentials of an installation in containers. Each container sees only one folder. The folders also
 * contain the addresses with passwords, and the servers' files.
 *
 * @returns the names of those with a new certificate
 */
export async function makeAccess(
  folder: string,
  rules: AccessRules,
  { redis, database, databaseUser, hosts }: ServerAddresses,
): Promise<readonly string[]> {
  const authority = await LocalAuthority.keep(folder, hosts);
  const issued = await makeCredentials(folder, rules, authority);
  const passwords = readPasswords(join(folder, PASSWORD_FOLDER));
  const setupPassword = passwordOf(passwords, SETUP_USER);
  const address = (scheme: string, user: string, password: string, at: string) =>
    `${scheme}://${user}:${password}@${at}`;
  const store = ["tls.key", "tls.crt", "ca.crt"].map((file) => readFileSync(join(folder, "kafka", file), "utf8"));
  const files = {
    ...Object.fromEntries(
      [SETUP_USER, ...Object.keys(rules.cache_rights)].map((user) => [
        join(user, "redis-url"),
        address("rediss", user, passwordOf(passwords, user), redis),
      ]),
    ),
    ...Object.fromEntries(
      databaseRoles(rules).map((role) => [
        join(role, "postgres-url"),
        address("postgres", role, passwordOf(passwords, role), database),
      ]),
    ),
    [join(COLLECTOR_USER, "password")]: passwordOf(passwords, COLLECTOR_USER),
    [join(SETUP_USER, "postgres-url")]: address("postgres", databaseUser.name, databaseUser.password, database),
    [join("kafka", "key-store.pem")]: store.join("\n"),
    [join("valkey", "users.acl")]: firstRedisUsers(setupPassword),
    [join("postgres", "pg_hba.conf")]: DATABASE_ACCESS,
  };
  for (const [file, text] of Object.entries(files)) write(join(folder, file), text, authority.secretMode);
  return issued;
}

/** No password inside the container, for the image's own setup. From outside, TLS and a password are required. */
const DATABASE_ACCESS = "local all all trust\nhostssl all all all scram-sha-256\n";

/** @param folder with one file per user */
export function readPasswords(folder: string): Passwords {
  // In Kubernetes, the mounted content is in folders whose names start with a dot.
  const names = readdirSync(folder).filter((name) => !name.startsWith("."));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8").trim()]));
}

function write(path: string, text: string, mode: number): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeWhole(path, text, mode);
}
