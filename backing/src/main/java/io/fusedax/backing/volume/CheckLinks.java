package io.fusedax.backing.volume;

import io.fusedax.backing.inode.InodeNumbers;

/** Third part of a pass: link counts, parents, and that everything hangs on the root. */
final class CheckLinks {
    private final CheckState state;
    private final CheckReport report;

    /** 1: on the path being followed, 2: reaches the root. */
    private final byte[] marks;

    CheckLinks(CheckState state) {
        this.state = state;
        this.report = state.report;
        this.marks = new byte[state.kinds.length];
    }

    void run() {
        if (state.kind(InodeNumbers.ROOT) != CheckState.Kind.DIRECTORY
                || state.kind(InodeNumbers.ORPHANS) != CheckState.Kind.DIRECTORY) {
            report.problem("inodes 2 and 3, root and orphan directory: one is missing");
        }
        for (int inode = (int) InodeNumbers.ROOT; inode < state.kinds.length; inode++) {
            CheckState.Kind kind = state.kind(inode);
            if (kind == CheckState.Kind.DIRECTORY) {
                checkDirectory(inode);
            } else if (kind == CheckState.Kind.FILE) {
                checkFile(inode);
            }
        }
    }

    private String at(int inode) {
        return "inode " + inode + " at offset " + state.inodeOffset(inode);
    }

    private void checkFile(int inode) {
        int names = state.names[inode];
        int links = state.linkCounts[inode];
        if (names == 0 && !(links == 0 && state.orphans[inode])) {
            report.problem(at(inode) + ": link_count " + links + ", no name");
            state.lost.add((long) inode);
        } else if (names > 0 && links != names) {
            report.problem(at(inode) + ": link_count " + links + ", names " + names);
            state.linksToSet.add(new long[] {inode, names, state.parents[inode]});
        }
    }

    private void checkDirectory(int inode) {
        boolean fixed = inode < InodeNumbers.FIRST;
        if (!fixed && state.names[inode] == 0) {
            if (state.linkCounts[inode] != 0 || !state.orphans[inode]) {
                report.problem(at(inode) + ": directory without a name");
                state.lost.add((long) inode);
            }
            return;
        }
        long parent = fixed ? inode : state.foundParents[inode];
        int links = 2 + state.subdirectories[inode];
        if (state.linkCounts[inode] != links || state.parents[inode] != parent) {
            report.problem(
                    at(inode)
                            + ": link_count "
                            + state.linkCounts[inode]
                            + " parent "
                            + state.parents[inode]
                            + ", expected "
                            + links
                            + " and "
                            + parent);
            state.linksToSet.add(new long[] {inode, links, parent});
        }
        if (!fixed) {
            checkReachable(inode);
        }
    }

    /** Follows the parents; a path that ends in itself never reaches the root. */
    private void checkReachable(int inode) {
        int at = inode;
        while (at >= InodeNumbers.FIRST && marks[at] == 0 && state.foundParents[at] != 0) {
            marks[at] = 1;
            at = (int) state.foundParents[at];
        }
        if (at >= InodeNumbers.FIRST && marks[at] == 1) {
            report.problem(at(at) + ": directory lies below itself");
            state.lost.add((long) at);
        }
        int back = inode;
        while (back >= InodeNumbers.FIRST && marks[back] == 1) {
            marks[back] = 2;
            back = (int) state.foundParents[back];
        }
    }
}
