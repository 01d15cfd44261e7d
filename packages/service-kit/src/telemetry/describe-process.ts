import type { Resource } from "@opentelemetry/resources";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions";
import { collectDefaultMetrics, Gauge } from "prom-client";
import { registry } from "./metrics.js";

const TARGET_INFO = "target_info";
const PROCESS_CPU = "process_cpu_seconds_total";

/**
 * What this process is, and the metrics of it: CPU, memory, descriptors, event loop and garbage collection.
 *
 * @param service its name unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` gives another
 */
export function describeProcess(service: string): Resource {
  const resource = resourceOf(service);
  if (registry.getSingleMetric(PROCESS_CPU) === undefined) collectDefaultMetrics({ register: registry });
  tellResource(resource);
  return resource;
}

/** By OpenTelemetry's rules the environment overrides what the service says of itself. */
function resourceOf(service: string): Resource {
  return defaultResource()
    .merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: service }))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** The resource as a metric, by OpenTelemetry's mapping to Prometheus. */
function tellResource(resource: Resource): void {
  const labels = Object.fromEntries(
    Object.entries(resource.attributes).map(([name, value]) => [name.replaceAll(/\W/g, "_"), String(value)]),
  );
  registry.removeSingleMetric(TARGET_INFO);
  const info = { name: TARGET_INFO, help: "Target metadata", labelNames: Object.keys(labels), registers: [registry] };
  new Gauge(info).set(labels, 1);
}
