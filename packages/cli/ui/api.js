/**
 * Asks the server. What it answers is described in `src/ui/api.ts`.
 * @param {string} path @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
export async function ask(path, signal) {
  const response = await fetch(path, signal === undefined ? {} : { signal }).catch((error) => {
    if (signal?.aborted) throw error;
    throw new Error("The server does not answer. Is millrace ui still running?");
  });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: { what: `the server answers ${response.status}` } }));
  throw new Error(sentence(error));
}

/**
 * @template Value
 * @param {string} path @param {AbortSignal} [signal]
 * @returns {Promise<Value>}
 */
export async function askJson(path, signal) {
  return (await ask(path, signal)).json();
}

/** @param {{ code?: string, what: string, why?: string, fix?: string }} error */
function sentence({ code, what, why, fix }) {
  const line = why === undefined ? what : `${what}: ${why}`;
  const said = line.charAt(0).toUpperCase() + line.slice(1).replace(/\.$/, "");
  return `${said}.${fix === undefined ? "" : ` ${fix.replace(/\.$/, "")}.`}${code === undefined ? "" : ` (${code})`}`;
}
