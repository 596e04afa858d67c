export { knownExtensions } from "./formats/extensions.js";
export { formatFor, parseObject } from "./formats/parse-object.js";
export type { ParseLimits } from "./formats/parser.js";
export { openSource } from "./sources/open-source.js";
export { spoolStandardInput } from "./sources/spool.js";
