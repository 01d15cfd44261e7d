import { runProcess } from "@tripline/nest-kit/run-main";
import { readProcess } from "./read-process.js";
import { startParts } from "./start-parts.js";

await runProcess("tripline", (environment) => readProcess(environment), startParts);
