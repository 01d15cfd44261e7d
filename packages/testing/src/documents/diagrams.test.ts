import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { openBrowser } from "@tripline/console-web/testing/open-browser";
import { ROOT } from "@tripline/system/services/workspace";
import type { Browser, Page } from "playwright-core";
import { readMarkdown } from "./read-markdown.js";

/** Mermaid without the diagram kinds that need large layout libraries. */
const MERMAID = createRequire(import.meta.url).resolve("@mermaid-js/tiny");
/** Generous: the first start unpacks the browser, and the machine may be busy. */
const START_MS_MAX = 240_000;

const files = globSync(["*.md", "{apps,deploy,docs,infra,load-tests,packages,training}/**/*.md"], {
  cwd: ROOT,
  exclude: ["**/node_modules", "**/dist"],
}).sort();
const diagrams = files.flatMap((file) =>
  readMarkdown(readFileSync(join(ROOT, file), "utf8")).flatMap((node) =>
    node.type === "code" && node.lang === "mermaid"
      ? [{ place: `${file}:${node.position?.start.line}`, text: node.value }]
      : [],
  ),
);

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  page = await browser.newPage();
  await page.addScriptTag({ path: MERMAID });
}, START_MS_MAX);

afterAll(() => browser?.close());

/** @throws Error if Mermaid cannot parse the diagram */
function render(text: string): Promise<string> {
  return page.evaluate(`mermaid.render("diagram", ${JSON.stringify(text)}).then(({ svg }) => svg)`);
}

test("the documents contain diagrams", () => {
  expect(diagrams.length).toBeGreaterThanOrEqual(3);
});

test.each(diagrams)("Mermaid renders the diagram at $place", async ({ text }) => {
  expect(await render(text)).toMatch(/^<svg [\s\S]*<\/svg>$/);
});

test("a diagram that Mermaid cannot parse is reported", async () => {
  await expect(render("flowchart LR\n  one -->")).rejects.toThrow(/Parse error on line \d/);
});
