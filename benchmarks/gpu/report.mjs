/** Prints what was measured, as tables. @param {Record<string, any>} report */
export function showReport({ device, parity, peer, variants, hosts, mixed, pipeline, gpu }) {
  const lines = [`device ${device}${gpu === undefined ? "" : ` (${gpu.join("; ")})`}`, ""];
  for (const [layout, found] of Object.entries(parity))
    lines.push(
      `vectors, ${layout}: ${found.error ?? `cosine to fp32 on the processor ${found.leastCosine} at least; among other rows a number moves by ${found.mostMoved} at most`}`,
    );
  lines.push(
    "",
    ...table(
      "tokens/s",
      { ...variants, ...named(hosts, (count) => `joined, hosts ${count}`), "transformers, fp16, sdpa": peer },
      shapeKey,
    ),
  );
  lines.push(
    "",
    ...table(
      "tokens/s, texts of many lengths",
      named(mixed, (budget) => `${budget} tokens in a run`),
      ({ batch }) => `batches of ${batch}`,
    ),
  );
  for (const [count, { gpu: busy }] of Object.entries(hosts))
    if (busy !== undefined) lines.push("", `${count} hosts: busy ${busy.busyPercent} %, ${busy.memoryMegabytes} MB`);
  const { startMilliseconds } = variants.joined;
  if (startMilliseconds !== undefined)
    lines.push(
      "",
      `a host is ready after ${Math.round(startMilliseconds)} ms; the largest shape's first run takes ${variants.joined.rates[0].firstMilliseconds} ms`,
    );
  lines.push(
    "",
    `from texts to a store: ${pipeline.error ?? `${Math.round(pipeline.tokensPerSecond)} tokens/s, ${pipeline.tokens} tokens in ${pipeline.seconds.toFixed(1)} s`}`,
    "",
  );
  process.stdout.write(`${lines.join("\n")}\n`);
}

const shapeKey = (/** @type {{ rows: number, length: number }} */ { rows, length }) => `${rows} × ${length}`;

/** @param {Record<string, any>} found @param {(key: string) => string} nameOf */
function named(found, nameOf) {
  return Object.fromEntries(Object.entries(found).map(([key, value]) => [nameOf(key), value]));
}

/**
 * A row for each variant, a column for each shape that any of them was measured with.
 * @param {string} title
 * @param {Record<string, any>} variants
 * @param {(rate: any) => string} keyOf
 */
function table(title, variants, keyOf) {
  const columns = [...new Set(Object.values(variants).flatMap(({ rates = [] }) => rates.map(keyOf)))];
  const rows = Object.entries(variants).map(([name, { rates = [], error }]) => {
    const found = new Map(
      rates.map((/** @type {any} */ rate) => [keyOf(rate), rate.tokensPerSecond.toLocaleString("en-US")]),
    );
    return error === undefined ? [name, ...columns.map((column) => found.get(column) ?? "–")] : [name, error];
  });
  return [[title, ...columns], ["---", ...columns.map(() => "---:")], ...rows].map(
    (cells) => `| ${cells.join(" | ")} |`,
  );
}
