import { Command, CommanderError, type OptionValues } from "commander";
import type { CommandContext, CommandFacts } from "./command.js";
import { commandGroups, commands } from "./commands.js";
import { commandOptions } from "./config/options.js";
import { type Settings, settingOf } from "./config/settings.js";
import { parseText } from "./config/values.js";
import { loadSettings, readEnvironment, silenceVendors } from "./config.js";
import { interruptedExit } from "./report/errors.js";
import { reportFailure } from "./report/failure.js";
import { chooseMode, createReporter } from "./report.js";
import { usageError } from "./usage.js";
import { version } from "./version.js";

/** Runs the command line and ends with its exit code. */
async function main(): Promise<number> {
  let exitCode = 0;
  silenceVendors();
  listenForBrokenPipes();
  process.on("uncaughtException", (error) => process.exit(reportFailure(error, asTyped())));
  const program = createProgram(async (facts, parameters, flags) => {
    exitCode = await runCommand(facts, parameters, flags);
  });
  try {
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    return error instanceof CommanderError ? error.exitCode : reportFailure(error, asTyped());
  }
}

/** What the command line says about output, for errors that come before it was understood. */
function asTyped(): { readonly isDebug: boolean; readonly isJson: boolean } {
  const environment = readEnvironment();
  const isSet = (key: "json" | "debug") =>
    process.argv.includes(`--${key}`) ||
    settingOf(key).env.some((name) => parseText(environment[name] ?? "", settingOf(key).schema) === true);
  return { isDebug: isSet("debug"), isJson: isSet("json") };
}

/** Whoever reads our output may stop reading, as `head` does: the work goes on, and its exit code stands. */
function listenForBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

type Run = (facts: CommandFacts, parameters: readonly string[], flags: OptionValues) => Promise<void>;

function createProgram(run: Run): Command {
  const program = new Command("millrace")
    .description("Turn a corpus into vectors: split, encode, and land in a store you can search.")
    .version(version)
    .option("--config <file>", "settings file (default millrace.yaml) [env: MILLRACE_CONFIG]")
    .configureOutput({ outputError: () => {} })
    .addHelpText("afterAll", exitCodes)
    .exitOverride(refuse(""));
  for (const facts of commands) addCommand(program, facts, run);
  return program;
}

const refuse = (command: string) => (error: CommanderError) => {
  throw usageError(error, command);
};

const exitCodes = `
Exit codes: 0 done · 1 failed · 2 wrong usage or setting · 3 more rows quarantined than --max-quarantined
            4 something needed is missing · 5 what was checked does not hold · 130 stopped by Ctrl-C, run again to go on`;

function addCommand(program: Command, facts: CommandFacts, run: Run): void {
  const [first, second] = facts.name.split(" ") as [string, string | undefined];
  const parent = second === undefined ? program : groupOf(program, first);
  const command = parent
    .command(`${second ?? first} ${facts.parameters}`.trim())
    .description(facts.summary)
    .exitOverride(refuse(facts.name))
    .action(async (...given: unknown[]) => {
      const self = given.pop() as Command;
      given.pop();
      await run(facts, given.filter((value) => value !== undefined) as string[], self.optsWithGlobals());
    });
  for (const option of commandOptions(facts.settings, facts.defaults)) command.addOption(option);
}

function groupOf(program: Command, name: string): Command {
  const group = program.commands.find((command) => command.name() === name);
  return (
    group ??
    program
      .command(name)
      .description(commandGroups[name] ?? name)
      .exitOverride(refuse(name))
  );
}

async function runCommand(facts: CommandFacts, parameters: readonly string[], flags: OptionValues): Promise<number> {
  const { config, ...given } = flags;
  let output = asTyped();
  try {
    const loaded = await loadSettings({
      flags: given,
      environment: readEnvironment(),
      workingDirectory: process.cwd(),
      ...(config === undefined ? {} : { configFile: String(config) }),
    });
    output = { isDebug: loaded.settings.debug, isJson: loaded.settings.json };
    const { run } = await facts.load();
    return await withReporter(loaded.settings, (context) => run({ ...context, loaded }, parameters));
  } catch (error) {
    return reportFailure(error, output);
  }
}

async function withReporter(
  settings: Settings,
  run: (context: Omit<CommandContext, "loaded">) => Promise<number>,
): Promise<number> {
  const { stderr, stdout } = process;
  const reporter = createReporter({ stderr, stdout, mode: chooseMode(stderr, settings.quiet), isJson: settings.json });
  const stop = new AbortController();
  const unlisten = listenForStop(stop, (line) => reporter.line(line));
  try {
    return await run({
      settings,
      reporter,
      say: (line) => reporter.line(line),
      warn: (line) => {
        reporter.finish();
        stderr.write(`${line}\n`);
      },
      print: (text) => void stdout.write(text),
      standardInput: process.stdin,
      commandLine: `npx millrace ${process.argv.slice(2).map(quoted).join(" ")}`,
      stop: stop.signal,
    });
  } finally {
    reporter.finish();
    unlisten();
  }
}

/** The first Ctrl-C or SIGTERM lets what is under way finish; the second ends the process, whose hosts end with it. */
function listenForStop(stop: AbortController, say: (line: string) => void): () => void {
  let stoppedAt = 0;
  const listener = (signal: NodeJS.Signals) => {
    const isEcho = performance.now() - stoppedAt < echoMilliseconds;
    if (stop.signal.aborted && isEcho) return;
    if (stop.signal.aborted) process.exit(interruptedExit);
    stoppedAt = performance.now();
    say(`${signal}: finishing what is under way; once more stops at once`);
    stop.abort();
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return () => {
    process.off("SIGINT", listener);
    process.off("SIGTERM", listener);
  };
}

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npx. */
const echoMilliseconds = 300;

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

process.exitCode = await main();
