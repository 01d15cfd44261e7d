import { z } from "zod";
import { hasControlCharacter } from "../../people/person-registration.js";
import type { Operation } from "../read-patch.js";
import { ScimFault } from "../scim-fault.js";
import { invalidValue, lowerKeys } from "../scim-resource.js";
import { externalId } from "../users/user-changes.js";

const NAME_CHARACTERS_MAX = 256;
const ID_CHARACTERS_MAX = 64;
export const MEMBERS_MAX = 1_000;
const NAMES = ["displayName", "externalId", "members"];
/** Some providers identify groups by such IDs in a role mapping, so a group's name must not look like one. */
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const ONE_MEMBER = /^members\[\s*value\s+eq\s+"([^"\\]{1,64})"\s*\]$/i;

export interface MemberChange {
  readonly op: "add" | "remove" | "set";
  readonly ids: readonly string[];
}

/** The changed attributes of a group. Absent attributes keep their values. */
export interface GroupChanges {
  readonly displayName?: string | undefined;
  readonly externalId?: string | null | undefined;
  /** Changes to the members, in the order in which they apply. */
  readonly members: readonly MemberChange[];
}

const group = z.object({
  displayname: z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(NAME_CHARACTERS_MAX, `must have at most ${NAME_CHARACTERS_MAX} characters`)
    .refine((name) => !hasControlCharacter(name), "must not contain control characters or line breaks")
    .refine((name) => !UUID.test(name), "must not be a UUID")
    .nullish(),
  externalid: externalId.nullable().optional(),
});
const oneMember = z.preprocess(lowerKeys, z.object({ value: z.string().min(1).max(ID_CHARACTERS_MAX) }));
const memberList = z.union([z.array(oneMember).max(MEMBERS_MAX), oneMember.transform((one) => [one])]);

/** Reads a whole group, whose members replace the current ones. @throws ScimFault `invalidValue` */
export function readGroup(body: unknown): GroupChanges {
  const given = lowerKeys(body);
  const { members = [] } = given;
  return { ...attributesIn(given), members: [{ op: "set", ids: idsIn(members ?? []) }] };
}

/** @throws ScimFault `invalidValue`, `invalidPath`, `mutability` */
export function readGroupPatch(operations: readonly Operation[]): GroupChanges {
  const attributes: Record<string, unknown> = {};
  const members: MemberChange[] = [];
  for (const { op, path, value } of operations) {
    const name = path?.toLowerCase();
    if (name?.startsWith("members") === true) {
      members.push(memberChange(op, path ?? "", value));
    } else if (op === "remove") {
      if (name === "displayname") throw new ScimFault("mutability", "displayName cannot be removed.");
      attributes[name ?? ""] = null;
    } else {
      const { members: given, ...rest } = name === undefined ? attributesOf(value) : { [name]: value };
      Object.assign(attributes, rest);
      if (given !== undefined) members.push(memberChange(op, "members", given));
    }
  }
  return { ...attributesIn(attributes), members };
}

/** @throws ScimFault `invalidValue` */
function attributesOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return lowerKeys(value);
  throw new ScimFault("invalidValue", "Without a path, the value must be an object with attributes.");
}

function attributesIn(given: Record<string, unknown>): Omit<GroupChanges, "members"> {
  const parsed = group.safeParse(given);
  if (!parsed.success) throw invalidValue(parsed.error.issues, NAMES);
  return { displayName: parsed.data.displayname ?? undefined, externalId: parsed.data.externalid };
}

/** Okta sends removed members in the path, Entra ID in the value. */
function memberChange(op: Operation["op"], path: string, value: unknown): MemberChange {
  if (path.toLowerCase() !== "members") {
    const id = ONE_MEMBER.exec(path)?.[1];
    if (id !== undefined && op === "remove") return { op, ids: [id] };
    throw new ScimFault("invalidPath", 'Only members, or members[value eq "…"] to remove one member, can be changed.');
  }
  if (op === "replace") return { op: "set", ids: idsIn(value) };
  const isAll =
    op === "remove" && (value === undefined || value === null || (Array.isArray(value) && value.length === 0));
  return isAll ? { op: "set", ids: [] } : { op, ids: idsIn(value) };
}

function idsIn(value: unknown): string[] {
  const parsed = memberList.safeParse(value);
  if (parsed.success) return [...new Set(parsed.data.map((one) => one.value))];
  throw new ScimFault("invalidValue", `members must be a list of at most ${MEMBERS_MAX} objects with a value.`);
}
