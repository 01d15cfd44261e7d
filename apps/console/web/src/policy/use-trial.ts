import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { PolicyTrial, TrialLine } from "#contract/policy-trial";
import { RequestFailed, requestLines } from "../api/request.js";

export interface TrialProgress {
  readonly done: number;
  readonly total: number;
}

/** Backtests a draft or, without a text, counts the shadow rules. A new run ends the previous one. */
export function useTrial(text?: string) {
  const [progress, setProgress] = useState<TrialProgress>();
  const [running, setRunning] = useState<AbortController>();
  const run = useMutation({
    mutationFn: async (): Promise<PolicyTrial | null> => {
      const abort = new AbortController();
      setRunning(abort);
      setProgress(undefined);
      const { signal } = abort;
      const lines =
        text === undefined
          ? requestLines<TrialLine>("/api/policy/shadow", { signal })
          : requestLines<TrialLine>("/api/policy/backtest", { body: { text }, signal });
      try {
        for await (const line of lines) {
          if ("progress" in line) setProgress(line.progress);
          else if ("problem" in line) throw new RequestFailed(line.problem);
          else return line.report;
        }
        return null;
      } catch (error) {
        if (signal.aborted) return null;
        throw error;
      }
    },
  });
  return { run, progress, stop: () => running?.abort() };
}
