import type { CurrencyOverview, Dimension, OverviewLine } from "#contract/overview";
import { text } from "../texts/en/overview.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Bar, Panel } from "../ui/panel.js";
import type { FigureName, ShownFigure } from "./show-figures.js";
import { shareOf, showFigure } from "./show-figures.js";

const { breakdown: words } = text;
const OTHERS = "*";
const SHOWN = ["approvalRate", "fraudRate", "lost", "stopped", "falsePositives"] as const satisfies FigureName[];
const COUNTRY = /^[A-Z]{2}$/;
const countries = new Intl.DisplayNames(undefined, { type: "region", fallback: "code" });

interface BreakdownProps {
  readonly of: CurrencyOverview;
  readonly by: Dimension;
}

/** The figures of each merchant, country, reason or model, with a bar for its share of the payments. */
export function Breakdown({ of: { currency, lines, isCut }, by }: BreakdownProps) {
  const most = Math.max(1, ...lines.map(({ figures }) => figures.payments.count));
  const figure = (name: FigureName): Column<OverviewLine> => ({
    id: name,
    title: text.figures[name].title,
    look: "number",
    cell: (line) => <Compared line={line} name={name} currency={currency} />,
  });
  const columns: readonly Column<OverviewLine>[] = [
    { id: "value", title: words.by[by], look: "grow", cell: ({ value }) => <Value of={value} by={by} /> },
    {
      id: "bar",
      title: "",
      look: "wide",
      cell: ({ figures }) => <Bar size={shareOf(figures.payments.count, most) ?? -1} look="" />,
    },
    ...(["payments", ...SHOWN] as const).map(figure),
  ];
  return (
    <Panel title={words.title(words.by[by].toLowerCase())}>
      <DataTable
        caption={`${words.by[by]}, ${currency}`}
        columns={columns}
        rows={lines}
        rowKey={({ value }) => `value ${value}`}
      />
      {isCut && <p className="quiet">{words.cut(lines.length)}</p>}
    </Panel>
  );
}

function Value({ of, by }: { readonly of: string; readonly by: Dimension }) {
  if (of === "") return <span className="quiet">{words.none[by]}</span>;
  if (of === OTHERS) return words.others;
  if (by === "country") return COUNTRY.test(of) ? (countries.of(of) ?? of) : of;
  return by === "merchant" ? of : <code>{of}</code>;
}

function Shown({ of: { value, isUnknown = false } }: { readonly of: ShownFigure }) {
  return <span className={isUnknown ? "quiet" : ""}>{value}</span>;
}

interface ComparedProps {
  readonly line: OverviewLine;
  readonly name: FigureName;
  readonly currency: string;
}

function Compared({ line, name, currency }: ComparedProps) {
  return (
    <span className="compared">
      <Shown of={showFigure(name, line.figures, currency)} />
      <span className="quiet">
        <Shown of={showFigure(name, line.previous, currency)} />
      </span>
    </span>
  );
}
