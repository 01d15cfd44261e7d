import { createHmac } from "node:crypto";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { CryptoKey } from "jose";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { Revocations } from "./revocations.js";
import type { TokenVerifier } from "./verify-token.js";
import { tokenVerifier } from "./verify-token.js";

const ISSUER = "https://issuer.test";
const AUDIENCE = "urn:tripline:api";

describe("tokenVerifier", () => {
  let server: Server;
  let verifier: TokenVerifier;
  let privateKey: CryptoKey;
  let publicPem: string;
  let jwksUrl: string;

  beforeAll(async () => {
    const pair = await generateKeyPair("ES256");
    privateKey = pair.privateKey;
    publicPem = await exportSPKI(pair.publicKey);
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
    readonly issued?: number;
    readonly client?: string;
    readonly owner?: string;
  }
  async function token(changes: Changes = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const tenant = changes.tenant === undefined ? "acme" : changes.tenant;
    const { issued, client, owner } = changes;
    const claims = {
      ...(tenant === null ? {} : { tenant }),
      ...(issued === undefined ? {} : { iat: issued }),
      ...(client === undefined ? {} : { client_id: client }),
      ...(owner === undefined ? {} : { owner }),
    };
    return new SignJWT({ scope: "transactions:write", ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "k1", typ: changes.typ ?? "at+jwt" })
      .setSubject("client")
      .setIssuer(ISSUER)
      .setAudience(changes.audience ?? AUDIENCE)
      .setExpirationTime(changes.expires ?? now + 60)
      .sign(changes.key ?? privateKey);
  }

  test("accepts a valid token and returns the caller", async () => {
    const caller = await verifier.verify(`Bearer ${await token()}`, "transactions:write");
    expect(caller).toMatchObject({ tenant: "acme", subject: "client", scopes: ["transactions:write"] });
  });

  test.each([
    ["a client with an owner", { owner: "u-1" }, { subject: "client", owner: "u-1", principal: "u-1" }],
    ["a client without an owner", {}, { subject: "client", principal: "client" }],
    ["a user", { client: "console", owner: "u-1" }, { subject: "client", principal: "client" }],
  ])("regression #24: identifies %s as one user", async (_who, changes, expected) => {
    const { subject, owner, principal } = await verifier.identify(`Bearer ${await token(changes)}`);
    expect({ subject, ...(owner === undefined ? {} : { owner }), principal }).toEqual(expected);
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
  test.each(refused)("rejects %s", async (_name, header, code) => {
    await expect(verifier.verify(await header(), "transactions:write")).rejects.toMatchObject({ code });
  });

  test.each([
    ["without an algorithm", { alg: "none", typ: "at+jwt" }, () => ""],
    [
      "signed with the public key as a shared secret",
      { alg: "HS256", typ: "at+jwt", kid: "k1" },
      (input: string) => createHmac("sha256", publicPem).update(input).digest("base64url"),
    ],
    [
      "with a key of its own in the header",
      { alg: "ES256", typ: "at+jwt", jwk: { kty: "EC", crv: "P-256", x: "AA", y: "AA" } },
      () => "AAAA",
    ],
    ["with another address of keys", { alg: "ES256", typ: "at+jwt", kid: "k9", jku: "https://evil.test" }, () => "AA"],
    ["that marks a header as critical", { alg: "ES256", typ: "at+jwt", kid: "k1", crit: ["exp"], exp: 1 }, () => "AA"],
  ])("rejects a token %s", async (_name, head, sign) => {
    const now = Math.floor(Date.now() / 1_000);
    const body = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: "client",
      tenant: "acme",
      scope: "transactions:write",
      exp: now + 60,
    };
    const [header, payload] = [head, body].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    const signature = sign(`${header}.${payload}`);
    const token = verifier.verify(`Bearer ${header}.${payload}.${signature}`, "transactions:write");
    await expect(token).rejects.toMatchObject({ code: "token-invalid" });
  });

  test("rejects a revoked token immediately although it is cached, and accepts later ones", async () => {
    const revocations = new Revocations();
    const revoking = tokenVerifier({ issuer: ISSUER, jwksUrl, audience: AUDIENCE, revocations });
    const now = Math.floor(Date.now() / 1_000);
    const take = async (changes: Changes) => revoking.verify(`Bearer ${await token(changes)}`, "transactions:write");
    const old = `Bearer ${await token({ issued: now - 5, client: "console" })}`;
    await revoking.verify(old, "transactions:write");
    for (const key of ["client/console", "person/client"]) {
      revocations.set(key, (now - 1) * 1_000);
      await expect(revoking.verify(old, "transactions:write")).rejects.toMatchObject({ code: "token-revoked" });
      // A token without `iat` may have any age.
      await expect(take({ client: "console" })).rejects.toMatchObject({ code: "token-revoked" });
      // A token of the same second may be older than the change.
      await expect(take({ issued: now - 1, client: "console" })).rejects.toMatchObject({ code: "token-revoked" });
      await expect(take({ issued: now, client: "console" })).resolves.toMatchObject({ clientId: "console" });
      revocations.set(key, Number.POSITIVE_INFINITY);
      await expect(take({ issued: now + 30, client: "console" })).rejects.toMatchObject({ code: "token-revoked" });
      revocations.set(key, undefined);
      await revoking.verify(old, "transactions:write");
    }
    revocations.set("client/client", Number.POSITIVE_INFINITY);
    await expect(take({ issued: now })).rejects.toMatchObject({ code: "token-revoked" });
    await expect(take({ issued: now, client: "console" })).resolves.toMatchObject({ clientId: "console" });
  });

  test("rejects a scope that the token lacks", async () => {
    const header = `Bearer ${await token()}`;
    await expect(verifier.verify(header, "labels:write")).rejects.toMatchObject({ code: "scope-missing" });
  });

  test("rejects a token that expires after it was cached", async () => {
    const expires = Math.floor(Date.now() / 1_000) + 60;
    const header = `Bearer ${await token({ expires })}`;
    await verifier.verify(header, "transactions:write");
    const clock = jest.spyOn(Date, "now").mockReturnValue(expires * 1_000);
    try {
      await expect(verifier.verify(header, "transactions:write")).rejects.toMatchObject({ code: "token-expired" });
    } finally {
      clock.mockRestore();
    }
  });

  test("keeps using cached keys while the issuer is unavailable, and drops a key that the issuer removes", async () => {
    const { privateKey: signer, publicKey } = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(publicKey)), alg: "ES256" };
    let answer: object | undefined = { keys: [{ ...jwk, kid: "k1" }] };
    const issuer = createServer((_request, response) =>
      response.writeHead(answer === undefined ? 503 : 200).end(JSON.stringify(answer)),
    );
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    const at = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
    const patient = tokenVerifier({ issuer: ISSUER, jwksUrl: at, audience: AUDIENCE });
    const startMs = Date.now();
    const expires = Math.floor(startMs / 1_000) + 7_200;
    const identify = async () => patient.identify(`Bearer ${await token({ key: signer, expires })}`);
    const clock = jest.spyOn(Date, "now");
    try {
      await identify();
      answer = undefined;
      clock.mockReturnValue(startMs + 3_600_000);
      await expect(identify()).resolves.toMatchObject({ subject: "client" });
      answer = { keys: [{ ...jwk, kid: "k2" }] };
      // A probe starts the fetch. Tokens are accepted until it completes. If it fails, the next fetch is half a minute
      // later.
      let code: unknown;
      for (let ms = 3_700_000; typeof code !== "string"; ms += 31_000) {
        clock.mockReturnValue(startMs + ms);
        await patient.ready();
        code = await identify().catch((error) => error.code);
      }
      expect(code).toBe("token-invalid");
    } finally {
      clock.mockRestore();
      issuer.closeAllConnections();
      issuer.close();
    }
  });

  test("reports that the keys cannot be fetched, and recovers", async () => {
    const away = tokenVerifier({ issuer: ISSUER, jwksUrl: "http://127.0.0.1:1/jwks", audience: AUDIENCE });
    await expect(away.verify(`Bearer ${await token()}`, "transactions:write")).rejects.toMatchObject({
      code: "keys-unavailable",
    });
    await expect(away.ready()).rejects.toMatchObject({ code: "keys-unavailable" });
    await expect(verifier.ready()).resolves.toBeUndefined();
  });
});
