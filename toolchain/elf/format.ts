/** Names and numbers of the ELF file format (gABI chapters 4 and 5, x86-64 psABI chapter 4). */

export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const EV_CURRENT = 1;

export const ET_REL = 1;
export const ET_EXEC = 2;

export const EM_386 = 3;
export const EM_X86_64 = 62;

export const PT_LOAD = 1;
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;
/** e_phnum of a file with more segments than fit: the count is sh_info of section 0. */
export const PN_XNUM = 0xffff;

export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_GROUP = 17;
export const SHT_SYMTAB_SHNDX = 18;

export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_MERGE = 0x10;
export const SHF_STRINGS = 0x20;
export const SHF_INFO_LINK = 0x40;
export const SHF_GROUP = 0x200;
export const SHF_COMPRESSED = 0x800;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_XINDEX = 0xffff;

/** `Symbol.section` of a symbol with SHN_ABS: its value is no address that moves. */
export const ABSOLUTE = '*ABS*';
/** `Symbol.section` of a symbol with SHN_COMMON: its value is an alignment. */
export const COMMON = '*COM*';

/** STT_… numbers are the indices; 5 (STT_COMMON) reads as an object. */
export const SYMBOL_TYPES = ['notype', 'object', 'function', 'section', 'file', 'object', 'tls'] as const;
/** STB_… numbers are the indices. */
export const SYMBOL_BINDINGS = ['local', 'global', 'weak'] as const;
/** STV_… numbers are the indices. */
export const SYMBOL_VISIBILITIES = ['default', 'internal', 'hidden', 'protected'] as const;

export const EHDR64_SIZE = 64;
export const PHDR64_SIZE = 56;
export const SHDR64_SIZE = 64;
export const SYM64_SIZE = 24;
export const RELA64_SIZE = 24;
