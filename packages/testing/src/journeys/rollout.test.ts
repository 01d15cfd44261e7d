import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { modelsCommand } from "@tripline/cli/commands/models/models";
import type { RolloutJourneyOptions } from "@tripline/cli/journeys/rollout";
import { badModelJourney, goodModelJourney } from "@tripline/cli/journeys/rollout";
import { Decision, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { rollBackAlias } from "@tripline/model-registry/roll-back-alias";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { readTopic } from "@tripline/system/ledger/ledger";
import { MODEL_NAME, TOPOLOGIES } from "@tripline/system/services/plan-services";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { publishNetwork } from "../support/publish-network.js";
import { readFeatures } from "../support/read-topics.js";
import { testModel } from "../support/test-model.js";

const JOURNEY_MS_MAX = 400_000;
const WAIT_S = 30;
/** Scoring and decisions read the aliases every 5 s. */
const WANTED_MS_MAX = 120_000;

describe.each(TOPOLOGIES)("rollouts in the %s topology", (topology) => {
  let folder: string;
  let registryUrl: string;
  let system: InProcessSystem;
  const printed: string[] = [];

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
    client: system.client,
    rollouts: new RolloutClient(system.control),
    kafka: system.kafka,
    registryUrl,
    paymentsPerSecond: 100,
    stepSeconds: 2,
    print: (text) => printed.push(text),
  });

  // Nightly runs test both topologies.
  (topology === "together" || process.env.LONG_TESTS === "all" ? test : test.skip)(
    "an inverted model and a slow model are rolled back automatically after a few cards (bad-model)",
    async () => {
      await badModelJourney(options());
      expect(printed).toEqual([
        expect.stringMatching(/inverted scores .* rolled back.*guard: rollback -> rolled-back/s),
        expect.stringMatching(/responds too slowly .* rolled back.*guard: rollback -> rolled-back/s),
      ]);
    },
    JOURNEY_MS_MAX,
  );

  // `npm run journey -- good-model` does the same with a process for each service.
  if (topology === "together") {
    test(
      "a good model is promoted automatically from shadow to champion (good-model)",
      async () => {
        await goodModelJourney(options());
        expect(printed.at(-1)).toMatch(/was promoted to champion automatically.*guard: advance -> champion/s);
      },
      JOURNEY_MS_MAX,
    );

    test("an operator monitors and controls a rollout from the command line", async () => {
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
      // The previous journey rolled the champion back, so its candidate can be rolled out again.
      expect(await run("rollout", candidate, "--steps", "1,10", "--without-comparison", "--why", "again")).toContain(
        "shadow, scores 100 % of cards and decides none\n",
      );
      expect(await run("hold", "--why", "a weekend")).toContain(", held\n");
      expect(await run("advance")).toContain("canary, decides 1 % of cards\n");
      await expect(run("rollout", candidate, "--without-comparison", "--why", "again")).rejects.toThrow(
        /is already being rolled out\. /,
      );
      expect(await run("rollback", "--why", "enough")).toMatch(
        /: rolled back\n.*demo-operator {2}rollback -> rolled-back {2}enough\n$/s,
      );
    });
  }

  // Scoring as a separate service, which decisions calls over gRPC.
  if (topology === "services") {
    test(
      "promotes a neural network to champion and rolls it back, and rejects a network for other features",
      async () => {
        const registry = openRegistry(registryUrl);
        const rollouts = new RolloutClient(system.control);
        const trees = await registry.aliasTarget(MODEL_NAME, "champion");
        const others = [{ feature_spec_version: 1 }, { features: (await namesOfChampion()).toReversed() }];
        for (const [at, changes] of others.entries()) {
          const { version: candidate } = await publishNetwork(registry, at, changes);
          await expect(rollouts.start({ model: MODEL_NAME, candidate, why: "a test" })).rejects.toThrow(
            /Both must use the same feature spec/,
          );
        }

        const network = await publishNetwork(registry, -2);
        const plan = {
          steps_percent: [100],
          guards: { agreement_points_max: 1, mature_labels_min: 0 },
          without_comparison: true,
        };
        await rollouts.start({ model: MODEL_NAME, candidate: network.version, why: "a network", ...plan });
        // The previous test ended with another champion, which may still be in use.
        const shadow = await decideUntil(
          ({ trial, modelVersion }) => trial?.candidateScore !== undefined && modelVersion === trees,
        );
        expect(shadow.trial?.candidateVersion).toBe(network.version);
        expect(shadow.trial?.candidateScore).toBeCloseTo(network.scoreOf(await valuesOf(shadow)), 5);

        await rollouts.step(MODEL_NAME, "advance");
        const canary = await decideUntil(({ modelVersion }) => modelVersion === network.version);
        expect(canary.trial?.trialRole).toBe(TrialRole.CANARY);
        expect(canary.score).toBeCloseTo(network.scoreOf(await valuesOf(canary)), 5);

        await rollouts.step(MODEL_NAME, "promote");
        // Until scoring reads the alias, the tree model decides.
        const champion = await decideUntil(
          ({ trial, modelVersion }) => trial === undefined && modelVersion === network.version,
        );
        expect(champion.degradedBecause).toBe("");
        expect(champion.score).toBeCloseTo(network.scoreOf(await valuesOf(champion)), 5);
        // Exact contributions exist only for tree models.
        expect(champion.reasons.filter(({ code }) => code.startsWith("SCORE_RAISED_BY"))).toEqual([]);

        await rollBackAlias(registry, MODEL_NAME, "champion", { why: "end of the test" });
        expect(await decideUntil(({ modelVersion }) => modelVersion === trees)).toMatchObject({ degradedBecause: "" });
      },
      JOURNEY_MS_MAX,
    );
  }

  async function namesOfChampion(): Promise<readonly string[]> {
    return (await openRegistry(registryUrl).resolve(MODEL_NAME, "champion")).manifest.features;
  }

  /** Decides payments until a decision meets the condition. Any payment may be the first that a change affects. */
  async function decideUntil(isWanted: (decision: Decision) => boolean): Promise<Decision> {
    let last: Decision | undefined;
    for (const deadlineMs = Date.now() + WANTED_MS_MAX; Date.now() < deadlineMs; ) {
      const { clientTransactionId } = await decided();
      await readTopic(system.kafka, TOPICS.decisions.name, ({ value }) => {
        const decision = Decision.decode(value);
        if (decision.clientTransactionId === clientTransactionId) last = decision;
      });
      if (last !== undefined && isWanted(last)) return last;
    }
    throw new Error(`no decision was as wanted within ${WANTED_MS_MAX / 1_000} s; the last: ${JSON.stringify(last)}`);
  }

  async function decided() {
    const payment = buildPayment();
    expect((await system.client.send(payment, WAIT_S)).status).toBe(200);
    return payment;
  }

  const valuesOf = async ({ clientTransactionId }: Decision): Promise<number[]> => [
    ...(await readFeatures(system.kafka, clientTransactionId)).values(),
  ];
});
