import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { freePorts, serviceProgram, TestServer } from "./server.ts";

export interface TemporalServer {
  readonly address: string;
  readonly server: TestServer;
}

/**
 * A Temporal development server on a file, so that it can be killed and started again with all it knew.
 * @param settings of the server's dynamic configuration, as `name=value`
 */
export async function startTemporal(folder: string, settings: readonly string[] = []): Promise<TemporalServer> {
  const [port, http, metrics] = (await freePorts(3)) as [number, number, number];
  const ports = ["--port", `${port}`, "--http-port", `${http}`, "--metrics-port", `${metrics}`];
  // With its defaults the server allows one continue-as-new a second, and writes to disk five times as often.
  const pragmas = ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"];
  const dynamic = ['history.workflowIdReuseMinimalInterval="0s"', ...settings].flatMap((value) => [
    "--dynamic-config-value",
    value,
  ]);
  const file = ["--db-filename", join(folder, "temporal.db")];
  const program = serviceProgram("temporal") ?? "temporal";
  const server = new TestServer({
    program,
    args: [
      "server",
      "start-dev",
      "--headless",
      "--ip",
      "127.0.0.1",
      "--log-level",
      "never",
      ...ports,
      ...pragmas,
      ...dynamic,
      ...file,
    ],
    isReady: async () => (await accepts(port)) && answers(program, `127.0.0.1:${port}`),
  });
  await server.start();
  return { address: `127.0.0.1:${port}`, server };
}

/** It accepts connections before it does what it is asked, and has its default namespace last. */
async function answers(program: string, address: string): Promise<boolean> {
  const { status } = spawnSync(program, ["workflow", "count", "--address", address, "--command-timeout", "5s"]);
  return status === 0;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      settle(true);
    });
    socket.once("error", () => settle(false));
  });
}
