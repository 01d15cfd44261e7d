import type { Configuration, ErrorOut, KoaContextWithOIDC } from "oidc-provider";
import { interactionPolicy } from "oidc-provider";
import type { AuthConfig } from "../config.js";
import { pageHeaders } from "../sign-in/page.js";
import { messagePage, signOutPage } from "../sign-in/sign-in-pages.js";
import { deriveKey } from "./derive-key.js";
import { OPENID_SCOPES } from "./store-adapter.js";

const SECONDS_PER_HOUR = 3_600;
const CODE_SECONDS = 60;
const INTERACTION_SECONDS = 1_800;
const ID_TOKEN_SECONDS = 600;

/** Paths whose responses browsers display as pages. */
const PAGE_PATHS = ["/oauth/authorize", "/oauth/logout"];

/** Library configuration for signing users in and out. */
export function servePeople(config: AuthConfig): Configuration {
  const signInSeconds = config.SIGN_IN_HOURS * SECONDS_PER_HOUR;
  return {
    // These names differ from the console's, because on one machine, both have the same host, and cookies ignore ports.
    cookies: {
      keys: [deriveKey(config.KEY_ENCRYPTION_KEY, "cookies")],
      names: { session: "tripline_auth", interaction: "tripline_auth_sign_in", resume: "tripline_auth_resume" },
      long: { httpOnly: true, sameSite: "lax", signed: true, overwrite: true },
      short: { httpOnly: true, sameSite: "lax", signed: true, overwrite: true },
    },
    pkce: { required: () => true },
    claims: { openid: ["sub", "tenant", "roles", "amr", "auth_time"], profile: ["name"] },
    conformIdTokenClaims: false,
    interactions: { policy: signInPolicy(), url: (_ctx, { uid }) => `/sign-in/${uid}` },
    loadExistingGrant: (ctx) => firstPartyGrant(ctx, config.AUTH_AUDIENCE),
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    // Signing out also revokes the refresh tokens.
    expiresWithSession: () => true,
    ttl: {
      ClientCredentials: config.TOKEN_TTL_SECONDS,
      AccessToken: (_ctx, { resourceServer }) => resourceServer?.accessTokenTTL ?? config.TOKEN_TTL_SECONDS,
      AuthorizationCode: CODE_SECONDS,
      Interaction: INTERACTION_SECONDS,
      IdToken: ID_TOKEN_SECONDS,
      Grant: signInSeconds,
      RefreshToken: signInSeconds,
      // Counted from the sign-in; using the session does not extend it.
      Session: (_ctx, { loginTs }) =>
        loginTs === undefined ? signInSeconds : Math.max(1, loginTs + signInSeconds - Math.floor(Date.now() / 1_000)),
    },
    renderError,
  };
}

export const SIGN_OUT = {
  enabled: true,
  logoutSource: (ctx: KoaContextWithOIDC, form: string): void => {
    const uri = ctx.oidc.params?.post_logout_redirect_uri;
    sendPage(ctx, signOutPage(form), typeof uri === "string" ? uri : undefined);
  },
  postLogoutSuccessSource: (ctx: KoaContextWithOIDC): void => {
    sendPage(ctx, messagePage("Signed out", "You are signed out. You can close this page."));
  },
} as const;

/** The library's own pages must not load anything or be framed. */
export async function guardPages(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  if (isPage(ctx)) ctx.set(pageHeaders());
  await next();
}

const isPage = ({ path }: KoaContextWithOIDC): boolean =>
  PAGE_PATHS.some((page) => path === page || path.startsWith(`${page}/`));

/**
 * Without a session, the library would send a form that a script submits. There is nothing to end, so this redirects
 * immediately.
 */
export async function leadOnWithoutSession(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  if (ctx.path !== "/oauth/logout" || ctx.status !== 200 || ctx.oidc.session?.accountId !== undefined) return;
  const { post_logout_redirect_uri: uri, state } = ctx.oidc.params ?? {};
  if (typeof uri !== "string") return SIGN_OUT.postLogoutSuccessSource(ctx);
  const url = new URL(uri);
  if (typeof state === "string") url.searchParams.set("state", state);
  ctx.status = 303;
  ctx.redirect(url.href);
}

/** Requires a sign-in but never consent, because all clients are Tripline's own. */
function signInPolicy(): interactionPolicy.Prompt[] {
  const policy = interactionPolicy.base();
  policy.remove("consent");
  const { Check } = interactionPolicy;
  const check = new Check("no_person", "the user is no longer allowed to sign in", (ctx) =>
    ctx.oidc.session?.accountId !== undefined && ctx.oidc.account === undefined
      ? Check.REQUEST_PROMPT
      : Check.NO_NEED_TO_PROMPT,
  );
  policy.get("login")?.checks.add(check);
  return policy;
}

/** One grant per client and session, with all scopes of the client. The user's rights are applied to each token. */
async function firstPartyGrant(ctx: KoaContextWithOIDC, audience: string) {
  const { client, session, account, provider } = ctx.oidc;
  if (client === undefined || account === undefined) return undefined;
  const heldId = session?.grantIdFor(client.clientId);
  const held = heldId === undefined ? undefined : await provider.Grant.find(heldId);
  const isOwn = held?.accountId === account.accountId && held.clientId === client.clientId;
  const grant = isOwn ? held : new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  grant.addOIDCScope(OPENID_SCOPES.join(" "));
  grant.addResourceScope(audience, client.scope ?? "");
  await grant.save();
  return grant;
}

/** Sends HTML to browsers and JSON to all other clients. The library would choose according to the `Accept` header. */
function renderError(ctx: KoaContextWithOIDC, out: ErrorOut): void {
  if (!isPage(ctx)) {
    ctx.body = out;
    return;
  }
  const detail = out.error_description ?? out.error;
  sendPage(ctx, messagePage("Request failed", `The request cannot be processed: ${detail}.`));
}

function sendPage(ctx: KoaContextWithOIDC, page: string, leadsTo?: string): void {
  ctx.set(pageHeaders(leadsTo));
  ctx.body = page;
}
