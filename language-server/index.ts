/** The language server's face for the command line; the extension starts main.ts. */
export { serveStdio } from './stdio';
