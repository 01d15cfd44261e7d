import { blobValue } from "@duckdb/node-api";
import { TRANSACTION_CLASSES, UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  Decision,
  DeclinedBy,
  DriftDetected,
  Erasure,
  FeatureVector,
  Label,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
  Rung,
  Transaction,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES, TOPICS } from "@tripline/contracts/topics";
import { LAKE_TABLES, RECORD_COLUMNS, tableOfTopic } from "./lake-tables.js";

const AT_MS = Date.UTC(2024, 1, 29, 12);

const transaction: Transaction = {
  ...UNSENT,
  transactionId: "txn_1",
  tenant: "demo",
  clientTransactionId: "c-1",
  cardToken: "ct_1",
  terminalId: "t-1",
  amountMinor: Number.MAX_SAFE_INTEGER,
  currency: "EUR",
  occurredAtMs: AT_MS,
  acceptedAtMs: AT_MS + 1,
  deviceToken: "dt_1",
  ipToken: "it_1",
  latitude: -0,
  longitude: undefined,
  bin: "41111111",
  emailToken: "et_1",
  networkToken: "nt_1",
  cardCountry: "BE",
  merchantCountry: "FR",
  ipCountry: "",
  personal: Buffer.of(1, 2, 255),
};

const label: Label = {
  labelId: "lbl_1",
  tenant: "demo",
  clientTransactionId: "c-1",
  cardToken: "ct_1",
  terminalId: "t-1",
  occurredAtMs: AT_MS - 1,
  labelledAtMs: AT_MS,
  fraud: true,
  source: "chargeback",
  reportId: "rpt_1",
  policyVersion: "default-1",
  replacedAtMs: AT_MS - 1,
};

const vector: FeatureVector = {
  transaction,
  specVersion: 3,
  values: [-0, 5e-324, Number.MAX_VALUE, 0.1 + 0.2],
  computedAtMs: AT_MS + 2,
  sequences: [1, 2],
  tooLate: true,
  incomplete: false,
  profileTimesMs: [1_780_272_000_000, 0],
};

const applied: AppliedLabel = {
  label,
  specVersion: 3,
  sequences: [7],
  tooLate: false,
  incomplete: true,
  appliedAtMs: AT_MS + 3,
  entityIds: ["", "", "d-1"],
  explained: false,
};

const update: PaymentUpdate = {
  updateId: "upd_1",
  tenant: "demo",
  transactionId: "txn_1",
  clientTransactionId: "c-1",
  cardToken: "ct_1",
  kind: PaymentUpdateKind.REFUNDED,
  issuerCode: "",
  amountMinor: 1299,
  currency: "EUR",
  updatedAtMs: AT_MS,
  acceptedAtMs: AT_MS + 5,
  declinedBy: DeclinedBy.UNSPECIFIED,
  clientUpdateId: "u-1",
};

const decision: Decision = {
  transactionId: "txn_1",
  tenant: "demo",
  clientTransactionId: "c-1",
  cardToken: "ct_1",
  outcome: Outcome.REVIEW,
  reasons: [{ code: "A", text: "ein Grund — 原因", outcome: Outcome.CHALLENGE }],
  score: undefined,
  rung: Rung.RULES_ONLY,
  degradedBecause: "no score",
  policyVersion: "p1",
  modelName: "fraud",
  modelVersion: "7",
  featureSpecVersion: 3,
  occurredAtMs: AT_MS - 10,
  acceptedAtMs: AT_MS - 5,
  decidedAtMs: AT_MS,
  wordingVersion: "w1",
  listHits: [
    { list: "deny", kind: "card", effect: "deny", reason: "Stolen", createdAtMs: AT_MS - 9, expiresAtMs: AT_MS + 9 },
    { list: "vip", kind: "terminal", effect: "allow", reason: "", createdAtMs: AT_MS, expiresAtMs: undefined },
  ],
  policyRevision: 7,
  shadowHits: [{ ruleId: "night", code: "NIGHT", outcome: Outcome.REVIEW }],
  spentBudgets: [Outcome.REVIEW],
  skippedRules: [{ ruleId: "slow", why: "budget-exceeded", inShadow: true }],
  explorationProbability: 0.05,
};

const trial: ModelTrial = {
  trialRole: TrialRole.CANARY,
  candidateVersion: "8",
  candidateScore: 0.5,
  candidateMissing: "",
};

const drift: DriftDetected = {
  eventId: "e1",
  modelName: "fraud",
  tenant: "",
  day: "2024-02-28",
  comparedFrom: "2024-02-14",
  comparedTo: "2024-02-27",
  rows: 1_000,
  columns: [{ column: "amount", kind: "feature", distance: 0.5, threshold: 0.1, pValue: 1e-9 }],
  sentence: "1 of 70 columns drifted",
  detectedAtMs: AT_MS,
};

/** The cells of fields that were not sent. */
const unsentCells = Object.fromEntries(
  Object.keys(TRANSACTION_CLASSES).map((key) => [
    key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    Object.hasOwn(UNSENT, key) ? "" : null,
  ]),
);

const transactionCells = {
  ...unsentCells,
  transaction_id: "txn_1",
  tenant: "demo",
  client_transaction_id: "c-1",
  card_token: "ct_1",
  terminal_id: "t-1",
  amount_minor: 9007199254740991n,
  currency: "EUR",
  occurred_at_ms: BigInt(AT_MS),
  accepted_at_ms: BigInt(AT_MS + 1),
  device_token: "dt_1",
  ip_token: "it_1",
  latitude: -0,
  longitude: null,
  bin: "41111111",
  email_token: "et_1",
  network_token: "nt_1",
  card_country: "BE",
  merchant_country: "FR",
  ip_country: "",
  personal: blobValue(Buffer.of(1, 2, 255)),
};

const labelCells = {
  label_id: "lbl_1",
  tenant: "demo",
  client_transaction_id: "c-1",
  card_token: "ct_1",
  terminal_id: "t-1",
  occurred_at_ms: BigInt(AT_MS - 1),
  labelled_at_ms: BigInt(AT_MS),
  fraud: true,
  source: "chargeback",
  report_id: "rpt_1",
  policy_version: "default-1",
  replaced_at_ms: BigInt(AT_MS - 1),
};

const updateCells = {
  update_id: "upd_1",
  tenant: "demo",
  transaction_id: "txn_1",
  client_transaction_id: "c-1",
  card_token: "ct_1",
  kind: "refunded",
  issuer_code: "",
  amount_minor: 1299n,
  currency: "EUR",
  updated_at_ms: BigInt(AT_MS),
  accepted_at_ms: BigInt(AT_MS + 5),
  declined_by: "unspecified",
  client_update_id: "u-1",
};

const decisionCells = {
  transaction_id: "txn_1",
  tenant: "demo",
  client_transaction_id: "c-1",
  card_token: "ct_1",
  outcome: "review",
  reasons: { items: [{ entries: { code: "A", text: "ein Grund — 原因", outcome: "challenge" } }] },
  score: null,
  rung: "rules_only",
  degraded_because: "no score",
  policy_version: "p1",
  model_name: "fraud",
  model_version: "7",
  feature_spec_version: 3,
  occurred_at_ms: BigInt(AT_MS - 10),
  accepted_at_ms: BigInt(AT_MS - 5),
  decided_at_ms: BigInt(AT_MS),
  wording_version: "w1",
  list_hits: {
    items: [
      {
        entries: {
          list: "deny",
          kind: "card",
          effect: "deny",
          reason: "Stolen",
          created_at_ms: BigInt(AT_MS - 9),
          expires_at_ms: BigInt(AT_MS + 9),
        },
      },
      {
        entries: {
          list: "vip",
          kind: "terminal",
          effect: "allow",
          reason: "",
          created_at_ms: BigInt(AT_MS),
          expires_at_ms: null,
        },
      },
    ],
  },
  policy_revision: 7,
  shadow_hits: { items: [{ entries: { rule_id: "night", code: "NIGHT", outcome: "review" } }] },
  spent_budgets: { items: ["review"] },
  skipped_rules: { items: [{ entries: { rule_id: "slow", why: "budget-exceeded", in_shadow: true } }] },
  exploration_probability: 0.05,
};

const NO_TRIAL = {
  trial_role: null,
  candidate_version: null,
  candidate_score: null,
  champion_score: null,
  candidate_missing: null,
};

test.each([
  ["transactions", Transaction.encode(transaction), transactionCells],
  ["labels", Label.encode(label), labelCells],
  [
    "features",
    FeatureVector.encode(vector),
    {
      ...transactionCells,
      spec_version: 3,
      values: { items: [-0, 5e-324, Number.MAX_VALUE, 0.1 + 0.2] },
      computed_at_ms: BigInt(AT_MS + 2),
      sequences: { items: [1n, 2n] },
      too_late: true,
      incomplete: false,
      profile_times_ms: { items: [1_780_272_000_000n, 0n] },
    },
  ],
  [
    "applied-labels",
    AppliedLabel.encode(applied),
    {
      ...labelCells,
      entity_ids: { items: ["", "", "d-1"] },
      spec_version: 3,
      sequences: { items: [7n] },
      too_late: false,
      applied_at_ms: BigInt(AT_MS + 3),
      incomplete: true,
      explained: false,
    },
  ],
  ["payment-updates", PaymentUpdate.encode(update), updateCells],
  [
    "payment-updates",
    PaymentUpdate.encode({
      ...update,
      kind: PaymentUpdateKind.DECLINED,
      declinedBy: DeclinedBy.ISSUER,
      issuerCode: "51",
      amountMinor: undefined,
    }),
    { ...updateCells, kind: "declined", declined_by: "issuer", issuer_code: "51", amount_minor: null },
  ],
  [
    "applied-payment-updates",
    AppliedPaymentUpdate.encode({
      update,
      specVersion: 3,
      sequences: [7],
      tooLate: false,
      incomplete: true,
      appliedAtMs: AT_MS + 3,
      entityIds: ["", "t-1"],
    }),
    {
      ...updateCells,
      entity_ids: { items: ["", "t-1"] },
      spec_version: 3,
      sequences: { items: [7n] },
      too_late: false,
      applied_at_ms: BigInt(AT_MS + 3),
      incomplete: true,
    },
  ],
  ["decisions", Decision.encode(decision), { ...decisionCells, ...NO_TRIAL }],
  [
    "decisions",
    Decision.encode({ ...decision, trial }),
    {
      ...decisionCells,
      trial_role: "canary",
      candidate_version: "8",
      candidate_score: 0.5,
      champion_score: null,
      candidate_missing: "",
    },
  ],
  [
    "drift-detected",
    DriftDetected.encode(drift),
    {
      event_id: "e1",
      model_name: "fraud",
      tenant: "",
      day: "2024-02-28",
      compared_from: "2024-02-14",
      compared_to: "2024-02-27",
      rows: 1000n,
      columns: {
        items: [{ entries: { column: "amount", kind: "feature", distance: 0.5, threshold: 0.1, p_value: 1e-9 } }],
      },
      sentence: "1 of 70 columns drifted",
      detected_at_ms: BigInt(AT_MS),
    },
  ],
  [
    "erasures",
    Erasure.encode({ tenant: "demo", subject: "ct_1", erasedAtMs: AT_MS }),
    { tenant: "demo", subject: "ct_1", erased_at_ms: BigInt(AT_MS) },
  ],
])(
  "every field of a record of %s has a column, and the record's day is the day of its event",
  (topic, message, cells) => {
    const table = tableOfTopic(topic);
    const row = table?.decode(message.finish());
    expect(row).toMatchObject({ eventTimeMs: AT_MS, day: "2024-02-29" });
    const found = row?.cells().map((cell, index) => [table?.columns[index]?.name, cell]) ?? [];
    expect(Object.fromEntries(found)).toEqual(cells);
    expect(found).toHaveLength(Object.keys(cells).length);
  },
);

test("every event topic and the erasures topic have a table without duplicate columns", () => {
  expect(Object.values(LAKE_TABLES).map(({ topic }) => topic)).toEqual([...Object.values(TOPICS), TABLES.erasures]);
  for (const { columns } of Object.values(LAKE_TABLES)) {
    const names = [...RECORD_COLUMNS, ...columns].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  }
  expect(tableOfTopic("nothing")).toBeUndefined();
});

test("keeps an enum value from a newer version as a number", () => {
  const newer = Decision.encode({ ...decision, outcome: 99 as Outcome }).finish();
  expect(LAKE_TABLES.decisions.decode(newer).cells()).toContain("99");
});
