import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { servicesFolder } from "../../scripts/bring-services.mjs";

/** A program that tests run against, or undefined where it could not be brought: tests then skip. */
export function serviceProgram(name: "temporal" | "weed" | "python"): string | undefined {
  const path = join(servicesFolder(), "bin", name);
  return existsSync(join(servicesFolder(), "complete")) && existsSync(path) ? path : undefined;
}

/** Ports of 127.0.0.1 that nothing listens on. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** True once the server answers. */
  readonly isReady: () => Promise<boolean>;
}

/** A real server of this test run. It can be killed and started again on the same ports and files. */
export class TestServer {
  private readonly command: ServerCommand;
  private child: ChildProcess | undefined;

  // Benchmarks import this file as it is, and Node strips types only.
  constructor(command: ServerCommand) {
    this.command = command;
  }

  async start(milliseconds = 60_000): Promise<void> {
    const { program, args, env, isReady } = this.command;
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    this.child = child;
    process.once("exit", () => child.kill("SIGKILL"));
    let said = "";
    child.stderr?.on("data", (text) => {
      said = `${said}${text}`.slice(-2_000);
    });
    const deadline = performance.now() + milliseconds;
    while (!(await isReady().catch(() => false))) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${said}`);
      if (performance.now() > deadline) throw new Error(`${program} does not answer: ${said}`);
      await delay(50);
    }
  }

  /** Ends the server as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}
