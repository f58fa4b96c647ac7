/*
 * elf.h - the fields of an ELF file a loader needs. Offsets, for both classes.
 * Source: System V gABI, chapters 4 and 5.
 */
#ifndef ELF_H
#define ELF_H

#define ELF_MAGIC               0x464c457f      /* 7f 'E' 'L' 'F', read as a 32-bit number */
#define EI_CLASS                4
#define ELFCLASS32              1
#define ELFCLASS64              2
#define ET_EXEC                 2               /* linked to fixed addresses */
#define EM_386                  3
#define EM_X86_64               62
#define PT_LOAD                 1
#define PF_X_BIT                0               /* p_flags: execute, write */
#define PF_W_BIT                1

#define E_type                  16
#define E_machine               18

#define E64_entry               24
#define E64_phoff               32
#define E64_phentsize           54
#define E64_phnum               56
#define E64_SIZE                64
#define P_type                  0               /* in both classes */
#define P64_flags               4
#define P64_offset              8
#define P64_vaddr               16
#define P64_filesz              32
#define P64_memsz               40

#define E32_entry               24
#define E32_phoff               28
#define E32_phentsize           42
#define E32_phnum               44
#define P32_offset              4
#define P32_vaddr               8
#define P32_filesz              16
#define P32_memsz               20
#define P32_flags               24

/* Auxiliary vector: what the kernel tells a program besides argv and envp. */
#define AT_NULL                 0
#define AT_PAGESZ               6
#define AT_ENTRY                9
#define AT_RANDOM               25
#define AT_RANDOM_SIZE          16
#define AT_SYSINFO              32              /* the entry of vdso32.S */
#define AUXV_PAIRS              5

#endif
