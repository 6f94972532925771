package io.fusedax.mount;

import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The socket of a mount: gives programs their cookie and the region's descriptor, and hears when
 * they acknowledge a revocation or end. One thread; see {@link DirectProtocol}.
 *
 * <p>A program that has the descriptor reaches every file in the region, so only those of the
 * mount's owner get it, and a writable one only those that have a file open for writing.
 */
final class ClientServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ClientServer.class);
    private static final int AF_UNIX = 1;
    private static final int SOCK_SEQPACKET = 5;
    private static final int SOCK_NONBLOCK = 04000;
    private static final int SOCK_CLOEXEC = 02000000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_PEERCRED = 17;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int EINTR = 4;
    private static final int EAGAIN = 11;
    private static final int BACKLOG = 128;
    private static final int MAX_CONNECTIONS = 4096;

    /** Of them, for users who are about to be refused. */
    private static final int MAX_OTHERS = 64;

    private static final long ACCEPT_PAUSE_NANOS = 1_000_000;

    // struct ucred: pid, uid, gid
    private static final int UCRED_UID = Integer.BYTES;
    private static final int UCRED_BYTES = 3 * Integer.BYTES;

    private final Libc libc = Libc.load();
    private final Volume volume;
    private final DirectMappings mappings;
    private final int ownerUid;
    private final GuardServer guards; // null: first stores come by FAULT alone
    private final SecureRandom random = new SecureRandom();
    private final long session = random.nextLong();
    private final int listener;
    private final WakeUp wakeUp = new WakeUp();
    private final Thread thread = new Thread(this::serve, "fuse-clients");
    private final List<Connection> connections = new ArrayList<>(); // the thread's own
    private final long buffer = Memory.allocate(DirectProtocol.MAX_BYTES);
    private final IncomingMessage incoming = new IncomingMessage();
    private final DescriptorMessage grant = new DescriptorMessage();
    private volatile boolean closing;
    private boolean closed; // guarded by this

    /** A socket, and who it is once that is known. */
    private static final class Connection {
        final int fd;
        final int uid;
        DirectClient client;

        Connection(int fd, int uid) {
            this.fd = fd;
            this.uid = uid;
        }
    }

    private ClientServer(Volume volume, DirectMappings mappings, int ownerUid, GuardServer guards)
            throws FsException {
        this.guards = guards;
        this.volume = volume;
        this.mappings = mappings;
        this.ownerUid = ownerUid;
        byte[] name = DirectProtocol.socketName(session).getBytes(StandardCharsets.US_ASCII);
        listener = libc.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (listener < 0) {
            wakeUp.close();
            throw Libc.failure("socket", Libc.errno());
        }
        byte[] address = abstractAddress(name);
        if (libc.bind(listener, address, address.length) < 0
                || libc.listen(listener, BACKLOG) < 0) {
            FsException failure = Libc.failure("socket of direct mappings", Libc.errno());
            libc.close(listener);
            wakeUp.close();
            throw failure;
        }
        thread.setDaemon(true);
    }

    /**
     * Opens the socket and serves it.
     *
     * @param guards takes the programs' userfaultfds, null: nobody does
     */
    static ClientServer start(
            Volume volume, DirectMappings mappings, int ownerUid, GuardServer guards)
            throws FsException {
        ClientServer server = new ClientServer(volume, mappings, ownerUid, guards);
        server.thread.start();
        return server;
    }

    /** struct sockaddr_un of a name without a place in a file system. */
    static byte[] abstractAddress(byte[] name) {
        byte[] address = new byte[2 + 1 + name.length];
        short family = AF_UNIX;
        address[0] = (byte) family; // little-endian machines only, as the protocol
        System.arraycopy(name, 0, address, 3, name.length);
        return address;
    }

    /** Names the socket; differs for every mount. */
    long session() {
        return session;
    }

    private void serve() {
        PollSet polled = new PollSet();
        try {
            while (!closing) {
                polled.reset(connections.size() + 2);
                polled.add(wakeUp.fd());
                polled.add(listener);
                connections.forEach(connection -> polled.add(connection.fd));
                if (polled.await() && !closing) {
                    serveReady(polled, connections.size());
                }
            }
        } catch (Throwable failure) {
            LOG.error("clients of direct mappings are no longer served", failure);
        } finally {
            libc.close(listener);
            connections.forEach(this::end);
            connections.clear();
            polled.free();
        }
    }

    private void serveReady(PollSet polled, int count) {
        Iterator<Connection> each = connections.iterator();
        for (int i = 0; i < count; i++) {
            Connection connection = each.next();
            if (polled.isReady(i + 2) && !receive(connection)) {
                end(connection);
                each.remove();
            }
        }
        if (polled.isReady(1)) {
            accept();
        }
    }

    private void accept() {
        int fd = libc.accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            // gone again, or out of descriptors: then it would be ready at once
            LockSupport.parkNanos(ACCEPT_PAUSE_NANOS);
            return;
        }
        int uid = peerUid(fd);
        long others = connections.stream().filter(known -> known.uid != ownerUid).count();
        if (connections.size() >= MAX_CONNECTIONS || uid != ownerUid && others >= MAX_OTHERS) {
            LOG.warn("connection_refused uid={} connections={}", uid, connections.size());
            libc.close(fd);
            return;
        }
        connections.add(new Connection(fd, uid));
    }

    private int peerUid(int fd) {
        long credentials = Memory.allocate(UCRED_BYTES + Integer.BYTES);
        try {
            Memory.putInt(credentials + UCRED_BYTES, UCRED_BYTES);
            int result =
                    libc.getsockopt(
                            fd, SOL_SOCKET, SO_PEERCRED, credentials, credentials + UCRED_BYTES);
            return result < 0 ? -1 : Memory.getInt(credentials + UCRED_UID);
        } finally {
            Memory.free(credentials);
        }
    }

    private void end(Connection connection) {
        if (connection.client == null) {
            libc.close(connection.fd);
        } else {
            if (guards != null) {
                guards.remove(connection.client);
            }
            mappings.disconnected(connection.client);
        }
    }

    /** Takes the messages that are there; false at the end of the connection. */
    private boolean receive(Connection connection) {
        while (true) {
            boolean own = connection.uid == ownerUid; // closing another's descriptor might block
            long length = incoming.receive(connection.fd, buffer, DirectProtocol.MAX_BYTES, own);
            if (length <= 0) {
                int errno = length < 0 ? Libc.errno() : 0;
                return errno == EAGAIN || errno == EINTR;
            }
            boolean more = handle(connection, (int) length);
            incoming.dropDescriptor();
            if (!more) {
                return false;
            }
        }
    }

    private boolean handle(Connection connection, int length) {
        int type = length < Integer.BYTES ? 0 : Memory.getInt(buffer + DirectProtocol.TYPE);
        boolean first = connection.client == null;
        if (type == DirectProtocol.TYPE_ACK && length == DirectProtocol.Ack.SIZE_BYTES && !first) {
            connection.client.acknowledged(Memory.getInt(buffer + DirectProtocol.Ack.SERIAL));
            return true;
        } else if (type == DirectProtocol.TYPE_HELLO
                && length >= DirectProtocol.Hello.SIZE_BYTES
                && first) {
            return welcome(connection);
        } else if (type == DirectProtocol.TYPE_REGION && first) {
            giveRegion(connection, length);
        } else if (type == DirectProtocol.TYPE_GUARD && first) {
            takeGuard(connection, length);
        }
        return false;
    }

    private boolean welcome(Connection connection) {
        int status = 0;
        if (Memory.getInt(buffer + DirectProtocol.Hello.VERSION) != ControlProtocol.VERSION) {
            status = Errno.EPROTO.intValue();
        } else if (connection.uid != ownerUid) {
            status = Errno.EACCES.intValue();
        }
        long cookie = 0;
        while (status == 0 && (cookie == 0 || mappings.client(cookie) != null)) {
            cookie = random.nextLong();
        }
        Memory.zero(buffer, DirectProtocol.Welcome.SIZE_BYTES);
        Memory.putInt(buffer + DirectProtocol.TYPE, DirectProtocol.TYPE_WELCOME);
        Memory.putInt(buffer + DirectProtocol.Welcome.VERSION, ControlProtocol.VERSION);
        Memory.putInt(buffer + DirectProtocol.Welcome.STATUS, status);
        Memory.putLong(buffer + DirectProtocol.Welcome.COOKIE, cookie);
        if (status == 0) {
            connection.client = new DirectClient(connection.fd, cookie);
            mappings.connected(connection.client);
        }
        long sent =
                libc.send(
                        connection.fd,
                        buffer,
                        DirectProtocol.Welcome.SIZE_BYTES,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
        return status == 0 && sent == DirectProtocol.Welcome.SIZE_BYTES;
    }

    /** The program that a message on a short connection is about. */
    private DirectClient sender(Connection connection, boolean complete, int version, int cookie)
            throws FsException {
        if (!complete || Memory.getInt(buffer + version) != ControlProtocol.VERSION) {
            throw new FsException(Errno.EPROTO, "version");
        }
        if (connection.uid != ownerUid) {
            throw new FsException(Errno.EACCES, "not the mount's owner");
        }
        DirectClient client = mappings.client(Memory.getLong(buffer + cookie));
        if (client == null) {
            throw new FsException(Errno.ESTALE, "unknown cookie");
        }
        return client;
    }

    private void takeGuard(Connection connection, int length) {
        int status = 0;
        try {
            DirectClient client =
                    sender(
                            connection,
                            length >= DirectProtocol.Guard.SIZE_BYTES,
                            DirectProtocol.Guard.VERSION,
                            DirectProtocol.Guard.COOKIE);
            if (guards == null || client.guarded) {
                throw new FsException(Errno.EOPNOTSUPP, "no userfaultfd wanted");
            }
            int fd = incoming.takeDescriptor();
            if (!guards.add(client, fd)) {
                libc.close(fd);
                throw new FsException(Errno.EINVAL, "not a userfaultfd");
            }
        } catch (FsException e) {
            LOG.debug("guard_refused", e);
            status = e.errno().intValue();
        }
        incoming.dropDescriptor(); // whoever has the answer can rely on it
        grant.send(connection.fd, -1, status, volume.regionBytes());
    }

    private void giveRegion(Connection connection, int length) {
        int fd = -1;
        int status = 0;
        try {
            DirectClient client =
                    sender(
                            connection,
                            length >= DirectProtocol.Region.SIZE_BYTES,
                            DirectProtocol.Region.VERSION,
                            DirectProtocol.Region.COOKIE);
            boolean writable = Memory.getInt(buffer + DirectProtocol.Region.WRITABLE) != 0;
            if (writable && !client.mayStore) {
                throw new FsException(Errno.EACCES, "no file attached for writing");
            }
            fd = volume.openRegion(writable);
        } catch (FsException e) {
            LOG.debug("region_refused", e);
            status = e.errno().intValue();
        }
        try {
            grant.send(connection.fd, fd, status, volume.regionBytes());
        } finally {
            if (fd >= 0) {
                libc.close(fd);
            }
        }
    }

    /** Ends all connections and the thread. Does nothing the second time. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        closing = true;
        wakeUp.wake();
        WakeUp.join(thread, 0);
        wakeUp.close();
        Memory.free(buffer);
        grant.free();
        incoming.free();
    }
}
