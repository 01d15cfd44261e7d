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
    "the cost of security per request: verifying tokens, rate limits, sealing personal fields, TLS and access control",
  options: [new Option("--short", "a few requests, as a test; the figures are meaningless")],
  parts: [tokenPart, limitPart, sealPart, tlsPart],
  line: ["jwt_us", "jwt_first_us", "seal_us", "open_us", "tls_cpu_ratio", "limit_us"],
};
