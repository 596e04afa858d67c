import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts, serviceProgram, TestServer } from "./server.ts";

/** Qdrant's engine behind its REST interface, on a port and in a folder of its own. */
export interface QdrantServer {
  readonly server: TestServer;
  /** Such as `qdrant://127.0.0.1:6333`; a collection's name follows. */
  readonly uri: string;
  /** Such as `http://127.0.0.1:6333`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the server; undefined where its engine could not be brought. */
export async function startQdrant(apiKey?: string): Promise<QdrantServer | undefined> {
  const program = serviceProgram("python");
  if (program === undefined) return undefined;
  const [port] = await freePorts(1);
  const folder = await mkdtemp(join(tmpdir(), "millrace-qdrant-"));
  const script = fileURLToPath(new URL("./qdrant_server.py", import.meta.url));
  const url = `http://127.0.0.1:${port}`;
  const isReady = async () => (await fetch(url)).ok;
  const args = [script, String(port), folder, ...(apiKey === undefined ? [] : [apiKey])];
  const server = new TestServer({ program, args, isReady });
  await server.start();
  const stop = async () => {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  };
  return { server, url, uri: url.replace("http:", "qdrant:"), stop };
}
