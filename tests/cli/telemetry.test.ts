import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { writeFiles } from "../support/corpus.ts";

test("a run leaves nothing in the folder for temporary files, where ONNX Runtime would keep the id it reports under", async () => {
  const cwd = await temporaryFolder();
  const temporary = join(cwd, "temporary");
  await mkdir(temporary);
  await writeFiles(cwd, { "docs/a.md": "# One\n\nA chunk to encode.\n" });
  const options = { cwd, environment: { TMPDIR: temporary } };
  const { code, result } = await run(["index", "docs", "--model", tinyModel, "--json"], options);
  expect({ code, points: result.store?.points }).toEqual({ code: 0, points: 1 });
  expect(await readdir(temporary)).toEqual([]);
});
