import { readConfig } from "@tripline/service-kit/read-config";
import { scoringConfig } from "./config.js";

const REQUIRED = { PORT: "0", GRPC_PORT: "0", REGISTRY_URL: "file:///models" };

test("has a default for all that can have one", () => {
  expect(readConfig(scoringConfig, REQUIRED)).toMatchObject({
    MODEL_NAME: "fraud",
    MODEL_ALIAS: "champion",
    REGISTRY_POLL_SECONDS: 5,
    WORKERS: 1,
    ROWS_PER_RUN_MAX: 512,
    ROWS_QUEUED_MAX: 4_096,
    EXECUTION_PROVIDERS: ["cpu"],
    REQUIRE_GPU: false,
  });
});

test("reads providers in their order", () => {
  const config = readConfig(scoringConfig, { ...REQUIRED, EXECUTION_PROVIDERS: "cuda, cpu", REQUIRE_GPU: "true" });
  expect(config.EXECUTION_PROVIDERS).toEqual(["cuda", "cpu"]);
  expect(config.REQUIRE_GPU).toBe(true);
});

test.each([
  [{ WORKERS: "0" }, "WORKERS"],
  [{ GRPC_PORT: "70000" }, "GRPC_PORT"],
  [{ EXECUTION_PROVIDERS: "tpu" }, "EXECUTION_PROVIDERS"],
  [{ REQUIRE_GPU: "true" }, "REQUIRE_GPU: needs cuda"],
  [{ REQUIRE_GPU: "maybe" }, "REQUIRE_GPU"],
  [{ REGISTRY_POLL_SECONDS: "0" }, "REGISTRY_POLL_SECONDS"],
])("refuses %j and names the variable", (changes, name) => {
  expect(() => readConfig(scoringConfig, { ...REQUIRED, ...changes })).toThrow(name);
});
