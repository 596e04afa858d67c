/** Runs a promise's outcome through a queue. */
export type InTurn = <Result>(outcome: Promise<Result>) => Promise<Result>;

/** Microtasks after which all that follows from one outcome has been begun; the longest chain takes about a quarter. */
const turnsPerOutcome = 256;

/**
 * Hands outcomes on one after another, in the order in which they came, each only when what follows from the one before has
 * been begun. What is begun, and in which order, then depends on that order alone, and not on which outcomes came
 * together: a replay, and a worker that takes a job over, may see them grouped otherwise than the first one did.
 */
export function createInTurn(): InTurn {
  let last: Promise<void> = Promise.resolve();
  const enqueue = (settle: () => void) => {
    last = last.then(async () => {
      settle();
      for (let turn = 0; turn < turnsPerOutcome; turn += 1) await undefined;
    });
  };
  return (outcome) =>
    new Promise((resolve, reject) => {
      outcome.then(
        (result) => enqueue(() => resolve(result)),
        (error: unknown) => enqueue(() => reject(error)),
      );
    });
}
