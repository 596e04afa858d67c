import { isTaken, type Log, type LogLevel } from "@millrace/core";
import type { Around, StepCall } from "../steps/around-steps.js";
import { asStepError, isCancellation } from "../steps/step-error.js";

/** Logs each step as it begins and ends: those of a whole job at `info`, those of its shards at `debug`, failures at `warn`. */
export function logging(log: Log): Around {
  return async (call, work) => {
    if (!isTaken("warn", log.level)) return (await work()).result;
    const startedAt = performance.now();
    const milliseconds = () => Math.round(performance.now() - startedAt);
    log.write("trace", `${call.step} begun`, { ...call });
    try {
      const { result, facts } = await work();
      log.write(levelOf(call), `${call.step} done`, { ...call, milliseconds: milliseconds(), ...facts });
      return result;
    } catch (error) {
      const after = { ...call, milliseconds: milliseconds() };
      const { code, message } = asStepError(error);
      if (isCancellation(error)) log.write(levelOf(call), `${call.step} cancelled`, after);
      else log.write("warn", `${call.step} failed`, { ...after, code, error: message });
      throw error;
    }
  };
}

function levelOf({ shard }: StepCall): LogLevel {
  return shard === undefined ? "info" : "debug";
}
