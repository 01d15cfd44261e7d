import { rmSync } from "node:fs";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { makeTestDirectory } from "@tripline/local-stack/testing/directory";
import { Redis } from "ioredis";

/** A separate Redis for a test file, empty before each test, so that it can be stopped, filled and reconfigured. */
export function useOwnRedis() {
  const directory = makeTestDirectory();
  let stack: LocalStack;
  let admin: Redis;
  beforeAll(async () => {
    stack = await startStack({ directory, parts: ["redis"], endOnSignals: false, isDurable: false });
    admin = new Redis(stack.redisUrl);
  });
  beforeEach(() => admin.flushall());
  afterAll(async () => {
    admin.disconnect();
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    get url(): string {
      return stack.redisUrl;
    },
    /** Checks from outside, with its own timeout. */
    get admin(): Redis {
      return admin;
    },
  };
}
