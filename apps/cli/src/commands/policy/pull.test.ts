import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PolicyClient } from "@tripline/system/client/policy-client";
import { pullAll } from "./pull.js";

/** The same as the control plane's limit. */
const PAGE_MAX = 200;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-pull-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** A control plane with the revisions of one tenant. */
function policiesOf(tenant: string, count: number): PolicyClient {
  const all = Array.from({ length: count }, (_, index) => {
    const text = `version: ${index + 1} of ${tenant}\n`;
    const sha256 = createHash("sha256").update(text).digest("hex");
    const facts = { version: "1", sha256, author: "ann", note: "", created_at: "2026-11-27T12:00:00Z" };
    return { revision: index + 1, ...facts, text, approvals: [] };
  }).reverse();
  return new PolicyClient({
    async call(_method, path, { query = new URLSearchParams() } = {}) {
      const number = Number(path.split("/").at(-1));
      if (!Number.isNaN(number)) return all.find(({ revision }) => revision === number);
      const [before, limit] = [Number(query.get("before") ?? count + 1), Number(query.get("limit"))];
      if (limit > PAGE_MAX) throw new Error("limit is too large");
      return { revisions: all.filter(({ revision }) => revision < before).slice(0, limit) };
    },
  });
}

test.each([PAGE_MAX, 2 * PAGE_MAX + 1])("writes all %d revisions", async (count) => {
  expect(await pullAll(policiesOf("acme", count), folder)).toBe(count);
  const files = await readdir(folder);
  expect(files).toHaveLength(count);
  const oldest = files.find((name) => name.startsWith("revision-1-")) ?? "";
  expect(await readFile(join(folder, oldest), "utf8")).toBe("version: 1 of acme\n");
});

test("keeps revisions of two tenants with the same number", async () => {
  await pullAll(policiesOf("acme", 2), folder);
  await pullAll(policiesOf("umbrella", 2), folder);
  await pullAll(policiesOf("umbrella", 2), folder);
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")));
  expect(texts.toSorted()).toEqual([
    "version: 1 of acme\n",
    "version: 1 of umbrella\n",
    "version: 2 of acme\n",
    "version: 2 of umbrella\n",
  ]);
});
