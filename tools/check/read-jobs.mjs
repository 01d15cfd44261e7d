// The `job` label of each service in Prometheus. Derives it from the Compose configuration and the rendered chart as
// Prometheus and its operator do.
import { parse } from "yaml";

/**
 * @typedef {{ sourceLabels?: string[], separator?: string, regex?: string, replacement?: string, targetLabel?: string, action?: string }} Relabeling
 */

/**
 * @param {{ scrape_configs: { job_name: string, static_configs?: { targets: string[] }[], relabel_configs?: Record<string, unknown>[] }[] }} configuration
 * @returns {string[]} the job of each target
 */
export function jobsOfPrometheus(configuration) {
  return configuration.scrape_configs.flatMap(({ job_name, static_configs = [], relabel_configs = [] }) =>
    static_configs
      .flatMap(({ targets }) => targets)
      .map((target) => jobAfter({ __address__: target, job: job_name }, relabel_configs.map(inCamelCase))),
  );
}

/**
 * @param {readonly any[]} objects of Kubernetes
 * @returns {string[]} the job of each Service that a ServiceMonitor selects
 */
export function jobsOfServiceMonitor(objects) {
  const services = objects.filter((object) => object?.kind === "Service");
  return objects
    .filter((object) => object?.kind === "ServiceMonitor")
    .flatMap(({ spec }) =>
      services.filter(isSelectedBy(spec.selector.matchLabels)).flatMap(({ metadata, spec: service }) =>
        spec.endpoints
          .filter((/** @type {any} */ { port }) => service.ports.some((/** @type {any} */ { name }) => name === port))
          .map((/** @type {{ relabelings?: Relabeling[] }} */ { relabelings = [] }) => {
            // Without jobLabel, or if the Service lacks that label, the job is named after its Service.
            const job = metadata.labels[spec.jobLabel] ?? metadata.name;
            const labels = Object.entries(metadata.labels).map(([name, value]) => [metaLabel(name), value]);
            return jobAfter({ ...Object.fromEntries(labels), job }, relabelings);
          }),
      ),
    );
}

/**
 * @param {readonly any[]} objects of Kubernetes
 * @returns {string[]} the job of each Service through which the release's collector finds pods, ready or not
 */
export function jobsOfCollector(objects) {
  const services = objects
    .filter((object) => object?.kind === "Service" && object.spec.publishNotReadyAddresses === true)
    .map(({ metadata }) => metadata.name);
  const configurations = objects.flatMap((object) => object?.data?.["collector.yaml"] ?? []);
  return configurations.flatMap((text) =>
    parse(text).receivers.prometheus.config.scrape_configs.flatMap(
      (/** @type {{ job_name: string, dns_sd_configs?: { names: string[] }[] }} */ { job_name, dns_sd_configs = [] }) =>
        dns_sd_configs
          .flatMap(({ names }) => names)
          .filter((name) => services.includes(name))
          .map(() => job_name),
    ),
  );
}

/** @param {Record<string, string>} wanted */
function isSelectedBy(wanted) {
  return (/** @type {any} */ { metadata }) =>
    Object.entries(wanted).every(([name, value]) => metadata.labels?.[name] === value);
}

/** @param {string} name of a label of a Service */
function metaLabel(name) {
  return `__meta_kubernetes_service_label_${name.replaceAll(/[^a-zA-Z0-9_]/g, "_")}`;
}

/**
 * @param {Record<string, string>} labels
 * @param {readonly Relabeling[]} relabelings
 * @returns {string}
 */
function jobAfter(labels, relabelings) {
  const now = { ...labels };
  for (const {
    sourceLabels = [],
    separator = ";",
    regex = "(.*)",
    replacement = "$1",
    targetLabel,
    action,
  } of relabelings) {
    if (targetLabel === undefined || (action ?? "replace") !== "replace") continue;
    const value = sourceLabels.map((name) => now[name] ?? "").join(separator);
    const whole = new RegExp(`^(?:${regex})$`);
    if (whole.test(value)) now[targetLabel] = value.replace(whole, replacement);
  }
  return now.job ?? "";
}

/** Prometheus uses source_labels, its operator sourceLabels. @param {Record<string, unknown>} settings */
function inCamelCase(settings) {
  const name = (/** @type {string} */ key) => key.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [name(key), value]));
}
