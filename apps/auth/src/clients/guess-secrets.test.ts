import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startAuth } from "../start-auth.js";
import type { TokenAnswer } from "../testing/service.js";
import { basic, requestToken, SHOP, testConfig } from "../testing/service.js";
import { matchesHash } from "./hash-secret.js";
import { SecretVerifier } from "./secret-verifier.js";

const GUESSES = 200;
/** Maximum number of failures for one client id from one address. */
const FAILURES_MAX = 10;

const KEY_CLIENT = {
  client_id: "signer",
  tenant: "acme",
  jwks: {
    keys: [
      {
        kty: "EC",
        crv: "P-256",
        alg: "ES256",
        use: "sig",
        kid: "1",
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      },
    ],
  },
  scopes: ["decisions:read"],
};

describe("guesses of client secrets", () => {
  let service: RunningService;
  let computed: number;
  let count = 0;

  /** A client that no other test uses. */
  function shop(): typeof SHOP {
    count += 1;
    return { ...SHOP, client_id: `guessed-${count}` };
  }

  beforeAll(async () => {
    const secrets = new SecretVerifier((secret, stored) => {
      computed += 1;
      return matchesHash(secret, stored);
    });
    const clients = [1, 2, 3].map((index) => ({ ...SHOP, client_id: `guessed-${index}` }));
    const { postgresUrl } = await testStack();
    const changes = { BOOTSTRAP_CLIENTS: JSON.stringify([...clients, KEY_CLIENT]) };
    service = await startAuth(testConfig(postgresUrl, changes), secrets);
  });

  afterAll(() => service.close());

  beforeEach(() => {
    computed = 0;
  });

  function guess(clientId: string, guesses: number): Promise<TokenAnswer[]> {
    const numbers = Array.from({ length: guesses }, (_, index) => index);
    return Promise.all(numbers.map((index) => requestToken(service.url, basic(clientId, `guess number ${index}`))));
  }

  test.each(["a client", "nobody"])(
    "sent concurrently for %s cost no more hashes than the failure limit",
    async (who) => {
      const answers = await guess(who === "nobody" ? "nobody-at-all" : shop().client_id, GUESSES);
      expect(computed).toBe(FAILURES_MAX);
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(FAILURES_MAX);
      // If a busy database does not answer in time, the response is 503.
      expect(answers.filter(({ status }) => status !== 429 && status !== 503)).toHaveLength(FAILURES_MAX);
    },
  );

  test("regression #12: cost one hash each, whether or not the client exists and has a secret", async () => {
    for (const clientId of [shop().client_id, "no-such-client", "NO CLIENT CAN HAVE THIS ID", KEY_CLIENT.client_id]) {
      computed = 0;
      const [answer] = await guess(clientId, 1);
      expect(answer).toMatchObject({ status: 401, error: "invalid_client" });
      expect([clientId, computed]).toEqual([clientId, 1]);
    }
  });

  test("do not block the correct secret, which never counts as a failure", async () => {
    const { client_id, client_secret } = shop();
    await guess(client_id, FAILURES_MAX - 1);
    computed = 0;
    const right = await Promise.all(
      Array.from({ length: 2 * FAILURES_MAX }, () => requestToken(service.url, basic(client_id, client_secret))),
    );
    expect(right.filter(({ status }) => status !== 200)).toEqual([]);
    expect(computed).toBe(1);
    expect(await guess(client_id, 1)).toMatchObject([{ status: 401 }]);
    expect(await guess(client_id, 1)).toMatchObject([{ status: 429 }]);
  });
});
