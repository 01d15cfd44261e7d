import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeBlocks, PACKED_PROJECT_MS_MAX, PackedProject } from "@tripline/local-stack/testing/packed-project";
import { z } from "zod";

const PACKAGES = fileURLToPath(new URL("../../..", import.meta.url));

const manifestSchema = z.object({
  name: z.string(),
  private: z.boolean(),
  exports: z.record(z.string(), z.object({ types: z.string(), default: z.string() })),
  peerDependencies: z.record(z.string(), z.string()).default({}),
});

/** Manifests of the published packages by folder. */
const published = new Map(
  readdirSync(PACKAGES).flatMap((folder) => {
    const manifest: unknown = JSON.parse(readFileSync(join(PACKAGES, folder, "package.json"), "utf8"));
    const isPublished = z.object({ private: z.literal(false) }).safeParse(manifest).success;
    return isPublished ? [[folder, manifestSchema.parse(manifest)] as const] : [];
  }),
);

/** The peer dependencies of the packages, in the versions that are tested here. */
const peers = [...published].flatMap(([folder, { peerDependencies }]) =>
  Object.keys(peerDependencies).map((name) => {
    const installed = join(PACKAGES, folder, "node_modules", name, "package.json");
    return `${name}@${z.object({ version: z.string() }).parse(JSON.parse(readFileSync(installed, "utf8"))).version}`;
  }),
);

/** Margin 1 for the example rows, whose values are all 0.5. */
const MAKE_MODEL = `
import { writeFile } from "node:fs/promises";
import { encodeModel } from "@tripline/tree-shap/encode-model";

const split = { feature: 1, mode: "BRANCH_LEQ", threshold: 0.75, missingTrue: true };
const tree = { ...split, whenTrue: { value: 1, cover: 30 }, whenFalse: { value: -2, cover: 10 } };
const nodesAfter = [{ opType: "Sigmoid", inputs: ["margin"], outputs: ["probability"] }];
await writeFile("model.onnx", encodeModel({ features: 3, trees: [tree], nodesAfter, output: "probability" }));
`;

let project: PackedProject;

beforeAll(async () => {
  const names = Array.from(published.values(), ({ name }) => name);
  project = await PackedProject.install(names, peers);
}, PACKED_PROJECT_MS_MAX);

afterAll(() => project?.remove());

test("four packages are published", () => {
  expect([...published.keys()].sort()).toEqual(["client", "feast-client", "tree-inference", "tree-shap"]);
});

test.each([...published])(
  "every export of %s, packed and installed with npm, can be imported and has types",
  async (_folder, manifest) => {
    const entries = Object.keys(manifest.exports).map((entry) => entry.replace(/^\./, manifest.name));
    const imports = entries.map((entry, index) => `import * as entry${index} from "${entry}";`);
    const names = entries.map((_, index) => `entry${index}`);
    const output = await project.run(`${imports.join("\n")}\nconsole.log([${names.join(", ")}].length);\n`);
    expect(output.trim()).toBe(String(entries.length));
  },
);

test("regression #12: the examples in the READMEs of tree-shap and tree-inference run unchanged", async () => {
  await project.run(MAKE_MODEL);
  expect(Number(await project.run(exampleOf("tree-shap")))).toBeCloseTo(1, 6);
  const scores = (await project.run(exampleOf("tree-inference"))).trim().split(" ").map(Number);
  expect(scores).toEqual([expect.closeTo(1 / (1 + Math.exp(-1)), 6), expect.closeTo(1 / (1 + Math.exp(-1)), 6)]);
});

test.each([...published.keys()])("npm refuses to pack %s directly, and says how to pack it", (folder) => {
  const run = spawnSync("npm", ["pack", "--dry-run"], {
    cwd: join(PACKAGES, folder),
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(run.status).toBe(1);
  expect(run.stderr).toContain("Run `npx tripline pack`");
});

function exampleOf(folder: string): string {
  const [block = ""] = codeBlocks(readFileSync(join(PACKAGES, folder, "README.md"), "utf8"));
  return block;
}
