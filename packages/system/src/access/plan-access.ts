import { createHash } from "node:crypto";
import { deadLetterTopic, isDeadLetterTopic } from "@tripline/contracts/topics";
import type { KafkaRight } from "@tripline/kafka/port";
import type { AccessRules } from "./access-rules.js";
import { CATALOG_ROLE, COLLECTOR_USER, OPERATOR_USER, SETUP_USER } from "./access-rules.js";

/** Commands that every Redis client connection sends. */
const COMMANDS_OF_ALL = [
  ...["ping", "info", "select", "hello", "quit", "command|info", "client|setname", "client|setinfo"],
  // In a cluster.
  ...["cluster|slots", "cluster|info", "asking"],
];

/**
 * A service's permissions in Kafka: its topics, and groups whose name is the service's name or starts with that name
 * and a dash.
 */
export function kafkaRights({ topics, lag_watchers: watchers, operator }: AccessRules): readonly KafkaRight[] {
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
  const ofWatchers = [...watchers, OPERATOR_USER].flatMap((user) => [
    ...allow(user, { kind: "cluster", name: "kafka-cluster" }, ["describe"]),
    ...Object.keys(topics).flatMap((name) => allow(user, { kind: "topic", name }, ["describe"])),
    ...services.flatMap((name) => allow(user, { kind: "group", name }, ["describe"])),
  ]);
  const ofOperator = [
    ...Object.keys(topics).flatMap((name) => {
      const isRead = isDeadLetterTopic(name) || operator.topics_read.includes(name);
      const isWritten = deadLetterTopic(name) in topics;
      return allow(OPERATOR_USER, { kind: "topic", name }, [
        ...(isRead ? (["read"] as const) : []),
        ...(isWritten ? (["write"] as const) : []),
      ]);
    }),
    ...operator.groups.flatMap((pattern) => {
      const isPrefix = pattern.endsWith("*");
      const group = { kind: "group", name: pattern.replace("*", ""), ...(isPrefix ? { isPrefix } : {}) } as const;
      return allow(OPERATOR_USER, group, ["read", "describe"]);
    }),
  ];
  const all = [...ofTopics, ...ofGroups, ...ofWatchers, ...ofOperator];
  return [...new Map(all.map((right) => [JSON.stringify(right), right])).values()];
}

function allow(
  user: string,
  what: Pick<KafkaRight, "kind" | "name" | "isPrefix">,
  operations: readonly KafkaRight["operation"][],
): KafkaRight[] {
  return operations.map((operation) => ({ user, ...what, operation }));
}

/**
 * The Valkey ACL rules for each service, the operator and the collector: https://valkey.io/topics/acl/
 *
 * @param hasMultiSet whether the server has MSETEX (Valkey 9.1 or later). Older servers reject any rule that mentions
 *   it.
 */
export function redisUsers(
  { cache_rights }: AccessRules,
  hasMultiSet: boolean,
): ReadonlyMap<string, readonly string[]> {
  return new Map([
    [COLLECTOR_USER, ["-@all", ...COMMANDS_OF_ALL.map((command) => `+${command}`)]],
    ...Object.entries(cache_rights).map(([user, { keys, reads, channels, commands }]) => {
      const known = commands.filter((command) => hasMultiSet || command !== "msetex");
      return [
        user,
        [
          ...keys.map((pattern) => `~${pattern}`),
          ...reads.map((pattern) => `%R~${pattern}`),
          ...channels.map((pattern) => `&${pattern}`),
          ...["-@all", ...[...COMMANDS_OF_ALL, ...known].map((command) => `+${command}`)],
        ],
      ] as const;
    }),
  ]);
}

/** The initial ACL file of Valkey: only the setup user can connect; it then creates the services' users. */
export function firstRedisUsers(setupPassword: string): string {
  return ["user default off", `user ${SETUP_USER} on ${redisSecret(setupPassword)} ~* &* +@all`, ""].join("\n");
}

/** Contains only the hash, which is useless to a reader of the file or log. */
export function redisSecret(password: string): string {
  return `#${createHash("sha256").update(password).digest("hex")}`;
}

/** Services with their own database role and schema, both named like the service. */
export function databaseRoles({ services }: AccessRules): readonly string[] {
  return Object.keys(services).filter((service) => services[service]?.database);
}

/** SQL that creates the roles, for a superuser. Idempotent; a repeated run sets the passwords. */
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
      if (password === undefined && role === CATALOG_ROLE) return [];
      if (password === undefined) throw new Error(`There is no password for the database role ${role}.`);
      const name = identifier(role);
      return [
        ...roleStatements(role, target, password),
        `CREATE SCHEMA IF NOT EXISTS ${name} AUTHORIZATION ${name}`,
        ...takeOver(role),
        `ALTER ROLE ${name} SET search_path = ${name}`,
      ];
    }),
    ...collectorStatements(target, passwords[COLLECTOR_USER]),
  ];
}

function roleStatements(role: string, target: string, password: string): readonly string[] {
  const name = identifier(role);
  return [
    `DO $$ BEGIN CREATE ROLE ${name} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    `ALTER ROLE ${name} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${literal(password)}`,
    `GRANT CONNECT ON DATABASE ${target} TO ${name}`,
  ];
}

/** The collector has access to statistics, but not to tables. */
function collectorStatements(target: string, password: string | undefined): readonly string[] {
  if (password === undefined) return [];
  return [...roleStatements(COLLECTOR_USER, target, password), `GRANT pg_monitor TO ${identifier(COLLECTOR_USER)}`];
}

/** If the services previously shared one role, each service takes ownership of its schema's objects. */
function takeOver(role: string): readonly string[] {
  const [name, text] = [identifier(role), literal(role)];
  const of = (catalog: string, prefix: string, more = ""): string =>
    `SELECT x.oid FROM ${catalog} x WHERE x.${prefix}namespace = ${text}::regnamespace ` +
    `AND x.${prefix}owner <> ${text}::regrole${more}`;
  const each = (kind: string, type: string, query: string): string =>
    `FOR r IN ${query} LOOP EXECUTE format('ALTER ${kind} %s OWNER TO ${name}', r.oid::${type}); END LOOP;`;
  return [
    `ALTER SCHEMA ${name} OWNER TO ${name}`,
    `DO $$ DECLARE r record; BEGIN ${each("TABLE", "regclass", of("pg_class", "rel", " AND x.relkind IN ('r', 'p', 'v', 'm')"))} ` +
      `${each("FUNCTION", "regprocedure", of("pg_proc", "pro"))} END $$`,
  ];
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
