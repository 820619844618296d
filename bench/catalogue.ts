import type { Benchmark } from './benchmark.ts';
import { backlog } from './benchmarks/backlog.ts';
import { calls } from './benchmarks/calls.ts';
import { copies } from './benchmarks/copies.ts';
import { fairness } from './benchmarks/fairness.ts';
import { growth } from './benchmarks/growth.ts';
import { hits } from './benchmarks/hits.ts';
import { markers } from './benchmarks/markers.ts';
import { memory } from './benchmarks/memory.ts';
import { misses } from './benchmarks/misses.ts';
import { routes } from './benchmarks/routes.ts';
import { waiting } from './benchmarks/waiting.ts';

/** In the order in which they run. */
export const BENCHMARKS: readonly Benchmark[] = [
  hits,
  routes,
  misses,
  copies,
  calls,
  growth,
  markers,
  memory,
  waiting,
  backlog,
  fairness,
];
