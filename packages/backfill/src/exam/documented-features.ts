import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, isUpdateFeature, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { parse } from "yaml";

/** The examples in docs/features.md whose kinds the shipped spec does not use. */
const EXAMPLES = /<!-- example: (?:filtered|update|neighbours) feature -->\n```yaml\n([\s\S]*?)```/g;
/** Features that are documented with the ten rules instead of in docs/features.md. */
const TEN_RULES = "docs/examples/ten-rules/feature-spec.yaml";

/**
 * The shipped spec with every documented feature that has a filter (`where`) or counts payment updates or neighbours.
 *
 * @param root folder of the repository
 */
export async function documentedSpec(root: string): Promise<FeatureSpec> {
  const shipped = currentFeatureSpec();
  const page = await readFile(join(root, "docs/features.md"), "utf8");
  const examples: unknown[] = [...page.matchAll(EXAMPLES)].flatMap(([, yaml = ""]) => parse(yaml));
  const whole = parse(await readFile(join(root, "packages/contracts/feature-spec.yaml"), "utf8"));
  const features = [...whole.features, ...examples];
  const own = parseFeatureSpec(JSON.stringify({ ...whole, version: shipped.version + 1, features }));
  const rules = parseFeatureSpec(await readFile(join(root, TEN_RULES), "utf8"), TEN_RULES);
  const known = new Set(own.features.map(({ name }) => name));
  const added = rules.features.filter((feature) => isNew(feature) && !known.has(feature.name));
  const used = new Set(added.flatMap((feature) => ("entity" in feature ? [feature.entity] : [])));
  const entities = Object.entries(rules.entities).filter(([name]) => used.has(name));
  return {
    ...own,
    windows: { ...rules.windows, ...own.windows },
    entities: { ...own.entities, ...Object.fromEntries(entities.filter(([name]) => !(name in own.entities))) },
    features: [...own.features, ...added],
  };
}

function isNew(feature: Feature): boolean {
  return (
    isUpdateFeature(feature) || feature.kind === "neighbours" || ("where" in feature && feature.where !== undefined)
  );
}
