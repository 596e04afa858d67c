import { type ChildProcess, fork } from "node:child_process";
import { type CancelSignal, MillraceError } from "@millrace/core";
import { type FromHost, fromPlainError } from "./messages.js";

export interface HostOptions {
  /** Module to run; it calls `serveHost`. */
  readonly module: URL;
  /** Reaches the module's `prepare`. Plain JSON. */
  readonly settings: unknown;
  /** For error messages: "encoder host". */
  readonly name: string;
  readonly onNote?: (note: unknown) => void;
}

/** A supervised child process. Inference and parsing live in such, so that the main event loop never waits for them. */
export interface Host<Request, Reply> {
  readonly pid: number;
  /** What the host said of itself when it was ready. */
  readonly facts: unknown;
  /**
   * Requests are answered in order. Once the signal fires, the host is told that nobody wants the answer, and killed where it
   * does not hear of it. @throws E_HOST when the process dies first, the signal's reason, else the error the host answered with
   */
  request(request: Request, signal?: CancelSignal): Promise<Reply>;
  /** Resolves, with the reason, when the process has ended. */
  readonly ended: Promise<string>;
  /** SIGKILL: whatever the host is doing may be stuck in native code. */
  kill(): void;
  /** Lets the host finish what it is doing and ends it; one that does not end is killed. */
  stop(): Promise<void>;
}

/** A host that is not ready by then is stuck: loading the largest graph from a slow disk takes a fraction of it. */
const startMilliseconds = 300_000;
/** A host that has nothing to do ends at once; one in a kernel, when that returns. */
const stopMilliseconds = 5_000;
/** A host that is told to give a request up does so between two rows; one that does not is busy with a row that is too large. */
const cancelMilliseconds = 3_000;

/** Starts a host and waits until it is ready. @throws E_HOST when it ended first, else the error it failed with. */
export async function startHost<Request, Reply>(options: HostOptions): Promise<Host<Request, Reply>> {
  const child = fork(options.module, [JSON.stringify(options.settings)], {
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map<number, Waiting>();
  const ended = endOf(child, options.name);
  const ready = Promise.withResolvers<unknown>();
  void ended.then((reason) => {
    const error = new MillraceError("E_HOST", `the ${options.name} ended`, { why: reason });
    ready.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  child.on("message", (message: FromHost) => {
    if (message.kind === "ready") ready.resolve(message.facts);
    else if (message.kind === "failed") ready.reject(fromPlainError(message.error));
    else if (message.kind === "note") options.onNote?.(message.note);
    else settle(waiting, message);
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), startMilliseconds);
  try {
    const facts = await ready.promise;
    return hostOver<Request, Reply>({ child, waiting, ended, facts });
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw error;
  } finally {
    clearTimeout(deadline);
  }
}

interface Waiting {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

function settle(waiting: Map<number, Waiting>, message: Extract<FromHost, { id: number }>): void {
  const request = waiting.get(message.id);
  waiting.delete(message.id);
  if (message.kind === "reply") request?.resolve(message.reply);
  else request?.reject(fromPlainError(message.error));
}

/** A process may be seen to have ended before its last message, an answer or why it failed, is read; that comes first. */
function endOf(child: ChildProcess, name: string): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`the ${name} could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      const reason = signal === null ? `exit code ${code}` : `signal ${signal}`;
      if (child.connected) child.once("disconnect", () => resolve(reason));
      else resolve(reason);
    });
  });
}

interface Running {
  readonly child: ChildProcess;
  readonly waiting: Map<number, Waiting>;
  readonly ended: Promise<string>;
  readonly facts: unknown;
}

function hostOver<Request, Reply>({ child, waiting, ended, facts }: Running): Host<Request, Reply> {
  let lastId = 0;
  return {
    pid: child.pid as number,
    facts,
    ended,
    async request(request, signal) {
      if (signal?.aborted) throw signal.reason;
      lastId += 1;
      const id = lastId;
      const answer = new Promise<Reply>((resolve, reject) => {
        waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
        child.send({ kind: "request", id, request }, (error) => {
          if (error !== null && waiting.delete(id)) {
            reject(new MillraceError("E_HOST", "a host process is gone", { why: error.message, cause: error }));
          }
        });
      });
      if (signal === undefined) return answer;
      let deadline: NodeJS.Timeout | undefined;
      const cancel = () => {
        if (child.connected) child.send({ kind: "cancel", id }, () => {});
        deadline = setTimeout(() => child.kill("SIGKILL"), cancelMilliseconds);
      };
      signal.addEventListener("abort", cancel, { once: true });
      try {
        return await answer;
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      } finally {
        signal.removeEventListener("abort", cancel);
        clearTimeout(deadline);
      }
    },
    kill: () => void child.kill("SIGKILL"),
    async stop() {
      if (child.connected) child.disconnect();
      const deadline = setTimeout(() => child.kill("SIGKILL"), stopMilliseconds);
      await ended;
      clearTimeout(deadline);
    },
  };
}
