/** The adapter as a process of its own. */
import { serveStdio } from './stdio';

serveStdio();
