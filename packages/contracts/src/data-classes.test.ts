import { classesOf, DATA_CLASSES } from "./data-classes.js";
import { ALL_TOPICS, SUBJECT_KEYS_TOPIC, TOPICS } from "./topics.js";

test("the message of every topic has its fields classified", () => {
  expect(ALL_TOPICS.filter((topic) => classesOf(topic).length === 0)).toEqual([]);
});

test("classes are told from the most delicate one on", () => {
  expect(classesOf(TOPICS.transactions)).toEqual(["card", "personal", "behavioural", "none"]);
  expect(classesOf(TOPICS.driftDetected)).toEqual(["none"]);
  expect(classesOf({ schema: "tripline.events.v1.Unknown" })).toEqual([]);
});

test("what opens personal data is short on Kafka, as a dead letter too", () => {
  const keys = ALL_TOPICS.filter(({ schema }) => schema === SUBJECT_KEYS_TOPIC.schema);
  expect(keys.map(({ retentionDays }) => retentionDays)).toEqual([1, 1]);
  expect(DATA_CLASSES.SubjectKey?.wrapped).toBe("personal");
});
