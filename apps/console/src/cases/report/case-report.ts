import { formatDuration, formatShare, formatValue } from "@tripline/decision-engine/format-value";
import type { Content, TDocumentDefinitions } from "pdfmake/interfaces.js";
import type { CaseDetail, CaseNote } from "../../contract/cases.js";
import type { DecisionDetail } from "../../contract/decisions.js";
import { USUAL_DAYS } from "../card-usual.js";
import { text } from "./report-texts.js";

/** The user who requests the report, and the time zone. */
export interface ReportReader {
  readonly name: string;
  readonly seesTokens: boolean;
  /** Name of a time zone, such as `Europe/Berlin`. */
  readonly zone: string;
  readonly nowMs: number;
}

const CONTRIBUTIONS_MAX = 8;
/** Maximum length of all notes together, about twenty pages. Newer notes take precedence. */
const NOTE_CHARACTERS_MAX = 60_000;
const HISTORY_MAX = 200;
const DAY_S = 86_400;

/** The case page as a document: the data that the user sees, in the same order. */
export function caseReport(of: CaseDetail, reader: ReportReader): TDocumentDefinitions {
  const time = timesIn(reader.zone);
  return {
    pageSize: "A4",
    pageMargins: [48, 48, 48, 48],
    info: { title: text.title(of.id), creationDate: new Date(reader.nowMs) },
    language: "en",
    defaultStyle: { font: "Roboto", fontSize: 9, lineHeight: 1.2 },
    styles: {
      title: { fontSize: 16, bold: true },
      heading: { fontSize: 11, bold: true, margin: [0, 12, 0, 4] },
      quiet: { color: "#555555" },
    },
    footer: (page, pages) => ({
      margin: [48, 12],
      columns: [text.title(of.id), { text: text.page(page, pages), alignment: "right" }],
      style: "quiet",
    }),
    content: [
      { text: text.title(of.id), style: "title" },
      { text: text.made(time(reader.nowMs), reader.zone, reader.name), style: "quiet" },
      ...(reader.seesTokens ? [] : [{ text: text.masked, style: "quiet" }]),
      table([], headLines(of, time)),
      ...section(text.summary, [of.narrative]),
      ...section(text.why, reasons(of.focus)),
      ...section(text.contributions, contributions(of.focus)),
      ...section(text.usual, usual(of)),
      ...section(text.payment, [table([], paymentLines(of.focus, time))]),
      ...section(text.payments(of.decisions.length, of.payments), [payments(of, time)]),
      ...section(text.linked, [linked(of)]),
      ...section(text.notes, notes(of, time)),
      ...section(text.files, [files(of, time)]),
      ...section(text.history, [history(of, time)]),
    ],
  };
}

type Line = readonly (string | number)[];

/** Formats times as `YYYY-MM-DD HH:MM:SS` in a zone. */
function timesIn(zone: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  return (ms) => format.format(ms);
}

/** A section with its title; returns nothing if there is no content. */
function section(title: string, body: readonly (Content | undefined)[]): Content[] {
  const content = body.filter((part) => part !== undefined && part !== "") as Content[];
  return content.length === 0 ? [] : [{ text: title, style: "heading", headlineLevel: 1 }, ...content];
}

/** A table. Without a header row, its first column contains names. */
function table(head: Line, lines: readonly Line[]): Content {
  const cell = (value: string | number, isBold: boolean): Content => ({ text: String(value), bold: isBold });
  const columns = head.length || 2;
  return {
    layout: "lightHorizontalLines",
    margin: [0, 4, 0, 0],
    table: {
      headerRows: head.length === 0 ? 0 : 1,
      dontBreakRows: true,
      widths: Array.from({ length: columns }, (_, index) => (index === columns - 1 ? "*" : "auto")),
      body: [
        ...(head.length === 0 ? [] : [head.map((title) => cell(title, true))]),
        ...lines.map((line) => line.map((value, index) => cell(value, head.length === 0 && index === 0))),
      ],
    },
  };
}

const money = (minor: number, currency: string): string => formatValue(minor, "minor_amount", currency);
const share = (score: number | null): string => (score === null ? text.none : formatShare(score));

function headLines(of: CaseDetail, time: (ms: number) => string): Line[] {
  const { head } = text;
  const pending = of.pendingVerdict;
  return [
    [head.card, of.cardToken],
    [head.status, text.statuses[of.status]],
    ...(of.verdict === null ? [] : [[head.verdict, text.verdicts[of.verdict]]]),
    ...(pending === null ? [] : [[head.pending, text.pending(text.verdicts[pending.verdict], pending.by.name)]]),
    [head.outcome, text.outcomes[of.outcome]],
    [head.score, share(of.score)],
    [head.payments, of.payments],
    [head.amount, money(of.amountMinor, of.currency)],
    [head.opened, time(of.openedAtMs)],
    [head.due, time(of.dueAtMs)],
    [head.assignee, of.assignee?.name ?? text.none],
    ...(of.isEscalated ? [[head.escalated, text.yes]] : []),
  ];
}

function reasons({ reasons: all, listHits }: DecisionDetail): Content[] {
  const fired = all.map(({ code, text: sentence, outcome }) => [text.outcomes[outcome], code, sentence]);
  const hits = listHits.map(({ list, kind, effect, reason }) => [list, kind, effect, reason]);
  return [
    ...(fired.length === 0 ? [text.noReasons] : [table(text.reasonColumns, fired)]),
    ...(hits.length === 0 ? [] : [table(text.listColumns, hits)]),
  ];
}

function contributions({ contributions: found }: DecisionDetail): Content[] {
  const lines = (found?.of ?? []).slice(0, CONTRIBUTIONS_MAX);
  if (lines.length === 0) return [];
  return [
    table(
      text.contributionColumns,
      lines.map(({ title, text: value, logOdds }) => [`${logOdds > 0 ? "+" : ""}${logOdds.toFixed(2)}`, value, title]),
    ),
  ];
}

function usual({ usual: of, currency }: CaseDetail): Content[] {
  if (of.amountMedianMinor === null) return [text.usualNone];
  const range = text.usualRange(money(of.amountP05Minor ?? 0, currency), money(of.amountP95Minor ?? 0, currency));
  const before = text.usualPayments(of.payments, formatDuration(USUAL_DAYS * DAY_S), of.terminals);
  return [`${before} ${range} ${text.usualMedian(money(of.amountMedianMinor, currency))}`];
}

function paymentLines(of: DecisionDetail, time: (ms: number) => string): Line[] {
  const { fact } = text;
  return [
    [fact.id, of.transactionId],
    [fact.clientId, of.clientTransactionId],
    [fact.amount, money(of.amountMinor, of.currency)],
    ...of.facts.map(({ title, text: value }) => [title, value]),
    [fact.occurred, time(of.occurredAtMs)],
    [fact.decided, time(of.decidedAtMs)],
    [fact.rung, of.degradedBecause === "" ? of.rung : `${of.rung}: ${of.degradedBecause}`],
    [fact.policy, of.policyVersion],
    [fact.model, of.modelName === "" ? text.none : `${of.modelName} ${of.modelVersion}`],
  ];
}

function payments(of: CaseDetail, time: (ms: number) => string): Content {
  const lines = of.decisions.map(
    ({ occurredAtMs, outcome, amountMinor, currency, terminalId, score, label, reason }) => [
      time(occurredAtMs),
      text.outcomes[outcome],
      money(amountMinor, currency),
      terminalId || text.none,
      share(score),
      label === null ? text.none : text.verdicts[label.fraud ? "fraud" : "genuine"],
      reason?.code ?? "",
    ],
  );
  return table(text.paymentColumns, lines);
}

function linked({ graph }: CaseDetail): Content | undefined {
  const lines = graph.nodes.map(({ kind, value, payments: count, frauds }) => [text.kinds[kind], count, frauds, value]);
  return lines.length < 2 ? undefined : table(text.linkedColumns, lines);
}

/** The case's notes, oldest first, as on the page. */
function notes({ notes: all }: CaseDetail, time: (ms: number) => string): Content[] {
  let left = NOTE_CHARACTERS_MAX;
  const shown: CaseNote[] = [];
  for (const note of all.toReversed()) {
    left -= note.text.length;
    if (left < 0) break;
    shown.unshift(note);
  }
  return [
    ...(shown.length < all.length ? [{ text: text.notesCut(shown.length, all.length), style: "quiet" }] : []),
    ...shown.map(({ author, text: note, atMs }) => ({
      stack: [{ text: `${author.name}, ${time(atMs)}`, style: "quiet" }, note],
      margin: [0, 2, 0, 4] as [number, number, number, number],
    })),
  ];
}

/** Includes the hashes, which prove that a file is the original. */
function files({ attachments }: CaseDetail, time: (ms: number) => string): Content | undefined {
  const lines = attachments.map(({ name, author, atMs, sha256 }) => [
    time(atMs),
    author.name,
    `${name}\nSHA-256 ${sha256}`,
  ]);
  return lines.length === 0 ? undefined : table(text.fileColumns, lines);
}

/** Matches times in the sentences of the history, which are in ISO 8601 and UTC. */
const INSTANT = /\b\d{4}-\d{2}-\d{2}T[\d:.]+Z/g;

function history({ history: all }: CaseDetail, time: (ms: number) => string): Content | undefined {
  const lines = all
    .slice(0, HISTORY_MAX)
    .map(({ atMs, by, text: what }) => [
      time(atMs),
      by?.name ?? text.system,
      what.replaceAll(INSTANT, (iso) => time(Date.parse(iso))),
    ]);
  return lines.length === 0 ? undefined : table(text.historyColumns, lines);
}
