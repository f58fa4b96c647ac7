import assert from 'node:assert/strict';
import { Folder, run } from './support';

const COMMANDS = ['run', 'trace', 'boot', 'assemble', 'dap', 'language-server'];

describe('ringside', () => {
  it('lists its commands, and explains each', async () => {
    const { code, out } = await run(['--help']);
    assert.equal(code, 0);
    for (const command of COMMANDS) {
      assert.match(out, new RegExp(`^  ${command} `, 'm'));
      const help = await run([command, '--help']);
      assert.equal(help.code, 0);
      assert.match(help.out, new RegExp(`^Usage: ringside ${command}`));
      assert.ok(
        help.out.split('\n').every((line) => line.length <= 100),
        command,
      );
    }
    assert.match((await run(['run', '--help'])).out, /triple fault/, 'exit codes are documented');
  });

  it('tells its version', async () => {
    assert.match((await run(['--version'])).out, /^ringside \d+\.\d+\.\d+\n$/);
  });

  it('exits with 2 and says what is wrong with the command line', async () => {
    const folder = new Folder();
    const image = folder.write('a.bin', Uint8Array.of(0xf4));
    const cases: [string[], RegExp][] = [
      [[], /Which command/],
      [['walk'], /no command "walk"/],
      [['run'], /run needs IMAGE/],
      [['run', image, 'more'], /takes one IMAGE/],
      [['run', image, '--walk'], /no option --walk/],
      [['run', image, '--mode'], /--mode needs a value/],
      [['run', image, '--until-hlt=1'], /--until-hlt takes no value/],
      [['run', image, '--mode', '16'], /Choose one of: 32, 64/],
      [['run', image, '--format', 'coff'], /multiboot/],
      [['run', image, '--load', '12q'], /not a number/],
      [['run', image, '--entry', '0x10000000000000000'], /64 bits/],
      [['run', image, '--memory', 'lots'], /no memory size/],
      [['run', image, '--cpu', 'intle'], /Did you mean "intel"/],
      [['run', image, '--cpu', 'intel,+cet-s'], /no feature "cet-s".*Did you mean "CET_SS"/],
      [['run', image, '--cpu', 'intel,fred'], /Choose one of: \+fred, -fred/],
      [['run', image, '--engine', 'jit'], /Choose one of: tiered, compiled, interpreter/],
      [['trace', image, '--engine'], /--engine needs a value/],
      [['run', image, '--format', 'elf', '--load', '1'], /--load is for flat images/],
      [['run', image, '--set', 'rax'], /value is missing/],
      [['run', image, '--set', 'raxx=1'], /no register "raxx"/],
      [['run', image, '--set', 'al=0x100'], /does not fit/],
      [['run', image, '--max-instructions', 'all'], /not a number/],
      [['assemble', 'a.S'], /-o FILE\.o/],
      [['assemble', 'a.S', '-o', 'a.o', '-D', '1x=2'], /no macro name/],
      [['dap', '--port', '1'], /no option --port/],
    ];
    for (const [args, message] of cases) {
      const { code, error } = await run(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(error, message);
    }
    folder.dispose();
  });
});
