import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startAuth } from "@tripline/auth/start-auth";
import { testConfig as authConfig, SHOP } from "@tripline/auth/testing/service";
import { startIngestion } from "@tripline/ingestion/start-ingestion";
import type { TestBed } from "@tripline/ingestion/testing/service";
import { testConfig as ingestionConfig, startTestBed } from "@tripline/ingestion/testing/service";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { StepLog } from "@tripline/system/step-log";
import { BenchError } from "../harness/bench-error.js";
import { reachTarget } from "./reach-target.js";

const steps = new StepLog(process.stderr);

async function refusal(target: string, environment: Record<string, string> = {}): Promise<string> {
  const error: unknown = await reachTarget({ target, environment, steps }).catch((thrown: unknown) => thrown);
  if (!(error instanceof BenchError)) throw new Error(`it was not refused: ${error}`);
  expect(error.message).not.toContain("\n");
  return error.message;
}

describe("a target without Tripline", () => {
  test("is reported if nothing listens there", async () => {
    const [port = 0] = await findFreePorts(1);
    const message = await refusal(`http://127.0.0.1:${port}`);
    expect(message).toBe(
      `http://127.0.0.1:${port} is not responding (ECONNREFUSED): start Tripline there, or omit --target to start one on this machine.`,
    );
  });

  test("is reported if another program listens there", async () => {
    const server = createServer((_request, response) => response.end('{"hello":"world"}'));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    expect(await refusal(`http://127.0.0.1:${port}`)).toContain("is not a Tripline ingestion API");
    server.close();
  });
});

describe("a target with Tripline", () => {
  let bed: TestBed;
  let auth: RunningService;
  let ingestion: RunningService;
  const credentials = { TRIPLINE_CLIENT_ID: SHOP.client_id, TRIPLINE_CLIENT_SECRET: SHOP.client_secret };

  beforeAll(async () => {
    bed = await startTestBed();
    const [port = 0] = await findFreePorts(1);
    const issuer = `http://127.0.0.1:${port}`;
    auth = await startAuth(
      authConfig(bed.stack.postgresUrl, { PORT: String(port), HOST: "127.0.0.1", AUTH_ISSUER: issuer }),
    );
    const changes = { AUTH_ISSUER: issuer, AUTH_JWKS_URL: `${issuer}/oauth/jwks` };
    ingestion = await startIngestion(ingestionConfig(bed.stack, bed.issuer, changes));
  });
  afterAll(async () => {
    await ingestion?.close();
    await auth?.close();
    await bed?.close();
  });

  test("is reached with credentials; its OpenAPI document names the token endpoint", async () => {
    const target = await reachTarget({ target: `${ingestion.url}/`, environment: credentials, steps });
    expect(target).toMatchObject({ apiUrl: ingestion.url, tenant: SHOP.tenant });
    expect(target.credentials).toEqual({ ...credentials, TRIPLINE_TOKEN_URL: `${auth.url}/oauth/token` });
    expect(await target.authorization()).toMatch(/^Bearer ey/);
  });

  test("rejects a wrong secret", async () => {
    const message = await refusal(ingestion.url, { ...credentials, TRIPLINE_CLIENT_SECRET: "wrong" });
    expect(message).toContain(`rejected ${SHOP.client_id} (401, invalid_client): set TRIPLINE_CLIENT_ID`);
  });

  test("rejects a token with another signature", async () => {
    const token = (await bed.issuer.authorization()).replace("Bearer ", "");
    const message = await refusal(ingestion.url, { TRIPLINE_TOKEN: token });
    expect(message).toContain(`${ingestion.url} rejects the token (401, token-invalid)`);
  });

  test("rejects a malformed token, and a token URL where nothing listens", async () => {
    expect(await refusal(ingestion.url, { TRIPLINE_TOKEN: "hello" })).toContain("The token contains no tenant");
    const [port = 0] = await findFreePorts(1);
    const elsewhere = { ...credentials, TRIPLINE_TOKEN_URL: `http://127.0.0.1:${port}/oauth/token` };
    expect(await refusal(ingestion.url, elsewhere)).toContain("issues no token (ECONNREFUSED)");
  });
});
