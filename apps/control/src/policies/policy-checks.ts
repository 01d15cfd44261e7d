import type { OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { MixGuard } from "@tripline/decision-engine/policy";
import { unreadFault, unreadFeatures } from "@tripline/decision-engine/unread-features";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { CheckedPolicy, PolicyOutline } from "@tripline/policy-worker/check-policy";
import { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import type { Logger } from "@tripline/telemetry/logger";
import type { Caller } from "@tripline/tokens/verify-token";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG, policyCheckRates } from "../config.js";

/** Checks callers' policy texts in separate threads, within the callers' rate limits. */
@Injectable()
export class PolicyChecks implements OnApplicationShutdown {
  readonly #worker: PolicyWorker;
  readonly #limits: RateLimits;
  /** Profile features that the features service does not read. Decisions rejects a policy that reads one. */
  readonly #unread: ReadonlySet<string>;

  constructor(@Inject(CONTROL_CONFIG) config: ControlConfig, @Inject(LOGGER) logger: Logger) {
    this.#worker = new PolicyWorker(config, logger);
    this.#limits = new RateLimits(policyCheckRates(config));
    this.#unread = unreadFeatures(currentFeatureSpec(), config.FEAST_PROFILES);
  }

  get note(): string | undefined {
    return this.#worker.note;
  }

  /** @throws TriplineError `rate-limited`, and as `PolicyWorker.check` does */
  async check(caller: Caller, text: string): Promise<CheckedPolicy> {
    this.#limits.spend(caller, 1);
    const checked = await this.#worker.check(caller.tenant, text);
    this.#refuseUnread(checked, { pointer: "/text", place: "policy.yaml:1:1 " });
    return checked;
  }

  /**
   * Rejects the activation of a stored text that decisions would reject because `FEAST_PROFILES` changed after the text
   * was stored. A text without the name of such a feature is not checked in a thread.
   *
   * @throws TriplineError `invalid-field`, and the errors of `PolicyWorker.check`
   */
  async refuseUnread(tenant: string, text: string): Promise<void> {
    if (![...this.#unread].some((name) => text.includes(name))) return;
    const outline = await this.#outlineOf(tenant, text);
    if (outline !== undefined) this.#refuseUnread(outline, { pointer: "/revision", place: "" });
  }

  /** Only the faults; empty for a valid text. */
  async faultsOf(caller: Caller, text: string): Promise<string[]> {
    try {
      await this.check(caller, text);
      return [];
    } catch (thrown) {
      const { message, fields } = asTriplineError(thrown);
      return fields.length === 0 ? [message] : fields.map(({ detail }) => detail);
    }
  }

  /** The guard in a policy text. Undefined for a text with another feature spec, which this build cannot read. */
  async guardOf(tenant: string, text: string): Promise<MixGuard | undefined> {
    return (await this.#outlineOf(tenant, text))?.guard;
  }

  onApplicationShutdown(): Promise<void> {
    return this.#worker.close();
  }

  /** Undefined for a text written for another feature spec, which this build cannot read. */
  async #outlineOf(tenant: string, text: string): Promise<PolicyOutline | undefined> {
    try {
      return await this.#worker.storedOutline(tenant, text);
    } catch (thrown) {
      if (asTriplineError(thrown).code === "invalid-field") return undefined;
      throw thrown;
    }
  }

  #refuseUnread({ readFeatures }: PolicyOutline, { pointer, place }: { pointer: string; place: string }): void {
    const fault = unreadFault(readFeatures, this.#unread);
    if (fault === undefined) return;
    const message = `The policy ${fault}.`;
    throw new TriplineError("invalid-field", message, [{ pointer, detail: `${place}${message}` }]);
  }
}
