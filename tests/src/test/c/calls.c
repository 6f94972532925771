/* The subcommands `calls` and `units`: items of what programs do with mappings, each with one answer. */
#include "calls.h"

char *fresh(const char *directory, long pages, int content, int *fd) {
    char *path = path_in(directory, "item");
    unlink(path);
    *fd = create_file(path);
    must("ftruncate", ftruncate(*fd, pages * PAGE));
    if (content != HOLE) {
        fill_file(*fd, 0, pages * PAGE, content);
    }
    must("fsync", fsync(*fd));
    free(path);
    return map_file(*fd, pages * PAGE, sync_flags());
}

int byte_at(int fd, off_t offset) {
    unsigned char value = 0;
    return must("pread", pread(fd, &value, 1, offset)) == 1 ? value : -1;
}

static const struct item *const groups[] = {process_items, memory_items, kernel_items,
                                            sharing_items, signal_items,  NULL};
static const struct item *const unit_groups[] = {unit_items, NULL};

static int run(const struct item *item, const char *directory) {
    alarm(60); /* an item that hangs is killed by SIGALRM, and says so by that */
    const char *wrong = item->run(directory);
    printf("%-40s | %s\n", item->name, wrong ? wrong : "ok");
    return wrong ? 1 : 0;
}

struct run {
    const struct item *item;
    const char *directory;
};

static int run_in_child(void *argument) {
    struct run *one = argument;
    return run(one->item, one->directory);
}

/* What is to be run: one item by its name, all of them, or those whose names begin so ("shared-"). */
static int wanted(const char *what, const char *name) {
    size_t length = strlen(what);
    int begins = length > 0 && what[length - 1] == '-' && strncmp(what, name, length) == 0;
    return strcmp(what, "all") == 0 || begins;
}

static int run_items(const struct item *const *group, char **argv) {
    int list = strcmp(argv[1], "list") == 0, found = 0, failed = 0;
    for (; *group; group++) {
        for (const struct item *item = *group; item->name; item++) {
            if (list) {
                printf("%s\n", item->name);
                found = 1;
            } else if (wanted(argv[1], item->name)) {
                struct run one = {item, argv[0]};
                int end = in_child(run_in_child, &one);
                if (end < 0 || end > 1) {
                    printf("%-40s | died: %d\n", item->name, end);
                }
                failed |= end != 0;
                found = 1;
            } else if (strcmp(argv[1], item->name) == 0) {
                return run(item, argv[0]);
            }
        }
    }
    return found ? failed : 2;
}

int calls_main(int argc, char **argv) {
    (void)argc;
    return run_items(groups, argv);
}

int units_main(int argc, char **argv) {
    (void)argc;
    return run_items(unit_groups, argv);
}
