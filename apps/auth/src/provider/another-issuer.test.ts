import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tokenVerifier } from "@tripline/tokens/verify-token";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";
import { AUDIENCE, basic, requestToken } from "../testing/service.js";

/** A provider that knows about Tripline only from its configuration: audience, scope and the `tenant` claim. */
async function startIssuer(): Promise<{ url: string; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const provider = new Provider(url, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "theirs", alg: "RS256", use: "sig" }] },
    routes: { token: "/oauth/token", jwks: "/keys" },
    clients: [
      {
        client_id: "bank",
        client_secret: "secret-of-the-bank-of-the-other-provider",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: "decisions:read",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256", kid: "theirs" } },
        }),
      },
    },
    extraTokenClaims: () => ({ tenant: "bank" }),
  });
  server.on("request", provider.callback());
  return { url, server };
}

test("accepts tokens of the configured provider and rejects those of any other provider", async () => {
  const [theirs, third] = [await startIssuer(), await startIssuer()];
  try {
    const tokenOf = async ({ url }: { url: string }) => {
      const authorization = basic("bank", "secret-of-the-bank-of-the-other-provider");
      const { access_token: token } = await requestToken(url, authorization, { scope: "decisions:read" });
      return `Bearer ${token}`;
    };
    const verifier = tokenVerifier({ issuer: theirs.url, jwksUrl: `${theirs.url}/keys`, audience: AUDIENCE });
    await expect(verifier.verify(await tokenOf(theirs), "decisions:read")).resolves.toMatchObject({
      tenant: "bank",
      subject: "bank",
      scopes: ["decisions:read"],
    });
    await expect(verifier.verify(await tokenOf(third), "decisions:read")).rejects.toMatchObject({
      code: "token-invalid",
    });
  } finally {
    for (const { server } of [theirs, third]) server.close();
  }
});
