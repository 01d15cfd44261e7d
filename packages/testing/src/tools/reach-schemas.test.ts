import { findSchemaFault } from "../../../../tools/check/reach-schemas.mjs";

const TIMEOUT_MS = 60_000;

/** In place of kubeconform, which need not be installed. */
const program = (code: string, timeoutMs = TIMEOUT_MS) => ({
  command: process.execPath,
  args: ["-e", code],
  timeoutMs,
});

test("a kubeconform that waits for its schemas is ended, and the sentence says what to set", () => {
  expect(
    findSchemaFault(program("setInterval(() => {}, 1_000)", 500), "https://schemas.example/{{.ResourceKind}}"),
  ).toMatch(
    /^kubeconform cannot read .* from https:\/\/schemas\.example\/\{\{\.ResourceKind\}\}: set KUBECONFORM_SCHEMAS .*\(.*ETIMEDOUT\)\.$/,
  );
});

test("what kubeconform says of the first schema that it does not find is told", () => {
  const code = `console.log("Namespace probe failed validation: no such host"); process.exitCode = 1;`;
  expect(findSchemaFault(program(code), undefined)).toMatch(
    /from the internet: .*\(Namespace probe .*no such host\)\.$/,
  );
});

test("where it finds the schema of the manifest that it is given, nothing is wrong", () => {
  const code = `process.exitCode = require("node:fs").readFileSync(0, "utf8").includes("kind: Namespace") ? 0 : 1;`;
  expect(findSchemaFault(program(code), undefined)).toBeUndefined();
});
