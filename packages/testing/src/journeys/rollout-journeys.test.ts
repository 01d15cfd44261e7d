import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { modelsCommand } from "@tripline/cli/commands/models/models";
import type { RolloutJourneyOptions } from "@tripline/model-loop/journeys/rollout-journey";
import { badModelJourney, goodModelJourney } from "@tripline/model-loop/journeys/rollout-journey";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

const JOURNEY_MS_MAX = 400_000;

describe.each(TOPOLOGIES)("topology %s", (topology) => {
  let folder: string;
  let registryUrl: string;
  let system: InProcessSystem;
  const told: string[] = [];

  beforeAll(async () => {
    const model = await testModel();
    // Other tests use that registry at the same time.
    folder = await mkdtemp(join(tmpdir(), "tripline-rollout-"));
    await cp(fileURLToPath(model.registryUrl), folder, { recursive: true });
    registryUrl = pathToFileURL(folder).href;
    system = await startInProcess({ registryUrl, hasControl: true, scoringWaitMs: 250, topology });
  }, 240_000);

  afterAll(async () => {
    await system?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const options = (): RolloutJourneyOptions => ({
    ...{ client: system.client, rollouts: new RolloutClient(system.control), kafka: system.kafka, registryUrl },
    paymentsPerSecond: 100,
    print: (text) => told.push(text),
  });

  test(
    "bad-model: an inverted and a slow model are rolled back by themselves, and few cards were touched",
    async () => {
      await badModelJourney(options());
      expect(told).toEqual([
        expect.stringMatching(/wrong way round .* rolled back.*guard: rollback -> rolled-back/s),
        expect.stringMatching(/longer than a payment can wait .* rolled back.*guard: rollback -> rolled-back/s),
      ]);
    },
    JOURNEY_MS_MAX,
  );

  test(
    "good-model: from shadow to champion, unattended",
    async () => {
      await goodModelJourney(options());
      expect(told.at(-1)).toMatch(/became the champion by itself.*guard: advance -> champion/s);
    },
    JOURNEY_MS_MAX,
  );

  test("an operator sees and leads a rollout from the command line", async () => {
    const { controlUrl, tokenUrl, environment } = system.operator;
    Object.assign(process.env, environment);
    const run = async (...words: string[]): Promise<string> => {
      let text = "";
      const command = modelsCommand({ write: (more) => (text += more) });
      await command.parseAsync([...words, "--control", controlUrl, "--token-url", tokenUrl], { from: "user" });
      return text;
    };
    expect(await run("status")).toMatch(
      /: the candidate is the champion\n.*steps\n.*demo-operator {2}start -> shadow/s,
    );
    const { candidate } = JSON.parse(await run("status", "--json")) as { candidate: string };
    // The good model's journey has put the champion back, so its candidate can be rolled out once more.
    expect(await run("rollout", candidate, "--steps", "1,10", "--why", "again")).toContain(
      "shadow, scores 100 % of the cards and decides none\n",
    );
    expect(await run("hold", "--why", "a weekend")).toContain(", held\n");
    expect(await run("advance")).toContain("canary, decides 1 % of the cards\n");
    await expect(run("rollout", candidate)).rejects.toThrow(/is being rolled out: /);
    expect(await run("rollback", "--why", "enough")).toMatch(
      /: rolled back\n.*demo-operator {2}rollback -> rolled-back {2}enough\n$/s,
    );
  });
});
