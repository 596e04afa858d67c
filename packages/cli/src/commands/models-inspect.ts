import { readFile } from "node:fs/promises";
import { type CompiledGenerator, type CompiledModel, printGraph } from "@millrace/compiler";
import type { CommandContext } from "../command.js";
import { bringModel, engineOf } from "../compose.js";
import { formatBytes, formatCount } from "../report/format.js";

/** `millrace models inspect`: what a model is, and the graph it is compiled to. */
export async function run(
  { settings, say, print, reporter }: CommandContext,
  [reference]: readonly string[],
): Promise<number> {
  const model = await bringModel(settings, reference ?? settings.model, say);
  const { installed, compiled, queue } = model;
  const engine = engineOf(settings);
  const graph = printGraph(await readFile(compiled.graphPath));
  if (settings.json) {
    reporter.event("result", { ok: true, exitCode: 0, ...installed, ...compiled, ...engine, queue, graph });
    return 0;
  }
  const lines = [
    `model         ${installed.name}`,
    `directory     ${installed.directory}`,
    ...(installed.license === undefined ? [] : [`licence       ${installed.license}`]),
    `architecture  ${compiled.architecture}, ${formatCount(compiled.parameters)} parameters`,
    ...(model.kind === "encoder" ? encoderLines(model.compiled) : generatorLines(model.compiled)),
    `runs on       ${engine.device}, ${engine.provider}`,
    `queue         ${queue}`,
    `graph         ${compiled.graphPath}`,
    `graph sha256  ${compiled.graphDigest}`,
    ...compiled.files.map(({ name, bytes, sha256 }) => `file          ${sha256}  ${name} (${formatBytes(bytes)})`),
  ];
  print(`${lines.join("\n")}\n\n${graph}\n`);
  return 0;
}

function encoderLines(compiled: CompiledModel): readonly string[] {
  const values = (list: typeof compiled.inputs) =>
    list.map(({ name, type, shape }) => `${name} ${type}[${shape.join(", ")}]`).join("; ");
  return [
    `vectors       ${compiled.dimensions} dimensions, ${compiled.pooling} pooling${compiled.isNormalized ? ", normalised" : ""}`,
    `longest text  ${formatCount(compiled.maxTokens)} tokens, vocabulary of ${formatCount(compiled.vocabularySize)}`,
    ...Object.entries(compiled.prompts.texts).map(([name, text]) => `prompt        ${name} ${JSON.stringify(text)}`),
    `inputs        ${values(compiled.inputs)}`,
    `outputs       ${values(compiled.outputs)}`,
    `precision     ${compiled.precision}${fidelityOf(compiled)}`,
  ];
}

function generatorLines(compiled: CompiledGenerator): readonly string[] {
  const { layers, keyHeads, headWidth, contextLength, vocabularySize, chatTemplate } = compiled;
  return [
    `generates     text, ${chatTemplate === undefined ? "without" : "with"} a chat template`,
    `longest text  ${formatCount(contextLength)} tokens, vocabulary of ${formatCount(vocabularySize)}`,
    `layers        ${layers}, ${keyHeads} key heads of ${headWidth}`,
    `weights       ${formatBytes(compiled.weightBytes)}; ${formatBytes(compiled.cacheBytesPerToken)} more for each token of a row`,
    `precision     ${compiled.precision}`,
  ];
}

function fidelityOf({ fidelity }: CompiledModel): string {
  if (fidelity === undefined) return "";
  return `, cosine to fp32 ${fidelity.meanCosine.toFixed(4)}, ${fidelity.leastCosine.toFixed(4)} at worst, error share ${(fidelity.errorShare * 100).toFixed(2)} %`;
}
