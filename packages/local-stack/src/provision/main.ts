// Fetches what a system on this machine needs, in parallel, while the programs are compiled. What fails is fetched again, and
// reported, by whoever needs it.
import { REPOSITORY_ROOT } from "../locate-tools.js";
import { provisionKafka } from "./provision-kafka.js";
import { provisionPython, trainingEnvironment } from "./provision-python.js";
import { provisionValkey } from "./provision-valkey.js";

await Promise.allSettled([
  provisionKafka(REPOSITORY_ROOT),
  provisionValkey(REPOSITORY_ROOT),
  provisionPython(trainingEnvironment(REPOSITORY_ROOT)),
]);
