import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Command } from "commander";
import fc from "fast-check";
import {
  commandOptions,
  formatSettings,
  initialConfig,
  loadSettings,
  type SettingsInput,
  settingKeys,
  settings,
  settingsSchema,
  showSettings,
} from "millrace";

const fileless = [
  "qdrantApiKey",
  "hubEndpoint",
  "hubToken",
  "python",
  "temporalAddress",
  "temporalKey",
  "from",
  "otlpEndpoint",
];
const variable = (name: string) => `\${${name}}`;

describe("settings", () => {
  let workingDirectory: string;

  beforeEach(async () => {
    workingDirectory = await mkdtemp(join(tmpdir(), "millrace-config-"));
  });

  afterEach(() => rm(workingDirectory, { recursive: true, force: true }));

  const load = (input: Partial<SettingsInput> = {}) =>
    loadSettings({ flags: {}, environment: {}, workingDirectory, ...input });

  async function loadFile(text: string, input: Partial<SettingsInput> = {}) {
    await writeFile(join(workingDirectory, "millrace.yaml"), text);
    return load(input);
  }

  const configError = async (text: string, input: Partial<SettingsInput> = {}) => {
    const error: unknown = await loadFile(text, input).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toMatchObject({ code: "E_CONFIG" });
    expect((error as Error).message).not.toContain("\n");
    return (error as Error).message;
  };

  test("without anything given every value is its default", async () => {
    const loaded = await load();
    expect(new Set(Object.values(loaded.origins))).toEqual(new Set(["default"]));
    expect(loaded.settings).toMatchObject({ model: "all-MiniLM-L6-v2", store: ".millrace/store", top: 5, hosts: 0 });
    expect(loaded.settings.cacheDirectory).toBe(join(homedir(), ".cache/millrace"));
  });

  test("the table is sound: unique flags, variables and paths; valid defaults; flags named as their keys", () => {
    const all = Object.entries(settings) as [string, (typeof settings)["top"]][];
    const flags = all.flatMap(([, { flag }]) => (flag === undefined ? [] : [flag.split(" ")[0]]));
    const variables = all.flatMap(([, { env }]) => env);
    expect(new Set(flags).size).toBe(flags.length);
    expect(new Set(variables).size).toBe(variables.length);
    for (const [key, setting] of all) {
      expect(setting.schema.safeParse(setting.default).success).toBe(true);
      expect(setting.doc).not.toMatch(/\.$/);
      expect(setting.env[0]).toMatch(/^MILLRACE_[A-Z_]+$/);
      for (const option of commandOptions([key as keyof typeof settings])) expect(option.attributeName()).toBe(key);
    }
    expect(settings.hubToken).not.toHaveProperty("flag");
  });

  test("flags go before the environment, the environment before the file, the file before defaults", async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.boolean(), fc.boolean(), async (hasFlag, hasVariable, hasFile) => {
        const { settings, origins } = await loadFile(hasFile ? "# first\ntop: 30\n" : "", {
          flags: hasFlag ? { top: "10" } : { top: undefined },
          environment: hasVariable ? { MILLRACE_TOP: "20" } : {},
        });
        const expected = hasFlag
          ? [10, "flag --top"]
          : hasVariable
            ? [20, "environment MILLRACE_TOP"]
            : hasFile
              ? [30, "millrace.yaml:2:6"]
              : [5, "default"];
        expect([settings.top, origins.top]).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test("text becomes what the option is: numbers, truth values, lists, sizes", async () => {
    const { settings } = await load({
      flags: { include: ["**/*.{md,txt}"], full: true, pricePerHour: "0.4" },
      environment: {
        MILLRACE_EXCLUDE: "a/**, **/*.{log,tmp}",
        MILLRACE_TEXT_FIELD: '["title","body"]',
        MILLRACE_JSON: "1",
        MILLRACE_OFFLINE: "no",
        MILLRACE_MAX_ROW_BYTES: "64 MiB",
        MILLRACE_QUIET: "",
        HF_ENDPOINT: "http://mirror.test",
      },
    });
    expect(settings).toMatchObject({
      include: ["**/*.{md,txt}"],
      exclude: ["a/**", "**/*.{log,tmp}"],
      textField: ["title", "body"],
      full: true,
      json: true,
      offline: false,
      quiet: false,
      pricePerHour: 0.4,
      maxRowBytes: 64 * 2 ** 20,
      hubEndpoint: "http://mirror.test",
    });
  });

  test("values that are not allowed name their place", async () => {
    await expect(load({ flags: { top: "many" } })).rejects.toMatchObject({
      code: "E_USAGE",
      message: expect.stringContaining("flag --top"),
    });
    await expect(load({ environment: { MILLRACE_HOSTS: "-1" } })).rejects.toThrow(/environment MILLRACE_HOSTS.*-1/);
    expect(await configError("chunking:\n  strategy: random\n")).toMatch(/millrace\.yaml:2:13.*"random".*structure/);
    expect(await configError("top: 0")).toContain("millrace.yaml:1:6");
    expect(await configError("include: '*.md'")).toContain("expected array");
    expect(await configError("offline: maybe")).toContain("expected boolean");
    expect(await configError("maxRowBytes: 3 lots")).toContain("64MiB");
    const environment = { MILLRACE_HUB_ENDPOINT: "ftp://x" };
    await expect(loadFile("", { environment })).rejects.toThrow(/environment MILLRACE_HUB_ENDPOINT.*hubEndpoint/);
  });

  test("what decides which program is run and where a token goes cannot be set in a file", async () => {
    expect(await configError("python: ./run-me")).toMatch(
      /:1:1.*cannot be set in a file.*--python <command> or MILLRACE_PYTHON/,
    );
    expect(await configError("hubEndpoint: https://elsewhere.test")).toContain("HF_ENDPOINT");
    const message = await configError("hubToken: s3cret");
    expect(message).toContain("HF_TOKEN");
    expect(message).not.toContain("s3cret");
  });

  test("unknown keys are errors with a suggestion", async () => {
    expect(await configError("modle: x")).toMatch(/millrace\.yaml:1:1.*modle.*Did you mean model\?/);
    expect(await configError("top: 5\nchunking:\n  overlapp: 3")).toMatch(/:3:3.*Did you mean chunking\.overlap\?/);
    expect(await configError("max_tokens: 3")).toContain("Did you mean chunking.maxTokens?");
    expect(await configError("maxTokens: 3")).toContain("Did you mean chunking.maxTokens?");
    expect(await configError("zzz: 3")).toContain("millrace config init");
  });

  test("what is no configuration is refused with its place", async () => {
    expect(await configError("- a\n- b")).toContain("millrace.yaml:1:1");
    expect(await configError("top: 5\n---\ntop: 6")).toContain("second document");
    expect(await configError("top: 5\ntop: 6")).toContain("millrace.yaml:2:1");
    expect(await configError("top: [")).toMatch(/millrace\.yaml:\d+:\d+/);
    expect(await configError("version: 2")).toContain("Write version: 1");
    expect(await configError("chunking: 3")).toContain("section");
    await expect(load({ configFile: "nowhere.yaml" })).rejects.toMatchObject({ code: "E_CONFIG" });
  });

  test("empty files, empty values and null count as not given", async () => {
    for (const text of ["", "# nothing\n", "version: 1\n", "model:\n", "chunking:\n", "model: null"])
      expect((await loadFile(text)).settings).toEqual((await load()).settings);
  });

  test("variables are put in, as text and as numbers, and missing ones are errors", async () => {
    const text = [
      `model: ${variable("NAME")}/$$x`,
      `hosts: ${variable("HOSTS")}`,
      `top: ${variable("TOP:-7")}`,
      `include: ['${variable("A:-*.md")}']`,
      `corpus: ${variable("T:-")}`,
    ];
    const { settings } = await loadFile(text.join("\n"), { environment: { NAME: "a: b", HOSTS: "3", TOP: "" } });
    expect(settings).toMatchObject({ model: "a: b/$x", hosts: 3, top: 7, include: ["*.md"], corpus: undefined });
    expect(await configError(`model: ${variable("ABSENT")}`)).toMatch(/millrace\.yaml:1:8.*ABSENT/);
  });

  test("relative paths in a file elsewhere are meant from its folder", async () => {
    await mkdir(join(workingDirectory, "project"));
    const lines = ["source: docs/*.md", "store: jsonl:out", "work: /abs", "model: ./m", "cacheDirectory: ~/c"];
    await writeFile(join(workingDirectory, "project", "millrace.yaml"), lines.join("\n"));
    const { settings, origins } = await load({ configFile: "project/millrace.yaml", environment: {} });
    const project = join(workingDirectory, "project");
    expect(settings).toMatchObject({
      source: join(project, "docs/*.md"),
      store: `jsonl:${project}/out`,
      work: "/abs",
      model: join(project, "m"),
      cacheDirectory: join(homedir(), "c"),
    });
    expect(origins.store).toBe("project/millrace.yaml:2:8");
    expect((await load({ environment: { MILLRACE_CONFIG: "project/millrace.yaml" } })).settings).toEqual(settings);
    const remote = { work: "s3://bucket/prefix", store: "memory:x", model: "org/name" };
    await writeFile(join(project, "millrace.yaml"), JSON.stringify(remote));
    expect((await load({ configFile: "project/millrace.yaml" })).settings).toMatchObject(remote);
  });

  test("the initial file changes nothing, and every line of it is allowed", async () => {
    const text = initialConfig();
    expect((await loadFile(text)).settings).toEqual((await load()).settings);
    const all = text.replaceAll(/^#(?! \S)/gm, "");
    const { settings, origins } = await loadFile(all);
    expect(settings).toMatchObject({ maxTokens: 256, maxRowBytes: 16 * 2 ** 20, include: ["**/*.md"] });
    const silent = settingKeys.filter((key) => origins[key] === "default");
    expect(silent).toEqual(fileless);
  });

  test("secrets are not shown", async () => {
    const loaded = await load({ environment: { HF_TOKEN: "hf_secret" } });
    expect(loaded.settings.hubToken).toBe("hf_secret");
    const shown = showSettings(loaded);
    expect(shown.find(({ key }) => key === "hubToken")).toEqual({
      key: "hubToken",
      value: "********",
      origin: "environment HF_TOKEN",
    });
    const text = formatSettings(shown, { hasOrigins: true });
    expect(text).not.toContain("hf_secret");
    expect(text).toMatch(/^chunking\.overlap: 0 +# default$/m);
  });

  test("the JSON Schema knows every option, its sections, and no more", () => {
    const schema = settingsSchema() as { properties: Record<string, object>; additionalProperties: boolean };
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties.top).toMatchObject({ type: "integer", default: 5, description: settings.top.doc });
    expect(schema.properties.chunking).toMatchObject({
      additionalProperties: false,
      properties: { strategy: { enum: ["structure", "truncate"] }, overlap: { default: 0 } },
    });
    expect(schema).not.toHaveProperty("required");
    const leaves = Object.values(schema.properties).map((property) =>
      "properties" in property ? Object.keys(property.properties as object).length : 1,
    );
    expect(leaves.reduce((sum, count) => sum + count)).toBe(settingKeys.length - fileless.length + 1);
  });

  test("what commander parses goes into the settings as it is", async () => {
    const command = new Command().argument("[source]");
    for (const option of commandOptions(settingKeys)) command.addOption(option);
    const words =
      "docs --include a --include b,c --top 3 --json --max-tokens 128 --price-per-hour 1.5 --max-row-bytes 2MB";
    command.parse(words.split(" "), { from: "user" });
    const { settings, origins } = await load({ flags: command.opts() });
    expect(settings).toMatchObject({ include: ["a", "b,c"], top: 3, json: true, maxTokens: 128, pricePerHour: 1.5 });
    expect(settings.maxRowBytes).toBe(2e6);
    expect(Object.values(origins).filter((origin) => origin.startsWith("flag"))).toHaveLength(6);
  });

  test("options for commander say choices, default and variable", () => {
    const [chunking, include] = commandOptions(["chunkingStrategy", "include", "hubToken"]);
    expect(chunking?.description).toMatch(
      /one of structure, truncate; default structure.*\[env: MILLRACE_CHUNKING_STRATEGY\]/,
    );
    expect(include?.parseArg?.("b", ["a"] as never)).toEqual(["a", "b"]);
    expect(commandOptions(settingKeys)).toHaveLength(settingKeys.length - 4);
  });
});
