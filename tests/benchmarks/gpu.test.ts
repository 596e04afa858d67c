import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { trimProvider } from "../../benchmarks/gpu/trim-provider.mjs";
import { temporaryFolder } from "../support/command-line.ts";

describe("the benchmark for GPUs", () => {
  test("runs whole on a processor, where its figures are kept only if asked", async () => {
    const folder = await temporaryFolder();
    const out = join(folder, "gpu.json");
    const args = [resolve("benchmarks/gpu.bench.mjs"), "--cache", join(folder, "none"), "--out", out];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
    expect(stderr).toMatch(/cuda:0 cannot be used here: .*\nthe same code now runs on the processor/);
    const report = JSON.parse(await readFile(out, "utf8"));
    expect(report).toMatchObject({ name: "gpu", device: "cpu", isMeasured: false });
    for (const layout of ["joined", "apart"]) {
      expect(report.parity[layout].leastCosine).toBeGreaterThan(0.99999);
      expect(report.parity[layout].mostMoved).toBe(0);
    }
    // There is no such kernel for a processor: what cannot be measured says why, and the rest goes on.
    expect(report.parity.packed.error).toMatch(/not implemented for CPU/);
    const measured = [report.variants.joined, report.variants.apart, report.hosts[2], report.mixed[64]];
    for (const { engine, rates } of measured) {
      expect(engine).toEqual({ device: "cpu", provider: "CPUExecutionProvider" });
      for (const { tokensPerSecond } of rates) expect(tokensPerSecond).toBeGreaterThan(0);
    }
    expect(report.pipeline).toMatchObject({ device: "cpu", chunks: expect.any(Number) });
    expect(stdout).toMatch(/\| joined \| [\d,]+ \|/);
  });

  test("a provider is trimmed to one architecture, and containers without it stay", async () => {
    const folder = await temporaryFolder();
    const [source, target] = [join(folder, "whole.so"), join(folder, "trimmed.so")];
    const code = (architecture: number, length: number) => {
      const entry = Buffer.alloc(40 + length, architecture);
      entry.writeUInt32LE(40, 4);
      entry.writeBigUInt64LE(BigInt(length), 8);
      entry.writeUInt32LE(architecture, 28);
      return entry;
    };
    const container = (...entries: readonly Buffer[]) => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(0xba55ed50, 0);
      head.writeUInt16LE(1, 4);
      head.writeUInt16LE(16, 6);
      const body = Buffer.concat(entries);
      head.writeBigUInt64LE(BigInt(body.length), 8);
      return Buffer.concat([head, body]);
    };
    const first = container(code(80, 24), code(90, 16), code(120, 8), code(90, 32));
    const second = container(code(80, 16));
    await writeFile(source, elf(Buffer.concat([first, second])));
    const kept = await trimProvider(source, target, 90);
    const [before, after] = [await readFile(source), await readFile(target)];
    expect(kept).toBe(40 + 16 + 40 + 32);
    expect(after.length).toBe(before.length);
    const start = 64;
    const wanted = Buffer.concat([code(90, 16), code(90, 32)]);
    expect(after.readBigUInt64LE(start + 8)).toBe(BigInt(wanted.length));
    expect(after.subarray(start + 16, start + 16 + wanted.length)).toEqual(wanted);
    expect(after.subarray(start + 16 + wanted.length, start + first.length).every((byte) => byte === 0)).toBe(true);
    expect(after.subarray(start + first.length)).toEqual(before.subarray(start + first.length));
    await rm(folder, { recursive: true, force: true });
  });
});

/** A 64-bit ELF file with nothing but a section of GPU code at byte 64. */
function elf(code: Buffer): Buffer {
  const names = Buffer.from("\0.nv_fatbin\0.shstrtab\0");
  const headers = 64 + code.length + names.length;
  const file = Buffer.concat([Buffer.alloc(64), code, names, Buffer.alloc(3 * 64)]);
  file.writeBigUInt64LE(BigInt(headers), 0x28);
  file.writeUInt16LE(64, 0x3a);
  file.writeUInt16LE(3, 0x3c);
  file.writeUInt16LE(2, 0x3e);
  const section = (index: number, name: number, start: number, size: number) => {
    file.writeUInt32LE(name, headers + index * 64);
    file.writeBigUInt64LE(BigInt(start), headers + index * 64 + 0x18);
    file.writeBigUInt64LE(BigInt(size), headers + index * 64 + 0x20);
  };
  section(1, 1, 64, code.length);
  section(2, 12, 64 + code.length, names.length);
  return file;
}
