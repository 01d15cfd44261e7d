import type { FeatureView, FeatureViews, ProfileView, WindowsView } from "./feature-views.js";
import { LOOKUPS_MAX, NAME_LENGTH_MAX } from "./requests/limits.js";
import { invalidField, pointerTo, shown } from "./requests/refuse-field.js";

/** The requested features and options, without the entities. */
export interface Selection {
  /** References such as `card_windows:card_count_1d`; ignored if a service is given. */
  readonly features: readonly string[];
  readonly service: string | undefined;
  /** Whether names in the response have the form `card_windows__card_count_1d`. */
  readonly fullNames: boolean;
  readonly viewMetadata: boolean;
  /** Join keys in the order of the request. */
  readonly joinKeys: readonly string[];
}

/** Features of one view, in the requested order. */
interface LookupOf<V extends FeatureView> {
  readonly view: V;
  /** Index of the view's join key in the request. */
  readonly column: number;
  readonly names: readonly string[];
  /** JSON pointers to the names in the request. */
  readonly pointers: readonly string[];
}
export interface WindowsLookup extends LookupOf<WindowsView> {
  readonly kind: "windows";
  /** Indexes into the values of `FeatureEngine.readEntity`. */
  readonly places: readonly number[];
}
export interface ProfileLookup extends LookupOf<ProfileView> {
  readonly kind: "profile";
}
export type ViewLookup = WindowsLookup | ProfileLookup;

/** A compiled selection, shared by all requests with that selection. */
export interface Lookup {
  /** In the order of their first requested feature, as in Feast. */
  readonly views: readonly ViewLookup[];
  readonly profiles: readonly ProfileLookup[];
  readonly hasWindows: boolean;
  /** The member `metadata` of the response, as JSON. */
  readonly metadata: string;
}

/** Cache of compiled lookups. */
export class Lookups {
  readonly #compiled = new Map<string, Lookup>();

  constructor(private readonly views: FeatureViews) {}

  /** Number of cached lookups. */
  get size(): number {
    return this.#compiled.size;
  }

  /** @throws TriplineError `invalid-field` that names the reference or the join key at fault */
  of(selection: Selection): Lookup {
    const key = keyOf(selection);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const lookup = compileLookup(this.views, selection);
    const oldest = this.#compiled.keys().next().value;
    if (this.#compiled.size >= LOOKUPS_MAX && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(key, lookup);
    return lookup;
  }
}

/**
 * A key that distinguishes any valid selection from all others. Valid references contain no bar, and the key contains
 * their number, so that an invalid reference with a bar does not look like two.
 */
function keyOf({ service, fullNames, viewMetadata, joinKeys, features }: Selection): string {
  const asked = service === undefined ? `${features.length}|${features.join("|")}` : `service|${service}`;
  return `${fullNames}|${viewMetadata}|${joinKeys.join()}|${asked}`;
}

interface Reference {
  readonly view: FeatureView;
  readonly name: string;
  readonly pointer: string;
}

function compileLookup(views: FeatureViews, selection: Selection): Lookup {
  const references = [...resolve(views, selection)];
  refuseCollisions(references, selection.fullNames);
  const byView = Map.groupBy(references, ({ view }) => view);
  const lookups = Array.from(byView, ([view, own]) => lookUpView(view, own, selection.joinKeys));
  const names = lookups.flatMap(({ view, names }) =>
    names.map((name) => (selection.fullNames ? `${view.name}__${name}` : name)),
  );
  const metadata = {
    feature_names: [...selection.joinKeys, ...names],
    ...(selection.viewMetadata ? { feature_view_metadata: lookups.map(({ view }) => ({ name: view.name })) } : {}),
  };
  return {
    views: lookups,
    profiles: lookups.filter((lookup) => lookup.kind === "profile"),
    hasWindows: lookups.some((lookup) => lookup.kind === "windows"),
    metadata: JSON.stringify(metadata),
  };
}

function* resolve({ views, services }: FeatureViews, { service, features }: Selection): Generator<Reference> {
  const named = service === undefined ? features : services.get(service);
  if (named === undefined) {
    throw invalidField(
      "/feature_service",
      `"${shown(service ?? "")}" does not exist; choose from ${[...services.keys()].join(", ")}`,
      "FeatureServiceNotFoundException",
    );
  }
  if (named.length === 0) {
    throw invalidField("/features", "is empty; send features such as card_windows:card_count_1d, or a feature_service");
  }
  for (const [index, reference] of named.entries()) {
    const pointer = service === undefined ? pointerTo("features", index) : "/feature_service";
    const colon = reference.indexOf(":");
    if (colon < 0)
      throw invalidField(pointer, "must have the form <view>:<feature>, for example card_windows:card_count_1d");
    const view = views.get(viewName(reference.slice(0, colon)));
    if (view === undefined) {
      const detail = `contains the view "${shown(reference.slice(0, colon))}", which does not exist; choose from ${[...views.keys()].join(", ")}`;
      throw invalidField(pointer, detail, "FeatureViewNotFoundException");
    }
    const name = reference.slice(colon + 1);
    checkFeature(view, name, pointer);
    yield { view, name, pointer };
  }
}

/** Feast references may request the latest version of a view. Here, each view has only one version. */
function viewName(text: string): string {
  return text.replace(/@(latest)?$/i, "");
}

function checkFeature(view: FeatureView, name: string, pointer: string): void {
  if (view.kind === "profile") {
    if (isFeatureName(name)) return;
    throw invalidField(
      pointer,
      `requests "${shown(name)}" from ${view.name}, which is not a valid name; use letters, digits and _`,
    );
  }
  if (view.places.has(name)) return;
  const known = [...view.places.keys()].join(", ");
  const detail = `requests "${shown(name)}" from ${view.name}, which has no such feature; it has ${known}`;
  throw invalidField(pointer, detail, "FeastObjectNotFoundException");
}

/** Whether this is a valid column name. */
export function isFeatureName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

function refuseCollisions(references: readonly Reference[], fullNames: boolean): void {
  const seen = new Set<string>();
  for (const { view, name, pointer } of references) {
    const key = fullNames ? `${view.name}:${name}` : name;
    if (seen.has(key)) {
      const fix = fullNames ? "send each feature once" : "send each feature once, or set full_feature_names";
      throw invalidField(pointer, `contains "${shown(name)}" a second time; ${fix}`, "FeatureNameCollisionError");
    }
    seen.add(key);
  }
}

function lookUpView(view: FeatureView, own: readonly Reference[], joinKeys: readonly string[]): ViewLookup {
  const column = joinKeys.indexOf(view.joinKey);
  if (column < 0) throw invalidField("/entities", `must contain ${view.joinKey}, the join key of ${view.name}`);
  const names = own.map(({ name }) => name);
  const pointers = own.map(({ pointer }) => pointer);
  if (view.kind === "profile") return { kind: "profile", view, column, names, pointers };
  return { kind: "windows", view, column, names, pointers, places: names.map((name) => view.places.get(name) ?? 0) };
}
