import { REPORT_KINDS } from "@tripline/contracts/fraud-reports/report-policy";
import { z } from "zod";

const currencyAmounts = z.record(z.string().regex(/^[A-Z]{3}$/, "must be an ISO 4217 code"), z.int().min(1));

/** The conditions under which a programme lists a merchant. All of them must hold in the same month. */
const disputeProgram = z.strictObject({
  program: z.string().min(1).max(32),
  level: z.string().min(1).max(32),
  scheme: z.enum(["visa", "mastercard"]),
  /** First day on which the threshold applies. It replaces an earlier one of the same programme and level. */
  from: z.iso.date(),
  reports: z.array(z.enum(REPORT_KINDS)).min(1),
  /** Default: all reason codes. */
  reason_codes: z.array(z.string().min(1).max(32)).optional(),
  /** The month whose settled payments are the denominator. */
  settled_in: z.enum(["same-month", "month-before"]),
  /** Whether card-present payments are excluded. */
  remote_only: z.boolean(),
  ratio_bps_min: z.number().positive().max(10_000),
  reports_min: z.int().min(0),
  settled_min: z.int().min(0).default(0),
  /** Minimum sum of the reported amounts, in minor units. One of the currencies must reach it. */
  amount_minor_min: currencyAmounts.optional(),
  /** The public document from which the figures were taken. */
  source: z.string().min(1).max(300),
});
export type DisputeProgram = z.infer<typeof disputeProgram>;
type GivenProgram = z.input<typeof disputeProgram>;

const PROGRAMS_MAX = 50;

const VAMP = {
  program: "VAMP",
  level: "excessive",
  scheme: "visa",
  // Fraud disputes count in addition to their TC40 report.
  reports: ["chargeback", "tc40"],
  settled_in: "same-month",
  remote_only: true,
  reports_min: 1_500,
  source:
    "Checkout.com help centre, “What are the thresholds for disputes and fraud under Visa's Acquirer Monitoring Program (VAMP)?”; Austreme, “Updated 2025 VAMP thresholds” (May 2025)",
} as const satisfies Partial<GivenProgram>;

const ECP = {
  program: "ECP",
  scheme: "mastercard",
  from: "2021-05-01",
  reports: ["chargeback"],
  settled_in: "month-before",
  remote_only: false,
  source:
    "Kount, “Mastercard fraud and chargeback monitoring programs explained” (27 January 2023); Solidgate documentation, “Mastercard monitoring programs”",
} as const satisfies Partial<GivenProgram>;

/**
 * Thresholds for merchants, from public documents of acquirers, because the schemes' own rules are not public.
 *
 * Not included, because no public document with all figures was found:
 *
 * - VAMP for acquirers: the ratios are 50 bp (above standard) and 70 bp (excessive), but the minimum number of reports
 *   could not be verified.
 * - VAMP in the Middle East and North Africa, which has its own minimum (more than 100 reports and 75,000 USD), and in
 *   Latin America.
 * - EFM's share of payments with 3-D Secure, below which merchants are listed: it depends on the country's law. EFM is
 *   therefore shown as exceeded even if the merchant is exempt.
 */
export const PROGRAMS_DEFAULT: readonly DisputeProgram[] = z.array(disputeProgram).parse([
  { ...VAMP, from: "2025-06-01", ratio_bps_min: 220 },
  { ...VAMP, from: "2026-04-01", ratio_bps_min: 150 },
  { ...ECP, level: "excessive", ratio_bps_min: 150, reports_min: 100 },
  { ...ECP, level: "high excessive", ratio_bps_min: 300, reports_min: 300 },
  {
    program: "EFM",
    level: "excessive fraud",
    scheme: "mastercard",
    from: "2020-03-01",
    reports: ["chargeback"],
    reason_codes: ["4837", "4863"],
    settled_in: "month-before",
    remote_only: true,
    ratio_bps_min: 50,
    reports_min: 0,
    settled_min: 1_000,
    amount_minor_min: { USD: 5_000_000, EUR: 5_000_000 },
    source:
      "Braintree documentation, “Excessive Fraud Merchant Program”; Paymentspedia, “Mastercard's Chargeback and Fraud Monitoring Programs” (assessments from March 2020)",
  },
] satisfies GivenProgram[]);

/** The setting: a list in JSON, which replaces the default. */
export const disputePrograms = z
  .string()
  .optional()
  .transform((text, context): readonly DisputeProgram[] => {
    if (text === undefined || text === "") return PROGRAMS_DEFAULT;
    try {
      const parsed = z.array(disputeProgram).max(PROGRAMS_MAX).safeParse(JSON.parse(text));
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      context.addIssue({ code: "custom", message: `${issue?.path.join(".")}: ${issue?.message}` });
    } catch {
      context.addIssue({ code: "custom", message: "must be a JSON list" });
    }
    return z.NEVER;
  });

/** The thresholds of a month: of each programme and level, the newest one that applies on its first day. */
export function programsOf(programs: readonly DisputeProgram[], month: string): readonly DisputeProgram[] {
  const newest = new Map<string, DisputeProgram>();
  const inForce = programs.filter(({ from }) => from <= `${month}-01`);
  for (const one of inForce.toSorted((left, right) => (left.from < right.from ? -1 : 1))) {
    newest.set(`${one.program}/${one.level}`, one);
  }
  return [...newest.values()];
}
