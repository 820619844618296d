/** Circles of files: none, those of types included. Which package may import which is checked by lint/architecture.js. */
export default {
  forbidden: [
    {
      name: 'no-circles',
      comment:
        'Two files that need each other are one thing, or share a third: move what both need to a file of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types'],
      extensions: ['.ts', '.js'],
    },
  },
};
