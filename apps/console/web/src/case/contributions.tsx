import type { DecisionDetail } from "#contract/decisions";
import { formatScore } from "../format/numbers.js";
import { text } from "../texts/en/cases.js";
import { Bar, Panel } from "../ui/panel.js";
import { placeContributions } from "./place-contributions.js";

const SHOWN_MAX = 8;
const signed = new Intl.NumberFormat(undefined, {
  signDisplay: "exceptZero",
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const chance = (logOdds: number): number => 1 / (1 + Math.exp(-logOdds));

/** A waterfall from the average payment to this one. Both colour and direction show whether a step points to fraud. */
export function Contributions({ of }: { readonly of: DecisionDetail }) {
  if (of.contributions === null) {
    return (
      <Panel title={text.case.contributions}>
        <p className="quiet">{text.case.contributionsNone}</p>
      </Panel>
    );
  }
  const { baseLogOdds, of: parts } = of.contributions;
  const { steps, rest, sumLogOdds, baseAt, sumAt } = placeContributions(baseLogOdds, parts, SHOWN_MAX);
  return (
    <Panel
      title={text.case.contributions}
      aside={<span className="quiet">{text.case.contributionsUnit}</span>}
      className="contributions"
    >
      <table>
        <tbody>
          <Line title={text.case.baseline} value={formatScore(chance(baseLogOdds))} from={baseAt} size={0} look="" />
          {steps.map(({ contribution: { feature, title, text: value, logOdds }, from, size }) => (
            <Line
              key={feature}
              title={title}
              detail={value}
              value={signed.format(logOdds)}
              from={from}
              size={size}
              look={logOdds > 0 ? "towards" : "away"}
            />
          ))}
          {rest !== undefined && (
            <Line
              title={text.case.others(rest.count)}
              value={signed.format(rest.logOdds)}
              from={rest.from}
              size={rest.size}
              look={rest.logOdds > 0 ? "towards" : "away"}
            />
          )}
          <Line title={text.case.sum} value={formatScore(chance(sumLogOdds))} from={sumAt} size={0} look="" />
        </tbody>
      </table>
    </Panel>
  );
}

interface LineProps {
  readonly title: string;
  readonly detail?: string;
  readonly value: string;
  readonly from: number;
  readonly size: number;
  readonly look: string;
}

function Line({ title, detail, value, from, size, look }: LineProps) {
  return (
    <tr>
      <th scope="row">
        {title}
        {detail !== undefined && <span className="quiet"> {detail}</span>}
      </th>
      <td className="bar-cell">
        <Bar from={Math.min(from, 0.995)} size={size} look={look} />
      </td>
      <td className="number">{value}</td>
    </tr>
  );
}
