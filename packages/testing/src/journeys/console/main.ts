// Runs one journey through the console, such as `npm run journey -- analyst`, on the system that the command started.
import { parseArgs } from "node:util";
import { openBrowser } from "@tripline/console-web/testing/open-browser";
import { connectStage } from "./connect-stage.js";
import { CONSOLE_JOURNEYS } from "./console-journeys.js";

const { positionals } = parseArgs({ allowPositionals: true });
const [name = "", workspace = "", registryUrl = ""] = positionals;
const tell = CONSOLE_JOURNEYS[name];
if (tell === undefined) throw new Error(`There is no journey ${name} through the console.`);

const browser = await openBrowser();
let count = 0;
const print = (text: string): void => {
  count += 1;
  process.stdout.write(`\n${count}. ${text}\n`);
};
try {
  await tell(connectStage(workspace, registryUrl, browser, print));
  process.stdout.write(`\n${name}: ${count} steps, all passed\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
