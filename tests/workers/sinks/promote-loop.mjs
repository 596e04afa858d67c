import { createGenerations } from "@millrace/workers";

/** Makes one generation live, then the other, until it is killed. */
const [uri, ...names] = process.argv.slice(2);
const generations = createGenerations(uri);
process.stdout.write("ready\n");
for (let turn = 0; ; turn += 1) await generations.promote(names[turn % names.length]);
