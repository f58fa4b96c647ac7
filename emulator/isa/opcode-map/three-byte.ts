/**
 * The three-byte opcode maps 0F 38 and 0F 3A (SDM vol. 2, tables ), and the general-register instructions of
 * the same maps under a VEX prefix.
 */
import { byMod, byPrefix, byReg, opcodeMap, times } from './cell';
import { encodedAs } from './vector';
import { vector0F38 } from './vector-0f38';
import { vector0F3A } from './vector-0f3a';

const loadSwapped = byMod('MOVBE Gv Mv', null);
const storeSwapped = byMod('MOVBE Mv Gv', null);

export const map0F38 = opcodeMap({
  ...encodedAs('legacy', vector0F38),
  0x82: byPrefix({ p66: byMod('INVPCID Gv Mdq cpu', null) }),
  0xf0: byPrefix({ none: loadSwapped, p66: loadSwapped, f2: 'CRC32 Gy Eb' }),
  0xf1: byPrefix({ none: storeSwapped, p66: storeSwapped, f2: 'CRC32 Gy Ev' }),
  0xf5: byPrefix({ p66: byMod('WRUSS My Gy', null) }),
  0xf6: byPrefix({ none: byMod('WRSS My Gy', null), p66: 'ADCX Gy Ey', f3: 'ADOX Gy Ey' }),
});

export const map0F3A = opcodeMap(encodedAs('legacy', vector0F3A));

export const vexMap0F38 = opcodeMap({
  ...encodedAs('vex', vector0F38),
  0xf2: byPrefix({ none: 'ANDN Gy By Ey L0' }),
  // Group 17
  0xf3: byPrefix({ none: byReg(null, 'BLSR By Ey L0', 'BLSMSK By Ey L0', 'BLSI By Ey L0', ...times(4, null)) }),
  0xf5: byPrefix({ none: 'BZHI Gy Ey By L0', f3: 'PEXT Gy By Ey L0', f2: 'PDEP Gy By Ey L0' }),
  0xf6: byPrefix({ f2: 'MULX Gy By Ey L0' }),
  0xf7: byPrefix({
    none: 'BEXTR Gy Ey By L0',
    p66: 'SHLX Gy Ey By L0',
    f3: 'SARX Gy Ey By L0',
    f2: 'SHRX Gy Ey By L0',
  }),
});

export const vexMap0F3A = opcodeMap({
  ...encodedAs('vex', vector0F3A),
  0xf0: byPrefix({ f2: 'RORX Gy Ey Ib L0' }),
});
