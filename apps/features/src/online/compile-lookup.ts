import type { FeatureView, FeatureViews, ProfileView, WindowsView } from "./feature-views.js";
import { LOOKUPS_MAX, NAME_LENGTH_MAX } from "./requests/limits.js";
import { invalidField, pointerTo, shown } from "./requests/refuse-field.js";

/** What decides how a request is answered, apart from its entities. */
export interface Selection {
  /** References such as `card_windows:card_count_1d`; not looked at where a service is named. */
  readonly features: readonly string[];
  readonly service: string | undefined;
  /** Whether names in the answer are `card_windows__card_count_1d`. */
  readonly fullNames: boolean;
  readonly viewMetadata: boolean;
  /** Join keys in the order of the request. */
  readonly joinKeys: readonly string[];
}

/** Features of one view, in the order asked for. */
interface LookupOf<V extends FeatureView> {
  readonly view: V;
  /** Place of the view's join key in the request. */
  readonly column: number;
  readonly names: readonly string[];
  /** Where each name stands in the request, as JSON pointers. */
  readonly pointers: readonly string[];
}
export interface WindowsLookup extends LookupOf<WindowsView> {
  readonly kind: "windows";
  /** Positions among the values of `FeatureEngine.readEntity`. */
  readonly places: readonly number[];
}
export interface ProfileLookup extends LookupOf<ProfileView> {
  readonly kind: "profile";
}
export type ViewLookup = WindowsLookup | ProfileLookup;

/** A compiled selection, for every request with the same one. */
export interface Lookup {
  /** In the order in which their first feature was asked for, as Feast answers. */
  readonly views: readonly ViewLookup[];
  readonly profiles: readonly ProfileLookup[];
  readonly hasWindows: boolean;
  /** The member `metadata` of the answer, as JSON. */
  readonly metadata: string;
}

/** Compiled lookups of the selections that were used last. */
export class Lookups {
  readonly #compiled = new Map<string, Lookup>();

  constructor(private readonly views: FeatureViews) {}

  /** How many are kept. */
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
 * A key that is different for any two selections of which at least one is valid. No valid reference contains a bar, and
 * because the key holds the number of references, one with a bar is not mistaken for two.
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
      `names "${shown(service ?? "")}"; there is ${[...services.keys()].join(", ")}`,
      "FeatureServiceNotFoundException",
    );
  }
  if (named.length === 0) {
    throw invalidField("/features", "is empty: name features such as card_windows:card_count_1d, or a feature_service");
  }
  for (const [index, reference] of named.entries()) {
    const pointer = service === undefined ? pointerTo("features", index) : "/feature_service";
    const colon = reference.indexOf(":");
    if (colon < 0) throw invalidField(pointer, `must be <view>:<feature>, for instance card_windows:card_count_1d`);
    const view = views.get(viewName(reference.slice(0, colon)));
    if (view === undefined) {
      const detail = `names the view "${shown(reference.slice(0, colon))}"; there are ${[...views.keys()].join(", ")}`;
      throw invalidField(pointer, detail, "FeatureViewNotFoundException");
    }
    const name = reference.slice(colon + 1);
    checkFeature(view, name, pointer);
    yield { view, name, pointer };
  }
}

/** In Feast a reference may ask for the latest version of a view, which is the only one here. */
function viewName(text: string): string {
  return text.replace(/@(latest)?$/i, "");
}

function checkFeature(view: FeatureView, name: string, pointer: string): void {
  if (view.kind === "profile") {
    if (isFeatureName(name)) return;
    throw invalidField(
      pointer,
      `asks ${view.name} for "${shown(name)}", which is not a valid name: use letters, digits and _`,
    );
  }
  if (view.places.has(name)) return;
  const known = [...view.places.keys()].join(", ");
  const detail = `asks ${view.name} for "${shown(name)}", which it does not have; it has ${known}`;
  throw invalidField(pointer, detail, "FeastObjectNotFoundException");
}

/** Whether a column may have this name. */
export function isFeatureName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

function refuseCollisions(references: readonly Reference[], fullNames: boolean): void {
  const seen = new Set<string>();
  for (const { view, name, pointer } of references) {
    const key = fullNames ? `${view.name}:${name}` : name;
    if (seen.has(key)) {
      const fix = fullNames ? "name each feature once" : "name each feature once, or set full_feature_names";
      throw invalidField(pointer, `names "${shown(name)}" a second time: ${fix}`, "FeatureNameCollisionError");
    }
    seen.add(key);
  }
}

function lookUpView(view: FeatureView, own: readonly Reference[], joinKeys: readonly string[]): ViewLookup {
  const column = joinKeys.indexOf(view.joinKey);
  if (column < 0) throw invalidField("/entities", `lacks ${view.joinKey}, the join key of ${view.name}`);
  const names = own.map(({ name }) => name);
  const pointers = own.map(({ pointer }) => pointer);
  if (view.kind === "profile") return { kind: "profile", view, column, names, pointers };
  return { kind: "windows", view, column, names, pointers, places: names.map((name) => view.places.get(name) ?? 0) };
}
