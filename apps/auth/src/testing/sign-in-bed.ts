import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { startAuth } from "../start-auth.js";
import { PEOPLE_ENVIRONMENT } from "./browser.js";
import { testConfig } from "./service.js";

/** A service with sign-in, and its database. */
export interface SignInBed {
  readonly service: RunningService;
  readonly database: Database;
  close(): Promise<void>;
}

/** @param environment in addition to the settings for sign-in */
export async function startSignInBed(environment: Readonly<Record<string, string>> = {}): Promise<SignInBed> {
  const { postgresUrl } = await testStack();
  const service = await startAuth(testConfig(postgresUrl, { ...PEOPLE_ENVIRONMENT, ...environment }));
  const database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
  const close = async () => {
    await service.close();
    await database.close();
  };
  return { service, database, close };
}
