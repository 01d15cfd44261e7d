import { join } from "node:path";
import { AccessTokens } from "@tripline/client/access-tokens";
import { SessionStore } from "@tripline/console/sessions/session-store";
import { SCOPES } from "@tripline/contracts/roles";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, DEMO_TENANT, OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import type { Fuzzing } from "./run-schemathesis.js";
import { installSchemathesis, runSchemathesis } from "./run-schemathesis.js";

/**
 * `npx tripline test apis`: schemathesis tests the APIs of ingestion, control, auth and the console in a whole system.
 * Exits with 0 if it finds nothing. Argument: examples per operation. fuzz-apis.test.ts is the short form.
 */

const EXAMPLES_DEFAULT = 20;
const SESSION_MS = 3_600_000;
/** Folders of the system and of schemathesis. */
const FOLDER = join(STATE_DIRECTORY, "fuzz");

const steps = new StepLog(process.stderr, bootstrapSteps());
const program = await steps.run("install schemathesis", installSchemathesis);
const workspace = workspaceIn(FOLDER);
const { system } = await startDemoSystem({ workspace, steps, hasConsole: true });
try {
  const { clientSecret, operatorSecret, sessionKey } = demoSecrets(workspace.secrets);
  const { ingestion, control, auth } = system.addresses;
  const tokenUrl = `${auth}/oauth/token`;
  const asOperator = new AccessTokens({ tokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret: operatorSecret });
  const asClient = new AccessTokens({ tokenUrl, clientId: DEMO_CLIENT_ID, clientSecret });
  const by = async (tokens: AccessTokens) => ({ headers: { authorization: await tokens.authorization() } });
  const apis = [
    { url: ingestion, access: () => by(asClient) },
    { url: control, access: () => by(asOperator) },
    { url: system.console.url, access: () => consoleSession(sessionKey, asOperator) },
    // Last, because requests to auth may revoke the operator's access.
    { url: auth, access: () => by(asOperator) },
  ];
  const [, , examples = EXAMPLES_DEFAULT] = process.argv;
  const print = (text: string): void => void process.stdout.write(text);
  for (const { url, access } of apis) {
    const fuzzing = { url, ...(await access()), examples: Number(examples), folder: FOLDER, print };
    const exitCode = await runSchemathesis(program, fuzzing);
    if (exitCode !== 0) process.exitCode = exitCode;
  }
} finally {
  await steps.finish("stop everything", () => system.stop());
}

/** A session of a user with all permissions, created without a browser. */
async function consoleSession(sessionKey: string, tokens: AccessTokens): Promise<Pick<Fuzzing, "headers" | "keys">> {
  const url = system.stack.postgresUrl;
  const database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 10_000, onIdleError() {} });
  try {
    const limits = { key: Buffer.from(sessionKey, "base64"), lifetimeMs: SESSION_MS, idleMs: SESSION_MS };
    const sessions = new SessionStore(database, limits);
    const rights = { tenant: DEMO_TENANT, personId: "fuzzing", personName: "Fuzzing", roles: [], scopes: SCOPES };
    const access = (await tokens.authorization()).replace("Bearer ", "");
    const secret = await sessions.create({ ...rights, endsMs: Date.now() + SESSION_MS }, { access });
    const { csrfToken = "" } = (await sessions.find(secret)) ?? {};
    return { headers: { "x-csrf-token": csrfToken }, keys: { session: secret } };
  } finally {
    await database.close();
  }
}
