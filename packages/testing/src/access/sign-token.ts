import { createPrivateKey, sign } from "node:crypto";
import { loadSigningKeys } from "@tripline/auth/provider/signing-keys";
import type { Queries } from "@tripline/stores/postgres/connect-database";

export interface TokenClaims {
  readonly sub: string;
  readonly client_id: string;
  readonly tenant: string;
  readonly scope: string;
}

const TTL_SECONDS = 300;

/** Signs access tokens with the auth service's key, for callers that are not registered with the auth service. */
export async function tokenSigner(
  queries: Queries,
  options: { readonly keyEncryptionKey: string; readonly issuer: string; readonly audience: string },
): Promise<(claims: TokenClaims) => string> {
  const { keys } = await loadSigningKeys(queries, Buffer.from(options.keyEncryptionKey, "base64"), TTL_SECONDS);
  const [jwk] = keys;
  if (jwk === undefined) throw new Error("auth has no signing key");
  const { kty, crv, x, y, d, kid } = jwk;
  const key = createPrivateKey({ key: { kty, crv, x, y, d }, format: "jwk" });
  return (claims) => {
    const iat = Math.floor(Date.now() / 1_000);
    const body = { iss: options.issuer, aud: options.audience, iat, exp: iat + TTL_SECONDS, ...claims };
    const text = [{ alg: "ES256", typ: "at+jwt", kid }, body]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  };
}
