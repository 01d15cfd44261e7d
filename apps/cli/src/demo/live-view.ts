import { seconds } from "@tripline/system/step-log";
import type { DeclinedPayment, Quality, Tally } from "./tally.js";
import { LATENCIES_KEPT, OUTCOMES } from "./tally.js";

const FLAGGED = ["challenge", "review", "decline"] as const;

export interface LiveFigures {
  readonly elapsedMs: number;
  /** Decisions in the last second. */
  readonly perSecond: number;
  /** Event time that the traffic has reached. */
  readonly eventTimeMs: number;
}

/** The display during traffic: redrawn in place on a terminal, elsewhere one line every few seconds. */
export class LiveView {
  private linesDrawn = 0;
  private lastLineAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  /** Leaves the current display in place, so that other output can follow. */
  leave(): void {
    this.linesDrawn = 0;
  }

  show(tally: Tally, figures: LiveFigures): void {
    if (this.out.isTTY) {
      const lines = [...fullView(tally, figures), ...lostLines(tally)];
      const up = this.linesDrawn > 0 ? `\x1b[${this.linesDrawn}A\x1b[0J` : "";
      this.out.write(`${up}${lines.map((text) => text.slice(0, this.out.columns - 1)).join("\n")}\n`);
      this.linesDrawn = lines.length;
      return;
    }
    if (figures.elapsedMs - this.lastLineAtMs < LINE_EVERY_MS) return;
    this.lastLineAtMs = figures.elapsedMs;
    this.out.write(`${[shortLine(tally, figures), ...lostLines(tally)].join("\n")}\n`);
  }
}

function lostLines({ areStatesLost }: Tally): string[] {
  if (!areStatesLost) return [];
  return [
    "  The window states were lost: payments get the default decision until the states are restored from the lake.",
  ];
}

const LINE_EVERY_MS = 5_000;
/** Displayed latencies cover about the last ten seconds. */
const RECENT_ANSWERS = 1_000;

function shortLine(tally: Tally, figures: LiveFigures): string {
  const [p50, p95, p99] = tally.quantiles(RECENT_ANSWERS, 0.5, 0.95, 0.99).map(milliseconds);
  const outcomes = OUTCOMES.map((outcome) => `${outcome} ${tally.outcomes[outcome]}`).join("  ");
  return `${seconds(figures.elapsedMs)}  ${figures.perSecond}/s  ${outcomes}  p50 ${p50} p95 ${p95} p99 ${p99}`;
}

function fullView(tally: Tally, figures: LiveFigures): string[] {
  const [p50, p95, p99] = tally.quantiles(RECENT_ANSWERS, 0.5, 0.95, 0.99).map(milliseconds);
  const counts = OUTCOMES.map((outcome) => `${outcome} ${tally.outcomes[outcome]}`).join("   ");
  return [
    "",
    `  ${seconds(figures.elapsedMs).trim()}   ${figures.perSecond} decisions/s   payments of ${day(figures.eventTimeMs)}`,
    `  ${counts}   (degraded ${tally.degraded}, pending ${tally.pending})`,
    `  latency p50 ${p50}   p95 ${p95}   p99 ${p99}`,
    ...qualityLines(tally),
    ...refusedLines(tally),
    "",
    "  last declined:",
    ...tally.lastDeclined.flatMap(declinedLines),
  ];
}

export function latencyLine(tally: Tally): string {
  const [p50, p95, p99] = tally.quantiles(LATENCIES_KEPT, 0.5, 0.95, 0.99).map(milliseconds);
  return `  latency p50 ${p50}, p95 ${p95}, p99 ${p99} (HTTP, from request to decision)`;
}

export function qualityLines(tally: Tally): string[] {
  return [
    `  declined:            ${percentages(tally.quality(["decline"]))}`,
    `  stopped or asked:    ${percentages(tally.quality(FLAGGED))}   (challenge, review or decline)`,
  ];
}

export function refusedLines(tally: Tally): string[] {
  if (tally.refused.size === 0) return [];
  return [`  not accepted: ${[...tally.refused].map(([code, count]) => `${code} ${count}`).join(", ")}`];
}

/** A declined payment with its reasons in words, and whether it was fraud. */
export function declinedLines(declined: DeclinedPayment): string[] {
  const { payment, decision } = declined;
  const amount = `${(payment.amountMinor / 100).toFixed(2)} ${payment.currency}`;
  const truth = payment.fraud ? "fraud" : "genuine";
  const score = decision.score === null ? "no score" : `score ${decision.score.toFixed(2)}`;
  return [
    `    ${amount.padStart(12)}${payment.terminalId == null ? "" : ` at ${payment.terminalId}`}, ${score} — actually ${truth}`,
    ...decision.reasons.map((reason) => `                 · ${reason.text}`),
  ];
}

function percentages(quality: Quality): string {
  return `precision ${percent(quality.precision)}   recall ${percent(quality.recall)}`;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "   –  " : `${(share * 100).toFixed(1).padStart(5)} %`;
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? "–" : `${value.toFixed(1)} ms`;
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 16).replace("T", " ");
}
