import type { OnApplicationShutdown } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { MixGuard } from "@tripline/decision-engine/policy";
import type { RateLimits } from "@tripline/http/limits/rate-limits";
import type { CheckedPolicy } from "@tripline/policy-worker/check-policy";
import type { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import type { Caller } from "@tripline/tokens/verify-token";

/** Checks the policy texts of callers, within their budgets, in threads of their own. */
export class PolicyChecks implements OnApplicationShutdown {
  constructor(
    private readonly worker: PolicyWorker,
    private readonly limits: RateLimits,
  ) {}

  /** @throws TriplineError `rate-limited`, and as `PolicyWorker.check` does */
  check(caller: Caller, text: string): Promise<CheckedPolicy> {
    this.limits.spend(caller, 1);
    return this.worker.check(caller.tenant, text);
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
      return (await this.worker.outline(tenant, text)).guard;
    } catch (thrown) {
      if (asTriplineError(thrown).code === "invalid-field") return undefined;
      throw thrown;
    }
  }

  onApplicationShutdown(): Promise<void> {
    return this.worker.close();
  }
}
