import { Inject, Injectable } from "@nestjs/common";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import { usedFeatures } from "@tripline/model-registry/model-manifest";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { z } from "zod";
import type { CalibrationBin, ModelCard } from "../contract/operations.js";

/** Only aliases can change; versions are immutable. */
const KEPT_MS = 60_000;
/** Maximum number of cached cards: those of champion, candidate and their predecessors. */
const CARDS_MAX = 16;

const trained = z.object({ rows: z.number(), frauds: z.number() });
const curve = z.array(z.object({ mean_score: z.number(), fraud_share: z.number(), rows: z.number() }));
const measured = z.number().nullable();
const ratio = z.object({ value: measured, low: measured, high: measured });
const segments = z.array(
  z.object({
    kind: z.string(),
    name: z.string(),
    rows: z.number(),
    frauds: z.number(),
    mean_score: z.number(),
    average_precision: measured,
    auc_roc: measured,
    calibration: ratio.nullable().default(null),
    false_positives: ratio.extend({ band: z.number() }).nullable().default(null),
  }),
);
/** Figures of the validation days, or of the newest weeks if the trainer compared with the champion. */
const validation = z.object({
  calibration: z.object({ curve: curve.optional() }).optional(),
  retrain: z.object({ newest: z.object({ curve: curve.optional() }).optional() }).optional(),
});
const compared = z.object({ retrain: z.object({ money: z.object({ sentence: z.string() }) }) });
/** Amounts, which are not shares. */
const MONEY = "retrain.money.";

/** Injects a `ModelRegistry`; undefined if none is configured. */
export const MODEL_REGISTRY = Symbol("MODEL_REGISTRY");

/** Model cards from the registry: origin, performance, inputs. */
@Injectable()
export class ModelCards {
  readonly #kept = new Map<string, { readonly card: Promise<ModelCard | null>; readonly untilMs: number }>();

  /** @param registry undefined: there are no cards */
  constructor(@Inject(MODEL_REGISTRY) private readonly registry: ModelRegistry | undefined) {}

  /**
   * @returns null if no model has that version
   * @throws TriplineError `internal` if the registry is unavailable
   */
  of(version: string): Promise<ModelCard | null> {
    const kept = this.#kept.get(version);
    if (kept !== undefined && kept.untilMs > Date.now()) return kept.card;
    const card = this.#read(version);
    this.#kept.delete(version);
    this.#kept.set(version, { card, untilMs: Date.now() + KEPT_MS });
    card.catch(() => this.#kept.delete(version));
    for (const oldest of [...this.#kept.keys()].slice(0, -CARDS_MAX)) this.#kept.delete(oldest);
    return card;
  }

  async #read(version: string): Promise<ModelCard | null> {
    for (const name of (await this.registry?.models()) ?? []) {
      const listed = (await this.registry?.list(name))?.find((one) => one.version === version);
      if (listed?.manifest !== undefined) return cardOf(listed.manifest, listed.aliases);
    }
    return null;
  }
}

function cardOf({ metrics, lineage, ...manifest }: ModelManifest, aliases: readonly string[]): ModelCard {
  const { train, segments: parts, ...rest } = metrics;
  const rows = trained.safeParse(train).data;
  const curves = validation.safeParse(rest).data;
  const bins = curves?.calibration?.curve ?? curves?.retrain?.newest?.curve;
  return {
    name: manifest.name,
    version: manifest.version,
    aliases,
    features: usedFeatures(manifest),
    vectorFeatures: manifest.features.length,
    createdAtMs: Date.parse(manifest.created_at),
    featureSpecVersion: manifest.feature_spec_version,
    training: {
      fromMs: timeOf(lineage.data_from),
      toMs: timeOf(lineage.data_to),
      knownByMs: timeOf(lineage.known_by),
      payments: rows?.rows ?? null,
      frauds: rows?.frauds ?? null,
      dataSha256: lineage.data_sha256,
    },
    commit: lineage.commit,
    parameters: leavesOf(lineage.params).map(([name, value]) => ({ name, value: String(value) })),
    measures: leavesOf(rest).flatMap(([name, value]) =>
      typeof value === "number" && !name.startsWith(MONEY) ? [{ name, value }] : [],
    ),
    money: compared.safeParse(rest).data?.retrain.money.sentence ?? null,
    calibration: (bins ?? []).map(({ mean_score, fraud_share, rows: payments }): CalibrationBin => {
      return { meanScore: mean_score, fraudShare: fraud_share, labels: payments };
    }),
    segments: (segments.safeParse(parts).data ?? []).map((part) => ({
      kind: part.kind,
      name: part.name,
      payments: part.rows,
      frauds: part.frauds,
      meanScore: part.mean_score,
      averagePrecision: part.average_precision,
      aucRoc: part.auc_roc,
      calibration: part.calibration,
      falsePositives: part.false_positives,
    })),
  };
}

const timeOf = (moment: string | undefined): number | null => (moment === undefined ? null : Date.parse(moment));

/** Nested entries become `outer.inner`. Lists are omitted. */
function leavesOf(values: Readonly<Record<string, unknown>>): [name: string, value: unknown][] {
  return Object.entries(values).flatMap(([name, value]): [string, unknown][] => {
    if (typeof value !== "object" || value === null) return value === null ? [] : [[name, value]];
    if (Array.isArray(value)) return [];
    return leavesOf({ ...value }).map(([inner, leaf]): [string, unknown] => [`${name}.${inner}`, leaf]);
  });
}
