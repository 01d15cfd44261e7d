import { agreementSchema } from "@tripline/decision-engine/rollouts/agreement";
import { versionSchema } from "@tripline/model-registry/model-manifest";
import { z } from "zod";
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
