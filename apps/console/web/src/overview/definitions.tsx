import { text } from "../texts/en/overview.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import type { FigureName } from "./show-figures.js";
import { FIGURES } from "./show-figures.js";

const { definitions: words, figures } = text;
const ROWS = FIGURES.map((name) => ({ name }));
type Row = (typeof ROWS)[number];

/** The ID of a figure's definition on the page. */
export const definitionOf = (name: FigureName): string => `figure-${name}`;

const COLUMNS: readonly Column<Row>[] = [
  {
    id: "figure",
    title: words.figure,
    cell: ({ name }) => (
      <strong id={definitionOf(name)} tabIndex={-1}>
        {figures[name].title}
      </strong>
    ),
  },
  { id: "counts", title: words.counts, cell: ({ name }) => figures[name].counts },
  { id: "of", title: words.of, cell: ({ name }) => figures[name].of || words.nothing },
  {
    id: "clock",
    title: words.clock,
    cell: ({ name }) => (name === "fraudRate" ? words.matureOnly : words.byDay),
  },
];

export function Definitions() {
  return (
    <Panel title={words.title} className="definitions">
      <DataTable caption={words.title} columns={COLUMNS} rows={ROWS} rowKey={({ name }) => name} />
      <p className="quiet">{words.note}</p>
    </Panel>
  );
}
