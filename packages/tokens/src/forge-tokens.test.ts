import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { CryptoKey, JWTHeaderParameters, JWTPayload } from "jose";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import type { TokenVerifier } from "./verify-token.js";
import { tokenVerifier } from "./verify-token.js";

const [ISSUER, AUDIENCE, SCOPE] = ["https://issuer.test", "urn:tripline:api", "transactions:write"] as const;
const HEADER = { alg: "ES256", kid: "k1", typ: "at+jwt" } as const;

let server: Server;
let verifier: TokenVerifier;
let keys: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };
let own: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };

beforeAll(async () => {
  keys = await generateKeyPair("ES256");
  own = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256" };
  server = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] }))).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the issuer has no port");
  const jwksUrl = `http://127.0.0.1:${address.port}/jwks`;
  verifier = tokenVerifier({ issuer: ISSUER, audience: AUDIENCE, jwksUrl });
});

afterAll(() => server.close());

const nowS = (): number => Math.floor(Date.now() / 1_000);
const good = (): JWTPayload => ({
  sub: "shop",
  tenant: "acme",
  scope: SCOPE,
  iss: ISSUER,
  aud: AUDIENCE,
  exp: nowS() + 60,
  iat: nowS(),
});

const signed = (payload: JWTPayload = good(), header: Partial<JWTHeaderParameters> = {}, key = keys.privateKey) =>
  new SignJWT(payload).setProtectedHeader({ ...HEADER, ...header }).sign(key);

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A valid token with some of its parts replaced. */
async function spliced(change: { head?: object; body?: object; signature?: string }): Promise<string> {
  const [head = "", body = "", signature = ""] = (await signed()).split(".");
  const parts = [change.head && part(change.head), change.body && part(change.body), change.signature];
  return [parts[0] ?? head, parts[1] ?? body, parts[2] ?? signature].join(".");
}

const forgeries: [what: string, token: () => Promise<string>][] = [
  ["no signature, and alg none", async () => new UnsecuredJWT(good()).encode()],
  ["alg none in a signed token", () => spliced({ head: { ...HEADER, alg: "none" } })],
  ["alg nOnE", () => spliced({ head: { ...HEADER, alg: "nOnE" }, signature: "" })],
  [
    "HS256 with the public key as its secret",
    async () =>
      new SignJWT(good())
        .setProtectedHeader({ ...HEADER, alg: "HS256" })
        .sign(Buffer.from(await exportSPKI(keys.publicKey))),
  ],
  ["an empty signature", () => spliced({ signature: "" })],
  ["a signature of zeros (CVE-2022-21449)", () => spliced({ signature: Buffer.alloc(64).toString("base64url") })],
  ["another body with a valid signature", () => spliced({ body: { ...good(), tenant: "other" } })],
  ["a key in its own header", async () => signed(good(), { jwk: await exportJWK(own.publicKey) }, own.privateKey)],
  ["a key set of its own", () => signed(good(), { jku: "http://127.0.0.1:1/jwks" }, own.privateKey)],
  ["a certificate of its own", () => signed(good(), { x5u: "http://127.0.0.1:1/cert" }, own.privateKey)],
  ["a kid that is a path", () => signed(good(), { kid: "../../../dev/null" }, own.privateKey)],
  ["a kid that is SQL", () => signed(good(), { kid: "k1' OR '1'='1" }, own.privateKey)],
  ["an unknown critical extension", async () => spliced({ head: { ...HEADER, crit: ["x"], x: 1 } })],
  ["no type", () => signed(good(), { typ: "" })],
  ["the type of an ID token", () => signed(good(), { typ: "JWT" })],
  ["the type of a logout token", () => signed(good(), { typ: "logout+jwt" })],
  ["an expiry long ago", () => signed({ ...good(), exp: 1 })],
  ["no expiry", () => signed({ ...good(), exp: undefined })],
  ["a start in the future", () => signed({ ...good(), nbf: nowS() + 600 })],
  ["another issuer", () => signed({ ...good(), iss: "https://other.test" })],
  ["an issuer with the same prefix", () => signed({ ...good(), iss: `${ISSUER}.evil.test` })],
  ["another audience", () => signed({ ...good(), aud: "urn:other" })],
  ["audiences without ours", () => signed({ ...good(), aud: ["urn:a", "urn:b"] })],
  ["no tenant", () => signed({ ...good(), tenant: undefined })],
  ["a tenant with a key separator", () => signed({ ...good(), tenant: "acme/other" })],
  ["a tenant that is a list", () => signed({ ...good(), tenant: ["acme", "other"] })],
  ["an empty tenant", () => signed({ ...good(), tenant: "" })],
  ["no subject", () => signed({ ...good(), sub: undefined })],
  ["scopes as a list", () => signed({ ...good(), scope: [SCOPE] })],
];

test.each(forgeries)("rejects %s", async (_what, token) => {
  await expect(verifier.verify(`Bearer ${await token()}`, SCOPE)).rejects.toMatchObject({
    code: expect.stringMatching(/^token-(invalid|expired)$/),
  });
});

test.each(["labels:write", "transactions", "transactions:write labels:write", "*", ""])(
  "does not match the scope %p by substring",
  async (scope) => {
    const header = `Bearer ${await signed({ ...good(), scope: "transactions:write-all xtransactions:write" })}`;
    await expect(verifier.verify(header, scope)).rejects.toMatchObject({ code: "scope-missing" });
    await expect(verifier.verify(header, SCOPE)).rejects.toMatchObject({ code: "scope-missing" });
  },
);

test("rejects two tokens in one header, and accepts the scheme in any case", async () => {
  const token = await signed();
  await expect(verifier.verify(`Bearer ${token}, Bearer ${token}`, SCOPE)).rejects.toMatchObject({
    code: "token-invalid",
  });
  await expect(verifier.verify(`bearer ${token}`, SCOPE)).resolves.toMatchObject({ tenant: "acme" });
});
