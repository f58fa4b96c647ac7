/** How many cases there were of which instruction, and of which form of it. */
import type { Instruction, Operand } from '../../emulator';
import type { Case } from './case';

function describe(operand: Operand): string {
  switch (operand.kind) {
    case 'register':
      return `r${8 * operand.size}`;
    case 'memory':
      return `m${8 * operand.size}`;
    case 'immediate':
      return 'imm';
    case 'xmm':
      return operand.size === 32 ? 'ymm' : 'xmm';
    case 'gather':
      return operand.indexSize === 32 ? 'vm-ymm' : 'vm-xmm';
    default:
      return operand.kind;
  }
}

/** Mnemonic and operands in the notation of the SDM, such as `ADDPS xmm, m128`. */
export function formOf({ mnemonic, operands }: Instruction): string {
  return `${mnemonic} ${operands.map(describe).join(', ')}`.trimEnd();
}

export class Coverage {
  readonly mnemonics = new Map<string, number>();
  readonly forms = new Map<string, number>();
  readonly groups = new Map<string, number>();

  count({ group, instructions }: Case): void {
    const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
    add(this.mnemonics, instructions[0].mnemonic);
    add(this.forms, formOf(instructions[0]));
    add(this.groups, group);
  }

  /** One line for all: how many of what, the form that came least often, and the cases of each group. */
  summary(): string {
    const [rarest, count] = [...this.forms].reduce((least, form) => (form[1] < least[1] ? form : least));
    const groups = [...this.groups].map(([group, cases]) => `${group} ${cases}`).sort();
    return `${this.mnemonics.size} mnemonics in ${this.forms.size} forms (least often ${rarest}: ${count}; ${groups.join(', ')})`;
  }

  /** One line for each mnemonic: its cases, and those of each of its forms. */
  table(): string {
    const forms = [...this.forms].sort();
    return [...this.mnemonics]
      .sort()
      .map(([mnemonic, count]) => {
        const own = forms.filter(([form]) => form.split(' ', 1)[0] === mnemonic);
        return `${mnemonic} ${count}: ${own.map(([form, cases]) => `${form.slice(mnemonic.length + 1) || '-'} ${cases}`).join('; ')}`;
      })
      .join('\n');
  }
}
