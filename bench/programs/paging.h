/* A region of 4 KiB pages over memory of its own, for programs without an operating system. */
#pragma once
#include "program.h"
#define PAGE_BYTES 4096
#define REGION ((volatile u8 *)0x40000000)
#define REGION_PAGES 16384
#define PRESENT_WRITABLE 3

static u8 frames[REGION_PAGES][PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
/* The page tables of the region, one after the other: an entry for each page. */
static word entries[REGION_PAGES] __attribute__((aligned(PAGE_BYTES)));
static word directory[PAGE_BYTES / sizeof(word)] __attribute__((aligned(PAGE_BYTES)));

#define TABLE_ENTRIES (PAGE_BYTES / sizeof(word))

static inline void map(u32 page)
{
    entries[page] = (word)frames[page] | PRESENT_WRITABLE;
}

static inline void unmap(u32 page)
{
    entries[page] = 0;
    __asm__ volatile("invlpg %0" : : "m"(REGION[(word)page * PAGE_BYTES]));
}

/* Puts the region, of which nothing is mapped yet, beside the first GiB mapped to itself. */
static inline void add_region(void)
{
#ifdef __x86_64__
    extern word directories[];
    for (u32 i = 0; i < REGION_PAGES / TABLE_ENTRIES; i++)
        directory[i] = (word)&entries[i * TABLE_ENTRIES] | PRESENT_WRITABLE;
    directories[1] = (word)directory | PRESENT_WRITABLE;
#else
    word cr0, cr4;
    for (u32 i = 0; i < 256; i++)
        directory[i] = i << 22 | 0x80 | PRESENT_WRITABLE; /* 4 MiB pages */
    for (u32 i = 0; i < REGION_PAGES / TABLE_ENTRIES; i++)
        directory[256 + i] = (word)&entries[i * TABLE_ENTRIES] | PRESENT_WRITABLE;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 0x10)); /* PSE */
    __asm__ volatile("mov %0, %%cr3" : : "r"(directory) : "memory");
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | 0x80000000) : "memory"); /* PG */
#endif
}
