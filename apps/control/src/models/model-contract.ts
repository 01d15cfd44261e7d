import { z } from "zod";

const time = z.date().nullable();

/** The model card of a version, as a contract. */
export const modelContract = z
  .object({
    owner: z.string(),
    expires_at: z.date(),
    registered_by: z.string(),
    registered_at: z.date(),
    signed_by: z.string().nullable(),
    signed_at: time,
  })
  .transform((row) => ({
    owner: row.owner,
    expiresAtMs: row.expires_at.getTime(),
    registeredBy: row.registered_by,
    registeredAtMs: row.registered_at.getTime(),
    /** Null until another user has signed it. */
    signedBy: row.signed_by,
    signedAtMs: row.signed_at?.getTime() ?? null,
  }));

export type ModelContract = z.infer<typeof modelContract>;

interface Circumstances {
  readonly version: string;
  readonly nowMs: number;
  /** Whether every version needs a model card. */
  readonly isRequired: boolean;
}

/** Why a version must not get more cards, and how to continue; undefined if it may. */
export function whyNotPromoted(
  contract: ModelContract | undefined,
  { version, nowMs, isRequired }: Circumstances,
): string | undefined {
  const register = `tripline models card ${version} --owner … --expires …`;
  const sign = `tripline models sign ${version}`;
  if (contract === undefined) {
    return isRequired ? `It has no model card. Run ${register}, and have it signed: ${sign}.` : undefined;
  }
  const { expiresAtMs, signedBy } = contract;
  if (expiresAtMs <= nowMs) {
    const at = new Date(expiresAtMs).toISOString();
    return `Its model card expired on ${at}. Run ${register}, and have it signed: ${sign}.`;
  }
  return signedBy === null ? `Nobody has signed its model card. Have it signed: ${sign}.` : undefined;
}

/** Why a user must not sign, as a sentence; undefined if the user may. */
export function whyNotSigned(
  { expiresAtMs, registeredBy }: ModelContract,
  { user, isRetrained, nowMs }: { readonly user: string; readonly isRetrained: boolean; readonly nowMs: number },
): string | undefined {
  if (expiresAtMs <= nowMs)
    return `The model card expired on ${new Date(expiresAtMs).toISOString()}. Register it again.`;
  if (isRetrained || user !== registeredBy) return undefined;
  return "You registered this model card, so another user must sign it.";
}

export const isoTime = (ms: number): string => new Date(ms).toISOString();

/** The form in which the API returns a model card. */
export function presentContract(model: string, version: string, { owner, ...contract }: ModelContract) {
  const { expiresAtMs, registeredBy, registeredAtMs, signedBy, signedAtMs } = contract;
  return {
    ...{ model, version, owner, expires_at: isoTime(expiresAtMs) },
    ...{ registered_by: registeredBy, registered_at: isoTime(registeredAtMs) },
    ...{ signed_by: signedBy, signed_at: signedAtMs === null ? null : isoTime(signedAtMs) },
  };
}
