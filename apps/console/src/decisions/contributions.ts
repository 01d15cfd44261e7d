import { setTimeout as delay } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { TreeExplainer } from "@tripline/tree-shap/tree-explainer";
import type { Contribution, DecisionDetail } from "../contract/decisions.js";
import { MODEL_REGISTRY } from "../models/model-cards.js";
import type { FeatureDescriber, ReadBack } from "./describe-decision.js";

/** Timeout, after which a decision is shown without contributions. */
const WAIT_MS_MAX = 1_500;
/** Maximum number of cached models: champion, candidate and their predecessors. */
const MODELS_MAX = 4;
/**
 * Uses only a few tables. More of them would speed up large batches but slow down loading, and here each batch has only
 * one row.
 */
const TABLE_BYTES_MAX = 0;
/** Time before a version that could not be explained is tried again. */
const FAULT_MS = 60_000;

interface Kept {
  /** Undefined if the version does not exist or cannot be explained. */
  readonly explainer: Promise<TreeExplainer | undefined>;
  readonly untilMs: number;
}

/** Computes how much each feature moved a model's score, from the model's trees in the registry. */
@Injectable()
export class Contributions {
  readonly #kept = new Map<string, Kept>();

  /** @param registry undefined: there are no contributions */
  constructor(
    @Inject(MODEL_REGISTRY) private readonly registry: ModelRegistry | undefined,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns null if no model decided, or if it cannot be explained in time */
  async of({ decision, vector }: ReadBack, reader: FeatureDescriber): Promise<DecisionDetail["contributions"]> {
    if (decision.rung !== Rung.MODEL) return null;
    const features = reader.read(vector);
    const asked = this.#explainer(decision.modelName, decision.modelVersion);
    const explainer = await Promise.race([asked, delay(WAIT_MS_MAX, undefined, { ref: false })]);
    if (explainer === undefined || explainer.features !== features.length) return null;
    const moved = explain(explainer, vector);
    const of = features.map(({ name, title, text }, index): Contribution => {
      return { feature: name, title, text, logOdds: moved[index] ?? 0 };
    });
    return {
      baseLogOdds: explainer.expectedValue,
      of: of.toSorted((left, right) => Math.abs(right.logOdds) - Math.abs(left.logOdds)),
    };
  }

  #explainer(name: string, version: string): Promise<TreeExplainer | undefined> {
    if (this.registry === undefined) return Promise.resolve(undefined);
    const key = `${name}@${version}`;
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    const kept =
      known !== undefined && known.untilMs > Date.now() ? known : this.#open(key, name, version, this.registry);
    // The most recently used one is last.
    this.#kept.set(key, kept);
    for (const oldest of [...this.#kept.keys()].slice(0, -MODELS_MAX)) this.#kept.delete(oldest);
    return kept.explainer;
  }

  #open(key: string, name: string, version: string, registry: ModelRegistry): Kept {
    const explainer = registry
      .resolve(name, version)
      .then(({ modelBytes, manifest }) =>
        TreeExplainer.fromOnnx(modelBytes, { input: manifest.input.name, tableBytesMax: TABLE_BYTES_MAX }),
      )
      .catch((error: Error) => {
        this.logger.warn({ model: key }, `a model cannot be explained: ${error.message}`);
        this.#kept.set(key, { explainer: Promise.resolve(undefined), untilMs: Date.now() + FAULT_MS });
        return undefined;
      });
    return { explainer, untilMs: Number.POSITIVE_INFINITY };
  }
}

function explain(explainer: TreeExplainer, { values }: FeatureVector): Float32Array {
  const into = new Float32Array(explainer.features);
  explainer.explain(Float32Array.from(values), 1, into);
  return into;
}
