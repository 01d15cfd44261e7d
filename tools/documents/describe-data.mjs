// The tables of docs/data-map.md, from the contracts: the personal data in each field, and each topic's retention.
import { classesOf, DATA_CLASS_ORDER, DATA_CLASSES } from "../../packages/contracts/dist/data-classes.js";
import { ALL_TOPICS, isDeadLetterTopic } from "../../packages/contracts/dist/topics.js";
import { tableOfTopic } from "../../packages/lake/dist/lake-tables.js";

/** @param {(head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string} table */
export function dataMap(table) {
  const fields = Object.entries(DATA_CLASSES).map(([message, classes]) => [
    `\`${message}\``,
    ...DATA_CLASS_ORDER.map((wanted) =>
      Object.entries(classes)
        .filter(([, found]) => found === wanted)
        .map(([field]) => `\`${field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}\``)
        .join(", "),
    ),
  ]);
  const topics = ALL_TOPICS.filter((topic) => classesOf(topic).some((one) => one !== "none")).map((topic) => [
    `\`${topic.name}\``,
    classesOf(topic)
      .filter((one) => one !== "none")
      .join(", "),
    topic.retentionDays === undefined ? "latest per key, permanently" : `${topic.retentionDays} d`,
    !isDeadLetterTopic(topic.name) && tableOfTopic(topic.name) !== undefined ? "permanently" : "not stored",
  ]);
  return {
    fields: table(["message", ...DATA_CLASS_ORDER], fields),
    topics: table(["topic", "classes", "on Kafka", "in the lake"], topics),
  };
}
