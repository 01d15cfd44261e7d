// Writes the topic table as the chart's Strimzi topics, and as the access rules of infra/.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { ALL_TOPICS, deadLetterTopic, takesBack } from "../../packages/contracts/dist/topics.js";
import { topicConfig } from "../../packages/kafka/dist/topic-config.js";

/** Generates the chart's files/topics.yaml. */
export function topicsFile() {
  const topics = ALL_TOPICS.map((topic) => {
    const { name, partitions } = topic;
    // The same configuration that `ensureTopics` sets.
    const config = Object.entries(topicConfig(topic)).map(([key, value]) => `${key}: ${value}`);
    return `  - name: ${name}\n    partitions: ${partitions}\n    config: { ${config.join(", ")} }`;
  });
  return ["# From code, for Strimzi: packages/contracts/src/topics.ts.", "topics:", ...topics, ""].join("\n");
}

/** The topics of infra/access.yaml, with the writers and readers that have an identity there. */
export function accessRules() {
  const { services } = parse(readFileSync("infra/access.yaml", "utf8"));
  const list = (/** @type {readonly string[]} */ names) => `[${names.filter((name) => name in services).join(", ")}]`;
  return ALL_TOPICS.map((topic) => {
    const { name, partitions, retentionDays, writtenBy, readBy } = topic;
    // Consumers of a topic's dead letters redrive them.
    const returnedBy =
      ALL_TOPICS.find((other) => takesBack(topic) && other.name === deadLetterTopic(name))?.readBy ?? [];
    const writers = new Set([...writtenBy.split(", "), ...returnedBy]);
    const about =
      `{ partitions: ${partitions}, retention_days: ${retentionDays ?? null}, ` +
      `writers: ${list([...writers])}, readers: ${list(readBy)} }`;
    return `  ${name}: ${about}`;
  }).join("\n");
}
