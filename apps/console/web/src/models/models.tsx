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
import { ExpiryWarning } from "./contract.js";
import { Drifts } from "./drifts.js";
import { Limits } from "./limits.js";
import { ModelCard, useModelCard } from "./model-card.js";
import { RolloutPanel } from "./rollout-panel.js";
import { SideBySide } from "./side-by-side.js";
import { findVersion, useModels } from "./use-models.js";

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
      <ExpiryWarnings />
      <div className="two">
        <Loaded query={query} lines={8}>
          {(report) => <SideBySide of={report} />}
        </Loaded>
        <RolloutPanel />
      </div>
      {query.data !== undefined && (
        <>
          <Known of={query.data} />
          <Drifts of={query.data.drifts} />
        </>
      )}
    </Screen>
  );
}

function ExpiryWarnings() {
  const { data: listed } = useModels();
  return listed?.models.map(({ name, champion }) => {
    const found = champion === null ? undefined : findVersion(listed, champion);
    return found && <ExpiryWarning key={name} of={found} isRequired={listed.is_card_required} />;
  });
}

/** The registry's data about the models. It is available even before the first payment. */
function Known({ of }: { readonly of: ModelsReport }) {
  const [chosen, setChosen] = useState<string>();
  const { data: listed } = useModels();
  const candidate = of.canary?.version;
  const all = (listed?.models ?? []).flatMap(({ versions }) => versions.map(({ version }) => version));
  const champion = of.champion?.version ?? listed?.models.find((one) => one.champion !== null)?.champion ?? all[0];
  if (champion === undefined) return <Charts of={of} validation={[]} />;
  const versions: (readonly [version: string, words: string])[] = [
    [champion, `${text.models.champion} ${champion}`],
    ...(candidate === undefined ? [] : [[candidate, `${text.models.candidate} ${candidate}`] as const]),
    ...all.filter((one) => one !== champion && one !== candidate).map((one) => [one, one] as const),
  ];
  // The chosen version may no longer exist.
  const shown = versions.find(([version]) => version === chosen)?.[0] ?? champion;
  return (
    <>
      <ChampionCharts of={of} champion={champion} />
      <ModelCard version={shown} of={versions} onChoose={setChosen} />
      {listed?.models.map((model) => (
        <Limits key={model.name} of={model} isRequired={listed.is_card_required} />
      ))}
    </>
  );
}

function ChampionCharts({ of, champion }: { readonly of: ModelsReport; readonly champion: string }) {
  const card = useModelCard(champion);
  return <Charts of={of} validation={card.data?.calibration ?? []} />;
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
