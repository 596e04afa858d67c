import { spawn } from "node:child_process";
import { constants } from "node:os";

/** A second signal within this time is the same one, delivered twice: by the terminal or npm, and by the process above. */
const sameSignalMs = 300;

/**
 * Runs a program in this process's place: same standard streams, signals passed on, and this process ends only after
 * the program did, so that it can finish what it is doing. A Ctrl-C at a terminal reaches the program by itself.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} Its exit code; 128 + n where signal n ended it.
 */
export function runChild(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    // Listening comes first: a signal right after the program has begun must not end this process.
    const stopPassing = passSignals((signal) => child.kill(signal));
    const child = spawn(file, args, { ...options, stdio: "inherit" });
    child.on("error", (error) => {
      stopPassing();
      reject(error);
    });
    child.on("exit", (code, signal) => {
      stopPassing();
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
    });
  });
}

/** @param {(signal: NodeJS.Signals) => void} send */
function passSignals(send) {
  const passed = new Map();
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    const isTyped = signal === "SIGINT" && process.stdin.isTTY;
    if (isTyped || performance.now() - (passed.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs) return;
    passed.set(signal, performance.now());
    send(signal);
  };
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  for (const signal of signals) process.on(signal, pass);
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}
