/**
 * The unit behind the vector instructions on floating-point numbers: takes operands from linear memory, leaves the result
 * there, and does what MXCSR says: rounding, denormals, exceptions (SDM vol. 1, sections 10.2.3 and 11.5).
 */
import { FLOAT_OPERAND_BYTES, FLOAT_OPERANDS, FLOAT_RESULT, MXCSR } from '../engine/layout';
import { FloatEnvironment } from '../softfloat';
import { dotProduct } from './dot-product';
import { elementFunction, type ElementFunction } from './elements';
import { decodeOperation, ELEMENT_BYTES, FloatCode, type FloatOperation } from './operation';
import { QuickArithmetic, quickProgram, type QuickProgram } from './quick';

const OPERANDS = 3;

interface Program extends FloatOperation {
  readonly compute: ElementFunction | undefined;
  readonly quick: QuickProgram | undefined;
}

export class FloatUnit {
  private readonly env = new FloatEnvironment('sse');
  private readonly programs = new Map<number, Program>();
  private readonly state: DataView;
  private readonly quick: QuickArithmetic;

  /** `linear` is the memory of the machine: see FLOAT_OPERANDS in engine/layout.ts. */
  constructor(linear: WebAssembly.Memory) {
    this.quick = new QuickArithmetic(linear);
    this.state = new DataView(linear.buffer, 0, FLOAT_RESULT + FLOAT_OPERAND_BYTES);
  }

  /** Carries out an encoded operation and notes its exceptions in MXCSR; false if one is not masked. */
  execute(operation: number): boolean {
    const program = this.programs.get(operation) ?? this.enter(operation);
    const mxcsr = this.state.getUint32(MXCSR, true);
    const flags = program.quick ? this.quick.execute(program.quick, mxcsr) : -1;
    if (flags < 0) return this.exactly(program, mxcsr);
    this.state.setUint32(MXCSR, mxcsr | flags, true);
    return true;
  }

  private enter(operation: number): Program {
    const decoded = decodeOperation(operation);
    const compute = decoded.code === FloatCode.DOT_PRODUCT ? undefined : elementFunction(decoded);
    const program = { ...decoded, compute, quick: quickProgram(decoded) };
    this.programs.set(operation, program);
    return program;
  }

  private exactly(program: Program, mxcsr: number): boolean {
    const { count, source, compute } = program;
    const operands = Array.from({ length: OPERANDS }, (_, i) => this.elements(i, ELEMENT_BYTES[source], count));
    const { env } = this;
    env.loadMxcsr(mxcsr);
    if (!compute) {
      const results = dotProduct(env, program, operands[0], operands[1], () => this.note());
      if (results) this.write(program, results);
      return results !== undefined;
    }
    const results = operands[0].map((_, i) =>
      compute(
        env,
        operands.map((list) => list[i]),
        i,
      ),
    );
    if (!this.note()) return false;
    this.write(program, results);
    return true;
  }

  /** Enters the exceptions raised so far in MXCSR; false if one is not masked. */
  private note(): boolean {
    this.state.setUint32(MXCSR, this.state.getUint32(MXCSR, true) | this.env.reported, true);
    return this.env.unmasked === 0;
  }

  private elements(operand: number, bytes: 2 | 4 | 8, count: number): bigint[] {
    const at = FLOAT_OPERANDS + FLOAT_OPERAND_BYTES * operand;
    return Array.from({ length: count }, (_, i) => {
      if (bytes === 8) return this.state.getBigUint64(at + 8 * i, true);
      return BigInt(bytes === 4 ? this.state.getUint32(at + 4 * i, true) : this.state.getUint16(at + 2 * i, true));
    });
  }

  /** Writes the result; the bytes behind it are 0. */
  private write({ target }: Program, results: readonly bigint[]): void {
    const bytes = ELEMENT_BYTES[target];
    for (let at = 0; at < FLOAT_OPERAND_BYTES; at += 8) this.state.setBigUint64(FLOAT_RESULT + at, 0n, true);
    results.forEach((value, i) => {
      const at = FLOAT_RESULT + bytes * i;
      if (bytes === 8) this.state.setBigUint64(at, value, true);
      else if (bytes === 4) this.state.setUint32(at, Number(value), true);
      else this.state.setUint16(at, Number(value), true);
    });
  }
}
