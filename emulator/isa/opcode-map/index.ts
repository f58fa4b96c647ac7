/** The opcode maps of the SDM, vol. 2, appendix A, as the decoder walks them. */
import { collectedMnemonics } from './cell';
import { oneByteMap } from './one-byte';
import { map0F38, map0F3A, vexMap0F38, vexMap0F3A } from './three-byte';
import { twoByteMap, vexMap0F } from './two-byte';

export { oneByteMap, twoByteMap, map0F38, map0F3A, vexMap0F, vexMap0F38, vexMap0F3A };
export { Choice, DecoderFeature, Form, Selector, SizeRule, VexBit } from './cell';
export type { Cell } from './cell';

/** Every mnemonic the decoder can produce, sorted. */
export const mnemonics: readonly string[] = [...collectedMnemonics].sort();
