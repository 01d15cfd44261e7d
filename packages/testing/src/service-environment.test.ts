import { readFileSync } from "node:fs";
import { archiveConfig } from "@tripline/archive/config";
import { authConfig } from "@tripline/auth/config";
import { ALL_TOPICS } from "@tripline/contracts/topics";
import { decisionsConfig } from "@tripline/decisions/config";
import { featuresConfig } from "@tripline/features/config";
import { ingestionConfig } from "@tripline/ingestion/config";
import { scoringConfig } from "@tripline/scoring/config";
import { parse } from "yaml";
import { z } from "zod";

const CHART = new URL("../../../deploy/helm/tripline/", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, CHART), "utf8");

const SERVICES = {
  ingestion: ingestionConfig,
  features: featuresConfig,
  scoring: scoringConfig,
  decisions: decisionsConfig,
  auth: authConfig,
  archive: archiveConfig,
};

/** Read outside of a service's schema: by the telemetry of every service, and by clients of a model registry. */
const READ_ELSEWHERE = new Set([
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "MLFLOW_TRACKING_TOKEN",
  "MLFLOW_TRACKING_USERNAME",
  "MLFLOW_TRACKING_PASSWORD",
  "MODEL_CACHE_DIRECTORY",
]);

/**
 * What a chart does not set: an identity comes from the cloud's own webhook, and a tenant without a token is for one
 * machine, where nobody else gets in.
 */
const NOT_BY_A_CHART = /^((AWS|AZURE|GCE)_[A-Z_]+|FEATURES_ONLINE_TENANT)$/;

/** The named templates of a file: name to text. */
function blocksOf(text: string): ReadonlyMap<string, string> {
  const blocks = text.matchAll(/\{\{- define "([^"]+)" -\}\}([\s\S]*?)\n\{\{- end \}\}(?=\n\n|\n*$)/g);
  return new Map([...blocks].map(([, name = "", body = ""]) => [name, body]));
}

const blocks = blocksOf(read("templates/_environment.tpl"));

/** Every variable that a template of this name may set, with those of the templates that it includes. */
function variablesIn(name: string): Set<string> {
  const body = blocks.get(name);
  if (body === undefined) throw new Error(`_environment.tpl has no template ${name}`);
  const own = [...body.matchAll(/^\s*([A-Z][A-Z0-9_]+):/gm)].map(([, variable = ""]) => variable);
  const byReference = [...body.matchAll(/\(list "([A-Z0-9_]+)"/g)].map(([, variable = ""]) => variable);
  const included = [...body.matchAll(/include "(tripline\.(?:environment|secrets)\.[a-z]+)"/g)];
  return new Set([...own, ...byReference, ...included.flatMap(([, other = ""]) => [...variablesIn(other)])]);
}

const schemaOfValues = z.object({
  properties: z.object({
    services: z.object({
      properties: z.record(
        z.string(),
        z.object({
          properties: z.object({
            environment: z.object({
              properties: z.record(z.string(), z.unknown()),
              additionalProperties: z.literal(false),
            }),
          }),
        }),
      ),
    }),
  }),
});

describe.each(Object.entries(SERVICES))("the chart's variables of %s", (service, config) => {
  const set = new Set([
    ...variablesIn(`tripline.environment.${service}`),
    ...variablesIn(`tripline.secrets.${service}`),
  ]);
  const values = schemaOfValues.parse(JSON.parse(read("values.schema.json"))).properties.services.properties[service];
  const free = Object.keys(values?.properties.environment.properties ?? {});
  const known = new Set(Object.keys(config.shape));

  test("are known to the service", () => {
    expect([...set].filter((name) => !known.has(name) && !READ_ELSEWHERE.has(name))).toEqual([]);
  });

  test("have all that the service cannot do without", () => {
    const missing = config.safeParse({}).error?.issues.map((issue) => String(issue.path[0])) ?? [];
    expect(missing).not.toEqual([]);
    expect(missing.filter((name) => !set.has(name))).toEqual([]);
  });

  test("are, with those that the values may set, all that it knows", () => {
    expect(free.filter((name) => !known.has(name))).toEqual([]);
    const settable = new Set([...set, ...free]);
    expect([...known].filter((name) => !settable.has(name) && !NOT_BY_A_CHART.test(name))).toEqual([]);
  });
});

test("the image of scoring on GPUs and the chart set the same", () => {
  const dockerfile = readFileSync(new URL("../../docker/scoring-gpu.Dockerfile", CHART), "utf8");
  const known = new Set(Object.keys(scoringConfig.shape));
  const settings = [...dockerfile.matchAll(/^ENV (.*)$/gm)].map(([, line]) => line).join(" ");
  const ofImage = [...settings.matchAll(/\b([A-Z_]+)=(\S+)/g)]
    .filter(([, name = ""]) => known.has(name) && !["HOST", "PORT", "METRICS_PORT"].includes(name))
    .map(([, name, value]) => `${name}=${value}`);
  const body = blocks.get("tripline.environment.scoring") ?? "";
  const [, onGpus = ""] = /gpu\.enabled \}\}\n([\s\S]*?)\n\{\{- end \}\}/.exec(body) ?? [];
  const ofChart = [...onGpus.matchAll(/^([A-Z_]+): "?([^"\n]+)"?$/gm)].map(([, name, value]) => `${name}=${value}`);
  expect(ofImage).toEqual(["EXECUTION_PROVIDERS=trees,cuda,cpu"]);
  expect(ofChart).toEqual(ofImage);
});

test("the chart's topics for Strimzi are those of the topic table", () => {
  const topics = ALL_TOPICS.map(({ name, partitions, retentionDays, readBy }) => ({
    name,
    partitions,
    retentionDays,
    // As `ensureTopics` makes them: a dead letter has to fit where its record did.
    ...(readBy.length === 0 ? { messageBytesMax: 2 * 1024 ** 2 } : {}),
  }));
  expect(parse(read("files/topics.yaml"))).toEqual({ topics });
});
