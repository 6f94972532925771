/*
 * A bank in libpmemobj: every transfer is a transaction, and the sum of all accounts never changes.
 *
 *   bank create FILE      a pool with accounts
 *   bank run FILE         transfers for ever, and tells each as "committed N" after its transaction
 *   bank check FILE N     the sum is right and at least N transfers are there
 */
#include <libpmemobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS 4096
#define OPENING 1000

POBJ_LAYOUT_BEGIN(bank);
POBJ_LAYOUT_ROOT(bank, struct bank);
POBJ_LAYOUT_TOID(bank, struct note);
POBJ_LAYOUT_END(bank);

struct note {
    uint64_t transfer;
    TOID(struct note) next;
};

struct bank {
    uint64_t transfers;
    TOID(struct note) last;
    int64_t account[ACCOUNTS];
};

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, pmemobj_errormsg());
    return 1;
}

static int create(const char *path) {
    PMEMobjpool *pool = pmemobj_create(path, POBJ_LAYOUT_NAME(bank), 64 << 20, 0644);
    if (!pool) {
        return fail("pmemobj_create");
    }
    struct bank *bank = D_RW(POBJ_ROOT(pool, struct bank));
    for (int i = 0; i < ACCOUNTS; i++) {
        bank->account[i] = OPENING;
    }
    pmemobj_persist(pool, bank, sizeof *bank);
    pmemobj_close(pool);
    return 0;
}

/* A transfer, a note about it in a new object, and now and then old notes freed. */
static int transfer(PMEMobjpool *pool, struct bank *bank) {
    volatile int aborted = 0;
    int from = rand() % ACCOUNTS, to = rand() % ACCOUNTS;
    TX_BEGIN(pool) {
        TX_ADD_DIRECT(&bank->account[from]);
        TX_ADD_DIRECT(&bank->account[to]);
        TX_ADD_DIRECT(&bank->transfers);
        TX_ADD_DIRECT(&bank->last);
        bank->account[from] -= 7;
        bank->account[to] += 7;
        bank->transfers++;
        TOID(struct note) note = TX_ZALLOC(struct note, 64 + rand() % 4096);
        D_RW(note)->transfer = bank->transfers;
        if (bank->transfers % 100 == 0) {
            for (TOID(struct note) old = bank->last; !TOID_IS_NULL(old);) {
                TOID(struct note) next = D_RO(old)->next;
                TX_FREE(old);
                old = next;
            }
        } else {
            D_RW(note)->next = bank->last;
        }
        bank->last = note;
    }
    TX_ONABORT { aborted = 1; }
    TX_END
    return aborted;
}

static int run(const char *path) {
    PMEMobjpool *pool = pmemobj_open(path, POBJ_LAYOUT_NAME(bank));
    if (!pool) {
        return fail("pmemobj_open");
    }
    struct bank *bank = D_RW(POBJ_ROOT(pool, struct bank));
    srand(bank->transfers + 1);
    while (!transfer(pool, bank)) {
        printf("committed %lu\n", (unsigned long)bank->transfers);
    }
    return fail("transaction aborted");
}

static int check(const char *path, uint64_t least) {
    PMEMobjpool *pool = pmemobj_open(path, POBJ_LAYOUT_NAME(bank));
    if (!pool) {
        return fail("pmemobj_open");
    }
    const struct bank *bank = D_RO(POBJ_ROOT(pool, struct bank));
    int64_t sum = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        sum += bank->account[i];
    }
    uint64_t expected = bank->transfers;
    for (TOID(struct note) note = bank->last; !TOID_IS_NULL(note); note = D_RO(note)->next, expected--) {
        if (D_RO(note)->transfer != expected) {
            printf("note %lu where %lu must be\n", (unsigned long)D_RO(note)->transfer, (unsigned long)expected);
            return 1;
        }
    }
    printf("sum %ld of %d, %lu transfers, at least %lu\n", (long)sum, ACCOUNTS * OPENING,
           (unsigned long)bank->transfers, (unsigned long)least);
    int right = sum == ACCOUNTS * OPENING && bank->transfers >= least;
    pmemobj_close(pool);
    return !right;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && strcmp(argv[1], "create") == 0) {
        return create(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "run") == 0) {
        return run(argv[2]);
    }
    return argc == 4 ? check(argv[2], strtoull(argv[3], NULL, 10)) : 2;
}
