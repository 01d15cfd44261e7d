// `npm run screenshots -- FOLDER`: the console's screens with made-up data. `npm run fixture`: serves them until Ctrl-C.
import { Api } from "./fixture-api.js";
import { startFixture } from "./fixture-server.js";
import { makeSession } from "./fixture-session.js";
import { openBrowser } from "./open-browser.js";
import { takeScreenshots } from "./take-screenshots.js";

const CASES = 2_000;
const [what = "serve", folder = "screenshots", only = ""] = process.argv.slice(2);

const fixture = await startFixture(new Api(Date.now(), CASES), makeSession(Date.now()));
if (what === "screenshots") {
  const browser = await openBrowser();
  try {
    for (const file of await takeScreenshots(browser, fixture.url, folder, only)) process.stdout.write(`${file}\n`);
  } finally {
    await browser.close();
    await fixture.close();
  }
} else {
  process.stdout.write(`${fixture.url}\n`);
}
