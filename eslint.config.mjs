import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Which rooms each room may import (docs/how-it-works.md); nothing points up or sideways. */
const ROOMS = {
  emulator: [],
  toolchain: [],
  'debug-adapter': ['emulator', 'toolchain'],
  'language-server': ['toolchain'],
  'command-line': ['emulator', 'toolchain', 'debug-adapter', 'language-server'],
  extension: ['debug-adapter', 'language-server'],
};

const roomRules = Object.entries(ROOMS).map(([room, allowed]) => ({
  files: [`${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: Object.keys(ROOMS)
              .filter((other) => other !== room && !allowed.includes(other))
              .flatMap((other) => [`**/../${other}`, `**/../${other}/**`]),
            message: `${room}/ may import only: ${allowed.join(', ') || 'nothing of ours'}.`,
          },
          ...(room === 'extension' ? [] : [{ group: ['vscode'], message: 'Only extension/ may import vscode.' }]),
          ...(room === 'emulator' || room === 'toolchain'
            ? [
                {
                  group: ['node:*', 'fs', 'path', 'os'],
                  message: `${room}/ runs in a browser worker: no Node built-ins.`,
                },
              ]
            : []),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'out/', '.cache/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: [] },
      ],
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      // Exceptions of the guest are no errors of the emulator.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allow: [{ from: 'file', name: ['GuestException', 'DebugFault', 'NestedException'] }] },
      ],
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        fetch: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  ...roomRules,
);
