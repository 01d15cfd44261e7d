// Commands for work on this checkout, in addition to the program's: `npx tripline test deploy` and the like. They need no
// build, or build themselves.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const RUN_BUILT = "tools/test/run-built.mjs";

/**
 * @typedef {{ words: string, script: string, args?: string[], text: string }} Tool
 * @type {Tool[]}
 */
export const TOOLS = [
  { words: "test", script: "tools/test/test.mjs", text: "all checks and tests, or selected tests" },
  { words: "test unit", script: "tools/test/test-unit.mjs", text: "the tests that start no other program" },
  { words: "test deploy", script: "deploy/proof/test-deploy.mjs", text: "images, compose and the chart on a cluster" },
  { words: "test init", script: "tools/init/test-init.mjs", text: "a renamed clone and all of its tests" },
  {
    words: "test clients",
    script: RUN_BUILT,
    args: ["load-tests/dist/clients/main.js"],
    text: "standard tools against a whole system",
  },
  {
    words: "test mlserver",
    script: RUN_BUILT,
    args: ["load-tests/dist/scoring/request-mlserver.js"],
    text: "our gRPC client with a real MLServer",
  },
  {
    words: "test apis",
    script: RUN_BUILT,
    args: ["load-tests/dist/security/fuzz-apis.js"],
    text: "the APIs, with requests generated from their OpenAPI documents",
  },
  {
    words: "test recovery",
    script: RUN_BUILT,
    args: ["packages/testing/dist/faults/main.js"],
    text: "rounds of faults under traffic, and exact rebuilds of states",
  },
  {
    words: "test faults",
    script: RUN_BUILT,
    args: ["packages/testing/dist/faults/table/main.js"],
    text: "each fault under traffic, with its verdict, on three Kafka brokers",
  },
  {
    words: "test upgrade",
    script: RUN_BUILT,
    args: ["packages/testing/dist/upgrade/main.js"],
    text: "an upgrade from another commit, under traffic",
  },
  {
    words: "test recipes",
    script: RUN_BUILT,
    args: ["packages/testing/dist/recipes/main.js"],
    text: "the recipes of CONTRIBUTING.md on a copy",
  },
  {
    words: "test fields",
    script: RUN_BUILT,
    args: ["packages/testing/dist/fields/main.js"],
    text: "new payment fields on a copy, from the request to an erasure",
  },
  {
    words: "test your-data",
    script: RUN_BUILT,
    args: ["packages/testing/dist/own-data/main.js"],
    text: "the commands of docs/your-data.md, with a generated file",
  },
  { words: "check", script: "tools/check/check.mjs", text: "types, lint, rules, documents" },
  {
    words: "check infra",
    script: "tools/check/check-infra.mjs",
    args: ["--full"],
    text: "all checks of infrastructure and workflows",
  },
  {
    words: "generate",
    script: "tools/check/check-generated.mjs",
    args: ["--write"],
    text: "generate code from payment.yaml, and TypeScript from the .proto files",
  },
  { words: "documents", script: "tools/documents/write-documents.mjs", text: "generate the tables of the documents" },
  { words: "bench", script: "tools/start/bench.mjs", text: "benchmarks; see bench --help" },
  { words: "load", script: "tools/start/load.mjs", text: "load tests with k6; see load --help" },
  { words: "images", script: "deploy/docker/build-images.mjs", text: "build the container images" },
  { words: "pack", script: "tools/pack/pack.mjs", text: "create npm tarballs of the packages" },
  {
    words: "release",
    script: "tools/release/release.mjs",
    text: "create the files of a release: notes, source, SBOM, digests",
  },
  { words: "init", script: "tools/init/init.mjs", text: "rename the repository; can be run only once" },
];

/** Benchmarks that are commands of the program, because they train models or simulate payments. */
export const PROGRAM_BENCHES = ["model", "drift", "attacks", "committee"];

/**
 * The tool of a command line, by the longest match.
 *
 * @param {readonly string[]} words
 */
export function findTool(words) {
  const named = TOOLS.filter((tool) => `${words.join(" ")} `.startsWith(`${tool.words} `));
  return named.sort((a, b) => b.words.length - a.words.length)[0];
}

/**
 * Runs a tool within this process, as if node had been started with its script.
 *
 * @param {string} root
 * @param {Tool} tool
 * @param {readonly string[]} words
 */
export async function runTool(root, tool, words) {
  const script = join(root, tool.script);
  process.env.INIT_CWD ??= process.cwd();
  process.chdir(root);
  process.argv.splice(1, Infinity, script, ...(tool.args ?? []), ...words.slice(tool.words.split(" ").length));
  await import(pathToFileURL(script).href);
}

/** The part of `tripline --help` about the tools, after its own commands. */
export function toolsHelp() {
  const lines = TOOLS.map(({ words, text }) => `  ${words.padEnd(22)}${text}`);
  return `\nIn this checkout:\n${lines.join("\n")}\n`;
}
