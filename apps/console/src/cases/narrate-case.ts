import { formatDuration, formatShare, formatValue } from "@tripline/decision-engine/format-value";
import type { CardUsual, CaseGraph, CaseRow } from "../contract/cases.js";
import type { DecisionDetail } from "../contract/decisions.js";

/** Writes a case summary. It contains no tokens, because the text may be copied anywhere. */
export interface CaseFacts {
  readonly row: CaseRow;
  readonly focus: DecisionDetail;
  readonly usual: CardUsual;
  readonly graph: CaseGraph;
}

const REASONS_MAX = 3;
const FAR_ABOVE = 2;

const STOPPED: Readonly<Record<string, string>> = {
  challenge: "challenged",
  review: "held for review",
  decline: "declined",
  approve: "approved",
};

/** Writes a short summary of a case from a template. It contains only facts that the case shows. */
export function narrateCase({ row, focus, usual, graph }: CaseFacts): string {
  const amount = formatValue(focus.amountMinor, "minor_amount", focus.currency);
  const when = new Date(focus.occurredAtMs).toISOString().slice(0, 16).replace("T", " ");
  const sentences = [
    `A payment of ${amount}${focus.terminalId === "" ? "" : ` at terminal ${focus.terminalId}`} on ${when} UTC was ${STOPPED[focus.outcome]}.`,
    focus.score === null ? "" : `Estimated fraud probability: ${formatShare(focus.score)}.`,
    row.payments === 1
      ? ""
      : `The case has ${row.payments} payments by the card, ${formatValue(row.amountMinor, "minor_amount", row.currency)} in total.`,
    ...focus.reasons.slice(0, REASONS_MAX).map(({ text }) => text),
    usualSentence(focus, usual),
    linksSentence(graph),
    row.status === "closed" && row.verdict !== null ? `It was closed as ${row.verdict}.` : "",
  ];
  // A reason may repeat another sentence.
  return [...new Set(sentences)].filter(Boolean).join(" ");
}

function usualSentence({ amountMinor, currency }: DecisionDetail, usual: CardUsual): string {
  if (usual.amountMedianMinor === null) return `The card has no payments in ${currency} before this case.`;
  const median = formatValue(usual.amountMedianMinor, "minor_amount", currency);
  const ratio = usual.amountMedianMinor === 0 ? 0 : amountMinor / usual.amountMedianMinor;
  const times = ratio >= FAR_ABOVE ? `; this payment is ${formatValue(ratio, "decimal")} times that` : "";
  return `In the ${formatDuration(90 * 86_400)} before the case, the card made ${usual.payments} payments, half of them ${median} or less${times}.`;
}

function linksSentence({ nodes }: CaseGraph): string {
  const frauds = nodes.filter((node) => !node.isSubject && node.kind !== "card" && node.frauds > 0);
  if (frauds.length === 0) return "";
  const places = frauds.map(({ kind, value }) =>
    kind === "terminal" ? `terminal ${value}` : `one ${kind === "ip" ? "address" : "device"}`,
  );
  return `Confirmed frauds at ${[...new Set(places)].join(", ")}.`;
}
