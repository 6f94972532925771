package io.fusedax.mount;

import io.fusedax.backing.FsException;

/** The kernel drops references to nodes. It waits for no answer. */
final class ForgetRequests {
    private final MountState state;
    private final int result;

    /**
     * @param result what the handlers return: {@link RequestHandler#PASS_ON} or {@link
     *     RequestHandler#ANSWERED}
     */
    ForgetRequests(MountState state, int result) {
        this.state = state;
        this.result = result;
    }

    int forget(RequestContext request) {
        drop(request.nodeId(), Memory.getLong(request.requestBody + RequestLayout.Forget.LOOKUPS));
        return result;
    }

    int batchForget(RequestContext request) {
        int count = Memory.getInt(request.requestBody + RequestLayout.BatchForget.COUNT);
        int room = request.bodyBytes() - RequestLayout.BatchForget.SIZE_BYTES;
        long one = request.requestBody + RequestLayout.BatchForget.SIZE_BYTES;
        for (int i = 0; i < count && room >= RequestLayout.ForgetOne.SIZE_BYTES; i++) {
            drop(
                    Memory.getLong(one + RequestLayout.ForgetOne.NODE_ID),
                    Memory.getLong(one + RequestLayout.ForgetOne.LOOKUPS));
            one += RequestLayout.ForgetOne.SIZE_BYTES;
            room -= RequestLayout.ForgetOne.SIZE_BYTES;
        }
        return result;
    }

    /** A failure is logged and counted: there is nobody to tell. */
    private void drop(long nodeId, long lookups) {
        try {
            state.nodes.forget(nodeId, lookups);
        } catch (FsException | RuntimeException | Error failure) {
            state.errors.toReply("forget", failure);
        }
    }
}
