/*
 * multiboot.h - what the loader tells: offsets in its information structure.
 * Source: Multiboot Specification version 0.6.96, section 3.3. All fields are 32 bits.
 */
#ifndef MULTIBOOT_H
#define MULTIBOOT_H

#define MULTIBOOT_flags         0
#define MULTIBOOT_mem_upper     8               /* KiB above 1 MiB */
#define MULTIBOOT_mods_count    20
#define MULTIBOOT_mods_addr     24              /* array of modules */
#define MULTIBOOT_SIZE          116
#define MULTIBOOT_INFO_MODS     (1 << 3)        /* flags: the two mods fields are valid */

#define MODULE_start            0               /* physical address of the file */
#define MODULE_end              4               /* of the byte behind it */
#define MODULE_string           8               /* of its command line, NUL terminated */
#define MODULE_SIZE             16

#endif
