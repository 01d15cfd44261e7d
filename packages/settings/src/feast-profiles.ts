import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { z } from "zod";

/** The profiles that the feature service reads for payments, by their entity names in the feature spec. */
export const feastProfiles = z
  .string()
  .default("")
  .transform((text, context): readonly string[] => {
    const names = text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const known = Object.keys(currentFeatureSpec().profiles);
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length > 0) {
      const message = `contains unknown profiles: ${unknown.join(", ")}; the feature spec has ${known.join(", ") || "none"}`;
      context.addIssue({ code: "custom", message });
    }
    return names;
  })
  .meta({
    description:
      "Profiles that the features service reads for payments, for instance `card,terminal`. Must be the same for features, decisions and control. " +
      "Features of other profiles have their default values. The decisions service rejects policies and models that use them, and the control plane rejects such policies.",
    shownDefault: "none",
  });
