import { readFileSync } from "node:fs";
import type { Alias } from "yaml";
import { LineCounter, parseDocument, visit } from "yaml";
import { z } from "zod";
import { TriplineError } from "./error-table.js";
import { CATEGORY_FIELDS, ENTITY_KEYS, REQUIRED_ENTITY_KEYS, SUBJECT_KEYS } from "./generated/payment-fields.js";
import { isSubject } from "./identifiers.js";
import { filterFaults, filterKey, paymentFilter } from "./payment-filter.js";
import type { CategoryField } from "./text/category-code.js";
import { isCategoryField, NO_CATEGORY } from "./text/category-code.js";

const DURATION_UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const duration = z
  .string()
  .regex(/^[1-9]\d*[mhd]$/, "must be a duration such as 30m, 6h or 7d")
  .transform((text) => {
    const unit = text.at(-1) as keyof typeof DURATION_UNITS_MS;
    return Number(text.slice(0, -1)) * DURATION_UNITS_MS[unit];
  });

export const PAYMENT_KINDS = ["amount", "hour_of_day", "day_of_week", "is_weekend", "is_night"] as const;
export const WINDOW_KINDS = ["count", "sum", "mean", "max", "std", "z_score", "ratio_to_mean"] as const;
export const LABEL_KINDS = ["label_count", "fraud_count", "fraud_rate"] as const;
export const UNUSUAL_KINDS = ["unusual_count", "unusual_max"] as const;
export const RUN_KINDS = ["days_since_last_genuine", "days_since_run_began", "run_count"] as const;
export const PAST_KINDS = ["seconds_since_last", "distance_from_home", "distance_from_last", "ratio_to_usual"] as const;
export const PAIR_KINDS = ["pair_is_new", "pair_count", "pair_seconds_since_last"] as const;
/** Kinds computed over the updates of an entity's payments. */
export const UPDATE_KINDS = ["update_count", "update_sum", "declined_share"] as const;
/** How to use a column of a profile: as it is, as the days since a time, or as the distance from a location. */
export const PROFILE_MEASURES = ["number", "amount", "share", "days_since", "distance"] as const;

const WINDOW_TILES_MAX = 1_000;
/** Limits the work per payment, because each payment is compared with every filter. */
const FILTERS_MAX = 32;
/** Limits the work per payment, and the number of parts into which a model splits its input vector. */
const CATEGORIES_MAX = 32;

/** An event field that identifies an entity, alone or with others, such as all cards of one issuer at one terminal. */
export type KeyField = keyof typeof ENTITY_KEYS;
const KEY_FIELDS: readonly string[] = Object.keys(ENTITY_KEYS);
const REQUIRED_KEYS: readonly string[] = REQUIRED_ENTITY_KEYS;
/** The keys that labels contain. */
const LABEL_KEYS: readonly string[] = ["card_token", "terminal_id"] satisfies KeyField[];
const FIELD_SEPARATOR = "/";
const CARD_KEY = "card_token";

/** The fields of an entity's key, for example `terminal_id/bin`. An event that lacks one of them has no such entity. */
export function keyFields(key: string): KeyField[] {
  return key.split(FIELD_SEPARATOR).filter(isKeyField);
}

function isKeyField(name: string): name is KeyField {
  return KEY_FIELDS.includes(name);
}

/** Whether labels contain this key. Only entities with such a key can have a profile or be partners. */
export function isLabelled(key: string): boolean {
  return LABEL_KEYS.includes(key);
}

/** Whether labels contain all fields of a composite key, such as a card at a terminal. */
const isNamedInParts = (key: string): boolean => !isLabelled(key) && key !== "" && keyFields(key).every(isLabelled);

/** The fields of an entity's key that identify a person. */
export function subjectFields(fields: readonly KeyField[]): KeyField[] {
  return fields.filter((field) => SUBJECT_KEYS.some((key) => key === field));
}

/** A field other than the card that identifies a person. An erasure by this field does not find the states of cards. */
function otherPersonIn(key: string): KeyField | undefined {
  return subjectFields(keyFields(key)).find((field) => field !== CARD_KEY);
}

/** The tokens in an entity's id that identify a person. */
export function subjectsOf(entityId: string): string[] {
  return entityId.split(FIELD_SEPARATOR).filter(isSubject);
}

/** Column name for the entity's ids: `terminal_id_bin`. The ids themselves are the field values joined with `/`. */
export function keyColumn(key: string): string {
  return key.replaceAll(FIELD_SEPARATOR, "_");
}

const name = z.string().regex(/^[a-z][a-z0-9_]*$/, "must be snake_case");
const named = {
  name,
  default: z.number(),
  sentence: z.string().min(1),
  /** Used instead of `sentence` for a default value, that is, if there is no history to compute a value from. */
  sentence_without_past: z.string().min(1).optional(),
};
/** All other partners, or only those with a confirmed fraud on a payment of this entity. */
const counts = z.enum(["all", "fraud"]);
const withValue = z.string().regex(/^[^{}]*\{value\}[^{}]*$/, "must contain the placeholder {value} exactly once");
/** Describes the baseline of an entity as parts of sentences: how often the entity pays, and how much. */
const usually = z.strictObject({ rate: withValue.optional(), amount: withValue.optional() });
const entity = z.string();
const over = { entity, window: z.string() };
/** Includes only payments or payment updates that match `where`; if omitted, includes all of them. */
const filtered = { where: paymentFilter.optional() };
const unfiltered = { where: z.undefined({ error: "is only for kinds that summarise payments" }).optional() };

const feature = z.discriminatedUnion("kind", [
  z.strictObject({ ...named, ...unfiltered, kind: z.enum(PAYMENT_KINDS) }),
  z.strictObject({
    ...named,
    ...unfiltered,
    kind: z.literal("category"),
    field: z.custom<CategoryField>((field) => typeof field === "string" && isCategoryField(field), {
      error: `must be one of ${Object.keys(CATEGORY_FIELDS).join(", ")}`,
    }),
    default: z.literal(NO_CATEGORY, { error: `must be ${NO_CATEGORY}, the code of a payment without a value` }),
  }),
  z.strictObject({ ...named, ...filtered, kind: z.enum(WINDOW_KINDS), ...over }),
  z.strictObject({ ...named, ...unfiltered, kind: z.enum(LABEL_KINDS), ...over }),
  z.strictObject({ ...named, ...filtered, kind: z.enum(UNUSUAL_KINDS), ...over }),
  z.strictObject({
    ...named,
    ...unfiltered,
    kind: z.literal("fraud_risk"),
    ...over,
    prior: z.number().min(0).max(1),
    weight: z.number().positive(),
  }),
  z.strictObject({ ...named, ...filtered, kind: z.enum(UPDATE_KINDS), ...over }),
  z.strictObject({ ...named, ...filtered, kind: z.literal("distinct"), ...over, of: z.string() }),
  z.strictObject({ ...named, ...unfiltered, kind: z.literal("neighbours"), ...over, of: z.string(), counts }),
  z.strictObject({ ...named, ...filtered, kind: z.enum(PAST_KINDS), entity }),
  z.strictObject({ ...named, ...unfiltered, kind: z.literal("days_since_first_fraud"), entity }),
  z.strictObject({ ...named, ...unfiltered, kind: z.enum(RUN_KINDS), entity, explained_by: z.string().optional() }),
  z.strictObject({ ...named, ...filtered, kind: z.enum(PAIR_KINDS), entity, of: z.string() }),
  z.strictObject({
    ...named,
    ...unfiltered,
    kind: z.literal("profile"),
    entity,
    column: name,
    measure: z.enum(PROFILE_MEASURES),
  }),
]);

const entityKey = z.string().refine(
  (key) => {
    const fields = keyFields(key);
    return fields.length === new Set(fields).size && fields.join(FIELD_SEPARATOR) === key;
  },
  {
    error: `must be one of ${KEY_FIELDS.join(", ")}, or several separated by ${FIELD_SEPARATOR}`,
    abort: true,
  },
);

const featureSpec = z
  .strictObject({
    version: z.int().positive(),
    windows: z.record(
      z.string(),
      z
        .strictObject({ width: duration, tile: duration })
        .refine((window) => window.width % window.tile === 0, { message: "width must be a whole number of tiles" })
        .refine((window) => window.width / window.tile <= WINDOW_TILES_MAX, {
          message: `width must be at most ${WINDOW_TILES_MAX} tiles, all of which an entity may have to keep`,
        }),
    ),
    entities: z.record(
      name,
      z.strictObject({ key: entityKey, optional: z.boolean().default(false), usually: usually.optional() }),
    ),
    /** Maximum age of a profile row, by entity. */
    profiles: z.record(name, z.strictObject({ max_age: duration })).default({}),
    features: z.array(feature).min(1),
  })
  .superRefine((spec, context) => {
    for (const fault of faultsOf(spec)) context.addIssue({ code: "custom", ...fault });
  });

interface SpecFault {
  readonly path: PropertyKey[];
  readonly message: string;
}

type UncheckedSpec = Pick<z.infer<typeof featureSpec>, "windows" | "entities" | "profiles" | "features">;

/** Checks that the schema cannot express: references to names, and rules between entities and kinds. */
function* faultsOf({ windows, entities, profiles, features }: UncheckedSpec): Generator<SpecFault> {
  yield* entityFaults(entities);
  for (const owner of Object.keys(profiles)) {
    if (isLabelled(entities[owner]?.key ?? "")) continue;
    yield { path: ["profiles", owner], message: `labels do not contain the entity "${owner}"` };
  }
  const seen = new Set<string>();
  const partners = new Map<string, string>();
  yield* explanationFaults(entities, features);
  yield* whereFaults(features);
  if (features.filter(({ kind }) => kind === "category").length > CATEGORIES_MAX)
    yield { path: ["features"], message: `a spec can have at most ${CATEGORIES_MAX} categories` };
  for (const [index, item] of features.entries()) {
    const at = (field: string, message: string): SpecFault => ({ path: ["features", index, field], message });
    if (seen.has(item.name)) yield at("name", `"${item.name}" is listed twice`);
    seen.add(item.name);
    if ("window" in item && !Object.hasOwn(windows, item.window)) {
      yield at("window", `unknown window "${item.window}"; use one of ${Object.keys(windows).join(", ")}`);
    }
    for (const field of ["entity", "of"] as const) {
      const value = field in item ? (item as { readonly [key: string]: unknown })[field] : undefined;
      if (typeof value === "string" && !Object.hasOwn(entities, value)) {
        yield at(field, `unknown entity "${value}"; use one of ${Object.keys(entities).join(", ")}`);
      }
    }
    if (item.kind === "profile" && !Object.hasOwn(profiles, item.entity)) {
      yield at(
        "entity",
        `"${item.entity}" has no profile; entities with a profile: ${Object.keys(profiles).join(", ") || "none"}`,
      );
    }
    if (isUpdateFeature(item) || isLabelFeature(item)) {
      const key = entities[item.entity]?.key ?? "";
      const person = otherPersonIn(key);
      const erasure = person && `the states of cards would contain ${person}, and an erasure would not find it there`;
      const why = erasure ?? (isLabelFeature(item) && isNamedInParts(key) && "labels contain all fields of its key");
      if (why) yield at("entity", `"${item.entity}" cannot have ${item.kind}: ${why}`);
    }
    if ("of" in item) {
      const before = partners.get(item.entity) ?? item.of;
      if (item.of === item.entity) yield at("of", "an entity cannot be its own partner");
      if (!mayBeLabelled(entities[item.of])) {
        yield at("of", `"${item.of}" cannot be a partner; partners have the key ${LABEL_KEYS.join(" or ")}`);
      }
      if (before !== item.of)
        yield at("of", `"${item.entity}" already has partners from "${before}", and can have no others`);
      partners.set(item.entity, before);
    }
  }
}

/** An unknown entity is accepted here, because it is reported as a separate fault. */
function mayBeLabelled(entity: { readonly key: string } | undefined): boolean {
  return entity === undefined || isLabelled(entity.key);
}

/** One other entity may explain the frauds of an entity. No entity explains the frauds of that other one. */
function* explanationFaults(
  entities: UncheckedSpec["entities"],
  features: UncheckedSpec["features"],
): Generator<SpecFault> {
  const judges = new Map<string, string | undefined>();
  for (const [index, item] of features.entries()) {
    if (!isRunFeature(item)) continue;
    const { entity: own, explained_by: judge } = item;
    const at = (message: string): SpecFault => ({ path: ["features", index, "explained_by"], message });
    const before = judges.has(own) ? judges.get(own) : judge;
    judges.set(own, before);
    if (judge !== before) yield at(`frauds of "${own}" are already explained by ${before ?? "none"}`);
    if (judge === undefined) continue;
    if (judge === own) yield at("an entity cannot explain its own frauds");
    else if (entities[judge]?.optional !== false) yield at(`"${judge}" is not part of every event`);
    else if (
      features.some((other) => isRunFeature(other) && other.entity === judge && other.explained_by !== undefined)
    ) {
      yield at(`frauds of "${judge}" are themselves explained by another entity`);
    }
  }
}

function* whereFaults(features: UncheckedSpec["features"]): Generator<SpecFault> {
  const filters = new Set<string>();
  for (const [index, item] of features.entries()) {
    const { where } = item;
    if (where === undefined) continue;
    const path = ["features", index, "where"];
    const of = isUpdateFeature(item) ? "update" : "payment";
    for (const fault of filterFaults(where, of)) yield { path: [...path, ...fault.path], message: fault.message };
    if (item.kind === "declined_share" && "kind" in where) {
      yield { path: [...path, "kind"], message: "declined_share already compares declined with authorised payments" };
    }
    filters.add(`${of} ${filterKey(where)}`);
    if (filters.size > FILTERS_MAX) {
      yield { path, message: `a spec can have at most ${FILTERS_MAX} different filters` };
      return;
    }
  }
}

function* entityFaults(entities: UncheckedSpec["entities"]): Generator<SpecFault> {
  const keys = new Set<string>();
  for (const [entityName, { key, optional }] of Object.entries(entities)) {
    const path = ["entities", entityName, "key"];
    if (keys.has(key)) yield { path, message: `"${key}" already names another entity` };
    if (REQUIRED_KEYS.includes(key) === optional) {
      yield { path, message: `every event contains ${REQUIRED_KEYS.join(" and ")}; other keys require optional: true` };
    }
    keys.add(key);
  }
  if (Object.values(entities)[0]?.key !== CARD_KEY) {
    yield { path: ["entities"], message: "the first entity must be card_token, the key of the topics" };
  }
}

/** Whether a feature is computed from labels rather than payments. Labels reach some entities only through the card. */
export function isLabelFeature(item: Feature): item is Extract<Feature, { entity: string }> {
  const kinds: readonly string[] = [...LABEL_KINDS, ...RUN_KINDS, "fraud_risk", "days_since_first_fraud"];
  return kinds.includes(item.kind) || countsFrauds(item);
}

/** Whether a feature counts partners with a confirmed fraud. */
export function countsFrauds(item: Feature): item is Extract<Feature, { kind: "neighbours" }> {
  return item.kind === "neighbours" && item.counts === "fraud";
}

/** Whether a feature is computed from payment updates rather than payments. */
export function isUpdateFeature(item: Feature): item is Extract<Feature, { kind: (typeof UPDATE_KINDS)[number] }> {
  return (UPDATE_KINDS as readonly string[]).includes(item.kind);
}

/** Whether a feature is computed from the frauds since the last genuine payment. */
export function isRunFeature(item: Feature): item is Extract<Feature, { kind: (typeof RUN_KINDS)[number] }> {
  return (RUN_KINDS as readonly string[]).includes(item.kind);
}

/** Whether a feature aggregates a window of tiles. */
export function overTiles(item: Feature): item is Extract<Feature, { window: string }> {
  const untiled: readonly string[] = ["distinct", "neighbours", ...UNUSUAL_KINDS];
  return "window" in item && !untiled.includes(item.kind);
}

/** Whether a feature describes the payment, so that the state of an entity alone is not enough to compute it. */
export function needsPayment(item: Feature): boolean {
  const compared = ["z_score", "ratio_to_mean", "ratio_to_usual", "distance_from_home", "distance_from_last"];
  const kinds: readonly string[] = [...PAYMENT_KINDS, ...PAIR_KINDS, ...compared, "category", "profile"];
  return kinds.includes(item.kind);
}

/** The parsed spec. Window widths and tiles are in milliseconds. */
export type FeatureSpec = z.infer<typeof featureSpec>;
export type Feature = z.infer<typeof feature>;

/**
 * Reads a feature spec.
 *
 * @throws TriplineError `config-invalid`, with one sentence per fault, including its line.
 */
export function parseFeatureSpec(text: string, fileName = "feature-spec.yaml"): FeatureSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax !== undefined) throw new TriplineError("config-invalid", `${fileName}: ${syntax.message}`);
  const unresolved = unresolvedAlias(document);
  if (unresolved?.range) {
    const { line } = lines.linePos(unresolved.range[0]);
    throw new TriplineError(
      "config-invalid",
      `${fileName}:${line} *${unresolved.source}: no anchor above has this name`,
    );
  }
  const result = featureSpec.safeParse(document.toJS());
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const at = lineOf(document, lines, issue.path);
    const message = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    return `${fileName}:${at} ${issue.path.join(".")}: ${message}`;
  });
  throw new TriplineError("config-invalid", faults.join("\n"));
}

/** The first alias (`*name`) without an anchor, on which `toJS` would throw. */
function unresolvedAlias(document: ReturnType<typeof parseDocument>): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

/** Line of the deepest existing node on `path`; 1 if there is none. */
function lineOf(document: ReturnType<typeof parseDocument>, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

let loaded: FeatureSpec | undefined;

/** The spec in this checkout. */
export function currentFeatureSpec(): FeatureSpec {
  if (loaded === undefined) {
    const file = new URL("../feature-spec.yaml", import.meta.url);
    loaded = parseFeatureSpec(readFileSync(file, "utf8"));
  }
  return loaded;
}
