import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { makeCertificate } from "./certificates.js";

/** For tests: a local server with the clouds' documented responses to a pod that requests a token. */
export interface TestIdentityServer {
  /** The pod's environment, for all three clouds. */
  readonly environment: Readonly<Record<string, string>>;
  /** Requests so far. */
  readonly asked: number;
  /** From now on, answers every request with this status or not at all; `undefined` restores normal responses. */
  failWith(failure: number | "silence" | undefined): void;
  close(): Promise<void>;
}

export interface MintedToken {
  readonly text: string;
  readonly seconds: number;
}

export const TEST_ROLE = "arn:aws:iam::123456789012:role/tripline-dev-features";
export const TEST_EMAIL = "tripline-dev-features@project.iam.gserviceaccount.com";
const CLIENT_ID = "2f2f4d0e-0000-4000-8000-000000000001";
const TENANT = "2f2f4d0e-0000-4000-8000-000000000002";
const POD_TOKEN = "pod.token.signature";
/** A header in each response of Google's metadata server, which its library checks; the other libraries ignore it. */
const FLAVOR = { "metadata-flavor": "Google" };
const BODY_BYTES_MAX = 64 * 1024;

/** The next token for a resource or scope. For AWS credentials, this text is the session token. */
export type Mint = (scope: string) => MintedToken | Promise<MintedToken>;

export async function startIdentityServer(mint: Mint): Promise<TestIdentityServer> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-identity-"));
  const tokenFile = join(folder, "token");
  // Has a trailing newline, because a real file may have one.
  await writeFile(tokenFile, `${POD_TOKEN}\n`);
  let asked = 0;
  let failure: number | "silence" | undefined;
  const answer: RequestListener = (request, response) => {
    asked += 1;
    if (failure === "silence") return;
    const status = failure;
    bodyOf(request)
      .then((body) => (status === undefined ? answerTo(request, body, mint) : { status, text: "out of order" }))
      .catch(() => ({ status: 400, text: "the request cannot be read" }))
      .then(({ status, text }) => response.writeHead(status, FLAVOR).end(text));
  };
  // Microsoft's library requires TLS. If two authorities had the same name, only one would be trusted.
  const { certificate, key } = await makeCertificate(`identity ${randomUUID()}`, ["127.0.0.1"]);
  setDefaultCACertificates([...getCACertificates("default"), certificate]);
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, certificate);
  const servers = [createServer(answer), createSecureServer({ cert: certificate, key }, answer)] as const;
  const [address, secureAddress] = await Promise.all([listen(servers[0]), listen(servers[1])]);
  const url = `http://${address}`;
  // biome-ignore lint/style/noProcessEnv: Google's library reads it. Never unset, so that no test contacts a real server.
  process.env.GCE_METADATA_HOST = address;
  return {
    environment: {
      GCE_METADATA_HOST: address,
      /** For other processes. This process already trusts the certificate. */
      NODE_EXTRA_CA_CERTS: caFile,
      AZURE_CLIENT_ID: CLIENT_ID,
      AZURE_TENANT_ID: TENANT,
      AZURE_FEDERATED_TOKEN_FILE: tokenFile,
      AZURE_AUTHORITY_HOST: `https://${secureAddress}/`,
      AWS_REGION: "eu-central-1",
      AWS_ROLE_ARN: TEST_ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ENDPOINT_URL_STS: url,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
    },
    get asked() {
      return asked;
    },
    failWith: (now) => {
      failure = now;
    },
    close: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function answerTo(request: IncomingMessage, body: URLSearchParams, mint: Mint): Promise<Answer> {
  const { method, url = "" } = request;
  const [path] = url.split("?");
  if (url.startsWith("/computeMetadata/v1/instance/service-accounts/default/")) return answerAsGoogle(request, mint);
  if (method === "GET" && path === `/${TENANT}/v2.0/.well-known/openid-configuration`) return describeEntra(request);
  if (method === "POST" && path === `/${TENANT}/oauth2/v2.0/token`) return answerAsEntra(body, mint);
  if (method === "POST" && url === "/") return answerAsSts(body, mint);
  if (method === "GET" && url === "/v1/credentials") return answerAsEks(request, mint);
  return { status: 404, text: "there is nothing here" };
}

async function answerAsGoogle({ headers, url = "" }: IncomingMessage, mint: Mint): Promise<Answer> {
  if (headers["metadata-flavor"] !== "Google") return { status: 403, text: "Missing Metadata-Flavor:Google header" };
  if (url.endsWith("/email")) return { status: 200, text: TEST_EMAIL };
  const { text, seconds } = await mint("google");
  return json({ access_token: text, expires_in: seconds, token_type: "Bearer" });
}

function describeEntra({ headers }: IncomingMessage): Answer {
  const tenant = `https://${headers.host}/${TENANT}`;
  return json({
    issuer: `${tenant}/v2.0`,
    authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
    token_endpoint: `${tenant}/oauth2/v2.0/token`,
    jwks_uri: `${tenant}/discovery/v2.0/keys`,
  });
}

async function answerAsEntra(body: URLSearchParams, mint: Mint): Promise<Answer> {
  const wanted = {
    grant_type: "client_credentials",
    client_id: CLIENT_ID,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: POD_TOKEN,
  };
  const wrong = Object.entries(wanted).find(([name, value]) => body.get(name) !== value);
  const scope = body.get("scope") ?? "";
  if (wrong !== undefined || !scope.endsWith("/.default")) {
    return {
      status: 400,
      text: JSON.stringify({ error: "invalid_request", error_description: wrong?.[0] ?? "scope" }),
    };
  }
  const { text, seconds } = await mint(scope);
  return json({ token_type: "Bearer", expires_in: seconds, access_token: text });
}

async function answerAsSts(body: URLSearchParams, mint: Mint): Promise<Answer> {
  const isRight =
    body.get("Action") === "AssumeRoleWithWebIdentity" &&
    body.get("Version") === "2011-06-15" &&
    body.get("RoleArn") === TEST_ROLE &&
    body.get("WebIdentityToken") === POD_TOKEN &&
    body.get("RoleSessionName") !== null;
  if (!isRight)
    return { status: 400, text: "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>" };
  const { text, seconds } = await mint("sts");
  const fields = `<AccessKeyId>ASIAFROMSTS</AccessKeyId><SecretAccessKey>secret/+</SecretAccessKey><SessionToken>${text}</SessionToken><Expiration>${endOf(seconds)}</Expiration>`;
  const result = `<AssumeRoleWithWebIdentityResult><Credentials>${fields}</Credentials></AssumeRoleWithWebIdentityResult>`;
  return { status: 200, text: `<AssumeRoleWithWebIdentityResponse>${result}</AssumeRoleWithWebIdentityResponse>` };
}

async function answerAsEks({ headers }: IncomingMessage, mint: Mint): Promise<Answer> {
  if (headers.authorization !== POD_TOKEN) return { status: 400, text: "Service account token cannot be empty" };
  const { text, seconds } = await mint("eks");
  return json({ AccessKeyId: "ASIAFROMEKS", SecretAccessKey: "secret", Token: text, Expiration: endOf(seconds) });
}

const json = (value: unknown): Answer => ({ status: 200, text: JSON.stringify(value) });

const endOf = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw new Error("the body is too long");
  }
  return new URLSearchParams(text);
}
