/** An error that ends the command with one line and an exit code, as the product's own errors do. */
export class Failure extends Error {
  /**
   * @param {"E_USAGE" | "E_RUNTIME"} code
   * @param {string} message What happened, why, what to do: one line.
   */
  constructor(code, message) {
    super(message.replaceAll(/\s+/g, " "));
    this.code = code;
    this.exit = code === "E_USAGE" ? 2 : 4;
  }
}

/**
 * @param {"E_USAGE" | "E_RUNTIME"} code
 * @param {string} message
 * @returns {never}
 */
export function fail(code, message) {
  throw new Failure(code, message);
}
