/** Runs a promise's outcome through a queue. */
export type InTurn = <Result>(outcome: Promise<Result>) => Promise<Result>;

/** Microtasks after which all that follows from one outcome has been begun; the longest chain takes about a quarter. */
const turnsPerOutcome = 256;

/** Microtasks within which all outcomes come that come together. */
const turnsTogether = 16;

/**
 * Hands outcomes on one after another, in the order in which they came, each only when what follows from the one before has
 * been begun. What is begun, and in which order, then depends on that order alone, and not on which outcomes came
 * together: a replay, and a worker that takes a job over, may see them grouped otherwise than the first one did.
 * An outcome that comes alone costs little: in a workflow a microtask is dear.
 */
export function createInTurn(): InTurn {
  const queue: (() => void)[] = [];
  let isDraining = false;
  const drain = async () => {
    isDraining = true;
    for (let settle = queue.shift(); settle !== undefined; settle = queue.shift()) {
      settle();
      await turns(turnsTogether);
      if (queue.length > 0) await turns(turnsPerOutcome - turnsTogether);
    }
    isDraining = false;
  };
  const enqueue = (settle: () => void) => {
    queue.push(settle);
    if (!isDraining) void drain();
  };
  return (outcome) =>
    new Promise((resolve, reject) => {
      outcome.then(
        (result) => enqueue(() => resolve(result)),
        (error: unknown) => enqueue(() => reject(error)),
      );
    });
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await undefined;
}
