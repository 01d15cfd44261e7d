import type { FraudReportPolicy } from "@tripline/contracts/fraud-reports/report-policy";
import { REPORT_CASES, REPORT_VERDICTS } from "@tripline/contracts/fraud-reports/report-policy";
import { z } from "zod";

const policies = z.record(
  z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be a valid tenant"),
  z.strictObject({
    version: z.string().regex(/^[A-Za-z0-9._-]{1,32}$/, "must be 1 to 32 letters, digits, dots, dashes or underscores"),
    counts: z.partialRecord(z.enum(REPORT_CASES), z.enum(REPORT_VERDICTS)),
  }),
);

/** The setting that contains each tenant's policy, as JSON. */
export const reportPolicies = z
  .string()
  .default("{}")
  .transform((text, context): ReadonlyMap<string, FraudReportPolicy> => {
    const parsed = policies.safeParse(parseJson(text));
    if (parsed.success) return new Map(Object.entries(parsed.data));
    for (const { path, message } of parsed.error.issues) {
      context.addIssue({ code: "custom", message: `${path.join("/") || "the whole value"}: ${message}` });
    }
    return z.NEVER;
  });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
