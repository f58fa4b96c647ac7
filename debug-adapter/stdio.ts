import { collectEarly } from './process-memory';
import { RingsideSession } from './session';

/** Speaks DAP with one client on stdin and stdout; the process ends when the client goes away. */
export function serveStdio(): void {
  collectEarly();
  const session = new RingsideSession();
  const leave = (): void => process.exit(0);
  process.stdin.on('end', leave);
  process.stdin.on('close', leave);
  process.stdout.on('error', leave);
  process.on('SIGTERM', leave);
  session.start(process.stdin, process.stdout);
}
