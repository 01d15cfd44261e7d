import type { ClientRequest } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { CheckedTarget } from "@tripline/http/egress/check-target";
import { hostOf } from "@tripline/http/egress/check-target";

const REQUEST_MS_MAX = 15_000;
/** Maximum size of a response that is read. Its content is ignored; reading a short one keeps the connection usable. */
const RESPONSE_BYTES_MAX = 16_384;
const HEADER_BYTES_MAX = 16_384;
/** Many servers close idle connections after five seconds. */
const IDLE_MS_MAX = 4_000;
const RETRY_AFTER_SECONDS_MAX = 86_400;

/** The result of a request. The response body is discarded. */
export interface PostResult {
  /** The HTTP status; undefined if there was no response. */
  readonly status: number | undefined;
  /** Why there is no response: a code such as `ECONNREFUSED`. */
  readonly error: string | undefined;
  /** The wait from the `Retry-After` header, if it is in seconds; otherwise 0. */
  readonly retryAfterMs: number;
}

/** Sends messages to checked addresses. Redirects are not followed: a 3xx status is a failure. */
export class MessagePoster {
  readonly #agents = {
    "http:": new HttpAgent({ keepAlive: true, timeout: IDLE_MS_MAX }),
    "https:": new HttpsAgent({ keepAlive: true, timeout: IDLE_MS_MAX }),
  };

  #isClosed = false;

  /** @param timeoutMs from the start of the request to the end of the response */
  constructor(private readonly timeoutMs = REQUEST_MS_MAX) {}

  /** Sends a message. Never rejects. */
  async post(target: CheckedTarget, headers: Readonly<Record<string, string>>, body: string): Promise<PostResult> {
    const first = await this.#send(target, headers, body);
    // The receiver has just closed the idle connection. The next request uses another connection.
    const isAgain = first.isOnClosedConnection && !this.#isClosed;
    return (isAgain ? await this.#send(target, headers, body) : first).result;
  }

  close(): void {
    this.#isClosed = true;
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #send(
    target: CheckedTarget,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<{ readonly result: PostResult; readonly isOnClosedConnection: boolean }> {
    return new Promise((resolve) => {
      const sent = this.#open(target, { ...headers, "content-length": String(Buffer.byteLength(body)) });
      // The status counts, even if the rest of the response does not arrive.
      let answer: Partial<PostResult> | undefined;
      const end = (result: Partial<PostResult>): void => {
        clearTimeout(timer);
        const isOnClosedConnection = sent.reusedSocket && result.error === "ECONNRESET";
        const nothing = { status: undefined, error: undefined, retryAfterMs: 0 };
        resolve({ result: { ...nothing, ...result }, isOnClosedConnection });
      };
      const timer = setTimeout(() => {
        end(answer ?? { error: "TIMEOUT" });
        sent.destroy();
      }, this.timeoutMs);
      sent.on("error", (error: NodeJS.ErrnoException) => end({ error: error.code ?? "FAILED" }));
      sent.on("close", () => end({ error: "FAILED" }));
      sent.on("response", (response) => {
        const result = { status: response.statusCode, retryAfterMs: retryAfterOf(response.headers["retry-after"]) };
        answer = result;
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > RESPONSE_BYTES_MAX) response.destroy();
        });
        for (const event of ["end", "error", "close"]) response.on(event, () => end(result));
      });
      sent.end(body);
    });
  }

  #open({ url, address }: CheckedTarget, headers: Readonly<Record<string, string>>): ClientRequest {
    const isSecure = url.protocol === "https:";
    const host = hostOf(url);
    return (isSecure ? httpsRequest : httpRequest)({
      method: "POST",
      // Connects to the address that was checked. Neither Node nor the agent resolves the name again.
      host: address,
      port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      ...(isSecure && isIP(host) === 0 ? { servername: host } : {}),
      agent: isSecure ? this.#agents["https:"] : this.#agents["http:"],
      maxHeaderSize: HEADER_BYTES_MAX,
      headers: { ...headers, host: url.host, "content-type": "application/json", "user-agent": "tripline-webhooks" },
    });
  }
}

/** Dates are ignored, because they are rare and clocks differ. */
function retryAfterOf(header: string | undefined): number {
  const seconds = /^\d{1,6}$/.test(header ?? "") ? Number(header) : 0;
  return Math.min(seconds, RETRY_AFTER_SECONDS_MAX) * 1_000;
}
