/** The opcode groups of the 0F map that hold system instructions (SDM vol. 2, table A-6). */
import { byFeature, byMod, byPrefix, byReg, byRm, byW, DecoderFeature, exceptF3, times } from './cell';

/** 0F 00. */
export const group6 = byReg(
  ...['SLDT Rv/Mw', 'STR Rv/Mw', 'LLDT Ew', 'LTR Ew', 'VERR Ew', 'VERW Ew'],
  byPrefix({ f2: 'LKGS Ew o64' }),
  null,
);

const hint = 'NOP modrm';

/** 0F 1E: with F3, hints that processors with control-flow enforcement understand. */
export const hints = exceptF3(
  hint,
  byMod(
    hint,
    byReg(
      hint,
      byFeature(DecoderFeature.CET_SS, hint, 'RDSSP Ry'),
      ...times(5, hint),
      byRm(
        hint,
        hint,
        byFeature(DecoderFeature.CET_IBT, hint, 'ENDBR64 modrm'),
        byFeature(DecoderFeature.CET_IBT, hint, 'ENDBR32 modrm'),
        ...times(4, hint),
      ),
    ),
  ),
);

/** 0F 01; virtualisation, SGX and TSX instructions are undefined. */
export const group7 = byMod(
  byReg(
    'SGDT Ms',
    'SIDT Ms',
    'LGDT Ms',
    'LIDT Ms',
    'SMSW Rv/Mw',
    byPrefix({ f3: 'RSTORSSP Mq' }),
    'LMSW Ew',
    'INVLPG M',
  ),
  byReg(
    null,
    byRm(
      byPrefix({ none: 'MONITOR BA' }),
      byPrefix({ none: 'MWAIT' }),
      byPrefix({ none: 'CLAC', f3: 'ERETU o64', f2: 'ERETS o64' }),
      byPrefix({ none: 'STAC' }),
      ...times(4, null),
    ),
    byRm(byPrefix({ none: 'XGETBV' }), byPrefix({ none: 'XSETBV' }), ...times(6, null)),
    null,
    'SMSW Rv/Mw',
    byRm(
      ...[byPrefix({ f3: 'SETSSBSY' }), null, byPrefix({ f3: 'SAVEPREVSSP' }), ...times(3, null)],
      ...[byPrefix({ none: 'RDPKRU' }), byPrefix({ none: 'WRPKRU' })],
    ),
    'LMSW Ew',
    byRm('SWAPGS o64', 'RDTSCP', ...times(6, null)),
  ),
);

const random = (name: string) => `${name} Ev`;

/** 0F C7. */
export const group9 = byMod(
  byReg(
    null,
    byW('CMPXCHG8B Mq lock', 'CMPXCHG16B Mdq lock'),
    null,
    byPrefix({ none: 'XRSTORS M' }),
    byPrefix({ none: 'XSAVEC M' }),
    byPrefix({ none: 'XSAVES M' }),
    null,
    null,
  ),
  byReg(
    ...times(6, null),
    byPrefix({ none: random('RDRAND'), p66: random('RDRAND') }),
    byPrefix({ none: random('RDSEED'), p66: random('RDSEED'), f3: 'RDPID Ev cpu' }),
  ),
);

/** 0F AE. */
export const group15 = byMod(
  byReg(
    byPrefix({ none: 'FXSAVE M' }),
    byPrefix({ none: 'FXRSTOR M' }),
    byPrefix({ none: 'LDMXCSR Md' }),
    byPrefix({ none: 'STMXCSR Md' }),
    byPrefix({ none: 'XSAVE M' }),
    byPrefix({ none: 'XRSTOR M' }),
    byPrefix({ none: 'XSAVEOPT M', p66: 'CLWB Mb', f3: 'CLRSSBSY Mq' }),
    byPrefix({ none: 'CLFLUSH Mb', p66: 'CLFLUSHOPT Mb' }),
  ),
  byReg(
    byPrefix({ f3: 'RDFSBASE Ey o64' }),
    byPrefix({ f3: 'RDGSBASE Ey o64' }),
    byPrefix({ f3: 'WRFSBASE Ey o64' }),
    byPrefix({ f3: 'WRGSBASE Ey o64' }),
    null,
    byPrefix({ none: 'LFENCE', f3: 'INCSSP Ry' }),
    byPrefix({ none: 'MFENCE' }),
    byPrefix({ none: 'SFENCE' }),
  ),
);
