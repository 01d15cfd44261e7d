import type { CardUsual, CaseDetail, CaseGraph, CaseRow, CaseStory, QueueRow, TimelineEntry } from "#contract/cases";
import type { Contribution, DecisionDetail, DecisionRow, FeatureValue, Outcome, Reason } from "#contract/decisions";
import type { FraudReportRow } from "#contract/fraud-reports";
import type { PaymentUpdateRow } from "#contract/payment-updates";
import type { PersonRef } from "#contract/people";

/** Realistic payments and cases, identical in each run. */

export type Random = () => number;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Mulberry32 (Tommy Ettinger, public domain), which is good enough for sample data. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: Random, from: readonly [T, ...T[]]): T {
  const found = from[Math.floor(random() * from.length)];
  return found === undefined ? from[0] : found;
}
const hex = (random: Random, digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");

export const REASONS: readonly [Reason, ...Reason[]] = [
  {
    code: "TERMINAL_WITH_FRAUDS",
    text: "5 payments at this terminal were confirmed as fraud in the last 7 days (71 % of its labelled payments).",
    outcome: "review",
  },
  {
    code: "AMOUNT_FAR_ABOVE_OWN_MEAN",
    text: "The amount of 412.60 EUR is 9.7 times this card's 30-day mean.",
    outcome: "challenge",
  },
  {
    code: "BURST_OF_PAYMENTS",
    text: "This card made 11 payments in the last day; the previous one was 24 seconds earlier.",
    outcome: "challenge",
  },
  { code: "HIGH_SCORE", text: "Estimated fraud probability: 87 %.", outcome: "review" },
  {
    code: "UNUSUAL_AMOUNT_AFTER_FRAUD",
    text: "The amount is 6.2 times this card's 30-day mean, and 1 payment of this card was confirmed as fraud.",
    outcome: "decline",
  },
];

export function makeDecision(
  random: Random,
  atMs: number,
  outcome: Outcome,
  more: Partial<DecisionRow> = {},
): DecisionRow {
  const amountMinor = Math.round(Math.exp(2 + random() * 4.6) * 100);
  return {
    transactionId: `0198${hex(random, 28)}`,
    clientTransactionId: `order-${Math.floor(random() * 1e6)}`,
    cardToken: `ct_${hex(random, 32)}`,
    terminalId: `term-${Math.floor(random() * 900) + 100}`,
    amountMinor,
    currency: "EUR",
    occurredAtMs: atMs,
    decidedAtMs: atMs + 12,
    latencyMs: Math.round(6 + random() * 20),
    outcome,
    score: outcome === "approve" ? random() ** 4 * 0.2 : 0.3 + random() * 0.68,
    rung: "model",
    reason: outcome === "approve" ? null : pick(random, REASONS),
    caseId: null,
    label: null,
    ...more,
  };
}

const FEATURES: readonly FeatureValue[] = [
  ["amount", "Amount", 412.6, "€412.60", ["AMOUNT_FAR_ABOVE_OWN_MEAN"]],
  ["card_ratio_30d", "Amount against the card's 30-day mean", 9.7, "9.7 times", ["AMOUNT_FAR_ABOVE_OWN_MEAN"]],
  ["terminal_fraud_count_7d", "Confirmed frauds at the terminal, 7 days", 5, "5", ["TERMINAL_WITH_FRAUDS"]],
  ["terminal_fraud_rate_7d", "Share of frauds at the terminal, 7 days", 0.71, "71 %", ["TERMINAL_WITH_FRAUDS"]],
  ["card_count_1d", "Payments of the card, last day", 4, "4", []],
  ["card_seconds_since_last", "Since the card's previous payment", 1440, "24 min", []],
  ["card_distance_from_home", "Distance from the card's usual place", 38.2, "38 km", []],
  ["card_terminal_pair_is_new", "First payment of the card at this terminal", 1, "yes", []],
  ["hour_of_day", "Hour of the day, UTC", 3, "3", []],
  ["is_night", "At night", 1, "yes", []],
].map(([name, title, value, text, reasonCodes]) => ({ name, title, value, text, reasonCodes }) as FeatureValue);

const CONTRIBUTIONS: readonly Contribution[] = (
  [
    ["terminal_fraud_rate_7d", 2.31],
    ["card_ratio_30d", 1.62],
    ["amount", 0.74],
    ["card_terminal_pair_is_new", 0.38],
    ["card_distance_from_home", -0.31],
    ["is_night", 0.22],
    ["card_count_1d", -0.19],
    ["hour_of_day", 0.08],
    ["card_seconds_since_last", -0.05],
    ["terminal_fraud_count_7d", 0.04],
  ] as const
).map(([feature, logOdds]) => {
  const found = FEATURES.find(({ name }) => name === feature);
  return { feature, title: found?.title ?? feature, text: found?.text ?? "", logOdds };
});

function detailOf(random: Random, row: DecisionRow): DecisionDetail {
  return {
    ...row,
    reasons: REASONS.slice(0, 2),
    degradedBecause: "",
    policyVersion: "1-4f2a91c0",
    policyRevision: 7,
    explorationProbability: null,
    modelName: "tripline",
    modelVersion: "2026-11-20-a",
    featureSpecVersion: 3,
    facts: [
      { name: "terminal_id", title: "Terminal", text: row.terminalId },
      { name: "device_token", title: "Device", text: `dt_${hex(random, 32)}` },
      { name: "ip_token", title: "IP address", text: `it_${hex(random, 32)}` },
      { name: "location", title: "Position", text: "48.137, 11.576" },
      { name: "mcc", title: "Merchant category", text: "5732" },
    ],
    features: FEATURES,
    contributions: { baseLogOdds: -3.9, of: CONTRIBUTIONS },
    listHits: [{ list: "watch", kind: "terminal", effect: "watch", reason: "Skimmer found on 12 November" }],
    skippedRules: [{ ruleId: "many-lists", why: "budget-exceeded", inShadow: false }],
    shadowHits: [{ ruleId: "night-payments", code: "NIGHT_PAYMENT", outcome: "challenge" }],
    trial: { role: "shadow", candidateVersion: "2026-11-26-b", candidateScore: 0.79, championScore: row.score },
  };
}

function usualOf(random: Random, nowMs: number): CardUsual {
  const amounts = Array.from({ length: 90 }, (_, index) => ({
    atMs: nowMs - (90 - index) * DAY_MS + random() * DAY_MS,
    amountMinor: Math.round(Math.exp(2.4 + random() * 2) * 100),
    outcome: "approve" as const,
  }));
  return {
    payments: 164,
    paymentsPerDay: 1.8,
    amountMedianMinor: 3_150,
    amountP05Minor: 1_140,
    amountP95Minor: 7_900,
    byHour: Array.from({ length: 24 }, (_, hour) =>
      Math.round(Math.max(0, 14 * Math.sin(((hour - 6) / 17) * Math.PI))),
    ),
    terminals: 23,
    amounts,
  };
}

function graphOf(random: Random, row: CaseRow, terminalId: string): CaseGraph {
  const node = (kind: "card" | "terminal" | "device" | "ip", value: string, payments: number, frauds = 0) => ({
    id: `${kind}:${value}`,
    kind,
    value,
    payments,
    frauds,
    isSubject: value === row.cardToken,
  });
  const card = node("card", row.cardToken, 164);
  const near = [
    node("terminal", terminalId, 61, 5),
    node("terminal", "term-204", 320),
    node("device", `dt_${hex(random, 32)}`, 44, 1),
    node("ip", `it_${hex(random, 32)}`, 52),
  ];
  const far = Array.from({ length: 5 }, (_, at) => node("card", `ct_${hex(random, 32)}`, 3 + at * 4, at < 3 ? 1 : 0));
  return {
    nodes: [card, ...near, ...far],
    edges: [
      ...near.map(({ id, payments }) => ({ from: card.id, to: id, payments })),
      ...far.map(({ id, payments }, at) => ({ from: near[at % 3]?.id ?? card.id, to: id, payments })),
    ],
    isCut: true,
  };
}

const PEOPLE: readonly [PersonRef | null, ...(PersonRef | null)[]] = [
  { id: "person-ada", name: "Ada Osei" },
  { id: "person-lin", name: "Lin Zhao" },
  null,
  null,
];

const STORIES: readonly CaseStory[] = [
  { kind: "card-testing", payments: 7, minMinor: 100, maxMinor: 300, largeMinor: 29_690, later: 0, currency: "EUR" },
  { kind: "burst", payments: 5, terminals: 4, currencies: 1, sumMinor: 48_000, currency: "EUR", spanMs: 240_000 },
];

export function makeCase(random: Random, index: number, nowMs: number): QueueRow {
  const openedAtMs = nowMs - index * 5_000 - random() * 6 * HOUR_MS;
  return {
    id: `${20_000 - index}`,
    status: "open",
    cardToken: `ct_${hex(random, 32)}`,
    outcome: pick(random, ["review", "challenge", "review", "decline"]),
    score: random() < 0.06 ? null : 0.2 + random() * 0.79,
    payments: 1 + Math.floor(random() ** 3 * 9),
    amountMinor: Math.round(Math.exp(3 + random() * 4.4) * 100),
    currency: "EUR",
    reasons: REASONS.slice(Math.floor(random() * 3), Math.floor(random() * 2) + 3).map(({ code }) => code),
    openedAtMs,
    changedAtMs: openedAtMs,
    dueAtMs: openedAtMs + 4 * HOUR_MS,
    snoozedUntilMs: null,
    assignee: pick(random, PEOPLE),
    isEscalated: random() < 0.05,
    verdict: null,
    undoUntilMs: null,
    revision: 1,
    focusReasons: REASONS.slice(index % 3, (index % 3) + 2),
    story: STORIES[index % 8] ?? null,
  };
}

/** One update for each way in which the timeline shows updates. */
function updatesOf(decision: DecisionRow): TimelineEntry[] {
  const { currency, amountMinor, occurredAtMs } = decision;
  const plain = { declinedBy: null, issuerCode: "", amountMinor: null, currency: "", finding: null } as const;
  const updates: readonly Omit<PaymentUpdateRow, "id">[] = [
    { ...plain, kind: "authorised", issuerCode: "00" },
    { ...plain, kind: "captured", amountMinor, currency },
    { ...plain, kind: "refunded", amountMinor: 2 * amountMinor, currency, finding: "over-amount" },
    { ...plain, kind: "declined", declinedBy: "issuer", issuerCode: "51", finding: "contradicts" },
    { ...plain, kind: "declined", declinedBy: "tripline", finding: "contradicts" },
  ];
  return updates.map((update, index) => {
    const entry = { atMs: occurredAtMs + (index + 1) * HOUR_MS, decision, isOfCase: false };
    return { ...entry, kind: "update", update: { ...update, id: `upd_${index}` } };
  });
}

function reportOf(decision: DecisionRow): TimelineEntry {
  const { currency, amountMinor, occurredAtMs } = decision;
  const report: FraudReportRow = {
    id: "rpt_1",
    reportId: "dispute-1",
    version: 2,
    kind: "chargeback",
    stage: "won",
    isWithdrawn: false,
    reasonCode: "10.4",
    amountMinor: 2 * amountMinor,
    currency,
    verdict: "genuine",
    policyVersion: "default-1",
    finding: "over-amount",
    matchedBy: "user",
  };
  return { atMs: occurredAtMs + DAY_MS, decision, isOfCase: false, kind: "report", report };
}

export function caseDetail(row: QueueRow, nowMs: number): CaseDetail {
  const random = seeded(Number(row.id));
  const own = { cardToken: row.cardToken, caseId: row.id };
  const focusRow = makeDecision(random, row.openedAtMs, row.outcome, {
    ...own,
    score: row.score,
    amountMinor: row.amountMinor,
    reason: REASONS[0],
  });
  const timeline: TimelineEntry[] = Array.from({ length: 24 }, (_, index) => {
    const outcome = index < row.payments ? row.outcome : "approve";
    const decision = index === 0 ? focusRow : makeDecision(random, row.openedAtMs - index * 5 * HOUR_MS, outcome, own);
    return { atMs: decision.occurredAtMs, kind: "payment", decision, isOfCase: index < row.payments };
  });
  const labelled = makeDecision(random, row.openedAtMs - 9 * DAY_MS, "approve", {
    ...own,
    label: { fraud: false, source: "customer", labelledAtMs: row.openedAtMs - 6 * DAY_MS },
  });
  timeline.push({ atMs: row.openedAtMs - 6 * DAY_MS, kind: "label", decision: labelled, isOfCase: false });
  timeline.push(...updatesOf(labelled), reportOf(labelled));
  return {
    ...row,
    decisions: timeline.filter(({ isOfCase }) => isOfCase).map(({ decision }) => decision),
    focus: detailOf(random, focusRow),
    timeline,
    usual: usualOf(random, nowMs),
    graph: graphOf(random, row, focusRow.terminalId),
    notes: [],
    history: [
      { atMs: row.openedAtMs, by: null, text: "Opened by a payment that went to review." },
      // Enough payments to require scrolling.
      ...Array.from({ length: 16 }, (_, index) => ({
        atMs: row.openedAtMs + index,
        by: null,
        text: `Snoozed the case until ${new Date(row.openedAtMs + index * HOUR_MS).toISOString()}.`,
      })),
    ],
    attachments: [
      {
        id: "receipt",
        name: "Receipt of the terminal, 27 November.pdf",
        mediaType: "application/pdf",
        bytes: 48_120,
        sha256: hex(random, 64),
        author: { id: "person-lin", name: "Lin Zhao" },
        atMs: row.openedAtMs + HOUR_MS,
      },
    ],
    attachmentLimits: { bytesMax: 1_000_000, filesMax: 50 },
    needsSecondUser: false,
    pendingVerdict: null,
    narrativeModel: null,
    narrative:
      "A payment of €412.60 at a terminal with 5 confirmed frauds in the last week. The amount is about ten times what the card usually pays, at an hour when it has never paid. The card has not been at this terminal before.",
  };
}
