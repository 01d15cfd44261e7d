import { join } from "node:path";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { TokenSource } from "@tripline/system/client/token-source";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { installSchemathesis, runSchemathesis } from "./run-schemathesis.js";

/**
 * `npx tripline test apis`: schemathesis asks ingestion and control of a whole system. Ends with 0 when nothing was found. The number
 * of examples of each operation is the first argument. fuzz-apis.test.ts is the short form.
 */

const EXAMPLES_DEFAULT = 20;
/** Of the system, and of what schemathesis keeps. */
const FOLDER = join(STATE_DIRECTORY, "fuzz");

const steps = new StepLog(process.stderr, bootstrapSteps());
const program = await steps.run("install schemathesis", installSchemathesis);
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
  const [, , examples = EXAMPLES_DEFAULT] = process.argv;
  const print = (text: string): void => void process.stdout.write(text);
  for (const { url, tokens } of apis) {
    const authorization = await tokens.authorization();
    const fuzzing = { url, authorization, examples: Number(examples), folder: FOLDER, print };
    const exitCode = await runSchemathesis(program, fuzzing);
    if (exitCode !== 0) process.exitCode = exitCode;
  }
} finally {
  await steps.finish("stop everything", () => system.stop());
}
