import type { DemoSecrets } from "@tripline/system/services/demo-secrets";
import type { LocalSecurity } from "@tripline/system/services/local-security";
import type { RunningSystem } from "@tripline/system/services/run-system";

/** A system with TLS and access control, for the journeys that test them. */
export interface SecureSystem
  extends Pick<RunningSystem, "stack" | "addresses" | "services" | "control">,
    Pick<DemoSecrets, "trainingSecret" | "consoleSecret"> {
  readonly security: LocalSecurity;
  /** Folder of the services' logs. */
  readonly logs: string;
  /** Address of scoring's gRPC port, `host:port`. */
  readonly scoringAddress: string;
  /** URL of scoring's HTTP port. */
  readonly scoringUrl: string;
}

/** @returns undefined for a system without TLS */
export function secureSystemOf(system: RunningSystem, secrets: DemoSecrets, logs: string): SecureSystem | undefined {
  const { security, stack, addresses, services, control } = system;
  if (security === undefined) return undefined;
  const scoringAddress = services.get("decisions")?.plan.environment.SCORING_ADDRESS ?? "";
  const { trainingSecret, consoleSecret } = secrets;
  const scoringUrl = services.get("scoring")?.plan.url ?? "";
  return {
    security,
    stack,
    addresses,
    services,
    control,
    logs,
    scoringAddress,
    scoringUrl,
    trainingSecret,
    consoleSecret,
  };
}
