import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FollowedPage } from "./follow-page.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tripline-your-data-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the page's commands turn a file in another schema into an evaluated model and window states", async () => {
  const page = new FollowedPage(folder);
  const file = (name: string) => join(folder, "my-data", name);
  expect(page.commands.map(([name]) => name)).toEqual(["data", "data", "train", "evaluate", "demo", "backfill"]);
  const [inspect = [], check = [], train = [], evaluate = [], , backfill = []] = page.commands;
  expect(await page.run(inspect)).toMatch(/total[\s\S]*Unused columns: kind/);
  expect(readFileSync(file("mapping.yaml"), "utf8")).toMatch(/column: total/);
  page.correctMapping();
  expect(await page.run(check)).toMatch(
    /8,000 rows, 8,000 accepted, 0 rejected[\s\S]*without latitude, longitude: card_distance/,
  );
  expect(await page.run(train)).toMatch(/is the champion of/);
  const table = await page.run(evaluate);
  const precisionOf = (name: string) => Number(new RegExp(`^${name} +([\\d.]+)`, "m").exec(table)?.[1]);
  expect(precisionOf("this model")).toBeGreaterThan(precisionOf("logistic regression, raw columns"));
  expect(table).toMatch(/95 % intervals in brackets/);
  await page.run(backfill);
  expect(existsSync(file("states.bin"))).toBe(true);
  expect(existsSync(file("states.bin.key.json"))).toBe(true);
}, 300_000);
