import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelFeature, keyFields } from "@tripline/contracts/feature-spec";

/** Features that always have their default value because their input is missing, and the missing columns. */
export interface MissingInput {
  readonly lacks: readonly string[];
  readonly features: readonly string[];
}

const PLACE = ["latitude", "longitude"];
const LABEL = ["fraud"];
const DISTANCES: ReadonlySet<string> = new Set(["distance_from_home", "distance_from_last"]);

/** @param filled columns of a transactions file that contain values */
export function featuresWithoutInput(spec: FeatureSpec, filled: readonly string[]): MissingInput[] {
  const groups = new Map<string, MissingInput & { features: string[] }>();
  for (const feature of spec.features) {
    const lacks = columnsOf(spec, feature).filter((column) => !filled.includes(column));
    if (lacks.length === 0) continue;
    const group = groups.get(lacks.join()) ?? { lacks, features: [] };
    group.features.push(feature.name);
    groups.set(lacks.join(), group);
  }
  return [...groups.values()];
}

/** Columns that a feature needs, apart from the required columns of every payment. */
function columnsOf(spec: FeatureSpec, feature: Feature): string[] {
  const entities: string[] = [];
  if ("entity" in feature) entities.push(feature.entity);
  if ("of" in feature && typeof feature.of === "string") entities.push(feature.of);
  const keys = entities.flatMap((name) => keyFields(spec.entities[name]?.key ?? ""));
  const isPlace = DISTANCES.has(feature.kind) || ("measure" in feature && feature.measure === "distance");
  const isLabel = isLabelFeature(feature);
  const fields = feature.kind === "category" && feature.field !== "currency" ? [feature.field] : [];
  return [...new Set([...keys, ...fields, ...(isPlace ? PLACE : []), ...(isLabel ? LABEL : [])])];
}
