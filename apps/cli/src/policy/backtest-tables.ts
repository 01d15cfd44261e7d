import type { Counterexample, PartFigures } from "@tripline/decision-engine/backtest/backtest-tally";
import { nameOf } from "@tripline/decision-engine/backtest/backtest-tally";
import type { CaughtMoney, HitFigures, TotalEstimate } from "@tripline/decision-engine/backtest/hit-measure";
import type { Estimate } from "@tripline/decision-engine/backtest/wilson-interval";
import type { LakeReport } from "@tripline/model-loop/backtest/backtest-policy";
import type { Cells } from "../models/print-figures.js";
import { money, number } from "../models/print-figures.js";

/** A table of the report, for both the page and the terminal. */
export interface FigureTable {
  readonly title: string;
  /** The first heading is empty if its column needs none. */
  readonly head: readonly string[];
  readonly rows: readonly Cells[];
}

/** Number of segment values shown; the JSON report has more. */
const SEGMENT_VALUES_MAX = 4;

/** The wording for each subject of a report. */
export const WORDS: Readonly<Record<LakeReport["subject"], { by: string; parts: string; stops: string }>> = {
  draft: { by: "by the draft", parts: "Rules and bands of the draft", stops: "the draft stops" },
  shadow: { by: "with shadow rules", parts: "Shadow rules", stops: "is stopped, shadow rules included" },
};

/** The non-empty tables, in reading order. */
export function backtestTables(report: LakeReport): FigureTable[] {
  const part = askedPart(report);
  const parts = part === undefined ? report.parts : [part];
  const tables = [
    policyTable(report),
    moneyTable("Amounts by policy", policiesOf(report)),
    changeTable(report),
    partTable(WORDS[report.subject].parts, parts),
    moneyTable(
      "Amounts by rule",
      parts.map((each) => [each.id, each]),
    ),
    segmentTable(report, part),
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** The rule to report in full. */
export function askedPart(report: LakeReport): PartFigures | undefined {
  return report.parts.find(({ id }) => id === report.part);
}

function policiesOf({ decided, draft, subject }: LakeReport): [string, HitFigures][] {
  const { by } = WORDS[subject];
  return [
    ["stopped then", decided.stopped],
    [`stopped ${by}`, draft.stopped],
    ["declined then", decided.declined],
    [`declined ${by}`, draft.declined],
  ];
}

function policyTable(report: LakeReport): FigureTable {
  return {
    title: `Originally and ${WORDS[report.subject].by}`,
    head: ["", "payments", "share", "cards", "of all cards", "precision", "recall", "of genuine"],
    rows: policiesOf(report).map(([name, { hits, share, cards, cardShare, precision, recall, falsePositiveRate }]) => [
      ...[name, hits, percent(share), cards, percent(cardShare)],
      ...[precision, recall, falsePositiveRate].map(percent),
    ]),
  };
}

/** Amounts of caught fraud and false positives, from labels; empty rows are omitted. */
function moneyTable(title: string, figures: readonly (readonly [name: string, figures: HitFigures])[]): FigureTable {
  const isKnown = ({ caught, falsePositives }: CaughtMoney) => caught.value + falsePositives.value > 0;
  const rows = figures.flatMap(([name, { money: currencies }]) =>
    currencies.filter(isKnown).map(({ currency, caught, fraud, falsePositives }): Cells => {
      return [name, total(currency, caught), money(currency, fraud), total(currency, falsePositives)];
    }),
  );
  return { title, head: ["", "fraud caught", "of all fraud", "genuine hit"], rows };
}

function changeTable({ changes }: LakeReport): FigureTable {
  const rows = Object.entries(changes)
    .toSorted(([, left], [, right]) => right.rows - left.rows)
    .map(([change, { rows, frauds, genuine }]): Cells => [change, rows, frauds, genuine]);
  return { title: "Changed outcomes", head: ["", "payments", "fraud", "genuine"], rows };
}

function partTable(title: string, parts: readonly PartFigures[]): FigureTable {
  return {
    title,
    head: ["", "action", "hits", "per day", "share", "precision", "recall", "alone", "stricter"],
    rows: parts.map((part) => {
      const { id, hits, perDay, share, precision, recall, alone, stricter } = part;
      const daily = perDay.toLocaleString("en", { maximumSignificantDigits: 3 });
      return [id, actionOf(part), hits, daily, ...[share, precision, recall].map(percent), alone, stricter];
    }),
  };
}

/** The action of a rule or band, and its share of the cards unless it applies to all of them. */
function actionOf({ outcome, mode, percent }: PartFigures): string {
  if (mode !== "live") return `${nameOf(outcome)}, ${mode}`;
  return percent === 100 ? nameOf(outcome) : `${nameOf(outcome)}, ${percent} %`;
}

/** Segments with a single value for all payments are omitted. */
function segmentTable(report: LakeReport, part: PartFigures | undefined): FigureTable {
  const { segments } = part ?? report.draft;
  const rows = [...Map.groupBy(segments, ({ segment }) => segment).values()]
    .filter((values) => values.some(({ rows }) => rows < report.rows))
    .flatMap((values) => values.slice(0, SEGMENT_VALUES_MAX))
    .map(({ segment, value, rows, hits, genuine }): Cells => {
      return [`${segment} ${value}`, hits, `${digits(hits / rows)} %`, genuine];
    });
  const whose = part === undefined ? WORDS[report.subject].stops : `${part.id} hits`;
  return { title: `Whom ${whose}`, head: ["", "payments", "of the segment", "genuine"], rows };
}

/** A sentence for each of the rules with the largest overlap. */
export function overlapSentences({ hits, overlaps }: PartFigures): string[] {
  return overlaps.map(({ id, rows, jaccard }) => {
    const also = rows === 1 ? "is also a hit" : "are also hits";
    return `Of its ${number(hits)} hits, ${number(rows)} ${also} of ${id} (Jaccard ${jaccard.toLocaleString("en", { maximumSignificantDigits: 2 })}).`;
  });
}

/** An example as a line of text. */
export function exampleLine({ kind, decided, drafted, ...payment }: Counterexample): string {
  const { transactionId, currency, amountMinor, occurredAtMs, sentences } = payment;
  const time = `${new Date(occurredAtMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const change = decided === drafted ? nameOf(drafted) : `${nameOf(decided)} -> ${nameOf(drafted)}`;
  const what = kind === "false-positive" ? "Genuine" : "Missed fraud";
  return `${what}: ${transactionId}, ${money(currency, amountMinor)}, ${time}, ${change}. ${sentences.join(" ")}`;
}

/** A percentage with its confidence interval. */
function percent(estimate: Estimate | undefined): string {
  if (estimate === undefined) return "-";
  return `${digits(estimate.value)} % (${digits(estimate.low)}–${digits(estimate.high)})`;
}

function total(currency: string, estimate: TotalEstimate): string {
  if (!("low" in estimate)) return money(currency, estimate.value);
  const [low, high] = [estimate.low, estimate.high].map((minor) => money(currency, minor).replace(` ${currency}`, ""));
  return `${money(currency, estimate.value)} (${low}–${high})`;
}

function digits(share: number): string {
  const value = share * 100;
  return value.toLocaleString("en", value >= 10 ? { maximumFractionDigits: 1 } : { maximumSignificantDigits: 2 });
}
