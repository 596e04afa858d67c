import { connect } from "node:net";
import { join } from "node:path";
import { freePorts, serviceProgram, TestServer } from "./server.ts";

export interface TemporalServer {
  readonly address: string;
  readonly server: TestServer;
}

/** A Temporal development server on a file, so that it can be killed and started again with all it knew. */
export async function startTemporal(folder: string): Promise<TemporalServer> {
  const [port, http, metrics] = (await freePorts(3)) as [number, number, number];
  const ports = ["--port", `${port}`, "--http-port", `${http}`, "--metrics-port", `${metrics}`];
  // With its defaults the server allows one continue-as-new a second, and writes to disk five times as often.
  const pragmas = ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"];
  const dynamic = ["--dynamic-config-value", 'history.workflowIdReuseMinimalInterval="0s"'];
  const file = ["--db-filename", join(folder, "temporal.db")];
  const server = new TestServer({
    program: serviceProgram("temporal") ?? "temporal",
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
    isReady: () => accepts(port),
  });
  await server.start();
  return { address: `127.0.0.1:${port}`, server };
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
