import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import type { Publication } from "./model-registry.js";
import { openRegistry } from "./open-registry.js";
import { refusal, temporaryRegistry } from "./testing/publications.js";

/**
 * The files that this registry and the Python one write, byte for byte, and the publications that they reject; see
 * training/tests/core/registry/test_registry_golden.py.
 */
const GOLDEN = fileURLToPath(new URL("../golden", import.meta.url));
const steps = z
  .object({
    name: z.string(),
    publications: z.array(
      z.object({ files: z.record(z.string(), z.string()), facts: z.custom<Publication["manifest"]>() }),
    ),
    moves: z.array(z.object({ alias: z.string(), publication: z.int(), by: z.string(), why: z.string().nullable() })),
    refused: z.object({
      names: z.array(z.string()),
      aliases: z.array(z.string()),
      otherMeanings: z.array(z.custom<Partial<Publication["manifest"]>>()),
    }),
  })
  .parse(JSON.parse(await readFile(join(GOLDEN, "steps.json"), "utf8")));
const { name, publications, moves, refused } = steps;

let registry: Awaited<ReturnType<typeof temporaryRegistry>>;

beforeEach(async () => {
  registry = await temporaryRegistry();
});

afterEach(() => registry.remove());

function publicationOf(index: number, changes: Partial<Publication["manifest"]> = {}): Publication {
  const { files, facts } = publications[index] ?? { files: {}, facts: {} as Publication["manifest"] };
  const scorecard = files["scorecard.json"];
  return {
    name,
    modelBytes: Buffer.from(files["model.onnx"] ?? ""),
    golden: JSON.parse(files["golden.json"] ?? ""),
    ...(scorecard === undefined ? {} : { scorecard: Buffer.from(scorecard) }),
    manifest: { ...facts, ...changes },
  };
}

/** Files by path, without the parts that differ between runs: time, host and process of a move. */
async function treeOf(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths.map(async (path) => {
    const text = (await readFile(path, "utf8"))
      .replace(/"at":"[\dT:.-]+Z"/, '"at":"2026-03-01T00:00:00.000Z"')
      .replace(/"host":"[^"]*","process":\d+/, '"host":"host","process":1');
    return [path.slice(root.length + 1), text] as const;
  });
  return Object.fromEntries(await Promise.all(files));
}

test("writes the same registry as Python", async () => {
  const store = openRegistry(registry.url);
  const versions: string[] = [];
  for (const index of publications.keys()) versions.push((await store.publish(publicationOf(index))).version);
  for (const { alias, publication, by, why } of moves) {
    await store.setAlias(name, alias, versions[publication] ?? "", { by, ...(why === null ? {} : { why }) });
  }
  expect(await treeOf(registry.root)).toEqual(await treeOf(join(GOLDEN, "registry")));
});

test("reads the same registry as Python", async () => {
  const store = openRegistry(pathToFileURL(join(GOLDEN, "registry")).href);
  const { version } = await store.resolve(name, "champion");
  expect(await store.aliasTarget(name, "challenger")).toBe(version);
  const found = (await store.history(name)).map(({ alias, by, why }) => ({ alias, by, why }));
  expect(found).toEqual(moves.map(({ alias, by, why }) => ({ alias, by, why })));
});

test("rejects the same publications as Python", async () => {
  const store = openRegistry(registry.url);
  const { version } = await store.publish(publicationOf(0));
  const before = await treeOf(registry.root);
  for (const changes of refused.otherMeanings) {
    expect((await refusal(store.publish(publicationOf(0, changes)))).code).toBe("model-refused");
  }
  for (const alias of [...refused.aliases, ...refused.names]) {
    expect((await refusal(store.setAlias(name, alias, version))).code).toBe("invalid-field");
  }
  for (const other of refused.names) {
    expect((await refusal(store.publish({ ...publicationOf(0), name: other }))).code).toBe("invalid-field");
  }
  expect(await treeOf(registry.root)).toEqual(before);
});
