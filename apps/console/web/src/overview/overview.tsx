import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import type { Bucket, CurrencyOverview, Dimension, Overview as Found } from "#contract/overview";
import { Screen } from "../app/screen.js";
import { formatDayUtc } from "../format/times.js";
import { text } from "../texts/en/overview.js";
import { Button } from "../ui/button.js";
import { SelectField } from "../ui/field.js";
import { Empty, Loaded } from "../ui/states.js";
import { Breakdown } from "./breakdown.js";
import { Definitions, definitionOf } from "./definitions.js";
import type { OverviewSearch } from "./overview-search.js";
import { DIMENSIONS, RANGE_NAMES } from "./overview-search.js";
import type { FigureName } from "./show-figures.js";
import { FIGURES, showFigure } from "./show-figures.js";
import { Trends } from "./trends.js";
import { useOverview } from "./use-overview.js";
import { Work } from "./work.js";

/** Currencies that are shown at first, each in a column. */
const CURRENCIES_SHOWN = 3;

/** Payments, fraud and money by day, week and month. */
export function Overview() {
  const { range = "30-days", by = "merchant" } = useSearch({ from: "/overview" });
  const navigate = useNavigate();
  const change = (search: OverviewSearch): void =>
    void navigate({ to: "/overview", search: { range, by, ...search }, replace: true, resetScroll: false });
  const query = useOverview(range, by);
  return (
    <Screen
      title={text.title}
      aside={
        <span className="actions">
          <SelectField
            label={text.range}
            value={range}
            options={RANGE_NAMES.map((name) => [name, text.ranges[name]])}
            onChange={(chosen) => change({ range: RANGE_NAMES.find((one) => one === chosen) ?? range })}
          />
          <SelectField
            label={text.breakdown.choose}
            value={by}
            options={DIMENSIONS.map((one) => [one, text.breakdown.by[one]])}
            onChange={(chosen) => change({ by: DIMENSIONS.find((one) => one === chosen) ?? by })}
          />
        </span>
      }
    >
      <Loaded query={query} lines={12}>
        {(found) => <Periods of={found} />}
      </Loaded>
      <Work range={range} />
      <Definitions />
    </Screen>
  );
}

function Periods({ of }: { readonly of: Found }) {
  const [isAll, setAll] = useState(false);
  const { currencies, hasPayments, hasVerdicts, matureBefore, countedSince, keptFrom, verdictDays } = of;
  if (!hasPayments) return <Empty title={text.empty}>{text.emptyDetail}</Empty>;
  const shown = isAll ? currencies : currencies.slice(0, CURRENCIES_SHOWN);
  const hidden = currencies.length - shown.length;
  const daysOf = ({ from, to }: Found["days"]): string => `${formatDayUtc(from)} – ${formatDayUtc(to)}`;
  return (
    <>
      <p className="quiet">
        {text.days(daysOf(of.days), daysOf(of.previousDays))}{" "}
        {hasVerdicts && (matureBefore === null ? text.notMature : text.mature(formatDayUtc(matureBefore)))}{" "}
        {text.verdicts(verdictDays)} {countedSince !== null && text.since(formatDayUtc(countedSince))}{" "}
        {keptFrom !== null && text.kept(formatDayUtc(keptFrom))}
      </p>
      {currencies.length === 0 && <Empty title={text.noneInPeriod}>{text.noneInPeriodDetail}</Empty>}
      <div className={shown.length > 1 ? "currencies several" : "currencies"}>
        {shown.map((one) => (
          <Currency key={one.currency} of={one} bucket={of.bucket} by={of.by} />
        ))}
      </div>
      {hidden > 0 && <Button onClick={() => setAll(true)}>{text.more(hidden)}</Button>}
    </>
  );
}

interface CurrencyProps {
  readonly of: CurrencyOverview;
  readonly bucket: Bucket;
  readonly by: Dimension | null;
}

function Currency({ of, bucket, by }: CurrencyProps) {
  return (
    <section className="currency" aria-label={text.figuresOf(of.currency)}>
      <h2>{of.currency}</h2>
      <dl className="figures">
        {FIGURES.map((name) => (
          <Compared key={name} name={name} of={of} />
        ))}
      </dl>
      <Trends of={of} bucket={bucket} />
      {by !== null && <Breakdown of={of} by={by} />}
    </section>
  );
}

function Compared({
  name,
  of: { total, previous, currency },
}: {
  readonly name: FigureName;
  readonly of: CurrencyOverview;
}) {
  const [now, before] = [showFigure(name, total, currency), showFigure(name, previous, currency)];
  return (
    <div className="figure">
      <dt>
        <a href={`#${definitionOf(name)}`}>{text.figures[name].title}</a>
      </dt>
      <dd className={now.isUnknown === true ? "unknown" : ""}>{now.value}</dd>
      {now.also !== undefined && <dd className="also">{now.also}</dd>}
      {before.isUnknown !== true && <dd className="also quiet">{text.previous(before.value)}</dd>}
    </div>
  );
}
