import { createHash } from "node:crypto";
import type { KafkaRight } from "@tripline/kafka/port";
import type { AccessRules } from "./access-rules.js";

/** What every connection of a client of Redis asks, and says of itself. */
const COMMANDS_OF_ALL = ["ping", "info", "select", "hello", "quit", "command|info", "client|setname", "client|setinfo"];

/** A service's rights on Kafka: its topics, and groups that have its name or begin with it and a dash. */
export function kafkaRights({ topics, lag_watchers: watchers }: AccessRules): readonly KafkaRight[] {
  const services = [...new Set(Object.values(topics).flatMap(({ writers, readers }) => [...writers, ...readers]))];
  const ofTopics = Object.entries(topics).flatMap(([name, { writers, readers }]) => [
    ...writers.flatMap((user) => allow(user, { kind: "topic", name }, ["write", "describe"])),
    ...readers.flatMap((user) => allow(user, { kind: "topic", name }, ["read", "describe"])),
  ]);
  const ofGroups = services.flatMap((user) => [
    ...allow(user, { kind: "group", name: user }, ["read", "describe"]),
    ...allow(user, { kind: "group", name: `${user}-`, isPrefix: true }, ["read", "describe"]),
    ...allow(user, { kind: "cluster", name: "kafka-cluster" }, ["describe"]),
  ]);
  const ofWatchers = watchers.flatMap((user) => [
    ...Object.keys(topics).flatMap((name) => allow(user, { kind: "topic", name }, ["describe"])),
    ...services.flatMap((name) => allow(user, { kind: "group", name }, ["describe"])),
  ]);
  const all = [...ofTopics, ...ofGroups, ...ofWatchers];
  return [...new Map(all.map((right) => [JSON.stringify(right), right])).values()];
}

function allow(
  user: string,
  what: Pick<KafkaRight, "kind" | "name" | "isPrefix">,
  operations: readonly KafkaRight["operation"][],
): KafkaRight[] {
  return operations.map((operation) => ({ user, ...what, operation }));
}

export interface RedisUsersOptions {
  /** By service, and of `setup`, who may do everything. */
  readonly passwords: Readonly<Record<string, string>>;
  /** Whether the server has MSETEX, as Valkey has from version 9.1 on. An older one would not read the file. */
  readonly hasMultiSet: boolean;
}

/** Valkey's ACL file (https://valkey.io/topics/acl/): a user for each service, none without a password. */
export function redisUsers(rules: AccessRules, { passwords, hasMultiSet }: RedisUsersOptions): string {
  const lines = Object.entries(rules.cache_rights).map(([service, { keys, reads, channels, commands }]) => {
    const known = commands.filter((command) => hasMultiSet || command !== "msetex");
    return userLine(service, passwords[service], [
      ...keys.map((pattern) => `~${pattern}`),
      ...reads.map((pattern) => `%R~${pattern}`),
      ...channels.map((pattern) => `&${pattern}`),
      ...["-@all", ...[...COMMANDS_OF_ALL, ...known].map((command) => `+${command}`)],
    ]);
  });
  const setup = userLine("setup", passwords.setup, ["~*", "&*", "+@all"]);
  return ["user default off", setup, ...lines, ""].join("\n");
}

function userLine(user: string, password: string | undefined, rights: readonly string[]): string {
  if (password === undefined) throw new Error(`There is no password for the user ${user} of Redis.`);
  // Only the hash, so that the file is of no use to whoever reads it.
  return [`user ${user} on`, `#${createHash("sha256").update(password).digest("hex")}`, ...rights].join(" ");
}

/** Services that have a role and a schema of their own in the database; both have the service's name. */
export function databaseRoles({ services }: AccessRules): readonly string[] {
  return Object.keys(services).filter((service) => services[service]?.database);
}

/** Statements that make the roles, for a superuser. They may run again, and then set the passwords. */
export function databaseStatements(
  rules: AccessRules,
  database: string,
  passwords: Readonly<Record<string, string>>,
): readonly string[] {
  const target = identifier(database);
  return [
    `REVOKE ALL ON DATABASE ${target} FROM PUBLIC`,
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ...databaseRoles(rules).flatMap((role) => {
      const password = passwords[role];
      if (password === undefined) throw new Error(`There is no password for the role ${role} of the database.`);
      const [name, secret] = [identifier(role), literal(password)];
      return [
        `DO $$ BEGIN CREATE ROLE ${name} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
        `ALTER ROLE ${name} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${secret}`,
        `GRANT CONNECT ON DATABASE ${target} TO ${name}`,
        `CREATE SCHEMA IF NOT EXISTS ${name} AUTHORIZATION ${name}`,
        `ALTER ROLE ${name} SET search_path = ${name}`,
      ];
    }),
  ];
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
