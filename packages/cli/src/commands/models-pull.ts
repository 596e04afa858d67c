import type { CommandContext } from "../command.js";
import { bringModel } from "../compose.js";
import { formatBytes } from "../report/format.js";

/** `millrace models pull`: brings a model here and compiles it. */
export async function run(
  { settings, say, reporter }: CommandContext,
  [reference]: readonly string[],
): Promise<number> {
  const { installed, compiled } = await bringModel(settings, reference ?? settings.model, say);
  const { name, directory, origin, license, files } = installed;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  say(
    `${name} is in ${directory} (${formatBytes(bytes)}${license === undefined ? "" : `, ${license}`}), compiled for ${compiled.precision}`,
  );
  reporter.event("result", {
    ok: true,
    exitCode: 0,
    name,
    directory,
    origin,
    license,
    files,
    graphDigest: compiled.graphDigest,
  });
  return 0;
}
