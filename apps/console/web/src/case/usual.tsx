import { lazy, Suspense } from "react";
import type { CardUsual, CaseDetail } from "#contract/cases";
import type { DecisionDetail } from "#contract/decisions";
import { formatDecimal, formatMoney, formatShare } from "../format/numbers.js";
import { formatClock, toLocalHours } from "../format/times.js";
import { text } from "../texts/en/cases.js";
import { Panel } from "../ui/panel.js";

const AmountChart = lazy(async () => ({ default: (await import("../charts/amount-chart.js")).AmountChart }));

const PLACE = /distance|pair_is_new|terminal_is_new/;
const FREQUENCY = /^card_count_1d$|seconds_since_last$/;
const DIGITS_SHOWN = 1;

/** This payment compared with the card's baseline: amount, hour, place, frequency. */
export function Usual({ of }: { readonly of: CaseDetail }) {
  const { usual, focus } = of;
  if (usual.payments === 0) {
    return (
      <Panel title={text.case.usual}>
        <p className="quiet">{text.case.usualNone}</p>
      </Panel>
    );
  }
  return (
    <Panel title={text.case.usual}>
      <div className="usual">
        <Amount usual={usual} focus={focus} />
        <Hour usual={usual} focus={focus} />
        <div>
          <h3>{text.case.place}</h3>
          <p>{text.case.placeUsual(usual.terminals)}</p>
          <Values of={focus} matching={PLACE} />
        </div>
        <div>
          <h3>{text.case.frequency}</h3>
          <p>{text.case.frequencyUsual(formatDecimal(usual.paymentsPerDay))}</p>
          <Values of={focus} matching={FREQUENCY} />
        </div>
      </div>
    </Panel>
  );
}

interface AgainstProps {
  readonly usual: CardUsual;
  readonly focus: DecisionDetail;
}

function Amount({ usual, focus }: AgainstProps) {
  const { currency, amountMinor } = focus;
  const low = formatMoney(usual.amountP05Minor, currency);
  const high = formatMoney(usual.amountP95Minor, currency);
  const median = usual.amountMedianMinor;
  const isUnusual = usual.amountP95Minor !== null && amountMinor > usual.amountP95Minor;
  const times = median === null || median === 0 ? undefined : amountMinor / median;
  return (
    <div>
      <h3>{text.case.amount}</h3>
      <p>
        <strong className={isUnusual ? "unusual" : ""}>{formatMoney(amountMinor, currency)}</strong>
        {times !== undefined && ` ${text.case.amountOver(times.toFixed(DIGITS_SHOWN))}`}
      </p>
      <p className="quiet">{text.case.amountUsual(low, high)}</p>
      <Suspense fallback={<div className="chart low" />}>
        <AmountChart
          usual={usual}
          atMs={focus.occurredAtMs}
          amountMinor={amountMinor}
          currency={currency}
          label={text.case.amountChart(low, high, formatMoney(amountMinor, currency))}
        />
      </Suspense>
    </div>
  );
}

function Hour({ usual, focus }: AgainstProps) {
  const hours = toLocalHours(usual.byHour);
  const total = hours.reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...hours);
  const now = new Date(focus.occurredAtMs).getHours();
  const share = total === 0 ? null : (hours[now] ?? 0) / total;
  return (
    <div>
      <h3>{text.case.hour}</h3>
      <p>
        <strong className={share !== null && share < 0.01 ? "unusual" : ""}>{formatClock(focus.occurredAtMs)}</strong>
      </p>
      <p className="quiet">{text.case.hourUsual(formatShare(share, 0))}</p>
      <svg className="hours" viewBox="0 0 240 76" role="img" aria-label={text.case.hourChart}>
        {hours.map((count, hour) => (
          <rect
            key={hour}
            className={hour === now ? "now" : ""}
            x={hour * 10 + 1}
            y={60 - (56 * count) / most - 2}
            width={8}
            height={(56 * count) / most + 2}
          />
        ))}
        {[0, 6, 12, 18].map((hour) => (
          <text key={hour} x={hour * 10 + 1} y={74}>
            {`${hour}`.padStart(2, "0")}
          </text>
        ))}
      </svg>
    </div>
  );
}

function Values({ of, matching }: { readonly of: DecisionDetail; readonly matching: RegExp }) {
  return (
    <ul className="small-values">
      {of.features
        .filter(({ name }) => matching.test(name))
        .map(({ name, title, text: value, reasonCodes }) => (
          <li key={name}>
            <span className="quiet">{title}</span> {reasonCodes.length > 0 ? <mark>{value}</mark> : value}
          </li>
        ))}
    </ul>
  );
}
