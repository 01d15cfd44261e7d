import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testStack } from "@tripline/local-stack/testing/stack";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { startAuth } from "../start-auth.js";
import { authorizationRequest, Browser, PEOPLE_ENVIRONMENT, signIn } from "../testing/browser.js";
import { testConfig } from "../testing/service.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
const run = promisify(execFile);

/** Runs the program. */
const bootstrapIn = (postgresUrl: string, person: object) =>
  run(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      POSTGRES_URL: postgresUrl,
      AUTH_ACTION: "bootstrap",
      AUTH_PERSON: JSON.stringify(person),
    },
  });

test("gives the first administrator of a tenant a password, and rejects a second administrator", async () => {
  const { postgresUrl } = await testStack();
  const service = await startAuth(testConfig(postgresUrl, { ...PEOPLE_ENVIRONMENT, BOOTSTRAP_PEOPLE: "[]" }));
  const bootstrap = (person: object) => bootstrapIn(postgresUrl, person);
  try {
    const { stdout } = await bootstrap({ user_name: "Root", tenant: "acme", name: "Root" });
    const password = /the password (\S+), which/.exec(stdout)?.[1] ?? "";
    const callback = await signIn(new Browser(service.url), authorizationRequest().path, {
      user_name: "root",
      password,
    });
    expect(callback.searchParams.get("code")).not.toBeNull();
    const other = { user_name: "other", tenant: "acme", name: "Other" };
    await expect(bootstrap(other)).rejects.toThrow(
      "The tenant acme already has an administrator, root, who can add others.",
    );
    const taken = { user_name: "root", tenant: "bank", name: "Root" };
    await expect(bootstrap(taken)).rejects.toThrow("The user name root is already in use.");
    await bootstrap({ ...other, tenant: "bank" });
  } finally {
    await service.close();
  }
});

test("regression #30: adds an administrator with a password if the others need an identity provider", async () => {
  const { postgresUrl } = await testStack();
  const service = await startAuth(testConfig(postgresUrl, { ...PEOPLE_ENVIRONMENT, BOOTSTRAP_PEOPLE: "[]" }));
  const database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
  try {
    await bootstrapIn(postgresUrl, { user_name: "root", tenant: "acme", name: "Root" });
    await database.execute(
      "UPDATE auth.people SET password_hash = NULL, provider_issuer = 'https://gone.example', provider_subject = '1'",
    );
    const { stdout } = await bootstrapIn(postgresUrl, { user_name: "other", tenant: "acme", name: "Other" });
    expect(stdout).toContain("other can sign in as administrator of acme");
  } finally {
    await service.close();
    await database.close();
  }
});
