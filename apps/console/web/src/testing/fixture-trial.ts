import type { ServerResponse } from "node:http";
import type { Estimate, HitFigures, PolicyTrial, TrialLine, TrialPart } from "#contract/policy-trial";

const PAYMENTS = 20_000;
const HOUR_MS = 3_600_000;

const near = (value: number): Estimate => ({ value, low: value * 0.9, high: value * 1.1 });

function hits(count: number, precision: number): HitFigures {
  const frauds = Math.round(count * precision * 0.4);
  const genuine = Math.round(count * (1 - precision) * 0.4);
  return {
    hits: count,
    share: near(count / PAYMENTS),
    frauds,
    genuine,
    unknown: count - frauds - genuine,
    precision: near(precision),
    recall: near(frauds / 160),
    falsePositiveRate: near(genuine / 7_000),
  };
}

/** Like the backend's response: progress, then the report. */
export function sendTrial(response: ServerResponse, isShadow: boolean): void {
  const lines: TrialLine[] = [
    { progress: { done: 250, total: PAYMENTS } },
    { progress: { done: PAYMENTS, total: PAYMENTS } },
    { report: makeTrial(isShadow ? "shadow" : "draft") },
  ];
  response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
  response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function makeTrial(subject: PolicyTrial["subject"]): PolicyTrial {
  const part = (id: string, outcome: TrialPart["outcome"], count: number, precision: number): TrialPart => ({
    id,
    kind: id.startsWith("score") ? "band" : "rule",
    outcome,
    ...hits(count, precision),
    alone: Math.round(count / 2),
    stricter: Math.round(count / 9),
  });
  const toMs = Date.now();
  return {
    subject,
    payments: PAYMENTS,
    cards: 1_912,
    fromMs: toMs - 30 * HOUR_MS,
    toMs,
    frauds: 160,
    genuine: 7_000,
    young: 12_840,
    unlabelled: 0,
    labelDelayDays: 1,
    skipped: 12,
    failures: {},
    rulesSkipped: [],
    exploration: [],
    decided: { stopped: hits(410, 0.31), declined: hits(96, 0.84) },
    drafted: { stopped: hits(455, 0.34), declined: hits(118, 0.8) },
    changes: [
      { change: "approve -> challenge", payments: 41, frauds: 6, genuine: 12 },
      { change: "review -> decline", payments: 22, frauds: 8, genuine: 1 },
      { change: "challenge -> approve", payments: 9, frauds: 0, genuine: 4 },
    ],
    movedDeclines: 22,
    parts: [
      part("burst-of-payments", "challenge", 122, 0.28),
      part("terminal-with-frauds", "review", 61, 0.55),
      part("score>=0.6", "decline", 118, 0.8),
    ],
    examples: [
      {
        kind: "false-positive",
        transactionId: "txn_1",
        amountMinor: 21_271,
        currency: "EUR",
        occurredAtMs: toMs - 3 * HOUR_MS,
        sentences: ["The amount is 4.2 times this card's 30-day mean."],
      },
      {
        kind: "missed",
        transactionId: "txn_2",
        amountMinor: 232,
        currency: "EUR",
        occurredAtMs: toMs - 9 * HOUR_MS,
        sentences: ["No rule flagged this payment."],
      },
    ],
  };
}
