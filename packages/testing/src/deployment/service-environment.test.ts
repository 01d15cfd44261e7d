import { readFileSync } from "node:fs";
import { archiveConfig } from "@tripline/archive/config";
import { authConfig } from "@tripline/auth/config";
import { consoleConfig } from "@tripline/console/config";
import { controlConfig } from "@tripline/control/config";
import { decisionsConfig } from "@tripline/decisions/config";
import { featuresConfig } from "@tripline/features/config";
import { ingestionConfig } from "@tripline/ingestion/config";
import { scoringConfig } from "@tripline/scoring/config";
import { readConfig } from "@tripline/settings/read-config";
import { describeVariables } from "@tripline/system/service-environment/describe-variables";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import { SERVICE_NAMES, VARIABLE_GROUPS, variablesOf } from "@tripline/system/service-environment/service-variables";
import { sourcesOf } from "@tripline/system/service-environment/write-chart-environment";
import { planServices } from "@tripline/system/services/plan-services";
import type { z } from "zod";

const SCHEMAS: Readonly<Record<ServiceName, z.ZodObject>> = {
  ingestion: ingestionConfig,
  features: featuresConfig,
  scoring: scoringConfig,
  decisions: decisionsConfig,
  auth: authConfig,
  control: controlConfig,
  console: consoleConfig,
  archive: archiveConfig,
};

/** Gives every variable a value, including TLS variables. */
const ACCESS = {
  certificateFile: "/tls/tls.crt",
  keyFile: "/tls/tls.key",
  authorityFile: "/tls/ca.crt",
  redisUrl: "rediss://127.0.0.1:9",
  postgresUrl: "postgres://127.0.0.1:10/tripline",
};

const DOCKER = new URL("../../../../deploy/docker/", import.meta.url);
const DEPLOYMENT = new URL("../../../../deploy/helm/tripline/templates/deployment.yaml", import.meta.url);

/** Variables that lead to connections. Every setting with an address needs an entry in `CONNECTION_OF`. */
const ADDRESS = /(URL|ENDPOINT|ADDRESS|BROKERS|NETWORKS|SERVICES|MASTER_KEY|_S3)$/;
/** The connection in the chart's network policy that a variable needs; null if it needs none of its own. */
const CONNECTION_OF: Readonly<Record<string, string | null>> = {
  KAFKA_BROKERS: "kafka",
  REDIS_URL: "redis",
  POSTGRES_URL: "postgres",
  AUTH_JWKS_URL: "auth",
  AUTH_TOKEN_URL: "auth",
  INGESTION_URL: "ingestion",
  CONTROL_URL: "control",
  WATCHED_SERVICES: "archive",
  SCORING_ADDRESS: "scoring",
  SCORING_ENDPOINT_URL: "endpoint",
  REGISTRY_URL: "registry",
  LAKE_URL: "lake",
  ATTACHMENTS_URL: "attachments",
  AUDIT_ANCHOR_URL: "anchors",
  NARRATIVE_ENDPOINT: "narrative",
  PERSONAL_MASTER_KEY: "keys",
  WEBHOOK_ALLOWED_NETWORKS: "receivers",
  PROVIDER_ALLOWED_NETWORKS: "providers",
  OTEL_EXPORTER_OTLP_ENDPOINT: "collector",
  // The S3 server of the buckets above, and the address under which browsers reach the console.
  AWS_ENDPOINT_URL_S3: null,
  CONSOLE_URL: null,
};
const [, CONNECTIONS = ""] = readFileSync(
  new URL("../../../../deploy/helm/tripline/templates/networkpolicy.yaml", import.meta.url),
  "utf8",
).split("$connections := dict");

/** Variables that a Dockerfile sets for the services. */
function variablesOfImage(file: string): Readonly<Record<string, string>> {
  const lines = [...readFileSync(new URL(file, DOCKER), "utf8").matchAll(/^ENV (.*)$/gm)].map(([, line = ""]) => line);
  const pairs = lines.join(" ").matchAll(/\b([A-Z_]+)=(\S+)/g);
  return Object.fromEntries([...pairs].map(([, name = "", value = ""]) => [name, value]));
}

describe.each(SERVICE_NAMES)("the variables of %s", (service) => {
  const schema = SCHEMAS[service];
  const variables = variablesOf(service);

  test("are in the service's schema, or have a description of what reads them", () => {
    const unknown = Object.entries(variables).filter(
      ([name, { description }]) => !(name in schema.shape) && !description,
    );
    expect(unknown).toEqual([]);
  });

  test("include all that the service requires in the chart, in Compose and on one machine", () => {
    const required = schema.safeParse({}).error?.issues.map((issue) => String(issue.path[0])) ?? [];
    expect(required).not.toEqual([]);
    const ofImage = variablesOfImage("node.Dockerfile");
    for (const name of required) {
      const { chart, compose, composeSecret, local } = variables[name] ?? {};
      const inCompose = compose ?? composeSecret ?? ofImage[name];
      expect([name, sourcesOf(chart).length > 0, inCompose !== undefined, local !== undefined]).toEqual([
        name,
        true,
        true,
        true,
      ]);
    }
  });

  test("have the connections that they need in the chart's network policy", () => {
    const line = CONNECTIONS.split("\n").find((text) => text.startsWith(`  "${service}" (`)) ?? "";
    const addresses = Object.keys(variables).filter(
      (name) => ADDRESS.test(name) && sourcesOf(variables[name]?.chart).length > 0,
    );
    expect(addresses).not.toEqual([]);
    for (const name of addresses) {
      const connection = CONNECTION_OF[name];
      expect([name, connection === null || line.includes(`"${connection}"`)]).toEqual([name, true]);
    }
  });

  test("are described, and numbers have a unit", () => {
    const described = describeVariables(schema.shape, variables);
    expect(described.filter(({ description }) => description === "").map(({ name }) => name)).toEqual([]);
    expect(described.filter(({ isNumber, unit }) => isNumber && unit === "").map(({ name }) => name)).toEqual([]);
  });

  test("are accepted by the service with the values for one machine", () => {
    const plan = planServices({
      hasConsole: true,
      ports: {
        ingestion: 1,
        auth: 2,
        features: 3,
        scoring: 4,
        scoringGrpc: 5,
        decisions: 6,
        archive: 7,
        kafka: 8,
        redis: 9,
        postgres: 10,
        control: 11,
        console: 12,
      },
      secrets: {
        clientSecret: "s".repeat(32),
        operatorSecret: "o".repeat(32),
        approverSecret: "a".repeat(32),
        trainingSecret: "t".repeat(32),
        consoleSecret: "c".repeat(32),
        demoPassword: "d".repeat(32),
        leadPassword: "l".repeat(32),
        sessionKey: Buffer.alloc(32, 3).toString("base64"),
        cardTokenKey: Buffer.alloc(32, 1).toString("base64"),
        personalMasterKey: Buffer.alloc(32, 4).toString("base64"),
        auditSigningKey: Buffer.alloc(32, 3).toString("base64"),
        keyEncryptionKey: Buffer.alloc(32, 2).toString("base64"),
      },
      kafkaBrokers: ["127.0.0.1:8"],
      redisUrl: "redis://127.0.0.1:9",
      postgresUrl: "postgres://127.0.0.1:10/tripline",
      registryUrl: "file:///registry",
      eventAgeDaysMax: 30,
      scoringWaitMs: 250,
      contributionsWaitMs: 0,
      lakeDirectory: "/lake",
      attachmentsUrl: "file:///attachments",
      anchorsUrl: "file:///anchors",
      accessOf: () => ACCESS,
    }).find(({ name }) => name === service);
    const config = readConfig(schema, plan?.environment ?? {});
    // Node itself reads variables with a description; the others are in the schema.
    const given = Object.entries(variables).filter(
      ([, { local, description }]) => local !== undefined && description === undefined,
    );
    expect(given.filter(([name]) => config[name] === undefined)).toEqual([]);
  });
});

test("the images and the chart set the same variables", () => {
  const chart = { ...VARIABLE_GROUPS.service, ...variablesOf("scoring") };
  const files = ["node.Dockerfile", "scoring-gpu.Dockerfile"];
  const set = files.flatMap((file) => Object.entries(variablesOfImage(file)).filter(([name]) => name in chart));
  expect(new Set(set.map(([name]) => name))).toEqual(new Set(["HOST", "PORT", "METRICS_PORT", "EXECUTION_PROVIDERS"]));
  for (const [name, value] of set) {
    const [source] = sourcesOf(chart[name as keyof typeof chart].chart);
    expect([name, String(source?.value).replaceAll('"', "")]).toEqual([name, value]);
  }
});

test("the chart opens the ports that the services listen on", () => {
  const opened = readFileSync(DEPLOYMENT, "utf8").matchAll(/name: (\w+), containerPort: (\d+)/g);
  const variables = { http: "PORT", metrics: "METRICS_PORT", grpc: "GRPC_PORT" };
  const chart = variablesOf("scoring");
  const listening = Object.entries(variables).map(([name, variable]) => [
    name,
    String(sourcesOf(chart[variable]?.chart)[0]?.value).replaceAll('"', ""),
  ]);
  expect([...opened].map(([, name, port]) => [name, port])).toEqual(listening);
});
