import { runMain } from "@tripline/nest-kit/run-main";
import { authConfig } from "./config.js";
import { startAuth } from "./start-auth.js";

await runMain("auth", authConfig, startAuth);
