/** Work that takes less time than this is not worth a line. */
const quietMs = 400;

/**
 * Shows a line on standard error while something slow is done: `• installing packages (first run)… 14 s`.
 * @template Result
 * @param {string} title
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withProgress(title, work) {
  const start = performance.now();
  let isShown = false;
  const timer = setTimeout(() => {
    isShown = true;
    process.stderr.write(`• ${title}…`);
  }, quietMs);
  try {
    const result = await work();
    if (isShown) process.stderr.write(` ${Math.round((performance.now() - start) / 1000)} s\n`);
    return result;
  } catch (error) {
    if (isShown) process.stderr.write(" failed\n");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
