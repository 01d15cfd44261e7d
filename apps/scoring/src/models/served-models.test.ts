import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import type { RepositoryIndexResponse_ModelIndex } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { readConfig } from "@tripline/settings/read-config";
import { scoringConfig } from "../config.js";
import { startScoring } from "../start-scoring.js";
import type { TestRegistry, TestScoring } from "../testing/service.js";
import {
  copyRegistry,
  failureOf,
  METHODS,
  publishAs,
  rawRequest,
  rawScores,
  startTestScoring,
  testEnvironment,
  until,
} from "../testing/service.js";

let scoring: TestScoring;

async function index(): Promise<RepositoryIndexResponse_ModelIndex[]> {
  return (await scoring.client.call(METHODS.repositoryIndex, { repositoryName: "", ready: false })).models;
}

async function scoresOf(modelName: string, modelVersion = ""): Promise<{ version: string; scores: number[] }> {
  const { inputs } = (await scoring.models.registry.resolve("fraud", "challenger")).golden;
  const response = await scoring.client.call(METHODS.modelInfer, rawRequest(inputs, { modelName, modelVersion }));
  return { version: response.modelVersion, scores: rawScores(response) };
}

function load(modelName: string) {
  return scoring.client.call(METHODS.repositoryModelLoad, { repositoryName: "", modelName, parameters: {} });
}

function unload(modelName: string) {
  return scoring.client.call(METHODS.repositoryModelUnload, { repositoryName: "", modelName, parameters: {} });
}

/** Each reason why a version cannot be served: its cause, and the end of the message. */
const FAULTS: readonly [string, (models: TestRegistry) => Promise<string>, RegExp][] = [
  ["other scores", (models) => publishAs(models, "second", "wrong-golden", "next"), /golden batch returns/],
  ["NaN", (models) => publishAs(models, "second", "always-nan", "next"), /golden batch returns NaN/],
  ["other tensors", (models) => publishAs(models, "second", "wrong-input", "next"), /has "float_input"/],
  [
    "another feature spec",
    (models) => publishAs(models, "second", "champion", "next", { feature_spec_version: 2 }),
    /trained for version 2 of the feature spec, but FEATURE_SPEC_VERSION is 1/,
  ],
  [
    "a damaged file",
    async (models) => {
      const version = await publishAs(models, "second", "sometimes-nan", "next");
      // The alias is moved first, because the registry does not allow an alias to a damaged version.
      await models.registry.setAlias("second", "champion", version);
      await truncate(join(models.root, "models/second/versions", version, "model.onnx"), 100);
      return version;
    },
    /model\.onnx differs from the published file/,
  ],
];

describe("a version that cannot be served", () => {
  let served: string;

  beforeAll(async () => {
    scoring = await startTestScoring(
      { MODELS: "fraud@champion,second@champion", FEATURE_SPEC_VERSION: "1", MODEL_CONTROL: "explicit" },
      async (models) => {
        served = await publishAs(models, "second", "challenger", "champion");
      },
    );
  });

  afterAll(() => scoring.close());

  afterEach(async () => {
    await scoring.models.registry.setAlias("second", "champion", served);
    await load("second");
  });

  test.each(FAULTS)("is rejected because of %s; the old version and the other models stay in use", async (...of) => {
    const [, publish, reason] = of;
    const before = await scoresOf("second");
    const refused = await publish(scoring.models);
    const { registry } = scoring.models;
    if ((await registry.aliasTarget("second", "champion")) !== refused) {
      await registry.setAlias("second", "champion", refused);
    }
    const error = await failureOf(load("second"));
    expect(error.code).toBe(status.FAILED_PRECONDITION);
    expect(error.details).toMatch(reason);
    expect(await index()).toEqual([
      expect.objectContaining({ name: "fraud", state: "READY" }),
      { name: "second", version: served, state: "READY", reason: "" },
      { name: "second", version: refused, state: "UNAVAILABLE", reason: expect.stringMatching(reason) },
    ]);
    expect(await scoresOf("second")).toEqual(before);
    expect(before.version).toBe(served);
    expect((await scoresOf("fraud")).scores).toHaveLength(before.scores.length);
    expect(await scoring.client.call(METHODS.serverReady, {})).toEqual({ ready: true });
  });
});

describe("several models", () => {
  afterEach(() => scoring.close());

  test("have their own threads, limits and statistics, and their own scores per version", async () => {
    scoring = await startTestScoring(
      {
        MODELS: "fraud@champion,fraud@challenger,second",
        MODEL_SETTINGS:
          '{"fraud":{"rows_per_run_max":40},"fraud@challenger":{"workers":3},"second":{"rows_per_run_max":8}}',
      },
      async (models) => void (await publishAs(models, "second", "challenger", "champion")),
    );
    const { registry } = scoring.models;
    const [champion, challenger] = [
      await registry.resolve("fraud", "champion"),
      await registry.resolve("fraud", "challenger"),
    ];
    const configOf = async (name: string, version: string) =>
      (await scoring.client.call(METHODS.modelConfig, { name, version })).config;
    expect(await configOf("fraud", "")).toMatchObject({ maxBatchSize: 40, instanceGroup: [{ count: 1 }] });
    expect(await configOf("fraud", "challenger")).toMatchObject({ maxBatchSize: 40, instanceGroup: [{ count: 3 }] });
    expect(await configOf("second", "")).toMatchObject({ maxBatchSize: 8, instanceGroup: [{ count: 1 }] });

    expect((await scoresOf("fraud")).version).toBe(champion.version);
    const own = await scoresOf("fraud", challenger.version);
    expect(own.version).toBe(challenger.version);
    expect(own.scores).toEqual(challenger.golden.outputs.map((output) => expect.closeTo(output, 4)));
    expect((await failureOf(scoresOf("second"))).details).toBe(
      'Input "features" has 32 rows; a request can have at most 8.',
    );

    const { modelStats } = await scoring.client.call(METHODS.modelStatistics, { name: "", version: "" });
    expect(modelStats).toMatchObject([
      {
        name: "fraud",
        version: champion.version,
        inferenceCount: 32,
        executionCount: 1,
        batchStats: [{ batchSize: 32 }],
      },
      { name: "fraud", version: challenger.version, inferenceCount: 32, executionCount: 1 },
      {
        name: "second",
        inferenceCount: 0,
        executionCount: 0,
        inferenceStats: { success: { count: 0 }, fail: { count: 1 } },
      },
    ]);
  });

  test("* serves all models that have the alias, even later ones, up to the limit, and skips rejected ones", async () => {
    scoring = await startTestScoring(
      { MODELS: "*@challenger", MODELS_MAX: "3", REGISTRY_POLL_SECONDS: "0.02", MODEL_CONTROL: "explicit" },
      async (models) => void (await publishAs(models, "broken", "always-nan", "challenger")),
    );
    expect(await index()).toMatchObject([
      { name: "broken", state: "UNAVAILABLE" },
      { name: "fraud", state: "READY" },
    ]);
    await publishAs(scoring.models, "later", "champion", "challenger");
    await until("the later model", async () =>
      (await index()).some((one) => one.name === "later" && one.state === "READY"),
    );
    expect((await scoresOf("later")).scores).toHaveLength(32);

    await publishAs(scoring.models, "one-too-many", "champion", "challenger");
    const error = await failureOf(load("one-too-many"));
    expect(error.details).toBe("Model one-too-many cannot be loaded: 3 models are loaded, and MODELS_MAX is 3.");
    expect((await failureOf(scoresOf("one-too-many"))).code).toBe(status.NOT_FOUND);
  });

  test("an unloaded model stays unloaded until it is loaded again, and each of its requests gets a response", async () => {
    scoring = await startTestScoring({
      MODELS: "*@champion",
      MODEL_CONTROL: "explicit",
      REGISTRY_POLL_SECONDS: "0.02",
    });
    const given = Promise.all(Array.from({ length: 50 }, () => scoresOf("fraud").catch((error: Error) => error)));
    await unload("fraud");
    for (const answer of await given) {
      // Later ones are rejected, all with this error.
      if (answer instanceof Error) expect(answer.message).toContain("UNAVAILABLE: Model fraud is not loaded: unloaded");
      else expect(answer.scores).toHaveLength(32);
    }
    // A poll of the registry finds the new model, and must not load the unloaded one again.
    await publishAs(scoring.models, "second", "challenger", "champion");
    await until("another look", async () =>
      (await index()).some((one) => one.name === "second" && one.state === "READY"),
    );
    expect((await index()).find((one) => one.name === "fraud")).toMatchObject({
      state: "UNAVAILABLE",
      reason: "unloaded",
    });
    expect((await failureOf(scoresOf("fraud"))).code).toBe(status.UNAVAILABLE);
    await load("fraud");
    expect((await scoresOf("fraud")).scores).toHaveLength(32);
  });

  test("a load request reads the alias immediately, and concurrent loads are safe", async () => {
    scoring = await startTestScoring({ MODEL_CONTROL: "explicit", REGISTRY_POLL_SECONDS: "3600" });
    const { registry } = scoring.models;
    const next = await registry.aliasTarget("fraud", "challenger");
    await registry.setAlias("fraud", "champion", next);
    await Promise.all(Array.from({ length: 8 }, () => load("fraud")));
    expect((await scoresOf("fraud")).version).toBe(next);
  });

  test("rejects requests to load and unload models unless they are allowed", async () => {
    scoring = await startTestScoring();
    for (const call of [load("fraud"), unload("fraud")]) {
      expect(await failureOf(call)).toMatchObject({
        code: status.PERMISSION_DENIED,
        details: expect.stringContaining("MODEL_CONTROL=explicit"),
      });
    }
    expect((await scoresOf("fraud")).scores).toHaveLength(32);
  });
});

describe("a candidate", () => {
  afterEach(() => scoring.close());

  const start = (prepare?: (models: TestRegistry) => Promise<void>) =>
    startTestScoring({ MODELS: "fraud@champion,fraud@candidate?", REGISTRY_POLL_SECONDS: "0.02" }, prepare);
  const versions = async () => (await index()).filter(({ state }) => state === "READY").map(({ version }) => version);
  const ready = (expected: readonly string[]) =>
    until(`${expected.join()} ready`, async () => (await versions()).join() === expected.join());

  test("is optional, and is served by version while its alias differs from the champion's", async () => {
    scoring = await start();
    const { registry } = scoring.models;
    const champion = await registry.aliasTarget("fraud", "champion");
    const candidate = await registry.aliasTarget("fraud", "challenger");
    expect(await versions()).toEqual([champion]);
    expect((await failureOf(scoresOf("fraud", candidate))).code).toBe(status.NOT_FOUND);

    await registry.setAlias("fraud", "candidate", candidate);
    await ready([champion, candidate]);
    expect((await scoresOf("fraud", candidate)).version).toBe(candidate);
    expect((await scoresOf("fraud")).version).toBe(champion);

    await registry.setAlias("fraud", "candidate", champion);
    await ready([champion]);
    expect((await failureOf(scoresOf("fraud", candidate))).code).toBe(status.NOT_FOUND);
  });

  test("that becomes the champion is loaded only once", async () => {
    let candidate = "";
    scoring = await start(async ({ registry }) => {
      candidate = await registry.aliasTarget("fraud", "challenger");
      await registry.setAlias("fraud", "candidate", candidate);
    });
    const { registry } = scoring.models;
    await ready([await registry.aliasTarget("fraud", "champion"), candidate]);
    await registry.setAlias("fraud", "champion", candidate);
    await ready([candidate]);
    expect((await scoresOf("fraud")).version).toBe(candidate);
  });

  test("that fails its checks is skipped without affecting readiness, and the next one is tried immediately", async () => {
    scoring = await start(async ({ registry }) => {
      await registry.setAlias("fraud", "candidate", await registry.aliasTarget("fraud", "wrong-golden"));
    });
    const { registry } = scoring.models;
    const [champion, refused, next] = await Promise.all(
      ["champion", "wrong-golden", "challenger"].map((alias) => registry.aliasTarget("fraud", alias)),
    );
    expect(await index()).toMatchObject([
      { version: champion, state: "READY" },
      { state: "UNAVAILABLE", reason: expect.stringMatching(/golden batch returns/) },
    ]);
    expect((await failureOf(scoresOf("fraud", refused))).code).toBe(status.NOT_FOUND);
    expect(await scoring.client.call(METHODS.serverReady, {})).toEqual({ ready: true });
    await registry.setAlias("fraud", "candidate", next ?? "");
    await ready([champion ?? "", next ?? ""]);
  });
});

test("does not start if a required model is missing, and stops the other models", async () => {
  const models = await copyRegistry();
  const config = readConfig(scoringConfig, testEnvironment(models.url, { MODELS: "fraud,second" }));
  await expect(startScoring(config)).rejects.toMatchObject({
    code: "model-not-found",
    message: "There is no model second. Models are fraud.",
  });
  await models.remove();
});
