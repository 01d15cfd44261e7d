import { findSchemaFault } from "../../../../tools/check/reach-schemas.mjs";

const TIMEOUT_MS = 180_000;

/** Stands in for kubeconform, which need not be installed. */
const program = (code: string, timeoutMs = TIMEOUT_MS) => ({
  command: process.execPath,
  args: ["-e", code],
  timeoutMs,
});

test("stops kubeconform if it hangs while loading schemas, and names the setting", () => {
  expect(
    findSchemaFault(program("setInterval(() => {}, 1_000)", 500), "https://schemas.example/{{.ResourceKind}}"),
  ).toMatch(
    /^kubeconform cannot read .* from https:\/\/schemas\.example\/\{\{\.ResourceKind\}\}: set KUBECONFORM_SCHEMAS .*\(.*ETIMEDOUT\)\.$/,
  );
});

test("repeats kubeconform's message about the first missing schema", () => {
  const code = `console.log("Namespace probe failed validation: no such host"); process.exitCode = 1;`;
  expect(findSchemaFault(program(code), undefined)).toMatch(
    /from the internet: .*\(Namespace probe .*no such host\)\.$/,
  );
});

test("reports nothing if kubeconform finds the schema of the given manifest", () => {
  const code = `process.exitCode = require("node:fs").readFileSync(0, "utf8").includes("kind: Namespace") ? 0 : 1;`;
  expect(findSchemaFault(program(code), undefined)).toBeUndefined();
});
