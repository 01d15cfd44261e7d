// `npm run journey -- analyst` and its like: tells a journey through the console of the system that the command has started.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openBrowser } from "@tripline/console-web/testing/open-browser";
import { ControlClient } from "@tripline/system/client/control-client";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { TokenSource } from "@tripline/system/client/token-source";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import { readPorts } from "@tripline/system/ports.mjs";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { CONSOLE_JOURNEYS } from "./console-journeys.js";

const { positionals } = parseArgs({ allowPositionals: true });
const [name = "", workspace = "", registryUrl = ""] = positionals;
const tell = CONSOLE_JOURNEYS[name];
if (tell === undefined) throw new Error(`There is no journey ${name} through the console.`);
const secrets = demoSecrets(workspaceIn(join(STATE_DIRECTORY, workspace)).secrets);
const ports = readPorts();
const at = (port: number): string => `http://127.0.0.1:${port}`;
const tokensFor = (clientId: string, clientSecret: string): TokenSource =>
  new TokenSource({ tokenUrl: `${at(ports.auth)}/oauth/token`, clientId, clientSecret });

const browser = await openBrowser();
let count = 0;
try {
  await tell({
    consoleUrl: at(ports.console),
    passwords: { demo: secrets.demoPassword, lead: secrets.leadPassword },
    client: new TriplineClient(at(ports.ingestion), tokensFor(DEMO_CLIENT_ID, secrets.clientSecret)),
    rollouts: new RolloutClient(
      new ControlClient(at(ports.control), tokensFor(OPERATOR_CLIENT_ID, secrets.operatorSecret)),
    ),
    ...{ registryUrl, browser },
    print(text) {
      count += 1;
      process.stdout.write(`\n${count}. ${text}\n`);
    },
  });
  process.stdout.write(`\n${name}: ${count} steps, all as they should be\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
