import type { Admin } from "kafkajs";
import kafkajs from "kafkajs";
import type { Log } from "./port.js";

// Node cannot detect these named exports of a CommonJS module.
const { ConfigResourceTypes, ConfigSource } = kafkajs;

/** A topic and its intended settings. */
export interface WantedConfig {
  readonly topic: string;
  readonly configEntries: readonly { readonly name: string; readonly value: string }[];
}

/**
 * Adds missing settings to topics that an older version created. A setting that an operator has changed stays as it is,
 * and a warning names it. Kafka replaces all settings of a topic at once, so the existing settings are sent again.
 */
export async function completeConfigs(admin: Admin, wanted: readonly WantedConfig[], log: Log): Promise<void> {
  if (wanted.length === 0) return;
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: wanted.map(({ topic }) => ({ type: ConfigResourceTypes.TOPIC, name: topic })),
  });
  const resources = wanted.flatMap(({ topic, configEntries }) => {
    const entries = described.resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? [];
    const own = entries.filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG);
    const missing = configEntries.filter(({ name }) => !own.some(({ configName }) => configName === name));
    for (const { configName: name, configValue: value } of own) {
      const other = configEntries.find((entry) => entry.name === name && entry.value !== value);
      if (other === undefined) continue;
      log("warn", `topic ${topic} has ${name}=${value}, but the topic table has ${other.value}; it is kept`, {});
    }
    if (missing.length === 0) return [];
    const kept = own.map(({ configName: name, configValue: value }) => ({ name, value }));
    return [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [...kept, ...missing] }];
  });
  if (resources.length > 0) await admin.alterConfigs({ validateOnly: false, resources });
}
