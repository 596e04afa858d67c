import type { MillraceError } from "@millrace/core";
import { Command, CommanderError, type OptionValues } from "commander";
import type { CommandContext, CommandFacts } from "./command.js";
import { commandGroups, commands } from "./commands.js";
import { commandOptions } from "./config/options.js";
import type { Settings } from "./config/settings.js";
import { type LoadedSettings, loadSettings, readEnvironment, silenceVendors } from "./config.js";
import { type Output, openOutput, typedOutput } from "./output.js";
import { formatError, interruptedExit } from "./report/errors.js";
import { type FailureOptions, logError, reportFailure } from "./report/failure.js";
import { chooseMode, createReporter, type Reporter } from "./report.js";
import { usageError } from "./usage.js";
import { version } from "./version.js";

/** Runs the command line and ends with its exit code. */
async function main(): Promise<number> {
  let exitCode = 0;
  silenceVendors();
  listenForBrokenPipes();
  let output: FailureOptions = typedOutput(readEnvironment());
  process.on("uncaughtException", (error) => process.exit(reportFailure(error, output)));
  const program = createProgram(async (facts, parameters, flags) => {
    const loaded = await load(flags);
    const opened = await openOutput(loaded, readEnvironment(), facts.isService === true);
    output = opened.hasJsonLog ? opened : { ...opened, log: undefined };
    const { run } = await facts.load();
    exitCode = await withReporter(loaded.settings, opened, (context) => run({ ...context, loaded }, parameters));
  });
  try {
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    return error instanceof CommanderError ? error.exitCode : reportFailure(error, output);
  }
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

async function load({ config, ...flags }: OptionValues): Promise<LoadedSettings> {
  return loadSettings({
    flags,
    environment: readEnvironment(),
    workingDirectory: process.cwd(),
    ...(config === undefined ? {} : { configFile: String(config) }),
  });
}

async function withReporter(
  settings: Settings,
  output: Output,
  run: (context: Omit<CommandContext, "loaded">) => Promise<number>,
): Promise<number> {
  const { stderr, stdout } = process;
  const { log, hasJsonLog, redact } = output;
  const mode = chooseMode(hasJsonLog ? {} : stderr, settings.quiet);
  const lines = hasJsonLog ? log : undefined;
  const reporter = createReporter({ stderr, stdout, mode, isJson: settings.json, log: lines });
  const stop = new AbortController();
  const unlisten = listenForStop(stop, (line) => reporter.line(line));
  try {
    return await run({
      settings,
      reporter,
      log,
      redact,
      say: (line) => reporter.line(redact(line)),
      warn: (line) => warn(line, output, reporter),
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

function warn(line: string | MillraceError, { log, hasJsonLog, redact }: Output, reporter: Reporter): void {
  reporter.finish();
  if (!hasJsonLog) process.stderr.write(`${redact(typeof line === "string" ? line : formatError(line, false))}\n`);
  else if (typeof line === "string") log.write("warn", line);
  else logError(log, line);
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
