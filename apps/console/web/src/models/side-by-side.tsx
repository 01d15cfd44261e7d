import type { Maturity, ModelFigures, ModelsReport } from "#contract/operations";
import { formatCount, formatShare, UNKNOWN } from "../format/numbers.js";
import { formatMoment } from "../format/times.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Empty } from "../ui/states.js";
import { Guards } from "./guards.js";
import { useRollout } from "./use-rollout.js";

type Figure = readonly [title: string, of: (figures: ModelFigures) => string];

const FIGURES: readonly Figure[] = [
  [text.models.version, ({ version }) => version],
  [text.models.decisions, ({ decisions }) => formatCount(decisions)],
  [text.models.meanScore, ({ meanScore }) => formatShare(meanScore, 2)],
  [text.models.stopped, ({ stoppedShare }) => formatShare(stoppedShare)],
  [text.models.labels, ({ labels }) => formatCount(labels)],
  [text.models.frauds, ({ frauds }) => formatCount(frauds)],
  [text.models.precision, ({ precision }) => formatShare(precision)],
  [text.models.fraudScore, ({ fraudScore }) => formatShare(fraudScore, 2)],
  [text.models.genuineScore, ({ genuineScore }) => formatShare(genuineScore, 2)],
];

/** Champion and candidate side by side, in canary and shadow, with the guards' findings. */
export function SideBySide({ of }: { readonly of: ModelsReport }) {
  const { data: rollout } = useRollout();
  const isOpen = rollout?.stage === "shadow" || rollout?.stage === "canary";
  // Guards also watch a new champion for an hour.
  const isGuarded = isOpen || (rollout?.findings.length ?? 0) > 0;
  return (
    <Panel title={text.models.sideBySide}>
      {of.champion === null ? <Empty title={text.models.nothing} /> : <Figures of={of} />}
      <p className="quiet">{maturityOf(of.maturity)}</p>
      {isGuarded && <Guards of={rollout?.findings ?? []} />}
    </Panel>
  );
}

function maturityOf({ delayDays, beforeMs, payments }: Maturity): string {
  if (delayDays === null || beforeMs === null) return text.models.noLabels;
  return payments === 0
    ? text.models.noneMature(delayDays)
    : text.models.mature(formatCount(payments), formatMoment(beforeMs), delayDays);
}

function Figures({ of }: { readonly of: ModelsReport }) {
  const columns: readonly Column<Figure>[] = [
    { id: "figure", title: text.models.figure, cell: ([title]) => title },
    ...(["champion", "canary", "shadow"] as const).map((part): Column<Figure> => {
      const figures = of[part];
      const cell = ([, figure]: Figure) => (figures === null ? UNKNOWN : figure(figures));
      return { id: part, title: text.models.stages[part], look: "number", cell };
    }),
  ];
  return <DataTable caption={text.models.sideBySide} columns={columns} rows={FIGURES} rowKey={([title]) => title} />;
}
