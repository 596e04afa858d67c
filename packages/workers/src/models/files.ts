import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { compareKeys, MillraceError } from "@millrace/core";
import type { ModelFile } from "./model.js";

/**
 * True for the files the compiler and the tokenizer read, and those that say what a model is. Exports for other
 * runtimes, which can be many times as large, are left where they are.
 */
export function isModelFile(name: string): boolean {
  const file = name.replace(moduleFolder, "");
  return modelFileNames.has(file) || weightFile.test(file) || isGguf(file) || /^LICEN[SC]E(\.\w+)?$/i.test(file);
}

/** Where exporters put a graph. */
const exportedGraphs = ["onnx/model.onnx", "model.onnx"];

/**
 * Which of a model's files are needed: a GGUF file or an exported graph only where there are no weights in safetensors. Of
 * several GGUF files, which hold the same weights in different precisions, none is.
 */
export function neededFiles(names: readonly string[]): readonly string[] {
  const all = names.filter(isModelFile);
  const isAlone = !all.some(isSafetensors) && all.filter(isGguf).length === 1;
  const files = isAlone ? all : all.filter((name) => !isGguf(name));
  if (isAlone || files.some(isSafetensors)) return files;
  const graph = exportedGraphs.find((name) => names.includes(name));
  return graph === undefined ? files : [...files, ...names.filter((name) => name.replace(/[._]data$/, "") === graph)];
}

/** A file that holds a whole model: sizes, weights and tokenizer. */
function isGguf(name: string): boolean {
  return name.endsWith(".gguf");
}

function isSafetensors(name: string): boolean {
  return name.endsWith(".safetensors");
}

/** True for a relative path that stays below the folder it is joined to, on every platform. */
export function isSafeName(name: string): boolean {
  const segments = name.split("/");
  return !/[\\:\0]/.test(name) && segments.every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/** @throws E_MODEL_INVALID when the files cannot make a model: no GGUF file, and no configuration, weights or tokenizer. */
export function checkComplete(model: string, names: readonly string[]): void {
  const lacks = (what: string, why: string) =>
    new MillraceError("E_MODEL_INVALID", `model ${model} has no ${what}`, {
      why,
      fix: "Choose a model that is published as safetensors with a tokenizer.json",
    });
  if (names.some(isGguf)) return;
  const fileNames = names.map((name) => name.slice(name.lastIndexOf("/") + 1));
  const saysWhatItIs = ["config.json", "modules.json"].some((name) => fileNames.includes(name));
  if (!saysWhatItIs && !names.some((name) => exportedGraphs.includes(name)))
    throw lacks("config.json", "its architecture is read from there");
  if (!names.some((name) => isSafetensors(name) || exportedGraphs.includes(name)))
    throw lacks("safetensors", "weights are read from there, or from onnx/model.onnx");
  if (!fileNames.includes("tokenizer.json")) throw lacks("tokenizer.json", "the tokenizer is read from there");
}

/** The model files of a folder with their digests, ascending by name. */
export async function readModelFiles(directory: string): Promise<readonly ModelFile[]> {
  const names = await readdir(directory);
  const moduleFolders = names.filter((name) => moduleFolder.test(`${name}/`) || name === "onnx");
  for (const folder of moduleFolders)
    names.push(...(await readdir(join(directory, folder)).catch(() => [])).map((name) => `${folder}/${name}`));
  const files: ModelFile[] = [];
  for (const name of [...neededFiles(names)].sort(compareKeys)) {
    const { bytes, sha256 } = await digestFile(join(directory, name));
    files.push({ name, bytes, sha256 });
  }
  return files;
}

/** What identifies a file's content: its sha256, and the sha1 that git names it by. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
  readonly gitSha1: string;
}

/** Reads a file once, streaming, and digests it. */
export async function digestFile(path: string): Promise<FileDigest> {
  const { size } = await stat(path);
  const sha256 = createHash("sha256");
  const gitSha1 = createHash("sha1").update(`blob ${size}\0`);
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    sha256.update(piece);
    gitSha1.update(piece);
  }
  return { bytes: size, sha256: sha256.digest("hex"), gitSha1: gitSha1.digest("hex") };
}

/** As sentence-transformers names them: `1_Pooling/`. */
const moduleFolder = /^\d+_[A-Za-z]\w*\//;

const modelFileNames = new Set([
  "config.json",
  "generation_config.json",
  "chat_template.jinja",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "modules.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
  "README.md",
]);

/** Whole or in shards; not the variants (fp16, consolidated) that repeat the same weights. */
const weightFile = /^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/;
