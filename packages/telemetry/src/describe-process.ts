import { randomUUID } from "node:crypto";
import type { Resource } from "@opentelemetry/resources";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from "@opentelemetry/semantic-conventions";
import { collectDefaultMetrics, Gauge } from "prom-client";
import { registry } from "./metrics.js";
import { releaseVersion } from "./release-version.js";

/** Names that the stable part of the semantic conventions does not export. */
const ATTR_SERVICE_INSTANCE_ID = "service.instance.id";
const ATTR_DEPLOYMENT_ENVIRONMENT_NAME = "deployment.environment.name";
/** Unique per process: the convention recommends a random UUID if no better id is available. */
const INSTANCE_ID = randomUUID();

const TARGET_INFO = "target_info";
const PROCESS_CPU = "process_cpu_seconds_total";

/**
 * Describes this process and registers its metrics: CPU, memory, descriptors, event loop and garbage collection.
 *
 * @param service its name, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` sets a different name
 * @param environment such as `production`, unless `OTEL_RESOURCE_ATTRIBUTES` sets a different one; absent if unknown
 */
export function describeProcess(service: string, environment?: string): Resource {
  const resource = resourceOf(service, environment);
  if (registry.getSingleMetric(PROCESS_CPU) === undefined) measureProcess();
  tellResource(resource);
  return resource;
}

/** Removes the library's gauges that are named like counters: their namesakes without `_total` have more detail. */
function measureProcess(): void {
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (name.endsWith("_total") && registry.getSingleMetric(name) instanceof Gauge) registry.removeSingleMetric(name);
  }
}

/** OpenTelemetry requires that the environment overrides the service's own description. */
function resourceOf(service: string, environment = ""): Resource {
  const own = {
    [ATTR_SERVICE_NAME]: service,
    [ATTR_SERVICE_VERSION]: releaseVersion(),
    [ATTR_SERVICE_INSTANCE_ID]: INSTANCE_ID,
    ...(environment === "" ? {} : { [ATTR_DEPLOYMENT_ENVIRONMENT_NAME]: environment }),
  };
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** The resource as a metric, according to OpenTelemetry's mapping to Prometheus. */
function tellResource(resource: Resource): void {
  const labels = Object.fromEntries(
    Object.entries(resource.attributes).map(([name, value]) => [name.replaceAll(/\W/g, "_"), String(value)]),
  );
  registry.removeSingleMetric(TARGET_INFO);
  const info = { name: TARGET_INFO, help: "Target metadata", labelNames: Object.keys(labels), registers: [registry] };
  new Gauge(info).set(labels, 1);
}
