import { runDiscoveryProgram } from './discovery-program.ts';

await runDiscoveryProgram();
