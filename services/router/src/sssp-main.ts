import { runSssp } from './router-program.ts';

/** `cloud-mirror sssp`: the arguments follow the name of the command. */
await runSssp([...process.argv.slice(0, 2), ...process.argv.slice(3)]);
