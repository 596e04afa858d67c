import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSettings, type SettingKey, settingKeys, settings } from "millrace";
import { parse, parseAllDocuments } from "yaml";
import { checkersFolder } from "../../scripts/bring-services.mjs";

/** Folder of what deploys millrace. */
export const infra = fileURLToPath(new URL("../../infra", import.meta.url));

/** A checker's program, or undefined where the checkers could not be brought: tests then skip. */
export function checkerProgram(name: "hadolint" | "kubernetes-validate" | "python"): string | undefined {
  const path = join(checkersFolder(), "bin", name);
  return existsSync(join(checkersFolder(), "complete")) && existsSync(path) ? path : undefined;
}

/** What a program says of a text it is handed, empty where it finds it right. */
export function complaints(program: string, args: readonly string[], input = ""): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: "utf8", cwd: infra });
  if (error !== undefined) throw error;
  return status === 0 ? "" : `${stdout}${stderr}`;
}

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly profiles?: readonly string[];
  readonly restart?: string;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** `compose.yaml` as Compose reads it where no variable is set: merged, with the variables' defaults in their places. */
export function readCompose(): ComposeFile {
  const text = readFileSync(join(infra, "compose.yaml"), "utf8");
  return parse(
    text.replace(/(?<!\$)\$\{\w+:-([^}]*)\}/g, (_, fallback: string) => fallback),
    { merge: true },
  );
}

/** A Kubernetes object, as far as tests look at every kind. */
export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** What `kubectl apply -k` would send for a folder of `infra/kubernetes`; undefined where there is no kubectl. */
export function renderedKubernetes(
  folder: "base" | "gpu",
): { yaml: string; objects: readonly KubernetesObject[] } | undefined {
  const { status, stdout, stderr, error } = spawnSync("kubectl", ["kustomize", join(infra, "kubernetes", folder)], {
    encoding: "utf8",
  });
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(stderr);
  return { yaml: stdout, objects: parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject) };
}

/** The flags of a command line, without their values. */
export function flagsOf(args: readonly string[]): readonly string[] {
  return args.filter((arg) => arg.startsWith("--"));
}

/** The settings that a command line and an environment come to. @throws E_USAGE or E_CONFIG where a value is not allowed */
export async function settingsOf(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const keys = new Map(settingKeys.map((key) => [settings[key].flag?.split(" ")[0], key]));
  const flags: Partial<Record<SettingKey, string>> = {};
  args.forEach((arg, index) => {
    const key = keys.get(arg);
    if (key !== undefined) flags[key] = args[index + 1] ?? "";
  });
  return (await loadSettings({ flags, environment, workingDirectory: infra })).settings;
}

/** Variables that nothing reads: neither a setting's, nor Temporal's or the AWS SDK's own. */
export function unreadVariables(names: readonly string[]): readonly string[] {
  const known = new Set(settingKeys.flatMap((key) => settings[key].env));
  return names.filter((name) => !known.has(name) && !/^(TEMPORAL|AWS)_/.test(name));
}
