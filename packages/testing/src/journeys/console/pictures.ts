// Takes the screenshots of docs/console.md. Run it while `npm run demo` is running.
import { join } from "node:path";
import { openBrowser } from "@tripline/console-web/testing/open-browser";
import { registryIn } from "@tripline/model-loop/demo-model/train-demo-model";
import { ROOT } from "@tripline/system/services/workspace";
import { connectStage } from "./connect-stage.js";
import { takePictures } from "./take-pictures.js";

const [folder = join(ROOT, "docs", "console")] = process.argv.slice(2);
const browser = await openBrowser();
try {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  await takePictures(connectStage("demo", registryIn(ROOT), browser, print), folder);
} finally {
  await browser.close();
}
