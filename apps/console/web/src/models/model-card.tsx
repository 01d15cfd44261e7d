import { useQuery } from "@tanstack/react-query";
import type { ModelCard as Card, MeasuredRatio, ModelSegment } from "#contract/operations";
import { request } from "../api/request.js";
import { formatCount, formatDecimal, formatShare } from "../format/numbers.js";
import { formatDay } from "../format/times.js";
import { text } from "../texts/en/operations.js";
import type { Column } from "../ui/data-table.js";
import { DataTable } from "../ui/data-table.js";
import { SelectField } from "../ui/field.js";
import { Facts, Panel } from "../ui/panel.js";
import { Loaded } from "../ui/states.js";
import { Contract } from "./contract.js";
import { findVersion, useModels } from "./use-models.js";

const HASH_SHOWN = 12;
const DIGITS = 4;

const { cardFacts: names, measures } = text.models;

export function useModelCard(version: string) {
  return useQuery({
    queryKey: ["model-card", version],
    queryFn: ({ signal }) => request<Card>(`/api/models/${encodeURIComponent(version)}`, { signal }),
    staleTime: 60_000,
  });
}

interface ModelCardProps {
  readonly version: string;
  /** The selectable versions with their roles. */
  readonly of: readonly (readonly [version: string, words: string])[];
  readonly onChoose: (version: string) => void;
}

/** Model card: purpose, training data, performance, inputs. */
export function ModelCard({ version, of, onChoose }: ModelCardProps) {
  const query = useModelCard(version);
  const { data: listed } = useModels();
  const found = findVersion(listed, version);
  return (
    <Panel
      title={text.models.card}
      aside={
        of.length > 1 && <SelectField label={text.models.cardOf} value={version} options={of} onChange={onChoose} />
      }
    >
      {found !== undefined && listed != null && <Contract of={found} isRequired={listed.is_card_required} />}
      <Loaded query={query} lines={6}>
        {(card) => <Text of={card} hasComparison={(found?.version.offline ?? null) !== null} />}
      </Loaded>
    </Panel>
  );
}

interface TextProps {
  readonly of: Card;
  /** Whether the contract already shows the comparison with the current champion. */
  readonly hasComparison: boolean;
}

function Text({ of, hasComparison }: TextProps) {
  const { training } = of;
  const day = (atMs: number | null): string => (atMs === null ? text.models.none : formatDay(atMs));
  const span = training.fromMs === null ? text.models.none : text.models.span(day(training.fromMs), day(training.toMs));
  return (
    <>
      <p>
        <strong>{text.models.cardUse}.</strong> {text.models.cardUseDetail}
      </p>
      <div className="two">
        <Facts
          isListed
          of={[
            [names.version, <code key="version">{of.version}</code>],
            [names.created, day(of.createdAtMs)],
            [names.aliases, of.aliases.length === 0 ? text.models.none : of.aliases.join(", ")],
            [names.spec, String(of.featureSpecVersion)],
            [names.trained, span],
            [names.knownBy, day(training.knownByMs)],
            [names.payments, formatCount(training.payments)],
            [names.frauds, formatCount(training.frauds)],
            [names.data, <code key="data">{training.dataSha256.slice(0, HASH_SHOWN)}</code>],
            [names.commit, <code key="commit">{of.commit?.slice(0, HASH_SHOWN) ?? text.models.none}</code>],
          ]}
        />
        {of.measures.length === 0 ? (
          <p className="quiet">{text.models.noMeasures}</p>
        ) : (
          <Facts isListed of={of.measures.map(({ name, value }) => [measures[name] ?? name, formatMeasure(value)])} />
        )}
      </div>
      {!hasComparison && (
        <p>
          <strong>{text.models.cardMoney}.</strong> {of.money ?? text.models.noMoney}
        </p>
      )}
      <Limits of={of.segments} />
      <details>
        <summary>{text.models.cardFeatures(formatCount(of.features.length), formatCount(of.vectorFeatures))}</summary>
        <p className="details">
          {of.features.map((name) => (
            <code key={name}>{name}</code>
          ))}
        </p>
      </details>
      {of.parameters.length > 0 && (
        <details>
          <summary>{text.models.cardParameters}</summary>
          <Facts isListed of={of.parameters.map(({ name, value }) => [name, value])} />
        </details>
      )}
    </>
  );
}

const { segmentColumns: titles } = text.models;

const SEGMENTS: readonly Column<ModelSegment>[] = [
  { id: "segment", title: titles.segment, look: "grow", cell: ({ kind, name }) => text.models.segment(kind, name) },
  { id: "payments", title: titles.payments, look: "number", cell: ({ payments }) => formatCount(payments) },
  { id: "frauds", title: titles.frauds, look: "number", cell: ({ frauds }) => formatCount(frauds) },
  {
    id: "share",
    title: titles.share,
    look: "number",
    cell: ({ frauds, payments }) => formatShare(frauds / payments, 2),
  },
  { id: "score", title: titles.score, look: "number", cell: ({ meanScore }) => formatShare(meanScore, 2) },
  { id: "ap", title: titles.ap, look: "number", cell: ({ averagePrecision }) => <Measure of={averagePrecision} /> },
  { id: "auc", title: titles.auc, look: "number", cell: ({ aucRoc }) => <Measure of={aucRoc} /> },
  {
    id: "calibration",
    title: titles.calibration,
    look: "number",
    cell: ({ calibration }) => <Estimate of={calibration} format={formatDecimal} />,
  },
  {
    id: "false-positives",
    title: titles.falsePositives,
    look: "number",
    cell: ({ falsePositives }) => <Estimate of={falsePositives} format={(share) => formatShare(share, 2)} />,
  },
];

interface EstimateProps {
  readonly of: MeasuredRatio | null;
  readonly format: (value: number) => string;
}

/** A value with its confidence interval in brackets. */
function Estimate({ of, format }: EstimateProps) {
  if (of === null || of.value === null) return <span className="quiet">{text.models.notMeasured}</span>;
  const { value, low, high } = of;
  return low === null || high === null ? format(value) : text.models.estimate(format(value), format(low), format(high));
}

function Measure({ of }: { readonly of: number | null }) {
  return of === null ? <span className="quiet">{text.models.tooFew}</span> : formatShare(of);
}

/** Limits of the model's figures, and its performance by segment. */
function Limits({ of }: { readonly of: readonly ModelSegment[] }) {
  return (
    <>
      <p>
        <strong>{text.models.cardLimits}.</strong> {text.models.cardLimitsDetail}{" "}
        {of.length === 0 ? text.models.noSegments : text.models.segmentsDetail}
      </p>
      {of.length > 0 && (
        <DataTable
          caption={text.models.segments}
          columns={SEGMENTS}
          rows={of}
          rowKey={({ kind, name }) => `${kind} ${name}`}
        />
      )}
    </>
  );
}

/** Formats counts as integers, and shares with enough digits to compare models. */
function formatMeasure(value: number): string {
  return Number.isInteger(value) && Math.abs(value) > 1 ? formatCount(value) : formatShare(value, DIGITS - 2);
}
