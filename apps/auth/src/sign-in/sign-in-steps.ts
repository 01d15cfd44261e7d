import type { Interaction, InteractionResults } from "oidc-provider";
import { z } from "zod";
import type { Person } from "../people/person-store.js";

/** How long a right password counts while the code is awaited. */
const PASSED_MS_MAX = 300_000;

/** Of RFC 8176. */
export const PASSWORD_ALONE = ["pwd"];
export const WITH_CODE = ["pwd", "otp", "mfa"];
/** `user`: somebody was there, and touched the authenticator. */
export const WITH_PASSKEY = ["pwd", "user", "mfa"];

const passed = z.object({
  passed: z.object({
    personId: z.string(),
    atMs: z.number(),
    /** Whether a code was right as well. */
    isComplete: z.boolean(),
  }),
});

export type Passed = z.infer<typeof passed>["passed"];

/** Who gave the right password in this sign-in; kept with it in the database, where a browser cannot change it. */
export function passedIn(interaction: Interaction): Passed | undefined {
  const read = passed.safeParse(interaction.result);
  return read.success && Date.now() - read.data.passed.atMs < PASSED_MS_MAX ? read.data.passed : undefined;
}

/** Whose sign-in it is from the right password on, also while a code is awaited, and until the browser goes back to the client. */
export function personIn(result: InteractionResults | undefined): string | undefined {
  return result?.login?.accountId ?? passed.safeParse(result).data?.passed.personId;
}

/** What has to come next of somebody whose password was right. */
export function nextStep(person: Person, isRequired: boolean): "code" | "enrol" | "done" {
  if (person.has_second_factor) return "code";
  return isRequired ? "enrol" : "done";
}
