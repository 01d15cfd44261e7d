import type { AclEntry, Admin } from "kafkajs";
import kafkajs from "kafkajs";
import type { KafkaRight } from "./port.js";

// Node cannot detect these named exports of a CommonJS module.
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

const KINDS = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  cluster: AclResourceTypes.CLUSTER,
} as const;

const OPERATIONS = {
  read: AclOperationTypes.READ,
  write: AclOperationTypes.WRITE,
  create: AclOperationTypes.CREATE,
  describe: AclOperationTypes.DESCRIBE,
} as const;

/** Adds missing rights before it removes extra ones, so that a running service always has the rights that it needs. */
export async function setRights(
  admin: Admin,
  topicPrefix: string,
  rights: readonly KafkaRight[],
): Promise<{ readonly added: number; readonly removed: number }> {
  const wanted = new Map(rights.map((right) => entryOf(right, topicPrefix)).map((entry) => [keyOf(entry), entry]));
  const users = new Set([...wanted.values()].map(({ principal }) => principal));
  const found = new Map((await entriesOf(admin, users)).map((entry) => [keyOf(entry), entry]));
  const missing = [...wanted].filter(([key]) => !found.has(key)).map(([, entry]) => entry);
  const extra = [...found].filter(([key]) => !wanted.has(key)).map(([, entry]) => entry);
  if (missing.length > 0) await admin.createAcls({ acl: missing });
  if (extra.length > 0) await admin.deleteAcls({ filters: extra });
  return { added: missing.length, removed: extra.length };
}

function entryOf({ user, kind, name, isPrefix, operation }: KafkaRight, topicPrefix: string): AclEntry {
  return {
    principal: `User:${user}`,
    host: "*",
    permissionType: AclPermissionTypes.ALLOW,
    operation: OPERATIONS[operation],
    resourceType: KINDS[kind],
    resourceName: kind === "cluster" ? name : topicPrefix + name,
    resourcePatternType: isPrefix === true ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
  };
}

async function entriesOf(admin: Admin, users: ReadonlySet<string>): Promise<AclEntry[]> {
  const { resources } = await admin.describeAcls({
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  });
  return resources.flatMap(({ acls, resourceType, resourceName, resourcePatternType }) =>
    acls
      .filter(({ principal }) => users.has(principal))
      .map((acl) => ({ ...acl, resourceType, resourceName, resourcePatternType })),
  );
}

const keyOf = (entry: AclEntry): string =>
  JSON.stringify([
    ...[entry.principal, entry.host, entry.permissionType, entry.operation],
    ...[entry.resourceType, entry.resourceName, entry.resourcePatternType],
  ]);
