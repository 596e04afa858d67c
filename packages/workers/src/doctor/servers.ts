import { MillraceError } from "@millrace/core";
import type { Finding } from "./finding.js";
import type { ServerCheck, ServerFacts } from "./server-check.js";

/** How long a server may take, whatever it does: a port may be open and silent. */
const patienceMilliseconds = 10_000;

/** Whether each server answers, in what time, and whether this machine's clock is that of those that tell theirs. */
export async function findServers(checks: readonly ServerCheck[]): Promise<readonly Finding[]> {
  const asked = await Promise.all(checks.map(askServer));
  const clocks = asked.flatMap(({ clock }) => (clock === undefined ? [] : [clock]));
  return [...asked.map(({ finding }) => finding), ...(clocks.length === 0 ? [] : [findClock(clocks)])];
}

interface Clock {
  readonly server: string;
  /** By how much this machine is ahead of it. */
  readonly aheadSeconds: number;
  readonly isStrictOnTime: boolean;
}

async function askServer(check: ServerCheck): Promise<{ readonly finding: Finding; readonly clock?: Clock }> {
  const { name, isStrictOnTime } = check;
  const startedAt = performance.now();
  try {
    const { version, detail, clock } = await inTime(check);
    const milliseconds = Math.round(performance.now() - startedAt);
    const said = [version ?? "answers", ...(detail === undefined ? [] : [detail]), `in ${milliseconds} ms`].join(", ");
    const facts = { milliseconds, ...(version !== undefined && { version }) };
    const finding: Finding = { name, status: "ok", detail: said, facts };
    if (clock === undefined) return { finding };
    // It told its time somewhere between question and answer.
    const aheadSeconds = (Date.now() - milliseconds / 2 - clock) / 1000;
    return { finding, clock: { server: name, aheadSeconds, isStrictOnTime } };
  } catch (error) {
    const { what, why, fix } = asRefusal(error);
    const detail = why === undefined ? what : `${what}: ${why}`;
    return { finding: { name, status: "fail", detail, fix: fix ?? "Check the address, and that the server runs" } };
  }
}

async function inTime(check: ServerCheck): Promise<ServerFacts> {
  const signal = AbortSignal.timeout(patienceMilliseconds);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const why = `no answer within ${patienceMilliseconds / 1000} s`;
  signal.addEventListener("abort", () => reject(new MillraceError("E_UNREACHABLE", "it does not answer", { why })));
  return Promise.race([check.ask(signal), late]);
}

function asRefusal(error: unknown): Pick<MillraceError, "what" | "why" | "fix"> {
  if (error instanceof MillraceError) return error;
  const { message, cause } = error as Error;
  const [why = ""] = (cause instanceof Error ? cause.message : message).split("\n", 1);
  const [, problem] = /SSL routines:\w*:([^:]+)/.exec(why) ?? [];
  if (problem === undefined) return new MillraceError("E_UNREACHABLE", "it cannot be reached", { why });
  return new MillraceError("E_UNREACHABLE", "it cannot be reached by TLS", {
    why: problem,
    fix: "Check whether the server speaks TLS, and by which certificate",
  });
}

/** A server tells its time to the second. */
const tolerableSeconds = 5;
/** S3 refuses what was signed longer ago, or ahead. */
const refusedSeconds = 15 * 60;

function findClock(clocks: readonly Clock[]): Finding {
  const name = "clock";
  const [worst] = [...clocks].sort((a, b) => Math.abs(b.aheadSeconds) - Math.abs(a.aheadSeconds));
  const { server, aheadSeconds } = worst as Clock;
  const seconds = Math.abs(aheadSeconds);
  const facts = { aheadSeconds: Math.round(aheadSeconds) };
  if (seconds <= tolerableSeconds) return { name, status: "ok", detail: `that of ${server}`, facts };
  const isRefused = clocks.some(
    ({ isStrictOnTime, aheadSeconds: by }) => isStrictOnTime && Math.abs(by) > refusedSeconds,
  );
  return {
    name,
    status: isRefused ? "fail" : "warn",
    detail: `${Math.round(seconds)} s ${aheadSeconds > 0 ? "ahead of" : "behind"} ${server}`,
    fix: "Set this machine's clock, or have it follow a time server; S3 refuses what is more than 15 minutes off",
    facts,
  };
}
