import { existsSync, renameSync, rmSync } from "node:fs";
import { REPOSITORY_ROOT } from "../locate-tools.js";
import { findFreePorts } from "../processes/find-free-ports.js";
import { holdLock } from "../processes/hold-lock.js";
import { ManagedProcess } from "../processes/managed-process.js";
import { provisionKafka } from "../provision/provision-kafka.js";
import { CLASSES_FILE, PROGRAM_FOLDER, planKafka } from "../servers/plan-kafka.js";
import { makeTestDirectory } from "./directory.js";

/** Java stores the classes after the broker has stopped. */
const STOP_MS_MAX = 60_000;

/**
 * Stores Kafka's classes once per installation, by running a broker. Later brokers start with half of the CPU time, and a run
 * of all tests starts dozens.
 */
export async function storeKafkaClasses(): Promise<void> {
  const program = await provisionKafka(REPOSITORY_ROOT);
  const classes = `${program}/${CLASSES_FILE}`;
  if (existsSync(classes)) return;
  await holdLock(`${classes}.lock`, async () => {
    if (existsSync(classes)) return;
    const directory = makeTestDirectory();
    try {
      const [port = 0, controllerPort = 0] = await findFreePorts(2);
      const plan = await planKafka({ directory, program, port, controllerPort });
      const unfinished = `${CLASSES_FILE}.unfinished`;
      const args = [`-XX:ArchiveClassesAtExit=${PROGRAM_FOLDER}/${unfinished}`, ...plan.args];
      const broker = new ManagedProcess({ ...plan, args, stopMs: STOP_MS_MAX });
      await broker.start();
      await broker.stop();
      // Not every Java can store classes.
      if (existsSync(`${program}/${unfinished}`)) renameSync(`${program}/${unfinished}`, classes);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
