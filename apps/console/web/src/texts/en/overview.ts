import type { Dimension } from "#contract/overview";
import { plural } from "./plural.js";

export const text = {
  title: "Overview",
  range: "Period",
  ranges: {
    "7-days": "Last 7 days",
    "30-days": "Last 30 days",
    "12-weeks": "Last 12 weeks",
    "12-months": "Last 12 months",
  },
  days: (days: string, previous: string) =>
    `${days}, compared with ${previous}. Days are in UTC, and today is not over yet.`,
  mature: (day: string) => `Payments before ${day} are old enough for a verdict.`,
  notMature: "No payments are old enough for a verdict yet.",
  verdicts: (days: number) =>
    `A verdict counts if it arrives within ${plural(days, "day", "days")} of the payment. Later verdicts count only if the payment is in a case.`,
  since: (day: string) => `Not all payments up to ${day} are counted, because an earlier release stored some of them.`,
  kept: (day: string) => `Figures from before ${day} have been deleted, so the comparison is not complete.`,
  empty: "No payments yet",
  emptyDetail: "Figures appear here a few seconds after the first decision.",
  noneInPeriod: "No payments in these periods",
  noneInPeriodDetail: "Choose a longer period.",
  noReports: "no reports yet",
  noPayments: "no payments",
  tooRecent: "too recent",
  noneJudged: "no verdicts",
  payments: (count: string, of: number) => `${count} ${of === 1 ? "payment" : "payments"}`,
  byAmount: (share: string) => `${share} by amount`,
  ofJudged: (count: string) => `of ${count} with a verdict`,
  previous: (value: string) => `Previous: ${value}`,
  more: (count: number) => `Show ${plural(count, "more currency", "more currencies")}`,
  figuresOf: (currency: string) => `Figures in ${currency}`,
  table: "Show table",
  bucket: { day: "Day", week: "Week starting", month: "Month" },
  before: (name: string) => `${name}, previous`,
  charts: {
    payments: "Payments",
    stopped: "Reviewed and declined",
    fraud: "Fraud by amount",
    fraudRate: "Fraud rate",
  },
  series: {
    payments: "Payments",
    previous: "Previous period",
    reviewed: "Reviewed",
    declined: "Declined",
    lost: "Loss",
    stopped: "Fraud stopped",
    fraudRate: "Fraud rate",
  },
  noFraud: "No fraud reports yet",
  noFraudDetail: "Figures about fraud appear after your first report or label.",
  noMature: "Too recent",
  noMatureDetail: "No payment of this period is old enough for a verdict.",
  breakdown: {
    title: (by: string) => `By ${by}`,
    choose: "Break down by",
    by: { merchant: "Merchant", country: "Card country", reason: "Main reason", model: "Model" } as Readonly<
      Record<Dimension, string>
    >,
    none: {
      merchant: "No merchant ID",
      country: "Unknown",
      reason: "No reason",
      model: "No model",
    } as Readonly<Record<Dimension, string>>,
    others: "All other merchants",
    cut: (count: number) => `Only the ${count} values with the most payments are shown.`,
  },
  definitions: {
    title: "What the figures mean",
    figure: "Figure",
    counts: "Counts",
    of: "Divided by",
    clock: "Counted on",
    byDay: "Day of the payment",
    matureOnly: "Day of the payment, except days that are too recent for a verdict",
    nothing: "–",
    note:
      "A day begins at midnight UTC. A verdict comes from fraud reports, labels and closed cases, and counts on the day of its " +
      "payment, so earlier days change when verdicts arrive or are corrected. Erasing a person does not change the figures. " +
      "Amounts are those of the payments, are never converted, and are shown per currency.",
  },
  figures: {
    payments: { title: "Payments", counts: "Payments with a decision", of: "" },
    approvalRate: { title: "Approval rate", counts: "Approved payments", of: "All payments" },
    fraudRate: {
      title: "Fraud rate",
      counts: "Payments with a fraud verdict, whether they were approved or not",
      of: "All payments on days that are old enough for a verdict. The required age is the time in which 95 % of labels usually arrive, as on Models.",
    },
    lost: {
      title: "Loss",
      counts: "Approved payments with a fraud verdict, at their full amounts. Recovered money is not subtracted.",
      of: "",
    },
    stopped: {
      title: "Fraud stopped",
      counts:
        "Challenged, reviewed or declined payments with a fraud verdict. Declined payments rarely get a verdict, so " +
        "the actual value is higher. A payment that passed its challenge or review also counts.",
      of: "",
    },
    falsePositives: {
      title: "False positives",
      counts: "Challenged, reviewed or declined payments with a genuine verdict",
      of: "",
    },
    precision: {
      title: "Precision",
      counts: "Fraud stopped, in payments",
      of: "Challenged, reviewed or declined payments that have a verdict",
    },
  },
} as const;
