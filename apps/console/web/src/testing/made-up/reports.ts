import type { DisputeLine, DisputeRatios, DisputeScheme, ProgramResult } from "#contract/dispute-ratios";
import type { Agreement, CandidatePayment, Reconciliation, UnmatchedReport } from "#contract/fraud-reports";
import type { Answer, Asked } from "../fixture-request.js";
import { Refusal } from "../fixture-request.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REPORTS = 30;

/** Ambiguous reports, oldest first. */
export function makeReports(nowMs: number): UnmatchedReport[] {
  return Array.from({ length: REPORTS }, (_, index) => ({
    id: `rpt_${`${index}`.padStart(2, "0").repeat(16)}`,
    reportId: `dispute-${8_800 + index}`,
    version: 1,
    kind: index % 3 === 0 ? "chargeback" : "tc40",
    stage: "received",
    isWithdrawn: false,
    state: "ambiguous",
    card: `ct_${`${index}`.padStart(2, "0").repeat(16)}`,
    acquirerReference: index % 2 === 0 ? `7455070533${`${index}`.padStart(13, "0")}` : "",
    authorisationCode: index % 4 === 0 ? "A10932" : "",
    amountMinor: 4_999 + index,
    currency: "EUR",
    occurredAtMs: Math.floor(nowMs / DAY_MS - 20) * DAY_MS,
    reportedAtMs: nowMs - (REPORTS - index) * HOUR_MS,
    file: "tc40-2026-11.csv",
  }));
}

function candidatesOf({ amountMinor, currency, occurredAtMs }: UnmatchedReport): CandidatePayment[] {
  const candidate = (id: number, amount: Agreement, day: Agreement): CandidatePayment => ({
    transactionId: `txn_${`${id}`.repeat(32)}`,
    clientTransactionId: `order-${4_710 + id}`,
    amountMinor: (amountMinor ?? 0) + (amount === "same" ? 0 : 1_200),
    currency,
    occurredAtMs: occurredAtMs + (day === "same" ? 1 : 25) * HOUR_MS,
    terminalId: "term-204",
    acquirerReference: "",
    authorisationCode: "B20417",
    agreement: { card: "same", acquirerReference: "unknown", authorisationCode: "unknown", amount, day },
  });
  return [candidate(1, "same", "same"), candidate(2, "same", "differs"), candidate(3, "differs", "same")];
}

const RECONCILIATION: Reconciliation = {
  lines: (["chargeback", "tc40"] as const).map((kind) => ({
    file: "tc40-2026-11.csv",
    kind,
    currency: "EUR",
    reports: 1_204,
    matched: 1_174,
    unmatched: 30,
    duplicates: 4,
    amountDiffers: 12,
    amountMinor: 9_120_400,
  })),
};

function ratiosOf(month: string): DisputeRatios {
  const line = (
    merchantId: string | null,
    scheme: DisputeScheme,
    chargebacks: number,
    settled: number,
  ): DisputeLine => {
    const ratio = settled === 0 ? null : chargebacks / settled;
    const amounts = { currency: "EUR", settledMinor: settled * 4_999, chargebackMinor: chargebacks * 4_999, ratio };
    return { merchantId, scheme, settled, chargebacks, fraudNotices: 12, ratio, amounts: [amounts], programs: [] };
  };
  const vamp: ProgramResult = {
    program: "VAMP",
    level: "excessive",
    reports: 1_612,
    ratio: 1_612 / 80_000,
    ratioMin: 0.015,
    reportsMin: 1_500,
    state: "above",
    from: "2026-04-01",
    source: "Checkout.com help centre",
  };
  return {
    month,
    isComplete: true,
    lines: [
      line(null, "all", 1_640, 120_000),
      line("m-000042", "all", 1_600, 80_000),
      { ...line("m-000042", "visa", 1_600, 80_000), programs: [vamp] },
      line("m-000007", "all", 40, 0),
    ],
    isCut: false,
  };
}

/** Fraud reports, with responses like those of the console's backend. */
export function answerReports(
  state: { reports: UnmatchedReport[] },
  { query }: Asked,
  rest: readonly string[],
): Answer {
  const [area, id, step] = rest;
  if (area === "reconciliation") return RECONCILIATION;
  if (area === "ratios") return ratiosOf(query.get("month") ?? "");
  if (id === undefined) {
    return { reports: state.reports.filter((one) => one.state === (query.get("state") ?? "ambiguous")), next: null };
  }
  const found = state.reports.find((one) => one.id === id);
  if (found === undefined) throw new Refusal(404, "not-found", "There is no unmatched report with this ID.");
  if (step === "candidates") return candidatesOf(found);
  state.reports = state.reports.filter((one) => one !== found);
  return undefined;
}
