import { classesOf, DATA_CLASSES } from "./data-classes.js";
import { ALL_TOPICS, SUBJECT_KEYS_TOPIC, TOPICS } from "./topics.js";

test("classifies the fields of every topic's message", () => {
  expect(ALL_TOPICS.filter((topic) => classesOf(topic).length === 0)).toEqual([]);
});

test("lists classes from the most to the least sensitive", () => {
  expect(classesOf(TOPICS.transactions)).toEqual(["card", "personal", "behavioural", "none"]);
  expect(classesOf(TOPICS.driftDetected)).toEqual(["none"]);
  expect(classesOf({ schema: "tripline.events.v1.Unknown" })).toEqual([]);
});

test("keys to personal data stay on Kafka only briefly, even as dead letters", () => {
  const keys = ALL_TOPICS.filter(({ schema }) => schema === SUBJECT_KEYS_TOPIC.schema);
  expect(keys.map(({ retentionDays }) => retentionDays)).toEqual([1, 1]);
  expect(DATA_CLASSES.SubjectKey?.wrapped).toBe("personal");
});
