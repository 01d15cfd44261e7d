import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { findPolicies, readPolicy, SHIPPED_POLICY } from "./find-policies.js";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-policies-"));
  file = join(folder, "policy.yaml");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const textOf = (version: number): string => `
version: ${version}
bands:
  - { at_least: 0.6, action: decline, reason: SCORE_HIGH, text: "The score is {score}." }
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
const versionOf = (text: string): string => parsePolicy(text, currentFeatureSpec()).version;

function git(...parameters: string[]): void {
  const author = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...author, ...parameters], { cwd: folder });
}

test("finds a version in the file or any of its commits, and skips one that does not exist", async () => {
  git("init", "--quiet");
  for (const version of [1, 2]) {
    await writeFile(file, textOf(version));
    git("add", ".");
    git("commit", "--quiet", "--message", "change the policy");
  }
  await writeFile(file, textOf(3));
  const wanted = [1, 2, 3].map((version) => versionOf(textOf(version)));
  const found = await findPolicies(file, new Set([...wanted, "4+00000000"]));
  expect(found.map(({ version }) => version).sort()).toEqual(wanted.sort());
  expect(found.map(({ text }) => versionOf(text)).sort()).toEqual(wanted);
});

test("searches only the file if there is no repository, and nothing if there is no file", async () => {
  const wanted = new Set([versionOf(textOf(1)), versionOf(textOf(2))]);
  expect(await findPolicies(file, wanted)).toEqual([]);
  await writeFile(file, textOf(2));
  expect(await findPolicies(file, wanted)).toMatchObject([{ version: versionOf(textOf(2)) }]);
});

test("finds a control-plane version in a folder", async () => {
  const pulled = join(folder, "revision-7.yaml");
  await writeFile(pulled, textOf(7));
  const wanted = new Set([versionOf(textOf(7))]);
  expect(await findPolicies(file, wanted)).toEqual([]);
  expect(await findPolicies(file, wanted, folder)).toMatchObject([{ version: versionOf(textOf(7)), text: textOf(7) }]);
  await expect(findPolicies(file, wanted, join(folder, "none"))).rejects.toMatchObject({ code: "config-invalid" });
});

test("the shipped policy is at its default path", async () => {
  const { version } = await readPolicy(SHIPPED_POLICY);
  expect(await findPolicies(SHIPPED_POLICY, new Set([version]))).toMatchObject([{ version }]);
});
