package io.fusedax.mount;

import java.util.List;

/**
 * The kernel says that a program was interrupted while it waited. Requests are short and go on;
 * those that copy much data end early. No answer is wanted, and none when the request is over.
 */
final class InterruptRequests {
    private final List<RequestContext> threads;

    /**
     * @param threads what the request threads work on; complete when the first request comes
     */
    InterruptRequests(List<RequestContext> threads) {
        this.threads = threads;
    }

    int interrupt(RequestContext request) {
        long unique = Memory.getLong(request.requestBody + RequestLayout.Interrupt.UNIQUE);
        for (int i = 0; i < threads.size(); i++) {
            if (threads.get(i).interrupt(unique)) {
                break;
            }
        }
        return RequestHandler.ANSWERED;
    }
}
