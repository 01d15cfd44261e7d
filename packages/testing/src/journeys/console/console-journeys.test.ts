import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openBrowser } from "@tripline/console-web/testing/open-browser";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import type { Browser } from "playwright-core";
import type { InProcessSystem } from "../../support/in-process-system.js";
import { startInProcess } from "../../support/in-process-system.js";
import { testModel } from "../../support/test-model.js";
import { CONSOLE_JOURNEYS } from "./console-journeys.js";

const START_MS_MAX = 240_000;
const JOURNEY_MS_MAX = 400_000;
/** Less than the lifetime of a token. */
const REFUSED_MS_MAX = 60_000;

let folder: string;
let registryUrl: string;
let system: InProcessSystem;
let browser: Browser;

beforeAll(async () => {
  const model = await testModel();
  // Other tests use that registry at the same time.
  folder = await mkdtemp(join(tmpdir(), "tripline-console-journeys-"));
  await cp(fileURLToPath(model.registryUrl), folder, { recursive: true });
  registryUrl = pathToFileURL(folder).href;
  browser = await openBrowser();
  system = await startInProcess({ registryUrl, hasControl: true, hasConsole: true });
}, START_MS_MAX);

afterAll(async () => {
  await browser?.close();
  await system?.close();
  await rm(folder, { recursive: true, force: true });
});

test.each(Object.entries(CONSOLE_JOURNEYS))(
  "%s, in a browser and on the whole system",
  async (_, tell) => {
    const { client, consoleUrl, passwords, control, auth, addresses } = system;
    const printed: string[] = [];
    const rollouts = new RolloutClient(control);
    const print = (text: string): void => void printed.push(text);
    const stage = {
      client,
      consoleUrl,
      authUrl: addresses.auth,
      auth,
      passwords,
      rollouts,
      registryUrl,
      browser,
      refusedMsMax: REFUSED_MS_MAX,
      print,
    };
    await tell(stage);
    expect(printed.length).toBeGreaterThan(1);
  },
  JOURNEY_MS_MAX,
);
