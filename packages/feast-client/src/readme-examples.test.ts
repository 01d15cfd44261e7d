import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { codeBlocks, PACKED_PROJECT_MS_MAX, PackedProject } from "@tripline/local-stack/testing/packed-project";
import type { RunningFeast } from "./testing/start-feast.js";
import { FEAST_START_MS_MAX, startFeast } from "./testing/start-feast.js";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const NAME = "@tripline/feast-client";
const BLOCKS = codeBlocks(readFileSync(`${PACKAGE}README.md`, "utf8"));
/** The first response of Feast's servers may be slow on a machine that runs other tests. */
const PATIENT = "timeoutMs: 30_000";

let feast: RunningFeast;
let project: PackedProject;
/** Feast's addresses in the README, and the ones in this test. */
let places: ReadonlyMap<string, string>;

beforeAll(async () => {
  feast = await startFeast();
  project = await PackedProject.install([NAME], ["ioredis", "@grpc/grpc-js"].map(installedVersion));
  const entity = { card_id: "c1" };
  const features = { amount_mean: 12.5, payment_count: 3, last_merchant: "m1", risk: 0.5 };
  await feast.call("write", {
    view: "card_stats",
    rows: [{ entity, features, eventTimestampMs: Date.now() - 60_000 }],
  });
  places = new Map([
    [`url: "http://localhost:6566"`, `url: "${feast.httpUrl}", ${PATIENT}`],
    [`address: "localhost:50051"`, `address: "${feast.grpcAddress}", ${PATIENT}`],
    [`"redis://localhost:6379/0"`, `"${feast.redisUrl}"`],
    [
      `"feature_repo/data/registry.db", { project: "fraud" }`,
      `"${feast.registryFile}", { project: "${feast.project}" }`,
    ],
  ]);
}, FEAST_START_MS_MAX + PACKED_PROJECT_MS_MAX);

afterAll(async () => {
  project?.remove();
  await feast?.stop();
});

function installedVersion(name: string): string {
  const { version } = JSON.parse(readFileSync(`${PACKAGE}node_modules/${name}/package.json`, "utf8")) as {
    version: string;
  };
  return `${name}@${version}`;
}

/** The only block that imports an entry, with this test's addresses. */
function exampleOf(entry: string): string {
  const [block = "", ...others] = BLOCKS.filter((text) => text.includes(`from "${NAME}/${entry}"`));
  expect(others).toEqual([]);
  const replaced = [...places].reduce((text, [written, here]) => text.replace(written, here), block);
  expect(replaced).not.toMatch(/localhost|feature_repo/);
  return replaced;
}

test("the README's example over HTTP reads and pushes", async () => {
  const more =
    'const again = await feast.getOnlineFeatures({ features: ["card_stats:amount_mean"], entities: [{ card_id: "c1" }] });';
  const output = await project.run(
    `${exampleOf("http")}\n${more}\nconsole.log(JSON.stringify([toRecords(answer), toRecords(again)]));`,
  );
  expect(JSON.parse(output)).toEqual([
    [
      { amount_mean: 12.5, payment_count: 3 },
      { amount_mean: null, payment_count: null },
    ],
    [{ amount_mean: 13 }],
  ]);
});

test("the README's example over gRPC reads", async () => {
  const output = await project.run(
    `${exampleOf("grpc")}\nconsole.log(JSON.stringify(rows.map(({ values }) => values.length)));`,
  );
  expect(JSON.parse(output)).toEqual([3]);
});

test("the README's example with Redis reads and writes, even with a handwritten registry", async () => {
  const output = await project.run(`${exampleOf("redis")}\nconsole.log(JSON.stringify(answer.featureNames));`);
  expect(JSON.parse(output)).toEqual(["card_stats__amount_mean", "terminal_stats__amount_mean"]);
  await project.run(exampleOf("feature-registry"));
});
