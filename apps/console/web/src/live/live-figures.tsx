import { lazy, Suspense, useMemo } from "react";
import type { LiveSecond, Outcome } from "#contract/decisions";
import type { Line } from "../charts/live-series.js";
import { formatCount, formatShare } from "../format/numbers.js";
import { OUTCOMES } from "../queue/queue-search.js";
import { text } from "../texts/en/screens.js";
import { OutcomeMark } from "../ui/marks.js";
import { Bar, Panel } from "../ui/panel.js";

const LiveSeries = lazy(async () => ({ default: (await import("../charts/live-series.js")).LiveSeries }));

const MINUTE_SECONDS = 60;

const RATE: readonly Line[] = [{ title: text.live.perSecond, colour: "accent" }];
const LATENCY: readonly Line[] = [
  { title: text.live.p50, colour: "accent" },
  { title: text.live.p99, colour: "review" },
];

export function LiveFigures({ seconds }: { readonly seconds: readonly LiveSecond[] }) {
  const minute = useMemo(() => summarise(seconds.slice(-MINUTE_SECONDS)), [seconds]);
  const last = seconds.at(-1);
  const timesMs = useMemo(() => seconds.map(({ atMs }) => atMs), [seconds]);
  const rate = useMemo(() => [seconds.map(({ decisions }) => decisions)], [seconds]);
  const latency = useMemo(
    () => [seconds.map(({ latencyP50Ms }) => latencyP50Ms), seconds.map(({ latencyP99Ms }) => latencyP99Ms)],
    [seconds],
  );
  const ms = (value: number | null | undefined): string =>
    value === null || value === undefined ? "–" : text.live.ms(formatCount(value));
  return (
    <>
      <dl className="figures">
        <Figure title={text.live.perSecond} value={formatCount(last?.decisions ?? null)} />
        <Figure title={text.live.p50} value={ms(last?.latencyP50Ms)} />
        <Figure title={text.live.p99} value={ms(last?.latencyP99Ms)} />
        <Figure
          title={text.live.degraded}
          value={formatShare(minute.degradedShare)}
          isBad={minute.degradedShare > 0.01}
        />
        <Figure title={text.live.lag} value={formatCount(last?.lag ?? null)} isBad={(last?.lag ?? 0) > 10_000} />
      </dl>
      <div className="three">
        <Mix shares={minute.shares} />
        <Panel title={text.live.rate}>
          <Suspense fallback={<div className="live-series" />}>
            <LiveSeries label={text.live.rate} lines={RATE} timesMs={timesMs} values={rate} />
          </Suspense>
        </Panel>
        <Panel title={text.live.latency} aside={<LatencyKey />}>
          <Suspense fallback={<div className="live-series" />}>
            <LiveSeries label={text.live.latency} lines={LATENCY} timesMs={timesMs} values={latency} />
          </Suspense>
        </Panel>
      </div>
    </>
  );
}

function summarise(seconds: readonly LiveSecond[]) {
  const total = seconds.reduce((sum, { decisions }) => sum + decisions, 0);
  const share = (count: number): number => (total === 0 ? 0 : count / total);
  return {
    degradedShare: share(seconds.reduce((sum, { degraded }) => sum + degraded, 0)),
    shares: OUTCOMES.map((outcome): readonly [Outcome, number] => [
      outcome,
      share(seconds.reduce((sum, { byOutcome }) => sum + byOutcome[outcome], 0)),
    ]),
  };
}

function LatencyKey() {
  return (
    <span className="chart-key">
      <span className="line accent">{text.live.p50}</span>
      <span className="line review">{text.live.p99}</span>
    </span>
  );
}

interface FigureProps {
  readonly title: string;
  readonly value: string;
  readonly isBad?: boolean;
}

export function Figure({ title, value, isBad = false }: FigureProps) {
  return (
    <div className={isBad ? "figure bad" : "figure"}>
      <dt>{title}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Mix({ shares }: { readonly shares: readonly (readonly [Outcome, number])[] }) {
  return (
    <Panel title={text.live.mix}>
      <ul className="mix">
        {shares.map(([outcome, share]) => (
          <li key={outcome}>
            <OutcomeMark outcome={outcome} />
            <Bar size={share === 0 ? -1 : share} look={outcome} />
            <span>{formatShare(share)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
