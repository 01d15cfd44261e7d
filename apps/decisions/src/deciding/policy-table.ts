import { asTriplineError } from "@tripline/contracts/error-table";
import { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Policy } from "@tripline/decision-engine/policy";
import { switchOffRules } from "@tripline/decision-engine/policy";
import type { TableChange } from "@tripline/kafka/port";
import type { PolicyTerms } from "./parse-active-policy.js";
import { parseActivePolicy } from "./parse-active-policy.js";

/** The tenant key whose activation applies to tenants without their own. */
const ALL_TENANTS = "";

interface Activation {
  /** Key of the activation's record on the topic. */
  readonly key: string;
  readonly number: number;
  /** Undefined if the tenant no longer has its own policy. */
  readonly policy: Policy | undefined;
  /** Disabled rules of the policy; a disabled rule is never enabled again. */
  readonly switchedOffRules: readonly string[];
  /**
   * Whether this build cannot read the policy. If so, the activation never applies here, but it still replaces
   * scheduled ones.
   */
  readonly isRefused: boolean;
  readonly createdAtMs: number;
  readonly activatesAtMs: number;
}

export interface PolicyTableOptions extends PolicyTerms {
  /** @param costFaults why rules of a revision from an earlier release may be skipped */
  onActivation(activation: PolicyActivation, costFaults: readonly string[]): void;
  /** Rules of an activated revision failed and are therefore disabled from now on. */
  onSwitchedOff(activation: PolicyActivation): void;
  /** An activation whose policy this build cannot read, so that the earlier policy stays active. */
  onRefused(activation: PolicyActivation, faults: readonly string[]): void;
}

/**
 * Activations by tenant. Of those that are due and readable, the activation with the highest number takes effect. An
 * activation that was replaced by a higher number before its time never takes effect. Neither the order of arrival nor
 * repetition matters.
 */
export class PolicyTable {
  /** By tenant, the highest number first. */
  readonly #byTenant = new Map<string, readonly Activation[]>();

  constructor(private readonly options: PolicyTableOptions) {}

  /** Never throws. */
  apply(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#remove(key);
      else this.#add(key, value);
    }
  }

  /** The active policy of a tenant at a given time; undefined if neither the tenant nor all tenants have one. */
  policyOf(tenant: string, nowMs: number): Policy | undefined {
    return this.#inForce(tenant, nowMs)?.policy ?? this.#inForce(ALL_TENANTS, nowMs)?.policy;
  }

  #inForce(tenant: string, nowMs: number): Activation | undefined {
    return counting(this.#byTenant.get(tenant) ?? []).find(({ activatesAtMs }) => activatesAtMs <= nowMs);
  }

  #add(key: string, value: Buffer): void {
    const activation = decode(value);
    const known = this.#byTenant.get(activation.tenant) ?? [];
    const earlier = known.find((one) => one.key === key);
    if (earlier !== undefined) {
      this.#switchOff(earlier, activation);
      return;
    }
    let policy: Policy | undefined;
    try {
      if (activation.revision > 0) policy = this.#parse(activation);
    } catch (thrown) {
      this.#keep(key, activation, undefined, true);
      this.options.onRefused(activation, asTriplineError(thrown).message.split("\n"));
      return;
    }
    this.#keep(key, activation, policy, false);
    this.options.onActivation(activation, policy?.costFaults ?? []);
    if (activation.switchedOffRules.length > 0) this.options.onSwitchedOff(activation);
  }

  /** When rules of a revision are disabled, its activation's record is published again with no other change. */
  #switchOff(earlier: Activation, activation: PolicyActivation): void {
    const added = activation.switchedOffRules.filter((id) => !earlier.switchedOffRules.includes(id));
    if (added.length === 0) return;
    const policy = earlier.policy && switchOffRules(earlier.policy, added);
    const changed = { ...earlier, policy, switchedOffRules: [...earlier.switchedOffRules, ...added] };
    const all = this.#byTenant.get(activation.tenant) ?? [];
    this.#byTenant.set(
      activation.tenant,
      all.map((one) => (one === earlier ? changed : one)),
    );
    this.options.onSwitchedOff(activation);
  }

  #keep(key: string, activation: PolicyActivation, policy: Policy | undefined, isRefused: boolean): void {
    const { tenant, activation: number, createdAtMs, switchedOffRules } = activation;
    // An immediate activation applies on every instance, whatever its clock shows.
    const activatesAtMs = activation.activatesAtMs <= createdAtMs ? 0 : activation.activatesAtMs;
    const one = { key, number, policy, switchedOffRules, isRefused, createdAtMs, activatesAtMs };
    const all = [...(this.#byTenant.get(tenant) ?? []), one];
    this.#byTenant.set(
      tenant,
      all.toSorted((left, right) => right.number - left.number),
    );
  }

  #parse({ text, revision, switchedOffRules }: PolicyActivation): Policy {
    const policy = parseActivePolicy(text, this.options, `revision-${revision}.yaml`, revision);
    return switchOffRules(policy, switchedOffRules);
  }

  /**
   * Removes only activations that can never apply again. Keeps the newest readable one if all later ones were rejected
   * here.
   */
  #remove(key: string): void {
    const [tenant = ""] = key.split("/");
    const all = this.#byTenant.get(tenant) ?? [];
    const [newest] = counting(all);
    const kept = all.filter((one) => one.key !== key || one === newest);
    if (kept.length > 0) this.#byTenant.set(tenant, kept);
  }
}

/** Activations that apply from their scheduled time. @param all in descending order of their numbers */
function counting(all: readonly Activation[]): Activation[] {
  let replacedAtMs = Number.POSITIVE_INFINITY;
  return all.filter(({ isRefused, createdAtMs, activatesAtMs }) => {
    const counts = !isRefused && activatesAtMs <= replacedAtMs;
    replacedAtMs = Math.min(replacedAtMs, createdAtMs);
    return counts;
  });
}

/** Invalid bytes result in an empty string, which is rejected as an empty policy. */
function decode(value: Buffer): PolicyActivation {
  try {
    return PolicyActivation.decode(value);
  } catch {
    return { ...PolicyActivation.decode(new Uint8Array()), revision: 1 };
  }
}
