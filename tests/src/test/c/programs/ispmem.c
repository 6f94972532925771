/* ispmem FILE: whether libpmem takes a mapping of the file for persistent memory. Prints "is_pmem 0" or "is_pmem 1". */
#include <libpmem.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    size_t length = 0;
    int is_pmem = 0;
    if (argc != 2) {
        return 2;
    }
    char *memory = pmem_map_file(argv[1], 1 << 22, PMEM_FILE_CREATE, 0644, &length, &is_pmem);
    if (!memory) {
        fprintf(stderr, "pmem_map_file: %s\n", pmem_errormsg());
        return 1;
    }
    pmem_memset_persist(memory + 12345, 'p', 100000);
    printf("is_pmem %d\n", is_pmem);
    return pmem_unmap(memory, length);
}
