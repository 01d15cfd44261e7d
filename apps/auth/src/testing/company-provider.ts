import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Configuration } from "oidc-provider";
import { Provider } from "oidc-provider";

export const COMPANY_CLIENT = { client_id: "tripline", client_secret: "secret-of-tripline-at-the-company" };

export type Claims = Record<string, unknown>;

/** A company's OpenID Connect provider, where the current user is already signed in. */
export interface CompanyProvider {
  readonly url: string;
  /** Claims of each account, by `sub`. */
  readonly accounts: Map<string, Claims>;
  /** Who is signed in. */
  user: string;
  /** Changes the claims of ID tokens before they are signed. */
  change: ((claims: Claims) => Claims) | undefined;
  /** Whether ID tokens are signed with a key that is not published. */
  forge: boolean;
  /** Token responses wait for this promise. */
  pause: Promise<void> | undefined;
  /** Resolves when the next token request arrives. */
  nextTokenRequest(): Promise<unknown>;
  /** Restores the initial state: only Carla has an account and is signed in, and responses are not altered. */
  reset(): void;
  /** Replaces all signing keys. */
  rotateKeys(): Promise<void>;
  close(): Promise<void>;
  /** Restarts the provider on the same port. */
  reopen(): Promise<void>;
}

/** @param redirectUri of auth */
export async function startCompanyProvider(redirectUri: string): Promise<CompanyProvider> {
  const accounts = new Map<string, Claims>();
  const keys = { current: await newKey() };
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const company: CompanyProvider = {
    url: `http://127.0.0.1:${port}`,
    accounts,
    user: "",
    change: undefined,
    forge: false,
    pause: undefined,
    nextTokenRequest: () => once(server, "token"),
    reset() {
      accounts.clear();
      accounts.set("c-1", { name: "Carla", preferred_username: "carla@acme.example", groups: ["fraud"] });
      Object.assign(company, { user: "c-1", change: undefined, forge: false, pause: undefined });
    },
    async rotateKeys() {
      keys.current = await newKey();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
    async reopen() {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
  };
  server.on("request", await answerer(company, server, redirectUri, keys));
  return company;
}

/** Replaces the library's ID tokens and keys, so that a test can change both. */
async function answerer(company: CompanyProvider, server: Server, redirectUri: string, keys: { current: Key }) {
  const { privateKey: unknownKey } = await generateKeyPair("RS256");
  const provider = new Provider(company.url, configurationOf(company, redirectUri, keys.current.jwk));
  provider.use(async (ctx, next) => {
    await next();
    const { kid, privateKey, publicJwk } = keys.current;
    if (ctx.path === "/jwks") ctx.body = { keys: [publicJwk] };
    const body = ctx.body as { id_token?: string } | undefined;
    if (ctx.path !== "/token" || body?.id_token === undefined) return;
    const { change = (claims: Claims) => claims, forge } = company;
    const signed = new SignJWT(change(decodeJwt(body.id_token))).setProtectedHeader({ alg: "RS256", kid });
    ctx.body = { ...body, id_token: await signed.sign(forge ? unknownKey : privateKey) };
  });
  const library = provider.callback();
  const answerToken = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    server.emit("token");
    await company.pause;
    await library(request, response);
  };
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === "/token") return void answerToken(request, response);
    if (request.url?.startsWith("/interaction/") !== true) return void library(request, response);
    const login = { accountId: company.user };
    const isKnown = company.accounts.has(company.user);
    const result = isKnown ? { login } : { error: "access_denied", error_description: "removed" };
    void provider.interactionFinished(request, response, result);
  };
}

async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  const kid = randomUUID();
  const more = { kid, alg: "RS256", use: "sig" };
  return {
    ...{ kid, privateKey, jwk: { ...(await exportJWK(privateKey)), ...more } },
    publicJwk: { ...(await exportJWK(publicKey)), ...more },
  };
}

type Key = Awaited<ReturnType<typeof newKey>>;

function configurationOf(company: CompanyProvider, redirectUri: string, jwk: object): Configuration {
  return {
    jwks: { keys: [{ ...jwk } as never] },
    clients: [{ ...COMPANY_CLIENT, redirect_uris: [redirectUri], require_auth_time: true }],
    cookies: { keys: ["key-of-the-company"] },
    features: { devInteractions: { enabled: false } },
    claims: { openid: ["sub", "groups", "organisation"], profile: ["name", "preferred_username"], email: ["email"] },
    conformIdTokenClaims: false,
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (_ctx, sub) => {
      const claims = company.accounts.get(sub);
      return claims && { accountId: sub, claims: () => ({ sub, ...claims }) };
    },
    async loadExistingGrant({ oidc: { client, session, provider } }) {
      const grant = new provider.Grant({ clientId: client?.clientId, accountId: session?.accountId });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
  };
}
