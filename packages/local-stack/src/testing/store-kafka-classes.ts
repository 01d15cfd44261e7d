import { existsSync, renameSync, rmSync } from "node:fs";
import { REPOSITORY_ROOT } from "../locate-tools.js";
import { findFreePorts } from "../processes/find-free-ports.js";
import { holdLock } from "../processes/hold-lock.js";
import { ManagedProcess } from "../processes/managed-process.js";
import { provisionKafka } from "../provision/provision-kafka.js";
import { CLASSES_FILE, PROGRAM_FOLDER, planKafka } from "../servers/plan-kafka.js";
import { makeTestDirectory } from "./directory.js";

/** Java writes the archive after the broker has stopped. */
const STOP_MS_MAX = 60_000;

/**
 * Runs a broker once per installation to archive Kafka's loaded classes. Brokers then need half the CPU time to start,
 * and a full test run starts dozens of them.
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
      const plan = await planKafka({ directory, program, nodes: [{ port, controllerPort }], index: 0 });
      const unfinished = `${CLASSES_FILE}.unfinished`;
      const args = [`-XX:ArchiveClassesAtExit=${PROGRAM_FOLDER}/${unfinished}`, ...plan.args];
      const broker = new ManagedProcess({ ...plan, args, stopMs: STOP_MS_MAX });
      await broker.start();
      await broker.stop();
      // Some Java installations cannot archive classes.
      if (existsSync(`${program}/${unfinished}`)) renameSync(`${program}/${unfinished}`, classes);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
