import type { OnlineFeaturesRequest } from "../online-features.js";
import type { FeatureRegistry } from "../registry/feature-registry.js";
import { storedViewName } from "../registry/feature-registry.js";
import type { RegistryIndex, ResolvedFeature } from "../registry/resolve-features.js";
import { EntityKeyEncoder } from "./entity-key.js";
import { featureField, timestampField } from "./hash-field.js";
import { HashRead } from "./hash-read.js";

/** A feature's position in a Redis reply and in the result. */
export interface PlannedFeature {
  readonly reference: string;
  readonly resultIndex: number;
  /** Index of the value in the reply. */
  readonly valueIndex: number;
  /** Index of the event timestamp in the reply. */
  readonly timestampIndex: number;
  /** 0: no limit. */
  readonly maxAgeMs: number;
}

/** Features in the same Redis hash: the features of all views with the same join keys. */
export interface PlannedGroup {
  readonly key: EntityKeyEncoder;
  readonly read: HashRead;
  readonly features: readonly PlannedFeature[];
}

/** Everything that a list of features needs, independent of the entities. */
export interface ReadPlan {
  readonly featureNames: readonly string[];
  readonly groups: readonly PlannedGroup[];
  /** Names that entity rows must have. */
  readonly joinKeyNames: ReadonlySet<string>;
}

/** A plan takes a few kilobytes; services request only a few distinct lists of features. */
const PLANS_MAX = 500;

/** Caches plans by requested features. Beyond the limit, the oldest plan is evicted. */
export class ReadPlanner {
  private readonly plans = new Map<string, ReadPlan>();
  private readonly plansOfLists = new WeakMap<readonly string[], ListPlan>();

  constructor(private readonly index: RegistryIndex) {}

  /** @throws FeastError like `RegistryIndex.resolve` */
  plan(request: OnlineFeaturesRequest): ReadPlan {
    const isFull = request.fullFeatureNames === true;
    if (request.featureService !== undefined) return this.planByKey(request, `${isFull}s${request.featureService}`);
    // A service repeatedly passes the same list. Comparing the list with a copy costs a tenth of building a key from
    // it.
    const { features } = request;
    const known = this.plansOfLists.get(features);
    if (known !== undefined && known.isFull === isFull && areSame(known.features, features)) return known.plan;
    const plan = this.planByKey(request, `${isFull}l${features.join("\n")}`);
    this.plansOfLists.set(features, { features: [...features], isFull, plan });
    return plan;
  }

  private planByKey(request: OnlineFeaturesRequest, key: string): ReadPlan {
    const known = this.plans.get(key);
    if (known !== undefined) return known;
    const plan = makePlan(this.index.resolve(request), this.index.registry);
    const [oldest] = this.plans.keys();
    if (this.plans.size >= PLANS_MAX && oldest !== undefined) this.plans.delete(oldest);
    this.plans.set(key, plan);
    return plan;
  }
}

/** The plan of one list, with a copy of the list, because the caller may change it. */
interface ListPlan {
  readonly features: readonly string[];
  readonly isFull: boolean;
  readonly plan: ReadPlan;
}

function areSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

function makePlan(resolved: readonly ResolvedFeature[], registry: FeatureRegistry): ReadPlan {
  const groups = new Map<string, [ResolvedFeature, number][]>();
  resolved.forEach((feature, resultIndex) => {
    const joinKeys = feature.joinKeys.map(({ name, storedName, type }) => `${storedName}\n${name}\n${type}`);
    const key = joinKeys.sort().join("\n\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [[feature, resultIndex]]);
    else group.push([feature, resultIndex]);
  });
  return {
    featureNames: resolved.map((feature) => feature.resultName),
    groups: [...groups.values()].map((group) => planGroup(group, registry)),
    joinKeyNames: new Set(resolved.flatMap((feature) => feature.joinKeys.map(({ name }) => name))),
  };
}

function planGroup(group: readonly [ResolvedFeature, number][], registry: FeatureRegistry): PlannedGroup {
  const fields: Buffer[] = [];
  const timestampIndexes = new Map<string, number>();
  const features = group.map(([feature, resultIndex]): PlannedFeature => {
    const storedName = storedViewName(feature.view, registry);
    const timestampIndex = timestampIndexes.get(storedName) ?? fields.push(timestampField(storedName)) - 1;
    timestampIndexes.set(storedName, timestampIndex);
    return {
      reference: feature.reference,
      resultIndex,
      valueIndex: fields.push(featureField(storedName, feature.feature)) - 1,
      timestampIndex,
      maxAgeMs: feature.view.maxAgeMs ?? 0,
    };
  });
  const joinKeys = group[0]?.[0].joinKeys ?? [];
  return { key: new EntityKeyEncoder(joinKeys, registry.project), read: new HashRead(fields), features };
}
