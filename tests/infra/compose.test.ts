import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { servicesFolder } from "../../scripts/bring-services.mjs";
import { run, temporaryFolder } from "../support/command-line.ts";
import {
  type ComposeService,
  checkerProgram,
  complaints,
  flagsOf,
  infra,
  readCompose,
  settingsOf,
  unreadVariables,
} from "../support/deployment.ts";

const python = checkerProgram("python");
if (python === undefined) process.stderr.write("skipped: no parser of Compose files could be brought\n");

const compose = readCompose();
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

/** Names of the services that a rule finds wrong. */
function breaking(isRight: (service: ComposeService) => boolean): readonly string[] {
  return services.filter(([, service]) => !isRight(service)).map(([name]) => name);
}

const parser = "import sys; from compose_spec import PyCompose; PyCompose.from_json(sys.stdin.read()).to_spec()";

(python === undefined ? test.skip : test)("the Compose specification has it so", () => {
  const check = (file: object) => complaints(python as string, ["-c", parser], JSON.stringify(file));
  expect(check(compose)).toBe("");
  const [name = "", service] = services[0] ?? [];
  expect(check({ ...compose, services: { [name]: { ...service, healthchek: {} } } })).toContain("healthchek");
});

test("each service is confined, says when it is well, and listens on this machine only", () => {
  expect(services.map(([name]) => name)).toEqual(
    expect.arrayContaining(["temporal", "s3", "qdrant", "worker", "prometheus", "grafana"]),
  );
  expect(breaking(({ read_only }) => read_only === true)).toEqual([]);
  expect(breaking(({ cap_drop }) => cap_drop?.join() === "ALL")).toEqual([]);
  expect(breaking(({ security_opt }) => security_opt?.join() === "no-new-privileges:true")).toEqual([]);
  expect(breaking(({ ports = [] }) => ports.every((port) => port.startsWith("127.0.0.1:")))).toEqual([]);
  const stays = ({ restart }: ComposeService) => restart === "unless-stopped";
  expect(breaking((service) => !stays(service) || service.healthcheck?.test !== undefined)).toEqual([]);
  expect(ours.map(([, { user }]) => user)).toEqual(ours.map(() => "1000:1000"));
});

test("each image has a fixed version, and the servers those that tests run against", () => {
  expect(breaking(({ image }) => /:v?\d+\.\d+(\.\d+)?(-\w+)?$/.test(image))).toEqual([]);
  const { version } = JSON.parse(readFileSync(join(infra, "../packages/cli/package.json"), "utf8")) as {
    version: string;
  };
  expect(new Set(ours.map(([, { image }]) => image))).toEqual(new Set([`millrace:${version}`]));
  for (const name of ["temporal", "s3"])
    expect(servicesFolder()).toContain(`${compose.services[name]?.image.split(":")[1]}-`);
});

test("what it waits for, mounts and builds from is there", () => {
  const waits = services.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
  expect(waits.length).toBeGreaterThan(3);
  for (const [name, { condition }] of waits) {
    const waited = compose.services[name];
    expect({ name, isThere: waited !== undefined }).toEqual({ name, isThere: true });
    if (condition === "service_healthy") expect(waited?.healthcheck?.test).toBeDefined();
    else expect({ name, condition, ends: waited?.restart }).toEqual({ name, condition, ends: "on-failure" });
  }
  const sources = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(":")[0] ?? ""));
  const [folders, names] = [
    sources.filter((source) => source.startsWith(".")),
    sources.filter((source) => !source.startsWith(".")),
  ];
  expect(folders.filter((folder) => !existsSync(join(infra, folder)))).toEqual([]);
  expect([...new Set(names)].sort()).toEqual(Object.keys(compose.volumes).sort());
  for (const [, { build }] of ours)
    expect(existsSync(join(infra, build?.context ?? "", build?.dockerfile ?? ""))).toBe(true);
});

test("Prometheus and Grafana find their files, and each other", () => {
  const { prometheus, grafana, worker } = compose.services;
  const [config = ""] = prometheus?.command?.filter((arg) => arg.startsWith("--config.file=")) ?? [];
  expect(prometheus?.volumes).toContain("./prometheus:/etc/prometheus:ro");
  const scraping = join(infra, config.replace("--config.file=/etc/", ""));
  expect(readFileSync(scraping, "utf8")).toMatch(/names: \[worker\][\s\S]*port: 9464/);
  expect(worker?.command).toEqual(expect.arrayContaining(["--metrics-port", "9464", "--metrics-host", "0.0.0.0"]));
  const provider = readFileSync(join(infra, "grafana/provisioning/dashboards/millrace.yaml"), "utf8");
  const [, path] = provider.match(/path: (\S+)/) ?? [];
  expect(grafana?.volumes).toEqual(
    expect.arrayContaining(["./grafana/provisioning:/etc/grafana/provisioning:ro", `./grafana/dashboards:${path}:ro`]),
  );
  const source = readFileSync(join(infra, "grafana/provisioning/datasources/prometheus.yaml"), "utf8");
  expect(source).toContain("http://prometheus:9090");
});

test("worker and command line are given what they take", async () => {
  const { stdout } = await run(["worker", "--help"], { cwd: await temporaryFolder() });
  const { command = [], environment = {} } = compose.services.worker ?? {};
  expect(flagsOf(command).filter((flag) => !stdout.includes(` ${flag} `))).toEqual([]);
  expect((await settingsOf(command, environment)).queues).toEqual(["orchestrate", "io", "encode"]);
  expect(ours.flatMap(([, { environment: own = {} }]) => unreadVariables(Object.keys(own)))).toEqual([]);
  const places = await settingsOf([], compose.services.cli?.environment ?? {});
  expect(places).toMatchObject({ on: "temporal", work: "s3://millrace/work", store: "qdrant://qdrant:6333/corpus" });
});
