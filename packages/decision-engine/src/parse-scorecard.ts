import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { z } from "zod";
import type { Scorecard, ScoredFeature } from "./scorecard.js";
import { scorecardVersion } from "./scorecard.js";

const FILE_CHARACTERS_MAX = 1_000_000;
const FEATURES_MAX = 200;
const EDGES_MAX = 1_000;
/** Log odds of this size mean certainty, and their sums stay finite. */
const LOG_ODDS_MAX = 1e6;

const logOdds = z
  .number("must be a finite number")
  .min(-LOG_ODDS_MAX, `must be at least -${LOG_ODDS_MAX}`)
  .max(LOG_ODDS_MAX, `must be at most ${LOG_ODDS_MAX}`);

/** `training/tripline_training/models/scorecard.py` describes the format. */
const fileSchema = z.strictObject({
  format: z.literal("tripline-scorecard", 'must be "tripline-scorecard"'),
  format_version: z.literal(1, "must be 1"),
  feature_spec_version: z.int("must be a whole number"),
  intercept: logOdds,
  features: z
    .array(
      z.strictObject({
        name: z.string("must be the name of a feature"),
        edges: z.array(z.number("must be a finite number")).max(EDGES_MAX, `must have at most ${EDGES_MAX} entries`),
        weights: z.array(logOdds).max(EDGES_MAX + 1, `must have at most ${EDGES_MAX + 1} entries`),
      }),
    )
    .min(1, "must not be empty")
    .max(FEATURES_MAX, `must have at most ${FEATURES_MAX} entries`),
});

type FeatureFile = z.infer<typeof fileSchema>["features"][number];

/**
 * Parses and checks a scorecard.
 *
 * @throws TriplineError `scorecard-invalid`; its message and `fields` contain one sentence per fault.
 */
export function parseScorecard(text: string, spec: FeatureSpec, fileName = "scorecard.json"): Scorecard {
  if (text.length > FILE_CHARACTERS_MAX) throw invalid(fileName, [`is longer than ${FILE_CHARACTERS_MAX} characters`]);
  const result = fileSchema.safeParse(readJson(text, fileName));
  if (!result.success) {
    throw invalid(
      fileName,
      result.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`),
    );
  }
  const file = result.data;
  const faults: string[] = [];
  if (file.feature_spec_version !== spec.version) {
    faults.push(
      `feature_spec_version: is ${file.feature_spec_version}, but the feature spec of this installation has version ${spec.version}; train a scorecard for it`,
    );
  }
  const indexOf = new Map(spec.features.map((feature, index) => [feature.name, index]));
  const features = file.features.map((feature, position) => {
    const index = indexOf.get(feature.name);
    // A feature that is listed twice would contribute twice, which is never intended.
    indexOf.delete(feature.name);
    const place = `features.${position}`;
    if (index === undefined) faults.push(`${place}.name: "${feature.name}" is not a feature, or is listed twice`);
    faults.push(...faultsOf(feature, place));
    return toScored(feature, index ?? -1);
  });
  if (faults.length > 0) throw invalid(fileName, faults);
  return {
    version: scorecardVersion(createHash("sha256").update(text).digest("hex")),
    specVersion: spec.version,
    intercept: file.intercept,
    features,
  };
}

function faultsOf({ edges, weights }: FeatureFile, place: string): string[] {
  const faults: string[] = [];
  if (weights.length !== edges.length + 1) {
    faults.push(`${place}.weights: must have one more entry than the ${edges.length} edges, but has ${weights.length}`);
  }
  if (edges.some((edge, index) => index > 0 && edge <= (edges[index - 1] ?? 0))) {
    faults.push(`${place}.edges: must be in ascending order`);
  }
  return faults;
}

/** Values are compared with edges in float32, so edges are float32 too, as in the trainer. */
function toScored({ name, edges, weights }: FeatureFile, index: number): ScoredFeature {
  return { name, index, edges: edges.map(Math.fround), weights };
}

function readJson(text: string, fileName: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(fileName, [`is not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

function invalid(fileName: string, faults: readonly string[]): TriplineError {
  const sentences = faults.map((fault) => `${fileName}: ${fault}.`);
  return new TriplineError(
    "scorecard-invalid",
    sentences.join("\n"),
    sentences.map((detail) => ({ pointer: "", detail })),
  );
}
