import { useState } from "react";
import type { DisputeLine, DisputeRatios, ProgramResult } from "#contract/dispute-ratios";
import { formatCount, formatShare } from "../format/numbers.js";
import { text } from "../texts/en/reports.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { SelectField } from "../ui/field.js";
import { Facts, Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { useRatios } from "./use-reports.js";

const { ratios: words } = text;
const MONTHS = 4;
const DIGITS = 2;
const LOOKS = { above: "bad", below: "good", unknown: "" } as const;

/** This month and the ones before, such as `2026-11`. */
function lastMonths(nowMs: number): string[] {
  const now = new Date(nowMs);
  return Array.from({ length: MONTHS }, (_, back) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back)).toISOString().slice(0, "2026-11".length),
  );
}

/** Chargebacks per settled payment, by merchant and card scheme. */
export function DisputeRatioPanel() {
  const [months] = useState(() => lastMonths(Date.now()));
  const [month = "", setMonth] = useState(months[0]);
  const query = useRatios(month);
  return (
    <Panel
      title={words.title}
      aside={
        <SelectField label={words.month} value={month} options={months.map((one) => [one, one])} onChange={setMonth} />
      }
    >
      <p className="quiet">{words.detail}</p>
      <Loaded query={query} lines={3}>
        {(ratios) => <Lines of={ratios} />}
      </Loaded>
    </Panel>
  );
}

const shown = (ratio: number | null): string => (ratio === null ? words.tooLittle : formatShare(ratio, DIGITS));

const COLUMNS: readonly Column<DisputeLine>[] = [
  {
    id: "merchant",
    title: words.merchant,
    look: "grow",
    cell: ({ merchantId }) => (merchantId === null ? words.all : merchantId === "" ? words.noMerchant : merchantId),
  },
  { id: "scheme", title: words.scheme, cell: ({ scheme }) => words.schemes[scheme] },
  { id: "settled", title: words.settled, look: "number", cell: ({ settled }) => formatCount(settled) },
  { id: "chargebacks", title: words.chargebacks, look: "number", cell: (line) => formatCount(line.chargebacks) },
  { id: "notices", title: words.notices, look: "wide", cell: ({ fraudNotices }) => formatCount(fraudNotices) },
  { id: "count", title: words.byCount, look: "number", cell: ({ ratio }) => shown(ratio) },
  {
    id: "amount",
    title: words.byAmount,
    look: "wide",
    cell: ({ amounts }) => amounts.map(({ currency, ratio }) => `${currency} ${shown(ratio)}`).join(", "),
  },
  {
    id: "programs",
    title: words.programs,
    cell: ({ programs }) => programs.map((one) => <Mark key={`${one.program} ${one.level}`} of={one} />),
  },
];

const nameOf = ({ program, level }: ProgramResult): string => `${program} ${level}`;

function Mark({ of }: { readonly of: ProgramResult }) {
  return (
    <span className={`tag ${LOOKS[of.state]}`}>
      {nameOf(of)}: {words.state[of.state]}
    </span>
  );
}

function Lines({ of: { lines, isComplete, isCut } }: { readonly of: DisputeRatios }) {
  const programs = new Map(lines.flatMap((line) => line.programs).map((one) => [nameOf(one), one]));
  return (
    <>
      {!isComplete && <p className="quiet">{words.incomplete}</p>}
      <DataTable
        caption={words.title}
        columns={COLUMNS}
        rows={lines}
        rowKey={({ merchantId, scheme }) => `${scheme} ${merchantId === null ? "" : `of ${merchantId}`}`}
      />
      {isCut && <p className="quiet">{words.cut}</p>}
      {programs.size > 0 && (
        <details>
          <summary>{words.limits}</summary>
          <Facts
            isListed
            of={[...programs].map(([name, { ratioMin, reportsMin, from, source }]) => [
              name,
              `${words.limit(formatShare(ratioMin, DIGITS), formatCount(reportsMin), from)}. ${source}`,
            ])}
          />
        </details>
      )}
    </>
  );
}
