import type { ReactNode } from "react";
import { lazy, Suspense, useMemo } from "react";
import type { Bucket, CurrencyOverview, OverviewBucket } from "#contract/overview";
import type { Trend } from "../charts/trend-chart.js";
import { formatCount, formatMoney, formatShare, formatShort, formatShortMoney, UNKNOWN } from "../format/numbers.js";
import { formatBucket } from "../format/times.js";
import { text } from "../texts/en/overview.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Empty } from "../ui/states.js";
import { fraudRateOf } from "./show-figures.js";

const TrendChart = lazy(async () => ({ default: (await import("../charts/trend-chart.js")).TrendChart }));
const { series } = text;
const RATE_DIGITS = 2;

/** A value of a bucket and of the bucket before; null if it is unknown. */
interface Measure {
  readonly name: string;
  readonly colour: Trend["colour"];
  readonly look: Trend["look"];
  readonly of: (figures: OverviewBucket["figures"]) => number | null;
}

interface TrendPanelProps {
  readonly title: string;
  readonly bucket: Bucket;
  readonly buckets: readonly OverviewBucket[];
  readonly currency: string;
  readonly measures: readonly Measure[];
  readonly format: (value: number) => string;
  readonly formatAxis: (value: number) => string;
  readonly minInterval?: number;
  /** Shown instead of a chart without values. */
  readonly empty?: ReactNode;
}

const sumOf = (measures: readonly Measure[], figures: OverviewBucket["figures"]): number | null =>
  measures.reduce<number | null>((sum, { of }) => {
    const value = of(figures);
    return value === null ? sum : (sum ?? 0) + value;
  }, null);

/** A chart, with its table. The period before is one dashed line: the sum of all bars. */
function TrendPanel({ title, bucket, buckets, currency, measures, empty, ...axis }: TrendPanelProps) {
  const trends = useMemo(
    (): Trend[] => [
      ...measures.map(({ name, colour, look, of }) => {
        return { name, colour, look, values: buckets.map(({ figures }) => of(figures)) };
      }),
      {
        name: series.previous,
        colour: "quiet",
        look: "dashed",
        values: buckets.map(({ previous }) => sumOf(measures, previous)),
      },
    ],
    [buckets, measures],
  );
  const labels = useMemo(() => buckets.map(({ start }) => formatBucket(start, bucket)), [buckets, bucket]);
  const hasValues = trends.some(({ values }) => values.some((value) => value !== null));
  return (
    <Panel title={title}>
      {hasValues ? (
        <>
          <Suspense fallback={<div className="chart" />}>
            <TrendChart
              label={`${title}, ${currency}`}
              buckets={labels}
              trends={trends}
              format={axis.format}
              formatAxis={axis.formatAxis}
              minInterval={axis.minInterval ?? 0}
            />
          </Suspense>
          <details>
            <summary>{text.table}</summary>
            <DataTable
              caption={`${title}, ${currency}`}
              columns={columnsOf(bucket, measures, axis.format)}
              rows={buckets.toReversed()}
              rowKey={({ start }) => start}
            />
          </details>
        </>
      ) : (
        empty
      )}
    </Panel>
  );
}

function columnsOf(
  bucket: Bucket,
  measures: readonly Measure[],
  format: (value: number) => string,
): readonly Column<OverviewBucket>[] {
  const shown = (value: number | null): string => (value === null ? UNKNOWN : format(value));
  return [
    { id: "start", title: text.bucket[bucket], look: "grow", cell: ({ start }) => formatBucket(start, bucket) },
    ...measures.flatMap(({ name, of }): Column<OverviewBucket>[] => [
      { id: name, title: name, look: "number", cell: ({ figures }) => shown(of(figures)) },
      {
        id: `${name} before`,
        title: text.before(name),
        look: "number",
        cell: ({ previous }) => <span className="quiet">{shown(of(previous))}</span>,
      },
    ]),
  ];
}

const PAYMENTS: readonly Measure[] = [
  { name: series.payments, colour: "accent", look: "bar", of: ({ payments }) => payments.count },
];
const FLAGGED: readonly Measure[] = [
  { name: series.reviewed, colour: "review", look: "bar", of: ({ reviewed }) => reviewed.count },
  { name: series.declined, colour: "decline", look: "bar", of: ({ declined }) => declined.count },
];
const FRAUD: readonly Measure[] = [
  { name: series.lost, colour: "decline", look: "bar", of: ({ lost }) => lost?.amountMinor ?? null },
  { name: series.stopped, colour: "approve", look: "bar", of: ({ stopped }) => stopped?.amountMinor ?? null },
];
const RATE: readonly Measure[] = [{ name: series.fraudRate, colour: "decline", look: "line", of: fraudRateOf }];

const COUNTS = { format: formatCount, formatAxis: formatShort, minInterval: 1 };
const share = (value: number): string => formatShare(value, RATE_DIGITS);

interface TrendsProps {
  readonly of: CurrencyOverview;
  readonly bucket: Bucket;
}

export function Trends({ of: { currency, buckets, total }, bucket }: TrendsProps) {
  const money = useMemo(() => (minor: number) => formatMoney(minor, currency), [currency]);
  const moneyAxis = useMemo(() => (minor: number) => formatShortMoney(minor, currency), [currency]);
  const shared = { bucket, buckets, currency };
  const noFraud = <Empty title={text.noFraud}>{text.noFraudDetail}</Empty>;
  return (
    <div className="charts">
      <TrendPanel {...shared} title={text.charts.payments} measures={PAYMENTS} {...COUNTS} />
      <TrendPanel {...shared} title={text.charts.stopped} measures={FLAGGED} {...COUNTS} />
      <TrendPanel
        {...shared}
        title={text.charts.fraud}
        measures={FRAUD}
        format={money}
        formatAxis={moneyAxis}
        empty={noFraud}
      />
      <TrendPanel
        {...shared}
        title={text.charts.fraudRate}
        measures={RATE}
        format={share}
        formatAxis={share}
        empty={total.frauds === null ? noFraud : <Empty title={text.noMature}>{text.noMatureDetail}</Empty>}
      />
    </div>
  );
}
