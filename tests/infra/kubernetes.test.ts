import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { cacheFolder } from "../../packages/cli/bin/node-version.mjs";
import { checkersFolder } from "../../scripts/bring-services.mjs";
import { run, temporaryFolder } from "../support/command-line.ts";
import {
  checkerProgram,
  complaints,
  flagsOf,
  infra,
  type KubernetesObject,
  renderedKubernetes,
  settingsOf,
  unreadVariables,
} from "../support/deployment.ts";
import { minilmDirectory } from "../support/minilm.ts";
import { smollm2Directory } from "../support/smollm2.ts";

/** The oldest Kubernetes that its makers still repair, and the newest. */
const kubernetesVersions = ["1.34.0", "1.37.0"];

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly resources: { readonly limits: Readonly<Record<string, unknown>>; readonly requests: object };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
  readonly envFrom: readonly { readonly configMapRef?: { name: string }; readonly secretRef?: { name: string } }[];
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string } };
}

interface Deployment extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
      };
    };
  };
}

interface ScaledObject extends KubernetesObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly name: string };
    readonly triggers: readonly { readonly type: string; readonly metadata: Readonly<Record<string, string>> }[];
  };
}

const checker = checkerProgram("kubernetes-validate");
const rendered = renderedKubernetes("gpu");
if (rendered === undefined) process.stderr.write("skipped: there is no kubectl, which renders the manifests\n");
if (checker === undefined) process.stderr.write("skipped: no schemas of Kubernetes could be brought\n");

const { yaml = "", objects = [] } = rendered ?? {};
const ofKind = <Kind extends KubernetesObject>(kind: string) => objects.filter((each) => each.kind === kind) as Kind[];
const deployments = ofKind<Deployment>("Deployment");
const scaled = ofKind<ScaledObject>("ScaledObject");
const [config] = ofKind<KubernetesObject & { data: Record<string, string> }>("ConfigMap");
const workers = deployments.flatMap(({ spec }) => spec.template.spec.containers);

/** Reads objects of KEDA from standard input and lets their own models check them. */
const kedaCheck = `
  const { ScaledObject } = await import(process.argv[1]);
  for (const object of JSON.parse(await new Response(process.stdin).text())) new ScaledObject(object).validate();`;

/** Fields of KEDA's trigger for Temporal, as its documentation lists them. */
const temporalTrigger = /^(endpoint|namespace|taskQueue)(FromEnv)?$|^(queueTypes|(activationT|t)argetQueueSize)$/;

(rendered === undefined ? describe.skip : describe)("the manifests", () => {
  (checker === undefined ? test.skip : test)("are what Kubernetes and KEDA have schemas for", () => {
    for (const version of kubernetesVersions) {
      const said = (text: string) =>
        complaints(checker as string, ["--strict", "--quiet", "--no-warn", "-k", version, "-"], text);
      expect(said(yaml)).toBe("");
      expect(said(yaml.replace("readOnlyRootFilesystem", "readOnlyRoot"))).toContain("readOnlyRoot");
    }
    const module = "node_modules/@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject.js";
    const args = ["--input-type=module", "-e", kedaCheck, pathToFileURL(join(checkersFolder(), module)).href];
    expect(scaled).toHaveLength(3);
    expect(complaints(process.execPath, args, JSON.stringify(scaled))).toBe("");
    const wrong = scaled.map((object) => ({ ...object, spec: { ...object.spec, maxReplicaCount: "many" } }));
    expect(complaints(process.execPath, args, JSON.stringify(wrong))).toContain("maxReplicaCount must be integer");
  });

  test("without GPUs they are the same, less what is for GPUs", () => {
    const namesOf = (all: readonly KubernetesObject[]) => all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const base = namesOf(renderedKubernetes("base")?.objects ?? []);
    expect(
      namesOf(objects)
        .filter((name) => !name.endsWith("-gpu"))
        .sort(),
    ).toEqual([...base].sort());
  });

  test("let each container do nothing but its work", () => {
    expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual([
      "worker-coordinate",
      "worker-encode-cpu",
      "worker-encode-gpu",
      "worker-generate-cpu",
    ]);
    for (const { spec } of deployments) {
      const { securityContext, containers, initContainers = [] } = spec.template.spec;
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const container of [...containers, ...initContainers]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(Object.keys(container.resources.limits)).toEqual(expect.arrayContaining(["cpu", "memory"]));
      }
    }
  });

  test("probe each worker, let it end its work, and give it the folders it writes to", () => {
    const grace = readFileSync(join(infra, "../packages/cli/src/compose/worker.ts"), "utf8").match(
      /graceMilliseconds = ([\d_]+)/,
    )?.[1];
    for (const { spec } of deployments)
      expect(spec.template.spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(
        Number(grace?.replaceAll("_", "")),
      );
    for (const worker of workers) {
      const paths = ["startup", "readiness", "liveness"].map((name) => worker[`${name}Probe`]?.httpGet.path);
      expect(paths).toEqual(["/readyz", "/readyz", "/healthz"]);
      expect(worker.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(
        expect.arrayContaining(["/cache", "/work"]),
      );
    }
  });

  test("select pods that are there, one budget for each deployment", () => {
    const labels = deployments.map(({ spec }) => spec.template.metadata.labels);
    expect(deployments.map(({ spec }) => spec.selector.matchLabels)).toEqual(labels);
    const budgets = ofKind<Deployment>("PodDisruptionBudget").map(({ spec }) => spec.selector.matchLabels);
    expect(budgets).toEqual(labels);
    expect(yaml).toMatch(/podSelector:\n +matchLabels:\n +app\.kubernetes\.io\/name: millrace\n +policyTypes/);
  });

  test("start workers with flags and values that they take, all queues among them", async () => {
    const { stdout } = await run(["worker", "--help"], { cwd: await temporaryFolder() });
    const environment = config?.data ?? {};
    const all = await Promise.all(workers.map(({ args = [] }) => settingsOf(args, environment)));
    expect(workers.flatMap(({ args = [] }) => flagsOf(args)).filter((flag) => !stdout.includes(` ${flag} `))).toEqual(
      [],
    );
    expect(all.map(({ queues, device, metricsPort }) => [queues.join(), device, metricsPort])).toEqual([
      ["orchestrate,io", "cpu", 9464],
      ["encode", "cpu", 9464],
      ["encode", "cuda:0", 9464],
      ["generate", "cpu", 9464],
    ]);
    expect(workers[2]?.resources.limits).toMatchObject({ "nvidia.com/gpu": 1 });
    const read = Object.keys(environment).filter((name) => !/^(?:ENCODE|GENERATE)_QUEUE_/.test(name));
    expect(unreadVariables(read)).toEqual([]);
    for (const { envFrom } of workers)
      expect(envFrom.map(({ configMapRef, secretRef }) => (configMapRef ?? secretRef)?.name)).toEqual([
        config?.metadata.name,
        "millrace-secrets",
      ]);
    const told = readFileSync(join(infra, "kubernetes/base/config.yaml"), "utf8").match(/(?<=--from-literal=)\w+/g);
    expect(unreadVariables(told ?? [""])).toEqual([]);
  });

  test("run images of this version", () => {
    const { version } = JSON.parse(readFileSync(join(infra, "../packages/cli/package.json"), "utf8"));
    expect(workers.map(({ image }) => image)).toEqual(
      ["", "", "-cuda", ""].map((kind) => `millrace:${version}${kind}`),
    );
  });

  test("scale what runs models by variables that it has", async () => {
    const targets = scaled.map(({ spec }) => spec.scaleTargetRef.name);
    expect(targets).toEqual(["worker-encode-cpu", "worker-encode-gpu", "worker-generate-cpu"]);
    const free = deployments.filter(({ spec }) => spec.replicas === undefined).map(({ metadata }) => metadata.name);
    expect(free).toEqual(targets);
    for (const { spec } of scaled) {
      expect(spec.triggers.map(({ type }) => type)).toEqual(["temporal"]);
      const fields = Object.entries(spec.triggers[0]?.metadata ?? {});
      expect(fields.filter(([name]) => !temporalTrigger.test(name))).toEqual([]);
      const variables = fields.filter(([name]) => name.endsWith("FromEnv"));
      expect(variables.map(([, name]) => name).filter((name) => !(name in (config?.data ?? {})))).toEqual([]);
      expect(variables).toHaveLength(3);
      // Else the number of workers swings: see there.
      const { concurrency } = await settingsOf([], config?.data ?? {});
      expect(Number(spec.triggers[0]?.metadata.targetQueueSize)).toBeGreaterThan(concurrency);
    }
  });

  const [encoder, generator] = [minilmDirectory(), smollm2Directory()];
  const areThere = encoder !== undefined && generator !== undefined;
  (areThere ? test : test.skip)("count the queues that the default models' workers take from", async () => {
    // Compiling takes longer than a test file may; the cache holds what it comes to.
    const options = { cwd: await temporaryFolder(), environment: { MILLRACE_CACHE: cacheFolder() } };
    const queueOf = async (model: string, ...more: readonly string[]) =>
      (await run(["models", "inspect", model, ...more, "--json"], options)).result.queue;
    const { ENCODE_QUEUE_CPU, ENCODE_QUEUE_CUDA, GENERATE_QUEUE_CPU } = config?.data ?? {};
    expect(await queueOf(encoder as string)).toBe(ENCODE_QUEUE_CPU);
    expect(await queueOf(encoder as string, "--device", "cuda:0")).toBe(ENCODE_QUEUE_CUDA);
    expect(await queueOf(generator as string)).toBe(GENERATE_QUEUE_CPU);
  });
});
