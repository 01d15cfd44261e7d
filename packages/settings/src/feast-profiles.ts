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
      const message = `has no such profile: ${unknown.join(", ")}; the feature spec has ${known.join(", ") || "none"}`;
      context.addIssue({ code: "custom", message });
    }
    return names;
  })
  .meta({
    description:
      "The profiles that features reads for payments, for instance `card,terminal`. Must be the same for features, decisions and control. " +
      "Features of other profiles have their defaults. Decisions rejects policies and models that use them, and control rejects such policies.",
    shownDefault: "none",
  });
