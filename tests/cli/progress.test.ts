import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";

/** Runs its arguments on a pseudo-terminal of 120 columns and passes on all they write. */
const onTerminal = `
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
try:
    while data := os.read(terminal, 65536):
        os.write(1, data)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

const clearToEnd = "\u001b[K";

describe("progress", () => {
  let folder: string;
  const index = (store: string) => ["index", "docs", "--model", tinyModel, "--store", store, "--work", `${store}-work`];

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < 300; file += 1)
      await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file, 1 + (file % 12)) });
  });

  test("--quiet says nothing; without a terminal there are plain lines; --json is one object a line", async () => {
    const quiet = await run([...index("quiet"), "--quiet"], { cwd: folder });
    expect([quiet.code, quiet.stdout, quiet.stderr]).toEqual([0, "", ""]);
    const plain = await run([...index("plain"), "--json"], { cwd: folder });
    expect(plain.stderr).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(plain.stderr).toMatch(/^objects +300 new$/m);
    const events = plain.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type).filter((type) => type === "result")).toEqual(["result"]);
    expect(events.at(-1)).toMatchObject({ type: "result", ok: true, exitCode: 0 });
  }, 60_000);

  test.each([120, 0])(
    "on a terminal of %p columns one line is drawn again and never goes back",
    async (columns) => {
      const cache = await temporaryFolder();
      const command = [process.execPath, resolve("packages/cli/bin/millrace.js"), ...index(`terminal-${columns}`)];
      const written = await promisify(execFile)("python3", ["-c", onTerminal, String(columns), ...command], {
        cwd: folder,
        env: { ...process.env, MILLRACE_CACHE: join(cache), MILLRACE_OFFLINE: "1", NO_COLOR: "1" },
      }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        process.stderr.write("skipped: a pseudo-terminal needs python3\n");
      });
      if (written === undefined) return;
      const [drawn = "", summary = ""] = written.stdout.replaceAll(clearToEnd, "").split(/(?=\robjects)/, 2);
      const lines = drawn.split("\r").filter((line) => line.trim() !== "");
      expect(lines.length).toBeGreaterThan(3);
      expect(drawn).not.toContain("\n");
      expect(summary).toContain("300 new");
      const percents = lines.flatMap((line) => [...(/(\d+)%/.exec(line)?.slice(1) ?? [])].map(Number));
      expect(percents.length).toBeGreaterThan(3);
      expect(percents).toEqual([...percents].sort((left, right) => left - right));
      for (const line of lines) {
        expect(line.length).toBeLessThan(columns || 80);
        const [, done, of] = /([\d.,]+ \w+) of ([\d.,]+ \w+)/.exec(line) ?? [];
        if (done !== undefined && of !== undefined) expect(amount(done)).toBeLessThanOrEqual(amount(of));
      }
    },
    60_000,
  );
});

function amount(text: string): number {
  const [number = "", unit = ""] = text.split(" ");
  const factors: Readonly<Record<string, number>> = { kB: 1e3, MB: 1e6 };
  return Number(number.replaceAll(",", "")) * (factors[unit] ?? 1);
}
