/* Pages touched one after the other: each access faults, the handler maps the page; then they are unmapped again. */
#include "paging.h"
#define PAGES 2048
#define ROUNDS 120
#define PAGE_FAULT 14

struct frame;
static u32 faults;

static __attribute__((interrupt)) void page_fault(struct frame *frame, word error)
{
    (void)frame;
    (void)error;
    word address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    map((address - (word)REGION) / PAGE_BYTES);
    faults++;
}

/* Gates of 8 or 16 bytes. */
static u32 gates[(PAGE_FAULT + 1) * sizeof(word) / 2] __attribute__((aligned(16)));

static void catch_page_faults(void)
{
    extern char code_selector[];
    word handler = (word)page_fault;
    u32 *gate = &gates[PAGE_FAULT * sizeof(word) / 2];
    gate[0] = (u32)(word)code_selector << 16 | (handler & 0xffff);
    gate[1] = (handler & 0xffff0000) | 0x8e00;
    struct __attribute__((packed)) { unsigned short limit; word base; } pointer = { sizeof gates - 1, (word)gates };
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

u32 work(void)
{
    u32 sum = 0;
    add_region();
    catch_page_faults();
    for (u32 round = 0; round < ROUNDS; round++) {
        for (u32 page = 0; page < PAGES; page++)
            sum += ++REGION[page * PAGE_BYTES + page];
        for (u32 page = 0; page < PAGES; page++)
            unmap(page);
    }
    return faults * 16 + sum;
}
