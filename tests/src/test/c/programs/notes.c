/*
 * Notes in LMDB: note N is written by transaction N, and note N - 50 goes with it.
 *
 *   notes run DIR plain|writemap      writes for ever, and tells each as "committed N" after its commit
 *   notes check DIR N                 all notes from the last N' >= N back are there, with the right bytes, and no other
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 50

static void must(const char *what, int result) {
    if (result != 0) {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", what, mdb_strerror(result));
        exit(1);
    }
}

static MDB_env *open_environment(const char *directory, unsigned flags) {
    MDB_env *environment;
    must("mdb_env_create", mdb_env_create(&environment));
    must("mdb_env_set_mapsize", mdb_env_set_mapsize(environment, 64 << 20));
    must("mdb_env_open", mdb_env_open(environment, directory, flags, 0644));
    return environment;
}

/* The bytes of a note tell its number; their count varies, up to several pages. */
static size_t fill(unsigned char *bytes, unsigned number) {
    size_t length = 100 + number * 7919 % 20000;
    memset(bytes, number % 251, length);
    memcpy(bytes, &number, sizeof number);
    return length;
}

static unsigned last_note(MDB_env *environment, MDB_dbi *database) {
    MDB_txn *transaction;
    MDB_cursor *cursor;
    MDB_val key, value;
    must("mdb_txn_begin", mdb_txn_begin(environment, NULL, 0, &transaction));
    must("mdb_dbi_open", mdb_dbi_open(transaction, NULL, MDB_INTEGERKEY, database));
    must("mdb_cursor_open", mdb_cursor_open(transaction, *database, &cursor));
    int result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    unsigned number = 0;
    if (result == 0) {
        memcpy(&number, key.mv_data, sizeof number);
    } else if (result != MDB_NOTFOUND) {
        must("mdb_cursor_get", result);
    }
    mdb_cursor_close(cursor);
    must("mdb_txn_commit", mdb_txn_commit(transaction));
    return number;
}

static void run(const char *directory, unsigned flags) {
    static unsigned char bytes[32768];
    MDB_dbi database;
    MDB_env *environment = open_environment(directory, flags);
    for (unsigned number = last_note(environment, &database) + 1;; number++) {
        MDB_txn *transaction;
        must("mdb_txn_begin", mdb_txn_begin(environment, NULL, 0, &transaction));
        MDB_val key = {sizeof number, &number}, value = {fill(bytes, number), bytes};
        must("mdb_put", mdb_put(transaction, database, &key, &value, 0));
        if (number > KEPT) {
            unsigned old = number - KEPT;
            MDB_val old_key = {sizeof old, &old};
            must("mdb_del", mdb_del(transaction, database, &old_key, NULL));
        }
        must("mdb_txn_commit", mdb_txn_commit(transaction));
        printf("committed %u\n", number);
    }
}

static int check(const char *directory, unsigned least) {
    static unsigned char bytes[32768];
    MDB_dbi database;
    MDB_txn *transaction;
    MDB_val key, value;
    MDB_stat statistics;
    MDB_env *environment = open_environment(directory, 0);
    unsigned last = last_note(environment, &database), first = last > KEPT ? last - KEPT + 1 : 1;
    must("mdb_txn_begin", mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction));
    must("mdb_stat", mdb_stat(transaction, database, &statistics));
    printf("last %u, at least %u, notes %zu\n", last, least, statistics.ms_entries);
    int right = last >= least && statistics.ms_entries == (last ? last - first + 1 : 0);
    for (unsigned number = first; number <= last; number++) {
        key = (MDB_val){sizeof number, &number};
        must("mdb_get", mdb_get(transaction, database, &key, &value));
        size_t length = fill(bytes, number);
        if (value.mv_size != length || memcmp(value.mv_data, bytes, length) != 0) {
            printf("note %u has other bytes\n", number);
            right = 0;
        }
    }
    mdb_txn_abort(transaction);
    mdb_env_close(environment);
    return !right;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 4 && strcmp(argv[1], "run") == 0) {
        run(argv[2], strcmp(argv[3], "writemap") == 0 ? MDB_WRITEMAP : 0);
    }
    return argc == 4 ? check(argv[2], strtoul(argv[3], NULL, 10)) : 2;
}
