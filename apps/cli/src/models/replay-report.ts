import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { SkipReason } from "@tripline/decision-engine/backtest/reopen-payment";
import type { ReplayDecisionsReport } from "@tripline/model-loop/replay-decisions/replay-decisions";
import type { Transition } from "@tripline/model-loop/replay-decisions/replay-tally";
import type { Cells } from "./print-figures.js";
import { money, number, table } from "./print-figures.js";

/** Number of reasons shown; those with the most changes come first. */
const REASONS_MAX = 40;

/** The text report; its last line is for CI, where `differ=0` passes. */
export function printReplay(report: ReplayDecisionsReport): string {
  const { differences, sameVersions, identical } = report;
  const parts = [...sentencesOf(report), ...diffOf(report)];
  for (const { transactionId, fields } of differences) {
    parts.push(`Differs despite the same versions: ${transactionId}`);
    for (const { field, archived, replayed } of fields) parts.push(`  ${field}: ${archived} -> ${replayed}`);
  }
  const hidden = sameVersions - identical - differences.length;
  if (hidden > 0) parts.push(`${number(hidden)} more differ.`);
  return `${[...parts, lastLine(report)].join("\n")}\n`;
}

/** The JSON report. */
export function jsonOf(report: ReplayDecisionsReport): string {
  const { transitions, skipped, amounts, ...rest } = report;
  const moves = [...pairsOf(transitions)].map(({ from, to, transition }) => ({ from, to, ...transition }));
  const bands = [...amounts].flatMap(([currency, byExponent]) =>
    [...byExponent].map(([exponent, band]) => ({ currency, from: exponent === 0 ? 0 : 10 ** exponent, ...band })),
  );
  const plain = {
    ...rest,
    differ: report.sameVersions - report.identical,
    skipped,
    transitions: moves,
    amounts: bands,
  };
  return `${JSON.stringify(plain, (_, value) => (value instanceof Map ? Object.fromEntries(value) : value), 2)}\n`;
}

function lastLine(report: ReplayDecisionsReport): string {
  const { rows, sameVersions, identical, degraded, skipped } = report;
  const reworded = sum([report.reworded]);
  const others = rows - sameVersions - reworded;
  const changed = [...pairsOf(report.transitions)].reduce(
    (sum, { from, to, transition }) => sum + (from === to ? 0 : transition.rows),
    0,
  );
  const counts = `rows=${rows} identical=${identical} differ=${sameVersions - identical} reworded=${reworded}`;
  return `replay: ${counts} other_versions=${others} changed=${changed} degraded=${degraded} skipped=${sum([...skipped.values()])}`;
}

/** One sentence for each reason why decisions were not compared, or not compared byte for byte. */
function sentencesOf(report: ReplayDecisionsReport): string[] {
  const { policyVersion, modelVersion, unexplained, specVersion } = report;
  const sentences: string[] = [];
  for (const [version, rows] of report.reworded) {
    const release =
      version === "" ? "a release that did not record its wording version" : `the release with wording ${version}`;
    sentences.push(`${decisions(rows)} by ${release}: identical except for the wording of reasons.`);
  }
  for (const [version, rows] of report.otherPolicies) {
    sentences.push(`${decisions(rows)} with policy ${version} and replayed with ${policyVersion}.`);
  }
  for (const [version, rows] of report.otherModels) {
    sentences.push(`${decisions(rows)} with model ${version} and replayed with ${modelVersion}.`);
  }
  for (const [reason, whats] of report.skipped) {
    for (const [what, rows] of whats)
      sentences.push(`Skipped ${number(rows)}: ${WHY_SKIPPED[reason](what, specVersion)}`);
  }
  if (unexplained > 0) {
    sentences.push(
      `${number(unexplained)} decisions contain no feature that raised the score, because contributions arrived too late or no ` +
        "feature raised it. They were compared without such features.",
    );
  }
  return [...sentences, ...updateSentences(movedDeclines(report))];
}

/** @param moved payments that only one of the two decisions declines */
export function updateSentences(moved: number): string[] {
  if (moved === 0) return [];
  return [
    `${number(moved)} payments would have had other payment updates, because only one of the two decisions declines them. ` +
      "The features were computed with the recorded updates.",
  ];
}

/** Number of payments that only one of the two decisions declines. Tripline's declines are also payment updates. */
function movedDeclines({ transitions }: ReplayDecisionsReport): number {
  const decline = nameOf(Outcome.DECLINE);
  return [...pairsOf(transitions)].reduce(
    (sum, { from, to, transition }) => sum + ((from === decline) === (to === decline) ? 0 : transition.rows),
    0,
  );
}

/** The reason why archived decisions were not replayed, as the end of a sentence. */
export const WHY_SKIPPED: Readonly<Record<SkipReason, (what: string, specVersion: number) => string>> = {
  "features-missing": () =>
    "the lake has no features for these payments. Check that the archive of the `features` topic is complete.",
  "other-spec": (what, specVersion) =>
    `the features have spec version ${what}, but this build has ${specVersion}. Replay them with a release that has that version.`,
  "policy-unknown": (what) =>
    `policy ${what} is neither in apps/decisions/policy.yaml nor in its git history. Specify its file with --policy.`,
  "scorecard-unknown": (what) =>
    `${what} scored them. Specify its registry with --registry, or its file with --scorecard.`,
  "not-explainable": (what) => `the decisions contain contributions of model ${what}, which cannot be computed here.`,
};

function diffOf(report: ReplayDecisionsReport): string[] {
  if (report.transitions.size === 0) return [];
  return [outcomeTable(report), confusionTable(report), reasonTable(report), amountTable(report)]
    .flatMap((table) => ["", ...table])
    .concat("");
}

function outcomeTable({ transitions }: ReplayDecisionsReport): string[] {
  const rows = [...pairsOf(transitions)].map(({ from, to, transition }): Cells => {
    const change = from === to ? `${from}, unchanged` : `${from} -> ${to}`;
    return [change, transition.rows, transition.frauds, transition.genuine, moneyOf(transition.amounts)];
  });
  return table(["outcome", "payments", "fraud", "genuine", "amount"], rows);
}

/** For labelled payments: the original and new outcomes of fraud and of genuine payments. */
function confusionTable({ transitions }: ReplayDecisionsReport): string[] {
  const counts = new Map<string, [number, number, number, number]>();
  const add = (outcome: string, at: number, { frauds, genuine }: Transition) => {
    const cells = counts.get(outcome) ?? [0, 0, 0, 0];
    counts.set(outcome, cells);
    cells[at] = (cells[at] ?? 0) + frauds;
    cells[at + 2] = (cells[at + 2] ?? 0) + genuine;
  };
  for (const { from, to, transition } of pairsOf(transitions)) {
    add(from, 0, transition);
    add(to, 1, transition);
  }
  const labelled = [...counts].filter(([, cells]) => cells.some((cell) => cell > 0));
  if (labelled.length === 0) return ["The lake has no labels for these payments, so there is no confusion matrix."];
  const ordered = labelled.toSorted(([left], [right]) => outcomeOf(left) - outcomeOf(right));
  const head = ["labelled payments", "fraud then", "fraud now", "genuine then", "genuine now"];
  return table(
    head,
    ordered.map(([outcome, cells]): Cells => [outcome, ...cells]),
  );
}

function reasonTable({ reasons }: ReplayDecisionsReport): string[] {
  const rows = [...reasons]
    .toSorted(([, left], [, right]) => right.added + right.removed - (left.added + left.removed))
    .slice(0, REASONS_MAX)
    .map(([code, { archived, replayed, added, removed }]): Cells => [code, archived, replayed, added, removed]);
  return table(["reason", "then", "now", "added", "removed"], rows);
}

function amountTable({ amounts }: ReplayDecisionsReport): string[] {
  const rows = [...amounts].flatMap(([currency, bands]) =>
    [...bands]
      .toSorted(([left], [right]) => left - right)
      .map(([exponent, band]): Cells => {
        const low = exponent === 0 ? 0 : 10 ** exponent;
        const name = `${number(low)} to ${number(10 ** (exponent + 1))} ${currency}`;
        const [stricter, milder] = [money(currency, band.stricterMinor), money(currency, band.milderMinor)];
        return [name, band.rows, band.stricter, stricter, band.milder, milder];
      }),
  );
  return table(["amount", "payments", "stricter", "amount", "milder", "amount"], rows);
}

interface Pair {
  readonly from: string;
  readonly to: string;
  readonly transition: Transition;
}

/** From the mildest outcome to the strictest. */
function* pairsOf(transitions: ReplayDecisionsReport["transitions"]): Generator<Pair> {
  for (const [from, ends] of [...transitions].toSorted(([left], [right]) => left - right)) {
    for (const [to, transition] of [...ends].toSorted(([left], [right]) => left - right)) {
      yield { from: nameOf(from), to: nameOf(to), transition };
    }
  }
}

function nameOf(outcome: number): string {
  return (Outcome[outcome] ?? String(outcome)).toLowerCase();
}

function outcomeOf(outcome: string): number {
  return Number(Outcome[outcome.toUpperCase() as keyof typeof Outcome] ?? outcome);
}

function decisions(rows: number): string {
  return rows === 1 ? "1 decision was made" : `${number(rows)} decisions were made`;
}

function sum(counts: readonly ReadonlyMap<string, number>[]): number {
  return counts.flatMap((rows) => [...rows.values()]).reduce((total, rows) => total + rows, 0);
}

function moneyOf(amounts: ReadonlyMap<string, number>): string {
  return [...amounts].map(([currency, minor]) => money(currency, minor)).join(", ");
}
