import { runRouterProgram } from './router-program.ts';

await runRouterProgram();
