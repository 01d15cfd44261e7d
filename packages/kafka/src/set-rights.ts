import type { Acl, Admin } from "@platformatic/kafka";
import { AclOperations, AclPermissionTypes, ResourcePatternTypes, ResourceTypes } from "@platformatic/kafka";
import type { KafkaRight } from "./port.js";

const KINDS = { topic: ResourceTypes.TOPIC, group: ResourceTypes.GROUP, cluster: ResourceTypes.CLUSTER } as const;

const OPERATIONS = {
  read: AclOperations.READ,
  write: AclOperations.WRITE,
  create: AclOperations.CREATE,
  describe: AclOperations.DESCRIBE,
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
  if (missing.length > 0) await admin.createAcls({ creations: missing });
  if (extra.length > 0) await admin.deleteAcls({ filters: extra });
  return { added: missing.length, removed: extra.length };
}

function entryOf({ user, kind, name, isPrefix, operation }: KafkaRight, topicPrefix: string): Acl {
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

async function entriesOf(admin: Admin, users: ReadonlySet<string>): Promise<Acl[]> {
  const resources = await admin.describeAcls({
    filter: {
      resourceType: ResourceTypes.ANY,
      resourceName: null,
      resourcePatternType: ResourcePatternTypes.ANY,
      principal: null,
      host: null,
      operation: AclOperations.ANY,
      permissionType: AclPermissionTypes.ANY,
    },
  });
  return resources.flatMap(({ acls, resourceType, resourceName, resourcePatternType }) =>
    acls
      .filter(({ principal }) => users.has(principal))
      .map((acl) => ({ ...acl, resourceType, resourceName, resourcePatternType })),
  );
}

const keyOf = (entry: Acl): string =>
  JSON.stringify([
    ...[entry.principal, entry.host, entry.permissionType, entry.operation],
    ...[entry.resourceType, entry.resourceName, entry.resourcePatternType],
  ]);
