import { asTriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import type { TableChange } from "@tripline/kafka/port";

/** Whose activation holds for tenants without one of their own. */
const ALL_TENANTS = "";

/** An activation that this build can act on. */
interface Activation {
  readonly number: number;
  /** Undefined: from then on the tenant has no policy of its own. */
  readonly policy: Policy | undefined;
  readonly activatesAtMs: number;
}

export interface PolicyTableOptions {
  readonly spec: FeatureSpec;
  onActivation(activation: PolicyActivation): void;
  /** An activation whose policy this build cannot read: what held before holds on. */
  onRefused(activation: PolicyActivation, faults: readonly string[]): void;
}

/**
 * What the control plane activated, by tenant. Of the activations whose time has come, and that this build can read, the one
 * with the highest number holds. The order in which they arrive does not matter, nor does one that comes again.
 */
export class PolicyTable {
  /** By tenant, the highest number first. */
  readonly #byTenant = new Map<string, readonly Activation[]>();
  readonly #refused = new Set<string>();

  constructor(private readonly options: PolicyTableOptions) {}

  /** Never throws. */
  apply(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#remove(key);
      else this.#add(key, value);
    }
  }

  /** The policy that holds for a tenant at a time; undefined where nothing is active for it, nor for all. */
  policyOf(tenant: string, nowMs: number): Policy | undefined {
    return this.#inForce(tenant, nowMs)?.policy ?? this.#inForce(ALL_TENANTS, nowMs)?.policy;
  }

  #inForce(tenant: string, nowMs: number): Activation | undefined {
    return this.#byTenant.get(tenant)?.find(({ activatesAtMs }) => activatesAtMs <= nowMs);
  }

  #add(key: string, value: Buffer): void {
    const activation = decode(value);
    if (this.#has(activation) || this.#refused.has(key)) return;
    let policy: Policy | undefined;
    try {
      if (activation.revision > 0) policy = this.#parse(activation);
    } catch (thrown) {
      this.#refused.add(key);
      this.options.onRefused(activation, asTriplineError(thrown).message.split("\n"));
      return;
    }
    const { tenant, activation: number, activatesAtMs, createdAtMs } = activation;
    // What is activated now is so on every instance at once, whatever its clock says.
    const added = { number, policy, activatesAtMs: activatesAtMs <= createdAtMs ? 0 : activatesAtMs };
    const all = [...(this.#byTenant.get(tenant) ?? []), added];
    this.#byTenant.set(
      tenant,
      all.toSorted((left, right) => right.number - left.number),
    );
    this.options.onActivation(activation);
  }

  #parse({ text, revision }: PolicyActivation): Policy {
    return parsePolicy(text, this.options.spec, `revision-${revision}.yaml`, revision);
  }

  #has({ tenant, activation }: PolicyActivation): boolean {
    return this.#byTenant.get(tenant)?.some(({ number }) => number === activation) ?? false;
  }

  /** Only what can never hold again is taken out of the table, unless all that came after it was refused here. */
  #remove(key: string): void {
    const [tenant = "", number] = key.split("/");
    const all = this.#byTenant.get(tenant) ?? [];
    const kept = all.filter((one, index) => one.number !== Number(number) || index === 0);
    if (kept.length > 0) this.#byTenant.set(tenant, kept);
  }
}

/** Bytes of something else have no text, and are refused as an empty policy. */
function decode(value: Buffer): PolicyActivation {
  try {
    return PolicyActivation.decode(value);
  } catch {
    return { ...PolicyActivation.decode(new Uint8Array()), revision: 1 };
  }
}
