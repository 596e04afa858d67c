import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { probeGraph } from "@millrace/compiler";
import { MillraceError, type TokenBatch } from "@millrace/core";
import type { GpuPlacement } from "../engines/onnx-runtime.js";
import type { SessionOptions } from "../engines/onnx-session.js";
import { startHost } from "../hosts/host.js";
import { sha256 } from "../identity/digest.js";

/** Runs a small graph on a GPU as an encoder host would. @throws E_DEVICE, E_RUNTIME, E_HOST */
export async function probeDevice(placement: GpuPlacement): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-probe-"));
  try {
    const graph = await probeGraph();
    const graphPath = join(folder, "graph.onnx");
    await writeFile(graphPath, graph);
    const settings: SessionOptions = { graphPath, graphDigest: sha256(graph), weights: [], threads: 1, placement };
    const module = new URL("../engines/encoder-host.js", import.meta.url);
    const host = await startHost<TokenBatch, Float32Array>({ module, settings, name: "device probe" });
    const [largest] = await host
      .request({ rows: 1, length: 3, ids: Int32Array.of(3, 11, 7) })
      .finally(() => host.stop());
    if (largest !== 11)
      throw new MillraceError("E_DEVICE", `cuda:${placement.gpu} computes wrongly`, { why: `${largest} is not 11` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
