import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { AUDIENCE, basic, ISSUER } from "./service.js";

export const CONSOLE = { client_id: "tripline-console", client_secret: "console-secret-of-more-than-24-characters" };
export const CONSOLE_URL = "http://127.0.0.1:7416";
export const CONSOLE_BASIC = basic(CONSOLE.client_id, CONSOLE.client_secret);
export const CALLBACK = `${CONSOLE_URL}/session/callback`;

export const ANNA = {
  user_name: "anna",
  name: "Anna Analyst",
  tenant: "acme",
  roles: ["analyst"],
  password: "correct horse battery staple",
};

/** Settings of a service with sign-in. */
export const PEOPLE_ENVIRONMENT = {
  BOOTSTRAP_PEOPLE: JSON.stringify([ANNA]),
  CONSOLE_URL,
  CONSOLE_CLIENT_SECRET: CONSOLE.client_secret,
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Target of the redirect, as a path of the service or a URL. */
  readonly location: string;
}

/** A browser without scripts: it keeps cookies by path and does not follow redirects. */
export class Browser {
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>();

  constructor(readonly url: string) {}

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send("GET", path, headers);
  }

  post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send("POST", path, { origin: ISSUER, ...headers }, new URLSearchParams(form));
  }

  cookie(name: string): string | undefined {
    return this.#cookies.get(name)?.value;
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, { value, path: "/" });
  }

  async #send(method: string, path: string, headers: Record<string, string>, body?: URLSearchParams): Promise<Answer> {
    const cookies = [...this.#cookies].filter(([, cookie]) => path.startsWith(cookie.path));
    const cookie = cookies.map(([name, { value }]) => `${name}=${value}`).join("; ");
    const response = await fetch(`${this.url}${path}`, {
      method,
      redirect: "manual",
      headers: { ...headers, ...(cookie === "" ? {} : { cookie }) },
      ...(body === undefined ? {} : { body }),
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const location = (response.headers.get("location") ?? "").replace(ISSUER, "");
    return { status: response.status, headers: response.headers, text: await response.text(), location };
  }

  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split("; ");
    const [name = "", value = ""] = pair.split("=");
    const path = attributes.find((one) => one.startsWith("path="))?.slice("path=".length) ?? "/";
    if (value === "") this.#cookies.delete(name);
    else this.#cookies.set(name, { value, path });
  }
}

/** A request for an authorization code, and its PKCE verifier. */
export function authorizationRequest(changes: Record<string, string | undefined> = {}): {
  readonly path: string;
  readonly verifier: string;
} {
  const verifier = randomBytes(32).toString("base64url");
  const parameters: Record<string, string | undefined> = {
    client_id: CONSOLE.client_id,
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "openid offline_access profile decisions:read cases:write policy:write people:read",
    resource: AUDIENCE,
    state: "state-of-the-console",
    nonce: "nonce-of-the-console",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...changes,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, value);
  return { path: `/oauth/authorize?${query}`, verifier };
}

/** The hidden field of a page's form. */
export function csrfOf(page: Answer): string {
  const match = /name="csrf" value="([\w-]+)"/.exec(page.text);
  if (match?.[1] === undefined) throw new Error(`the page has no form: ${page.text}`);
  return match[1];
}

/** Begins a sign-in and returns the password page. */
export async function beginSignIn(browser: Browser, path: string): Promise<{ uid: string; page: Answer }> {
  const { location } = await browser.get(path);
  const page = await browser.get(location);
  return { uid: location, page };
}

/** Signs in and returns to the client. @returns the redirect URL */
export async function signIn(
  browser: Browser,
  path: string,
  { user_name, password }: { readonly user_name: string; readonly password: string } = ANNA,
): Promise<URL> {
  const { uid, page } = await beginSignIn(browser, path);
  const posted = await browser.post(uid, { csrf: csrfOf(page), user_name, password });
  if (posted.status !== 303) throw new Error(`not signed in: ${posted.status} ${posted.text}`);
  const resumed = await browser.get(posted.location);
  return new URL(resumed.location);
}

const tokens = z.object({
  access_token: z.string(),
  id_token: z.string().optional(),
  refresh_token: z.string().optional(),
  scope: z.string().optional(),
  expires_in: z.number(),
});

export interface TokenReply {
  readonly status: number;
  readonly error?: string;
  readonly tokens?: z.infer<typeof tokens>;
}

/** Requests a token as the console. */
export async function exchange(
  url: string,
  form: Record<string, string>,
  authorization = CONSOLE_BASIC,
): Promise<TokenReply> {
  const response = await fetch(`${url}/oauth/token`, {
    method: "POST",
    headers: { authorization },
    body: new URLSearchParams(form),
  });
  const answer: unknown = await response.json();
  if (response.ok) return { status: response.status, tokens: tokens.parse(answer) };
  return { status: response.status, error: z.object({ error: z.string() }).parse(answer).error };
}

export function codeForm(callback: URL, verifier: string): Record<string, string> {
  return {
    grant_type: "authorization_code",
    code: callback.searchParams.get("code") ?? "",
    redirect_uri: CALLBACK,
    code_verifier: verifier,
  };
}
