import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { archiveConfig } from "@tripline/archive/config";
import { authConfig } from "@tripline/auth/config";
import { consoleConfig } from "@tripline/console/config";
import { controlConfig } from "@tripline/control/config";
import { decisionsConfig } from "@tripline/decisions/config";
import { featuresConfig } from "@tripline/features/config";
import { rebuildConfig } from "@tripline/features/rebuild/rebuild-config";
import { snapshotConfig, snapshotWorkerConfig } from "@tripline/features/snapshot/snapshot-config";
import { ingestionConfig } from "@tripline/ingestion/config";
import { scoringConfig } from "@tripline/scoring/config";
import { readConfig } from "@tripline/settings/read-config";
import { readAccessRules } from "@tripline/system/access/access-rules";
import { makeAccess } from "@tripline/system/access/make-access";
import { LITE_TARGETS } from "@tripline/system/service-environment/write-compose-environment";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { databaseUserIn, makeSecrets } from "@tripline/system/services/write-secrets";
import { readProcess } from "@tripline/tripline/read-process";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = new URL("../../../../", import.meta.url);

const SERVICES = [
  ["auth", authConfig],
  ["control", controlConfig],
  ["console", consoleConfig],
  ["ingestion", ingestionConfig],
  ["features", featuresConfig],
  ["scoring", scoringConfig],
  ["decisions", decisionsConfig],
  ["archive", archiveConfig],
  ["rebuild-state", rebuildConfig],
  ["snapshot-state", snapshotConfig],
  ["snapshots", snapshotWorkerConfig],
] as const;

/** Commands that connect as the operator. */
const TASKS: ReadonlySet<string> = new Set(["rebuild-state", "snapshot-state"]);
/** Programs whose results other services report as metrics. */
const UNMEASURED: ReadonlySet<string> = new Set([...TASKS, "snapshots"]);

/**
 * Variables read outside of a service's schema: by its telemetry, by clients of a model registry, by Node itself and by
 * glibc.
 */
const READ_ELSEWHERE = new Set([
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "DEPLOYMENT_ENVIRONMENT",
  "MODEL_CACHE_DIRECTORY",
  "NODE_OPTIONS",
  "TMPDIR",
  "MALLOC_MMAP_THRESHOLD_",
]);
/** Variables of the process of apps/tripline itself. */
const OF_THE_PROCESS = ["TARGETS", ...READ_ELSEWHERE];
/** Variables that node.Dockerfile sets. */
const OF_THE_IMAGE = { PORT: "8080", HOST: "0.0.0.0" };
const SECRETS = "/run/tripline/secrets";
/** Where compose.tls.yaml mounts the folder with certificates and addresses. */
const TLS = "/run/tripline/tls";
const RULES = "deploy/helm/tripline/files";
const MIB_OF_UNIT = { m: 1, g: 1_024 };

const composeFile = z.object({
  services: z.record(
    z.string(),
    z.object({
      mem_limit: z.string().optional(),
      ports: z.array(z.string()).default([]),
      networks: z.object({ default: z.object({ aliases: z.array(z.string()) }) }).optional(),
      profiles: z.array(z.string()).default([]),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
      command: z.array(z.string()).optional(),
      entrypoint: z.array(z.string()).optional(),
      // Compose substitutes variables after parsing the file, so it treats numeric defaults as text.
      environment: z.record(z.string(), z.union([z.string(), z.number().transform(String)]).nullable()).default({}),
      volumes: z
        .array(z.union([z.string(), z.object({ target: z.string(), volume: z.looseObject({}).optional() })]))
        .default([]),
    }),
  ),
});

/** The services in a file of Compose, with variables replaced by their defaults. */
function readCompose(file: string) {
  const text = readFileSync(new URL(file, ROOT), "utf8");
  const filled = text.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");
  // Tags of Compose: `!reset` removes a value, and `!override` needs no special treatment.
  const customTags = [{ tag: "!reset", resolve: () => null }];
  return composeFile.parse(parse(filled, { merge: true, customTags, logLevel: "error" })).services;
}

const base = { ...readCompose("compose.yaml"), ...readCompose("deploy/observability/compose.yaml") };
const lite = readCompose("compose.lite.yaml");
const tls = readCompose("compose.tls.yaml");
const brokers = readCompose("compose.brokers.yaml");

/** Subfolders of the volume `secrets` that are mounted at a path. */
function mountedAt(volumes: (typeof base)[string]["volumes"], target: string) {
  return volumes.flatMap((volume) =>
    typeof volume === "object" && volume.target === target ? [volume.volume?.subpath] : [],
  );
}

/** Further variables that a service may have: the variables of its schema, with and without its name as a prefix. */
function variablesOfPart(target: string, targets: readonly string[]): readonly string[] {
  const schema = SERVICES.find(([name]) => name === target)?.[1];
  const own = Object.keys(schema?.shape ?? {}).filter(
    (name) => !targets.includes("scoring") || name !== "SCORING_ADDRESS",
  );
  return [...OF_THE_PROCESS, ...own, ...own.map((name) => `${target.toUpperCase()}_${name}`)];
}

function memoryMib(name: string, limits: readonly string[]): number {
  const limit = limits.find((text) => text !== "");
  const match = /^(\d+)([mg])$/.exec(limit ?? "");
  if (match === null) throw new Error(`service ${name} has no memory limit in whole m or g`);
  return Number(match[1]) * MIB_OF_UNIT[match[2] as keyof typeof MIB_OF_UNIT];
}

describe("compose.yaml", () => {
  let secrets: string;

  beforeAll(async () => {
    secrets = mkdtempSync(join(tmpdir(), "tripline-compose-"));
    const database = "postgres:5432/tripline";
    makeSecrets(secrets, database);
    const addresses = { redis: "valkey:6379", database, databaseUser: databaseUserIn(secrets) };
    const issued = await makeAccess(join(secrets, "tls"), readAccessRules(), addresses);
    expect(issued).toContain("decisions");
    expect(await makeAccess(join(secrets, "tls"), readAccessRules(), addresses)).toEqual([]);
  });

  afterAll(() => rmSync(secrets, { recursive: true }));

  test.each(SERVICES)("%s accepts its settings and the generated secrets", (name, schema) => {
    const given = { ...OF_THE_IMAGE, ...base[name]?.environment };
    const set = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null);
    // Each service sees its own subfolder of the volume under the same path.
    const environment = Object.fromEntries(
      set.map(([variable, value]) => [variable, value.replace(SECRETS, join(secrets, name))]),
    );
    expect(() => readConfig<z.ZodType>(schema, environment)).not.toThrow();
  });

  test.each(SERVICES)("%s has a description of each of its variables", (name, schema) => {
    const known = schema.shape as Readonly<Record<string, unknown>>;
    const variables = Object.keys(base[name]?.environment ?? {});
    expect(variables).not.toHaveLength(0);
    const unknown = variables.filter(
      (variable) => !(variable in known || variable.replace(/_FILE$/, "") in known || READ_ELSEWHERE.has(variable)),
    );
    expect(unknown).toEqual([]);
  });

  test.each(SERVICES)(
    "%s in compose.tls.yaml accepts its settings, uses TLS everywhere and has its own identity",
    (name, schema) => {
      const given = { ...OF_THE_IMAGE, ...base[name]?.environment, ...tls[name]?.environment };
      const set = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null);
      const user = TASKS.has(name) ? "operator" : name;
      const environment = Object.fromEntries(
        set.map(([variable, value]) => [
          variable,
          value.replace(TLS, join(secrets, "tls", user)).replace(SECRETS, join(secrets, name)),
        ]),
      );
      const config = readConfig<z.ZodType<Record<string, unknown>>>(schema, environment);
      for (const [variable, value] of Object.entries(config)) {
        expect([variable, value]).toEqual([variable, expect.not.stringMatching(/http:\/\//)]);
      }
      if ("REDIS_URL" in schema.shape)
        expect(config.REDIS_URL).toMatch(new RegExp(`^rediss://${user}:[^:]+@valkey:6379$`));
      if ("POSTGRES_URL" in schema.shape) {
        expect(config.POSTGRES_URL).toMatch(new RegExp(`^postgres://${user}:[^:]+@postgres:5432/tripline$`));
      }
      if ("KAFKA_TLS" in schema.shape) expect(config.KAFKA_TLS).toBe(true);
      for (const variable of Object.keys(config).filter((one) => /_(CERT|KEY|CA)_FILE$/.test(one))) {
        const file = config[variable];
        if (typeof file === "string") expect([variable, existsSync(file)]).toEqual([variable, true]);
      }
      expect(mountedAt(tls[name]?.volumes ?? [], TLS)).toEqual([`tls/${user}`]);
    },
  );

  test("each server and the permissions job have their files in compose.tls.yaml", () => {
    for (const name of ["kafka", "valkey", "postgres", "topics"]) {
      const text = JSON.stringify(tls[name]);
      const folder = name === "topics" ? "setup" : name;
      const files = [...text.matchAll(/\/run\/tripline\/tls\/([\w.-]+)/g)].map(([, file = ""]) => file);
      expect(files).not.toEqual([]);
      for (const file of files) {
        expect([name, file, existsSync(join(secrets, "tls", folder, file))]).toEqual([name, file, true]);
      }
      expect(mountedAt(tls[name]?.volumes ?? [], TLS)).toEqual([`tls/${folder}`]);
    }
  });

  test("with compose.brokers.yaml, three brokers form one cluster, and each is also reachable as kafka", () => {
    const names = ["kafka", "kafka-2", "kafka-3"];
    const hosts = names.map((_, index) => `kafka-${index + 1}`);
    const copies = { KAFKA_DEFAULT_REPLICATION_FACTOR: "3", KAFKA_MIN_INSYNC_REPLICAS: "2" };
    const voters = hosts.map((host, index) => `${index + 1}@${host}:9093`).join(",");
    for (const [index, name] of names.entries()) {
      const { environment, networks } = brokers[name] ?? {};
      const settings = { ...base.kafka?.environment, ...environment };
      const own = { KAFKA_NODE_ID: String(index + 1), KAFKA_CONTROLLER_QUORUM_VOTERS: voters, ...copies };
      expect(settings).toMatchObject(own);
      expect(settings.KAFKA_ADVERTISED_LISTENERS).toMatch(new RegExp(`^INSIDE://${hosts[index]}:9092,HOST://`));
      expect(new Set([name, ...(networks?.default.aliases ?? [])])).toEqual(new Set(["kafka", hosts[index]]));
    }
    // With fewer brokers, a topic could not have three copies.
    const awaited = { ...base.topics?.depends_on, ...brokers.topics?.depends_on };
    expect(Object.keys(awaited)).toEqual(names);
  });

  test.each(Object.entries(LITE_TARGETS))(
    "the container of %s in the lite file runs each of %j once, with its settings, files and folders",
    async (host, targets) => {
      const mounts = [...(base[host]?.volumes ?? []), ...(lite[host]?.volumes ?? [])];
      const folders = mounts.flatMap((volume) =>
        typeof volume === "object" && volume.target.startsWith(SECRETS)
          ? [[volume.target, join(secrets, String(volume.volume?.subpath))] as const]
          : [],
      );
      const given = { ...OF_THE_IMAGE, ...base[host]?.environment, ...lite[host]?.environment };
      const set = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null);
      const environment = set.map(([variable, value]) => {
        const [target, folder] = folders.find(([one]) => dirname(value) === one) ?? ["", ""];
        return [variable, target === "" ? value : join(folder, basename(value))] as const;
      });
      const { parts } = await readProcess(Object.fromEntries(environment));
      expect([...parts.keys()].toSorted()).toEqual([...targets].toSorted());
      const known = new Set(targets.flatMap((target) => variablesOfPart(target, targets)));
      expect(set.map(([variable]) => variable.replace(/_FILE$/, "")).filter((name) => !known.has(name))).toEqual([]);
      for (const target of targets.filter((one) => one !== host)) expect(lite[target]?.profiles).toEqual(["apart"]);
    },
  );

  test("a service in the lite file is reachable by its own name and the configured port", async () => {
    const watched = lite.auth?.environment.WATCHED_SERVICES ?? "";
    expect(watched.split(",")).toEqual([
      "auth=http://auth:8080",
      "control=http://control:8082",
      "ingestion=http://ingestion:8080",
      "features=http://features:8082",
      "decisions=http://decisions:8080",
      "archive=http://archive:8084",
      "scoring=http://scoring:8082",
    ]);
    for (const [host, [, ...others]] of Object.entries(LITE_TARGETS)) {
      expect(lite[host]?.networks?.default.aliases).toEqual(others);
      for (const other of others) {
        const port = lite[host]?.environment[`${other.toUpperCase()}_PORT`];
        expect(lite[host]?.ports.filter((text) => text.endsWith(`:${port}`))).toHaveLength(1);
      }
    }
  });

  test("a service that reads secrets mounts only its own secrets folder", () => {
    for (const [name, { environment, volumes }] of Object.entries(base)) {
      const reads = Object.values(environment).some((value) => value?.startsWith(SECRETS));
      const mounted = mountedAt(volumes, SECRETS);
      const folder = ["traffic", "tripline"].includes(name) ? "client" : name;
      expect([name, mounted]).toEqual([name, reads ? [folder] : []]);
    }
  });

  test("Feast has the variables its repository requires, and writes where features reads profiles", () => {
    const definitions = readFileSync(new URL("training/feature_repo/definitions.py", ROOT), "utf8");
    const needed = [...(/^_NEEDED = (.*)$/m.exec(definitions)?.[1] ?? "").matchAll(/\("(\w+)"/g)];
    expect(needed.map(([, name]) => name)).toEqual(["FEAST_DATA", "FEAST_REDIS"]);
    for (const name of ["feast", "feast-materialize"]) {
      const environment = base[name]?.environment ?? {};
      for (const [, variable = ""] of needed) expect(environment[variable]).toBeTruthy();
      expect(environment.FEAST_REDIS).toBe("valkey:6379,db=0");
    }
    // When the service restores lost states, it deletes the rows of erased people there.
    for (const name of ["features", "rebuild-state", "snapshots"])
      expect(base[name]?.environment.FEAST_TENANT).toBe(DEMO_TENANT);
    // By default, no profiles are read. All three services have the same value.
    for (const name of ["features", "decisions", "control"])
      expect(base[name]?.environment).toMatchObject({ FEAST_PROFILES: null });
    for (const [name] of SERVICES) expect(base[name]?.environment.REDIS_URL ?? "redis://valkey:6379").toMatch(/6379$/);
  });

  test("regression #24: nothing materialises profiles without the `feast` profile, and the first model uses no profiles", () => {
    const read = (name: string) => JSON.stringify([base[name]?.command, base[name]?.entrypoint]);
    const materialising = Object.keys(base).filter((name) => /keep_online|materialize|load-profiles/.test(read(name)));
    expect(materialising).toEqual(["feast-materialize"]);
    expect(base["feast-materialize"]?.profiles).toEqual(["feast"]);
    // The command that apps/cli's train.test checks. The chart's job runs the same one.
    expect(base.model?.command).toEqual(expect.arrayContaining(["train", "--unless-published"]));
    const chart = (name: string) => readFileSync(new URL(`deploy/helm/tripline/templates/${name}`, ROOT), "utf8");
    expect(chart("job-first-model.yaml")).toMatch(/args:\s+- train\s+- --unless-published/);
    const templates = readdirSync(new URL("deploy/helm/tripline/templates", ROOT));
    const files = templates.filter((name) => name.endsWith(".yaml"));
    expect(files.filter((name) => /keep_online|materialize|load-profiles/.test(chart(name)))).toEqual([]);
  });

  test("Prometheus scrapes each process once, even with compose.lite.yaml, which has no alerts about missing jobs", () => {
    const read = (file: string) => parse(readFileSync(new URL(file, ROOT), "utf8"));
    const whole = read("deploy/observability/prometheus.yaml");
    const few = read("deploy/observability/prometheus.lite.yaml");
    const targetsOf = ({ scrape_configs: [scraping] }: typeof few) => scraping.static_configs[0].targets.toSorted();
    const at = (names: readonly string[]) => names.map((name) => `${name}:9464`).toSorted();
    const services = SERVICES.map(([name]) => name).filter((name) => !UNMEASURED.has(name));
    expect(targetsOf(whole)).toEqual(at([...services, "training"]));
    expect(targetsOf(few)).toEqual(at(Object.keys(LITE_TARGETS)));
    expect(few.scrape_configs[0].relabel_configs).toEqual(whole.scrape_configs[0].relabel_configs);
    expect(lite.prometheus?.volumes).toEqual([
      "./deploy/observability/prometheus.lite.yaml:/etc/prometheus/prometheus.yaml:ro",
    ]);
    const absent = (file: string) => /absent\(up/.test(readFileSync(new URL(`${RULES}/${file}`, ROOT), "utf8"));
    expect(whole.rule_files.filter(absent)).toEqual(["alerts-gone.yaml"]);
    expect(few.rule_files).toEqual(whole.rule_files.filter((file: string) => !absent(file)));
  });

  test("everything, with observability and traffic, fits into 7.5 GiB, and compose.lite.yaml into 3 GiB", () => {
    const within = (profiles: readonly string[], over: typeof base): number => {
      const limits = Object.entries(base)
        .filter(([name]) => (over[name]?.profiles ?? []).length === 0)
        .filter(([, service]) => service.profiles.every((profile) => profiles.includes(profile)))
        .map(([name, { mem_limit = "", depends_on }]) => ({
          mib: memoryMib(name, [over[name]?.mem_limit ?? "", mem_limit]),
          isAfterModel: depends_on.model?.condition === "service_completed_successfully",
          name,
        }));
      const sum = (parts: typeof limits): number => parts.reduce((all, { mib }) => all + mib, 0);
      // Services that wait for the first model do not run while it is trained.
      const training = limits.filter(({ isAfterModel }) => !isAfterModel);
      const running = limits.filter(({ name }) => name !== "model");
      return Math.max(sum(training), sum(running));
    };
    expect(within(["observability", "traffic"], {})).toBeLessThanOrEqual(7.5 * 1_024);
    expect(within([], lite)).toBeLessThanOrEqual(3 * 1_024);
  });
});
