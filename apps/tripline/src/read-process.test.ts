import { loadPart } from "./load-part.js";
import { settingsOf } from "./part-settings.js";
import { readProcess } from "./read-process.js";
import { prefixed, TARGETS } from "./targets.js";

const KEY = Buffer.alloc(32, 1).toString("base64");

/** Enough for every part, each on a free port. */
const SHARED = {
  PORT: "0",
  KAFKA_BROKERS: "127.0.0.1:9092",
  REDIS_URL: "redis://127.0.0.1:6379",
  POSTGRES_URL: "postgres://127.0.0.1:5432/tripline",
  REGISTRY_URL: "file:///models",
  LAKE_DIRECTORY: "/lake",
  AUTH_ISSUER: "http://127.0.0.1:7401",
  KEY_ENCRYPTION_KEY: KEY,
  CARD_TOKEN_KEY: KEY,
  SESSION_KEY: KEY,
  CONSOLE_URL: "http://127.0.0.1:7416",
  CONSOLE_CLIENT_SECRET: "a-secret-of-more-than-24-characters",
};

const read = (changes: Record<string, string | undefined>, cores?: number) =>
  readProcess({ ...SHARED, ...changes }, cores);

test("gives each part the shared settings and its own; the first part serves the metrics", async () => {
  const { parts, DRAIN_SECONDS } = await read({
    TARGETS: "decisions, scoring",
    DECISIONS_PORT: "7405",
    METRICS_PORT: "9464",
    SCORING_DRAIN_SECONDS: "3",
    DRAIN_SECONDS: "2",
  });
  expect([...parts.keys()]).toEqual(["scoring", "decisions"]);
  expect(parts.get("scoring")?.config).toMatchObject({ PORT: 0, METRICS_PORT: 9464, DRAIN_SECONDS: 3 });
  expect(parts.get("decisions")?.config).toMatchObject({ PORT: 7405, DRAIN_SECONDS: 2 });
  expect(parts.get("decisions")?.config.METRICS_PORT).toBeUndefined();
  expect(parts.get("scoring")?.config.GRPC_PORT).toBeUndefined();
  expect(DRAIN_SECONDS).toBe(3);
});

test("TARGETS=all runs all parts and gives each the addresses of the others", async () => {
  const ports = { AUTH_PORT: "7401", CONTROL_PORT: "7415", INGESTION_PORT: "7400" };
  const { parts } = await read({ TARGETS: "all", ...ports });
  expect([...parts.keys()]).toEqual([...TARGETS]);
  const keys = { AUTH_JWKS_URL: "http://127.0.0.1:7401/oauth/jwks" };
  for (const target of ["control", "features", "ingestion", "console"] as const) {
    expect(parts.get(target)?.config).toMatchObject(keys);
  }
  expect(parts.get("console")?.config).toMatchObject({
    AUTH_TOKEN_URL: "http://127.0.0.1:7401/oauth/token",
    CONTROL_URL: "http://127.0.0.1:7415",
    INGESTION_URL: "http://127.0.0.1:7400",
  });
});

test("an address that is set takes precedence over that of the part in the same process", async () => {
  const { parts } = await read({ TARGETS: "auth,control", AUTH_PORT: "7401", AUTH_JWKS_URL: "http://auth/keys" });
  expect(parts.get("control")?.config).toMatchObject({ AUTH_JWKS_URL: "http://auth/keys" });
});

test("a part's own value overrides a shared file, and its own file overrides a shared value", () => {
  const environment = { KEY_FILE: "/shared", AUTH_KEY: "own", TOKEN: "shared", AUTH_TOKEN_FILE: "/own" };
  const settings = settingsOf("auth", ["KEY", "TOKEN"], environment, true);
  expect(settings).toMatchObject({ KEY: "own", KEY_FILE: undefined, TOKEN: undefined, TOKEN_FILE: "/own" });
});

test("no part has a variable whose name could be mistaken for another part's", async () => {
  const all = await Promise.all(TARGETS.map(async (target) => ({ target, ...(await loadPart(target, TARGETS)) })));
  const known = new Set(all.flatMap(({ variables }) => variables));
  const own = all.flatMap(({ target, variables }) => variables.map((name) => prefixed(target, name)));
  expect(own.filter((name) => known.has(name))).toEqual([]);
});

test.each<[string, Record<string, string>, number | undefined, string]>([
  [
    "no target",
    { TARGETS: " " },
    undefined,
    "TARGETS is not set. Set it to a comma-separated list of what this process runs:",
  ],
  [
    "an unknown target",
    { TARGETS: "scorer" },
    undefined,
    'TARGETS contains "scorer", which does not exist. Choose from auth,',
  ],
  [
    "decisions without scoring",
    { TARGETS: "decisions,features" },
    undefined,
    "TARGETS contains decisions without scoring, which it requires. Add scoring, or set SCORING_ADDRESS to use one in another process.",
  ],
  [
    "ingestion without auth",
    { TARGETS: "ingestion" },
    undefined,
    "TARGETS contains ingestion without auth, which it requires. Add auth, or set AUTH_ISSUER and AUTH_JWKS_URL to use one in another process.",
  ],
  [
    "control without auth",
    { TARGETS: "control" },
    undefined,
    "TARGETS contains control without auth, which it requires. Add auth, or set AUTH_ISSUER and AUTH_JWKS_URL to use one in another process.",
  ],
  [
    "console without control",
    { TARGETS: "auth,console" },
    undefined,
    "TARGETS contains console without control, which it requires. Add control, or set CONTROL_URL to use one in another process.",
  ],
  [
    "console without ingestion",
    { TARGETS: "auth,control,console" },
    undefined,
    "TARGETS contains console without ingestion, which it requires. Add ingestion, or set INGESTION_URL to use one in another process.",
  ],
  [
    "two services on one port",
    { TARGETS: "decisions,scoring", PORT: "8080" },
    undefined,
    "scoring and decisions would both listen on port 8080: set SCORING_PORT and DECISIONS_PORT to different ports.",
  ],
  [
    "gRPC on a port in use",
    { TARGETS: "decisions,scoring", DECISIONS_PORT: "8081", GRPC_PORT: "8081" },
    undefined,
    "scoring and decisions would both listen on port 8081: set SCORING_GRPC_PORT and DECISIONS_PORT to different ports.",
  ],
  [
    "all services with half a CPU",
    { TARGETS: "all" },
    0.5,
    "This process may use 0.5 CPUs, but its 8 targets need at least 0.96. Raise the limit, or set fewer TARGETS.",
  ],
])("rejects %s in one sentence that says what to change", async (_title, changes, cores, sentence) => {
  await expect(read(changes, cores)).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringContaining(sentence),
  });
});

test("reports the invalid settings of several parts together, and names the part of each", async () => {
  const wrong = read({ TARGETS: "decisions,scoring", MODEL_NAME: "?", SCORING_WORKERS: "0" });
  await expect(wrong).rejects.toThrow(/^scoring: .*WORKERS.* decisions: .*MODEL_NAME/);
});
