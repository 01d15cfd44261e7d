import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import type { CalibrationBin, ModelsReport } from "#contract/operations";
import { request } from "../api/request.js";
import { Screen } from "../app/screen.js";
import { formatCount, formatScore, formatShare } from "../format/numbers.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { Drifts } from "./drifts.js";
import { ModelCard, useModelCard } from "./model-card.js";
import { RolloutPanel } from "./rollout-panel.js";
import { SideBySide } from "./side-by-side.js";

const ModelCharts = lazy(async () => ({ default: (await import("./model-charts.js")).ModelCharts }));

const REFRESH_MS = 10_000;

/** Champion and candidate side by side, with the rollout steps. */
export function Models() {
  const query = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => request<ModelsReport>("/api/models", { signal }),
    refetchInterval: REFRESH_MS,
  });
  return (
    <Screen title={text.models.title}>
      <div className="two">
        <Loaded query={query} lines={8}>
          {(report) => <SideBySide of={report} />}
        </Loaded>
        <RolloutPanel />
      </div>
      {query.data !== undefined && (
        <>
          {query.data.champion === null ? (
            <Charts of={query.data} validation={[]} />
          ) : (
            <Known of={query.data} champion={query.data.champion.version} />
          )}
          <Drifts of={query.data.drifts} />
        </>
      )}
    </Screen>
  );
}

/** The registry's data about the model. */
function Known({ of, champion }: { readonly of: ModelsReport; readonly champion: string }) {
  const [chosen, setChosen] = useState<string>();
  const card = useModelCard(champion);
  const versions: (readonly [version: string, words: string])[] = [
    [champion, `${text.models.champion} ${champion}`],
    ...(of.canary === null ? [] : [[of.canary.version, `${text.models.candidate} ${of.canary.version}`] as const]),
  ];
  // The candidate may no longer exist.
  const shown = versions.find(([version]) => version === chosen)?.[0] ?? champion;
  return (
    <>
      <Charts of={of} validation={card.data?.calibration ?? []} />
      <ModelCard version={shown} of={versions} onChoose={setChosen} />
    </>
  );
}

function Charts({ of, validation }: { readonly of: ModelsReport; readonly validation: readonly CalibrationBin[] }) {
  return (
    <>
      <Suspense fallback={<div className="chart" />}>
        <ModelCharts of={of} validation={validation} />
      </Suspense>
      {of.calibration.length > 0 && <Calibration of={of.calibration} />}
    </>
  );
}

const { calibrationColumns: titles } = text.models;

const BINS: readonly Column<CalibrationBin>[] = [
  { id: "score", title: titles.score, cell: ({ meanScore }) => formatScore(meanScore) },
  { id: "fraud", title: titles.fraud, look: "number", cell: ({ fraudShare }) => formatShare(fraudShare) },
  { id: "labels", title: titles.labels, look: "number", cell: ({ labels }) => formatCount(labels) },
];

function Calibration({ of }: { readonly of: readonly CalibrationBin[] }) {
  return (
    <Panel title={text.models.calibration}>
      <DataTable
        caption={text.models.calibration}
        columns={BINS}
        rows={of}
        rowKey={({ meanScore, labels }) => `${meanScore} ${labels}`}
      />
    </Panel>
  );
}
