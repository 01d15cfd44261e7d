import type { Role } from "@tripline/contracts/roles";
import { ROLES } from "@tripline/contracts/roles";
import { z } from "zod";
import { TENANT_PATTERN } from "../clients/client-registration.js";
import { canonicalUserName } from "./canonical-user-name.js";

/** Also limits the work per password, because argon2id accepts any length. */
export const PASSWORD_CHARACTERS_MAX = 256;
/** NIST SP 800-63B requires 15 if a password is the only factor. */
const PASSWORD_CHARACTERS_MIN = 15;

const USER_NAME_PATTERN = /^[a-z0-9._@+-]{1,64}$/;

const NAME_CHARACTERS_MAX = 100;
/**
 * Control characters could falsify logs or pages. The OpenAPI document omits this pattern, because many generators do
 * not support Unicode classes.
 */
const CONTROL_CHARACTER = /[\p{C}\p{Zl}\p{Zp}]/u;
export const hasControlCharacter = (text: string): boolean => CONTROL_CHARACTER.test(text);

export const password = z
  .string()
  .min(PASSWORD_CHARACTERS_MIN, `must have at least ${PASSWORD_CHARACTERS_MIN} characters`)
  .max(PASSWORD_CHARACTERS_MAX, `must have at most ${PASSWORD_CHARACTERS_MAX} characters`);

export const roles = z
  .array(z.enum(ROLES as readonly [Role, ...Role[]]))
  .min(1)
  .transform((list) => ROLES.filter((role) => list.includes(role)));

/** Everything needed to add a user. */
export const personRegistration = z.strictObject({
  user_name: z
    .string()
    .transform(canonicalUserName)
    .refine((name) => USER_NAME_PATTERN.test(name), "must be 1 to 64 letters, digits or any of . _ @ + -"),
  name: z
    .string()
    .min(1, "must not be empty")
    .max(NAME_CHARACTERS_MAX, `must have at most ${NAME_CHARACTERS_MAX} characters`)
    .refine((name) => !hasControlCharacter(name), "must not contain control characters or line breaks"),
  tenant: z.string().regex(TENANT_PATTERN, "must be 1 to 64 letters, digits, dashes or underscores"),
  roles,
  password,
});

/** @returns the start of a name from an identity provider; undefined if it cannot be shown */
export function shownName(claimed: unknown): string | undefined {
  const name = typeof claimed === "string" ? claimed.slice(0, NAME_CHARACTERS_MAX) : undefined;
  return personRegistration.shape.name.safeParse(name).data;
}

export type PersonRegistration = z.input<typeof personRegistration>;
