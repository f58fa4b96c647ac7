/**
 * The three-byte opcode maps 0F 38 and 0F 3A (SDM vol. 2, tables ), and the general-register instructions of
 * the same maps under a VEX prefix. Vector instructions under VEX and EVEX are undefined.
 */
import { byMod, byPrefix, byReg, opcodeMap, times } from './cell';
import { vector0F38, vector0F3A } from './vector';

const loadSwapped = byMod('MOVBE Gv Mv', null);
const storeSwapped = byMod('MOVBE Mv Gv', null);

export const map0F38 = opcodeMap({
  ...vector0F38,
  0x82: byPrefix({ p66: byMod('INVPCID Gv Mdq cpu', null) }),
  0xf0: byPrefix({ none: loadSwapped, p66: loadSwapped, f2: 'CRC32 Gy Eb' }),
  0xf1: byPrefix({ none: storeSwapped, p66: storeSwapped, f2: 'CRC32 Gy Ev' }),
  0xf6: byPrefix({ p66: 'ADCX Gy Ey', f3: 'ADOX Gy Ey' }),
});

export const map0F3A = opcodeMap(vector0F3A);

export const vexMap0F38 = opcodeMap({
  0xf2: byPrefix({ none: 'ANDN Gy By Ey' }),
  // Group 17
  0xf3: byPrefix({ none: byReg(null, 'BLSR By Ey', 'BLSMSK By Ey', 'BLSI By Ey', ...times(4, null)) }),
  0xf5: byPrefix({ none: 'BZHI Gy Ey By', f3: 'PEXT Gy By Ey', f2: 'PDEP Gy By Ey' }),
  0xf6: byPrefix({ f2: 'MULX Gy By Ey' }),
  0xf7: byPrefix({ none: 'BEXTR Gy Ey By', p66: 'SHLX Gy Ey By', f3: 'SARX Gy Ey By', f2: 'SHRX Gy Ey By' }),
});

export const vexMap0F3A = opcodeMap({
  0xf0: byPrefix({ f2: 'RORX Gy Ey Ib' }),
});
