import { runFleetProgram } from './fleet-program.ts';

await runFleetProgram();
