import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DRIFT_WORLD } from "@tripline/model-loop/drift-rehearsal/drift-world";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { PolicyClient } from "@tripline/system/client/policy-client";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { Argument, Command } from "commander";
import type { BadPolicyOptions } from "../../journeys/bad-policy.js";
import { badPolicyJourney } from "../../journeys/bad-policy.js";
import type { BreachOptions } from "../../journeys/breach.js";
import { breachJourney } from "../../journeys/breach.js";
import type { CardTestingOptions } from "../../journeys/card-testing.js";
import { cardTestingJourney } from "../../journeys/card-testing.js";
import type { ChargebackOptions } from "../../journeys/chargeback.js";
import { chargebackJourney } from "../../journeys/chargeback.js";
import type { DriftJourneyOptions } from "../../journeys/drift.js";
import { driftJourney } from "../../journeys/drift.js";
import type { EraseOptions } from "../../journeys/erase.js";
import { eraseJourney } from "../../journeys/erase.js";
import type { JourneyOptions } from "../../journeys/first-payment.js";
import { firstPaymentJourney } from "../../journeys/first-payment.js";
import { replayJourney } from "../../journeys/replay.js";
import type { RevokeOptions } from "../../journeys/revoke.js";
import { revokeJourney } from "../../journeys/revoke.js";
import type { RolloutJourneyOptions } from "../../journeys/rollout.js";
import { badModelJourney, goodModelJourney } from "../../journeys/rollout.js";
import type { RotateOptions } from "../../journeys/rotate.js";
import { rotateJourney } from "../../journeys/rotate.js";
import { secureSystemOf } from "../../journeys/support/secure-system.js";

interface Journey {
  tell(
    options: JourneyOptions &
      BadPolicyOptions &
      CardTestingOptions &
      ChargebackOptions &
      RolloutJourneyOptions &
      EraseOptions &
      RevokeOptions &
      RotateOptions &
      BreachOptions &
      DriftJourneyOptions &
      Pick<RunningSystem, "services">,
  ): Promise<unknown>;
  /** Whether archive runs as well. */
  readonly isArchived?: true;
  /** Whether the console runs as well. */
  readonly hasConsole?: true;
  /** Whether profiles are loaded and read. */
  readonly hasProfiles?: true;
  /** Whether the system uses TLS and access control. */
  readonly isSecure?: true;
  /** A simulation other than the demo's. */
  readonly world?: typeof DRIFT_WORLD;
}

const WORKSPACE = "journey";
/** Only tests may depend on a browser or an SMTP server, so these programs are in the testing package. */
const JOURNEY_PROGRAMS = join(ROOT, "packages", "testing", "dist", "journeys");

const JOURNEYS: Readonly<Record<string, Journey>> = {
  "first-payment": { tell: firstPaymentJourney },
  "bad-policy": { tell: badPolicyJourney, isArchived: true },
  "card-testing": { tell: cardTestingJourney },
  chargeback: { tell: chargebackJourney, hasConsole: true },
  replay: { tell: replayJourney, isArchived: true },
  "bad-model": { tell: badModelJourney },
  "good-model": { tell: goodModelJourney },
  erase: { tell: eraseJourney },
  drift: { tell: driftJourney, isArchived: true, hasProfiles: true, world: DRIFT_WORLD },
  revoke: { tell: revokeJourney },
  rotate: { tell: rotateJourney, isSecure: true },
  breach: { tell: breachJourney, isSecure: true },
  analyst: inBrowser("analyst"),
  "rule-author": inBrowser("rule-author"),
  "model-owner": inBrowser("model-owner"),
  webhooks: inBrowser("webhooks"),
  leave: inBrowser("leave"),
  alert: {
    tell({ services }) {
      const running = [...services.values()].map(({ plan, pid }) => ({ name: plan.name, url: plan.url, pid }));
      return runProgram("alert", "alert", [JSON.stringify(running)]);
    },
  },
};

/** A journey through the console. */
function inBrowser(name: string): Journey {
  const tell: Journey["tell"] = ({ registryUrl }) => runProgram(name, "console", [name, WORKSPACE, registryUrl]);
  return { hasConsole: true, tell };
}

/** Runs a journey as a separate program, which prints its own steps. */
async function runProgram(name: string, folder: string, words: readonly string[]): Promise<void> {
  const program = join(JOURNEY_PROGRAMS, folder, "main.js");
  const running = spawn(process.execPath, ["--enable-source-maps", program, ...words], { stdio: "inherit" });
  const [code] = await once(running, "exit");
  if (code !== 0) throw new Error(`The journey ${name} had an unexpected result.`);
}

/** `tripline journey`: one end-to-end story, step by step, on a system that it starts. */
export function journeyCommand(): Command {
  return new Command("journey")
    .description("start everything and run one product journey step by step; fails if a step has an unexpected result")
    .addArgument(new Argument("<name>", "the journey").choices(Object.keys(JOURNEYS)))
    .action(async (name: string) => {
      const steps = new StepLog(process.stderr, bootstrapSteps());
      const workspace = workspaceIn(join(STATE_DIRECTORY, WORKSPACE));
      const journey = JOURNEYS[name] ?? { tell: firstPaymentJourney };
      const { tell, world, ...parts } = journey;
      const own = world === undefined ? {} : { world: { ...world, root: join(STATE_DIRECTORY, `journey-${name}`) } };
      const { system, model } = await startDemoSystem({ workspace, steps, ...parts, ...own });
      let count = 0;
      const print = (text: string): void => {
        count += 1;
        process.stdout.write(`\n${count}. ${text.replaceAll("\n", "\n   ")}\n`);
      };
      try {
        const { client, control, reports, auth, addresses, kafka, services } = system;
        const secrets = demoSecrets(workspace.secrets);
        const { keyEncryptionKey, clientSecret } = secrets;
        const cardTokenKey = Buffer.from(secrets.cardTokenKey, "base64");
        const identity = {
          auth,
          addresses,
          keyEncryptionKey,
          postgresUrl: system.stack.postgresUrl,
          credentials: { clientId: DEMO_CLIENT_ID, clientSecret },
          secure: secureSystemOf(system, secrets, workspace.logs),
        };
        const { registryUrl } = model;
        const [rollouts, policies] = [new RolloutClient(control), new PolicyClient(control)];
        const { redisUrl } = system.stack;
        const shared = {
          client,
          control,
          reports,
          rollouts,
          policies,
          kafka,
          registryUrl,
          lake: workspace.lake,
          model,
          redisUrl,
          services,
        };
        await system.services.get("console")?.ready();
        await tell({ ...shared, ...identity, cardTokenKey, print });
        if (count > 0) process.stdout.write(`\n${name}: ${count} steps, all passed\n`);
      } finally {
        await steps.finish("stop everything", () => system.stop());
      }
    });
}
