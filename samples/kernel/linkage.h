/*
 * linkage.h - how a symbol begins and ends.
 *
 * Every routine is written between a START and an END, so that the symbol table
 * knows its type and its size: a debugger can then say "do_syscall_64+0x12".
 */
#ifndef LINKAGE_H
#define LINKAGE_H

/* A routine that is called, and keeps the C calling convention. */
#define SYM_FUNC_START(name)  .globl name; .type name, @function; .balign 16; name:
#define SYM_FUNC_END(name)    .size name, . - name

/* A routine of the same kind that only its own file calls. */
#define SYM_FUNC_START_LOCAL(name)  .type name, @function; .balign 16; name:

/* Code that is jumped to, often by the processor itself: no convention to rely on. */
#define SYM_CODE_START(name)  .globl name; .type name, @function; .balign 16; name:
#define SYM_CODE_END(name)    .size name, . - name

/* A place inside such code that deserves a name: to break on it, or to jump to it. */
#define SYM_INNER_LABEL(name) .globl name; name:

/* Data other files use. */
#define SYM_DATA_START(name)  .globl name; .type name, @object; name:
#define SYM_DATA_END(name)    .size name, . - name

#endif
