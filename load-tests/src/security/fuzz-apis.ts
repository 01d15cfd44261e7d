import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { provisionPython } from "@tripline/local-stack/provision/provision-python";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { TokenSource } from "@tripline/system/client/token-source";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";

/**
 * `npx tripline test apis`: schemathesis makes requests from the OpenAPI documents of ingestion and control, right and wrong ones, and
 * holds the answers against the documents. Ends with 0 when nothing was found. The number of examples of each operation is the first
 * argument.
 */

const EXAMPLES_DEFAULT = 20;
const SEED = 1;
/** Of the system, and of what schemathesis keeps. */
const FOLDER = join(STATE_DIRECTORY, "fuzz");
const ANSWER_S_MAX = 20;
const EXIT_FAILURE = 1;

/** Not those by which any body that fits the schema has to be accepted: a policy's text is a text, and may be wrong. */
const CHECKS = [
  ...["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"],
  ...["response_headers_conformance", "negative_data_rejection", "unsupported_method", "ignored_auth"],
];

interface Api {
  readonly url: string;
  readonly authorization: string;
}

async function fuzz(schemathesis: string, { url, authorization }: Api, examples: string): Promise<number> {
  const args = [
    ...["run", `${url}/openapi.json`, "--header", `Authorization: ${authorization}`, "--checks", CHECKS.join(",")],
    ...["--max-examples", examples, "--seed", String(SEED), "--request-timeout", String(ANSWER_S_MAX)],
    // schemathesis makes no lines of JSON; their objects are those of the single requests.
    ...["--exclude-path-regex", "/batch$"],
    ...["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--suppress-health-check", "all"],
  ];
  const child = spawn(schemathesis, args, { cwd: FOLDER, stdio: "inherit" });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? EXIT_FAILURE));
  });
}

const steps = new StepLog(process.stderr, bootstrapSteps());
const requirementsFile = join(ROOT, "load-tests", "peers", "security", "schemathesis.txt");
const { python } = await steps.run("install schemathesis", () =>
  provisionPython({ name: "schemathesis", requirementsFile, root: ROOT }),
);
const workspace = workspaceIn(FOLDER);
const { system } = await startDemoSystem({ workspace, steps });
try {
  const { clientSecret, operatorSecret } = demoSecrets(workspace.secrets);
  const { ingestion, control, auth } = system.addresses;
  const tokenUrl = `${auth}/oauth/token`;
  const apis = [
    { url: ingestion, tokens: new TokenSource({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret }) },
    { url: control, tokens: new TokenSource({ tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret: operatorSecret }) },
  ];
  const [, , examples = String(EXAMPLES_DEFAULT)] = process.argv;
  for (const { url, tokens } of apis) {
    const program = join(dirname(python), "schemathesis");
    const exitCode = await fuzz(program, { url, authorization: await tokens.authorization() }, examples);
    if (exitCode !== 0) process.exitCode = exitCode;
  }
} finally {
  await steps.finish("stop everything", () => system.stop());
}
