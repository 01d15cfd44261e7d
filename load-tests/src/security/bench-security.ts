import { Option } from "commander";
import type { Benchmark } from "../harness/run-benchmark.js";
import { limitPart } from "./bench-limit.js";
import { sealPart } from "./bench-seal.js";
import { tlsPart } from "./bench-tls.js";
import { tokenPart } from "./bench-token.js";

/** The cost of security per request. */
export const securityBenchmark: Benchmark = {
  name: "security",
  description:
    "what protection costs a request: checking its token, counting it against budgets, sealing its personal fields, TLS and rights",
  options: [new Option("--short", "a few requests, which show that it works and nothing else")],
  parts: [tokenPart, limitPart, sealPart, tlsPart],
  line: ["jwt_us", "jwt_first_us", "seal_us", "open_us", "tls_cpu_ratio", "limit_us"],
};
