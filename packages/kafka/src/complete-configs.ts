import type { Admin } from "@platformatic/kafka";
import { ConfigResourceTypes, ConfigSources, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import type { Log } from "./port.js";

/** A topic and its intended settings. The name includes the prefix. */
export interface WantedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly configs: readonly { readonly name: string; readonly value: string }[];
}

/**
 * Adds missing settings to topics that an older version created. A setting that an operator has changed stays as it is,
 * and a warning names it.
 */
export async function completeConfigs(admin: Admin, wanted: readonly WantedTopic[], log: Log): Promise<void> {
  if (wanted.length === 0) return;
  const resourceType = ConfigResourceTypes.TOPIC;
  const described = await admin.describeConfigs({
    resources: wanted.map(({ topic }) => ({ resourceType, resourceName: topic })),
  });
  const resources = wanted.flatMap(({ topic, configs }) => {
    const entries = described.find(({ resourceName }) => resourceName === topic)?.configs ?? [];
    const own = entries.filter(({ configSource }) => configSource === ConfigSources.DYNAMIC_TOPIC_CONFIG);
    for (const { name, value } of own) {
      const other = configs.find((entry) => entry.name === name && entry.value !== value);
      if (other === undefined) continue;
      log("warn", `topic ${topic} keeps ${name}=${value}, although the topic table specifies ${other.value}`, {});
    }
    const missing = configs.filter(({ name }) => !own.some((entry) => entry.name === name));
    const configOperation = IncrementalAlterConfigOperationTypes.SET;
    const changes = missing.map((entry) => ({ ...entry, configOperation }));
    return changes.length === 0 ? [] : [{ resourceType, resourceName: topic, configs: changes }];
  });
  if (resources.length > 0) await admin.incrementalAlterConfigs({ resources });
}
