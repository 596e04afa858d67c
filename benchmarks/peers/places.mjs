import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../packages/cli/bin/node-version.mjs";

/** What is installed to measure against: exact versions, so that two reports compare the same things. */
export const pythonPackages = [
  "torch==2.15.0",
  "transformers==5.23.0",
  "sentence-transformers==6.2.0",
  "fastembed==0.9.1",
  "onnx==1.23.2",
  "openvino==2026.4.1",
  "nncf==3.4.0",
  // What transformers reads GGUF files with.
  "gguf==0.19.0",
  "accelerate==1.15.0",
];
export const npmPackages = ["@huggingface/transformers@4.3.1"];

/** Peers are large and live outside the project. */
export const peersFolder = join(cacheFolder(), "peers");
export const pythonFolder = join(peersFolder, "python");
export const python = join(pythonFolder, "bin", "python");
export const npmFolder = join(peersFolder, "transformers-js");

/** Written last, so that an install that was cut short is not taken for a whole one. @param {string} folder */
export const installedMark = (folder) => join(folder, ".installed");

/** @param {string} folder */
export const isInstalled = (folder) => existsSync(installedMark(folder));
