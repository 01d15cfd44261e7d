import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { CryptoKey } from "jose";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { TokenVerifier } from "./verify-token.js";
import { tokenVerifier } from "./verify-token.js";

const ISSUER = "https://issuer.test";
const AUDIENCE = "urn:tripline:api";

describe("tokenVerifier", () => {
  let server: Server;
  let verifier: TokenVerifier;
  let privateKey: CryptoKey;
  let jwksUrl: string;

  beforeAll(async () => {
    const pair = await generateKeyPair("ES256");
    privateKey = pair.privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "ES256" };
    server = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    verifier = tokenVerifier({ issuer: ISSUER, jwksUrl, audience: AUDIENCE });
  });
  afterAll(() => server.close());

  interface Changes {
    readonly key?: CryptoKey;
    readonly typ?: string;
    readonly audience?: string;
    readonly tenant?: string | null;
    readonly expires?: number;
  }
  async function token(changes: Changes = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const tenant = changes.tenant === undefined ? "acme" : changes.tenant;
    return new SignJWT({ scope: "transactions:write", ...(tenant === null ? {} : { tenant }) })
      .setProtectedHeader({ alg: "ES256", kid: "k1", typ: changes.typ ?? "at+jwt" })
      .setSubject("client")
      .setIssuer(ISSUER)
      .setAudience(changes.audience ?? AUDIENCE)
      .setExpirationTime(changes.expires ?? now + 60)
      .sign(changes.key ?? privateKey);
  }

  test("accepts a good token and tells who calls", async () => {
    const caller = await verifier.verify(`Bearer ${await token()}`, "transactions:write");
    expect(caller).toMatchObject({ tenant: "acme", subject: "client", scopes: ["transactions:write"] });
  });

  const stranger = generateKeyPair("ES256");
  const refused: [string, () => Promise<string | undefined>, string][] = [
    ["no header", async () => undefined, "token-missing"],
    ["another scheme", async () => "Basic YTpi", "token-invalid"],
    ["garbage", async () => "Bearer abc.def.ghi", "token-invalid"],
    [
      "a stranger's signature",
      async () => `Bearer ${await token({ key: (await stranger).privateKey })}`,
      "token-invalid",
    ],
    ["an ID token", async () => `Bearer ${await token({ typ: "JWT" })}`, "token-invalid"],
    ["another audience", async () => `Bearer ${await token({ audience: "urn:other" })}`, "token-invalid"],
    ["no tenant", async () => `Bearer ${await token({ tenant: null })}`, "token-invalid"],
    ["expired", async () => `Bearer ${await token({ expires: 1_000_000 })}`, "token-expired"],
  ];
  test.each(refused)("refuses %s", async (_name, header, code) => {
    await expect(verifier.verify(await header(), "transactions:write")).rejects.toMatchObject({ code });
  });

  test("refuses a scope the token lacks", async () => {
    const header = `Bearer ${await token()}`;
    await expect(verifier.verify(header, "labels:write")).rejects.toMatchObject({ code: "scope-missing" });
  });

  test("refuses a token that expires after it was cached", async () => {
    const header = `Bearer ${await token({ expires: Math.floor(Date.now() / 1000) + 2 })}`;
    await verifier.verify(header, "transactions:write");
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await expect(verifier.verify(header, "transactions:write")).rejects.toMatchObject({ code: "token-expired" });
  });

  test("says that the keys cannot be fetched, and recovers", async () => {
    const away = tokenVerifier({ issuer: ISSUER, jwksUrl: "http://127.0.0.1:1/jwks", audience: AUDIENCE });
    await expect(away.verify(`Bearer ${await token()}`, "transactions:write")).rejects.toMatchObject({
      code: "keys-unavailable",
    });
    await expect(away.ready()).rejects.toMatchObject({ code: "keys-unavailable" });
    await expect(verifier.ready()).resolves.toBeUndefined();
  });
});
