import { deleteTopics, listTopics } from "./request-topics.js";
import { laneNames, TEST_STACK_VARIABLE, testStackAddresses } from "./stack.js";

/** A request with more topics takes longer than the broker's timeout. */
const TOPICS_TOGETHER = 100;

/**
 * Deletes the topics of a lane's finished tests. The broker keeps a file open for each partition. With the topics of a
 * whole run, it would reach the usual limit of 20,000 open files and exit.
 */
export async function dropLaneTopics(lane: number): Promise<void> {
  const value = process.env[TEST_STACK_VARIABLE];
  if (value === undefined) return;
  const { kafkaBrokers } = testStackAddresses.parse(JSON.parse(value));
  const topics = (await listTopics(kafkaBrokers)).filter((topic) => topic.startsWith(laneNames(lane)));
  for (let at = 0; at < topics.length; at += TOPICS_TOGETHER) {
    await deleteTopics(kafkaBrokers, topics.slice(at, at + TOPICS_TOGETHER));
  }
}
