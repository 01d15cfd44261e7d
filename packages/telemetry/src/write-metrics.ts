import type { IncomingMessage, ServerResponse } from "node:http";
import type { OpenMetricsContentType } from "prom-client";
import { Counter, Registry } from "prom-client";
import { registry } from "./metrics.js";

export interface WrittenMetrics {
  readonly contentType: string;
  readonly body: string;
}

const OPENMETRICS = "application/openmetrics-text";
const PLAIN_TEXT = "text/plain";

/**
 * Writes all metrics of this process in OpenMetrics format if requested, otherwise in Prometheus format.
 *
 * @param accept the request's header
 */
export async function writeMetrics(accept = ""): Promise<WrittenMetrics> {
  const own = weightOf(accept, OPENMETRICS);
  const isOpen = own > 0 && own >= weightOf(accept, PLAIN_TEXT);
  const written = isOpen ? openRegistry() : registry;
  return { contentType: written.contentType, body: await written.metrics() };
}

/** Writes the metrics of this process in the requested format. */
export function serveMetrics(request: IncomingMessage, response: ServerResponse): void {
  writeMetrics(request.headers.accept).then(
    ({ contentType, body }) => response.writeHead(200, { "content-type": contentType }).end(body),
    () => response.writeHead(500).end(),
  );
}

/**
 * A registry has only one format. The OpenMetrics registry renames counters, removing their suffix, so it gets copies.
 */
function openRegistry(): Registry<OpenMetricsContentType> {
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const { name } of registry.getMetricsAsArray()) {
    const metric = registry.getSingleMetric(name);
    if (metric === undefined) continue;
    // A copy that shares the values of the original.
    const copy: Counter = Object.create(metric);
    open.registerMetric(metric instanceof Counter ? copy : metric);
  }
  return open;
}

/** A client's weight for a media type, from 0 to 1, by RFC 9110, section 12.4.2; wildcard ranges are ignored. */
function weightOf(accept: string, mediaType: string): number {
  const weights = accept.split(",").flatMap((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    if (type !== mediaType) return [];
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    return [quality === undefined ? 1 : Number(quality.slice(2)) || 0];
  });
  return Math.max(0, ...weights);
}
