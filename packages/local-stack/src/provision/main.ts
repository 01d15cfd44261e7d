// Downloads the dependencies of a local system in parallel with compilation. Failed downloads are repeated, and errors
// reported, when they are needed.
import { REPOSITORY_ROOT } from "../locate-tools.js";
import { provisionKafka } from "./provision-kafka.js";
import { provisionPython, trainingEnvironment } from "./provision-python.js";
import { provisionValkey } from "./provision-valkey.js";

await Promise.allSettled([
  provisionKafka(REPOSITORY_ROOT),
  provisionValkey(REPOSITORY_ROOT),
  provisionPython(trainingEnvironment(REPOSITORY_ROOT)),
]);
