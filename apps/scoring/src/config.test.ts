import { readConfig } from "@tripline/settings/read-config";
import { scoringConfig } from "./config.js";

const REQUIRED = { PORT: "0", GRPC_PORT: "0", REGISTRY_URL: "file:///models" };

test("every optional setting has a default", () => {
  expect(readConfig(scoringConfig, REQUIRED)).toMatchObject({
    MODELS: [
      { name: "fraud", alias: "champion" },
      { name: "fraud", alias: "candidate", isOptional: true },
    ],
    MODELS_MAX: 16,
    MODEL_SETTINGS: {},
    MODEL_CONTROL: "none",
    REGISTRY_POLL_SECONDS: 5,
    WORKERS: 1,
    ROWS_QUEUED_MAX: 4_096,
    ROWS_PER_RUN_MAX_BY_PROVIDER: {},
    EXECUTION_PROVIDERS: ["trees", "cpu"],
    REQUIRE_GPU: false,
  });
});

test("reads execution providers in order", () => {
  const config = readConfig(scoringConfig, { ...REQUIRED, EXECUTION_PROVIDERS: "cuda, cpu", REQUIRE_GPU: "true" });
  expect(config.EXECUTION_PROVIDERS).toEqual(["cuda", "cpu"]);
  expect(config.REQUIRE_GPU).toBe(true);
});

test("reads the maximum number of rows per run for each provider", () => {
  const config = readConfig(scoringConfig, { ...REQUIRED, ROWS_PER_RUN_MAX_BY_PROVIDER: "cuda=4096, trees=1024" });
  expect(config.ROWS_PER_RUN_MAX_BY_PROVIDER).toEqual({ cuda: 4_096, trees: 1_024 });
});

test("reads models with their settings, and champion as the default alias", () => {
  const config = readConfig(scoringConfig, {
    ...REQUIRED,
    MODELS: "fraud@shadow, small,*@challenger,small@candidate?",
    MODEL_SETTINGS: '{"small":{"workers":2},"fraud@shadow":{"execution_providers":["cuda","cpu"],"require_gpu":true}}',
  });
  expect(config.MODELS).toEqual([
    { name: "fraud", alias: "shadow" },
    { name: "small", alias: "champion" },
    { name: "*", alias: "challenger" },
    { name: "small", alias: "candidate", isOptional: true },
  ]);
  expect(config.MODEL_SETTINGS).toEqual({
    small: { workers: 2 },
    "fraud@shadow": { execution_providers: ["cuda", "cpu"], require_gpu: true },
  });
});

test.each([
  [{ MODELS: "" }, "MODELS: must be *@alias, or a comma-separated list"],
  [{ MODELS: "fraud@" }, "MODELS: must be *@alias, or a comma-separated list"],
  [{ MODELS: "fraud@champion,fraud" }, "MODELS: contains a model twice"],
  [{ MODEL_SETTINGS: "{" }, "MODEL_SETTINGS: must be JSON"],
  [{ MODEL_SETTINGS: '{"fraud":{"threads":2}}' }, "MODEL_SETTINGS"],
  [{ MODEL_SETTINGS: '{"Fraud":{"workers":2}}' }, "MODEL_SETTINGS"],
  [{ MODEL_SETTINGS: '{"fraud":{"workers":0}}' }, "MODEL_SETTINGS"],
  [{ MODEL_CONTROL: "poll" }, "MODEL_CONTROL"],
  [{ WORKERS: "0" }, "WORKERS"],
  [{ ROWS_PER_RUN_MAX_BY_PROVIDER: "tpu=8" }, "ROWS_PER_RUN_MAX_BY_PROVIDER"],
  [{ ROWS_PER_RUN_MAX_BY_PROVIDER: "cpu" }, "ROWS_PER_RUN_MAX_BY_PROVIDER"],
  [{ GRPC_PORT: "70000" }, "GRPC_PORT"],
  [{ EXECUTION_PROVIDERS: "tpu" }, "EXECUTION_PROVIDERS"],
  [{ REQUIRE_GPU: "true" }, "REQUIRE_GPU: needs a GPU"],
  [{ REQUIRE_GPU: "maybe" }, "REQUIRE_GPU"],
  [{ REGISTRY_POLL_SECONDS: "0" }, "REGISTRY_POLL_SECONDS"],
])("rejects %j and names the variable", (changes, name) => {
  expect(() => readConfig(scoringConfig, { ...REQUIRED, ...changes })).toThrow(name);
});
