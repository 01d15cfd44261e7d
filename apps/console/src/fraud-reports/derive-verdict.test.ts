import {
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { KnownLabel } from "./derive-verdict.js";
import { changedVerdict } from "./derive-verdict.js";
import { judgeReports } from "./judge-reports.js";
import type { KnownReport } from "./report-rows.js";

const { FRAUD, GENUINE, NOTHING } = FraudVerdict;
const { RECEIVED, WON } = FraudReportStage;

/** Its `report_id` contains the report's id and version. */
function report(of: string, atMs: number, verdict: FraudVerdict, change: Partial<KnownReport> = {}): KnownReport {
  const { version = 1 } = change;
  return {
    report_id: `${of}/${version}`,
    client_report_id: of,
    version,
    transaction_id: "txn_1",
    tenant: "acme",
    client_transaction_id: "p-1",
    card_token: "ct_1",
    terminal_id: "",
    occurred_at_ms: 0,
    kind: FraudReportKind.CHARGEBACK,
    stage: RECEIVED,
    verdict,
    policy_version: "default-1",
    withdrawn: false,
    reason_code: "",
    amount_minor: null,
    currency: "",
    reported_at_ms: atMs,
    is_conflicting: false,
    matched_by: "",
    moved_at_ms: null,
    ...change,
  };
}

const label = (fraud: boolean, atMs: number, report_id = ""): KnownLabel => ({
  fraud,
  labelled_at_ms: atMs,
  report_id,
});

const v2 = { version: 2 };
const tc40 = report("t", 10, FRAUD);
const dispute = report("d", 20, FRAUD);
const won = report("d", 30, GENUINE, v2);
const withdrawn = { ...v2, withdrawn: true };

test.each<[name: string, reports: KnownReport[], before: KnownLabel | undefined, change: string | undefined]>([
  ["nothing is known", [], undefined, undefined],
  ["the first report", [tc40], undefined, "fraud by t/1 at 10"],
  ["a report that counts as nothing", [report("r", 10, NOTHING)], undefined, undefined],
  ["a TC40 and a chargeback", [tc40, dispute], label(true, 10, "t/1"), undefined],
  ["a won representment", [tc40, dispute, won], label(true, 10, "t/1"), "genuine by d/2 at 30"],
  [
    "an older report after a won representment",
    [dispute, won, report("t", 25, FRAUD)],
    label(false, 30, "d/2"),
    undefined,
  ],
  [
    "a newer report after a won representment",
    [won, report("t", 40, FRAUD)],
    label(false, 30, "d/2"),
    "fraud by t/1 at 40",
  ],
  ["a withdrawal", [tc40, report("t", 12, FRAUD, withdrawn)], label(true, 10, "t/1"), "genuine by t/2 at 12"],
  [
    "a withdrawal while another report counts",
    [dispute, report("t", 40, FRAUD, withdrawn)],
    label(true, 20, "d/1"),
    undefined,
  ],
  ["a withdrawal before any label", [report("t", 12, FRAUD, withdrawn)], undefined, undefined],
  ["a withdrawal after a client's label", [report("t", 40, FRAUD, withdrawn)], label(true, 10), undefined],
  ["a client's label with the same verdict", [dispute], label(true, 10), undefined],
  ["an older label by a client", [dispute], label(false, 10), "fraud by d/1 at 20"],
  ["a newer label by a client", [dispute], label(false, 21), undefined],
  ["a correction with an older time", [report("d", 5, GENUINE, v2)], label(true, 20, "d/1"), "genuine by d/2 at 21"],
  [
    "a report that no longer counts",
    [tc40, report("t", 12, NOTHING, v2)],
    label(true, 10, "t/1"),
    "genuine by t/2 at 12",
  ],
  [
    "a report that no longer counts while another one does",
    [dispute, report("t", 10, FRAUD), report("t", 40, NOTHING, v2)],
    label(true, 20, "d/1"),
    undefined,
  ],
  ["a report that never counted", [report("r", 40, NOTHING)], label(true, 10, "t/1"), undefined],
  [
    "a report that moved to another payment",
    [{ ...tc40, moved_at_ms: 50 }],
    label(true, 10, "t/1"),
    "genuine by t/1 at 50",
  ],
  ["an old version that arrives late", [report("d", 40, FRAUD), won], label(false, 30, "d/2"), undefined],
])("%s", (_name, reports, before, change) => {
  const found = changedVerdict(reports, before);
  const shown = found && `${found.fraud ? "fraud" : "genuine"} by ${found.report.report_id} at ${found.atMs}`;
  expect(shown).toBe(change);
});

test("findings identify mismatches with the payment or an earlier version", () => {
  const payment = { card_token: "ct_1", amount_minor: 1_000, currency: "EUR" };
  const eur = (amount_minor: number, change = {}) => ({ amount_minor, currency: "EUR", ...change });
  const findings = judgeReports(payment, [
    report("part", 1, FRAUD, eur(400)),
    report("more", 1, FRAUD, eur(1_001)),
    report("usd", 1, FRAUD, eur(1, { currency: "USD" })),
    report("card", 1, FRAUD, { card_token: "ct_2" }),
    report("moved", 1, FRAUD, { moved_at_ms: 2 }),
    report("twice", 1, FRAUD, { is_conflicting: true }),
    report("back", 1, FRAUD, { stage: WON }),
    report("back", 2, FRAUD, { ...v2, stage: RECEIVED }),
  ]);
  expect(Object.fromEntries(findings)).toEqual({
    "more/1": "over-amount",
    "usd/1": "other-currency",
    "card/1": "other-card",
    "moved/1": "other-payment",
    "twice/1": "conflicting-version",
    "back/2": "backwards",
  });
});
