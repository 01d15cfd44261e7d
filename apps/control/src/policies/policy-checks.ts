import type { OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { MixGuard } from "@tripline/decision-engine/policy";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { CheckedPolicy } from "@tripline/policy-worker/check-policy";
import { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import type { Logger } from "@tripline/telemetry/logger";
import type { Caller } from "@tripline/tokens/verify-token";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG, policyCheckRates } from "../config.js";

/** Checks the policy texts of callers, within their budgets, in threads of their own. */
@Injectable()
export class PolicyChecks implements OnApplicationShutdown {
  readonly #worker: PolicyWorker;
  readonly #limits: RateLimits;

  constructor(@Inject(CONTROL_CONFIG) config: ControlConfig, @Inject(LOGGER) logger: Logger) {
    this.#worker = new PolicyWorker(config, logger);
    this.#limits = new RateLimits(policyCheckRates(config));
  }

  get note(): string | undefined {
    return this.#worker.note;
  }

  /** @throws TriplineError `rate-limited`, and as `PolicyWorker.check` does */
  check(caller: Caller, text: string): Promise<CheckedPolicy> {
    this.#limits.spend(caller, 1);
    return this.#worker.check(caller.tenant, text);
  }

  /** The faults alone, none for a good text. */
  async faultsOf(caller: Caller, text: string): Promise<string[]> {
    try {
      await this.check(caller, text);
      return [];
    } catch (thrown) {
      const { message, fields } = asTriplineError(thrown);
      return fields.length === 0 ? [message] : fields.map(({ detail }) => detail);
    }
  }

  /** What watches the activation of a revision. A revision of another feature spec, which this build cannot read, has nothing. */
  async guardOf(tenant: string, text: string): Promise<MixGuard | undefined> {
    try {
      return (await this.#worker.storedOutline(tenant, text)).guard;
    } catch (thrown) {
      if (asTriplineError(thrown).code === "invalid-field") return undefined;
      throw thrown;
    }
  }

  onApplicationShutdown(): Promise<void> {
    return this.#worker.close();
  }
}
