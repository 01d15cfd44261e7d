import { agreementSchema } from "@tripline/decision-engine/rollouts/agreement";
import { versionSchema } from "@tripline/model-registry/model-manifest";
import { z } from "zod";
import { time, writtenText } from "../requests/request-schemas.js";
import { offlineComparison } from "../rollouts/offline-comparison.js";

/** Body of `PUT /v1/models/{model}/versions/{version}/comparison`, as `tripline retrain --candidate` prints it. */
export const versionComparison = z
  .strictObject({
    champion: versionSchema,
    money: offlineComparison.shape.money.default(null),
    /** What guards expect. */
    agreement: agreementSchema.optional(),
  })
  .refine(({ champion, agreement }) => agreement === undefined || agreement.champion === champion, {
    path: ["agreement", "champion"],
    error: "must be the same champion",
  });

export type VersionComparison = z.infer<typeof versionComparison>;

const YEARS_MAX = 3;
const YEAR_MS = 366 * 86_400_000;

/** Body of `PUT /v1/models/{model}/versions/{version}/card`. */
export const cardRequest = z.strictObject({
  /** Who answers for the model: a person, a team or a role. */
  owner: writtenText(200).min(1),
  /** From then on, the version cannot get more cards above 5 %. If it is the champion, it keeps deciding. */
  expires_at: time
    .refine((at) => at.getTime() > Date.now(), "must be in the future")
    .refine((at) => at.getTime() < Date.now() + YEARS_MAX * YEAR_MS, `must be within ${YEARS_MAX} years`),
});

export type CardRequest = z.infer<typeof cardRequest>;

/** Body of `POST /v1/models/{model}/versions/{version}/signature`: the card that the user read. */
export const signatureRequest = z.strictObject({ owner: z.string(), expires_at: time, registered_at: time });

export type SignatureRequest = z.infer<typeof signatureRequest>;

/** A signature must name the version, because an alias may have moved since the user read the card. */
export const signedVersion = z.object({ version: versionSchema });
