import { z } from "zod";
import { personRegistration, shownName } from "../../people/person-registration.js";
import type { Operation } from "../read-patch.js";
import { ScimFault } from "../scim-fault.js";
import { invalidValue, withoutSchema } from "../scim-resource.js";

const { user_name: userName } = personRegistration.shape;
const EXTERNAL_ID_CHARACTERS_MAX = 255;
const NAMES = ["userName", "externalId", "displayName", "active", "name"];

/** The attributes of a user that Tripline stores. Absent attributes keep their values. */
export interface UserChanges {
  readonly userName?: string | undefined;
  readonly externalId?: string | null | undefined;
  readonly name?: string | undefined;
  readonly active?: boolean | undefined;
}

export const externalId = z
  .string()
  .min(1, "must not be empty")
  .max(EXTERNAL_ID_CHARACTERS_MAX, `must have at most ${EXTERNAL_ID_CHARACTERS_MAX} characters`);

/** Entra ID sends Booleans as strings. */
const flag = z.preprocess(
  (given) => (typeof given === "string" && /^(true|false)$/i.test(given) ? given.toLowerCase() === "true" : given),
  z.boolean().nullish(),
);
const text = z.string().nullish();
const attributes = z.object({
  username: userName.nullish(),
  externalid: externalId.nullable().optional(),
  displayname: text,
  active: flag.optional(),
  "name.formatted": text,
  "name.givenname": text,
  "name.familyname": text,
});

/** @throws ScimFault `invalidValue` */
export function readUser(body: unknown): UserChanges {
  return changesIn(new Map(flatten(body)));
}

/** @throws ScimFault `invalidValue`, `mutability` */
export function readUserPatch(operations: readonly Operation[]): UserChanges {
  const changed = new Map<string, unknown>();
  for (const { op, path, value } of operations) {
    if (op === "remove") {
      const name = path?.toLowerCase() ?? "";
      if (name === "username" || name === "active") throw new ScimFault("mutability", `${path} cannot be removed.`);
      changed.set(name, null);
    } else {
      for (const [name, one] of flatten(path === undefined ? value : { [path]: value })) changed.set(name, one);
    }
  }
  return changesIn(changed);
}

/** Attributes, with sub-attributes such as `name.givenname`, in lower case. @throws ScimFault `invalidValue` */
function flatten(value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ScimFault("invalidValue", "Without a path, the value must be an object with attributes.");
  }
  return Object.entries(value).flatMap(([key, one]): [string, unknown][] => {
    const name = withoutSchema(key).toLowerCase();
    return name === "name" && typeof one === "object" && one !== null
      ? Object.entries(one).map(([part, inner]) => [`${name}.${part.toLowerCase()}`, inner])
      : [[name, one]];
  });
}

/** Ignores attributes that Tripline does not store, such as e-mail addresses and departments. */
function changesIn(changed: ReadonlyMap<string, unknown>): UserChanges {
  const parsed = attributes.safeParse(Object.fromEntries(changed));
  if (!parsed.success) throw invalidValue(parsed.error.issues, NAMES);
  const { username, externalid, active } = parsed.data;
  return {
    userName: username ?? undefined,
    externalId: externalid,
    active: active ?? undefined,
    name: nameIn(parsed.data),
  };
}

function nameIn(given: z.infer<typeof attributes>): string | undefined {
  const { displayname, "name.formatted": formatted, "name.givenname": first, "name.familyname": last } = given;
  return shownName(displayname || formatted || (first && last && `${first} ${last}`));
}
