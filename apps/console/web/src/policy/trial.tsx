import { useId } from "react";
import type { Estimate, HitFigures, PolicyTrial, TrialPart } from "#contract/policy-trial";
import { problemFrom } from "../api/request.js";
import { formatCount, formatDecimal, formatMoney, formatShare, UNKNOWN } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { PaymentLink } from "../payment/payment-link.js";
import { text as app } from "../texts/en/app.js";
import { text as all } from "../texts/en/policy.js";
import { Button } from "../ui/button.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Empty, ProblemNote } from "../ui/states.js";
import type { TrialProgress } from "./use-trial.js";
import { useTrial } from "./use-trial.js";

const text = all.trial;

interface TrialProps {
  /** The text of a draft or revision. Without it, the shadow rules are counted. */
  readonly of?: string;
  readonly isReady?: boolean;
}

/** Backtest of a policy on the newest payments. */
export function Trial({ of, isReady = true }: TrialProps) {
  const { run, progress, stop } = useTrial(of);
  const isDraft = of !== undefined;
  return (
    <Panel
      title={isDraft ? text.title : text.shadowTitle}
      aside={
        run.isPending ? (
          <Button onClick={stop}>{text.stop}</Button>
        ) : (
          <Button disabled={!isReady} onClick={() => run.mutate()}>
            {isDraft ? text.run : text.shadowRun}
          </Button>
        )
      }
    >
      <p className="quiet">{isDraft ? text.detail : text.shadowDetail}</p>
      {run.isPending && <Progress of={progress} />}
      {run.error !== null && <ProblemNote problem={problemFrom(run.error)} />}
      {!run.isPending && run.data !== undefined && run.data !== null && <Report of={run.data} />}
    </Panel>
  );
}

function Progress({ of: { done, total } = { done: 0, total: 1 } }: { readonly of: TrialProgress | undefined }) {
  const id = useId();
  return (
    <div className="trial-progress">
      <progress aria-labelledby={id} value={done} max={total} />
      <span id={id} className="steady">
        {text.progress(formatCount(done), formatCount(total))}
      </span>
    </div>
  );
}

function Report({ of }: { readonly of: PolicyTrial }) {
  if (of.payments === 0) return <Empty title={text.none}>{text.noneDetail}</Empty>;
  if (of.subject === "shadow" && of.parts.length + of.rulesSkipped.length === 0)
    return <p role="status">{text.noShadow}</p>;
  return (
    <>
      <div role="status" className="quiet">
        <p>
          {text.about(formatCount(of.payments), formatCount(of.cards), formatMoment(of.fromMs), formatMoment(of.toMs))}
        </p>
        <p>
          {of.labelDelayDays === null
            ? text.noLabels
            : text.known(formatCount(of.frauds), formatCount(of.genuine), formatCount(of.young))}
        </p>
        {of.skipped > 0 && <p>{text.skipped(formatCount(of.skipped))}</p>}
        {of.rulesSkipped.map(({ ruleId, why, payments }) => (
          <p key={`${ruleId} ${why}`} className="late">
            {text.noResult(ruleId, formatCount(payments), all.failures[why] ?? why)}
          </p>
        ))}
        {of.exploration.map(({ currency, approvedPerDay, amountMinorPerDay, lossMinorPerDay }) => (
          <p key={currency}>
            {text.exploration(
              formatDecimal(approvedPerDay),
              formatMoney(Math.round(amountMinorPerDay), currency),
              formatMoney(Math.round(lossMinorPerDay), currency),
            )}
          </p>
        ))}
        {of.subject === "draft" && of.movedDeclines > 0 && <p>{text.updates(formatCount(of.movedDeclines))}</p>}
        {Object.entries(of.failures).map(([why, count]) => (
          <p key={why} className="late">
            {text.failed(formatCount(count), why)}
          </p>
        ))}
        <p>{text.intervals}</p>
      </div>
      <Policies of={of} />
      <h3>{text.parts}</h3>
      <DataTable caption={text.parts} columns={PARTS} rows={of.parts} rowKey={({ id }) => id} />
      {of.changes.length > 0 && (
        <>
          <h3>{text.changes}</h3>
          <DataTable caption={text.changes} columns={CHANGES} rows={of.changes} rowKey={({ change }) => change} />
        </>
      )}
      {of.examples.length > 0 && (
        <>
          <h3>{text.examples}</h3>
          <DataTable
            caption={text.examples}
            columns={EXAMPLES}
            rows={of.examples}
            rowKey={(one) => one.transactionId}
          />
        </>
      )}
    </>
  );
}

const DIGITS = 1;

function share(of: Estimate | undefined): string {
  if (of === undefined) return UNKNOWN;
  return `${formatShare(of.value, DIGITS)} (${formatShare(of.low, DIGITS)}–${formatShare(of.high, DIGITS)})`;
}

const FIGURES: readonly Column<HitFigures>[] = [
  { id: "hits", title: text.columns.hits, look: "number", cell: ({ hits }) => formatCount(hits) },
  { id: "share", title: text.columns.share, look: "number", cell: (one) => share(one.share) },
  { id: "precision", title: text.columns.precision, look: "number", cell: (one) => share(one.precision) },
  { id: "recall", title: text.columns.recall, look: "number", cell: (one) => share(one.recall) },
  {
    id: "falsePositiveRate",
    title: text.columns.falsePositiveRate,
    look: "number",
    cell: (one) => share(one.falsePositiveRate),
  },
];

interface PolicyLine extends HitFigures {
  readonly what: string;
}

const POLICIES: readonly Column<PolicyLine>[] = [
  { id: "what", title: text.columns.what, cell: ({ what }) => what },
  ...FIGURES,
];

function Policies({ of: { subject, decided, drafted } }: { readonly of: PolicyTrial }) {
  const rows: readonly PolicyLine[] = [
    { what: text.rows.stoppedThen, ...decided.stopped },
    { what: text.rows.stoppedNow[subject], ...drafted.stopped },
    { what: text.rows.declinedThen, ...decided.declined },
    { what: text.rows.declinedNow[subject], ...drafted.declined },
  ];
  return (
    <>
      <h3>{text.policies}</h3>
      <DataTable caption={text.policies} columns={POLICIES} rows={rows} rowKey={({ what }) => what} />
    </>
  );
}

const PARTS: readonly Column<TrialPart>[] = [
  { id: "what", title: text.columns.what, cell: ({ id }) => <code>{id}</code> },
  { id: "action", title: text.columns.action, cell: ({ outcome }) => app.outcomes[outcome] },
  ...FIGURES,
  { id: "alone", title: text.columns.alone, look: "number", cell: ({ alone }) => formatCount(alone) },
  { id: "stricter", title: text.columns.stricter, look: "number", cell: ({ stricter }) => formatCount(stricter) },
];

const CHANGES: readonly Column<PolicyTrial["changes"][number]>[] = [
  { id: "change", title: text.columns.change, look: "grow", cell: ({ change }) => change.replace("->", "→") },
  { id: "hits", title: text.columns.hits, look: "number", cell: ({ payments }) => formatCount(payments) },
  { id: "frauds", title: text.columns.frauds, look: "number", cell: ({ frauds }) => formatCount(frauds) },
  { id: "genuine", title: text.columns.genuine, look: "number", cell: ({ genuine }) => formatCount(genuine) },
];

const EXAMPLES: readonly Column<PolicyTrial["examples"][number]>[] = [
  { id: "what", title: text.columns.what, cell: ({ kind }) => text.kinds[kind] },
  {
    id: "amount",
    title: text.columns.amount,
    look: "number",
    cell: ({ transactionId, amountMinor, currency }) => (
      <PaymentLink id={transactionId}>{formatMoney(amountMinor, currency)}</PaymentLink>
    ),
  },
  { id: "when", title: text.columns.when, cell: ({ occurredAtMs }) => <time>{formatMoment(occurredAtMs)}</time> },
  { id: "why", title: text.columns.why, look: "grow", cell: ({ sentences }) => sentences.join(" ") },
];
