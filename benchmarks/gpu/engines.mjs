/** @type {typeof import("@millrace/workers")} The engines alone: a bare machine has none of the other packages. */
export const engines = await import(import.meta.resolve("@millrace/workers/engines"));
