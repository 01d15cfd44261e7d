import type { Interaction, InteractionResults } from "oidc-provider";
import { z } from "zod";
import type { Person } from "../people/person-store.js";

/** How long a correct password remains valid while the user enters the code. */
const PASSED_MS_MAX = 300_000;

/** Authentication methods of RFC 8176. */
export const PASSWORD_ALONE = ["pwd"];
export const WITH_CODE = ["pwd", "otp", "mfa"];
/** `user` means that the user touched the authenticator. */
export const WITH_PASSKEY = ["pwd", "user", "mfa"];

const passed = z.object({
  passed: z.object({
    personId: z.string(),
    atMs: z.number(),
    /** Whether the user also entered a correct code. */
    isComplete: z.boolean(),
  }),
});

export type Passed = z.infer<typeof passed>["passed"];

/**
 * The user who entered the correct password in this sign-in; stored in the database, where a browser cannot change it.
 */
export function passedIn(interaction: Interaction): Passed | undefined {
  const read = passed.safeParse(interaction.result);
  return read.success && Date.now() - read.data.passed.atMs < PASSED_MS_MAX ? read.data.passed : undefined;
}

/** The user of this sign-in, known from the correct password until the browser returns to the client. */
export function personIn(result: InteractionResults | undefined): string | undefined {
  return result?.login?.accountId ?? passed.safeParse(result).data?.passed.personId;
}

/** The next step after a correct password. */
export function nextStep(person: Person, isRequired: boolean): "code" | "enrol" | "done" {
  if (person.has_second_factor) return "code";
  return isRequired ? "enrol" : "done";
}
