import type { CommandContext } from "../command.js";
import { installGpu } from "../compose.js";
import { formatBytes } from "../report/format.js";

/** `millrace gpu install`: brings ONNX Runtime's CUDA provider. */
export async function run({ settings, say, reporter, stop }: CommandContext): Promise<number> {
  const { folder, record } = await installGpu(settings, say, stop);
  for (const { name, bytes, sha256 } of record.files) say(`${sha256.slice(0, 12)}…  ${name} (${formatBytes(bytes)})`);
  say(`ONNX Runtime ${record.version} with its CUDA provider (${record.license}) is in ${folder}`);
  say("whether a GPU can be used is shown by: millrace doctor --gpu");
  reporter.event("result", { ok: true, exitCode: 0, folder, ...record });
  return 0;
}
