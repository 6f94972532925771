package io.fusedax.mount;

import io.fusedax.backing.FsException;

/** Answers one kind of request without libfuse. */
@FunctionalInterface
interface RequestHandler {
    /** Not for this handler: libfuse shall have the request. */
    int PASS_ON = -1;

    /** The reply is sent already or will be by another thread. */
    int ANSWERED = -2;

    /**
     * Carries a request out and puts the reply's body at {@link RequestContext#replyBody}.
     *
     * @return length of the body in bytes, or one of the constants above
     * @throws FsException what the caller is to see
     */
    int handle(RequestContext request) throws FsException;
}
