import { FeastError } from "../feast-error.js";
import type { OnlineFeaturesRequest } from "../online-features.js";
import type { JoinKeyType } from "../values/value-types.js";
import type {
  FeatureProjection,
  FeatureRegistry,
  FeatureService,
  FeatureType,
  FeatureView,
} from "./feature-registry.js";
import { parseReference, parseViewName, resultName } from "./parse-reference.js";

/** One requested feature, with everything needed to read it. */
export interface ResolvedFeature {
  /** `view:feature`, for messages. */
  readonly reference: string;
  readonly resultName: string;
  readonly view: FeatureView;
  readonly feature: string;
  readonly type: FeatureType;
  readonly joinKeys: readonly ResolvedJoinKey[];
}

export interface ResolvedJoinKey {
  /** Its name in the entity rows. */
  readonly name: string;
  /** Its name in the feature view and therefore in the store. */
  readonly storedName: string;
  readonly type: JoinKeyType;
}

/** A registry with lookup by name. */
export class RegistryIndex {
  private readonly views: ReadonlyMap<string, FeatureView>;
  private readonly formerVersions: ReadonlyMap<string, FeatureView>;
  private readonly services: ReadonlyMap<string, FeatureService>;
  private readonly onDemand: ReadonlySet<string>;
  /** All names that entity rows may use for join keys, with their types. */
  readonly joinKeys: ReadonlyMap<string, JoinKeyType>;

  constructor(readonly registry: FeatureRegistry) {
    this.views = new Map(registry.featureViews.map((view) => [view.name, view]));
    this.formerVersions = new Map(
      (registry.formerVersions ?? []).map((view) => [`${view.name}@v${view.version ?? 0}`, view]),
    );
    this.services = new Map((registry.featureServices ?? []).map((service) => [service.name, service]));
    this.onDemand = new Set(registry.onDemandFeatureViews);
    this.joinKeys = this.collectJoinKeys();
  }

  private collectJoinKeys(): Map<string, JoinKeyType> {
    const joinKeys = new Map(this.registry.featureViews.flatMap((view) => Object.entries(view.joinKeys)));
    for (const service of this.services.values()) {
      for (const projection of service.projections) {
        for (const [storedName, name] of Object.entries(projection.joinKeyMap ?? {})) {
          const type = this.views.get(projection.featureView)?.joinKeys[storedName];
          if (type !== undefined) joinKeys.set(name, type);
        }
      }
    }
    return joinKeys;
  }

  /**
   * @throws FeastError `unknown-feature-view`; `unsupported` for an on-demand view
   */
  view(name: string, version: number | undefined): FeatureView {
    if (this.onDemand.has(name)) {
      const message = `${name} is an on-demand feature view, which Feast's feature server computes: read it over HTTP or gRPC.`;
      throw new FeastError("unsupported", message, name);
    }
    const current = this.views.get(name);
    if (current === undefined) {
      const message = `The project ${this.registry.project} has no feature view ${name}; its registry may be newer.`;
      throw new FeastError("unknown-feature-view", message, name);
    }
    if (version === undefined || version === (current.version ?? 0)) return current;
    const former = this.formerVersions.get(`${name}@v${version}`);
    if (former !== undefined) return former;
    const message = `The feature view ${name} has no version ${version}; the current one is ${current.version ?? 0}.`;
    throw new FeastError("unknown-feature-view", message, `${name}@v${version}`);
  }

  /** @throws FeastError `unknown-feature-service` */
  service(name: string): FeatureService {
    const service = this.services.get(name);
    if (service === undefined) {
      const message = `The project ${this.registry.project} has no feature service ${name}; its registry may be newer.`;
      throw new FeastError("unknown-feature-service", message, name);
    }
    return service;
  }

  /** The view for a name such as `view` or `view@v2`. */
  viewNamed(name: string): FeatureView {
    const { featureView, version } = parseViewName(name);
    this.refuseVersion(name, version);
    return this.view(featureView, version);
  }

  private refuseVersion(reference: string, version: number | undefined): void {
    if (version === undefined || this.registry.keepsVersionsOnline === true) return;
    const message = `${reference} names a version, but the registry keeps none online: set keepsVersionsOnline if Feast has enable_online_feature_view_versioning.`;
    throw new FeastError("invalid-request", message, reference);
  }

  /**
   * The features of a request, in its order.
   *
   * @throws FeastError `unknown-…`, `feature-name-collision`, `invalid-request`, `unsupported`
   */
  resolve(request: OnlineFeaturesRequest): ResolvedFeature[] {
    const isFull = request.fullFeatureNames ?? false;
    const resolved =
      request.featureService === undefined
        ? request.features.map((reference) => this.resolveReference(reference, isFull))
        : this.service(request.featureService).projections.flatMap((projection) =>
            projection.features.map((feature) => this.resolveFeature(projection, feature, isFull)),
          );
    refuseCollisions(resolved.map((feature) => [feature.resultName, feature.reference]));
    return resolved;
  }

  /**
   * The features of a request to a Feast server; undefined if the request includes an on-demand view, whose features
   * are known only to the server.
   *
   * @throws FeastError like `resolve`
   */
  resolveWithServer(request: OnlineFeaturesRequest): ResolvedFeature[] | undefined {
    const views =
      request.featureService === undefined
        ? request.features.map((reference) => parseReference(reference).featureView)
        : this.service(request.featureService).projections.map((projection) => projection.featureView);
    return views.some((view) => this.onDemand.has(view)) ? undefined : this.resolve(request);
  }

  private resolveReference(reference: string, isFull: boolean): ResolvedFeature {
    const { featureView, version, feature } = parseReference(reference);
    this.refuseVersion(reference, version);
    return this.resolveFeature({ featureView, ...(version === undefined ? {} : { version }) }, feature, isFull);
  }

  private resolveFeature(
    projection: Omit<FeatureProjection, "features">,
    feature: string,
    isFull: boolean,
  ): ResolvedFeature {
    const view = this.view(projection.featureView, projection.version);
    const reference = `${projection.featureView}:${feature}`;
    const type = Object.hasOwn(view.features, feature) ? view.features[feature] : undefined;
    if (type === undefined) {
      const message = `The feature view ${view.name} has no feature ${feature}.`;
      throw new FeastError("unknown-feature", message, reference);
    }
    return {
      reference,
      resultName: resultName(projection.alias ?? view.name, projection.version, feature, isFull),
      view,
      feature,
      type,
      joinKeys: Object.entries(view.joinKeys).map(([storedName, type]) => ({
        name: projection.joinKeyMap?.[storedName] ?? storedName,
        storedName,
        type,
      })),
    };
  }
}

/**
 * Rejects two features with the same name.
 *
 * @param features result name and reference of each feature
 * @throws FeastError `feature-name-collision`
 */
export function refuseCollisions(features: readonly (readonly [name: string, reference: string])[]): void {
  const references = new Map<string, string>();
  for (const [name, reference] of features) {
    const other = references.get(name);
    if (other !== undefined) {
      const message =
        other === reference
          ? `The feature ${reference} is requested twice.`
          : `${other} and ${reference} would both be named ${name}: set fullFeatureNames.`;
      throw new FeastError("feature-name-collision", message, reference);
    }
    references.set(name, reference);
  }
}
