import type { Telemetry } from "./local-telemetry.js";
import { startLocalTelemetry } from "./local-telemetry.js";
import type { TelemetryOptions } from "./telemetry.js";

/** Telemetry of a whole process. The SDK and its exporters are loaded only if there is a collector. */
export async function startProcessTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  if (options.otlpEndpoint === undefined) return startLocalTelemetry(options.service, options.environment);
  const { startTelemetry } = await import("./telemetry.js");
  return startTelemetry(options);
}
