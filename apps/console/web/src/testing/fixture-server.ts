import { readFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Session } from "#contract/session";
import type { Api } from "./fixture-api.js";
import { streamLive } from "./fixture-live.js";
import type { Answer } from "./fixture-request.js";
import { Refusal } from "./fixture-request.js";
import { sendTrial } from "./fixture-trial.js";

/**
 * Serves the console's contract with sample data, for tests of single screens and `npm run dev`. It sends the backend's
 * security headers, so violations of the page's policy fail here as well.
 */

const PAGE = fileURLToPath(new URL("../page", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
export const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};
const BODY_BYTES_MAX = 2 * 1024 * 1024;

export interface FixtureServer {
  readonly url: string;
  /** The session, which tests may change; undefined if nobody is signed in. */
  session: Session | undefined;
  /** Requests that fail, identified by a part of their URL. Set by tests. */
  readonly failing: Map<string, Refusal>;
  /** Requested URLs. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** All requests that could change something. */
export function changes({ asked }: FixtureServer): string[] {
  return asked.filter((one) => !one.startsWith("GET"));
}

/** @param stream handles requests for the live stream */
export async function startFixture(api: Api, session: Session, stream = streamLive): Promise<FixtureServer> {
  const state = { session: session as Session | undefined, failing: new Map<string, Refusal>(), asked: [] as string[] };
  const server: Server = createServer((request, response) => {
    void answer(api, fixture, stream, request, response);
  });
  const fixture: FixtureServer = Object.assign(state, {
    url: "",
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(fixture, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function answer(
  api: Api,
  fixture: FixtureServer,
  stream: typeof streamLive,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", fixture.url);
  if (!pathname.startsWith("/api/") && !pathname.startsWith("/session/")) return sendPage(pathname, response);
  fixture.asked.push(`${request.method} ${request.url}`);
  try {
    const failing = [...fixture.failing].find(([part]) => pathname.includes(part));
    if (failing !== undefined) throw failing[1];
    if (pathname === "/session/sign-in") return redirect(response, searchParams.get("to") ?? "/");
    const { session } = fixture;
    if (session === undefined) throw new Refusal(401, "unauthenticated", "Your session has ended.");
    if (pathname === "/api/live") return stream(response);
    if (pathname === "/api/session") return send(response, session);
    if (request.method !== "GET" && request.headers["x-csrf-token"] !== session.csrfToken) {
      throw new Refusal(403, "csrf", "The token of the form is missing.");
    }
    const name = request.headers["x-file-name"];
    const bytes = await readBody(request);
    const isFile = typeof name === "string";
    const body = isFile || bytes.length === 0 ? {} : JSON.parse(bytes.toString());
    const file = isFile
      ? { name: decodeURIComponent(name), mediaType: "text/plain", bytes: bytes.length, sha256: "0".repeat(64) }
      : undefined;
    if (pathname.startsWith("/api/policy/")) return sendTrial(response, pathname.endsWith("shadow"));
    const asked = { method: request.method ?? "GET", path: pathname, query: searchParams, body, file, session };
    send(response, api.answer(asked));
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(500, "internal", String(error));
    response.writeHead(refusal.status, { "content-type": "application/problem+json" });
    response.end(JSON.stringify(refusal.problem));
  }
}

function redirect(response: ServerResponse, to: string): void {
  response.writeHead(303, { location: to.startsWith("/") ? to : "/" }).end();
}

function send(response: ServerResponse, answered: Answer): void {
  if (answered === undefined) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(answered));
}

function sendPage(pathname: string, response: ServerResponse): void {
  const file = extname(pathname) === "" ? "index.html" : normalize(pathname).slice(1);
  try {
    const content = readFileSync(join(PAGE, file));
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...PAGE_HEADERS });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk);
    if (chunks.reduce((sum, { length }) => sum + length, 0) > BODY_BYTES_MAX) {
      throw new Refusal(413, "body-too-large", "The body is too large.");
    }
  }
  return Buffer.concat(chunks);
}
