import { isIP } from "node:net";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Resolve } from "@tripline/http/egress/check-target";
import { checkTarget } from "@tripline/http/egress/check-target";
import type { AllowedNetworks } from "@tripline/http/egress/networks";
import type * as oidc from "openid-client";
import { Agent, fetch } from "undici";

/** Metadata, keys and tokens of large providers take tens of kilobytes. */
const RESPONSE_BYTES_MAX = 524_288;
const HEADER_BYTES_MAX = 16_384;
export const REQUEST_MS_MAX = 10_000;
/** Values of `Content-Encoding` for a body that is not compressed. */
const NOT_COMPRESSED: ReadonlySet<string | undefined> = new Set([undefined, "", "identity"]);
/** Status codes for which `Response` does not allow a body. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Sends requests to URLs that a tenant or its provider chose. Each connects only to a checked address, follows no
 * redirects, and is limited in time and size.
 *
 * @param deadline for all requests together
 * @throws TriplineError `provider-url-refused`, `provider-unavailable` for a compressed response; TypeError if there is
 *   no response
 */
export function checkedFetch(allowed: AllowedNetworks, resolve: Resolve, deadline: AbortSignal): oidc.CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const target = await checkTarget(url, allowed, resolve, { code: "provider-url-refused", pointer: "/issuer" });
    const pinned = [{ address: target.address, family: isIP(target.address) }];
    const agent = new Agent({
      connect: { timeout: REQUEST_MS_MAX, lookup: (_host, _options, done) => done(null, pinned) },
      headersTimeout: REQUEST_MS_MAX,
      bodyTimeout: REQUEST_MS_MAX,
      maxHeaderSize: HEADER_BYTES_MAX,
      maxResponseSize: RESPONSE_BYTES_MAX,
    });
    try {
      const response = await fetch(target.url, {
        ...{ method, redirect: "manual", dispatcher: agent },
        headers: { ...headers, "accept-encoding": "identity" },
        signal: signal === undefined || signal === null ? deadline : AbortSignal.any([signal, deadline]),
        // The library sends forms, with the types of the browser API.
        ...(body === undefined || body === null ? {} : { body: String(body) }),
      });
      // The limit applies to the received bytes, and a few bytes can decompress to gigabytes.
      if (!NOT_COMPRESSED.has(response.headers.get("content-encoding")?.toLowerCase())) {
        throw new TriplineError(
          "provider-unavailable",
          "Your identity provider sent a compressed response, which is not supported.",
        );
      }
      const bytes = await response.arrayBuffer();
      const answer = { status: response.status, headers: [...response.headers] };
      return new Response(WITHOUT_BODY.has(response.status) ? null : bytes, answer);
    } finally {
      await agent.destroy();
    }
  };
}
