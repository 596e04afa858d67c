import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "@jest/globals";

const executable = resolve("packages/cli/bin/millrace.js");
const folders: string[] = [];
const cache = temporaryFolder();
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A model small enough to compile in a blink; its vectors mean nothing. */
export const tinyModel = resolve("tests/golden/tiny-bert/mean-normalized");
/** The same dimensions as `tinyModel`, other weights. */
export const otherTinyModel = resolve("tests/golden/tiny-bert/cls-large-epsilon");
/** Generates words `t0` to `t95` that mean nothing. */
export const tinyGenerator = resolve("tests/golden/tiny-decoders/llama");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout, where the command was run with --json. */
  readonly result: ResultEvent;
}

/** The `result` event of a command; fields as far as tests look at them. */
export interface ResultEvent {
  readonly type: string;
  readonly ok: boolean;
  readonly exitCode: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly objects: Record<string, number>;
  readonly documents: Record<string, number>;
  readonly encoded: { readonly chunks: number; readonly reused: number; readonly tokens: number };
  readonly quarantined: number;
  readonly deletedPoints: number;
  readonly store: { readonly documents: number; readonly points: number };
  readonly [field: string]: unknown;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

export interface RunOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Node to run with, where the one at hand may not be executed. */
  readonly node?: string;
}

/** Starts the real command line in a process of its own, offline, with a cache that only this test file uses. */
export async function start(args: readonly string[], options: RunOptions): Promise<Running> {
  const child = spawn(options.node ?? process.execPath, [executable, ...args], {
    cwd: options.cwd,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      MILLRACE_CACHE: await cache,
      MILLRACE_OFFLINE: "1",
      ...options.environment,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const finished = new Promise<Finished>((settle, fail) => {
    child.on("error", fail);
    child.on("close", (code) => settle({ code, stdout, stderr, result: lastEvent(stdout) }));
  });
  return { child, finished };
}

/** Runs a command to its end. */
export async function run(args: readonly string[], options: RunOptions): Promise<Finished> {
  return (await start(args, options)).finished;
}

function lastEvent(stdout: string): ResultEvent {
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  return (line.startsWith("{") ? JSON.parse(line) : { type: "none" }) as ResultEvent;
}

/** A folder that goes away when the test file is done. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-test-"));
  folders.push(folder);
  return folder;
}
